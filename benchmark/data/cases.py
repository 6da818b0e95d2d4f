"""Prepared cases of one mix: memory-mapped pixels with a table that says what each is."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.core.errors import StoreError
from benchmark.core.files import sha256_bytes
from benchmark.core.spreadsheet import is_formula
from benchmark.data.manifest import check_files

Pixels = np.ndarray


@dataclass(frozen=True)
class Cases:
    """Some cases of a mix, in a fixed order.

    Attributes:
        table: a row a case: dataset, modality, case, group, split, digest, row (in the arrays).
        images: dataset to uint8 (n, H, W, 3).
        masks: dataset to uint8 (n, H, W), 0 or 1.
        size: H = W in pixels.
    """

    table: pd.DataFrame
    images: dict[str, Pixels]
    masks: dict[str, Pixels]
    size: int

    def __len__(self) -> int:
        return len(self.table)

    def pixels(self, index: np.ndarray) -> tuple[Pixels, Pixels]:
        """Images (b, H, W, 3) and masks (b, H, W), both uint8, of the cases at `index`."""
        images = np.empty((len(index), self.size, self.size, 3), np.uint8)
        masks = np.empty((len(index), self.size, self.size), np.uint8)
        datasets, rows = self.table["dataset"].to_numpy(), self.table["row"].to_numpy()
        for i, k in enumerate(index):
            images[i] = self.images[datasets[k]][rows[k]]
            masks[i] = self.masks[datasets[k]][rows[k]]
        return images, masks

    def keys(self) -> np.ndarray:
        """A 64-bit number a case, from its dataset and name: the same in every order."""
        names = self.table["dataset"] + "/" + self.table["case"]
        return np.array([int(sha256_bytes(name.encode())[:16], 16) for name in names], np.uint64)

    def where(self, chosen: np.ndarray) -> "Cases":
        """The cases for which `chosen` is true."""
        table = self.table[chosen].reset_index(drop=True)
        return Cases(table, self.images, self.masks, self.size)


def load_cases(prepared: Path, splits: tuple[str, ...]) -> Cases:
    """Opens the cases of some splits, without reading their pixels.

    Args:
        prepared: data/prepared/<mix>.
        splits: of train, val, test.

    Raises: MissingDataError if the mix is not prepared, StoreError if a file is not the one that
        was prepared.
    """
    manifest = check_files(prepared)
    tables, images, masks = [], {}, {}
    for dataset, about in manifest["datasets"].items():
        folder = prepared / dataset
        table = pd.read_csv(folder / "cases.csv", dtype=str, keep_default_na=False)
        _check_names(folder / "cases.csv", table)
        table.insert(0, "dataset", dataset)
        table.insert(1, "modality", about["modality"])
        table["row"] = np.arange(len(table))
        tables.append(table[table["split"].isin(splits)])
        images[dataset] = _open(folder / "images.npy", len(table))
        masks[dataset] = _open(folder / "masks.npy", len(table))
    return Cases(pd.concat(tables, ignore_index=True), images, masks, int(manifest["size"]))


def _check_names(path: Path, table: pd.DataFrame) -> None:
    """The names go into scores.csv and tables, which people open in spreadsheets."""
    for name in (*table["case"], *table["group"]):
        if is_formula(name):
            raise StoreError(
                path,
                f"the name {name!r}, which a spreadsheet runs as a formula",
                "names that begin with a letter, a digit or _",
                f"Rename the picture and run `mixseg prepare --mix {path.parent.parent.name}`.",
            )


def _open(path: Path, rows: int) -> Pixels:
    again = f"Run `mixseg prepare --mix {path.parent.parent.name}` again."
    try:
        pixels: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StoreError(path, f"unreadable ({error})", "a whole array", again) from error
    if len(pixels) != rows:
        raise StoreError(path, f"{len(pixels)} rows", f"{rows}, one a line of cases.csv", again)
    return pixels
