"""Brings a dataset's files to the raw folder: found, or downloaded; checked; unpacked."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmark.core.errors import DownloadError, MissingDataError
from benchmark.core.files import (
    Paths,
    read_json,
    sha256_file,
    writable_folder,
    write_atomic,
    write_json,
)
from benchmark.core.progress import Progress
from benchmark.data.archives import BadArchive, DiskFull, unpack
from benchmark.data.catalog import Dataset, Source, load_catalog
from benchmark.data.catalog import dataset as row_of
from benchmark.data.fetch import Patience, Wanted, fetch
from benchmark.data.raw import ARCHIVES, DONE, contents, done, folder_of, unpacked, waiting
from benchmark.data.status import Count, count_cases, stuck

LEDGER = Path(__file__).with_name("checksums.json")
NESTED = 3  # archives inside archives


def download(
    dataset: Dataset,
    raw: Path,
    progress: Progress,
    ledger: Path = LEDGER,
    patience: Patience | None = None,
) -> list[Path]:
    """Makes a dataset's raw folder complete; what is there already is not fetched again.

    Archives that a person dropped into data/raw/<raw> or data/raw/archives are checked and unpacked
    first. Only what is missing after that is fetched.

    Args:
        dataset: a row of the catalog.
        raw: data/raw.
        ledger: checksums of files that gave a whole dataset, by name; added to when a file does so
            for the first time.
    Returns: what lies in the raw folder (the folder pointed to, for a pointer); [] for drawn ones.
    Raises: MissingDataError if a person has to fetch it or cases are missing in the end,
        DownloadError for all that can go wrong on the way; nothing half-written is left but
        name.part, from which the next run goes on.
    """
    if dataset.drawn:
        return []
    count, folder = count_cases(dataset, raw), folder_of(dataset, raw)
    if folder != raw / dataset.raw:
        if count.state == "here":
            return [folder]
        found = f"{count.found} cases"
        raise MissingDataError(folder, found, str(dataset.counts.total), stuck(dataset, raw))
    with _alone(raw):
        job = _Job(dataset, raw, ledger, progress, patience or Patience())
        if count.state != "here":
            count = job.complete()
        return job.result(count)


def fetch_all(
    names: list[str],
    paths: Paths,
    progress: Progress,
    ledger: Path = LEDGER,
    patience: Patience | None = None,
) -> None:
    """Downloads several datasets; one that cannot be had does not stop the others.

    Raises: DownloadError naming those that are still missing, after a line on each.
    """
    missing = []
    for name in names:
        try:
            download(row_of(name), paths.raw, progress, ledger, patience)
        except (DownloadError, MissingDataError) as error:
            missing.append(name)
            progress.say(str(error))
    if missing:
        found = f"{len(missing)} of {len(names)} datasets are still missing ({', '.join(missing)})"
        raise DownloadError("download", found, "all of them", "See the lines above.")


@contextmanager
def _alone(raw: Path) -> Iterator[None]:
    """Keeps a second download off the same folder."""
    writable_folder(raw)
    lock = FileLock(raw / ".download.lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        do = "Wait until it has ended, then run the same command again."
        raise DownloadError(raw, "another download is under way", "one at a time", do) from error


@dataclass(frozen=True)
class _Job:
    """One dataset on its way into the raw folder."""

    dataset: Dataset
    raw: Path
    ledger: Path
    progress: Progress
    patience: Patience

    @property
    def folder(self) -> Path:
        return self.raw / self.dataset.raw

    def complete(self) -> Count:
        """Unpacks what lies here, then fetches what is still missing; how far it came."""
        for _ in range(NESTED):
            for path in waiting(self.dataset, self.raw):
                source = self._source(path)
                if source is None:
                    self._unpack(path, [])
                elif not unpacked(self.folder, path):  # it may lie in two places
                    self._check(source, path)
                    self._put(source, path)
        count = count_cases(self.dataset, self.raw)
        if count.state != "here":
            for source in self.dataset.sources:
                self._bring(source)
            count = count_cases(self.dataset, self.raw)
        if count.state == "here":
            self._record()
        return count

    def _source(self, path: Path) -> Source | None:
        """What the catalog knows of an archive, by its name.

        Rows that share a folder share its archives.
        """
        shared = [row for row in load_catalog().values() if row.raw == self.dataset.raw]
        sources = [source for row in (self.dataset, *shared) for source in row.sources]
        return next((source for source in sources if source.file == path.name), None)

    def _bring(self, source: Source) -> None:
        """Finds or fetches one file and unpacks it."""
        path = self._dropped(source)
        archive = path or self.raw / ARCHIVES / source.file
        if unpacked(self.folder, archive) or (path is None and not source.urls):
            return
        if path is None:
            self._fetch(source, archive)
        else:
            self._check(source, archive)
        try:
            self._put(source, archive)
        except BadArchive:
            if path is None:
                archive.unlink()
            raise

    def _put(self, source: Source, path: Path) -> None:
        if source.unpack:
            self._unpack(path, source.keep)
        elif path.parent != self.folder:
            with write_atomic(self.folder / source.file) as temporary:
                shutil.copyfile(path, temporary)

    def result(self, count: Count) -> list[Path]:
        """What lies in the folder, if it is the whole dataset; else what a person has to do."""
        entries, how = contents(self.folder), self.dataset.how
        deeper = waiting(self.dataset, self.raw)
        if deeper and count.state != "here":
            found = f"an archive inside {NESTED} others"
            raise DownloadError(deeper[0], found, "pictures", f"Unpack it by hand. Or: {how}")
        if not entries:
            wanted = f"its files in {self.folder}"
            found = "not here, and no program may fetch it"
            raise MissingDataError(self.dataset.name, found, wanted, how)
        if count.state != "here":
            found = f"{count.found} cases ({count.problem.rstrip('.')})"
            do = f"Add what is missing, or move the folder away and start again: {how}"
            raise MissingDataError(self.folder, found, str(self.dataset.counts.total), do)
        return entries

    def _dropped(self, source: Source) -> Path | None:
        paths = (self.folder / source.file, self.raw / ARCHIVES / source.file)
        return next((path for path in paths if path.is_file()), None)

    def _fetch(self, source: Source, path: Path) -> None:
        wanted = Wanted(
            bytes=source.bytes,
            archive=source.unpack,
            summed=bool(source.sha256 or source.md5),
            check=lambda part: self._check(source, part),
        )
        failures = []
        for url in source.urls:
            try:
                return fetch(url, path, wanted, self.progress, self.patience)
            except DiskFull:
                raise
            except DownloadError as error:
                failures.append(str(error))
        where = f"{self.dataset.name}: {source.file}"
        do = f"Or by hand: {self.dataset.how}"
        raise DownloadError(where, " | ".join(failures), "one address that gives it", do)

    def _check(self, source: Source, path: Path) -> None:
        """Compares a file with what is known of it: size, MD5, SHA-256."""
        size, want = path.stat().st_size, source.bytes
        if want is not None and size != want:
            raise self._wrong(path, f"{size} bytes", f"{want} bytes")
        if source.md5 is not None:
            with path.open("rb") as file:
                md5 = hashlib.file_digest(file, "md5").hexdigest()
            if md5 != source.md5:
                raise self._wrong(path, f"MD5 {md5}", source.md5)
        known = source.sha256 or self._seen().get(source.file, {}).get("sha256")
        found = sha256_file(path) if known else None
        if found != known:
            raise self._wrong(path, f"SHA-256 {found}", str(known))

    def _seen(self) -> dict[str, dict[str, Any]]:
        return dict(read_json(self.ledger)) if self.ledger.is_file() else {}

    def _record(self) -> None:
        """Writes down the checksums of files that gave a whole dataset for the first time."""
        seen = self._seen()
        new = {}
        for source in self.dataset.sources:
            path = self._dropped(source)
            known = source.sha256 is not None or source.file in seen
            if path is not None and not known and unpacked(self.folder, path):
                new[source.file] = {"sha256": sha256_file(path), "bytes": path.stat().st_size}
        if new:
            write_json(self.ledger, dict(sorted((seen | new).items())))

    def _wrong(self, path: Path, found: str, wanted: str) -> DownloadError:
        do = (
            "It is another file, or a damaged one. If the publisher has replaced it, say so in "
            f"catalog.yaml or take its line out of {self.ledger.name}."
        )
        return DownloadError(path.with_name(path.name.removesuffix(".part")), found, wanted, do)

    def _unpack(self, archive: Path, keep: list[str]) -> None:
        tops = unpack(archive, self.folder, keep, self.progress)
        record = {"bytes": archive.stat().st_size, "tops": tops}
        write_json(self.folder / DONE, done(self.folder) | {archive.name: record})
        self.progress.say(f"{self.dataset.name}: unpacked {archive}")
