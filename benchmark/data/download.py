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
from benchmark.core.files import Places, read_json, sha256_file, write_atomic, write_json
from benchmark.core.progress import Progress
from benchmark.data.archives import BadArchive, DiskFull, unpack
from benchmark.data.catalog import Dataset, Source
from benchmark.data.catalog import dataset as row_of
from benchmark.data.fetch import Patience, Wanted, fetch
from benchmark.data.status import count_cases, folder_of, stuck

LEDGER = Path(__file__).with_name("checksums.json")
ARCHIVES = "archives"  # below data/raw: files of which several datasets take their part
DONE = ".unpacked.json"
PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z")


def download(
    dataset: Dataset,
    raw: Path,
    progress: Progress,
    ledger: Path = LEDGER,
    patience: Patience | None = None,
) -> list[Path]:
    """Makes a dataset's raw folder complete; what is there already is not fetched again.

    An archive dropped by hand into data/raw/<raw> or data/raw/archives is checked and unpacked like
    a downloaded one.

    Args:
        dataset: a row of the catalog.
        raw: data/raw.
        ledger: checksums of files seen before, by name; added to when a file comes for the first
            time.
    Returns: what lies in the raw folder (the folder pointed to, for a pointer); [] for drawn ones.
    Raises: MissingDataError if a person has to fetch it, DownloadError for all that can go wrong
        on the way; nothing half-written is left but name.part, from which the next run goes on.
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
            for source in dataset.sources:
                job.bring(source)
            job.unpack_dropped()
        return job.result()


def fetch_all(
    names: list[str],
    places: Places,
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
            download(row_of(name), places.raw, progress, ledger, patience)
        except (DownloadError, MissingDataError) as error:
            missing.append(name)
            progress.say(str(error))
    if missing:
        found = f"{len(missing)} of {len(names)} datasets are still missing ({', '.join(missing)})"
        raise DownloadError("download", found, "all of them", "See the lines above.")


@contextmanager
def _alone(raw: Path) -> Iterator[None]:
    """Keeps a second download off the same folder."""
    raw.mkdir(parents=True, exist_ok=True)
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

    def bring(self, source: Source) -> None:
        """Finds or fetches one file and unpacks it."""
        path = self._dropped(source)
        if self._done(source.file) or (path is None and not source.urls):
            return
        fetched = path is None
        if path is None:
            path = self.raw / ARCHIVES / source.file
            self._fetch(source, path)
        else:
            self._check(source, path)
        try:
            self._put(source, path)
        except BadArchive:
            if fetched:
                path.unlink()
            raise
        self._record(source, path)

    def _put(self, source: Source, path: Path) -> None:
        if source.unpack:
            self._unpack(path, source.file, source.keep)
        elif path.parent != self.folder:
            with write_atomic(self.folder / source.file) as temporary:
                shutil.copyfile(path, temporary)

    def unpack_dropped(self) -> None:
        """Unpacks archives of other names that a person put into the dataset's folder."""
        known = {source.file for source in self.dataset.sources}
        for path in sorted(self.folder.glob("*")):
            packed = path.is_file() and path.name.lower().endswith(PACKED)
            # a RAR beside its contents was unpacked by hand
            by_hand = path.suffix.lower() in (".rar", ".7z") and self._entries()
            if packed and not by_hand and path.name not in known and not self._done(path.name):
                self._unpack(path, path.name, [])

    def result(self) -> list[Path]:
        """What lies in the folder, or what a person has to do."""
        entries = self._entries()
        if not entries:
            wanted = f"its files in {self.folder}"
            found = "not here, and no program may fetch it"
            raise MissingDataError(self.dataset.name, found, wanted, self.dataset.how)
        return entries

    def _entries(self) -> list[Path]:
        shown = [p for p in sorted(self.folder.glob("*")) if not p.name.startswith(".")]
        return [p for p in shown if p.is_dir() or not p.name.lower().endswith(PACKED)]

    def _dropped(self, source: Source) -> Path | None:
        places = (self.folder / source.file, self.raw / ARCHIVES / source.file)
        return next((path for path in places if path.is_file()), None)

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

    def _record(self, source: Source, path: Path) -> None:
        """Writes down the checksum of a file seen for the first time."""
        seen = self._seen()
        if source.sha256 is None and source.file not in seen:
            seen[source.file] = {"sha256": sha256_file(path), "bytes": path.stat().st_size}
            write_json(self.ledger, dict(sorted(seen.items())))

    def _wrong(self, path: Path, found: str, wanted: str) -> DownloadError:
        do = (
            "It is another file, or a damaged one. If the publisher has replaced it, say so in "
            f"catalog.yaml or take its line out of {self.ledger.name}."
        )
        return DownloadError(path.with_name(path.name.removesuffix(".part")), found, wanted, do)

    def _done(self, name: str) -> bool:
        """Whether a file's contents are unpacked here, and still lie here."""
        tops = self._read_done().get(name)
        return tops is not None and all((self.folder / top).exists() for top in tops)

    def _read_done(self) -> dict[str, list[str]]:
        record = self.folder / DONE
        return dict(read_json(record)) if record.is_file() else {}

    def _unpack(self, archive: Path, name: str, keep: list[str]) -> None:
        tops = unpack(archive, self.folder, keep, self.progress)
        write_json(self.folder / DONE, self._read_done() | {name: tops})
