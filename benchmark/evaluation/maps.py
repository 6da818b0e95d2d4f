"""Stored probability maps: one compressed file a run, 16 bits a pixel, one entry a case.

**Conventions**
1. A probability p is stored as the level round(65535 p), an unsigned 16-bit integer.
   p >= 0.5 holds exactly when level >= 32768: storing never moves a pixel across one half.
2. The file is a plain .npz: `numpy.load(path)["kvasir-seg/000012"]` is the map of the 13th case,
   (draws, H, W). `index.json` holds the names of the cases in their order.
3. Time stamps are fixed and nothing is pickled, so equal maps give equal bytes.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmark.core.errors import MethodError, MissingDataError, ShapeError, StoreError
from benchmark.core.files import write_atomic

TOP = 65535
INDEX = "index.json"
SCHEMA = 1
# The oldest time that a zip archive can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Level 6 takes twice as long and saves 3 % (measured on drawn maps at 352).
ZLIB_LEVEL = 1
# What zipfile, zlib, json and numpy raise on files that are cut short, altered or foreign.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)


def quantise(prob: np.ndarray, where: str = "a map") -> np.ndarray:
    """Levels of probabilities, uint16, same shape.

    Args:
        where: what the error calls them.

    Raises: MethodError if a value is not a number in [0, 1].
    """
    if prob.size and not (prob.min() >= 0 and prob.max() <= 1):
        found = f"values from {prob.min()} to {prob.max()}"
        raise MethodError(where, found, "probabilities in [0, 1]", "Apply the sigmoid first.")
    scaled = np.multiply(prob, TOP, dtype=np.float64)
    levels: np.ndarray = np.rint(scaled, out=scaled).astype(np.uint16)
    return levels


class MapWriter:
    """Writes the maps of a run case by case; the file appears when the `with` block ends well.

    Memory does not grow with the number of cases. The order of `add` is the order in the file;
    all cases of a dataset have as many draws and the same size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._index: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(write_atomic(self.path))
            self._zip = stack.enter_context(zipfile.ZipFile(temporary, "w"))
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, dataset: str, case: str, prob: np.ndarray) -> None:
        """Writes the map of one case.

        Args:
            prob: float (H, W), or (draws, H, W) for a prompted method.

        Raises: MethodError if a value is not in [0, 1], ShapeError if a size differs.
        """
        levels = quantise(prob[None] if prob.ndim == 2 else prob, f"{dataset}/{case}")
        entry = self._index.setdefault(dataset, {"shape": list(levels.shape), "cases": []})
        if list(levels.shape) != entry["shape"]:
            found, expected = str(levels.shape), f"{tuple(entry['shape'])} as in the first case"
            raise ShapeError(f"{dataset}/{case}", found, expected, "Predict at one size.")
        buffer = io.BytesIO()
        np.save(buffer, levels, allow_pickle=False)
        self._write(f"{_entry(dataset, len(entry['cases']))}.npy", buffer.getvalue())
        entry["cases"].append(case)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            index = {"schema": SCHEMA, "top": TOP, "datasets": self._index}
            self._write(INDEX, json.dumps(index, ensure_ascii=False).encode())

    def _write(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, EPOCH)
        info.create_system, info.external_attr = 3, 0o644 << 16
        self._zip.writestr(info, data, zipfile.ZIP_DEFLATED, ZLIB_LEVEL)


def write_maps(
    path: Path, maps: Mapping[str, np.ndarray], cases: Mapping[str, Sequence[str]]
) -> None:
    """Writes maps that are all in memory.

    Args:
        maps: dataset to float (n, H, W) or (n, draws, H, W).
        cases: dataset to the n names.
    """
    with MapWriter(path) as writer:
        for dataset, probs in maps.items():
            for case, prob in zip(cases[dataset], probs, strict=True):
                writer.add(dataset, case, prob)


@dataclass(frozen=True)
class DatasetMaps:
    """The maps of one dataset, read one at a time.

    Attributes:
        cases: names, in the order of the maps.
        shape: (draws, H, W) of every case.
    """

    file: "MapFile"
    dataset: str
    cases: tuple[str, ...]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, i: int) -> np.ndarray:
        """Levels of case i, uint16 (draws, H, W); p = level / 65535."""
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.file.levels(self.dataset, i, self.shape)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))


class MapFile(Mapping[str, DatasetMaps]):
    """An open file of maps: dataset to its maps. Close it, or use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _trouble(path), ExitStack() as stack:
            self._zip = stack.enter_context(zipfile.ZipFile(path))
            index = json.loads(self._zip.read(INDEX))
            if index["schema"] != SCHEMA or index["top"] != TOP:
                raise ValueError(f"schema {index['schema']}, top {index['top']}")
            self._datasets = {
                name: DatasetMaps(self, name, tuple(entry["cases"]), tuple(entry["shape"]))
                for name, entry in index["datasets"].items()
            }
            self._stack = stack.pop_all()

    def __getitem__(self, dataset: str) -> DatasetMaps:
        return self._datasets[dataset]

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def levels(self, dataset: str, i: int, shape: tuple[int, int, int]) -> np.ndarray:
        """Levels of case i, uint16 of that shape.

        Raises: StoreError if the entry is broken.
        """
        with _trouble(self.path):
            # Read as a whole, so that zipfile compares the checksum.
            entry = io.BytesIO(self._zip.read(f"{_entry(dataset, i)}.npy"))
            levels: np.ndarray = np.load(entry, allow_pickle=False)
            if levels.dtype != np.uint16 or levels.shape != shape:
                raise ValueError(f"entry {i} of {dataset} is {levels.dtype} {levels.shape}")
        return levels


def read_maps(path: Path) -> MapFile:
    """Opens stored maps without reading them.

    Raises: MissingDataError if there is no file, StoreError if it is cut short or foreign.
    """
    return MapFile(path)


def _entry(dataset: str, i: int) -> str:
    return f"{dataset}/{i:06d}"


@contextmanager
def _trouble(path: Path) -> Iterator[None]:
    again = "Fetch it with `dvc pull`, or delete it and make it again with `mixseg run`."
    try:
        yield
    except FileNotFoundError as error:
        raise MissingDataError(path, "no file", "the maps of a run", again) from error
    except BROKEN as error:
        found = f"a broken or foreign file ({' '.join(str(error).split())})"
        raise StoreError(path, found, "a whole file of maps", again) from error
