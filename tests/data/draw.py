"""Draws small fake raw data in exactly the folder trees in which the datasets are published."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.data.catalog import Dataset

SIZE = (40, 30)  # width, height


def image(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A smooth picture of its own, uint8 (H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def blob(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A disc somewhere inside, bool (H, W)."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.3, 0.7, 2) * size
    rows, columns = np.mgrid[: size[1], : size[0]]
    return (columns - x) ** 2 + (rows - y) ** 2 < (0.2 * size[1]) ** 2


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    """Saves pixels; bool ones as 0 and 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
    Image.fromarray(values).save(path, **options)


def pair(image_path: Path, mask_path: Path, seed: int) -> np.ndarray:
    """Saves an image and its mask; gives the mask."""
    mask = blob(seed)
    save(image_path, image(seed))
    save(mask_path, mask)
    return mask


Masks = dict[str, np.ndarray]


def zenodo(root: Path, domain: str = "ORIGA", count: int = 3) -> Masks:
    """Processed_Fundus_Images: 255 background, 128 rim, 0 cup; the same numbers in both splits."""
    masks = {}
    for split in ("train", "test"):
        for k in range(1, count + 1):
            disc = blob(k if split == "train" else 50 + k)
            values = np.where(disc, 128, 255).astype(np.uint8)
            values[disc & (np.arange(SIZE[0]) % 3 == 0)] = 0
            folder = root / "Processed_Fundus_Images" / domain / split
            save(folder / "image" / f"{k:03d}.png", image(k if split == "train" else 50 + k))
            save(folder / "mask" / f"{k:03d}.png", values)
            masks[f"{split}-{k:03d}"] = disc
        listing = root / "Processed_Fundus_Images" / f"{domain}_{split}.csv"
        listing.write_text("image,mask\n")
    return masks


def kvasir(root: Path) -> Masks:
    """Kvasir-SEG: JPEG masks with grey edges."""
    masks = {}
    for k, name in enumerate(("cju0a", "cju0b")):
        masks[name] = blob(k)
        save(root / "Kvasir-SEG" / "images" / f"{name}.jpg", image(k))
        rgb = np.repeat(masks[name][..., None], 3, axis=2)
        save(root / "Kvasir-SEG" / "masks" / f"{name}.jpg", rgb, quality=75)
    (root / "Kvasir-SEG" / "kavsir_bboxes.json").write_text("{}")
    return masks


def clinicdb(root: Path, suffix: str = ".tif") -> Masks:
    """CVC-ClinicDB as first published."""
    home = root / "CVC-ClinicDB"
    return {
        str(k): pair(home / "Original" / f"{k}{suffix}", home / "Ground Truth" / f"{k}{suffix}", k)
        for k in (1, 2, 612)
    }


def coded(root: Path, names: dict[str, int], codes: tuple[int, int, int], suffix: str) -> Masks:
    """Images and masks of optic discs; codes are those of background, rim and cup."""
    masks = {}
    for place, k in names.items():
        images, masks_at, name = place.split(" ")
        disc = blob(k)
        values = np.where(disc, codes[1], codes[0]).astype(np.uint8)
        values[disc & (np.arange(SIZE[0]) % 3 == 0)] = codes[2]
        save(root / images / f"{name}.jpg", image(k))
        save(root / masks_at / f"{name}{suffix}", values)
        masks[name] = disc
    return masks


def refuge_official(root: Path) -> Masks:
    """REFUGE's own archives, with illustrations and a validation set."""
    home, truth = root / "REFUGE2" / "REFUGE2", "Annotation-Training400/Annotation-Training400"
    for kind, name in (("Glaucoma", "g0001"), ("Non-Glaucoma", "n0001")):
        save(home / truth / "Disc_Cup_Fovea_Illustration" / kind / f"{name}.jpg", image(9))
    names = {
        f"Training400/Glaucoma {truth}/Disc_Cup_Masks/Glaucoma g0001": 1,
        f"Training400/Non-Glaucoma {truth}/Disc_Cup_Masks/Non-Glaucoma n0001": 2,
        "REFUGE-Validation400 REFUGE-Validation400-GT/Disc_Cup_Masks V0001": 3,
        "Test400 REFUGE-Test-GT/Disc_Cup_Masks/G T0001": 4,
    }
    return coded(home, names, (255, 128, 0), ".bmp")


def refuge2(root: Path) -> Masks:
    """REFUGE as copied at Kaggle under the name REFUGE2: bmp masks, png in validation."""
    sets = {"train": ("g0001", "n0001"), "val": ("V0001",), "test": ("T0001",)}
    masks: Masks = {}
    for part, names in sets.items():
        paths = {f"images mask {name}": k for k, name in enumerate(names)}
        suffix = ".png" if part == "val" else ".bmp"
        masks |= coded(root / "REFUGE2" / part, paths, (255, 128, 0), suffix)
    return masks


def glaucoma(root: Path, name: str) -> Masks:
    """The three sets that are copied together at Kaggle; masks are numbered 0, 1, 2."""
    masks: dict[str, Masks] = {"REFUGE": {}}
    sets = {"train": ("g0001", "n0001"), "val": ("V0001",), "test": ("T0001",)}
    for part, names in sets.items():
        paths = {f"Images Masks {name}": k for k, name in enumerate(names)}
        masks["REFUGE"] |= coded(root / "REFUGE" / part, paths, (0, 1, 2), ".png")
    paths = {f"Images Masks {k:03d}": k for k in (1, 2, 3)}
    masks["ORIGA"] = coded(root / "ORIGA", paths, (0, 1, 2), ".png")
    squares = {"Images_Square Masks_Square 001": 1}
    coded(root / "ORIGA", squares, (0, 1, 2), ".png")
    coded(root / "G1020", {"Images Masks image_1": 7}, (0, 1, 2), ".png")
    (root / "ORIGA" / "OrigaList.csv").write_text(
        "Eye,Filename,ExpCDR,Set,Glaucoma\n"
        "OD,001.jpg,0.7,A,0\nOS,002.jpg,0.6,A,0\nOD,003.jpg,0.5,B,1\n"
    )
    return masks[name]


def clinicdb_copies(root: Path) -> Masks:
    """CVC-ClinicDB as copied at Kaggle: the same pictures in two formats."""
    for suffix in ("png", "tif"):
        home = root / suffix.upper()
        masks = {
            str(k): pair(home / "Original" / f"{k}.png", home / "GroundTruth" / f"{k}.png", k)
            for k in (1, 612)
        }
    return masks


def endoscene(root: Path) -> Masks:
    """CVC-EndoSceneStill: CVC-300 beside CVC-612, with masks of more kinds."""
    masks = {}
    for name, k in (("CVC-300", 149), ("CVC-300", 208), ("CVC-612", 150)):
        home = root / "CVC-EndoSceneStill" / name
        suffix = ".bmp" if name == "CVC-300" else ".tif"
        mask = pair(home / "bbdd" / f"{k}.bmp", home / "gtpolyp" / f"{k}{suffix}", k)
        save(home / "gtlumen" / f"{k}.bmp", blob(k + 1))
        if name == "CVC-300":
            masks[str(k)] = mask
    return masks


def pranet(root: Path, name: str = "CVC-ClinicDB") -> Masks:
    """PraNet's TrainDataset (Kvasir-SEG and CVC-ClinicDB together) and TestDataset."""
    masks = {}
    train = root / "TrainDataset"
    if name != "CVC-300":
        for k, case in enumerate(("cju0a", "1", "2")):
            mask = pair(train / "image" / f"{case}.png", train / "mask" / f"{case}.png", k)
            if (case == "cju0a") == (name == "Kvasir"):
                masks[case] = mask
    for other in ("CVC-300", "CVC-ClinicDB", "Kvasir"):
        test = root / "TestDataset" / other
        for k in (151, 152):
            mask = pair(test / "images" / f"{k}.png", test / "masks" / f"{k}.png", k)
            if other == name:
                masks[str(k)] = mask
    return masks


def busi(root: Path) -> Masks:
    """BUSI, with a case of three masks."""
    home, masks = root / "Dataset_BUSI_with_GT", {}
    for kind in ("benign", "malignant", "normal"):
        for k in (1, 2):
            name = f"{kind} ({k})"
            save(home / kind / f"{name}.png", image(k))
            parts = [blob(k)]
            if name == "benign (1)":
                parts += [np.roll(parts[0], 9, axis=1), np.roll(parts[0], -9, axis=1)]
            for i, part in enumerate(parts):
                save(home / kind / f"{name}_mask{f'_{i}' if i else ''}.png", part)
            if kind != "normal":
                masks[name] = np.logical_or.reduce(parts)
    return masks


def tn3k(root: Path) -> Masks:
    """TN3K: numbered anew in either split; JPEG masks."""
    home, masks = root / "Thyroid Dataset" / "tn3k", {}
    for split, part in (("train", "trainval"), ("test", "test")):
        for k in range(2):
            images, files = home / f"{part}-image", home / f"{part}-mask"
            seed = k + 10 * (split == "test")
            masks[f"{split}-{k:04d}"] = blob(seed)
            save(images / f"{k:04d}.jpg", image(seed))
            save(files / f"{k:04d}.jpg", blob(seed), quality=90)
    (home / "tn3k-trainval-fold0.json").write_text("{}")
    return masks


def isic(root: Path, images: str, masks_folder: str, names: tuple[str, ...]) -> Masks:
    """One part of an ISIC challenge, with super-pixels beside the images."""
    masks = {}
    for name in names:
        mask = root / masks_folder / f"{name}_segmentation.png"
        masks[name] = pair(root / images / f"{name}.jpg", mask, int(name[-3:]))
        save(root / images / f"{name}_superpixels.png", image(int(name[-3:])))
    (root / images / "metadata.csv").write_text("image_id\n")
    return masks


def isic2017(root: Path) -> Masks:
    """ISIC 2017: training, validation and test."""
    masks = {}
    parts = {"Training": "ISIC_0000000", "Validation": "ISIC_0001769", "Test_v2": "ISIC_0012086"}
    for part, name in parts.items():
        data, truth = f"ISIC-2017_{part}_Data", f"ISIC-2017_{part}_Part1_GroundTruth"
        masks |= isic(root, data, truth, (name,))
    return masks


def isic2018(root: Path) -> Masks:
    """ISIC 2018: training and test, the folders nested in their namesakes."""
    masks = {}
    for part, names in {
        "Training": ("ISIC_0000000", "ISIC_0000001"),
        "Test": ("ISIC_12169",),
    }.items():
        data, truth = f"ISIC2018_Task1-2_{part}_Input", f"ISIC2018_Task1_{part}_GroundTruth"
        masks |= isic(root, f"{data}/{data}", truth, names)
    return masks


def drishti(root: Path) -> Masks:
    """DRISHTI-GS1: soft maps of four experts; the test set's folder of maps has another name."""
    home, masks = root / "Drishti-GS1_files" / "Drishti-GS1_files", {}
    for part, truth, k in (("Training", "GT", 2), ("Test", "Test_GT", 1)):
        name = f"drishtiGS_{k:03d}"
        disc = blob(k)
        soft = np.where(disc, 255, 0).astype(np.uint8)
        soft[disc & (np.arange(SIZE[0]) % 2 == 0)] = 191
        soft[0, :] = 64
        save(home / part / "Images" / f"{name}.png", image(k))
        maps = home / part / truth / name / "SoftMap"
        save(maps / f"{name}_ODsegSoftmap.png", soft)
        save(maps / f"{name}_cupsegSoftmap.png", np.zeros_like(soft))
        masks[name] = disc
    return masks


def drishti_copy(root: Path) -> Masks:
    """DRISHTI-GS1 as copied at Kaggle: each part in a folder of its own, pictures by diagnosis."""
    masks = drishti(root / "as published")
    home = root / "as published" / "Drishti-GS1_files" / "Drishti-GS1_files"
    for part, kind in (
        ("Training-20211018T055246Z-001", "GLAUCOMA"),
        ("Test-20211018T060000Z-001", "normal"),
    ):
        name = part.split("-")[0]
        (root / part).mkdir(parents=True)
        (home / name).rename(root / part / name)
        images = root / part / name / "Images"
        (images / kind).mkdir()
        for path in images.glob("*.png"):
            path.rename(images / kind / path.name)
    return masks


OUTLINES = [
    [(60, 50), (140, 50), (140, 110), (60, 110)],
    [(200, 90), (260, 90), (230, 140)],
]


def ddti_xml(root: Path) -> None:
    """DDTI as first published: a picture of two nodules, one of one, and a mark cut short."""
    marks = "<mark><image/><svg/></mark>"
    for number, text in ((1, _svg(OUTLINES)), (2, _svg(OUTLINES[:1])), (3, _svg(OUTLINES)[:-9])):
        grey = image(number, (320, 200)).mean(axis=2).astype(np.uint8) // 2 + 60
        grey[:, :45] = 0  # the black border of the scanner
        save(root / f"100_{number}.jpg", grey)
        marks += f"<mark><image>{number}</image><svg>{text}</svg></mark>"
    (root / "100.xml").write_text(f"<case><number>100</number>{marks}</case>")


def _svg(shapes: list[list[tuple[int, int]]]) -> str:
    points = [[{"x": x, "y": y} for x, y in shape] for shape in shapes]
    more = {"annotation": {}, "regionType": "freehand"}
    return json.dumps([{"points": each} | more for each in points])


def ddti(root: Path) -> Masks:
    """DDTI's nodules, one a picture: PNG crops and GIF masks."""
    home, masks = root / "DDTI_preprocessing", {}
    for k, name in enumerate(("100_1(1)", "100_1(2)", "10_1")):
        masks[name] = pair(home / "cropped" / f"{name}.png", home / "mask" / f"{name}.gif", k)
    return masks


def folder(root: Path, names: tuple[str, ...] = ("a", "b (1)", "é [2]")) -> Masks:
    """A folder of one's own."""
    return {
        name: pair(root / "images" / f"{name}.jpg", root / "masks" / f"{name}.png", k)
        for k, name in enumerate(names)
    }


def row(name: str, layout: str, counts: tuple[int, int] = (0, 1), **fields: str) -> Dataset:
    """A row of a catalog for tests."""
    known = {"modality": "dermoscopy", "access": "account", "how": f"Ask for {name}."}
    terms = {"licence": "none", "citation": "nobody", "homepage": ""}
    own = {"name": name, "title": name, "raw": name, "layout": layout}
    sizes = {"counts": {"train": counts[0], "test": counts[1]}}
    return Dataset.model_validate(own | known | terms | sizes | fields)


# Dataset as in the catalog: its layout, and what draws its folder.
TREES: dict[str, tuple[str, Callable[[Path], Masks]]] = {
    "origa": ("origa", zenodo),
    "refuge": ("refuge", lambda root: zenodo(root, "REFUGE")),
    "kvasir-seg": ("kvasir-seg", kvasir),
    "cvc-clinicdb": ("cvc-clinicdb", pranet),
    "cvc-300": ("cvc-300", lambda root: pranet(root, "CVC-300")),
    "busi": ("busi", busi),
    "tn3k": ("tn3k", tn3k),
    "isic2017": ("isic2017", isic2017),
    "isic2018": ("isic2018", isic2018),
    "drishti-gs": ("drishti-gs", drishti),
    "ddti": ("ddti", ddti),
}
# Dataset and the part of the form's description that tells it from the others.
COPIES: dict[str, tuple[str, str, Callable[[Path], Masks]]] = {
    "REFUGE's own archives": ("refuge-official", "Training400/ and Test400/", refuge_official),
    "REFUGE2 at Kaggle": ("refuge-official", "REFUGE2/{train,val,test}", refuge2),
    "REFUGE numbered": (
        "refuge-official",
        "REFUGE/{train,val,test}/{Images,Masks}",
        lambda root: glaucoma(root, "REFUGE"),
    ),
    "ORIGA numbered": ("origa-ab", "OrigaList.csv", lambda root: glaucoma(root, "ORIGA")),
    "CVC-ClinicDB twice": ("cvc-clinicdb", "Original/ and Ground Truth/", clinicdb_copies),
    "CVC-EndoSceneStill": ("cvc-300", "{bbdd,gtpolyp}", endoscene),
    "Kvasir-SEG in PraNet's packs": (
        "kvasir-seg",
        "TrainDataset",
        lambda root: pranet(root, "Kvasir"),
    ),
    "DRISHTI-GS at Kaggle": ("drishti-gs", "Drishti-GS1_files", drishti_copy),
}
