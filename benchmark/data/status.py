"""What data is here, what it was taken for, what is missing and how to get it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmark.core.errors import ImageError, MissingDataError
from benchmark.core.files import Paths
from benchmark.core.params import UNSEEN, Mix, Params
from benchmark.core.text import wrapped
from benchmark.data.catalog import Dataset, load_catalog
from benchmark.data.catalog import dataset as row_of
from benchmark.data.pointer_file import pointer_path
from benchmark.data.raw import contents, done, folder_of, unpacking, waiting
from benchmark.data.splits import read_list

if TYPE_CHECKING:
    from benchmark.data.folders import RawCase
    from benchmark.data.layouts import RawFolder

SHOWN = 3  # names in a message

State = Literal["here", "missing", "incomplete"]


@dataclass(frozen=True)
class DataStatus:
    """One dataset on this machine.

    Attributes:
        mixes: the mixes that train or test on it; <mix>.unseen for one that never trains on it.
        found, expected: cases; both 0 for a drawn dataset.
        how: where it is and what it was taken for, or how to get it.
    """

    dataset: str
    title: str
    modality: str
    mixes: tuple[str, ...]
    state: State
    found: int
    expected: int
    how: str


@dataclass(frozen=True)
class Count:
    """How much of a dataset lies in a folder.

    Attributes:
        problem: what is wrong with it; empty if it is whole, or if nothing is there.
        form: the folder tree that it was taken for; empty if it could not be read.
        over: what lies in a person's own folder and is not read; empty if nothing.
    """

    state: State
    found: int
    problem: str = ""
    form: str = ""
    over: str = ""


def status(
    catalog: Mapping[str, Dataset], paths: Paths, mixes: Mapping[str, Mix]
) -> list[DataStatus]:
    """One entry a dataset, in the catalog's order."""
    return [_status(row, paths.raw, mixes) for row in catalog.values()]


def _status(row: Dataset, raw: Path, mixes: Mapping[str, Mix]) -> DataStatus:
    sets = {
        key: names
        for name, mix in mixes.items()
        for key, names in ((name, [*mix.train, *mix.test]), (f"{name}.{UNSEEN}", mix.unseen))
    }
    users = tuple(key for key, names in sets.items() if row.name in names)
    count = count_cases(row, raw)
    return DataStatus(
        dataset=row.name,
        title=row.title,
        modality=row.modality,
        mixes=users,
        state=count.state,
        found=count.found,
        expected=row.counts.total,
        how=row.how if row.drawn else _how(row, raw, count),
    )


def _how(row: Dataset, raw: Path, count: Count) -> str:
    """What was looked at, what it was taken for, and what to do if it is not the whole dataset."""
    folder = folder_of(row, raw)
    pointed = folder != raw / row.raw
    had = "" if pointed else ", ".join(done(folder))
    source = f" (unpacked from {had})" if had else ""
    seen = f"in {folder}{source}, read as {count.form}." if count.form else ""
    seen += f" Passed over: {count.over}." if count.over else ""
    if count.state == "here":
        return seen
    packed = [] if pointed else waiting(row, raw)
    if pointed:
        do = stuck(row, raw)
    elif packed:
        names = ", ".join(map(str, packed))
        do = f"Not unpacked yet: {names}. {unpacking(row, packed)} Or: {row.how}"
    elif row.access == "plain":
        do = f"`mixseg data --dataset {row.name} --download` fetches it. By hand: {row.how}"
    else:
        do = row.how
    unread = "" if count.form or not had else f"Unpacked there: {had}."
    problem = count.problem[:1].upper() + count.problem[1:]
    parts = (seen, problem, unread, _other_row(row, raw), do)
    return " ".join(part for part in parts if part)


def _other_row(row: Dataset, raw: Path) -> str:
    """The row of the catalog that fits what lies in this one's folder."""
    others = [one for one in load_catalog().values() if one.raw == row.raw and one != row]
    fits = [one.name for one in others if count_cases(one, raw).state == "here"]
    whole = f"It is the whole of {' and '.join(fits)}, another dataset of the catalog."
    return whole if fits else ""


def datasets_of(params: Params, mix: str | None) -> list[str]:
    """The datasets of one mix, or of all, each once; <mix>.unseen names those never trained on.

    Raises: ParamsError for an unknown mix.
    """
    mixes = [params.prepared(mix)] if mix else list(params.mixes.values())
    unseen = [] if mix else [name for one in mixes for name in one.unseen]
    named = [name for one in mixes for name in (*one.train, *one.test)]
    return list(dict.fromkeys((*named, *unseen)))


def describe(params: Params, names: list[str], paths: Paths) -> str:
    """A line a dataset, then how to get what is missing."""
    rows = status({name: row_of(name) for name in names}, paths, params.mixes)
    lines = [f"{'dataset':20} {'modality':12} {'state':11} {'cases':>11}  mixes"]
    for row in rows:
        cases = f"{row.found}/{row.expected}" if row.expected else "drawn"
        used = " ".join(row.mixes)
        lines.append(f"{row.dataset:20} {row.modality:12} {row.state:11} {cases:>11}  {used}")
    about = [f"{row.title} ({row.state}): {row.how}" for row in rows if row.expected]
    return "\n\n".join(["\n".join(lines), *map(wrapped, about)])


def stuck(row: Dataset, raw: Path) -> str:
    """What to do about a pointer to a folder that lacks cases."""
    if row.own is not None:
        return row.how
    return (
        f"{pointer_path(raw, row.raw)} points to {folder_of(row, raw)}. Add what is missing there, "
        f"or delete the pointer and get the dataset: {row.how}"
    )


def count_cases(row: Dataset, raw: Path, folder: Path | None = None) -> Count:
    """Counts the cases of a dataset, without reading a picture.

    Args:
        folder: another folder than the one that the dataset is read from now.
    """
    from benchmark.data.layouts import raw_folder  # pillow and numpy: only where they are used

    if row.drawn:
        return Count("here", 0)
    folder = folder or folder_of(row, raw)
    if not folder.is_dir() or not contents(folder):
        return Count("missing", 0)
    try:
        found = raw_folder(row, raw, folder)
    except (MissingDataError, ImageError) as error:
        return Count("incomplete", 0, error.problem)
    number, problem = _compared(row, found.cases)
    over = _passed_over(row, found) if found.form.own else ""
    return Count("incomplete" if problem else "here", number, problem, found.form.describes, over)


def _passed_over(row: Dataset, found: "RawFolder") -> str:
    """What lies in a folder beside the cases of the dataset's list, or of the splits."""
    from benchmark.data.folders import passed_over

    listed = listed_cases(row.name)
    used = [case for case in found.cases if (case.split if listed is None else case.case in listed)]
    # Where no case is of the dataset, or none has a split, the count says that.
    files = (path for case in used or found.cases for path in (case.image, *case.masks))
    return passed_over(found.root, files)


def _compared(row: Dataset, cases: "list[RawCase]") -> tuple[int, str]:
    """How many cases are those of the dataset, and how the others differ from it."""
    here = {case.case for case in cases}
    listed = listed_cases(row.name)
    if listed is not None:
        known, missing, strange = listed & here, sorted(listed - here), sorted(here - listed)
        if not missing:
            return len(known), ""
        problem = f"{len(missing)} of its {len(listed)} cases are not there ({_some(missing)})"
        if not known:
            problem += f"; {len(strange)} cases of other names are ({_some(strange)})"
        return len(known), f"{problem}."
    splits = Counter(case.split for case in cases)
    splits["train"] += splits.pop("val", 0)
    wanted = {"train": row.counts.train, "test": row.counts.test}
    known_number = sum(min(splits[split], wanted[split]) for split in wanted)
    if all(splits[split] == wanted[split] for split in wanted):
        return known_number, ""
    problem = (
        f"cases: {splits['train']} for training and {splits['test']} for testing, in place of "
        f"{row.counts.train} and {row.counts.test}"
    )
    unsorted = sorted(case.case for case in cases if case.split is None)
    more = f"; without a split: {len(unsorted)} ({_some(unsorted)})" if unsorted else ""
    return known_number, f"{problem}{more}."


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def listed_cases(name: str) -> set[str] | None:
    """Names in a dataset's committed split; None where it has none.

    Raises: CatalogError if the list is broken.
    """
    found = read_list(name)
    return None if found is None else set(found.split)
