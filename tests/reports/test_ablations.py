"""Ablations, networks of a single modality, and that the headline never waits for them."""

import csv
import shutil
import statistics
from pathlib import Path

import pytest
from make_results import (
    CARDS,
    GONE,
    MIX,
    SETS,
    VARIANTS,
    Made,
    Plan,
    card,
    change,
    make,
    make_variants,
)
from typer.testing import CliRunner

from benchmark.cli import reports as cli_reports
from benchmark.core.errors import ScoreTableError, StoreError
from benchmark.reports.page.document import write_report, write_tables
from benchmark.reports.tables.ablations import ablation_grid, single_modality_grid
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.grid import Grid, Line
from benchmark.reports.tables.main import main_grid
from benchmark.reports.tables.markup import latex, markdown
from benchmark.statistics.results import ABLATIONS

NASTY = "<script>alert('x')</script> R&D_50% $x$ {{ 1 }}"
PLAN = Plan(cases=6)


def line(grid: Grid, title: str) -> Line:
    return next(line for line in grid.lines() if line.title == title)


def cell(grid: Grid, title: str, group: str, label: str) -> str:
    place = [(c.group, c.label) for c in grid.columns].index((group, label))
    return line(grid, title).cells[place].text


def notes(grid: Grid, title: str) -> list[str]:
    return [text for mark, text in grid.notes if mark in line(grid, title).marks]


def mean_by_hand(made: Made, run: tuple[str, str], datasets: list[str]) -> float:
    """Mean over test sets of the mean over cases and seeds; nothing of ours reads it."""
    means = []
    for path in (made.paths.results(MIX) / run[0] / run[1]).glob("seed-*/scores.csv"):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for dataset in datasets:
            means.append(statistics.mean(float(r["dsc"]) for r in rows if r["dataset"] == dataset))
    return statistics.mean(means)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_variants(tmp_path_factory.mktemp("made"), PLAN)


@pytest.fixture
def own(tmp_path: Path) -> Made:
    return make_variants(tmp_path / "made", Plan(cases=4))


def test_ablations_stand_below_their_base_in_the_order_of_their_declaration(made: Made) -> None:
    (block,) = ablation_grid(made.study("ablations")).blocks
    assert block.title == "Variants of MMSNet"
    titles = [row.title for row in block.lines]
    assert titles == ["MMSNet (base)", "r = 4", "K = 16", "FEP by FFT"]


def test_the_difference_to_the_base_is_that_of_the_means(made: Made) -> None:
    grid = ablation_grid(made.study("ablations"))
    base = mean_by_hand(made, ("main", "mmsnet"), list(SETS))
    for name, title in (("mmsnet-r4", "r = 4"), ("mmsnet-k16", "K = 16")):
        mean = mean_by_hand(made, ("ablation", name), list(SETS))
        assert cell(grid, title, "Mean over modalities", "DSC ↑").startswith(f"{mean:.3f} ±")
        said = cell(grid, title, "Mean over modalities", "Minus base")
        assert said == signed(mean - base)
        low, high = (
            float(part.replace("−", "-"))
            for part in line(grid, title).cells[2].sub.strip("[]").split(", ")
        )
        assert low < mean - base < high
    assert cell(grid, "MMSNet (base)", "Mean over modalities", "Minus base") == "–"
    assert cell(grid, "r = 4", "", "Trained (M)") == "24.400"


def test_a_row_with_a_missing_run_has_no_difference(made: Made) -> None:
    grid = ablation_grid(made.study("ablations"))
    cells = line(grid, "FEP by FFT").cells
    assert {each.kind for each in cells[1:]} == {"missing"}
    assert "seed 1 of 3: not run" in notes(grid, "FEP by FFT")
    assert "fewer than three seeds: no method-level claim" in notes(grid, "FEP by FFT")
    assert any(remark.startswith("missing:") for remark in grid.remarks)


def test_a_base_with_a_missing_run_takes_the_difference_from_all(own: Made) -> None:
    shutil.rmtree(own.run("main", "mmsnet", 2))
    grid = ablation_grid(own.study("ablations"))
    assert cell(grid, "r = 4", "Mean over modalities", "Minus base") == "missing"
    assert "missing" not in cell(grid, "r = 4", "Mean over modalities", "DSC ↑")
    assert "no difference: MMSNet: seed 2 of 3: not run" in notes(grid, "r = 4")


def test_a_base_that_is_not_on_this_mix_or_not_named_is_told(tmp_path: Path) -> None:
    cards = (
        *CARDS,
        card("lost", "Lost", group="ablation", base="gone"),
        card("free", "Free", group="ablation"),
        card("one", "One", group="single", base="gone", modality="fundus"),
    )
    study = make(tmp_path, Plan(cases=3, cards=cards)).study("ablations")
    grid, single = ablation_grid(study), single_modality_grid(study)
    assert [block.title for block in grid.blocks] == ["Variants of gone", "No base named"]
    assert cell(grid, "Lost", "Mean over modalities", "Minus base") == "missing"
    assert "no difference: gone does not run on this mix" in notes(grid, "Lost")
    assert cell(grid, "Free", "Mean over modalities", "Minus base") == "–"
    assert [each.text == "missing" for each in line(single, "gone").cells[:3]] == [
        True, False, True,
    ]  # fmt: skip
    assert "gone does not run on this mix" in notes(single, "gone")


def test_the_csv_of_the_ablations_holds_the_difference_on_every_test_set(made: Made) -> None:
    rows = list(csv.DictReader(ablation_grid(made.study("ablations")).csv().splitlines()))
    assert len(rows) == 4 * 5  # rows, and test sets with their mean
    row = next(r for r in rows if (r["method"], r["dataset"]) == ("mmsnet-r4", "phantom-fundus"))
    base = mean_by_hand(made, ("main", "mmsnet"), ["phantom-fundus"])
    own = mean_by_hand(made, ("ablation", "mmsnet-r4"), ["phantom-fundus"])
    assert float(row["difference"]) == pytest.approx(own - base, abs=2e-6)
    assert (row["base"], row["trained_parameters"]) == ("mmsnet", "24400000")
    assert [r["difference"] for r in rows if r["method"] in ("mmsnet", GONE[1])] == [""] * 10


def test_the_difference_is_mixed_minus_single_on_that_modality(made: Made) -> None:
    grid = single_modality_grid(made.study("ablations"))
    assert [row.title for row in grid.lines()] == ["U-Net", "MMSNet: K = 16"]
    for title, base, single, modality in (
        ("U-Net", ("main", "unet"), "unet-fundus", "fundus"),
        ("U-Net", ("main", "unet"), "unet-ultrasound", "ultrasound"),
        ("MMSNet: K = 16", ("ablation", "mmsnet-k16"), "k16-fundus", "fundus"),
    ):
        group = f"{modality.capitalize()} (Phantom {modality})"
        values = [
            mean_by_hand(made, run, [f"phantom-{modality}"]) for run in (base, ("single", single))
        ]
        assert cell(grid, title, group, "Mixed ↑").startswith(f"{values[0]:.3f} ±")
        assert cell(grid, title, group, "Single ↑").startswith(f"{values[1]:.3f} ±")
        assert cell(grid, title, group, "Mixed − single") == signed(values[0] - values[1])
    group = "Dermoscopy (Phantom dermoscopy)"  # no network of this modality was planned
    assert cell(grid, "U-Net", group, "Mixed ↑") != "–"
    assert cell(grid, "U-Net", group, "Mixed − single") == "–"


def test_test_sets_of_one_modality_weigh_the_same(own: Made) -> None:
    def merge(data: dict) -> None:
        data["datasets"]["phantom-dermoscopy"]["modality"] = "fundus"

    change(own.paths.results(MIX) / "data.json", merge)
    for path in own.paths.results(MIX).glob("*/*/seed-*/scores.csv"):
        path.write_text(path.read_text().replace(",dermoscopy,", ",fundus,"))
    grid = single_modality_grid(own.study("ablations"))
    group = "Fundus (Phantom fundus, Phantom dermoscopy)"
    both = ["phantom-fundus", "phantom-dermoscopy"]
    mixed, single = (
        mean_by_hand(own, run, both) for run in (("main", "unet"), ("single", "unet-fundus"))
    )
    assert cell(grid, "U-Net", group, "Mixed − single") == signed(mixed - single)


def test_a_missing_run_of_either_training_is_named(own: Made) -> None:
    shutil.rmtree(own.run("single", "unet-fundus", 0))
    shutil.rmtree(own.paths.results(MIX) / "ablation" / "mmsnet-k16")
    grid = single_modality_grid(own.study("ablations"))
    fundus = "Fundus (Phantom fundus)"
    assert cell(grid, "U-Net", fundus, "Single ↑") == "missing"
    assert cell(grid, "U-Net", fundus, "Mixed − single") == "missing"
    assert "±" in cell(grid, "U-Net", fundus, "Mixed ↑")
    assert "U-Net, fundus alone: seed 0 of 3: not run" in notes(grid, "U-Net")
    assert (
        "U-Net, fundus alone: fewer than three seeds: no method-level claim"
        in notes(grid, "U-Net")
    )  # fmt: skip
    shutil.rmtree(own.paths.results(MIX) / "single" / "k16-fundus")  # the same note, twice
    again = notes(single_modality_grid(own.study("ablations")), "MMSNet: K = 16")
    assert "K = 16, fundus alone: seeds 0, 1, 2 of 3: not run" in again
    assert cell(grid, "MMSNet: K = 16", fundus, "Mixed ↑") == "missing"
    assert "seeds 0, 1, 2 of 3: not run" in notes(grid, "MMSNet: K = 16")
    rows = {(r["method"], r["modality"]): r for r in csv.DictReader(grid.csv().splitlines())}
    states = [rows["unet", m]["status"] for m in ("fundus", "colonoscopy", "ultrasound")]
    assert states == ["missing", "not planned", "ok"]


def test_two_variants_of_one_modality_have_a_row_each(tmp_path: Path) -> None:
    again = card("again", "Again", group="single", base="unet", modality="fundus")
    made = make(tmp_path, Plan(cases=3, cards=(*CARDS, *VARIANTS, again)))
    titles = [row.title for row in single_modality_grid(made.study("ablations")).lines()]
    assert titles == ["U-Net", "U-Net (and U-Net, fundus alone)", "MMSNet: K = 16"]


def test_equal_epochs_and_equal_steps_stand_in_blocks_of_their_own(tmp_path: Path) -> None:
    recipe = {"equal_steps": True, "why": "tests"}
    steps = card("steps", "Steps", group="single", base="unet", modality="fundus", recipe=recipe)
    study = make(tmp_path, Plan(cases=3, cards=(*CARDS, *VARIANTS, steps))).study("ablations")
    grid = single_modality_grid(study)
    assert [(block.title, [row.title for row in block.lines]) for block in grid.blocks] == [
        ("At equal epochs", ["U-Net", "MMSNet: K = 16"]),
        ("At equal steps", ["U-Net"]),
    ]
    rows = [r for r in csv.DictReader(grid.csv().splitlines()) if r["modality"] == "fundus"]
    told = [(r["method"], r["equal"], r["single_modality"]) for r in rows]
    assert ("unet", "epochs", "unet-fundus") in told
    assert ("unet", "steps", "steps") in told


def test_networks_of_one_modality_are_neither_averaged_nor_ranked(made: Made) -> None:
    grid = main_grid(made.study("ablations"), ("single",), "scores")
    assert "Mean over modalities" not in {column.group for column in grid.columns}
    assert not any(each.rank for row in grid.lines() for each in row.cells)
    assert "trained on fundus alone" in notes(grid, "U-Net, fundus alone")
    assert "trained on ultrasound alone" in notes(grid, "U-Net, ultrasound alone")
    assert any("trained on one modality" in remark for remark in grid.remarks)
    assert "mean over modalities" not in grid.csv()


def test_signs() -> None:
    values = (0.0123, -0.0123, 0.0004, -0.0004, float("nan"))
    assert [signed(v) for v in values] == ["+0.012", "−0.012", "0.000", "0.000", "–"]


def test_the_headline_reads_nothing_of_the_ablations(own: Made, tmp_path: Path) -> None:
    def tables(to: str) -> dict[str, bytes]:
        list(write_tables(own.results("headline"), tmp_path / to, "headline"))
        return files(tmp_path / to / "tables")

    first = tables("with")
    text = b"".join(first.values()).decode()
    assert not any(one.title in text or one.name in text for one in VARIANTS)
    for path in own.paths.results(MIX).glob("ablation/*/*/scores.csv"):
        path.write_text("broken")
    assert tables("broken") == first
    for group in ABLATIONS:
        shutil.rmtree(own.paths.results(MIX) / group)
    assert tables("without") == first
    assert own.study().table.missing == ()


def test_a_broken_ablation_is_named_where_it_is_read(own: Made, tmp_path: Path) -> None:
    (own.run("ablation", "mmsnet-r4", 0) / "scores.csv").write_text("broken")
    with pytest.raises(ScoreTableError, match="mmsnet-r4"):
        list(write_tables(own.results("ablations"), tmp_path / "to", "ablations"))
    assert not (tmp_path / "to").exists()


def test_what_is_ignored_is_named_in_the_part_that_it_belongs_to(own: Made) -> None:
    own.cards[:] = [one for one in own.cards if one.name not in ("unetpp", "mmsnet-r4")]
    own.cards.append(card("mmsnet-r4", "r = 4"))  # it moved
    headline = own.study()
    assert [left.what for left in headline.table.ignored] == ["main/unetpp (3 runs)"]
    assert [(left.what, left.why) for left in own.study("ablations").table.ignored] == [
        ("ablation/mmsnet-r4 (3 runs)", "its group is main now")
    ]


def test_the_report_holds_both_parts_and_writes_the_same_files(made: Made, tmp_path: Path) -> None:
    write_report(made.results(), tmp_path / "report")
    assert list(write_tables(made.results(), tmp_path / "parts", "headline")) == [
        f"wrote {tmp_path / 'parts/tables'}"
    ]
    assert not (tmp_path / "parts/ablations").exists()
    assert list(write_tables(made.results(), tmp_path / "parts", "ablations")) == [
        f"wrote {tmp_path / 'parts/ablations'}"
    ]
    for folder in ("tables", "ablations"):
        assert files(tmp_path / "report" / folder) == files(tmp_path / "parts" / folder), folder
    page = (tmp_path / "report/index.html").read_text("utf-8")
    for anchor in ("ablations", "single-modality", "table-ablation-runs",
                   "table-single-modality", "table-single-modality-scores"):  # fmt: skip
        assert f'id="{anchor}"' in page
    planned = 3 * (3 + len(VARIANTS)) + 1  # and SAM, which runs once
    assert f"{planned - 1} of {planned}" in page
    assert "FEP by FFT, seed 1: not run." in page


def test_a_mix_without_such_methods_has_neither_sections_nor_folder(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=3))
    write_report(made.results(), tmp_path / "to")
    page = (tmp_path / "to/index.html").read_text("utf-8")
    assert 'id="ablations"' not in page
    assert 'id="single-modality"' not in page
    assert not (tmp_path / "to/ablations").exists()
    said = list(write_tables(made.results(), tmp_path / "to"))
    assert said[1] == "mix0: no ablation, and no network of a single modality"


def test_a_table_that_no_longer_is_goes_away(own: Made, tmp_path: Path) -> None:
    def write() -> set[str]:
        list(write_tables(own.results(), tmp_path / "to", "ablations"))
        return {path.name for path in (tmp_path / "to").glob("ablations/*")}

    assert {"ablation.csv", "ablation.md", "ablation.tex", "single-modality.md"} <= write()
    own.cards[:] = [one for one in own.cards if one.group != "ablation"]
    names = write()
    assert "single-modality.md" in names
    assert not {"ablation.csv", "ablation.md", "ablation.tex"} & names
    mine = tmp_path / "to/ablations/mine.txt"
    mine.write_text("not ours")
    own.cards[:] = [one for one in own.cards if one.group != "single"]
    with pytest.raises(StoreError, match=r"mine\.txt: a file that no report writes"):
        write()
    assert mine.read_text() == "not ours"
    assert (tmp_path / "to/ablations/single-modality.md").is_file()
    mine.unlink()
    assert write() == set()
    assert not (tmp_path / "to/ablations").exists()


def test_titles_with_markup_are_text(tmp_path: Path) -> None:
    cards = (
        card("unet", NASTY),
        card("cut", NASTY, group="ablation", base="unet"),
        card("one", NASTY, group="single", base="unet", modality="fundus"),
    )
    made = make(tmp_path / "made", Plan(cases=3, cards=cards))
    write_report(made.results(), tmp_path / "to")
    assert (tmp_path / "to/index.html").read_text("utf-8").count("<script") == 1
    study = made.study("ablations")
    for grid in (ablation_grid(study), single_modality_grid(study)):
        assert "<script" not in markdown(grid)
        assert r"R\&D\_50\%" in latex(grid)
        assert "−" not in latex(grid)


@pytest.mark.parametrize(
    ("words", "folders"),
    [((), {"tables", "ablations"}), (("--part", "headline"), {"tables"}),
     (("--part", "ablations"), {"ablations"})],
)  # fmt: skip
def test_the_command_writes_the_part_that_it_is_asked_for(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple, folders: set
) -> None:
    monkeypatch.setattr(cli_reports, "_results", lambda mix, source, part: [made.results(part)])
    command = ["tables", "--mix", MIX, "--to", str(tmp_path), *words]
    done = CliRunner().invoke(cli_reports.app, command)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / MIX).iterdir()} == folders
