"""Writes the arrays of one mix: each case is read, checked and reduced once, before training."""

import csv
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from benchmark.core.errors import MissingDataError
from benchmark.core.files import Paths, write_atomic, write_json
from benchmark.core.params import Mix
from benchmark.core.progress import Progress, Task
from benchmark.core.recorded import note
from benchmark.core.request import DATA
from benchmark.data.agreement import Agreement
from benchmark.data.catalog import Dataset, dataset
from benchmark.data.contact_sheet import write_sheet
from benchmark.data.decode import Depth, depth_of
from benchmark.data.folders import RawCase
from benchmark.data.images import Case, Pixels
from benchmark.data.known import WHY, Known
from benchmark.data.layouts import raw_folder, read_pixels
from benchmark.data.manifest import MANIFEST, sealed, with_digest
from benchmark.data.mask_rules import Rule
from benchmark.data.phantoms.draw import draw
from benchmark.data.record import look
from benchmark.data.splits import BY_RULE, SPLITS, assign, draw_val, read_list

WORKERS = min(2, os.cpu_count() or 1)  # the largest pictures take 450 MiB each
AHEAD = 4 * WORKERS  # cases in memory at once
COLUMNS = ("case", "group", "split", "source", "digest")
DIGITS = 16
SHEET = "contact_sheet.jpg"
TOLD = ("title", "licence", "citation", "homepage", "note")  # of the catalog, for the report


@dataclass(frozen=True)
class Item:
    """One case that will be written.

    Attributes:
        source: its picture, relative to the dataset's folder, or how it was drawn.
        read: gives its image and mask at the mix's size.
        masks: the files of its mask.
    """

    case: str
    group: str
    split: str
    source: str
    read: Callable[[], Case]
    masks: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How the files of a dataset are read."""

    rule: Rule
    depth: Depth | None


@dataclass(frozen=True)
class Plan:
    """What will be written of one dataset."""

    row: Dataset
    role: str
    items: list[Item]
    left_out: int
    depth: Depth | None = None


def prepare(
    mix_name: str, mix: Mix, paths: Paths, progress: Progress, known: Known | None = None
) -> dict[str, Any]:
    """Writes data/prepared/<mix> whole or not at all, and results/<mix>/{raw,data}.json.

    Args:
        known: the training cases whose pictures are left out; the manifest says how many were.

    Returns: the manifest.
    Raises: MissingDataError listing every dataset that is absent or incomplete, ImageError naming
        the first file that cannot be used, StoreError if the disk is full.
    """
    plans = _plans(mix_name, mix, paths)
    raw = look(mix_name, [plan.row for plan in plans], paths, progress)
    for plan in plans:
        for line in _notes(plan):
            progress.say(line)
    about: dict[str, Any] = {}
    with write_atomic(paths.prepared(mix_name)) as folder:
        total = sum(len(plan.items) for plan in plans)
        with (
            progress.task(f"prepare {mix_name}", total, "images") as task,
            ThreadPoolExecutor(WORKERS) as pool,
        ):
            for plan in plans:
                to = folder / plan.row.name
                about[plan.row.name] = _write(plan, mix.size, to, pool, task, known)
        manifest: dict[str, Any] = {"mix": mix_name, "request": mix.request(), "size": mix.size,
                    "raw": raw.digests(), "datasets": about}  # fmt: skip
        manifest |= {"without": known.of} if known else {}
        manifest = sealed(manifest, folder)
        write_json(folder / MANIFEST, manifest)
    raw.write(paths)
    told = {name: entry | _told(dataset(name)) for name, entry in manifest["datasets"].items()}
    described = paths.results(mix_name) / DATA
    write_json(described, with_digest(manifest | {"datasets": told}))
    note(paths, mix_name, described)
    return manifest


def _plans(mix_name: str, mix: Mix, paths: Paths) -> list[Plan]:
    """Looks at every dataset before anything is written, so that one message names all gaps."""
    plans, gaps = [], []
    for name in dict.fromkeys((*mix.train, *mix.test)):
        used = set()
        used |= {"train", "val"} if name in mix.train else set()
        used |= {"test"} if name in mix.test else set()
        row = dataset(name)
        role = "seen" if name in mix.train else "unseen"
        try:
            plan = (_drawn if row.drawn else _raw)(row, role, mix, paths)
        except MissingDataError as gap:
            gaps.append(f"  {name}: {str(gap).removeprefix(f'{name}: ')}")
            continue
        kept = _some([item for item in plan.items if item.split in used], name, mix.at_most)
        plans.append(replace(plan, items=kept))
    if gaps:
        raise MissingDataError(
            f"mix {mix_name}",
            f"{len(gaps)} of {len(gaps) + len(plans)} datasets are not ready",
            "whole datasets",
            "\n".join(["`mixseg data` shows how to get each. One by one:", *gaps]),
        )
    return plans


def _some(items: list[Item], dataset: str, at_most: int | None) -> list[Item]:
    """All test cases, and at most so many others, chosen by a digest of their names.

    `val` is drawn by a digest of names too; this one is another, so that its share stays.
    """
    others = sorted(
        (item.case for item in items if item.split != "test"),
        key=lambda case: sha256(f"at most {dataset}/{case}".encode()).digest(),
    )
    chosen = set(others[:at_most])
    return [item for item in items if item.split == "test" or item.case in chosen]


def _raw(row: Dataset, role: str, mix: Mix, paths: Paths) -> Plan:
    found = raw_folder(row, paths.raw)
    used, left_out = assign(row.name, row.counts, found.cases)
    # Of all its pictures, so that every mix reads the dataset alike.
    how = Reading(found.rule, depth_of(case.image for case in used))
    items = [_item(case, found.root, mix.size, how) for case in used]
    return Plan(row, role, items, len(left_out), how.depth)


def _item(case: RawCase, root: Path, size: int, how: Reading) -> Item:
    where = case.image.relative_to(root).as_posix()
    assert case.split is not None  # assign() gives only such cases
    return Item(
        case.case,
        case.group,
        case.split,
        where,
        lambda: read_pixels(case, how.rule, size, depth=how.depth),
        case.masks,
    )


def _drawn(row: Dataset, role: str, mix: Mix, paths: Paths) -> Plan:
    if mix.drawn is None:
        raise MissingDataError(
            row.name, "a drawn dataset", "drawn: {train, test, seed} in the mix", "Add it."
        )
    names = [f"{row.modality}-{k + 1:04d}" for k in range(mix.drawn.train + mix.drawn.test)]
    train = names[: mix.drawn.train]
    val = draw_val(row.name, {name: name for name in train})
    split = dict.fromkeys(names, "test") | dict.fromkeys(train, "train") | dict.fromkeys(val, "val")
    seed = mix.drawn.seed
    items = [
        Item(name, name, split[name], f"drawn, seed {seed}, index {k}", _drawing(row, k, mix, seed))
        for k, name in enumerate(names)
    ]
    return Plan(row, role, items, left_out=0)


def _drawing(row: Dataset, index: int, mix: Mix, seed: int) -> Callable[[], Case]:
    return lambda: Case(*draw(row.modality, index, mix.size, seed))


def _notes(plan: Plan) -> list[str]:
    """What a person should know of how a dataset is read and split."""
    lines = []
    if plan.depth:
        lines.append(f"{plan.row.name}: {plan.depth}")
    listed = read_list(plan.row.name)
    if plan.role == "seen" and listed and listed.without_val:
        lines.append(f"{plan.row.name}: its list of splits names no val, so {BY_RULE}")
    if plan.role == "seen" and not any(item.split == "val" for item in plan.items):
        lines.append(
            f"{plan.row.name}: val is empty (training cases in one group, or none left by "
            "at_most): `mixseg tune` cannot use it"
        )
    return lines


def _told(row: Dataset) -> dict[str, str]:
    named = read_list(row.name)
    folders = "drawn" if row.drawn else "the published folders; val by rule"
    folders = row.own.split_text if row.own else folders
    split = folders if named is None else named.origin
    if named and named.without_val:
        split = f"{split.rstrip('.')}. val: {BY_RULE}."
    return {key: getattr(row, key) for key in TOLD} | {"split": split}


def _write(
    plan: Plan, size: int, folder: Path, pool: Executor, task: Task, known: Known | None
) -> dict[str, Any]:
    """Writes one dataset's files.

    Returns: its entry in the manifest.
    """
    folder.mkdir(parents=True)
    count, splits, removed = len(plan.items), Counter[str](), Counter[str]()
    with ExitStack() as stack:
        images = stack.enter_context(Rows(folder / "images.npy", (count, size, size, 3)))
        masks = stack.enter_context(Rows(folder / "masks.npy", (count, size, size)))
        cases = folder / "cases.csv"
        file = stack.enter_context(cases.open("w", encoding="utf-8", newline=""))
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        agreement = Agreement(plan.row.name)
        for item, (image, mask, codes) in _in_order(pool, plan.items):
            agreement.add(item.masks, mask, codes)
            task.advance(note=plan.row.name)
            digest = sha256(image.tobytes()).hexdigest()[:DIGITS]
            if why := known.why(plan.row, item.case, digest) if known else "":
                removed[why] += 1
                continue
            images.append(image)
            masks.append(mask)
            table.writerow((item.case, item.group, item.split, item.source, digest))
            splits[item.split] += 1
        agreement.end()
    if splits.total():
        pixels = (np.load(folder / f"{kind}.npy", mmap_mode="r") for kind in ("images", "masks"))
        write_sheet(folder / SHEET, *pixels)
    return {
        "modality": plan.row.modality,
        "role": plan.role,
        **{split: splits[split] for split in SPLITS},
        "left_out": plan.left_out,
        **({"removed": {why: removed[why] for why in WHY}} if known else {}),
    }


def _in_order(pool: Executor, items: Iterable[Item]) -> Iterator[tuple[Item, Case]]:
    """The items with their pixels, read ahead by the pool but only a few at a time."""
    waiting: deque[tuple[Item, Future[Case]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(item.read)))
        if len(waiting) >= AHEAD:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


class Rows:
    """A .npy file of uint8 written row by row: memory does not grow with the number of rows.

    Args:
        shape: of the array; fewer rows may be written.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path, self.shape, self.rows = path, shape, 0
        self.file: BinaryIO

    def __enter__(self) -> Self:
        self.file = self.path.open("wb")
        self._head(self.shape)
        return self

    def _head(self, shape: tuple[int, ...]) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        # NumPy gives no types for it.
        np.lib.format.write_array_header_1_0(self.file, header)  # type: ignore[no-untyped-call]

    def append(self, row: Pixels) -> None:
        """Writes the next row."""
        assert row.shape == self.shape[1:]
        assert row.dtype == np.uint8
        self.file.write(row.tobytes())
        self.rows += 1

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.rows < self.shape[0]:
            self.file.seek(0)
            # NumPy leaves room for a number of rows of any length, so the header keeps its size.
            self._head((self.rows, *self.shape[1:]))
        self.file.close()
