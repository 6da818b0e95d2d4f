"""The record of the raw data of a mix, results/<mix>/raw.json: a digest of each dataset's files.

A file that was corrected changes the record, so that the next `dvc repro` prepares the mix again.
The record covers the content of the files, and which case and split each belongs to. It names no
folder of this machine: the same files give the same record wherever they lie.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.digests import KeptDigests
from benchmark.core.errors import ImageError, MissingDataError
from benchmark.core.files import Paths, digest, read_json, write_json
from benchmark.core.progress import Progress
from benchmark.core.request import RAW
from benchmark.data.catalog import Dataset
from benchmark.data.layouts import raw_folder
from benchmark.data.mask_rules import ListedCodes
from benchmark.data.raw import contents, folder_of
from benchmark.data.splits import assign

SHOWN = 3  # names of files in a line


@dataclass(frozen=True)
class Seen:
    """One dataset as it lies on this machine.

    Attributes:
        entry: of the record; None where the dataset is not here whole.
        text: what was found, in words.
        changed: files that differ from the last look on this machine.
    """

    entry: dict[str, Any] | None
    text: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """What was found of the raw data of a mix.

    Attributes:
        entries: of the record, by dataset.
        lines: what was found, a line a dataset.
    """

    mix: str
    entries: dict[str, dict[str, Any]]
    lines: list[str]

    def digests(self) -> dict[str, str]:
        """The digest of each dataset."""
        return {name: str(entry["digest"]) for name, entry in self.entries.items()}

    def write(self, paths: Paths) -> None:
        """Writes the record unless it is there already."""
        path, value = paths.results(self.mix) / RAW, {"mix": self.mix, "datasets": self.entries}
        if not path.is_file() or read_json(path) != value:
            write_json(path, value)


def look(mix_name: str, rows: Iterable[Dataset], paths: Paths, progress: Progress) -> Record:
    """Looks at the raw data of a mix; only files that changed since the last look are read.

    A dataset that is not here whole keeps the entry that it has, so that the record of a clone
    without raw data stays as it is.

    Args:
        rows: the datasets of the mix.
    """
    path = paths.results(mix_name) / RAW
    before = read_json(path)["datasets"] if path.is_file() else {}
    entries, lines = {}, []
    for row in rows:
        if row.drawn:
            continue
        had = before.get(row.name)
        seen = _look(row, paths, progress)
        entry = seen.entry or had
        if entry:
            entries[row.name] = entry
        lines.append(f"{row.name}: {_told(seen, had)}")
    none = f"{mix_name}: every dataset is drawn; there are no raw data"
    return Record(mix_name, entries, lines or [none])


def _told(seen: Seen, had: dict[str, Any] | None) -> str:
    if seen.entry is None:
        return f"{seen.text}; " + ("its record stays as it is" if had else "it has no record yet")
    if had is None:
        return f"{seen.text}, recorded"
    if had == seen.entry:
        return f"{seen.text}, as recorded"
    more = len(seen.changed) - SHOWN
    names = ", ".join(seen.changed[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    which = f" (changed: {names})" if names else ""
    return f"{seen.text}, other than recorded{which}; recorded anew"


def _look(row: Dataset, paths: Paths, progress: Progress) -> Seen:
    try:
        folder = folder_of(row, paths.raw)
        if not folder.is_dir() or not contents(folder):
            return Seen(None, f"not here ({folder})")
        return _whole(row, paths, progress)
    except (MissingDataError, ImageError) as error:
        return Seen(None, f"not here whole: {error.problem.rstrip('.')}")
    except OSError as error:
        return Seen(None, f"not here whole: {error.filename}: {error.strerror}")


def _whole(row: Dataset, paths: Paths, progress: Progress) -> Seen:
    found = raw_folder(row, paths.raw)
    used, left_out = assign(row.name, row.counts, found.cases)
    cases = [*used, *left_out]
    files = list(dict.fromkeys(file for case in cases for file in (case.image, *case.masks)))
    kept = KeptDigests(paths.digests / f"raw-{row.name}.json")
    with progress.task(f"look at {row.name}", len(files), "files") as task:
        sha256 = dict(zip(files, kept.of(files, task.advance), strict=True))
    covered = [
        [case.case, case.group, case.split, case.outline, sha256[case.image],
         *(sha256[mask] for mask in case.masks)]
        for case in cases
    ]  # fmt: skip
    entry = {
        "cases": len(cases),
        "files": len(files),
        "read_as": found.form.describes,
        **({"codes": str(found.rule)} if isinstance(found.rule, ListedCodes) else {}),
        "digest": digest([found.form.describes, repr(found.rule), covered]),
    }
    return Seen(entry, f"{len(cases)} cases in {len(files)} files", tuple(_names(kept, found.root)))


def _names(kept: KeptDigests, root: Path) -> Iterator[str]:
    """The changed files, relative to the folder of the dataset."""
    for path in kept.changed:
        yield (path.relative_to(root) if root in path.parents else path).as_posix()
