"""The tables of scores against numbers worked out here, from the same files."""

import csv
import shutil
import statistics
from pathlib import Path

import pytest
from make_results import CARDS, MIX, SETS, Made, Plan, card, change, make

from benchmark.core.errors import ParamsError, ScoreTableError
from benchmark.reports.page.document import write_tables
from benchmark.reports.page.text import summary
from benchmark.reports.release.provenance import deviations_grid, provenance_grid, runs_grid
from benchmark.reports.study import FROM_RANDOM
from benchmark.reports.tables.grid import Grid, Line
from benchmark.reports.tables.inventory import leaks_grid, methods_grid
from benchmark.reports.tables.main import errors_grid, main_grid
from benchmark.reports.tables.protocols import protocols_grid
from benchmark.statistics.results import read_results


def line(grid: Grid, title: str) -> Line:
    return next(line for line in grid.lines() if line.title == title)


def notes(grid: Grid, title: str) -> list[str]:
    return [text for mark, text in grid.notes if mark in line(grid, title).marks]


def mean_by_hand(made: Made, run: tuple[str, str], dataset: str, column: str) -> list[float]:
    """The mean over cases of each seed, read with nothing of ours."""
    means = []
    for path in sorted((made.paths.results(MIX) / run[0] / run[1]).glob("seed-*/scores.csv")):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
        means.append(statistics.mean(float(row[column]) for row in rows))
    return means


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def own(tmp_path: Path) -> Made:
    return make(tmp_path)


def test_prompted_rows_show_their_spread_over_draws(made: Made) -> None:
    """The deviation of the draws' means, then the mean of that over seeds."""
    place = made.paths.results(MIX) / "prompted"
    prompted = next(path for path in place.iterdir() if path.is_dir()).name
    spreads = []
    for path in sorted((place / prompted).glob("seed-*/scores.csv")):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["dataset"] == "phantom-fundus"]
        by_draw: dict[str, list[float]] = {}
        for row in rows:
            by_draw.setdefault(row["draw"], []).append(float(row["dsc"]))
        assert len(by_draw) == 3
        spreads.append(statistics.stdev(statistics.mean(values) for values in by_draw.values()))
    grid = main_grid(made.study())
    title = next(card.title for card in CARDS if card.name == prompted)
    assert f"± {statistics.mean(spreads):.3f} over prompt draws" in line(grid, title).cells[0].sub
    assert "draws" not in line(grid, "U-Net").cells[0].sub
    record = next(
        r for r in grid.records
        if (r["method"], r["dataset"], r["metric"]) == (prompted, "phantom-fundus", "dsc")
    )  # fmt: skip
    assert record["draw_sd"] == pytest.approx(statistics.mean(spreads), abs=1e-6)


def test_main_table_shows_mean_sd_and_interval(made: Made) -> None:
    grid = main_grid(made.study())
    means = mean_by_hand(made, ("main", "unet"), "phantom-fundus", "dsc")
    cell = line(grid, "U-Net").cells[0]
    assert cell.text == f"{statistics.mean(means):.3f} ± {statistics.stdev(means):.3f}"
    low, high = (float(part) for part in cell.sub.splitlines()[0].strip("[]").split(", "))
    assert low < statistics.mean(means) < high
    assert [column.label for column in grid.columns[:3]] == ["DSC ↑", "IoU ↑", "MAE ↓"]
    assert grid.columns[0].group == "Phantom fundus (fundus, n = 10)"
    assert grid.columns[-1].group == "Mean over modalities"


def test_mean_over_modalities_is_the_mean_of_the_four(made: Made) -> None:
    means = [statistics.mean(mean_by_hand(made, ("main", "mmsnet"), name, "iou")) for name in SETS]
    cell = line(main_grid(made.study()), "MMSNet").cells[-2]
    assert cell.text.startswith(f"{statistics.mean(means):.3f} ±")


def test_draws_of_a_prompted_method_are_averaged(made: Made) -> None:
    (mean,) = mean_by_hand(made, ("prompted", "sam-point"), "phantom-fundus", "dsc")
    assert line(main_grid(made.study()), "SAM (one point)").cells[0].text == f"{mean:.3f}"


def test_blocks_stand_apart_and_controls_come_last(made: Made) -> None:
    titles = [block.title.split(" (")[0] for block in main_grid(made.study()).blocks]
    assert titles == ["Unprompted", "Prompted", "Controls"]


def test_best_and_second_within_a_block_as_printed(made: Made) -> None:
    for grid in (main_grid(made.study()), errors_grid(made.study())):
        main, prompted, controls = grid.blocks
        for place, column in enumerate(grid.columns):
            values = [float(row.cells[place].text.split(" ")[0]) for row in main.lines]
            order = sorted(set(values), reverse="↑" in column.label)
            ranks = [row.cells[place].rank for row in main.lines]
            expected = {order[0]: 1, **({order[1]: 2} if len(order) > 1 else {})}
            assert ranks == [expected.get(v, 0) if len(order) > 1 else 0 for v in values]
        lonely = [*prompted.lines, *controls.lines]
        assert not any(cell.rank for row in lonely for cell in row.cells)


def test_a_prompted_method_of_the_main_group_stands_with_the_prompted(tmp_path: Path) -> None:
    cards = (*CARDS, card("box", "Box net", prompt="box"))
    blocks = main_grid(make(tmp_path, Plan(cases=4, cards=cards)).study()).blocks
    assert [row.title for row in blocks[1].lines] == ["Box net", "SAM (one point)"]


def test_a_missing_seed_is_named_and_never_an_average(own: Made) -> None:
    shutil.rmtree(own.run("main", "unetpp", 1))
    study = own.study()
    for grid in (main_grid(study), errors_grid(study), protocols_grid(study)):
        assert "seed 1 of 3: not run" in [text for _, text in grid.notes]
    grid = main_grid(study)
    assert {cell.text for cell in line(grid, "U-Net++").cells} == {"missing"}
    assert notes(grid, "U-Net++")[1:3] == [
        "seed 1 of 3: not run", "fewer than three seeds: no method-level claim",
    ]  # fmt: skip
    runs = runs_grid(study)
    assert line(runs, "U-Net++, seed 1").cells[0].text == "missing"
    assert line(runs, "U-Net++, seed 2").cells[0].text != "missing"
    assert line(methods_grid(study), "U-Net++").cells[0].text == "2 of 3"


def test_a_missing_case_takes_the_value_from_its_test_set_alone(own: Made) -> None:
    path = own.run("main", "unet", 0) / "scores.csv"
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join(row for row in text if "ultrasound-003" not in row))
    grid = main_grid(own.study())
    kinds = [cell.kind for cell in line(grid, "U-Net").cells]
    assert kinds == [""] * 6 + ["missing"] * 3 + [""] * 3 + ["missing"] * 3
    assert "Phantom ultrasound: seed 0 of 3: case ultrasound-003 is missing" in notes(grid, "U-Net")


def test_notes_tell_random_weights_deviations_and_what_weights_have_seen(own: Made) -> None:
    for seed in range(3):
        change(
            own.run("main", "mmsnet", seed) / "run.json",
            lambda record: record.update(initialisation="pretrained"),
        )
    grid = main_grid(own.study())
    assert notes(grid, "U-Net") == [FROM_RANDOM]
    assert notes(grid, "U-Net++") == [
        FROM_RANDOM,
        "deviates from the default recipe: lr 0.0001 (paper, section 4)",
    ]
    assert notes(grid, "MMSNet") == ["its pretrained weights were trained on Phantom Fundus"]
    assert notes(grid, "Centre disc") == []


def test_methods_used_as_released_run_once_and_are_exempt(made: Made) -> None:
    study = made.study()
    entry = next(e for e in study.table.entries if e.name == "sam-point")
    assert (entry.seeds, entry.trained) == ((0,), False)
    assert not any("claim" in note for note in study.notes(entry))


def test_one_seed_makes_no_claim_and_has_no_sd(tmp_path: Path) -> None:
    grid = main_grid(make(tmp_path, Plan(cases=4, seeds=(0,))).study())
    assert "fewer than three seeds: no method-level claim" in notes(grid, "U-Net")
    assert "±" not in line(grid, "U-Net").cells[0].text


def test_one_case_has_a_mean_and_no_interval(tmp_path: Path) -> None:
    cell = line(main_grid(make(tmp_path, Plan(cases=1)).study()), "U-Net").cells[0]
    assert "±" in cell.text
    assert cell.sub == ""


def test_a_removed_method_is_named_and_not_counted(own: Made) -> None:
    own.cards[:] = [one for one in own.cards if one.name != "unet"]
    study = own.study()
    assert [(left.what, left.why) for left in study.table.ignored] == [
        ("main/unet (3 runs)", "removed: no card plans it for this mix")
    ]
    assert "U-Net" not in [row.title for row in main_grid(study).lines()]


def test_undefined_distances_are_counted_in_their_cell(own: Made) -> None:
    path = own.run("main", "unet", 0) / "scores.csv"
    header, first, *rest = path.read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    pixels = int(cells["tp"]) + int(cells["fn"])
    cells |= {"dsc": "0", "iou": "0", "tp": "0", "fp": "0", "fn": str(pixels), "hd95_px": "",
              "assd_px": ""}  # fmt: skip
    path.write_text("\n".join([header, ",".join(cells.values()), *rest]) + "\n")
    study = own.study()
    assert line(errors_grid(study), "U-Net").cells[2].sub.endswith("; 1 of 30 undefined")
    assert (
        "In 1 only the prediction or only the reference was empty" in main_grid(study).remarks[-1]
    )
    assert line(runs_grid(study), "U-Net, seed 0").cells[-1].text == "1"


def test_main_csv_is_tidy_and_whole(made: Made) -> None:
    rows = list(csv.DictReader(main_grid(made.study()).csv().splitlines()))
    assert len(rows) == 5 * 5 * 3  # rows of the table, test sets and their mean, metrics
    row = next(
        r
        for r in rows
        if (r["method"], r["dataset"], r["metric"]) == ("unet", "phantom-fundus", "mae")
    )
    mean = statistics.mean(mean_by_hand(made, ("main", "unet"), "phantom-fundus", "mae"))
    assert float(row["mean"]) == pytest.approx(mean, abs=1e-6)
    assert (row["cases"], row["seeds_done"], row["seeds_planned"]) == ("10", "3", "3")
    assert (row["both_empty"], row["one_empty"], row["status"]) == ("0", "0", "ok")


def test_protocols_show_each_convention_and_their_spread(made: Made) -> None:
    grid = protocols_grid(made.study())
    labels = [column.label for column in grid.columns]
    assert labels[0].startswith("Dice at the threshold")
    assert "Dice of all pixels of the dataset together" in labels
    kinds = ("Unprompted", "Prompted (shown points or boxes drawn from the reference)")
    titles = [f"{title}: {kind}" for title, _ in SETS.values() for kind in kinds]
    assert [block.title for block in grid.blocks] == titles
    cells = next(row for row in grid.blocks[0].lines if row.title == "U-Net").cells
    values = [float(cell.text) for cell in cells[:-1]]
    assert float(cells[-1].text) == pytest.approx(max(values) - min(values), abs=1e-3)
    assert any("MixSeg, the headline" in note for _, note in grid.notes)
    rows = list(csv.DictReader(grid.csv().splitlines()))
    assert {row["metric"] for row in rows} == {"dsc", "iou", "mae"}
    soft = next(r for r in rows if (r["protocol"], r["method"]) == ("dsc_soft", "unet"))
    by_hand = mean_by_hand(made, ("main", "unet"), "phantom-fundus", "dsc_soft")
    assert float(soft["mean"]) == pytest.approx(statistics.mean(by_hand), abs=1e-6)


def test_pooled_dice_by_hand(made: Made) -> None:
    pooled = []
    for seed in range(3):
        with (made.run("main", "unet", seed) / "scores.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["dataset"] == "phantom-fundus"]
        tp, fp, fn = (sum(int(row[key]) for row in rows) for key in ("tp", "fp", "fn"))
        pooled.append(2 * tp / (2 * tp + fp + fn))
    rows = csv.DictReader(protocols_grid(made.study()).csv().splitlines())
    row = next(r for r in rows if (r["protocol"], r["method"]) == ("dsc_pooled", "unet"))
    assert float(row["mean"]) == pytest.approx(statistics.mean(pooled), abs=1e-6)


def test_deviations(made: Made) -> None:
    study = made.study()
    rows = [
        (row.title, *(cell.text for cell in row.cells)) for row in deviations_grid(study).lines()
    ]
    assert ("U-Net++", "lr", "0.0005", "0.0001", "paper, section 4") in rows


def test_provenance_marks_what_differs(own: Made) -> None:
    change(own.run("main", "unet", 2) / "run.json", lambda r: r["versions"].update(torch="2.11.0"))
    grid = provenance_grid(own.study())
    labels = [column.label for column in grid.columns]
    row = line(grid, "U-Net, seed 2").cells
    assert row[labels.index("torch")].text == "≠ 2.11.0"
    assert row[labels.index("torch")].kind == "differs"
    assert line(grid, "U-Net, seed 1").cells[labels.index("Commit")].text == "≠ ba9876543210"
    assert row[labels.index("Data")].text == own.content()[:12]


def test_leaks_are_counted_by_kind_and_place(own: Made) -> None:
    assert leaks_grid(own.study()) is None
    path = own.paths.results(MIX) / "leaks.csv"
    head = "kind,where,dataset_a,case_a,split_a,dataset_b,case_b,split_b,mix_b,correlation\n"
    row = "near,train/test,phantom-fundus,{},train,phantom-fundus,t1,test,mix0,0.98\n"
    path.write_text(head + row.format("r1") + row.format("r2"))
    grid = leaks_grid(own.study())
    assert grid is not None
    assert [cell.text for cell in grid.lines()[0].cells] == ["Phantom fundus", "mix0", "2", "1"]
    path.write_text("kind,where\nnear,x\n")
    with pytest.raises(ScoreTableError, match="leaks"):
        leaks_grid(own.study())


def test_a_broken_file_stops_the_tables_and_leaves_nothing(own: Made, tmp_path: Path) -> None:
    (own.run("main", "unet", 0) / "scores.csv").write_text("broken")
    to = tmp_path / "tables"
    with pytest.raises(ScoreTableError, match="seed-0"):
        list(write_tables(own.results(), to))
    assert not to.exists()


def test_an_unknown_mix_is_named(made: Made) -> None:
    with pytest.raises(ParamsError, match="mix0"):
        read_results("mix9", made.params, made.cards, made.paths)


def test_no_results_at_all_give_a_table_of_missing_values(own: Made) -> None:
    shutil.rmtree(own.paths.results(MIX))
    grid = main_grid(own.study())
    assert {cell.text for row in grid.lines() for cell in row.cells} == {"missing"}
    assert grid.columns[0].group == "phantom-fundus"


def test_summary_fits_a_terminal(tmp_path: Path) -> None:
    long = card("long", "A method with a name that is far too long for a column")
    own = make(tmp_path, Plan(cases=3, cards=(*CARDS, long)))
    own.cards.append(card("planned", "A planned method"))
    text = summary(own.study())
    assert max(len(row) for row in text.splitlines()) <= 100
    mean = statistics.mean(mean_by_hand(own, ("main", "unet"), "phantom-fundus", "dsc"))
    row = next(row for row in text.splitlines() if row.startswith("  U-Net ("))
    assert f"{mean:.3f} ±" in row
    lines = text.splitlines()
    start = next(i for i, row in enumerate(lines) if row.startswith("  A method"))
    name = " ".join(lines[start + k][:24].strip() for k in range(4))
    assert name.startswith("A method with a name that is far too long for a column")
    # A row that was never run is counted, not printed.
    assert "A planned method" not in text
    assert f"1 row has no result: `mixseg status --mix {MIX} --long` lists the runs" in text
    assert text.count("DSC ↑") == text.count("IoU ↑") == text.count("MAE ↓") == 1
