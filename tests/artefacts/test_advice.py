"""A message that advises a pull says so where no remote is set, and only there."""

from pathlib import Path

import pytest
from made_artefacts import make

from benchmark.__main__ import _line
from benchmark.artefacts.remotes import set_up, with_remote
from benchmark.core.errors import MissingDataError
from benchmark.training.weights_file import Origin

HINT = "No remote is set here: set one up with `mixseg remote URL` before a pull."
LINE = "z: no file, expected weights of a run. Train one with `mixseg run`, or `dvc pull` it."


def test_the_hint_depends_on_the_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "project").root
    monkeypatch.chdir(root)
    assert with_remote(LINE) == f"{LINE} {HINT}"
    assert with_remote("Train one with `mixseg run`.") == "Train one with `mixseg run`."
    set_up(root, str(tmp_path / "shared"))
    assert with_remote(LINE) == LINE


def test_an_error_of_a_command_ends_with_the_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make(tmp_path / "project").root)
    with pytest.raises(MissingDataError) as caught:
        Origin.of(Path("none.safetensors"))
    assert _line(caught.value).endswith(HINT)
