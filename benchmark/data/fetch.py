"""One file over HTTP: streamed, resumed after a break, never spliced from two versions."""

import contextlib
import email.utils
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from benchmark.core.errors import DownloadError, StoreError
from benchmark.core.files import writable_folder, write_json
from benchmark.core.progress import Progress
from benchmark.data.archives import FULL, MIB, disk_full, page_kind

CHUNK = 64 * 1024  # what a break may lose
LARGEST = 256 * 2**30
BUSY = (408, 425, 429, 500, 502, 503, 504)
AGENT = "mixseg"


@dataclass(frozen=True)
class Patience:
    """How long a host is waited for.

    Attributes:
        attempts: in a row that bring nothing new, before the next mirror.
        wait_s, longest_s: first pause, doubled each time, and its bound; Retry-After's too.
        timeout_s: to connect, and between two pieces.
    """

    attempts: int = 5
    wait_s: float = 1.0
    longest_s: float = 60.0
    timeout_s: tuple[float, float] = (20.0, 60.0)


@dataclass(frozen=True)
class Wanted:
    """What is known of a file before it comes.

    Attributes:
        bytes: its exact size, if known.
        archive: whether a web page in its place is an error.
        summed: whether its checksum is known, so that a splice would be noticed.
        check: looks at the whole file before it gets its name; raises DownloadError.
    """

    bytes: int | None
    archive: bool
    summed: bool
    check: Callable[[Path], None]


class _Broken(Exception):
    """An attempt that may go on where it stopped, after a pause if the host named one."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class _Part:
    """The beginning of a file (name.part), and what its host said of it (name.part.json)."""

    def __init__(self, to: Path) -> None:
        self.path = to.with_name(f"{to.name}.part")
        self.told = to.with_name(f"{to.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def read(self) -> dict[str, str]:
        try:
            told = json.loads(self.told.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.told.unlink(missing_ok=True)


def fetch(url: str, to: Path, wanted: Wanted, progress: Progress, patience: Patience) -> None:
    """Downloads a file, or what is missing of it, to `to`.

    A break leaves name.part beside it for the next run, Ctrl-C included; a full disk or a wrong
    file leaves nothing.

    Raises: DownloadError naming the address and what to do.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError(url, "another scheme", "http or https", "Mend the address.")
    writable_folder(to.parent)
    part, best, failures = _Part(to), -1, 0
    with requests.Session() as session:
        while True:
            try:
                _attempt(session, _Attempt(url, part, wanted, patience), progress)
                break
            except _Broken as broken:
                failures = failures + 1 if part.size <= best else 1
                best = max(best, part.size)
                if failures >= patience.attempts:
                    do = "What came is kept; run the same command again to go on from there."
                    found = f"{broken} ({failures} attempts in a row brought nothing new)"
                    raise DownloadError(url, found, "the whole file", do) from broken
                pause = broken.wait_s
                if pause is None:
                    pause = patience.wait_s * 2 ** (failures - 1)
                time.sleep(min(pause, patience.longest_s))
    try:
        wanted.check(part.path)
    except DownloadError:
        part.drop()
        raise
    part.path.replace(to)
    part.told.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Attempt:
    url: str
    part: _Part
    wanted: Wanted
    patience: Patience

    def headers(self) -> dict[str, str]:
        """Range and If-Range where what is there can be added to, else none."""
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        told = self.part.read()
        validator = _validator(told)
        if self.part.size and told.get("url") == self.url and (validator or self.wanted.summed):
            headers["Range"] = f"bytes={self.part.size}-"
            if validator:
                headers["If-Range"] = validator
        return headers


def _validator(told: dict[str, str]) -> str | None:
    """The tag or date that shows a file unchanged; a weak tag does not (RFC 9110, 13.1.5)."""
    tag = told.get("etag", "")
    return tag if tag and not tag.startswith("W/") else told.get("last-modified")


def _attempt(session: requests.Session, attempt: _Attempt, progress: Progress) -> None:
    asked = attempt.headers()
    timeout = attempt.patience.timeout_s
    with (
        _network_errors(attempt.url),
        session.get(attempt.url, stream=True, headers=asked, timeout=timeout) as response,
    ):
        if response.status_code == 416 and "Range" in asked:
            _whole_already(attempt, response)
        else:
            _check_status(attempt.url, response)
            offset = _offset(attempt, response) if response.status_code == 206 else 0
            _receive(attempt, response, offset, progress)


@contextlib.contextmanager
def _network_errors(url: str) -> Iterator[None]:
    try:
        yield
    except requests.exceptions.SSLError as error:
        do = "Fetch it with a browser, if you trust the host, and drop it where the catalog says."
        found = f"no trusted connection ({error.args[0]})"
        raise DownloadError(url, found[:300], "a valid certificate", do) from error
    except (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
        urllib3.exceptions.HTTPError,
    ) as error:
        raise _Broken(f"the connection broke ({_cause(error)})") from error
    except (requests.RequestException, ValueError) as error:
        found = f"no request was possible ({' '.join(str(error).split())[:200]})"
        raise DownloadError(url, found, "a file", "Check the address in a browser.") from error


def _cause(error: Exception) -> str:
    """What broke a connection, without the layers of urllib3 around it."""
    while inner := [
        each
        for each in (getattr(error, "reason", None), *error.args)
        if isinstance(each, Exception)
    ]:
        error = inner[0]
    text = " ".join(str(error).split())
    return re.sub(r"^\S*Connection\S*\(.*?\): ", "", text)[:200]


def _whole_already(attempt: _Attempt, response: requests.Response) -> None:
    """416 says that nothing is missing, or that the file is not the one begun."""
    size, told = str(attempt.part.size), attempt.part.read().get("total")
    if response.headers.get("Content-Range") != f"bytes */{size}" or (told or size) != size:
        attempt.part.drop()
        raise _Broken("the host does not know how long the file is; starting again", 0.0)


def _check_status(url: str, response: requests.Response) -> None:
    code = response.status_code
    if code in (200, 206):
        return
    if code in BUSY:
        raise _Broken(f"the host answered {code}", _retry_after(response.headers))
    answers = {
        401: "It wants a login; fetch it by hand as the catalog says.",
        403: "It may want a browser or a click; fetch it by hand as the catalog says.",
        404: "It has moved; look for it on the dataset's homepage.",
    }
    do = answers.get(code, "Open the address in a browser to see why.")
    raise DownloadError(url, f"the host answered {code} {response.reason}".strip(), "a file", do)


def _retry_after(headers: CaseInsensitiveDict[str]) -> float | None:
    """Seconds the host asks to wait, given as a number or as a date."""
    value = headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def _offset(attempt: _Attempt, response: requests.Response) -> int:
    """Where the host goes on, once it is sure that it goes on in the same file."""
    told, size = attempt.part.read(), attempt.part.size
    match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    same = match is not None and int(match[1]) == size
    same = same and told.get("etag", "") == response.headers.get("ETag", "")
    if match and match[2] != "*" and told.get("total"):
        same = same and match[2] == told["total"]
    if not same:
        attempt.part.drop()
        raise _Broken("the file changed since the last attempt; starting again", 0.0)
    return size


def _total(response: requests.Response, offset: int) -> int | None:
    """Bytes of the whole file; None where the host does not say."""
    length = response.headers.get("Content-Length", "")
    return offset + int(length) if length.isdigit() else None


def _receive(
    attempt: _Attempt, response: requests.Response, offset: int, progress: Progress
) -> None:
    part, total = attempt.part, _total(response, offset)
    _check_total(attempt, total, offset)
    # as sent: some hosts call a .tar.gz an encoded .tar, which requests would decode
    pieces = response.raw.stream(CHUNK, decode_content=False)
    first = next(pieces, b"")
    page = page_kind(first) if attempt.wanted.archive and not offset else None
    if page:
        do = "Open it in a browser, download the file there, and drop it where the catalog says."
        raise DownloadError(attempt.url, page, "an archive", do)
    told = {key: response.headers.get(key, "") for key in ("etag", "last-modified")}
    told |= {"url": attempt.url, "total": str(total or "")}
    try:
        if not offset:  # so that a break between the two cannot join two versions
            part.path.write_bytes(b"")
        write_json(part.told, told)
        with progress.task(f"download {part.path.stem}", total and total // MIB, "MiB") as task:
            task.advance(offset // MIB)
            with part.path.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.truncate()
                for piece in _bounded(attempt, first, pieces):
                    before = file.tell() // MIB
                    file.write(piece)
                    task.advance(file.tell() // MIB - before)
    except (OSError, StoreError) as error:
        if isinstance(error, OSError) and error.errno not in FULL:
            raise
        part.drop()
        raise disk_full(attempt.url, part.path.parent, total) from error
    if total is not None and part.size != total:
        raise _Broken(f"{part.size} of {total} bytes came")


def _bounded(attempt: _Attempt, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    came = len(first)
    yield first
    for piece in rest:
        came += len(piece)
        if came > (attempt.wanted.bytes or LARGEST):
            attempt.part.drop()
            found = f"more than {attempt.wanted.bytes or LARGEST} bytes"
            raise DownloadError(attempt.url, found, "an end", "Check the address in a browser.")
        yield piece


def _check_total(attempt: _Attempt, total: int | None, offset: int) -> None:
    wanted = attempt.wanted.bytes
    if total is not None and wanted is not None and total != wanted:
        attempt.part.drop()
        do = "The publisher may have replaced it; look at the dataset's homepage."
        found = f"the host announces {total} bytes"
        raise DownloadError(attempt.url, found, f"{wanted} bytes", do)
    folder = attempt.part.path.parent
    if total is not None and total - offset > shutil.disk_usage(folder).free:
        raise disk_full(attempt.url, folder, total - offset)
