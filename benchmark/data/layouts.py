"""Readers of the raw folders as published: which image has which masks, in which split."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from benchmark.core.errors import CatalogError, MissingDataError
from benchmark.data.catalog import Dataset
from benchmark.data.folders import (
    NoFolder,
    RawCase,
    folders,
    home,
    homes,
    joined,
    named,
    paired,
    pictures,
    twins,
)
from benchmark.data.images import MaskRule

Reader = Callable[[Path, str], list[RawCase]]


@dataclass(frozen=True)
class Layout:
    """How a dataset is published.

    Attributes:
        name: the catalog's key.
        rule: what the masks' values mean.
        read: gives the cases of a folder; the second argument is the name of the dataset's raw
            folder, for archives that hold several datasets.
        describes: the folder tree, for the user.
    """

    name: str
    rule: MaskRule
    read: Reader
    describes: str


def raw_cases(dataset: Dataset, raw: Path) -> list[RawCase]:
    """All cases of a dataset in the raw folder, sorted by name.

    Args:
        dataset: a row of the catalog that is not drawn.
        raw: data/raw.

    Raises: MissingDataError if the folder, masks or everything is missing, ImageError if two files
        make one case.
    """
    root, layout = source(dataset, raw)
    if not root.is_dir() or not any(root.iterdir()):
        found = "an empty folder" if root.is_dir() else "no folder"
        raise MissingDataError(root, found, layout.describes, dataset.how)
    try:
        cases = layout.read(root, dataset.raw)
    except NoFolder as missing:
        raise MissingDataError(root, str(missing), layout.describes, dataset.how) from None
    if not cases:
        raise MissingDataError(root, "no picture", layout.describes, dataset.how)
    cases.sort(key=lambda case: case.case)
    for one, other in pairwise(cases):
        if one.case == other.case:
            raise twins(one.image, other.image)
    return cases


def source(dataset: Dataset, raw: Path) -> tuple[Path, Layout]:
    """The folder that a dataset is read from, and its layout.

    A file data/raw/<dataset.raw>.from, holding the path of a folder with images/ and masks/,
    stands for the folder data/raw/<dataset.raw>.

    Raises: CatalogError if the row's layout is not known.
    """
    pointer = raw / f"{dataset.raw}.from"
    if pointer.is_file():
        return Path(pointer.read_text(encoding="utf-8").strip()), LAYOUTS["folder"]
    if dataset.layout not in LAYOUTS:
        raise CatalogError(
            f"catalog.yaml: {dataset.name}: layout",
            repr(dataset.layout),
            f"one of {', '.join(LAYOUTS)}",
            "Mend that key.",
        )
    return raw / dataset.raw, LAYOUTS[dataset.layout]


def _pair(images: str, masks: str) -> Reader:
    """A reader of one folder of images beside one of masks with the same stems."""

    def read(root: Path, name: str) -> list[RawCase]:
        folder = home(root, images, masks)
        return paired(pictures(folder / images), pictures(folder / masks))

    return read


_images_masks = _pair("images", "masks")


def _folder(root: Path, name: str) -> list[RawCase]:
    splits = [split for split in ("train", "test") if (root / split).is_dir()]
    if not splits:
        return _images_masks(root, name)
    return joined({split: _images_masks(root / split, name) for split in splits})


def _zenodo(root: Path, name: str) -> list[RawCase]:
    domains = homes(root, "train", "test")
    mine = [domain for domain in domains if domain.name.casefold() == name.casefold()] or domains
    if len(mine) != 1:
        raise NoFolder(f"{len(mine)} folders with train and test")
    read = _pair("image", "mask")
    return joined({split: read(mine[0] / split, name) for split in ("train", "test")})


def _pranet(root: Path, name: str) -> list[RawCase]:
    """CVC-ClinicDB as first published, or PraNet's TrainDataset with the test set of this name."""
    if homes(root, "Original", "Ground Truth"):
        return _pair("Original", "Ground Truth")(root, name)
    parts = {}
    train = named(root, "TrainDataset")
    # The numbers in TrainDataset are frames of CVC-ClinicDB; CVC-300 numbers other frames.
    if train is not None and name == "cvc-clinicdb":
        plural = "s" if homes(train, "images") else ""
        parts["train"] = _pair(f"image{plural}", f"mask{plural}")(train, name)
    tests = homes(root, "images", "masks")
    mine = [f for f in tests if f.name.casefold() == name.casefold()]
    if mine or (tests and not parts):
        parts["test"] = _images_masks((mine or tests)[0], name)
    if not parts:
        raise NoFolder("neither TrainDataset nor a test set with images and masks")
    return joined(parts)


def _busi(root: Path, name: str) -> list[RawCase]:
    folder = home(root, "benign", "malignant")
    files = [path for kind in ("benign", "malignant") for path in pictures(folder / kind)]
    suffix = r"_mask(_\d+)?"
    masks = [path for path in files if re.search(f"{suffix}$", path.stem)]
    return paired(sorted(set(files) - set(masks)), masks, suffix)


def _tn3k(root: Path, name: str) -> list[RawCase]:
    parts = {}
    for split, part in (("train", "trainval"), ("test", "test")):
        parts[split] = _pair(f"{part}-image", f"{part}-mask")(root, name)
    return joined(parts)


def _isic(*parts: tuple[str, str, str | None]) -> Reader:
    """A reader of (folder of images, folder of masks, split); parts not fetched are passed over."""

    def read(root: Path, name: str) -> list[RawCase]:
        cases = []
        for images_name, masks_name, split in parts:
            images, masks = named(root, images_name), named(root, masks_name)
            if images is not None and masks is not None:
                files = [p for p in pictures(images) if not p.stem.endswith("_superpixels")]
                pairs = paired(files, pictures(masks), "_segmentation")
                cases += [replace(case, split=split) for case in pairs]
        if not cases:
            raise NoFolder(f"no {parts[0][0]} with {parts[0][1]}")
        return cases

    return read


def _drishti(root: Path, name: str) -> list[RawCase]:
    parts = {}
    outer = home(root, "Training", "Test")
    for split, folder in (("train", "Training"), ("test", "Test")):
        inner = home(outer / folder, "Images")
        images = [path for f in folders(inner / "Images") for path in pictures(f)]
        maps = [path for f in folders(inner) if f.name == "SoftMap" for path in pictures(f)]
        discs = [path for path in maps if path.stem.endswith("_ODsegSoftmap")]
        parts[split] = paired(images, discs, "_ODsegSoftmap")
    return joined(parts)


def _ddti(root: Path, name: str) -> list[RawCase]:
    cases = _pair("cropped", "mask")(root, name)
    # 139_1(2): patient 139, first picture, second nodule.
    return [replace(case, group=case.case.split("_")[0]) for case in cases]


_ISIC2017 = tuple(
    (f"ISIC-2017_{part}_Data", f"ISIC-2017_{part}_Part1_GroundTruth", split)
    for part, split in (("Training", "train"), ("Validation", None), ("Test_v2", "test"))
)
_ISIC2018 = tuple(
    (f"ISIC2018_Task1-2_{part}_Input", f"ISIC2018_Task1_{part}_GroundTruth", split)
    for part, split in (("Training", "train"), ("Test", "test"))
)
_USUAL = MaskRule()
# Four experts' outlines, averaged: quarters of 255. Over 127 is what half of them or more drew.
_EXPERTS = MaskRule((0, 64, 128, 191, 255))
# 255 background, 128 rim of the disc, 0 cup: all below 255 is disc.
_DISC = MaskRule((0, 128, 255), low=0, high=254)


def _layouts() -> list[Layout]:
    isic2017, isic2018 = (
        " and ".join(f"{images}/ with {masks}/" for images, masks, _ in parts)
        for parts in (_ISIC2017, _ISIC2018)
    )
    drishti = "Drishti-GS1_files/{Training,Test}/Images/*.png with {GT,Test_GT}/<name>/SoftMap/"
    pranet = (
        "TrainDataset/{image,mask}/ and TestDataset/<set>/{images,masks}/, or CVC-ClinicDB's own "
        "Original/ and Ground Truth/"
    )
    own = "images/ and masks/ of equal stems, or train/ and test/ with both inside"
    return [
        Layout("folder", _USUAL, _folder, own),
        Layout("zenodo-8009107", _DISC, _zenodo, "<domain>/{train,test}/{image,mask}/*.png"),
        Layout("kvasir-seg", _USUAL, _images_masks, "Kvasir-SEG/{images,masks}/*.jpg"),
        Layout("pranet-split", _USUAL, _pranet, pranet),
        Layout("busi", _USUAL, _busi, "Dataset_BUSI_with_GT/{benign,malignant}/ with *_mask*.png"),
        Layout("tn3k", _USUAL, _tn3k, "tn3k/{trainval,test}-{image,mask}/*.jpg"),
        Layout("isic2017", _USUAL, _isic(*_ISIC2017), isic2017),
        Layout("isic2018", _USUAL, _isic(*_ISIC2018), isic2018),
        Layout("drishti-gs", _EXPERTS, _drishti, drishti),
        Layout("ddti", _USUAL, _ddti, "cropped/*.png and mask/*.gif"),
    ]


LAYOUTS = {layout.name: layout for layout in _layouts()}
