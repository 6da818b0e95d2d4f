"""What each dataset's raw folder may look like: which image has which masks, in which split."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmark.core.errors import CatalogError, ImageError, MissingDataError
from benchmark.core.spreadsheet import is_formula
from benchmark.data.catalog import Dataset
from benchmark.data.decode import Depth
from benchmark.data.discs import PUBLISHED, disc_rule
from benchmark.data.folders import PICTURES, NoFolder, RawCase, passed_over, twins
from benchmark.data.images import Case, read_case
from benchmark.data.mask_rules import ListedCodes, MaskRule, Rule
from benchmark.data.outlines import read_nodule
from benchmark.data.own import own_cases
from benchmark.data.pointer_file import read_pointer
from benchmark.data.published import (
    busi,
    ddti,
    ddti_xml,
    drishti,
    in_splits,
    isic,
    origa_sets,
    own_folder,
    pair,
    pranet,
    refuge,
    tn3k,
)
from benchmark.data.raw import folder_of, unpacking, waiting
from benchmark.data.tree import Reader, Tree


@dataclass(frozen=True)
class Form:
    """One way in which a dataset is published or copied.

    Attributes:
        describes: the folder tree, for the user.
        read: gives the cases of a folder tree; raises NoFolder where the tree is another.
        rule: what the masks' values mean; None where the masks at hand tell it.
        own: whether it is a folder of a person's own, of which all should be used.
    """

    describes: str
    read: Reader
    rule: Rule | None
    own: bool = False


_USUAL = MaskRule()
# Four experts' outlines, averaged: quarters of 255. Over 127 is what half of them or more drew.
_EXPERTS = MaskRule((0, 64, 128, 191, 255), sharp=False)
_ISIC2017 = tuple(
    (f"ISIC-2017_{part}_Data", f"ISIC-2017_{part}_Part1_GroundTruth", split)
    for part, split in (("Training", "train"), ("Validation", None), ("Test_v2", "test"))
)
_ISIC2018 = tuple(
    (f"ISIC2018_Task1-2_{part}_Input", f"ISIC2018_Task1_{part}_GroundTruth", split)
    for part, split in (("Training", "train"), ("Test", "test"))
)


def _isic(parts: tuple[tuple[str, str, str | None], ...]) -> Form:
    describes = " and ".join(f"{images}/ with {masks}/" for images, masks, _ in parts)
    return Form(describes, isic(*parts), _USUAL)


def _pranet(train: bool, test_set: str, of_train: str | None) -> Form:
    describes = f"PraNet's TestDataset/{test_set}/{{images,masks}}/"
    if train:
        describes = f"PraNet's TrainDataset/{{image,mask}}/ with TestDataset/{test_set}/"
    return Form(describes, pranet(test_set, of_train), _USUAL)


_OWN = "images/ and masks/ of equal stems, or train/ and test/ with both inside"
_FOLDER = Form(_OWN, own_folder(), _USUAL, own=True)
_DISCS = Form(_OWN, own_folder(), None, own=True)
_NUMBERS, _OTHER_NAMES = r"\d+", r".*\D.*"  # stems in TrainDataset
_ZENODO = "{train,test}/{image,mask}/*.png"
_ENDOSCENE = "CVC-EndoSceneStill/CVC-300/{bbdd,gtpolyp}/*.bmp"

# The catalog's key of a layout to its forms; the first one that fits is read.
LAYOUTS: dict[str, tuple[Form, ...]] = {
    "folder": (_FOLDER,),
    "origa": (
        Form(f"ORIGA/{_ZENODO}", in_splits("image", "mask", "ORIGA"), PUBLISHED),
        Form("ORIGA/{Images,Masks}/ with OrigaList.csv", origa_sets, None),
        _DISCS,
    ),
    "refuge": (
        Form(f"REFUGE/{_ZENODO}", in_splits("image", "mask", "REFUGE"), PUBLISHED),
        Form("Training400/ and Test400/ with Disc_Cup_Masks/**/*.bmp", refuge, PUBLISHED),
        Form(
            "REFUGE2/{train,val,test}/{images,mask}/", in_splits("images", "mask", "REFUGE2"), None
        ),
        Form(
            "REFUGE/{train,val,test}/{Images,Masks}/", in_splits("images", "masks", "REFUGE"), None
        ),
        _DISCS,
    ),
    "kvasir-seg": (
        _pranet(True, "Kvasir", _OTHER_NAMES),
        Form("Kvasir-SEG/{images,masks}/*.jpg", own_folder("Kvasir-SEG"), _USUAL, own=True),
    ),
    "cvc-clinicdb": (
        _pranet(True, "CVC-ClinicDB", _NUMBERS),
        Form("Original/ and Ground Truth/", pair("Original", "Ground Truth", alike=True), _USUAL),
        _FOLDER,
    ),
    "cvc-300": (
        _pranet(False, "CVC-300", None),
        Form(_ENDOSCENE, pair("bbdd", "gtpolyp", "CVC-300"), _USUAL),
        _FOLDER,
    ),
    "cvc-colondb": (_pranet(False, "CVC-ColonDB", None), _FOLDER),
    "etis": (_pranet(False, "ETIS-LaribPolypDB", None), _FOLDER),
    "busi": (
        Form("Dataset_BUSI_with_GT/{benign,malignant}/ with *_mask*.png", busi, _USUAL),
        _FOLDER,
    ),
    "tn3k": (Form("tn3k/{trainval,test}-{image,mask}/*.jpg", tn3k, _USUAL), _FOLDER),
    "isic2017": (_isic(_ISIC2017), _FOLDER),
    "isic2018": (_isic(_ISIC2018), _FOLDER),
    "drishti-gs": (
        Form(
            "Drishti-GS1_files/{Training,Test}/Images/ with {GT,Test_GT}/<name>/SoftMap/",
            drishti,
            _EXPERTS,
        ),
        _FOLDER,
    ),
    "ddti": (
        Form("cropped/*.png and mask/*.gif", ddti, _USUAL),
        Form("N.xml beside N_1.jpg and N_2.jpg", ddti_xml, _USUAL),
        _FOLDER,
    ),
}


@dataclass(frozen=True)
class RawFolder:
    """What was found of a dataset.

    Attributes:
        root: its folder.
        form: what the folder was taken for.
        cases: sorted by name.
        codes: the codes of its masks, where a person or the catalog lists them.
    """

    root: Path
    form: Form
    cases: list[RawCase]
    codes: ListedCodes | None = None

    @property
    def rule(self) -> Rule:
        """What the masks' values mean: the listed codes, else the form's rule.

        Raises: ImageError if the masks of the set do not agree.
        """
        rule = self.codes or self.form.rule
        return rule or disc_rule([mask for case in self.cases for mask in case.masks])


def describes(dataset: Dataset) -> str:
    """The folder trees in which a dataset is read, for the user.

    Raises: CatalogError if the row's layout is not known.
    """
    return ", or ".join(form.describes for form in _forms(dataset))


def raw_folder(dataset: Dataset, raw: Path, root: Path | None = None) -> RawFolder:
    """Looks through a dataset's raw folder.

    Args:
        dataset: a row of the catalog that is not drawn.
        raw: data/raw.
        root: another folder than the one that the dataset is read from now.

    Raises: MissingDataError if the folder, masks or everything is missing, ImageError if two files
        make one case or a name cannot be used, CatalogError if the row's layout is not known.
    """
    forms, root = _forms(dataset), root or folder_of(dataset, raw)
    if not root.is_dir() or not any(root.iterdir()):
        found = "an empty folder" if root.is_dir() else "no folder"
        raise _missing(dataset, raw, root, found)
    tree, reasons = Tree.of(root, dataset.name, dataset.title, dataset.raw), []
    for form in forms:
        try:
            cases = form.read(tree)
        except NoFolder as reason:
            reasons.append(str(reason))
            continue
        if not cases:
            raise _missing(dataset, raw, root, _no_picture(root))
        cases.sort(key=lambda case: case.case)
        _check_names(cases, root)
        return RawFolder(root, form, cases, _codes(dataset, raw, root))
    raise _missing(dataset, raw, root, "; ".join(dict.fromkeys(reasons)))


def raw_cases(dataset: Dataset, raw: Path) -> list[RawCase]:
    """All cases of a dataset in the raw folder, sorted by name; errors as in `raw_folder`."""
    return raw_folder(dataset, raw).cases


def read_pixels(case: RawCase, rule: Rule, size: int, *, depth: Depth | None = None) -> Case:
    """One case, squashed to a square; see `read_case` and `read_nodule`."""
    if case.outline is not None:
        return read_nodule(case.image, case.masks[0], case.outline, size=size, depth=depth)
    return read_case(case.image, case.masks, rule, size, depth)


def _forms(dataset: Dataset) -> tuple[Form, ...]:
    if own := dataset.own:
        return (Form(own.describes, lambda _: _counted(dataset), _USUAL, own=True),)
    if dataset.layout not in LAYOUTS:
        raise CatalogError(
            f"catalog.yaml: {dataset.name}: layout",
            repr(dataset.layout),
            f"one of {', '.join(LAYOUTS)}",
            "Correct that key.",
        )
    return LAYOUTS[dataset.layout]


def _counted(dataset: Dataset) -> list[RawCase]:
    """The cases of an own dataset, which must be as many as its dataset.yaml says."""
    assert dataset.own is not None
    cases, wanted = own_cases(dataset.name, dataset.own), dataset.counts
    test = sum(case.split == "test" for case in cases)
    train = sum(case.split in ("train", "val") for case in cases)
    if (train, test) != (wanted.train, wanted.test):
        raise MissingDataError(
            dataset.own.root,
            f"{train} cases for training and {test} for testing",
            f"{wanted.train} and {wanted.test}, as 'counts' in {dataset.own.at} says",
            f"Bring the files back, or run `mixseg new-dataset {dataset.name}`, which counts anew.",
        )
    return cases


def _codes(dataset: Dataset, raw: Path, root: Path) -> ListedCodes | None:
    """The codes that the pointer to a folder lists, else those of the row."""
    pointer = read_pointer(raw, dataset.raw)
    own = pointer.codes if pointer and pointer.folder == root else None
    return own or dataset.codes


def _no_picture(root: Path) -> str:
    inside = passed_over(root, [])
    return f"no picture ending in {', '.join(PICTURES)}" + (f" but {inside}" if inside else "")


def _missing(dataset: Dataset, raw: Path, root: Path, found: str) -> MissingDataError:
    do, packed = dataset.how, waiting(dataset, raw)
    if root != raw / dataset.raw and dataset.own is None:
        do = "Put the pictures into images/ and the masks, of the same stems, into masks/."
    elif packed:
        found = f"{', '.join(path.name for path in packed)} not unpacked yet, and {found}"
        do = f"{unpacking(dataset, packed)} Or: {do}"
    return MissingDataError(root, found, describes(dataset), do)


def _check_names(cases: list[RawCase], root: Path) -> None:
    """Refuses two files of one case, and names that a spreadsheet would run as a formula."""
    for one, other in pairwise(cases):
        if one.case == other.case:
            raise twins(one.image, other.image)
    for case in cases:
        names = (case.case, case.group, case.image.relative_to(root).as_posix())
        if odd := [name for name in names if is_formula(name)]:
            found = f"the name {odd[0]!r}, which a spreadsheet runs as a formula"
            expected = "a name that begins with a letter, a digit or _"
            raise ImageError(case.image, found, expected, "Rename the file or its folder.")
