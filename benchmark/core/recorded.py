"""The digests of results as they were written, and what was edited or damaged since.

**Conventions**

1. `results/<mix>/digests.csv` holds a line a run, sorted: group, method, seed and the SHA-256 of
   its run.json. A file of the whole mix (data.json, leaks.csv, leaks.json) has a line too, with
   its name as the group. run.json lists in `files` the SHA-256 of the other files of its run.
2. The line ends of text files count as Unix line ends.
3. A file that is listed nowhere cannot be checked, and is used as it is.
4. This finds accidents, not forgery: whoever edits a file on purpose can edit its digest too.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from benchmark.core.digests import digest_of
from benchmark.core.errors import StoreError
from benchmark.core.files import Paths, writable_folder, write_text

DIGESTS = "digests.csv"
HEADER = ("group", "method", "seed", "sha256")
RUN = "run.json"
EDITED = "edited since it was written"
SHORT = 16  # digits of a digest in messages


@dataclass(frozen=True)
class Edited:
    """A file whose digest is not the one that was recorded when it was written."""

    path: Path
    found: str
    recorded: str

    def __str__(self) -> str:
        found, recorded = self.found[:SHORT], self.recorded[:SHORT]
        return f"{EDITED}: {self.path.name} has digest {found}, recorded was {recorded}"


def edited(path: Path, recorded: str | None) -> Edited | None:
    """What became of a file; None if it is as recorded, or nothing was recorded, or it is gone."""
    if not recorded or not path.is_file():
        return None
    found = digest_of(path)
    return Edited(path, found, recorded) if found != recorded else None


def check(path: Path, recorded: str | None, do: str) -> None:
    """Refuses a file that is not as it was written.

    Args:
        recorded: its digest; None cannot be checked.
        do: the way out, a sentence.

    Raises: StoreError naming the file and both digests.
    """
    found = edited(path, recorded)
    if found:
        problem = f"{EDITED}, its digest is {found.found[:SHORT]}"
        raise StoreError(path, problem, f"the recorded digest {found.recorded[:SHORT]}", do)


def listed(results: Path) -> dict[str, str]:
    """What digests.csv lists: digest by path in the folder results/<mix>; empty without the file.

    A line that cannot be read is passed over.
    """
    path = results / DIGESTS
    if not path.is_file():
        return {}
    return listed_in(path.read_text(encoding="utf-8", errors="replace"))


def listed_in(text: str) -> dict[str, str]:
    """The same of the text of a digests.csv."""
    lines = io.StringIO(text.replace("\0", ""))
    rows = [row for row in csv.reader(lines) if len(row) == len(HEADER)]
    return {_path(*row[:3]): row[3] for row in rows if tuple(row) != HEADER}


def note(paths: Paths, mix: str, *written: Path) -> None:
    """Lists the digests of files of results/<mix>, and drops the lines of files that are gone."""
    results = paths.results(mix)
    with FileLock(writable_folder(paths.digests) / f"{mix}.lock"):
        new = {path.relative_to(results).as_posix(): digest_of(path) for path in written}
        known = {name: sha for name, sha in listed(results).items() if (results / name).is_file()}
        lines = sorted((*_key(name), sha) for name, sha in {**known, **new}.items())
        text = "".join(f"{','.join(line)}\n" for line in (HEADER, *lines))
        write_text(results / DIGESTS, text)


def _path(group: str, method: str, seed: str) -> str:
    return run_path(group, method, seed) if method else group


def run_path(group: str, method: str, seed: int | str) -> str:
    """The path of a run's record in results/<mix>."""
    return f"{group}/{method}/seed-{seed}/{RUN}"


def _key(name: str) -> tuple[str, str, str]:
    parts = name.split("/")
    return (parts[0], parts[1], parts[2].removeprefix("seed-")) if parts[1:] else (name, "", "")


def files_of(record: Mapping[str, object]) -> dict[str, str]:
    """Digest by name of the files that a run.json lists."""
    files = record.get("files")
    return {str(k): str(v) for k, v in files.items()} if isinstance(files, dict) else {}
