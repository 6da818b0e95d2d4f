"""Remotes of every kind: a folder always, SSH and S3 where their packages are."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_artefacts import SSHD, Sshd, make, s3

from benchmark.core.files import Paths

NEEDS_S3 = "needs dvc-s3 and moto: pip install -e '.[engines]'"
NEEDS_SSH = "needs dvc-ssh: pip install -e '.[engines]'"


@pytest.fixture
def made(tmp_path: Path) -> Paths:
    return make(tmp_path / "project")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without the keys and settings of whoever runs the tests."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("USER", getpass.getuser())
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def sshd(home: Path) -> Iterator[Sshd]:
    pytest.importorskip("dvc_ssh", reason=NEEDS_SSH)
    if SSHD is None:
        pytest.skip("needs sshd: apt-get install openssh-server")
    server = Sshd(home)
    yield server
    server.stop()


@pytest.fixture
def bucket(home: Path) -> Iterator[str]:
    pytest.importorskip("dvc_s3", reason=NEEDS_S3)
    pytest.importorskip("moto.server", reason=NEEDS_S3)
    with s3() as address:
        yield address


KINDS = [
    "folder",
    pytest.param("ssh", marks=pytest.mark.engines),
    pytest.param("s3", marks=pytest.mark.engines),
]


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str | None]:
    """The address of a remote, and its endpoint where it has one."""
    if request.param == "ssh":
        return request.getfixturevalue("sshd").url, None
    if request.param == "s3":
        return "s3://runs/lab", request.getfixturevalue("bucket")
    return str(tmp_path / "shared"), None
