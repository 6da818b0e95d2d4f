"""The commands that make reports, releases and cards."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from make_results import CARDS, MIX, VARIANTS, Made, Plan, make, make_variants
from typer.testing import CliRunner

from benchmark.cli import reports as cli_reports
from benchmark.core.errors import StoreError
from benchmark.core.files import Paths
from benchmark.methods import discover
from benchmark.reports.page import document
from benchmark.statistics.results import MixResults, Part


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"), Plan(cases=3))


def run(made: Made, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Runs a command on the made project."""

    def results(mix: str, source: Path | None, part: Part | None = None) -> list[MixResults]:
        return [replace(made, paths=Paths(made.paths.root, source)).results(part)]

    monkeypatch.setattr(cli_reports, "_results", results)
    monkeypatch.setattr(discover, "cards", lambda root: made.cards)
    done = CliRunner().invoke(cli_reports.app, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def test_results_from_elsewhere_give_the_same_bytes(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.paths.root / "results", tmp_path / "copy")
    run(made, monkeypatch, "report", "--mix", MIX)
    to = ("--results", str(tmp_path / "copy"), "--to", str(tmp_path / "to"))
    run(made, monkeypatch, "report", "--mix", MIX, *to)
    here, there = files(made.paths.reports(MIX)), files(tmp_path / "to" / MIX)
    assert here == there
    assert {"index.html", "gallery.html", "checklist.md", "claims/claims.csv"} <= set(here)


def test_a_report_over_an_older_one_leaves_nothing_of_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("figures/nemenyi.svg", "tables/draws.tex", "ablations/ablation.csv"):
        (tmp_path / "old" / MIX / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "old" / MIX / name).write_text("old")
    cards = [one for one in made.cards if one.prompt == "none"][:2]  # no draws, no third row
    run(Made(made.params, cards, made.paths), monkeypatch,
        "report", "--mix", MIX, "--to", str(tmp_path / "old"))  # fmt: skip
    assert b"old" not in files(tmp_path / "old").values()


def test_a_bundle_is_written(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(made, monkeypatch, "bundle", "--mix", MIX, "--to", str(tmp_path / "b.zip"))
    assert "RO-Crate" in said
    assert (tmp_path / "b.zip").stat().st_size > 1000


def test_cards_say_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data cards tell the split of a mix once, and bases of ablations their scores once."""
    made = make_variants(tmp_path / "made", Plan(cases=3))
    said = run(made, monkeypatch, "cards", "--to", str(tmp_path / "cards"), "--mix", MIX)
    every = {name: text.decode() for name, text in files(tmp_path / "cards").items()}
    found = {name: text for name, text in every.items() if name.endswith(".md")}
    assert f"wrote {len(found)} cards" in said
    assert {name for name in found if name.startswith("models/")} == {
        f"models/{one.name}.md" for one in (*CARDS, *VARIANTS)
    }
    for name, text in found.items():
        mixes = [line for line in text.splitlines() if "Mix0 (made up)" in line]
        phantom = name.startswith("data/phantom-")
        assert len(mixes) == (1 if phantom or name.startswith("models/") else 0), name
    assert "## Scores on Mix0 (made up)" in found["models/mmsnet.md"]
    assert "## In Mix0 (made up)" in found["data/phantom-fundus.md"]
    assert "| Test | 3 |" in found["data/phantom-fundus.md"]


def test_a_folder_of_other_files_is_not_replaced(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--to results` would otherwise put a report in the place of the results."""
    shutil.copytree(made.paths.results(MIX), tmp_path / "mine" / MIX)
    before = files(tmp_path)
    for command in (["report"], ["tables", "--part", "headline"]):
        to = tmp_path / "mine"
        if command[0] == "tables":
            (to / MIX / "tables").mkdir()
            (to / MIX / "tables" / "thesis.docx").write_text("mine")
            before = files(tmp_path)
        with pytest.raises(StoreError, match="a file that no report writes"):
            run(made, monkeypatch, *command, "--mix", MIX, "--to", str(to))
        assert files(tmp_path) == before


def test_a_report_that_fails_leaves_the_older_one(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("index.html", "tables/main.md"):
        (tmp_path / MIX / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / MIX / name).write_text("older")
    before = files(tmp_path)

    def full(figure: object, folder: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(document, "write_figure", full)
    with pytest.raises(StoreError, match="disk is full"):
        run(made, monkeypatch, "report", "--mix", MIX, "--to", str(tmp_path))
    assert files(tmp_path) == before


def test_what_a_killed_writer_left_goes_away(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / MIX / "tables").mkdir(parents=True)
    (tmp_path / MIX / "tables" / ".main.md.0a1b2c3d.tmp").write_text("half")
    run(made, monkeypatch, "tables", "--part", "headline", "--mix", MIX, "--to", str(tmp_path))
    assert not [name for name in files(tmp_path) if name.endswith(".tmp")]
    assert f"{MIX}/tables/main.md" in files(tmp_path)
