"""Datasets on their way into the raw folder: mirrors, checksums, archives dropped by hand."""

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from web_host import (
    BODY,
    OTHER,
    QUICK,
    Host,
    complete,
    fails,
    get,
    one,
    packed,
    put,
    refuse,
    row,
    serve,
    sha256,
)

from benchmark.core.errors import DownloadError, MissingDataError
from benchmark.core.files import Paths
from benchmark.core.progress import Silent
from benchmark.data import download as module
from benchmark.data.download import download, fetch_all


def test_downloads_unpacks_and_records(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    assert get(one(host), raw) == [raw / "set" / "Set"]
    assert complete(raw)
    ledger = json.loads((raw.parent / "checksums.json").read_text())
    assert ledger == {"set.zip": {"sha256": sha256(BODY), "bytes": len(BODY)}}


def test_what_is_here_is_not_fetched_again(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    get(one(host), raw)
    (raw / "archives/set.zip").unlink()
    get(one(host), raw)
    assert len(host.asked) == 1
    # a case was lost, but what was unpacked lies there: no second copy beside it
    for kind in ("images", "masks"):
        (raw / f"set/Set/train/{kind}/a.png").unlink()
    with pytest.raises(MissingDataError, match=r"2 cases \(cases: 1 for training and 1 .*Add"):
        get(one(host), raw)
    assert len(host.asked) == 1


def test_what_was_deleted_is_unpacked_again(host: Host, raw: Path) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    get(one(host), raw)
    (raw / "set/Set").rename(raw.parent / "away")
    get(one(host), raw)
    assert complete(raw)
    assert len(host.asked) == 1  # from data/raw/archives


def test_progress_is_shown(host: Host, raw: Path) -> None:
    titles = []

    class Seen(Silent):
        def task(self, title: str, total: int | None, unit: str = "") -> Any:
            titles.append(title)
            return super().task(title, total, unit)

    host.plans["set.zip"] = [serve(BODY)]
    download(one(host), raw, Seen(), raw.parent / "checksums.json", QUICK)
    assert titles == ["download set.zip", "unpack set.zip"]


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_file(host: Host, raw: Path, kind: str) -> None:
    digest = {kind: hashlib.new(kind, BODY).hexdigest()}
    host.plans["set.zip"] = [serve(OTHER)]
    wrong = hashlib.new(kind, OTHER).hexdigest()
    fails(one(host, **digest), raw, wrong, f"expected {digest[kind]}", "archives/set.zip:")
    host.plans["set.zip"] = [serve(BODY)]
    get(one(host, **digest), raw)
    assert complete(raw)


def test_a_file_that_differs_from_what_was_seen_first(host: Host, raw: Path) -> None:
    ledger = raw.parent / "checksums.json"
    ledger.write_text(json.dumps({"set.zip": {"sha256": sha256(BODY), "bytes": len(BODY)}}))
    host.plans["set.zip"] = [serve(OTHER)]
    fails(one(host), raw, sha256(OTHER), f"expected {sha256(BODY)}", "checksums.json")
    assert json.loads(ledger.read_text())["set.zip"]["sha256"] == sha256(BODY)


def test_mirrors_are_tried_in_order(host: Host, raw: Path) -> None:
    host.plans |= {"1": [refuse(403)], "2": [serve(OTHER)], "3": [serve(BODY)], "4": [serve(BODY)]}
    get(one(host, "1", "2", "3", "4", sha256=sha256(BODY)), raw)
    assert [asked[0] for asked in host.asked] == ["1", "2", "3"]
    assert complete(raw)


def test_a_mirror_is_not_resumed_from_another(host: Host, raw: Path) -> None:
    host.plans["1"] = [serve(BODY, cut=200_000), refuse(503)]
    host.plans["2"] = [serve(OTHER)]
    get(one(host, "1", "2"), raw)
    assert complete(raw)
    assert [asked[1] for asked in host.asked if asked[0] == "2"] == [None]


def test_all_mirrors_fail(host: Host, raw: Path) -> None:
    host.plans |= {"1": [refuse(403)], "2": [refuse(410)]}
    text = fails(one(host, "1", "2", "3"), raw, "set: set.zip", "403", "410", "404", "homepage")
    assert "Or by hand: Click there and drop set.zip into data/raw/set." in text


def test_two_downloads_at_once(host: Host, raw: Path) -> None:
    with module._alone(raw), pytest.raises(DownloadError, match="another download is under way"):
        get(one(host), raw)
    host.plans["set.zip"] = [serve(BODY)]
    get(one(host), raw)


@pytest.mark.parametrize("place", ["set/set.zip", "archives/set.zip", "set/of any name.ZIP"])
def test_an_archive_dropped_by_hand(host: Host, raw: Path, place: str) -> None:
    path = raw / place
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    dataset = row({"file": "set.zip"}, access="account")
    get(dataset, raw)
    assert complete(raw)
    assert path.read_bytes() == BODY
    assert get(dataset, raw) == [raw / "set/Set"]


def test_a_wrong_archive_dropped_by_hand_is_kept_and_named(host: Host, raw: Path) -> None:
    (raw / "set").mkdir(parents=True)
    (raw / "set/set.zip").write_bytes(OTHER)
    dataset = one(host, sha256=sha256(BODY))
    fails(dataset, raw, "set/set.zip", "SHA-256", left={"set/set.zip"})
    (raw / "set/set.zip").write_bytes(BODY[:-500])
    fails(one(host), raw, "set/set.zip", "truncated", left={"set/set.zip"})
    assert not host.asked


@pytest.mark.parametrize("url", ["set.zip", None])
def test_a_dropped_archive_of_any_name_is_unpacked_before_anything_is_fetched(
    host: Host, raw: Path, url: str | None
) -> None:
    (raw / "set").mkdir(parents=True)
    (raw / "set/archive.zip").write_bytes(BODY)
    get(one(host, sha256=sha256(OTHER)) if url else row(access="account"), raw)
    assert complete(raw)
    assert not host.asked
    assert not (raw.parent / "checksums.json").exists()


def test_what_a_dropped_archive_lacks_is_fetched(host: Host, raw: Path) -> None:
    (raw / "set").mkdir(parents=True)
    (raw / "set/archive.zip").write_bytes(packed(("a", "c")))
    host.plans["set.zip"] = [serve(BODY)]
    with pytest.raises(DownloadError, match=r"c\.png is there already"):  # other bytes
        get(one(host), raw)
    with zipfile.ZipFile(io.BytesIO(BODY)) as archive, zipfile.ZipFile(raw / "b.zip", "w") as part:
        for name in archive.namelist():
            if "/b." not in name:
                part.writestr(name, archive.read(name))
    shutil.rmtree(raw / "set")
    (raw / "set").mkdir()
    (raw / "b.zip").rename(raw / "set/archive.zip")
    (raw / "archives/set.zip").unlink()
    get(one(host), raw)  # the same bytes lie there twice
    assert complete(raw)
    assert len(host.asked) == 2


def test_a_sum_is_recorded_only_of_a_file_that_gave_the_whole_set(host: Host, raw: Path) -> None:
    ledger = raw.parent / "checksums.json"
    (raw / "set").mkdir(parents=True)
    wrong = packed(("beach",))
    (raw / "set/set.zip").write_bytes(wrong)
    dataset = row({"file": "set.zip"}, access="account")
    with pytest.raises(
        MissingDataError, match=r"1 cases \(cases: 0 for .*, in place of 2 and 1\), expected 3"
    ):
        get(dataset, raw)
    assert not ledger.exists()
    (raw / "set/set.zip").write_bytes(BODY)
    shutil.rmtree(raw / "set/Set")
    get(dataset, raw)
    assert complete(raw)
    assert json.loads(ledger.read_text()) == {
        "set.zip": {"sha256": sha256(BODY), "bytes": len(BODY)}
    }


def test_an_archive_that_replaces_a_wrong_one_is_unpacked(raw: Path) -> None:
    (raw / "set").mkdir(parents=True)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Holiday/beach.png", b"x")
    (raw / "set/set.zip").write_bytes(file.getvalue())
    dataset = row({"file": "set.zip"}, access="account")
    with pytest.raises(MissingDataError, match="no folder with images and masks"):
        get(dataset, raw)
    (raw / "set/set.zip").write_bytes(BODY)
    assert get(dataset, raw) == [raw / "set/Holiday", raw / "set/Set"]


def test_archives_inside_an_archive_are_unpacked(raw: Path) -> None:
    (raw / "set").mkdir(parents=True)
    with zipfile.ZipFile(raw / "set/REFUGE2.zip", "w") as archive:
        archive.writestr("REFUGE2/REFUGE2/inner.zip", BODY)
        archive.writestr("__MACOSX/REFUGE2/._inner.zip", b"junk")
    get(row(access="account"), raw)
    assert complete(raw)


def test_an_archive_that_holds_itself_ends(raw: Path) -> None:
    (raw / "set").mkdir(parents=True)
    body = BODY
    for depth in range(6):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"{depth}.zip", body)
        body = file.getvalue()
    (raw / "set/top.zip").write_bytes(body)
    with pytest.raises(DownloadError, match=r"3\.zip: an archive inside 3 others"):
        get(row(access="account"), raw)
    assert sorted(path.name for path in (raw / "set").glob("*.zip")) == [
        "3.zip", "4.zip", "5.zip", "top.zip"
    ]  # fmt: skip


def test_what_was_unpacked_is_said(raw: Path) -> None:
    said: list[str] = []

    class Said(Silent):
        def say(self, line: str) -> None:
            said.append(line)

    (raw / "set").mkdir(parents=True)
    (raw / "set/any.zip").write_bytes(BODY)
    download(row(access="account"), raw, Said(), raw.parent / "checksums.json", QUICK)
    assert said == [f"set: unpacked {raw / 'set/any.zip'}"]


def test_a_rar_dropped_by_hand(raw: Path) -> None:
    (raw / "set").mkdir(parents=True)
    (raw / "set/Set.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")
    dataset = row(access="account")
    fails(dataset, raw, "a RAR archive", "unar", left={"set/Set.rar"})
    put(raw / "set/Set")  # unpacked by hand: the archive beside it does not matter
    assert get(dataset, raw) == [raw / "set/Set"]


def test_files_put_there_by_hand(host: Host, raw: Path) -> None:
    put(raw / "set")
    assert get(one(host), raw) == [raw / "set/test", raw / "set/train"]
    assert not host.asked


def test_a_set_that_a_person_must_fetch(raw: Path) -> None:
    with pytest.raises(MissingDataError) as error:
        get(row(access="account"), raw)
    assert str(raw / "set") in str(error.value)
    assert "Click there and drop set.zip into data/raw/set." in str(error.value)


def test_two_sets_take_their_part_of_one_archive(host: Host, raw: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("ORIGA", "REFUGE"):
            for place in ("train/images", "train/masks", "test/images", "test/masks"):
                archive.writestr(f"{name}/{place}/a.png", b"x")
        archive.writestr("ORIGA_train.csv", b"x")
    host.plans["all.zip"] = [serve(file.getvalue())]
    url = [f"{host.url}/all.zip"]
    for name in ("ORIGA", "REFUGE"):
        source = {"file": "all.zip", "urls": url, "keep": [f"*{name}*"]}
        counts = {"train": 1, "test": 1}
        get(row(source, name=name.lower(), raw=name.lower(), counts=counts), raw)
    assert len(host.asked) == 1
    assert {path.name for path in (raw / "origa").glob("[!.]*")} == {"ORIGA", "ORIGA_train.csv"}
    assert {path.name for path in (raw / "refuge").glob("[!.]*")} == {"REFUGE"}


def test_a_file_that_is_no_archive_is_copied(host: Host, raw: Path) -> None:
    host.plans["list.csv"] = [serve(b"<html> is fine in a table")]
    put(raw / "set", "ab")
    with pytest.raises(MissingDataError, match="2 cases"):
        get(row({"file": "list.csv", "urls": [f"{host.url}/list.csv"], "unpack": False}), raw)
    assert (raw / "set/list.csv").read_bytes() == b"<html> is fine in a table"


def test_a_pointer_is_honoured(host: Host, raw: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    put(own)
    raw.mkdir()
    (raw / "set.from").write_text(f"{own}\n")
    assert get(one(host), raw) == [own]
    (own / "train/images/a.png").unlink()
    with pytest.raises(MissingDataError, match=r"2 cases, expected 3\. .*set\.from points to"):
        get(one(host), raw)
    assert not host.asked


def test_drawn_sets_need_nothing(raw: Path) -> None:
    assert get(row(layout="drawn"), raw) == []
    assert not raw.exists()


def test_one_that_fails_does_not_stop_the_others(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.plans["set.zip"] = [serve(BODY)]
    rows = {"gated": row(name="gated", raw="gated", access="account"), "set": one(host)}
    said: list[str] = []

    class Said(Silent):
        def say(self, line: str) -> None:
            said.append(line)

    monkeypatch.setattr(module, "row_of", rows.__getitem__)
    paths, ledger = Paths(tmp_path), tmp_path / "checksums.json"
    with pytest.raises(DownloadError, match=r"1 of 2 datasets are still missing \(gated\)"):
        fetch_all(["gated", "set"], paths, Said(), ledger, QUICK)
    assert complete(paths.raw)
    assert "Click there" in said[0]
