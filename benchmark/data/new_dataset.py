"""Makes a dataset of one's own known: data/own/NAME/dataset.yaml with a contact sheet beside it."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmark.core.errors import CatalogError, MissingDataError, StoreError
from benchmark.core.files import Paths, write_atomic, write_text
from benchmark.core.progress import Progress
from benchmark.data.agreement import Agreement
from benchmark.data.catalog import CATALOG, Counts, Dataset, load_catalog, read_own
from benchmark.data.contact_sheet import by_size
from benchmark.data.decode import depth_of
from benchmark.data.folders import RawCase
from benchmark.data.images import Case, read_case
from benchmark.data.mask_rules import ListedCodes, MaskRule
from benchmark.data.own import OWN, OwnFiles, Paired, Seeded, paired_by, with_splits
from benchmark.data.own_sheet import page
from benchmark.data.propose import group_hint, parts_of, propose
from benchmark.data.splits import SPLITS, draw_val

SHEET = "contact_sheet.html"
SIDE = 224  # of the pictures on the sheet
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
NO_LICENCE = "not stated"


@dataclass(frozen=True)
class Wanted:
    """What a person says of a dataset; the rest is proposed.

    Attributes:
        images, masks: patterns; proposed where empty.
        group: a pattern of names such as {group}_*.
        codes: how the masks are read; None for the usual rule.
    """

    modality: str
    images: Sequence[str] = ()
    masks: Sequence[str] = ()
    group: str | None = None
    codes: ListedCodes | None = None
    seed: int = 0
    title: str = ""
    licence: str = NO_LICENCE


@dataclass(frozen=True)
class Looked:
    """What was found of a dataset.

    Attributes:
        cases: with their splits; training cases that will be set aside for val have it already.
        shown: some cases with their pixels.
    """

    row: Dataset
    found: Paired
    cases: list[RawCase]
    shown: list[tuple[RawCase, Case]] = field(repr=False)

    @property
    def at(self) -> Path:
        """dataset.yaml."""
        assert self.row.own is not None
        return self.row.own.at

    @property
    def counts(self) -> Counter[str]:
        """Cases by split; "" for those that no list names."""
        return Counter(case.split or "" for case in self.cases)

    @property
    def unmatched(self) -> dict[str, list[str]]:
        """Files by what is the matter with them."""
        return {
            "Images without a mask": self.found.maskless,
            "Masks without an image": self.found.alone,
            "Pictures that no pattern names": self.found.other,
        }

    def lines(self) -> list[str]:
        """What a person should know, a line each."""
        own, counts = self.row.own, self.counts
        assert own is not None
        groups = len({case.group for case in self.cases})
        parts = ", ".join(f"{split} {counts[split]}" for split in SPLITS)
        lines = [f"{len(self.cases)} pairs in {groups} groups: {parts}"]
        lines += [f"  {own.describes}; split {own.split_text}"]
        lines += [f"not in any list: {counts['']} cases"] if counts[""] else []
        lines += [
            f"{split}: none (too few groups, or no list names any)"
            for split in SPLITS
            if not counts[split]
        ]
        for what, files in self.unmatched.items():
            more = ", ..." if len(files) > 3 else ""
            lines += [f"{what}: {len(files)} ({', '.join(files[:3])}{more})"] if files else []
        if own.group is None and isinstance(own.split, Seeded):
            lines += filter(None, [group_hint(self.cases, f"mixseg new-dataset {self.row.name}")])
        lines += [f"licence: {NO_LICENCE}"] if self.row.licence == NO_LICENCE else []
        return lines

    def check_matched(self) -> None:
        """Raises: MissingDataError if images have no mask, or a mix could not use the cases."""
        own, maskless = self.row.own, self.found.maskless
        assert own is not None
        if maskless:
            raise MissingDataError(
                own.root,
                f"{len(maskless)} of {len(maskless) + len(self.found.cases)} images without a mask "
                f"({', '.join(maskless[:3])})",
                "a mask for each",
                f"Add them, correct the patterns in {own.at}, or name these images under "
                f"'leave_out' there; then run `mixseg new-dataset {self.row.name}`.",
            )
        if not self.counts["train"] or not self.counts["test"]:
            do = f"Add groups, or correct 'split' in {own.at}."
            raise MissingDataError(own.root, "no case to train on or to test", "both parts", do)


def new_dataset(
    name: str, folder: Path, wanted: Wanted, paths: Paths, progress: Progress
) -> Looked:
    """Writes data/own/NAME whole or not at all: dataset.yaml, its lists and the contact sheet.

    Raises: CatalogError if the name is taken, StoreError if its folder is there, and what reading
        the pictures raises, such as ImageError for a mask of another size than its image.
    """
    _check_name(name, paths)
    root = folder.expanduser().resolve()
    images, masks = propose(root) if not (wanted.images and wanted.masks) else ((), ())
    patterns = {"images": list(wanted.images or images), "masks": list(wanted.masks or masks)}
    there = paths.own / name / OWN
    with write_atomic(there.parent) as temporary:
        # The proposal is read as it will be: in a folder of the dataset's name.
        home = temporary / name
        home.mkdir(parents=True)
        head = _head(name, root, wanted, patterns)
        at = home / OWN
        at.write_text(head + _tail({}, Counts(train=1, test=0), wanted.seed), encoding="utf-8")
        first = read_own(at, there)
        assert first.own is not None
        lists = parts_of(paired_by(first.own).cases, root)
        for part, cases in lists.items():
            text = "".join(f"{case}\n" for case in cases)
            (home / f"{part}.txt").write_text(text, encoding="utf-8")
        at.write_text(head + _tail(lists, Counts(train=1, test=0), wanted.seed), encoding="utf-8")
        looked = _look(read_own(at, there), progress)
        at.write_text(head + _tail(lists, _counts(looked), wanted.seed), encoding="utf-8")
        (home / SHEET).write_text(_sheet(looked), encoding="utf-8")
        (home / ".gitignore").write_text(f"{SHEET}\n", encoding="utf-8")  # it shows the pictures
        for file in home.iterdir():
            file.rename(temporary / file.name)
        home.rmdir()
    return replace(looked, row=read_own(there.absolute()))


def look_again(name: str, paths: Paths, progress: Progress) -> Looked:
    """Reads dataset.yaml again, draws the contact sheet anew and brings `counts` up to date.

    Raises: MissingDataError if there is none, and as `new_dataset`.
    """
    at = paths.own / name / OWN
    if not at.is_file():
        do = f"Run `mixseg new-dataset {name} --from DIR --modality MODALITY`."
        raise MissingDataError(at, "no file", "a dataset of your own", do)
    looked = _look(read_own(at.absolute()), progress)
    text = at.read_text(encoding="utf-8")
    counted = re.sub(r"^counts:.*$", _counts_line(_counts(looked)), text, count=1, flags=re.M)
    write_text(at.parent / SHEET, _sheet(looked))
    if counted != text:
        write_text(at, counted)
    return looked


def _check_name(name: str, paths: Paths) -> None:
    if not NAME.fullmatch(name):
        expected = "small letters, digits and -, at most 60"
        raise CatalogError("NAME", repr(name), expected, "Give another name.")
    if name in load_catalog(CATALOG):
        do = "Give another name, or use `mixseg data --from DIR --dataset NAME` for that dataset."
        raise CatalogError("NAME", f"{name}, a dataset of the catalog", "a name of your own", do)
    if (paths.own / name).exists():
        do = f"Edit its {OWN} and run `mixseg new-dataset {name}`, or delete the folder."
        raise StoreError(paths.own / name, "a folder is there", "none", do)


def _look(row: Dataset, progress: Progress) -> Looked:
    """Pairs the files, and reads every pair once."""
    own = row.own
    assert own is not None
    found = paired_by(own)
    if not found.cases:
        one, other = ", ".join(found.maskless[:2]), ", ".join(found.alone[:2])
        do = "Say the patterns with --images and --masks; what * stands for must be equal."
        raise MissingDataError(
            own.root,
            f"no pair (images such as {one}, masks such as {other})",
            "names that agree",
            do,
        )
    cases = with_splits(row.name, own, found.cases)
    if not any(case.split == "val" for case in cases):
        val = draw_val(row.name, {c.case: c.group for c in cases if c.split == "train"})
        cases = [replace(case, split="val") if case.case in val else case for case in cases]
    rule, depth = row.codes or MaskRule(), depth_of(case.image for case in cases)
    agreement, areas = Agreement(row.name), []
    with progress.task(f"look at {row.name}", len(cases), "images") as task:
        for case in cases:
            pixels = read_case(case.image, case.masks, rule, SIDE, depth)
            agreement.add(case.masks, pixels.mask, pixels.codes)
            areas.append(np.count_nonzero(pixels.mask))
            task.advance()
    agreement.end()
    chosen = [cases[k] for k in by_size(np.array(areas))]
    pixels_of = [read_case(case.image, case.masks, rule, SIDE, depth) for case in chosen]
    return Looked(row, found, cases, list(zip(chosen, pixels_of, strict=True)))


def _counts(looked: Looked) -> Counts:
    counts = looked.counts
    return Counts(train=counts["train"] + counts["val"], test=counts["test"])


def _counts_line(counts: Counts) -> str:
    return f"counts: {{train: {counts.train}, test: {counts.test}}}  # val is a part of train"


def _head(name: str, root: Path, wanted: Wanted, patterns: Mapping[str, list[str]]) -> str:
    """The first lines of dataset.yaml, with what each means."""
    codes = wanted.codes
    lines = [
        "# A dataset of your own; docs/own-data.md says what each key means.",
        f"title: {_text(wanted.title or name)}",
        f"modality: {_text(wanted.modality)}",
        f"licence: {_text(wanted.licence)}",
        f"folder: {_text(str(root))}",
        f"images: {_text(patterns['images'])}",
        f"masks: {_text(patterns['masks'])}",
        "leave_out: []  # files that do not count, or patterns of them",
    ]
    lines += [f"lesion_codes: {list(codes.lesion_codes)}"] if codes else []
    lines += [f"background_codes: {list(codes.background_codes)}"] if codes else []
    lines += [f"group: {_text(wanted.group)}  # never divided between splits"]
    return "\n".join(lines) + "\n"


def _tail(lists: Mapping[str, list[str]], counts: Counts, seed: int) -> str:
    drawn = Seeded(seed=seed)
    split = f"{{seed: {seed}, val: {drawn.val}, test: {drawn.test}}}  # shares, by whole groups"
    if lists:
        files = ", ".join(f"{part}: {part}.txt" for part in SPLITS if part in lists)
        split = f"{{{files}}}  # lists of cases beside this file"
    return f"split: {split}\n{_counts_line(counts)}\n"


def _text(value: object) -> str:
    """A value as YAML reads it; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _sheet(looked: Looked) -> str:
    row, own, counts = looked.row, looked.row.own, looked.counts
    assert isinstance(own, OwnFiles)
    facts = {
        "Folder": str(own.root),
        "Images": ", ".join(own.images),
        "Masks": ", ".join(own.masks),
        "Lesion": str(row.codes or "255 on 0, or 1 on 0"),
        "Group": own.group or "each case is its own group",
        "Split": f"{own.split_text}. Cases: "
        + ", ".join(f"{split} {counts[split] or 'none'}" for split in SPLITS),
        "Modality": row.modality,
        "Licence": row.licence,
    }
    return page(row.title, facts, looked.shown, looked.unmatched)
