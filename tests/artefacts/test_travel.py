"""Maps go to a remote and come back, whole or not, through a folder, SSH and S3."""

import os
import re
from pathlib import Path

import pytest
from made_artefacts import MIX, NAMES, Sshd, clone, make, maps, record, same
from support import mixseg

from benchmark.artefacts import travel
from benchmark.artefacts.remotes import default_remote, set_up
from benchmark.artefacts.travel import pull, push
from benchmark.core.errors import DownloadError, MissingDataError, MixSegError
from benchmark.core.files import Paths, read_json, sha256_file
from benchmark.core.progress import Silent

Address = tuple[str, str | None]


def shared(made: Paths, address: Address, to: Path) -> Paths:
    """Pushes the maps, and gives a clone that has none."""
    set_up(made.root, address[0], endpoint=address[1])
    moved = push(made, MIX, Silent())
    assert (moved.files, moved.there, moved.missing, moved.failed) == (4, 0, 0, [])
    return clone(made, to)


def objects(paths: Paths) -> list[str]:
    remote = default_remote(paths.root)
    return sorted(remote.fs.find(remote.path))


def break_after(pieces: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The line breaks after some pieces; what was asked for before it."""
    went = list[int]()

    class Broken:
        def __init__(self, source: object) -> None:
            self.source = source

        def read(self, size: int) -> bytes:
            if len(went) >= pieces:
                raise ConnectionResetError("the line broke")
            went.append(size)
            return self.source.read(size)

    whole = travel._copy
    monkeypatch.setattr(travel, "_copy", lambda source, *rest: whole(Broken(source), *rest))
    return went


def test_what_is_pushed_comes_back_and_nothing_goes_twice(
    made: Paths, address: Address, tmp_path: Path
) -> None:
    other = shared(made, address, tmp_path / "clone")
    assert len(objects(made)) == 4  # maps alone
    assert push(made, MIX, Silent()).there == 4
    moved = pull(other, MIX, Silent())
    assert (moved.files, moved.bytes, moved.missing) == (4, 400_000, 0)
    assert same(made, other)
    again = pull(other, MIX, Silent())
    assert (again.files, again.there) == (0, 4)
    assert not [path for path in (other.root / "work/transfers").iterdir() if path.suffix == ""]
    with_weights = pull(other, MIX, Silent(), weights=True)
    assert (with_weights.there, with_weights.missing) == (4, 4)
    push(made, MIX, Silent(), weights=True)
    assert pull(other, MIX, Silent(), weights=True).files == 4


def test_a_broken_pull_goes_on_where_it_stopped(
    made: Paths, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shared(made, address, tmp_path / "clone")
    monkeypatch.setattr(travel, "PIECE", 10_000)
    monkeypatch.setattr(travel, "AT_ONCE", 1)
    with monkeypatch.context() as patch:
        break_after(14, patch)
        with pytest.raises(DownloadError, match=r"broken off \(the line broke\).*Run the same"):
            pull(other, MIX, Silent())
    assert [path.is_file() for path in maps(other)].count(True) == 1
    (part,) = (p for p in (other.root / "work/transfers").iterdir() if p.suffix == "")
    assert part.stat().st_size == 30_000
    went = break_after(100, monkeypatch)
    assert pull(other, MIX, Silent()).files == 3
    assert len(went) == 7 + 10 + 10 + 3  # and an empty piece at the end of each file
    assert same(made, other)


def test_a_wrong_digest_is_refused_and_the_others_go_on(
    made: Paths, address: Address, tmp_path: Path
) -> None:
    other = shared(made, address, tmp_path / "clone")
    remote, bad = default_remote(made.root), maps(other)[1]
    sha256 = read_json(made.run(MIX, "main", "one", 1) / "run.json")["files"][NAMES[0]]
    damaged = bytearray(maps(made)[1].read_bytes())
    damaged[500] ^= 1
    remote.fs.pipe_file(remote.file(sha256), bytes(damaged))
    moved = pull(other, MIX, Silent())
    assert moved.files == 3
    (cause,) = moved.failed
    assert f"{bad}: refused: what came has the digest" in cause
    assert remote.file(sha256) in cause
    assert not bad.exists()
    assert not bad.parent.exists()


def test_a_file_that_is_cut_short_at_the_remote_is_not_taken(
    made: Paths, address: Address, tmp_path: Path
) -> None:
    other = shared(made, address, tmp_path / "clone")
    remote = default_remote(made.root)
    sha256 = sha256_file(maps(made)[0])
    remote.fs.pipe_file(remote.file(sha256), maps(made)[0].read_bytes()[:999])
    moved = pull(other, MIX, Silent())
    assert (moved.files, len(moved.failed)) == (3, 1)
    assert push(made, MIX, Silent()).files == 1  # its size tells
    assert pull(other, MIX, Silent()).files == 1
    assert same(made, other)


@pytest.mark.engines
def test_a_push_that_loses_its_server_leaves_no_file_under_its_name(
    made: Paths, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = make(tmp_path / "big", size=8_000_000)
    set_up(big.root, sshd.url)
    monkeypatch.setattr(travel, "AT_ONCE", 1)
    monkeypatch.setattr(travel._Bytes, "add", lambda self, count: sshd.stop())
    with pytest.raises(DownloadError, match="broken off"):
        push(big, MIX, Silent())
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(sshd.home))
    left = [path for path in (sshd.home / "shared").rglob("*") if path.is_file()]
    assert all(path.suffix == ".tmp" for path in left)
    sshd.start()
    assert push(big, MIX, Silent()).files == 4
    assert pull(clone(big, tmp_path / "clone"), MIX, Silent()).files == 4


@pytest.mark.engines
def test_a_pull_that_loses_its_server_goes_on_with_the_next(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = make(tmp_path / "big", size=8_000_000)
    other = shared(big, (sshd.url, None), tmp_path / "clone")
    monkeypatch.setattr(travel, "AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(travel._Bytes, "add", lambda self, count: sshd.stop())
        with pytest.raises(DownloadError, match="broken off"):
            pull(other, MIX, Silent())
    parts = [p for p in (other.root / "work/transfers").iterdir() if p.suffix == ""]
    assert [part.stat().st_size for part in parts] == [travel.PIECE]
    sshd.start()
    assert pull(other, MIX, Silent()).files == 4
    assert same(big, other)


def test_own_files_that_differ_are_neither_sent_nor_overwritten(
    made: Paths, address: Address, tmp_path: Path
) -> None:
    other = shared(made, address, tmp_path / "clone")
    mine = maps(other)[2]
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    for move in (pull, push):
        (cause,) = move(other, MIX, Silent()).failed
        assert f"{mine}: its digest is" in cause
        assert mine.read_bytes() == b"mine"


def test_one_content_of_two_runs_goes_once(made: Paths, tmp_path: Path) -> None:
    first, second, *_ = maps(made)
    second.write_bytes(first.read_bytes())
    record(made, "one", 1)
    set_up(made.root, str(tmp_path / "shared"))
    assert push(made, MIX, Silent()).files == 3
    other = clone(made, tmp_path / "clone")
    assert pull(other, MIX, Silent()).files == 3
    assert same(made, other)


def test_only_digests_name_files(made: Paths, tmp_path: Path) -> None:
    path = made.run(MIX, "main", "one", 0) / "run.json"
    path.write_text(re.sub(r'"probs.npz": "\w+"', '"probs.npz": "../../../x"', path.read_text()))
    set_up(made.root, str(tmp_path / "shared"))
    assert push(made, MIX, Silent()).files == 3


def test_two_transfers_of_a_mix_do_not_meet(made: Paths, tmp_path: Path) -> None:
    set_up(made.root, str(tmp_path / "shared"))
    with travel._alone(made, MIX), pytest.raises(MixSegError, match="another transfer of tiny"):
        push(made, MIX, Silent())


def test_the_commands(made: Paths, tmp_path: Path) -> None:
    told = mixseg(made.root, "push", MIX)
    assert "no default remote, expected one. Set one up: `mixseg remote URL`." in told.stderr
    told = mixseg(made.root, "remote", str(tmp_path / "shared"))
    assert "wrote .dvc/config.local (Git does not keep it)" in told.stdout, told.stderr
    told = mixseg(made.root, "push", MIX)
    assert told.stdout == "pushed 4 files, 0.4 MiB; 0 were there, 0 are not here\n"
    assert "pushing tiny" in told.stderr  # the progress
    other = clone(made, tmp_path / "clone")
    told = mixseg(other.root, "pull", MIX, "--weights")
    assert told.stdout == "pulled 4 files, 0.4 MiB; 0 were here, 4 are not at the remote\n"
    told = mixseg(other.root, "pull", "tinny")
    assert "Did you mean 'tiny'?" in told.stderr
    assert told.returncode == 1


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ssh://me:secret@host/x", "a password or a key in it"),
        ("s3://runs/x?key=1", "a password or a key in it"),
        ("ftp://host/x", "another kind of address"),
        ("me@host:/x", "an address of scp"),
        ("s3://", "another kind of address"),
    ],
)
def test_addresses_that_are_refused(made: Paths, url: str, problem: str) -> None:
    before = sorted((made.root / ".dvc").iterdir())
    with pytest.raises(MixSegError, match=problem) as told:
        set_up(made.root, url)
    assert "secret" not in str(told.value)
    assert sorted((made.root / ".dvc").iterdir()) == before


def test_what_is_shared_is_written_where_git_keeps_it(made: Paths, tmp_path: Path) -> None:
    written = set_up(made.root, str(tmp_path / "shared"), share=True)
    assert written == made.root / ".dvc" / "config"
    assert "analytics" in written.read_text()
    assert default_remote(made.root).path == str(tmp_path / "shared")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(made: Paths, tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(MixSegError, match="cannot be written to"):
        set_up(made.root, str(tmp_path / "shut" / "in"))


@pytest.mark.engines
def test_a_server_that_does_not_answer_is_not_set_up(made: Paths, sshd: Sshd) -> None:
    sshd.stop()
    with pytest.raises(MissingDataError, match="it cannot be reached") as told:
        set_up(made.root, sshd.url)
    assert "nothing was written" in str(told.value)
    assert not (made.root / ".dvc" / "config.local").exists()
