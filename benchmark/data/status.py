"""What data is here, what is missing and how to get it; and pointers to folders of one's own."""

import csv
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.core.errors import CatalogError, ImageError, MissingDataError
from benchmark.core.files import Places, write_json, write_text
from benchmark.core.params import Mix, Params
from benchmark.data.catalog import Dataset, load_catalog
from benchmark.data.catalog import dataset as row_of

SPLITS = Path(__file__).with_name("splits")
FETCH = "mixseg data --download"

State = Literal["here", "missing", "incomplete"]


@dataclass(frozen=True)
class DataStatus:
    """One dataset on this machine.

    Attributes:
        mixes: the mixes that train or test on it.
        found, expected: cases; both 0 for a drawn dataset.
        how: where it is, or how to get it.
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
    """How much of a dataset lies in the raw folder, and what is wrong with it."""

    state: State
    found: int
    problem: str


def status(
    catalog: Mapping[str, Dataset], places: Places, mixes: Mapping[str, Mix]
) -> list[DataStatus]:
    """One entry a dataset, in the catalog's order."""
    return [_status(row, places.raw, mixes) for row in catalog.values()]


def _status(row: Dataset, raw: Path, mixes: Mapping[str, Mix]) -> DataStatus:
    users = tuple(name for name, mix in mixes.items() if row.name in (*mix.train, *mix.test))
    count = count_cases(row, raw)
    how = row.how
    if count.state == "here" and not row.drawn:
        how = f"in {folder_of(row, raw)}"
    elif folder_of(row, raw) != raw / row.raw:
        how = stuck(row, raw)
    elif row.access == "plain" and not row.drawn:
        how = f"{FETCH} fetches it. By hand: {row.how}"
    if count.problem:
        how = f"{count.problem} {how}"
    return DataStatus(
        dataset=row.name,
        title=row.title,
        modality=row.modality,
        mixes=users,
        state=count.state,
        found=count.found,
        expected=row.counts.total,
        how=how,
    )


def datasets_of(params: Params, mix: str | None) -> list[str]:
    """The datasets of one mix, or of all, each once.

    Raises: ParamsError for an unknown mix.
    """
    mixes = [params.mix(mix)] if mix else list(params.mixes.values())
    return list(dict.fromkeys(name for one in mixes for name in (*one.train, *one.test)))


def describe(params: Params, names: list[str], places: Places) -> str:
    """A line a dataset, then how to get what is missing."""
    rows = status({name: row_of(name) for name in names}, places, params.mixes)
    lines = [f"{'dataset':20} {'modality':12} {'state':11} {'cases':>11}  mixes"]
    for row in rows:
        cases = f"{row.found}/{row.expected}" if row.expected else "drawn"
        used = " ".join(row.mixes)
        lines.append(f"{row.dataset:20} {row.modality:12} {row.state:11} {cases:>11}  {used}")
    lines += [f"\n{row.title} ({row.state}): {row.how}" for row in rows if row.state != "here"]
    return "\n".join(lines)


def write_record(path: Path, params: Params, mix: str | None, places: Places) -> None:
    """Writes which datasets are here and with how many cases, for the steps that follow."""
    names = datasets_of(params, mix)
    rows = status({name: row_of(name) for name in names}, places, params.mixes)
    where = {row.dataset: str(folder_of(row_of(row.dataset), places.raw)) for row in rows}
    facts = {
        row.dataset: {"state": row.state, "cases": row.found, "folder": where[row.dataset]}
        for row in rows
        if row.expected
    }
    write_json(path, facts)


def folder_of(row: Dataset, raw: Path) -> Path:
    """Where a dataset is read from: its raw folder, or the one a pointer names."""
    pointer = raw / f"{row.raw}.from"
    if pointer.is_file():
        target = pointer.read_bytes().decode(errors="replace").strip()
        if not Path(target).is_absolute():
            raise MissingDataError(
                pointer, repr(target), "the absolute path of a folder", "Delete it, or use --from."
            )
        return Path(target)
    return raw / row.raw


def stuck(row: Dataset, raw: Path) -> str:
    """What to do about a pointer to a folder that lacks cases."""
    pointer = raw / f"{row.raw}.from"
    return (
        f"{pointer} points to {folder_of(row, raw)}. Add what is missing there, or delete the "
        f"pointer and get the dataset: {row.how}"
    )


def count_cases(row: Dataset, raw: Path) -> Count:
    """Counts the cases of a dataset in the raw folder, without reading a picture."""
    from benchmark.data.layouts import raw_cases  # pillow and numpy: only where they are used

    if row.drawn:
        return Count("here", 0, "")
    folder = folder_of(row, raw)
    if not folder.is_dir() or not any(folder.iterdir()):
        return Count("missing", 0, "")
    try:
        cases = raw_cases(row, raw)
    except (MissingDataError, ImageError) as error:
        return Count("incomplete", 0, str(error))
    listed = listed_cases(row.name)
    if listed is not None:
        found = len(listed & {case.case for case in cases})
    else:
        sure = [case for case in cases if case.split is not None]
        found = len(sure or cases)
    return Count("here" if found >= row.counts.total else "incomplete", found, "")


def listed_cases(name: str) -> set[str] | None:
    """Names in a dataset's committed split; None where it has none."""
    path = SPLITS / f"{name}.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return {row["case"] for row in csv.DictReader(lines)}


def point_to(folder: Path, dataset_names: Iterable[str], places: Places) -> list[str]:
    """Makes folders of one's own the source of datasets, by a pointer file for each.

    Args:
        folder: holds images/ and masks/ (of exactly one dataset), or sub-folders named like
            datasets that do; case, -, _ and spaces do not matter. In place of images/ and masks/
            there may be train/ and test/ that hold them.
        dataset_names: the datasets meant; all that are found, if empty.
    Returns: a line a dataset: where it now points, or that nothing here is named like it.
    Raises: MissingDataError or CatalogError naming what was found, what was expected and the
        nearest names; no pointer is written then.
    """
    named = [row_of(name) for name in dict.fromkeys(dataset_names)]
    rows = [row for row in named if not row.drawn]
    if named and not rows:
        found = f"{named[0].name} is drawn"
        raise CatalogError("--from", found, "a dataset that is read from files", "Leave it out.")
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise MissingDataError(folder, "no such folder", "a folder", "Check the path.")
    targets = _alone(folder, rows) if _pairs(folder) else _below(folder, rows)
    for target in dict.fromkeys(targets.values()):
        _check_pairs(target)
    lines = []
    for row in rows or [row_of(name) for name in targets]:
        if row.name in targets:
            write_text(places.raw / f"{row.raw}.from", f"{targets[row.name]}\n")
            for record in places.raw.glob("*.json"):  # of what was here before
                record.unlink()
        lines.append(f"{row.name}: {targets.get(row.name, f'nothing named like it in {folder}')}")
    return lines


def _pairs(folder: Path) -> list[Path]:
    """The folders that hold images/ and masks/: this one, or its train/ and test/."""
    return [
        place
        for place in (folder, folder / "train", folder / "test")
        if (place / "images").is_dir() and (place / "masks").is_dir()
    ]


def _alone(folder: Path, rows: list[Dataset]) -> dict[str, Path]:
    if len({row.raw for row in rows}) != 1:
        found = f"it holds images/ and masks/ itself, and {len(rows)} datasets are named"
        do = "Say which one it is with --dataset NAME."
        raise MissingDataError(folder, found, "exactly one dataset", do)
    return {row.name: folder for row in rows}


def _below(folder: Path, rows: list[Dataset]) -> dict[str, Path]:
    """Datasets and the sub-folders named like them."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    found: dict[str, Path] = {}
    wanted = rows or [row for row in load_catalog().values() if not row.drawn]
    for row in wanted:
        names = {_plain(name) for name in (row.name, row.title, row.raw)}
        matches = [path for path in subfolders if _plain(path.name) in names]
        if len(matches) > 1:
            both = " and ".join(path.name for path in matches)
            do = "Rename or move one of them."
            raise MissingDataError(folder, f"{both} are both {row.name}", "one folder each", do)
        if matches:
            found[row.name] = matches[0]
    if not found:
        raise _not_there(folder, [path.name for path in subfolders], wanted)
    return found


def _not_there(folder: Path, names: list[str], wanted: list[Dataset]) -> MissingDataError:
    near = [difflib.get_close_matches(row.title, names, n=1) for row in wanted]
    nearest = ", ".join(dict.fromkeys(name for match in near for name in match))
    hint = f"Nearest: {nearest}. " if nearest else ""
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    found = f"sub-folders {shown}" if names else "neither images/ and masks/ nor sub-folders"
    expected = f"folders with images/ and masks/ for {', '.join(row.name for row in wanted)}"
    return MissingDataError(folder, found, expected, f"{hint}Rename the folder like the dataset.")


def _plain(name: str) -> str:
    return name.casefold().translate(str.maketrans("", "", "-_ "))


def _check_pairs(folder: Path) -> None:
    """Every image must have a mask of the same stem."""
    from benchmark.data.folders import paired, pictures

    if not _pairs(folder):
        inside = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        do = "Put the pictures into images/ and the masks, of the same stems, into masks/."
        raise MissingDataError(folder, inside, "images/ and masks/", do)
    for pair in _pairs(folder):
        if not paired(pictures(pair / "images"), pictures(pair / "masks")):
            do = "Put the pictures there."
            raise MissingDataError(pair / "images", "no pictures", "one a case", do)
