"""One file over HTTP: breaks, changes, lies, refusals, pages in its place, a full disk."""

import contextlib
import gzip
import json
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from web_host import (
    BODY,
    OTHER,
    PART,
    QUICK,
    Host,
    Step,
    chunked,
    complete,
    fails,
    files,
    get,
    one,
    page,
    put,
    refuse,
    row,
    send,
    serve,
    sha256,
)

from benchmark.core.errors import DownloadError, MissingDataError, MixSegError
from benchmark.core.progress import Silent, Task
from benchmark.data import fetch as fetching
from benchmark.data.download import download
from benchmark.data.fetch import Patience


def test_a_break_is_resumed(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=200_000), serve(BODY, cut=70_000), serve(BODY)]
    get(one(host), raw)
    assert complete(raw)
    starts = [int(asked[6:-1]) for asked in host.ranges if asked]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(BODY)
    assert [asked[2] for asked in host.asked] == [None, '"1"', '"1"']


def test_a_host_that_ignores_range_is_read_from_the_start(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=200_000), serve(BODY, ranges=False)]
    get(one(host, sha256=sha256(BODY)), raw)
    assert complete(raw)
    assert host.ranges[1] is not None


@pytest.mark.parametrize("fair", [True, False], ids=["If-Range", "no If-Range"])
def test_a_file_that_changed_is_not_spliced(host: Host, raw: Path, fair: bool) -> None:
    new = serve(OTHER, etag='"2"', fair=fair)
    host.plans["set.zip"] = [serve(BODY, cut=200_000), new]
    get(one(host, sha256=sha256(OTHER)), raw)
    assert complete(raw)


def test_without_a_tag_and_a_checksum_nothing_is_resumed(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=200_000, etag=None), serve(OTHER, etag=None)]
    get(one(host), raw)
    assert host.ranges == [None, None]
    assert complete(raw)


def test_without_a_tag_a_checksum_allows_to_resume(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=200_000, etag=None), serve(BODY, etag=None)]
    get(one(host, sha256=sha256(BODY)), raw)
    assert host.ranges[1] is not None
    assert complete(raw)


def test_a_splice_is_noticed_by_its_checksum(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=200_000, etag=None), serve(OTHER, etag=None)]
    fails(one(host, sha256=sha256(BODY)), raw, "SHA-256", sha256(BODY))


def test_a_weak_tag_does_not_allow_to_resume(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=200_000, etag='W/"1"'), serve(BODY, etag='W/"1"')]
    get(one(host), raw)
    assert host.ranges == [None, None]


def test_a_part_that_is_whole_gets_its_name(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    (raw / "archives").mkdir(parents=True)
    (raw / "archives/set.zip.part").write_bytes(BODY)
    told = {"url": f"{host.url}/set.zip", "etag": '"1"'}
    (raw / "archives/set.zip.part.json").write_text(json.dumps(told))
    get(one(host), raw)
    assert host.ranges == [f"bytes={len(BODY)}-"]
    assert complete(raw)


@pytest.mark.parametrize("told", ["", "{", "[]", '{"url": "http://elsewhere/"}'])
def test_a_part_of_unknown_origin_is_started_again(host: Host, raw: Path, told: str) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    (raw / "archives").mkdir(parents=True)
    (raw / "archives/set.zip.part").write_bytes(b"rubbish")
    (raw / "archives/set.zip.part.json").write_text(told)
    get(one(host), raw)
    assert host.ranges == [None]
    assert complete(raw)


def test_a_part_longer_than_the_file_is_started_again(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    (raw / "archives").mkdir(parents=True)
    (raw / "archives/set.zip.part").write_bytes(BODY + b"more")
    told = {"url": f"{host.url}/set.zip", "etag": '"1"'}
    (raw / "archives/set.zip.part.json").write_text(json.dumps(told))
    get(one(host), raw)
    assert complete(raw)


def test_a_host_that_breaks_off_for_ever(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, cut=0)]
    fails(one(host), raw, "127.0.0.1", "3 attempts in a row brought nothing new", "Or by hand")
    host.plans["set.zip"] = [serve(BODY, cut=200_000), serve(BODY, cut=0)]
    fails(one(host), raw, "run the same command again", left=PART)
    host.plans["set.zip"] = [serve(BODY)]
    get(one(host), raw)
    assert complete(raw)
    assert host.ranges[-1] is not None, "the next run goes on from the part"


def test_a_host_that_announces_more_than_it_has(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, extra=1000)]
    fails(one(host), raw, "attempts in a row", left=PART)


def test_a_host_that_announces_less_than_it_has(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY, extra=-1000)]
    fails(one(host), raw, "truncated or damaged", "Nothing was unpacked")
    assert not (raw.parent / "checksums.json").exists(), "a damaged file's sum is not recorded"
    fails(one(host, sha256=sha256(BODY)), raw, "SHA-256")


def test_a_size_that_is_not_the_catalogs(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    fails(one(host, bytes=5), raw, f"the host announces {len(BODY)} bytes", "expected 5 bytes")
    host.plans["set.zip"] = [chunked(BODY)]
    fails(one(host, bytes=5), raw, "more than 5 bytes")
    fails(one(host, bytes=2 * len(BODY)), raw, f"{len(BODY)} bytes", f"{2 * len(BODY)} bytes")


def test_no_length_at_all(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [chunked(BODY)]
    get(one(host, bytes=len(BODY)), raw)
    assert complete(raw)


def test_chunks_that_break_off(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [chunked(BODY, whole=False), chunked(BODY)]
    get(one(host), raw)
    assert complete(raw)


@pytest.mark.parametrize(
    ("code", "do"),
    [(401, "wants a login"), (403, "a browser or a click"), (404, "has moved"), (418, "see why")],
)
def test_refusals_are_not_repeated(host: Host, raw: Path, code: int, do: str) -> None:
    host.plans["set.zip"] = [refuse(code)]
    fails(one(host), raw, f"answered {code}", do, f"{host.url}/set.zip")
    assert len(host.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_host_is_asked_again(host: Host, raw: Path, code: int) -> None:
    host.plans["set.zip"] = [refuse(code), refuse(code), serve(BODY)]
    get(one(host), raw)
    assert complete(raw)


def test_a_host_that_stays_busy(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [refuse(503)]
    fails(one(host), raw, "answered 503", "3 attempts in a row")
    assert len(host.asked) == 3


def test_retry_after_is_honoured_within_a_bound(
    host: Host, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(fetching.time, "sleep", pauses.append)
    soon = formatdate(time.time() + 20, usegmt=True)
    host.plans["set.zip"] = [
        refuse(429, Retry_After="7"),
        refuse(503, Retry_After=soon),
        refuse(503, Retry_After="99999"),
        refuse(503, Retry_After="soon"),
        refuse(503),
        serve(BODY),
    ]
    get(one(host), raw, Patience(attempts=9, wait_s=1.0, longest_s=60.0))
    assert pauses[0] == 7.0
    assert 15.0 < pauses[1] <= 20.0
    assert pauses[2:] == [60.0, 8.0, 16.0]  # the bound; then back-off of the 4th and 5th failure


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<!DOCTYPE html><title>Google Drive - Virus scan warning</title>", "about viruses"),
        ("<html>Google Drive - Quota exceeded", "about its quota"),
        ("<html><form><input type='password'>", "a login page"),
        ("<html>Welcome", "a web page"),
    ],
)
def test_a_page_in_place_of_an_archive(host: Host, raw: Path, html: str, found: str) -> None:
    host.plans["set.zip"] = [page(html)]
    fails(one(host), raw, found, "expected an archive", "browser", "Or by hand")


def test_no_archive_at_all(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(b"GIF89a")]
    fails(one(host), raw, "no archive", "expected zip, tar or tar.gz")


def test_nobody_listens(raw: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{server.server_address[1]}/set.zip"
    server.server_close()
    text = fails(row({"file": "set.zip", "urls": [url]}), raw, "the connection broke", url)
    assert "Connection refused" in text
    assert "object at" not in text
    assert "pool" not in text


def test_a_connection_that_cannot_be_trusted(host: Host, raw: Path) -> None:
    url = f"{host.url}/set.zip".replace("http:", "https:")
    text = fails(row({"file": "set.zip", "urls": [url]}), raw, "no trusted connection", "browser")
    assert "attempts" not in text


def test_a_file_is_kept_as_sent(host: Host, raw: Path) -> None:
    """A host that calls a gzip file an encoded one must not have it decoded."""
    body = gzip.compress(b"not a tar")
    head = {"Content-Encoding": "x-gzip", "Content-Length": str(len(body))}
    host.plans["set.csv.gz"] = [lambda handler: send(handler, 200, head, body)]
    source = {"file": "set.csv.gz", "urls": [f"{host.url}/set.csv.gz"], "unpack": False}
    put(raw / "set", "ab")
    with pytest.raises(MissingDataError, match="2 cases"):  # no pictures came
        get(row(source | {"sha256": sha256(body)}), raw)
    assert (raw / "set/set.csv.gz").read_bytes() == body


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/set.zip", "file:///etc/passwd"])
def test_only_http(host: Host, raw: Path, target: str) -> None:
    host.plans["set.zip"] = [refuse(302, Location=target)]
    fails(one(host), raw, "no request was possible")
    wanted = fetching.Wanted(None, True, False, lambda path: None)
    with pytest.raises(DownloadError, match="expected http or https"):
        fetching.fetch(target, raw / "x", wanted, Silent(), QUICK)


def test_a_redirect_is_followed(host: Host, raw: Path) -> None:
    host.plans |= {"set.zip": [refuse(302, Location="/there")], "there": [serve(BODY)]}
    get(one(host), raw)
    assert complete(raw)


def test_ctrl_c_keeps_the_part(host: Host, raw: Path) -> None:
    class Interrupted(Task):
        count = 0

        def advance(self, n: int = 1, note: str = "") -> None:
            self.count += 1
            if self.count == 4:
                raise KeyboardInterrupt

    class Progress(Silent):
        def task(self, title: str, total: int | None, unit: str = "") -> Any:
            return contextlib.nullcontext(Interrupted())

    host.plans["set.zip"] = [serve(BODY)]
    with pytest.raises(KeyboardInterrupt):
        download(one(host), raw, Progress(), raw.parent / "checksums.json", QUICK)
    assert files(raw) == PART
    size = (raw / "archives/set.zip.part").stat().st_size
    assert size > 0
    get(one(host), raw)
    assert host.ranges == [None, f"bytes={size}-"]
    assert complete(raw)


@pytest.mark.parametrize("step", [serve(BODY), chunked(BODY)], ids=["announced", "on the way"])
def test_a_full_disk(host: Host, small_disk: Path, step: Step) -> None:
    host.plans |= {"1": [step], "2": [step]}
    with pytest.raises(MixSegError, match=r"the disk is full .* Free some space"):
        get(one(host, "1", "2"), small_disk / "raw")
    assert files(small_disk / "raw") == set()
    assert len(host.asked) == 1, "another mirror would not help"
