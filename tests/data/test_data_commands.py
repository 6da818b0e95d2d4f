"""Masks of every kind through the commands that a person types: the right pixels, or an error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from draw import blob, image, row, save
from support import PARAMS
from typer.testing import CliRunner, Result

from benchmark.cli.app import app
from benchmark.core.errors import MixSegError
from benchmark.data import catalog, status

Coding = Callable[[np.ndarray], np.ndarray]  # from a mask to the values that its file holds

SIDE = 48
MIX = """\
  m:
    title: M
    size: 48
    drawn: null
    at_most: null
    train: [tiny]
    test: [tiny]
    seeds: [0]
    weights: random
    recipe: *recipe
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs commands in a project whose catalog has one row, of 4 + 2 cases."""
    params = PARAMS.replace("recipe: {", "recipe: &recipe {") + MIX
    (tmp_path / "params.yaml").write_text(params)
    monkeypatch.chdir(tmp_path)
    rows = {"tiny": row("tiny", "folder", (4, 2))}
    monkeypatch.setattr(catalog, "load_catalog", lambda: rows)
    monkeypatch.setattr(status, "load_catalog", lambda: rows)

    def command(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return command


def disc(k: int) -> np.ndarray:
    return blob(k, (SIDE, SIDE))


def colours(inside: tuple[int, ...], outside: tuple[int, ...]) -> Coding:
    return lambda mask: np.where(mask[..., None], inside, outside).astype(np.uint8)


def codes(inside: int, outside: int = 0, rim: int = 0) -> Coding:
    """Codes of the lesion, of what lies outside, and of the lesion's first row."""

    def values(mask: np.ndarray) -> np.ndarray:
        coded = np.where(mask, inside, outside).astype(np.uint8)
        if rim:
            coded[np.flatnonzero(mask.any(axis=1))[0] - 1][mask.any(axis=0)] = rim
        return coded

    return values


def dataset(folder: Path, values: Coding, suffix: str = ".png") -> Path:
    for k in range(6):
        place = folder / ("train" if k < 4 else "test")
        save(place / "images" / f"c{k}.png", image(k, (SIDE, SIDE)))
        save(place / "masks" / f"c{k}{suffix}", values(disc(k)), quality=95)
    return folder


READ = {
    "plain": codes(255),
    "numbered": codes(1),
    "unused alpha": colours((255, 255, 255, 0), (0, 0, 0, 0)),
    "black on nothing": colours((0, 0, 0, 255), (0, 0, 0, 0)),
    "class in red": colours((1, 0, 0), (0, 0, 0)),
    "red": colours((255, 0, 0), (0, 0, 0)),
}


@pytest.mark.parametrize("kind", READ)
def test_masks_that_are_read(run: Callable[..., Result], tmp_path: Path, kind: str) -> None:
    own = dataset(tmp_path / "own", READ[kind])
    assert run("data", "--from", str(own), "--dataset", "tiny").exit_code == 0
    done = run("prepare", "--mix", "m")
    assert done.exit_code == 0, done.exception
    found = np.load(tmp_path / "data" / "prepared" / "m" / "tiny" / "masks.npy")
    assert np.array_equal(found, [disc(k) for k in range(6)])
    assert "empty masks" in done.stdout
    assert "WARNING" not in done.stderr


REFUSED = {
    "numbered in JPEG": (codes(1), ".jpg", "like label numbers", ("1,2,3", "0")),
    "what does not count": (codes(1, rim=255), ".png", "1 (", ("1", "0,255")),
    "the disc of fundus sets": (codes(0, 255, rim=128), ".bmp", "128 (", ("0,128", "255")),
    "black on white nothing": (
        colours((0, 0, 0, 255), (255, 255, 255, 0)), ".png", "the transparency", ("0", "255"),
    ),
    "dark red": (colours((128, 0, 0), (0, 0, 0)), ".png", "128 (", ("128", "0")),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_masks_that_are_refused_until_their_codes_are_listed(
    run: Callable[..., Result], tmp_path: Path, kind: str
) -> None:
    values, suffix, said, (lesion, background) = REFUSED[kind]
    own = dataset(tmp_path / "own", values, suffix)
    run("data", "--from", str(own), "--dataset", "tiny")
    failed = run("prepare", "--mix", "m")
    assert isinstance(failed.exception, MixSegError)
    assert said in str(failed.exception)
    assert not (tmp_path / "data" / "prepared" / "m").exists()
    listed = ("--lesion-codes", lesion, "--background-codes", background)
    assert run("data", "--from", str(own), "--dataset", "tiny", *listed).exit_code == 0
    done = run("prepare", "--mix", "m")
    assert done.exit_code == 0, done.exception
    found = np.load(tmp_path / "data" / "prepared" / "m" / "tiny" / "masks.npy")
    expected = np.array([disc(k) for k in range(6)])
    allowed = 0.05 if suffix == ".jpg" or "fundus" in kind else 0
    assert (found != expected).mean() <= allowed
    assert found.any(axis=(1, 2)).all()


def test_an_inverted_set_is_warned_of_and_shown(run: Callable[..., Result], tmp_path: Path) -> None:
    run("data", "--from", str(dataset(tmp_path / "own", codes(0, 255))), "--dataset", "tiny")
    done = run("prepare", "--mix", "m")
    assert done.exit_code == 0
    assert "WARNING tiny: 6 of 6 masks cover more than half (c0, c1, c2, ...)" in done.stderr
    sheet = "data/prepared/m/tiny/contact_sheet.jpg"
    assert sheet in done.stderr
    assert (tmp_path / sheet).is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lesion-codes", "1"], "give --from"),
        (["--from", ".", "--lesion-codes", "1"], "give both --lesion-codes and --background-codes"),
        (["--from", ".", "--lesion-codes", "a", "--background-codes", "0"], "'a' is no code"),
        (["--from", ".", "--lesion-codes", "0", "--background-codes", "0"], "0 is a lesion code"),
    ],
)
def test_codes_that_cannot_be_used(run: Callable[..., Result], words: list[str], said: str) -> None:
    failed = run("data", *words)
    assert failed.exit_code == 2
    assert said in " ".join(failed.stderr.replace("│", " ").split())
