"""Pointers: folders of one's own as the source of datasets."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from benchmark.core.errors import CatalogError, MissingDataError
from benchmark.core.files import Paths
from benchmark.data.catalog import CATALOG, Dataset, load_catalog
from benchmark.data.catalog import dataset as row_of
from benchmark.data.mask_rules import ListedCodes
from benchmark.data.pointer_file import Pointer, write_pointer
from benchmark.data.status import count_cases
from benchmark.data.tree import plain


def point_to(
    folder: Path,
    dataset_names: Iterable[str],
    paths: Paths,
    *,
    force: bool = False,
    codes: ListedCodes | None = None,
) -> list[str]:
    """Makes folders of one's own the source of datasets, by a pointer file for each.

    Args:
        folder: holds one dataset, as published or as images/ and masks/, or sub-folders named like
            datasets that do; case, -, _ and spaces do not matter. In place of images/ and masks/
            there may be train/ and test/ that hold them.
        dataset_names: the datasets meant; all that are found, if empty.
        force: whether a pointer is written to a folder whose cases are not those of the dataset.
        codes: how the masks are read; None for the usual rule.
    Returns: a line a dataset: where it now points and what was passed over there, or that nothing
        here is named like it.
    Raises: MissingDataError, ImageError or CatalogError naming what was found, what was expected
        and the nearest names; no pointer is written or changed then.
    """
    named = [row_of(name) for name in dict.fromkeys(dataset_names)]
    rows = [row for row in named if not row.drawn]
    if own := next((row for row in rows if row.own), None):
        found = f"{own.name} is a dataset of your own"
        raise CatalogError("--from", found, "a dataset of catalog.yaml", own.how)
    if named and not rows:
        found = f"{named[0].name} is drawn"
        raise CatalogError("--from", found, "a dataset that is read from files", "Leave it out.")
    folder = folder.expanduser().resolve()
    if not folder.is_dir() or "\n" in str(folder):
        found = "a line break in its name" if folder.is_dir() else "no such folder"
        raise MissingDataError(repr(str(folder)), found, "a folder", "Check the path.")
    targets = _targets(folder, rows)
    over = _check(targets, paths.raw, force)
    lines = []
    for row in rows or [row_of(name) for name in targets]:
        target = targets.get(row.name)
        if target is None:
            lines.append(f"{row.name}: nothing named like it in {folder}")
            continue
        write_pointer(paths.raw, row.raw, Pointer(target, codes))
        said = [str(target), *([str(codes)] if codes else [])]
        said += [f"passed over {over[row.name]}"] if over[row.name] else []
        lines.append(f"{row.name}: {'; '.join(said)}")
    return lines


def _targets(folder: Path, rows: list[Dataset]) -> dict[str, Path]:
    from benchmark.data.published import holds_own

    return _alone(folder, rows) if holds_own(folder) else _below(folder, rows)


def _check(targets: dict[str, Path], raw: Path, force: bool) -> dict[str, str]:
    """Refuses folders that cannot be read, and other pictures than those of the dataset.

    Where rows of the catalog share a folder, it is enough that the folder fits one of them.

    Returns: by dataset, what is passed over in its folder.
    """
    from benchmark.data.layouts import raw_folder

    wrong: dict[str, list[str]] = {}
    over = {}
    fits = set()
    for name, target in targets.items():
        row = row_of(name)
        raw_folder(row, raw, target)
        count = count_cases(row, raw, target)
        over[name] = count.over
        if count.state == "here":
            fits.add(row.raw)
        wrong.setdefault(row.raw, []).append(f"{target} is not {row.title}: {count.problem}")
    problems = [text for shared, texts in wrong.items() for text in texts if shared not in fits]
    if problems and not force:
        expected = "the cases that the catalog and its lists of splits name"
        do = (
            "No pointer was changed. Name another folder, or use your own pictures with `mixseg "
            "new-dataset`. --force points there in any case, but `mixseg prepare` needs all cases."
        )
        raise MissingDataError("--from", " ".join(problems).rstrip("."), expected, do)
    return over


def _alone(folder: Path, rows: list[Dataset]) -> dict[str, Path]:
    if len({row.raw for row in rows}) != 1:
        found = f"it holds images/ and masks/ itself, and {len(rows)} datasets are named"
        do = "Say which one it is with --dataset NAME."
        raise MissingDataError(folder, found, "exactly one dataset", do)
    return {row.name: folder for row in rows}


def _below(folder: Path, rows: list[Dataset]) -> dict[str, Path]:
    """Datasets and the sub-folders named like them, or the folder itself for one as published."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    found: dict[str, Path] = {}
    wanted = rows or [row for row in load_catalog(CATALOG).values() if not row.drawn]
    for row in wanted:
        names = {plain(name) for name in (row.name, row.title, row.raw)}
        matches = [path for path in subfolders if plain(path.name) in names]
        if len(matches) > 1:
            both = " and ".join(path.name for path in matches)
            do = "Rename or move one of them."
            raise MissingDataError(folder, f"{both} are both {row.name}", "one folder each", do)
        if matches:
            found[row.name] = matches[0]
    if not found and len({row.raw for row in rows}) == 1:
        found = {row.name: folder for row in rows if _as_published(row, folder)}
    if not found:
        raise _not_there(folder, subfolders, wanted)
    return found


def _as_published(row: Dataset, folder: Path) -> bool:
    from benchmark.data.layouts import raw_folder

    try:
        raw_folder(row, folder, folder)
    except MissingDataError:
        return False
    return True


def _not_there(folder: Path, subfolders: list[Path], wanted: list[Dataset]) -> MissingDataError:
    names = [path.name for path in subfolders]
    near = [difflib.get_close_matches(row.title, names, n=1) for row in wanted]
    nearest = ", ".join(dict.fromkeys(name for match in near for name in match))
    hint = f"Nearest: {nearest}. " if nearest else ""
    shown = ", ".join(map(_with_folders, subfolders[:12])) + (", ..." if len(names) > 12 else "")
    found = f"sub-folders {shown}" if names else "neither images/ and masks/ nor sub-folders"
    expected = f"folders with images/ and masks/ for {', '.join(row.name for row in wanted)}"
    do = f"{hint}Rename the folder like the dataset."
    if len({row.raw for row in wanted}) == 1:
        expected = f"images/ and masks/, also in train/ and test/, or a folder {wanted[0].name}"
        do = f"{hint}Rename the folders."
    return MissingDataError(folder, found, expected, do)


def _with_folders(path: Path) -> str:
    """The name of a sub-folder; of train/ and test/ also what they hold."""
    if path.name.lower() not in ("train", "test"):
        return path.name
    inside = sorted(each.name for each in path.iterdir() if each.is_dir())
    return f"{path.name} ({', '.join(inside[:4]) or 'no folders'})"
