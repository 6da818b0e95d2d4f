"""Rows from random weights, rows of earlier code, results of other data, metrics not scored."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from make_results import CARDS, MIX, SETS, Made, Plan, card, change, make, make_variants

from benchmark.claims.judge import judge
from benchmark.claims.spec import load_claims
from benchmark.reports.page.document import Headline, write_report
from benchmark.reports.page.gallery import best_run
from benchmark.reports.page.text import summary
from benchmark.reports.release.provenance import runs_grid
from benchmark.reports.study import FROM_RANDOM, RANDOM, study_of
from benchmark.reports.tables.ablations import ablation_grid
from benchmark.reports.tables.compared import compare
from benchmark.reports.tables.grid import Grid, Line
from benchmark.reports.tables.main import APART, blocks_of, errors_grid, main_grid
from benchmark.runs.why import PARTS
from benchmark.statistics.results import EARLIER_CODE, EARLIER_SCORING, IDENTITY
from benchmark.statistics.schema import METRICS, Metric

# On a mix that asks for pretrained weights, unetpp had none at hand and plain has none at all.
PLAIN = card("plain", "Plain U-Net", weights=[], pretrained_on=[])
PRETRAINED = Plan(cases=6, cards=(*CARDS, PLAIN), weights="pretrained")


def line(grid: Grid, title: str) -> Line:
    return next(line for line in grid.lines() if line.title == title)


def notes(grid: Grid, title: str) -> list[str]:
    return [text for mark, text in grid.notes if mark in line(grid, title).marks]


def from_random(made: Made, group: str, method: str) -> None:
    for path in (made.paths.results(MIX) / group / method).glob("seed-*/run.json"):
        change(path, lambda record: record.update(initialisation="random", weights={}))


@pytest.fixture
def own(tmp_path: Path) -> Made:
    made = make(tmp_path / "made", PRETRAINED)
    from_random(made, "main", "unetpp")
    return made


# ---- random initialisation


def test_rows_from_random_weights_have_a_block_of_their_own(own: Made) -> None:
    study = own.study()
    blocks = {block.title.split(" (")[0]: block for block in blocks_of(study, ("main", "prompted"))}
    assert list(blocks) == ["Unprompted", RANDOM, "Prompted"]
    assert [entry.title for entry in blocks["Unprompted"].entries] == ["MMSNet", "U-Net"]
    assert [entry.title for entry in blocks[RANDOM].entries] == ["Plain U-Net", "U-Net++"]
    assert [block.ranked for block in blocks.values()] == [True, False, True]


def test_they_are_nowhere_ranked_nor_bold_nor_compared(own: Made) -> None:
    headline = Headline.of(own.study())
    grids, compared = headline.grids(), headline.compared
    apart, others = {"Plain U-Net", "U-Net++"}, {"MMSNet", "U-Net"}
    for name in ("headline", "main", "errors", "strata"):
        for title in apart:
            assert not any(cell.rank for cell in line(grids[name], title).cells), name
        assert APART in grids[name].remarks
    assert {cell.rank for title in others for cell in line(grids["main"], title).cells} >= {1, 2}
    for name in ("comparisons", "across", "ranks", "friedman", "stability"):
        titles = {row.title for row in grids[name].lines()} if name in grids else set()
        assert not titles & apart, name
    assert compared.focus is not None
    assert [entry.title for entry in compared.others] == ["U-Net"]
    assert {title for title, why in compared.not_ranked if why == RANDOM.lower()} == apart
    best = best_run(own.study())
    assert best is not None
    assert best.entry.title in others


def test_the_note_tells_weights_that_were_not_at_hand_from_a_row_without_any(own: Made) -> None:
    grid = main_grid(own.study())
    assert FROM_RANDOM in notes(grid, "U-Net++")
    assert FROM_RANDOM not in notes(grid, "Plain U-Net")
    assert FROM_RANDOM not in notes(grid, "MMSNet")


def test_on_a_mix_of_random_weights_nothing_stands_apart(tmp_path: Path) -> None:
    study = make(tmp_path, Plan(cases=4, cards=(*CARDS, PLAIN))).study()
    assert RANDOM not in {block.title for block in blocks_of(study, ("main",))}
    assert len(compare(study).others) == 3
    assert APART not in main_grid(study).remarks


def test_what_the_runs_say_counts_and_not_the_plan(own: Made) -> None:
    """The runs of one row were made before its weights came; then one seed is made again."""
    study = own.study()
    entry = study.entry("unetpp")
    assert entry is not None
    assert (study.initialisation(entry), study.mix.weights) == ("random", "pretrained")
    change(own.run("main", "unetpp", 0) / "run.json",
           lambda record: record.update(initialisation="pretrained"))  # fmt: skip
    assert own.study().stands_apart(entry)
    for seed in (1, 2):
        change(own.run("main", "unetpp", seed) / "run.json",
               lambda record: record.update(initialisation="pretrained"))  # fmt: skip
    assert not own.study().stands_apart(entry)


def test_a_report_with_only_such_rows_builds_and_compares_nothing(tmp_path: Path) -> None:
    made = make(tmp_path / "made", replace(PRETRAINED, cards=(PLAIN, CARDS[0])))
    from_random(made, "main", "unet")
    write_report(made.results(), tmp_path / "to")
    page = (tmp_path / "to/index.html").read_text("utf-8")
    assert "fewer than two unprompted methods may be compared" in page
    assert "table-comparisons" not in page


def test_an_ablation_from_random_weights_has_no_difference_to_a_pretrained_base(
    tmp_path: Path,
) -> None:
    made = make_variants(tmp_path, replace(PRETRAINED, cards=()))
    from_random(made, "ablation", "mmsnet-r4")
    grid = ablation_grid(made.study("ablations"))
    k = next(i for i, column in enumerate(grid.columns) if column.label == "Minus base")
    assert line(grid, "r = 4").cells[k].text == "missing"
    assert "no difference: MMSNet: it started from other weights (random or pretrained)" in notes(
        grid, "r = 4"
    )
    assert line(grid, "K = 16").cells[k].text[0] in "+−0"
    assert not any(cell.rank for row in grid.lines() for cell in row.cells)


# ---- earlier code, other data


def test_rows_of_earlier_code_bear_one_mark(own: Made) -> None:
    def earlier(record: dict) -> None:
        kept = ("run", "method_code", "training_code", "data")
        record["identity"] = {key: record["identity"][key] for key in kept}

    for seed in range(3):
        change(own.run("main", "unet", seed) / "run.json", earlier)
    grid = main_grid(own.study())
    assert EARLIER_CODE in notes(grid, "U-Net")
    assert [text for _, text in grid.notes].count(EARLIER_CODE) == 1
    assert EARLIER_CODE not in notes(grid, "MMSNet")
    # whatever the scoring code: that the whole run is of earlier code says it already
    told = main_grid(study_of(replace(own.results(), scoring_code="f0" * 32)))
    assert EARLIER_SCORING not in notes(told, "U-Net")


def test_rows_scored_by_earlier_code_are_marked_where_the_present_code_is_told(own: Made) -> None:
    change(own.run("main", "mmsnet", 1) / "run.json",
           lambda record: record.update(scoring_code="00" * 32))  # fmt: skip
    results = own.results()
    assert EARLIER_SCORING not in notes(main_grid(study_of(results)), "MMSNet")
    grid = main_grid(study_of(replace(results, scoring_code="e5" * 32)))
    assert EARLIER_SCORING in notes(grid, "MMSNet")
    assert EARLIER_SCORING not in notes(grid, "U-Net")
    assert EARLIER_SCORING not in notes(grid, "Centre disc")


def test_the_parts_of_an_identity_are_those_that_runs_write() -> None:
    assert set(PARTS) == IDENTITY


def test_results_of_other_data_than_params_ask_for_say_so(own: Made, tmp_path: Path) -> None:
    asked = own.params.mix(MIX).model_copy(update={"size": 64, "train": ["phantom-fundus"]})
    params = own.params.model_copy(update={"mixes": {MIX: asked}})
    made = replace(own, params=params)
    (warning,) = made.results().warnings()
    assert "Size: prepared at 32, params.yaml asks for 64; train: prepared with [" in warning
    assert "mixseg prepare --mix mix0" in warning
    write_report(made.results(), tmp_path / "to")
    page = (tmp_path / "to/index.html").read_text("utf-8")
    for text in (page, (tmp_path / "to/checklist.md").read_text("utf-8"),
                 (tmp_path / "to/tables/headline.md").read_text("utf-8"),
                 summary(made.study())):  # fmt: skip
        assert "These results are stale." in text
    # sizes and sets are those of the records
    assert "at 32 × 32 pixels" in page
    assert "64 × 64" not in page
    assert "on Phantom fundus, Phantom colonoscopy, Phantom ultrasound, Phantom dermoscopy" in page
    assert own.results().warnings() == []


def test_test_sets_are_those_of_the_data(own: Made) -> None:
    asked = own.params.mix(MIX).model_copy(update={"test": ["phantom-fundus"]})
    made = replace(own, params=own.params.model_copy(update={"mixes": {MIX: asked}}))
    results = made.results()
    assert [each.name for each in results.table.sets] == list(SETS)
    assert results.table.ignored == ()
    assert any(text.startswith("test: prepared with [phantom-f") for text in results.mismatch())


def test_a_run_at_another_size_or_on_other_arrays_bears_a_note(own: Made) -> None:
    def other(record: dict) -> None:
        record["size"] = 64
        record["identity"]["data"] = "00" * 32

    change(own.run("main", "unet", 0) / "run.json", other)
    found = notes(main_grid(own.study()), "U-Net")
    assert "made at 64 × 64 pixels" in found
    assert "made on other data than data.json describes" in found
    assert not [note for note in notes(main_grid(own.study()), "MMSNet") if "made" in note]


# ---- metrics


def without_column(path: Path, name: str) -> None:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    k = rows[0].index(name)
    path.write_text("\n".join(",".join(row[:k] + row[k + 1 :]) for row in rows) + "\n")


def test_a_column_that_one_file_lacks_reads_not_scored(own: Made) -> None:
    without_column(own.run("main", "unet", 1) / "scores.csv", "assd_px")
    study = own.study()
    grid = errors_grid(study)
    label = [column.label for column in grid.columns]
    for k, cell in enumerate(line(grid, "U-Net").cells):
        assert (cell.text == "not scored") == (label[k] == "ASSD (px) ↓")
        assert "not scored" not in line(grid, "MMSNet").cells[k].text
    assert any(remark.startswith("not scored: ") for remark in grid.remarks)
    assert not any(remark.startswith("missing: ") for remark in grid.remarks)
    row = next(r for r in grid.records if (r["method"], r["metric"]) == ("unet", "assd_px"))
    assert row["status"] == "not scored"
    assert line(main_grid(study), "U-Net").cells[0].kind == ""  # the other metrics stand


def test_a_missing_run_is_missing_also_where_a_column_lacks(own: Made) -> None:
    without_column(own.run("main", "unet", 1) / "scores.csv", "assd_px")
    (own.run("main", "unet", 2) / "scores.csv").unlink()
    cells = line(errors_grid(own.study()), "U-Net").cells
    assert {cell.text for cell in cells} == {"missing"}


@pytest.mark.parametrize("column", ["dsc", "iou"])
def test_a_report_without_a_headline_metric_builds(own: Made, tmp_path: Path, column: str) -> None:
    for path in own.paths.results(MIX).glob("*/*/seed-*/scores.csv"):
        without_column(path, column)
    write_report(own.results(), tmp_path / "to")
    page = (tmp_path / "to/index.html").read_text("utf-8")
    assert "not scored" in page
    if column == "dsc":
        assert {c.text for c in line(runs_grid(own.study()), "U-Net, seed 0").cells[:4]} == {
            "not scored"
        }
    assert len(judge(load_claims(), own.results())) == len(load_claims())


def test_a_new_metric_stands_in_tables_and_old_files_read_not_scored(
    own: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of the registry; all files but those of MMSNet were written before it."""
    metric = Metric("specificity", "Specificity", "higher", "share", lambda m: m.tally.counts.tn)
    monkeypatch.setitem(METRICS, "specificity", metric)
    for path in (own.paths.results(MIX) / "main" / "mmsnet").glob("seed-*/scores.csv"):
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([f"{header},specificity", *(f"{row},0.75" for row in rows)]))
    grid = errors_grid(own.study())
    k = [column.label for column in grid.columns].index("Specificity ↑")
    assert line(grid, "MMSNet").cells[k].text == "0.750 ± 0.000"
    assert line(grid, "U-Net").cells[k].text == "not scored"
    assert "Specificity" in grid.title
    record = next(r for r in runs_grid(own.study()).records if r["method"] == "mmsnet")
    assert record["specificity"] == 0.75


def test_records_of_schema_1_are_refused_by_name(own: Made) -> None:
    path = own.run("main", "unet", 0) / "run.json"
    path.write_text(json.dumps({"schema": 1, "weights": {"asked": "random"}, "departures": {}}))
    with pytest.raises(Exception, match=r"run\.json: schema 1, expected schema 2"):
        own.results()


def test_rows_of_another_precision_are_marked(own: Made) -> None:
    study = own.study()
    assert not any("trained in" in note for e in study.table.entries for note in study.notes(e))
    trained = [run for run in study.table.runs.values() if run.entry.trained]
    first = trained[0].entry
    told = {run.entry: "bf16" if run.entry == first else "float32" for run in trained}
    runs = {
        key: replace(run, record={**run.record, "precision": told.get(run.entry, "")})
        for key, run in study.table.runs.items()
    }
    changed = replace(study, table=replace(study.table, runs=runs))
    assert "trained in bf16" in changed.notes(first)
    others = [entry for entry in told if entry != first]
    assert others
    assert all("trained in float32" in changed.notes(entry) for entry in others)


def test_the_table_says_how_far_contours_may_lie_apart(own: Made) -> None:
    remarks = errors_grid(own.study()).remarks
    assert remarks[-2].startswith("NSD: the tolerance is 2 px at 352 pixels")
    assert remarks[-1].startswith("Boundary IoU: the band is 2 % of the diagonal")
