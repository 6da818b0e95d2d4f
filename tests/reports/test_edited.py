"""Results with one digit changed: reports go on, mark the row and use nothing of the run."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from make_results import MIX, Made, Plan, change, make
from typer.testing import CliRunner

from benchmark.claims.judge import judge
from benchmark.claims.spec import load_claims
from benchmark.cli import reports as cli_reports
from benchmark.core.digests import digest_of
from benchmark.core.errors import StoreError
from benchmark.core.files import Paths
from benchmark.core.recorded import DIGESTS, EDITED, note
from benchmark.methods import discover
from benchmark.reports.release.bundle import write_bundle
from benchmark.reports.study import study_of
from benchmark.reports.tables.compared import compare
from benchmark.reports.tables.grid import EDITED as CELL
from benchmark.reports.tables.inventory import LEAKS, LEAKS_BY
from benchmark.reports.tables.main import NOT_AS_WRITTEN, main_grid
from benchmark.statistics.results import MixResults, Part

RUN = "main/unetpp/seed-1"
OTHERS = ["MMSNet", "U-Net"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A project as `mixseg` leaves it: each run lists its files, and digests.csv the runs."""
    made = make(tmp_path_factory.mktemp("made"), Plan(cases=3))
    results = made.paths.results(MIX)
    (results / "leaks.csv").write_text(f"{','.join((*LEAKS_BY, *LEAKS))}\n")
    (results / "leaks.json").write_text('{"compared": [], "not_prepared": []}\n')
    runs = sorted(results.glob("*/*/seed-*/run.json"))
    for path in runs:
        files = {p.name: digest_of(p) for p in path.parent.glob("*.csv")}
        change(path, lambda record, files=files: record.update(files=files))
    note(made.paths, MIX, *runs, *(results / f for f in ("data.json", "leaks.csv", "leaks.json")))
    return made


@pytest.fixture
def made(whole: Made, tmp_path: Path) -> Made:
    shutil.copytree(whole.paths.root / "results", tmp_path / "results")
    return replace(whole, paths=Paths(tmp_path))


def flip(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def damage(made: Made, name: str) -> Path:
    """Changes one digit, in a place that no other check looks at."""
    path = made.paths.results(MIX) / RUN / name
    if name == "scores.csv":
        lines = path.read_text("utf-8").splitlines()
        column = lines[0].split(",").index("mae")
        cells = lines[1].split(",")
        cells[column] = f"{float(cells[column]) / 2:.6f}"
        path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:], ""]), "utf-8")
    elif name == "run.json":
        flip(path, "24400000", "14400000")
    else:
        flip(path, "0.0005", "0.0004")
    return path


@pytest.mark.parametrize("name", ["scores.csv", "history.csv", "run.json"])
def test_one_changed_digit_marks_the_row_and_ranks_it_nowhere(made: Made, name: str) -> None:
    assert not made.results().edited()
    path = damage(made, name)
    study = made.study()
    grid = main_grid(study)
    row = next(line for line in grid.lines() if line.title == "U-Net++")
    notes = [text for mark, text in grid.notes if mark in row.marks]
    assert any(f"seed 1 of 3: {EDITED}: {name} has digest" in note for note in notes)
    assert digest_of(path)[:16] in " ".join(notes)
    assert {cell.text for cell in row.cells} == {CELL}
    assert NOT_AS_WRITTEN in grid.remarks
    compared = compare(study)
    assert "U-Net++" in {title for title, _ in compared.not_ranked}
    assert compared.rankings is not None
    ranked = {one.title for ranking in compared.rankings.values() for one in ranking.rows}
    assert ranked == set(OTHERS)
    others = [line for line in grid.lines() if line.title in OTHERS]
    assert {cell.rank for line in others for cell in line.cells} >= {1, 2}


def test_a_file_that_became_unreadable_does_not_stop_the_tables(made: Made) -> None:
    for name, old in (("scores.csv", "dataset"), ("run.json", "{")):
        flip(made.paths.results(MIX) / RUN.replace("1", "0") / name, old, "\x00")
    flip(made.paths.results(MIX) / "data.json", "{", "(")
    study = made.study()
    assert {each.path.name for each in study.edited()} == {"run.json", "data.json"}
    assert main_grid(study).lines()


def test_windows_line_ends_are_no_edit(made: Made) -> None:
    for path in made.paths.results(MIX).rglob("*.*"):
        if path.is_file() and path.name != DIGESTS:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not made.results().edited()


def test_what_is_recorded_nowhere_carries_no_mark(made: Made) -> None:
    (made.paths.results(MIX) / DIGESTS).unlink()
    for path in made.paths.results(MIX).rglob("run.json"):
        change(path, lambda record: record.pop("files"))
    for name in ("scores.csv", "history.csv", "run.json"):
        damage(made, name)
    assert not made.results().edited()
    assert "U-Net++" not in {title for title, _ in compare(made.study()).not_ranked}


def test_claims_do_not_use_an_edited_run(made: Made) -> None:
    def verdicts() -> dict[str, str]:
        return {each.claim.id: each.verdict for each in judge(load_claims(), made.results())}

    before = verdicts()
    for method in ("mmsnet", "unet", "unetpp"):
        flip(made.run("main", method, 0) / "scores.csv", "0.", "0.1")
    after = verdicts()
    changed = {name for name in after if after[name] != before[name]}
    assert changed
    assert all(after[name] in ("not run", "undecided") for name in changed)


def run(made: Made, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[str, str]:
    def results(mix: str, source: Path | None, part: Part | None = None) -> list[MixResults]:
        return [made.results(part)]

    monkeypatch.setattr(cli_reports, "_results", results)
    monkeypatch.setattr(discover, "cards", lambda root: made.cards)
    done = CliRunner().invoke(cli_reports.app, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_report_goes_on_and_names_every_edited_file(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(made, "scores.csv")
    results = made.paths.results(MIX)
    flip(results / "data.json", '"train": ', '"train": 1')
    with (results / "leaks.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    _, said = run(made, monkeypatch, "report", "--mix", MIX, "--to", str(tmp_path / "to"))
    page = (tmp_path / "to" / MIX / "index.html").read_text("utf-8")
    for name in (f"{RUN}/scores.csv", "data.json", "leaks.csv"):
        assert f"warning: results/{MIX}/{name}: {EDITED}" in said
        assert f"{name.split('/')[-1]} has digest" in page
    assert "Run `mixseg leaks` again" in page.replace("<code>", "`").replace("</code>", "`")
    assert not (tmp_path / "to" / MIX / "tables" / "leaks.csv").exists()
    assert str(tmp_path) not in page


def test_a_release_of_edited_results_is_refused(made: Made, tmp_path: Path) -> None:
    path = damage(made, "history.csv")
    with pytest.raises(StoreError) as caught:
        write_bundle(made.results(), tmp_path / "bundle")
    assert str(caught.value).startswith(f"{path}: {EDITED}")
    assert not (tmp_path / "bundle").exists()


def test_the_same_study_without_the_edit(made: Made) -> None:
    """A restored file brings the row back."""
    path = made.paths.results(MIX) / RUN / "scores.csv"
    kept = path.read_bytes()
    damage(made, "scores.csv")
    assert made.results().edited()
    path.write_bytes(kept)
    assert not made.results().edited()
    assert not compare(study_of(made.results())).not_ranked
