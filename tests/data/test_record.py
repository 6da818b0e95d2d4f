"""The record of raw data: the same bytes while nothing changed, another digest when a file did."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from draw import blob, folder, image, row, save
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.core.digests import KeptDigests
from benchmark.core.files import Paths, read_json
from benchmark.core.progress import Silent
from benchmark.data.record import Record, look

NAMES = ("1", "2", "3")
ROWS = [
    row("skin", "folder", (3, 2), raw="skin"),
    row("moles", "folder", (3, 2), raw="moles"),
    row("phantom-fundus", "drawn", (0, 0)),
]


def pictures(root: Path) -> None:
    """Three cases to train on and two to test on."""
    folder(root / "train", NAMES)
    folder(root / "test", NAMES[:2])


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A project with two raw datasets, one of them behind a pointer."""
    paths = Paths(tmp_path / "project")
    pictures(paths.raw / "skin")
    pictures(tmp_path / "elsewhere")
    (paths.raw / "moles.from").write_text(f"{tmp_path / 'elsewhere'}\n")
    return paths


def record(paths: Paths) -> Record:
    found = look("m", ROWS, paths, Silent())
    found.write(paths)
    return found


def written(paths: Paths) -> bytes:
    return (paths.results("m") / "raw.json").read_bytes()


def test_it_names_cases_files_and_digests_and_no_folder(paths: Paths) -> None:
    first = record(paths)
    assert first.lines == [
        "skin: 5 cases in 10 files, recorded",
        "moles: 5 cases in 10 files, recorded",
    ]
    kept = read_json(paths.results("m") / "raw.json")
    assert kept == {"mix": "m", "datasets": first.entries}
    assert kept["datasets"]["skin"]["digest"] == kept["datasets"]["moles"]["digest"]
    assert str(paths.root.parent) not in written(paths).decode()


def test_nothing_changed_gives_the_same_bytes(paths: Paths) -> None:
    record(paths)
    before = written(paths)
    again = record(paths)
    assert written(paths) == before
    assert again.lines[0] == "skin: 5 cases in 10 files, as recorded"


def test_the_same_files_elsewhere_give_the_same_bytes(paths: Paths) -> None:
    record(paths)
    before = written(paths)
    shutil.copytree(paths.root.parent / "elsewhere", paths.raw / "moles")
    (paths.raw / "moles.from").unlink()
    for path in (paths.raw / "moles").rglob("*.png"):
        path.touch()
    record(paths)
    assert written(paths) == before


def corrected(paths: Paths) -> None:
    save(paths.raw / "skin" / "train" / "masks" / "2.png", ~blob(1))


def renamed(paths: Paths) -> None:
    for name in ("images/3.jpg", "masks/3.png"):
        path = paths.raw / "skin" / "train" / name
        path.rename(path.with_stem("4"))


def exchanged(paths: Paths) -> None:
    masks = paths.raw / "skin" / "train" / "masks"
    (masks / "1.png").rename(masks / "x.png")
    (masks / "2.png").rename(masks / "1.png")
    (masks / "x.png").rename(masks / "2.png")


def behind_the_pointer(paths: Paths) -> None:
    save(paths.root.parent / "elsewhere" / "test" / "images" / "1.jpg", image(7))


@pytest.mark.parametrize("change", [corrected, renamed, exchanged, behind_the_pointer])
def test_a_change_is_seen(paths: Paths, change: Callable[[Paths], None]) -> None:
    before = record(paths).digests()
    change(paths)
    after = record(paths)
    name = "moles" if change is behind_the_pointer else "skin"
    assert {key for key in before if before[key] != after.digests()[key]} == {name}
    line = next(line for line in after.lines if line.startswith(name))
    assert "other than recorded" in line
    if change is corrected:
        assert "(changed: train/masks/2.png)" in line
    assert record(paths).digests() == after.digests()


def test_without_raw_data_the_record_stays(paths: Paths) -> None:
    record(paths)
    before = written(paths)
    shutil.rmtree(paths.raw)
    found = record(paths)
    assert written(paths) == before
    assert found.lines == [
        f"skin: not here ({paths.raw / 'skin'}); its record stays as it is",
        f"moles: not here ({paths.raw / 'moles'}); its record stays as it is",
    ]


def test_data_that_are_partly_here_are_named_and_keep_their_record(paths: Paths) -> None:
    record(paths)
    before = written(paths)
    (paths.raw / "skin" / "test" / "masks" / "1.png").unlink()
    shutil.rmtree(paths.root.parent / "elsewhere")
    lines = record(paths).lines
    assert written(paths) == before
    assert lines[0].startswith("skin: not here whole: ")
    assert "1 of 2 images without a mask (1.jpg)" in lines[0]
    assert lines[1].startswith("moles: not here (")


def test_one_set_is_here_and_the_other_is_not(paths: Paths) -> None:
    first = record(paths).digests()
    shutil.rmtree(paths.root.parent / "elsewhere")
    corrected(paths)
    after = record(paths).digests()
    assert after["moles"] == first["moles"]
    assert after["skin"] != first["skin"]


def test_a_set_that_was_never_here_has_no_entry(paths: Paths) -> None:
    shutil.rmtree(paths.raw)
    found = record(paths)
    assert read_json(paths.results("m") / "raw.json")["datasets"] == {}
    assert found.lines[0].endswith("it has no record yet")


def test_a_second_look_reads_no_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.core.digests.SETTLED_S", -3600.0)
    first = record(paths).digests()

    def no_reading(self: KeptDigests, name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(KeptDigests, "_entry", no_reading)
    assert record(paths).digests() == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--record"], "give --mix"),
        (["--record", "--mix", "smoke", "--dataset", "busi"], "no --dataset"),
        (["--from", ".", "--record", "--mix", "smoke"], "leave out"),
        (["--from", ".", "--download"], "leave out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["data", *words])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
