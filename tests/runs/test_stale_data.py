"""params.yaml changed and the data were not prepared again: no command mixes the two."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import DECLARATION, PARAMS, PLUGIN, mixseg
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.core.errors import StaleDataError
from benchmark.core.files import Paths, read_json, write_json

MIX = "tiny"
RUN = ("run", "--method", "small", "--mix", MIX, "--seed", "0")
SETS = "[phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy]"
SIZE = "size: prepared at 32, params.yaml asks for 16"
TRAIN = f"train: prepared with {SETS}, params.yaml asks for [phantom-fundus]"
# Edits of params.yaml: what is replaced, and what must be said.
EDITS = {
    "size": ("size: 32", "size: 16", SIZE),
    "train": (f"train: {SETS}", "train: [phantom-fundus]", TRAIN),
    "order": (
        f"train: {SETS}",
        "train: [phantom-colonoscopy, phantom-fundus, phantom-ultrasound, phantom-dermoscopy]",
        f"train: prepared with {SETS}, params.yaml asks for [phantom-colonoscopy, phantom-fundus,",
    ),
    "test": (f"test: {SETS}", "test: [phantom-fundus]", "test: prepared with"),
    "at_most": (
        "at_most: null", "at_most: 4", "at_most: prepared with null, params.yaml asks for 4",
    ),
    "drawn": (
        "test: 2, seed: 0", "test: 2, seed: 5",
        "drawn: prepared with {train: 8, test: 2, seed: 0}, "
        "params.yaml asks for {train: 8, test: 2, seed: 5}",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A project with a prepared mix, one finished run and the controls."""
    root = tmp_path_factory.mktemp("stale")
    (root / "params.yaml").write_text(PARAMS.replace("epochs: 3", "epochs: 1"))
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "method.yaml").write_text(DECLARATION)
    for words in (("sync",), ("prepare", "--mix", MIX), RUN, ("controls", "--mix", MIX)):
        done = mixseg(root, *words)
        assert done.returncode == 0, done.stderr
    return Paths(root)


@pytest.fixture
def paths(made: Paths, monkeypatch: pytest.MonkeyPatch):
    """The project with the right params.yaml, which is put back afterwards."""
    monkeypatch.chdir(made.root)
    path = made.root / "params.yaml"
    text = path.read_text()
    yield made
    path.write_text(text)


def edit(paths: Paths, *names: str) -> None:
    path = paths.root / "params.yaml"
    for name in names:
        old, new, _ = EDITS[name]
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def said(*words: str) -> str:
    """What a command prints that ends well, in one line."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.exception
    return " ".join(done.output.split())


def refused(*words: str) -> str:
    """The error of a command that stops because of the data."""
    error = CliRunner().invoke(app, list(words)).exception
    assert isinstance(error, StaleDataError), error
    assert "Run `mixseg prepare --mix tiny`" in str(error)
    return str(error)


COMPUTES = {
    "run": RUN,
    "run of a row": RUN[:-2],
    "restart": (*RUN, "--restart"),
    "score": ("score", "--mix", MIX),
    "maps": ("score", "--mix", MIX, "--start-from", "weights"),
    "controls": ("controls", "--mix", MIX),
    "leaks": ("leaks", "--mix", MIX),
    "cost": ("cost", "--method", "small", "--mix", MIX),
    "tune": ("tune", "--method", "small", "--mix", MIX, "--set", "lr=0.1,0.2"),
    "why": ("why", "--method", "small", "--mix", MIX, "--seed", "0"),
    "check": ("prepare", "--mix", MIX, "--check"),
}


def everything(paths: Paths) -> dict[Path, int]:
    """The time of change of every file of results, artefacts and prepared data."""
    found = [
        path
        for name in ("results", "artefacts", "data")
        for path in (paths.root / name).rglob("*")
        if path.is_file()
    ]
    return {path: path.stat().st_mtime_ns for path in found}


@pytest.mark.parametrize("command", COMPUTES)
def test_what_computes_stops_and_names_each_field(paths: Paths, command: str) -> None:
    edit(paths, "size", "train")
    before = everything(paths)
    text = refused(*COMPUTES[command])
    assert f"{SIZE}; {TRAIN}, expected" in text
    assert str(paths.prepared(MIX) / "manifest.json") in text
    assert everything(paths) == before


@pytest.mark.parametrize("field", EDITS)
def test_every_field_of_the_request_is_compared(paths: Paths, field: str) -> None:
    edit(paths, field)
    assert EDITS[field][2] in refused(*RUN)


def test_a_command_of_its_own_process_says_it_in_one_line(paths: Paths) -> None:
    edit(paths, "size")
    done = mixseg(paths.root, *RUN)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert SIZE in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_a_run_does_not_depend_on_stops_nothing(paths: Paths) -> None:
    path = paths.root / "params.yaml"
    path.write_text(path.read_text().replace("title: Tiny", "title: Other"))
    assert "already done" in said(*RUN)
    assert said("prepare", "--mix", MIX, "--check").startswith("every prepared file is unchanged")


def states() -> dict[int, tuple[str, str]]:
    found = json.loads(CliRunner().invoke(app, ["status", "--mix", MIX, "--json"]).output)
    return {row["seed"]: (row["state"], row["why"]) for row in found}


def test_status_says_stale_and_why(paths: Paths) -> None:
    assert states() == {0: ("done", ""), 1: ("missing", "")}
    edit(paths, "size")
    assert states() == {0: ("stale", SIZE), 1: ("missing", SIZE)}
    assert f"small on tiny, seed 0: stale: {SIZE}" in said("status", "--mix", MIX)


@pytest.mark.parametrize("prepared", [True, False])
def test_reports_mark_the_results(paths: Paths, tmp_path: Path, prepared: bool) -> None:
    warning = f"These results are stale. {SIZE[:1].upper()}{SIZE[1:]}."
    said("report", "--mix", MIX, "--to", str(tmp_path / "before"))
    assert "stale" not in (tmp_path / "before" / MIX / "index.html").read_text()
    edit(paths, "size")
    if not prepared:
        paths.prepared(MIX).rename(paths.root / "elsewhere")
    try:
        for command in ("report", "tables"):
            said(command, "--mix", MIX, "--to", str(tmp_path / command))
        shown = said("show", "--mix", MIX)
        state = states()[0]
    finally:
        if not prepared:
            (paths.root / "elsewhere").rename(paths.prepared(MIX))
    assert warning in shown
    assert state == ("stale", SIZE)
    report = tmp_path / "report" / MIX
    page = " ".join((report / "index.html").read_text().split())
    assert page.index(warning) < page.index("<table")
    assert "16 × 16" not in page
    assert "16 x 16" not in page
    assert warning in (report / "checklist.md").read_text()
    for suffix in ("md", "tex"):
        assert (
            "These results are stale"
            in (tmp_path / "tables" / MIX / "tables" / f"main.{suffix}").read_text()
        )


def test_results_of_other_raw_data_are_marked(paths: Paths) -> None:
    manifest, data = (paths.prepared(MIX) / "manifest.json", paths.results(MIX) / "data.json")
    record = paths.results(MIX) / "raw.json"
    kept = {path: path.read_bytes() for path in (manifest, data, record)}
    try:
        manifest.unlink()
        write_json(data, {**read_json(data), "raw": {"phantom-fundus": "a" * 64}})
        write_json(record, {"mix": MIX, "datasets": {"phantom-fundus": {"digest": "b" * 64}}})
        text = "raw data: phantom-fundus changed after it was prepared"
        assert states()[0] == ("stale", text)
        assert text in refused(*RUN)
        assert f"stale. R{text[1:]}" in said("show", "--mix", MIX)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_a_report_goes_on_without_damaged_images(paths: Paths, tmp_path: Path) -> None:
    def gallery() -> str:
        said("report", "--mix", MIX, "--to", str(tmp_path))
        return " ".join((tmp_path / MIX / "gallery.html").read_text().split())

    assert "The prepared images" not in gallery()
    path = paths.prepared(MIX) / "phantom-fundus" / "images.npy"
    data, record = paths.results(MIX) / "data.json", read_json(paths.results(MIX) / "data.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        found = gallery()
        assert "The prepared images cannot be used: " in found
        assert str(path) in found
        path.write_bytes(whole)
        write_json(data, {**record, "content": "c" * 64})
        assert "The prepared images are not those of these results" in gallery()
    finally:
        path.write_bytes(whole)
        write_json(data, record)


def test_prepare_again_makes_it_right(paths: Paths) -> None:
    edit(paths, "train")
    said("prepare", "--mix", MIX)
    assert states()[0] == ("stale", "the prepared data changed")
    assert np.load(paths.prepared(MIX) / "phantom-fundus" / "masks.npy").shape == (10, 32, 32)
