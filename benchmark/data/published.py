"""Readers of the folder trees in which the datasets are published or copied.

Each reader gives the cases of a tree, and raises NoFolder where the tree is another.
"""

import csv
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmark.core.errors import MissingDataError
from benchmark.data.folders import (
    IMAGES,
    MASKS,
    OWN_SUFFIX,
    NoFolder,
    RawCase,
    joined,
    paired,
    pictures,
)
from benchmark.data.outlines import outlines
from benchmark.data.tree import Names, Paths, Reader, Tree, plain

ORIGA_LIST = "OrigaList.csv"
ORIGA_SETS = {"A": "train", "B": "test"}
# The challenge names its pictures by their set.
REFUGE_SETS = {"train": r"[gn]\d{4}", "val": r"v\d{4}", "test": r"t\d{4}"}
POINTS = 3  # fewer make no area


def pair(images: Names, masks: Names, *own: str, alike: bool = False) -> Reader:
    """A reader of one folder of images beside one of masks.

    Args:
        own: names of the dataset that its folder may have, beside those of the catalog.
        alike: whether several such folders hold the same pictures.
    """

    def read(tree: Tree) -> list[RawCase]:
        return _pairs(tree.mine(tree.beside(images, masks), _said(images, masks), own, alike))

    return read


def in_splits(images: Names, masks: Names, *own: str, one_is_enough: bool = False) -> Reader:
    """A reader of train/ and test/ with images and masks in each; val/ gets no split.

    Args:
        own: names of the dataset that its folder may have, beside those of the catalog.
        one_is_enough: whether train/ or test/ may be missing.
    """

    def read(tree: Tree) -> list[RawCase]:
        homes: dict[Path, list[Path]] = {}
        for (folder,) in (*tree.beside("train"), *tree.beside("test")):
            if tree.inside(folder, images, masks):
                homes.setdefault(folder.parent, []).append(folder)
        whole = [tuple(found) for found in homes.values() if one_is_enough or len(found) == 2]
        what = f"train and test, with {_said(images, masks)} in both"
        home = tree.mine(whole, what, own)[0].parent
        parts = {}
        for split in ("train", "val", "test"):
            for folder in tree.inside(home, split):
                if found := tree.inside(folder, images, masks):
                    parts[split] = _pairs(found)
        return _without_val(joined(parts))

    return read


def own_folder(*own: str) -> Reader:
    """A reader of images/ and masks/ as people name them, or of train/ and test/ with both."""

    def read(tree: Tree) -> list[RawCase]:
        try:
            return in_splits(IMAGES, MASKS, *own, one_is_enough=True)(tree)
        except NoFolder:
            return pair(IMAGES, MASKS, *own)(tree)

    return read


def holds_own(folder: Path) -> bool:
    """Whether a folder holds images and masks itself, or in its train/ or test/."""
    tree = Tree.of(folder, folder.name, depth=1)
    paths = (folder, *tree.inside(folder, "train"), *tree.inside(folder, "test"))
    return any(tree.inside(place, IMAGES, MASKS) for place in paths)


def _pairs(paths: Paths) -> list[RawCase]:
    """The cases of a folder of images and one of masks."""
    images, masks = paths
    return paired(pictures(images), pictures(masks), OWN_SUFFIX, several=False)


def _said(*names: Names) -> str:
    return " and ".join(name if isinstance(name, str) else name[0] for name in names)


def pranet(test_set: str, of_train: str | None) -> Reader:
    """A reader of PraNet's packs: a part of TrainDataset, and one set of TestDataset.

    Args:
        test_set: its folder in TestDataset.
        of_train: a regular expression of the stems in TrainDataset that belong to the dataset:
            numbers are frames of CVC-ClinicDB, all others pictures of Kvasir-SEG.
    """

    def read(tree: Tree) -> list[RawCase]:
        parts = {}
        for train in tree.called("TrainDataset")[-1:] if of_train else []:  # the innermost
            found = tree.inside(train, "image", "mask") or tree.inside(train, "images", "masks")
            if found:
                images, masks = (
                    [path for path in pictures(place) if re.fullmatch(of_train or "", path.stem)]
                    for place in found
                )
                parts["train"] = paired(images, masks)
        packs = [one for one in tree.beside("images", "masks") if one[0].parent != tree.root]
        above = Counter(one[0].parent.parent for one in packs)
        for images_at, masks_at in packs:
            pack = images_at.parent
            in_pack = plain(pack.parent.name) == "testdataset" or above[pack.parent] > 1
            if plain(pack.name) == plain(test_set) and in_pack:
                parts["test"] = paired(pictures(images_at), pictures(masks_at))
                break
        if not parts:
            raise NoFolder(f"neither TrainDataset nor {test_set} with images and masks")
        return joined(parts)

    return read


def busi(tree: Tree) -> list[RawCase]:
    """benign/ and malignant/, each with the pictures and their masks."""
    kinds = tree.mine(tree.beside("benign", "malignant"), "benign and malignant", ["BUSI"])
    files = [path for kind in kinds for path in pictures(kind)]
    suffix = r"_mask(_\d+)?"
    masks = [path for path in files if re.search(f"{suffix}$", path.stem)]
    return paired(sorted(set(files) - set(masks)), masks, suffix)


def tn3k(tree: Tree) -> list[RawCase]:
    """trainval-image/, trainval-mask/, test-image/ and test-mask/."""
    names = ("trainval-image", "trainval-mask", "test-image", "test-mask")
    train, train_masks, test, test_masks = tree.mine(
        tree.beside(*names), ", ".join(names), ["tn3k"]
    )
    return joined(
        {
            "train": paired(pictures(train), pictures(train_masks)),
            "test": paired(pictures(test), pictures(test_masks)),
        }
    )


def isic(*parts: tuple[str, str, str | None]) -> Reader:
    """A reader of (folder of images, folder of masks, split); parts not fetched are passed over."""

    def read(tree: Tree) -> list[RawCase]:
        cases = []
        for images_name, masks_name, split in parts:
            # The innermost: some archives hold a folder in its namesake.
            images, masks = tree.called(images_name)[-1:], tree.called(masks_name)[-1:]
            if images and masks:
                files = [p for p in pictures(images[0]) if not p.stem.endswith("_superpixels")]
                pairs = paired(files, pictures(masks[0]), "_segmentation")
                cases += [replace(case, split=split) for case in pairs]
        if not cases:
            raise NoFolder(f"no {parts[0][0]} with {parts[0][1]}")
        return cases

    return read


def drishti(tree: Tree) -> list[RawCase]:
    """Training/ and Test/, side by side or each in a folder of its own, as the copy at Kaggle."""
    parts = {}
    for split, name in (("train", "Training"), ("test", "Test")):
        homes = [folder for folder in tree.called(name) if tree.inside(folder, "Images")]
        if not homes:
            raise NoFolder(f"no {name} with Images in it")
        images = tree.below(tree.inside(homes[0], "Images")[0])
        maps = [path for path in tree.below(homes[0]) if path.parent.name == "SoftMap"]
        discs = [path for path in maps if path.stem.endswith("_ODsegSoftmap")]
        parts[split] = paired(images, discs, "_ODsegSoftmap")
    return joined(parts)


def origa_sets(tree: Tree) -> list[RawCase]:
    """Images/ and Masks/ with the sets A and B of OrigaList.csv; without it, no split."""
    images, masks = tree.mine(tree.beside("Images", "Masks"), "Images and Masks", ["ORIGA"])
    cases = paired(pictures(images), pictures(masks))
    sets = _origa_list(images.parent / ORIGA_LIST)
    return [replace(case, split=ORIGA_SETS.get(sets.get(case.case, ""))) for case in cases]


def _origa_list(path: Path) -> dict[str, str]:
    """The set of each picture by its stem."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = list(csv.DictReader(file))
    except csv.Error as error:
        do = "Unpack it again."
        raise MissingDataError(path, f"no table ({error})", "Filename and Set", do) from error
    return {
        Path(row.get("Filename") or "").stem: (row.get("Set") or "").strip().upper() for row in rows
    }


def refuge(tree: Tree) -> list[RawCase]:
    """The challenge's own archives: masks below Disc_Cup_Masks, pictures elsewhere, same stems."""
    below = [path for folder in tree.called("Disc_Cup_Masks") for path in tree.below(folder)]
    files = [path for path in tree.below(tree.root) if not _drawn_on(path, tree.root)]
    parts = {}
    for split, stem in REFUGE_SETS.items():
        masks = [path for path in below if re.fullmatch(stem, path.stem.casefold())]
        images = [path for path in files if re.fullmatch(stem, path.stem.casefold())]
        if masks and images:
            parts[split] = paired(images, masks)
    if not parts:
        raise NoFolder("no Disc_Cup_Masks with masks of the pictures beside it")
    return _without_val(joined(parts))


def _drawn_on(path: Path, root: Path) -> bool:
    """Whether a file lies among the masks and illustrations of REFUGE."""
    parts = [plain(part) for part in path.relative_to(root).parts[:-1]]
    marks = ("annotation", "disc")
    return any(part.startswith(marks) or part.endswith("gt") for part in parts)


def ddti(tree: Tree) -> list[RawCase]:
    """The crops of nodules made by a third party."""
    cases = pair("cropped", "mask", "DDTI")(tree)
    # 139_1(2): patient 139, first picture, second nodule.
    return [replace(case, group=case.case.split("_")[0]) for case in cases]


def ddti_xml(tree: Tree) -> list[RawCase]:
    """DDTI as first published: N.xml beside N_1.jpg, N_2.jpg; a case a nodule, named as the crops.

    An outline that is alone in its picture has no number: 139_2, but 139_1(1) and 139_1(2).
    """
    for folder in tree.folders:
        files = sorted(folder.glob("*.xml"))
        images = {path.stem: path for path in pictures(folder)} if files else {}
        cases = [case for file in files for case in _nodules(file, images)]
        if cases:
            return cases
    raise NoFolder("no XML file of outlines beside its pictures")


def _nodules(file: Path, images: dict[str, Path]) -> list[RawCase]:
    found = []
    for number, shapes in outlines(file).items():
        name = f"{file.stem}_{number}"
        for k, shape in enumerate(shapes):
            case = name if len(shapes) == 1 else f"{name}({k + 1})"
            if name in images and len(shape) >= POINTS:
                found.append(RawCase(case, images[name], (file,), file.stem, outline=(number, k)))
    return found


def _without_val(cases: list[RawCase]) -> list[RawCase]:
    """Official validation sets are neither trained on nor tested; `val` is a part of train."""
    return [replace(case, split=None) if case.split == "val" else case for case in cases]
