"""The table of costs: numbers, holes, what the MACs leave out, machines that differ."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from make_results import MIX, Made, Plan, change, make, renamed, write_cost

from benchmark.core.errors import ScoreTableError
from benchmark.core.files import write_text
from benchmark.reports.page.document import write_report
from benchmark.reports.study import study_of
from benchmark.reports.tables.cost import LABELS, cost_grid, read_cost
from benchmark.reports.tables.grid import Cell, Grid, csv_text
from benchmark.reports.tables.markup import latex, markdown

RUN = ["2.4", "–", "61.5", "12.3", "cpu"]  # 141.5 s of training; 40 cases in 3.25 s
GONE = "missing"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path, Plan(cases=10))


def grid_of(made: Made) -> Grid:
    return cost_grid(made.study())


def cells(grid: Grid, title: str) -> list[Cell]:
    return list(next(line for line in grid.lines() if line.title == title).cells)


def texts(grid: Grid, title: str) -> list[str]:
    return [cell.text for cell in cells(grid, title)]


def notes(grid: Grid, title: str) -> list[str]:
    line = next(line for line in grid.lines() if line.title == title)
    return [text for mark, text in grid.notes if mark in line.marks]


def test_what_was_measured_stands_beside_what_runs_tell(made: Made) -> None:
    write_cost(made, "unet")
    grid = grid_of(made)
    assert texts(grid, "U-Net") == ["24.40", "24.40", "1.23", "20.5", "1,234", *RUN]
    latency = cells(grid, "U-Net")[3]
    assert (latency.sub, latency.sort) == ("[19.9, 21.2]", 20.46)
    labels = [column.label for column in grid.columns]
    assert labels[2:5] == ["GMACs", "Latency (ms)", "Peak memory (MiB)"]
    assert "Centre disc" not in [line.title for line in grid.lines()]  # a control costs nothing


def test_what_was_not_measured_is_missing(made: Made) -> None:
    write_cost(made, "unet")
    grid = grid_of(made)
    assert texts(grid, "U-Net++") == ["24.40", "24.40", GONE, GONE, GONE, *RUN]
    assert {cell.kind for cell in cells(grid, "U-Net++")[2:5]} == {"missing"}
    assert any("`mixseg cost` measures" in remark for remark in grid.remarks)


def test_without_any_measurement_nothing_is_said_of_one(made: Made) -> None:
    remarks = " ".join(grid_of(made).remarks)
    assert "GMACs" not in remarks
    assert "leave out" not in remarks


def test_a_method_that_never_ran_shows_what_it_costs(made: Made) -> None:
    made.cards.append(renamed(made.cards[0], name="new", title="New"))
    write_cost(made, "new")
    assert texts(grid_of(made), "New") == ["24.40", "24.30", "1.23", "20.5", "1,234", *[GONE] * 5]


def test_operations_without_a_formula_stand_in_the_csv_of_each_row(made: Made) -> None:
    write_cost(made, "unet", not_counted=[["add", 1], ["relu", 2]])
    write_cost(made, "unetpp", not_counted=[["add", 7], ["grid_sampler_2d", 3], ["_fft_r2c", 1]])
    grid = grid_of(made)
    rows = {row["Method"]: row for row in csv.DictReader(io.StringIO(grid.csv()))}
    named = {title: row["Operations without a formula"] for title, row in rows.items()}
    assert named["U-Net"] == "add, relu"
    assert named["U-Net++"] == "_fft_r2c, add, grid_sampler_2d"
    assert named["MMSNet"] == ""
    assert rows["U-Net"]["GMACs"] == texts(grid, "U-Net")[2]
    said = "The MACs leave out operations without a formula; the CSV lists them for each method."
    assert said in grid.remarks
    assert "grid_sampler_2d" not in markdown(grid)  # raw names are for the file alone
    write_cost(made, "unet", not_counted=[])
    write_cost(made, "unetpp", not_counted=[])
    assert said not in grid_of(made).remarks


def test_a_slow_device_is_not_0_images_per_second(made: Made) -> None:
    for seed in (0, 1, 2):
        folder = made.run("main", "unet", seed)
        with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
            history = list(csv.DictReader(file))
        for row in history:
            row["images_per_s"] = "0.0213"
        write_text(folder / "history.csv", csv_text(history))
    column = LABELS.index("Training (images/s)")
    assert texts(grid_of(made), "U-Net")[column] == "0.021"


def energies(made: Made, method: str, *told: dict[str, Any]) -> None:
    for seed, energy in enumerate(told):
        path = made.run("main", method, seed) / "run.json"
        change(path, lambda record, energy=energy: record.update(energy=energy))


def test_energy_is_a_median_or_a_dash_with_its_reason(made: Made) -> None:
    column = LABELS.index("Training (kWh)")
    energies(made, "unet", *({"kwh": kwh, "of": "GPU (NVML)"} for kwh in (0.0123, 2.5, 0.01)))
    alone, root = "other processes used the GPU", "for root alone"
    energies(made, "unetpp", *({"kwh": None, "why": why} for why in (alone, alone, root)))
    grid = grid_of(made)
    assert texts(grid, "U-Net")[column] == "0.0123"
    assert texts(grid, "U-Net++")[column] == "–"
    of, unknown = (remark for remark in grid.remarks if "nergy" in remark)
    assert "It is that of the GPU (NVML), not of the machine." in of
    told = unknown.removeprefix("The energy of training is not known: ")
    assert f"{alone} (U-Net++); {root} (U-Net++)" in told
    assert "(U-Net)" not in told


def test_one_reason_for_all_rows_is_said_once(made: Made) -> None:
    (told,) = (remark for remark in grid_of(made).remarks if "nergy" in remark)
    assert told == "The energy of training is not known: the code of these runs did not measure it."


def test_machines_are_named_and_told_apart(made: Made) -> None:
    write_cost(made, "unet")
    write_cost(made, "unetpp")
    told = next(remark for remark in grid_of(made).remarks if "Measured on" in remark)
    assert "one image of 32 × 32 pixels" in told
    assert told.endswith("Measured on: cpu, AMD EPYC 7B13, 2 threads, torch 2.14.1.")
    path = write_cost(made, "unetpp")
    change(path, lambda record: record["hardware"].update(device="NVIDIA H200"))
    told = next(remark for remark in grid_of(made).remarks if "Measured on" in remark)
    assert told.endswith(
        "Measured on: cpu, AMD EPYC 7B13, 2 threads, torch 2.14.1 (U-Net);"
        " NVIDIA H200, AMD EPYC 7B13, 2 threads, torch 2.14.1 (U-Net++)."
    )


def test_older_code_another_size_and_unmeasured_memory_are_noted(made: Made) -> None:
    none = {"peak": None, "weights": 1.0, "forward": None, "how": "not measured: no permission"}
    write_cost(made, "unet", size=64, memory_mib=none)
    write_cost(made, "unetpp")
    codes = {"unet": "b2" * 32, "unetpp": "a1" * 32}
    grid = cost_grid(study_of(replace(made.results(), cost_codes=codes)))
    assert {
        "its MACs, latency and memory were measured with older code",
        "its MACs, latency and memory were measured at 64 × 64 pixels",
        "peak memory not measured: no permission",
    } <= set(notes(grid, "U-Net"))
    assert texts(grid, "U-Net")[4] == "–"
    assert not [note for note in notes(grid, "U-Net++") if "MACs" in note or "memory" in note]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no JSON", "Expecting value"),
        ("[]", "list indices"),
        ("{}", "no 'schema'"),
        ('{"schema": 2}', "schema 2"),
        ('{"schema": 1}', "no '"),
        ("\udcff", "can't decode"),
    ],
)
def test_a_broken_file_is_a_named_error(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "cost.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ScoreTableError, match=r"cost\.json: unusable \(") as told:
        read_cost(path)
    assert problem in str(told.value)
    assert "what `mixseg cost` writes. Delete it and run" in str(told.value)
    assert read_cost(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("macs", "many"),
        ("latency_ms", {"median": 1.0}),
        ("memory_mib", []),
        ("hardware", None),
        ("not_counted", [["add"]]),
        ("not_counted", 3),
        ("versions", {}),
    ],
)
def test_a_value_of_another_kind_is_a_named_error(made: Made, key: str, value: Any) -> None:
    path = write_cost(made, "unet", **{key: value})
    with pytest.raises(ScoreTableError, match=r"unet/cost/cost\.json: unusable"):
        read_cost(path)


def test_every_form_of_the_table_holds_it(made: Made, tmp_path: Path) -> None:
    write_cost(made, "unet")
    grid = grid_of(made)
    row = next(row for row in csv.DictReader(io.StringIO(grid.csv())) if row["Method"] == "U-Net")
    assert (row["GMACs"], row["Latency (ms)"], row["Peak memory (MiB)"]) == (
        "1.23",
        "20.5",
        "1,234",
    )
    assert r"20.5<br><sub>\[19.9, 21.2\]</sub>" in markdown(grid)
    assert "native_batch_norm" in row["Operations without a formula"]
    assert "{[}19.9, 21.2{]}" in latex(grid)
    assert r"32 $\times$ 32 pixels" in latex(grid)
    write_report(made.results(), tmp_path / "to")
    page = (tmp_path / "to" / "index.html").read_text(encoding="utf-8")
    assert "native_batch_norm" not in page
    assert "native_batch_norm" in (tmp_path / "to/tables/cost.csv").read_text(encoding="utf-8")
    assert "Latency (ms)" in page


def test_other_readers_of_the_results_pass_it_by(made: Made) -> None:
    before = made.study()
    write_cost(made, "unet")
    write_cost(made, "sam-point")
    (made.paths.results(MIX) / "main" / "gone" / "cost").mkdir(parents=True)
    after = made.study()
    assert (after.table.runs.keys(), after.table.missing) == (
        before.table.runs.keys(),
        before.table.missing,
    )
    assert after.table.ignored == ()
    assert json.dumps(sorted(map(str, after.cells))) == json.dumps(sorted(map(str, before.cells)))
