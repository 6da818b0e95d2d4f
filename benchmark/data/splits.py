"""Which case is trained on, tuned on or tested: committed lists, published folders and one rule."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from benchmark.core.errors import CatalogError, MissingDataError
from benchmark.core.files import sha256_bytes
from benchmark.data.catalog import Counts
from benchmark.data.folders import RawCase

LISTS = Path(__file__).with_name("splits")
SPLITS = ("train", "val", "test")
VAL_SHARE = 0.1
ORIGIN = "# origin: "
BY_RULE = f"a share of {VAL_SHARE} of its training groups is drawn by name for val"


@dataclass(frozen=True)
class SplitList:
    """A committed list.

    Attributes:
        origin: where the list comes from, in a sentence or two.
        split, group: by case.
    """

    origin: str
    split: Mapping[str, str]
    group: Mapping[str, str]

    @property
    def without_val(self) -> bool:
        """Whether it names training cases, and none of them for tuning."""
        named = set(self.split.values())
        return "train" in named and "val" not in named


@cache
def read_list(dataset: str, lists: Path = LISTS) -> SplitList | None:
    """The committed list of a dataset; None where the published folders say the split.

    Raises: CatalogError if the list is broken.
    """
    path = lists / f"{dataset}.csv"
    if not path.is_file():
        return None
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    cases = [row.get("case") for row in rows]
    if not first.startswith(ORIGIN) or not rows or list(rows[0]) != ["case", "split", "group"]:
        raise CatalogError(
            path, "other columns", f"{ORIGIN!r} and case,split,group", "Restore the file from Git."
        )
    if len(set(cases)) < len(cases) or {row["split"] for row in rows} - set(SPLITS):
        raise CatalogError(
            path,
            "a case twice or an unknown split",
            f"each case once, in one of {', '.join(SPLITS)}",
            "Restore the file from Git.",
        )
    return SplitList(
        first.removeprefix(ORIGIN),
        {row["case"]: row["split"] for row in rows},
        {row["case"]: row["group"] for row in rows},
    )


def draw_val(dataset: str, groups: Mapping[str, str]) -> set[str]:
    """The training cases that are set aside for tuning.

    Groups in the order of sha256(dataset/group) are taken whole until they hold a tenth of the
    training cases, so neither the order of the files nor a random generator matters. One group is
    always left to train on.

    Args:
        groups: the group of each training case.
    """
    size = Counter(groups.values())
    chosen: set[str] = set()
    held = 0
    for group in sorted(size, key=lambda g: sha256_bytes(f"{dataset}/{g}".encode())):
        if held >= VAL_SHARE * len(groups) or len(chosen) == len(size) - 1:
            break
        chosen.add(group)
        held += size[group]
    return {case for case, group in groups.items() if group in chosen}


def assign(
    dataset: str, counts: Counts, cases: list[RawCase]
) -> tuple[list[RawCase], list[RawCase]]:
    """Gives each raw case its split and group.

    Args:
        dataset: its name in the catalog.
        counts: the cases of a complete copy.
        cases: what the raw folder holds.

    Returns: the cases with their splits, and those that no split names.
    Raises: MissingDataError if cases of the list are not there, or if the counts differ.
    """
    named = read_list(dataset)
    sorted_out = _by_folder(dataset, cases) if named is None else _by_list(dataset, named, cases)
    used = [case for case in sorted_out if case.split is not None]
    found = Counter("test" if case.split == "test" else "train" for case in used)
    if (found["train"], found["test"]) != (counts.train, counts.test):
        raise MissingDataError(
            dataset,
            f"{found['train']} cases for training and {found['test']} for testing",
            f"{counts.train} and {counts.test}",
            "Unpack or download it again; the whole dataset is needed, and one copy of each case.",
        )
    return used, [case for case in sorted_out if case.split is None]


def _by_list(dataset: str, named: SplitList, cases: list[RawCase]) -> list[RawCase]:
    missing = sorted(set(named.split) - {case.case for case in cases})
    if missing:
        raise MissingDataError(
            dataset,
            f"{len(missing)} of {len(named.split)} cases are missing "
            f"({', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''})",
            f"all that benchmark/data/splits/{dataset}.csv names",
            "Unpack or download it again; the whole dataset is needed.",
        )
    listed = [
        replace(
            case,
            split=named.split.get(case.case),
            group=named.group.get(case.case) or case.group,
        )
        for case in cases
    ]
    return _with_val(dataset, listed) if named.without_val else listed


def _by_folder(dataset: str, cases: list[RawCase]) -> list[RawCase]:
    if all(case.split is None for case in cases):
        raise MissingDataError(
            dataset,
            "pictures whose split is not known",
            "the published folders, or train/ and test/ with images/ and masks/ in each",
            "Sort them into the two folders as published.",
        )
    return _with_val(dataset, cases)


def _with_val(dataset: str, cases: list[RawCase]) -> list[RawCase]:
    """The same cases, some of those for training set aside for tuning."""
    if any(case.split == "val" for case in cases):  # only a dataset of one's own says so itself
        return cases
    groups = {case.case: case.group for case in cases if case.split == "train"}
    val = draw_val(dataset, groups)
    return [replace(case, split="val") if case.case in val else case for case in cases]
