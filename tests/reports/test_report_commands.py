"""The commands that make reports, releases and cards."""

import shutil
from pathlib import Path

import pytest
from make_results import MIX, Made, Plan, make
from typer.testing import CliRunner

from benchmark.cli import reports as cli_reports
from benchmark.core.files import Places


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"), Plan(cases=3))


def run(made: Made, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Runs a command on the made project."""

    def inputs(mix: str, source: Path | None) -> list:
        return [(mix, (made.params, made.cards, Places(made.places.root, source)))]

    monkeypatch.setattr(cli_reports, "_inputs", inputs)
    done = CliRunner().invoke(cli_reports.app, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def test_results_from_elsewhere_give_the_same_bytes(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.places.root / "results", tmp_path / "copy")
    run(made, monkeypatch, "report", "--mix", MIX)
    to = ("--from", str(tmp_path / "copy"), "--to", str(tmp_path / "to"))
    run(made, monkeypatch, "report", "--mix", MIX, *to)
    here, there = files(made.places.reports(MIX)), files(tmp_path / "to" / MIX)
    assert here == there
    assert {"index.html", "gallery.html", "checklist.md", "claims/claims.csv"} <= set(here)


def test_a_report_over_an_older_one_leaves_nothing_of_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("figures/nemenyi.svg", "tables/draws.tex", "ablations/ablation.csv"):
        (tmp_path / "old" / MIX / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "old" / MIX / name).write_text("old")
    cards = [one for one in made.cards if one["prompt"] == "none"][:2]  # no draws, no third row
    run(Made(made.params, cards, made.places), monkeypatch,
        "report", "--mix", MIX, "--to", str(tmp_path / "old"))  # fmt: skip
    assert b"old" not in files(tmp_path / "old").values()


def test_bundle_and_cards(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(made, monkeypatch, "bundle", "--mix", MIX, "--to", str(tmp_path / "b.zip"))
    assert "RO-Crate" in told
    assert (tmp_path / "b.zip").stat().st_size > 1000
    told = run(made, monkeypatch, "cards", "--to", str(tmp_path / "cards"), "--mix", MIX)
    found = files(tmp_path / "cards")
    assert f"wrote {len(found)} cards" in told
    assert "data/kvasir-seg.md" in found
    assert any(name.startswith("models/") for name in found)
