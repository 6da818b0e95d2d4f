"""Looks for the same picture twice: inside and across the splits of a mix, and between mixes.

**Conventions** Pairs are compared within a modality. *exact*: the prepared pixels are equal.
*near*: 88 x 88 grey versions, one of them mirrored or not, correlate above 0.93, and still above
0.5 once the patterns that the modality's pictures share are taken out. Without the second
condition a field of view seen from the same side (all fundus images) counts as a duplicate.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmark.core.errors import MissingDataError
from benchmark.core.files import Paths, write_json, write_text
from benchmark.core.params import Mix
from benchmark.core.progress import Progress, Task
from benchmark.core.recorded import note
from benchmark.data.answers import stale
from benchmark.data.cases import Cases, load_cases
from benchmark.data.manifest import MANIFEST
from benchmark.data.splits import SPLITS

SIDE = 88
ALIKE = 0.93
ALIKE_BEYOND = 0.5  # correlation of what is left without the shared patterns
PATTERNS = 20
FEW = 50  # from so many pictures on, shared patterns can be told from a duplicate itself
SAMPLE = 1000  # pictures that the patterns are learnt from
CHUNK = 256  # rows of a block of correlations
COLUMNS = [
    *("kind", "where", "dataset_a", "case_a", "split_a"),
    *("dataset_b", "case_b", "split_b", "mix_b", "correlation"),
]

Floats = np.ndarray


@dataclass(frozen=True)
class Views:
    """Pictures as rows of numbers that can be compared.

    Attributes:
        mix: where they were prepared.
        table: a row a picture: dataset, case, split.
        digests: uint64 (n,) of the prepared pixels.
        grey: float32 (n, 88 * 88), each row with mean 0 and length 1.
    """

    mix: str
    table: pd.DataFrame
    digests: np.ndarray
    grey: Floats

    def key(self, k: int) -> tuple[str, str, str]:
        """Dataset, case and split of a picture."""
        dataset, case, split = self.table.iloc[k]
        return str(dataset), str(case), str(split)


@dataclass(frozen=True)
class Shared:
    """The patterns that pictures of a modality share, in orthonormal rows."""

    mean: Floats
    rows: Floats

    def without(self, grey: Floats) -> Floats:
        """What is left of each row, at length 1."""
        left = grey - self.mean
        return _unit(left - (left @ self.rows.T) @ self.rows)


def leaks(
    mix_name: str, paths: Paths, progress: Progress, others: Mapping[str, Mix] | None = None
) -> pd.DataFrame:
    """Writes results/<mix>/leaks.csv, and leaks.json with the mixes that were compared.

    Memory: about 100 kB a picture of the modality at hand, besides mapped files.

    Args:
        others: mixes to compare with, by name; those that are not prepared as params.yaml asks are
            passed over, and so are cases of theirs that this mix holds in the same split.

    Returns: a row a pair; see `summary`.
    Raises: MissingDataError if the mix itself is not prepared.
    """
    mine = load_cases(paths.prepared(mix_name), SPLITS)
    there = [name for name, mix in (others or {}).items() if _fits(paths, name, mix)]
    theirs = {name: load_cases(paths.prepared(name), SPLITS) for name in there}
    total = len(mine) + sum(len(cases) for cases in theirs.values())
    found = []
    with progress.task(f"leaks {mix_name}", total, "images") as task:
        for modality in sorted(mine.table["modality"].unique()):
            own = _views(mix_name, mine, modality, task)
            found += list(_pairs(own, own))
            for name, cases in theirs.items():
                other = _new(_views(name, cases, modality, task), own)
                found += list(_pairs(own, other))
    table = pd.DataFrame(found, columns=COLUMNS).sort_values(COLUMNS[:-1], ignore_index=True)
    path = paths.results(mix_name) / "leaks.csv"
    write_text(path, table.to_csv(index=False, float_format="%.4f", lineterminator="\n"))
    absent = [name for name in others or {} if name not in there]
    write_json(path.with_suffix(".json"), {"compared": there, "not_prepared": absent})
    note(paths, mix_name, path, path.with_suffix(".json"))
    return table


def _fits(paths: Paths, name: str, mix: Mix) -> bool:
    """Whether a mix is prepared as params.yaml asks."""
    return (paths.prepared(name) / MANIFEST).is_file() and not stale(paths, name, mix)


def read_leaks(paths: Paths, mix_name: str) -> pd.DataFrame:
    """What `leaks` found.

    Raises: MissingDataError if it was not run.
    """
    path = paths.results(mix_name) / "leaks.csv"
    if not path.is_file():
        do = f"Run `mixseg leaks --mix {mix_name}`."
        raise MissingDataError(path, "no file", "what the search for duplicates found", do)
    return pd.read_csv(path, dtype=dict.fromkeys(COLUMNS[:-1], str), keep_default_na=False)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs, and how many test cases they touch, by kind, place, datasets and mix.

    Args:
        table: of `leaks`.
    """
    by = ["kind", "where", "dataset_a", "dataset_b", "mix_b"]
    rows = []
    for key, part in table.groupby(by, sort=True):
        tested = set()
        for side in ("a", "b"):
            test = part[part[f"split_{side}"] == "test"]
            tested |= set(zip(test[f"dataset_{side}"], test[f"case_{side}"], strict=True))
        rows.append((*key, len(part), len(tested)))
    return pd.DataFrame(rows, columns=[*by, "pairs", "test_cases"])


def _views(mix_name: str, cases: Cases, modality: str, task: Task) -> Views:
    mine = cases.where((cases.table["modality"] == modality).to_numpy())
    grey = np.empty((len(mine), SIDE * SIDE), np.float32)
    for k, (dataset, row) in enumerate(zip(mine.table["dataset"], mine.table["row"], strict=True)):
        picture = Image.fromarray(np.asarray(mine.images[dataset][row])).convert("L")
        grey[k] = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)).ravel()
        task.advance(note=modality)
    grey -= grey.mean(axis=1, keepdims=True)
    digests = np.array([int(digest, 16) for digest in mine.table["digest"]], np.uint64)
    return Views(mix_name, mine.table[["dataset", "case", "split"]], digests, _unit(grey))


def _new(other: Views, own: Views) -> Views:
    """Those of the other mix's pictures that are not the same cases in the same splits."""
    new = ~pd.MultiIndex.from_frame(other.table).isin(pd.MultiIndex.from_frame(own.table))
    return Views(other.mix, other.table[new], other.digests[new], other.grey[new])


def _pairs(own: Views, other: Views) -> Iterator[tuple[Any, ...]]:
    """Rows of the pairs that are alike; each once where both sides are the same pictures."""
    mirrored = _mirrored(other.grey)
    shared = _shared(own.grey if own is other else np.concatenate([own.grey, other.grey]))
    for start in range(0, len(own.grey), CHUNK):
        block = own.grey[start : start + CHUNK]
        plain, flipped = block @ other.grey.T, block @ mirrored.T
        best = np.maximum(plain, flipped)
        equal = own.digests[start : start + CHUNK, None] == other.digests
        alike = (best > ALIKE) | equal
        if own is other:
            alike &= np.arange(len(best))[:, None] + start < np.arange(best.shape[1])
        for i, j in zip(*np.nonzero(alike), strict=True):
            twin = (mirrored if flipped[i, j] > plain[i, j] else other.grey)[j]
            left = shared.without(np.stack([block[i], twin]))
            if equal[i, j] or left[0] @ left[1] > ALIKE_BEYOND:
                a, b = own.key(start + i), other.key(j)
                if own is other:
                    a, b = sorted((a, b), key=lambda key: (SPLITS.index(key[2]), key))
                kind = "exact" if equal[i, j] else "near"
                correlation = round(min(float(best[i, j]), 1.0), 4)
                yield (kind, f"{a[2]}/{b[2]}", *a, *b, other.mix, correlation)


def _mirrored(grey: Floats) -> Floats:
    return grey.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(-1, SIDE * SIDE)


def _shared(grey: Floats) -> Shared:
    """The main patterns of pictures and their mirror images, learnt from an even sample."""
    sample = grey[:: -(-len(grey) // SAMPLE)]
    both = np.concatenate([sample, _mirrored(sample)])
    if len(grey) < FEW:
        return Shared(np.zeros_like(grey[0]), np.zeros_like(grey[:0]))
    mean = both.mean(axis=0)
    centred = both - mean
    # The Gram matrix of the few pictures has the patterns of the large covariance.
    _, vectors = np.linalg.eigh(centred @ centred.T)
    return Shared(mean, _unit(vectors[:, -PATTERNS:].T @ centred))


def _unit(rows: Floats) -> Floats:
    """Rows at length 1; a flat picture stays 0."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-6)
    return unit
