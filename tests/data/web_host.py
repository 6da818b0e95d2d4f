"""A host on this machine that answers by a script, and datasets that it serves."""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmark.core.errors import DownloadError, MixSegError
from benchmark.core.progress import Silent
from benchmark.data.catalog import Dataset
from benchmark.data.download import download
from benchmark.data.fetch import Patience

QUICK = Patience(attempts=3, wait_s=0.01, longest_s=0.05, timeout_s=(10.0, 10.0))
Step = Callable[[BaseHTTPRequestHandler], None]


def packed(names: tuple[str, ...] = ("a", "b", "c"), filler: int = 300_000) -> bytes:
    """A zip with train/ and test/, of some hundred kilobytes; the last name is tested."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            split = "test" if name == names[-1] else "train"
            archive.writestr(f"Set/{split}/images/{name}.png", os.urandom(filler // len(names)))
            archive.writestr(f"Set/{split}/masks/{name}.png", b"mask")
    return file.getvalue()


def put(folder: Path, names: str = "abc") -> None:
    """Files of cases as `packed` holds them."""
    for name in names:
        for kind in ("images", "masks"):
            path = folder / ("test" if name == "c" else "train") / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")


BODY = packed()
OTHER = packed()


def send(handler: BaseHTTPRequestHandler, code: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(code)
    for key, value in headers.items():
        handler.send_header(key, value)
    handler.end_headers()
    handler.wfile.write(body)


def serve(
    body: bytes,
    cut: int | None = None,
    etag: str | None = '"1"',
    ranges: bool = True,
    fair: bool = True,
    extra: int = 0,
) -> Step:
    """Answers with a file.

    Args:
        cut: bytes after which the connection breaks.
        ranges: whether Range is understood.
        fair: whether If-Range is.
        extra: added to the announced length.
    """

    def step(handler: BaseHTTPRequestHandler) -> None:
        asked, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        start = int(asked[6:-1]) if asked and ranges else 0
        if fair and condition is not None and condition != etag:
            start = 0
        if start >= len(body) and start:
            send(handler, 416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            return
        rest = body[start:]
        headers = {"Content-Length": str(len(rest) + extra)} | ({"ETag": etag} if etag else {})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        send(handler, 206 if start else 200, headers, rest[:cut])

    return step


def refuse(code: int, **headers: str) -> Step:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler: send(handler, code, named | {"Content-Length": "0"}, b"")


def page(html: str) -> Step:
    head = {"Content-Type": "text/html", "Content-Length": str(len(html))}
    return lambda handler: send(handler, 200, head, html.encode())


def chunked(body: bytes, whole: bool = True) -> Step:
    """No length, in chunks."""

    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        send(handler, 200, {"Transfer-Encoding": "chunked"}, b"")
        for at in range(0, len(body), 50_000):
            piece = body[at : at + 50_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if whole:
            handler.wfile.write(b"0\r\n\r\n")

    return step


class Host:
    """A host whose paths answer by a list of steps; the last one is repeated."""

    def __init__(self) -> None:
        self.plans: dict[str, list[Step]] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                ranges = self.headers.get("Range"), self.headers.get("If-Range")
                outer.asked.append((path, *ranges))
                plan = outer.plans.get(path, [refuse(404)])
                (plan.pop(0) if len(plan) > 1 else plan[0])(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def ranges(self) -> list[str | None]:
        return [asked[1] for asked in self.asked]


def row(*sources: dict[str, Any], **fields: Any) -> Dataset:
    about: dict[str, Any] = {
        "name": "set",
        "title": "Set",
        "modality": "fundus",
        "layout": "folder",
        "raw": "set",
        "access": "plain",
        "sources": list(sources),
        "how": "Click there and drop set.zip into data/raw/set.",
        "licence": "none",
        "citation": "none",
        "homepage": "https://example.org",
        "counts": {"train": 2, "test": 1},
    }
    return Dataset.model_validate(about | fields)


def one(host: Host, *paths: str, **fields: Any) -> Dataset:
    urls = [f"{host.url}/{path}" for path in paths or ("set.zip",)]
    return row({"file": "set.zip", "urls": urls} | fields)


def get(dataset: Dataset, raw: Path, patience: Patience = QUICK) -> list[Path]:
    return download(dataset, raw, Silent(), raw.parent / "checksums.json", patience)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def files(raw: Path) -> set[str]:
    """All files below the raw folder but the lock."""
    found = {p.relative_to(raw).as_posix() for p in raw.rglob("*") if p.is_file()}
    return found - {".download.lock"}


def complete(raw: Path) -> bool:
    return sorted(p.name for p in (raw / "set/Set").glob("*/images/*")) == [
        "a.png",
        "b.png",
        "c.png",
    ]


def fails(
    dataset: Dataset,
    raw: Path,
    *parts: str,
    left: set[str] | None = None,
    kind: type[MixSegError] = DownloadError,
) -> str:
    """The download must fail with a named error that holds these parts, and leave only `left`."""
    with pytest.raises(kind) as error:
        get(dataset, raw)
    text = str(error.value)
    assert all(part in text for part in parts), text
    assert files(raw) == (left or set())
    return text


PART = {"archives/set.zip.part", "archives/set.zip.part.json"}
