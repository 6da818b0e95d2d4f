"""Tables of unusual shape: HTML, metrics as rows, splits in titles, bold that marks rows."""

from pathlib import Path

import pytest

from benchmark.audit.audit import Known, audit_file
from benchmark.audit.finding import HARD
from benchmark.audit.metrics import column_of
from benchmark.audit.reading import read_table
from benchmark.audit.table import Table
from benchmark.core.errors import ScoreTableError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.md"
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path: Path, text: str) -> Table:
    return read_table(write(tmp_path, text))


def values(table: Table) -> dict[str, dict[str, str]]:
    return {row.name: {name: cell.text for name, cell in row.cells.items()} for row in table.rows}


def hard(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    """Hard findings, with those that would be hard if the table showed what it means."""
    found = audit_file(write(tmp_path, text), Known()).findings()
    return [(each.rule, each.where) for each in found
            if each.level in HARD or "; not shown: " in each.arithmetic]  # fmt: skip


# ---- HTML


def test_an_html_table(tmp_path: Path) -> None:
    text = """<p>Results</p><table style="width: 80%">
<thead><tr><th rowspan="2">Method</th><th colspan="2">Kvasir</th><th colspan=2>ETIS</th></tr>
<tr><th>Dice &uarr;</th><th>IoU</th><th>Dice</th><th>IoU</th></tr></thead>
<tr><td>U-Net<sup>1</sup></td><td>0.818</td><td>0.746</td><td>-</td><td></td>
<tr><td>Ours<br>(L)</td><td><b>0.905</b></td><td><strong> 0.852 </strong></td><td>.8</td><td>.7</td>
</table>"""
    table = read(tmp_path, text)
    assert values(table) == {
        "U-Net on Kvasir": {"dsc": "0.818", "iou": "0.746"},
        "U-Net on ETIS": {},
        "Ours (L) on Kvasir": {"dsc": "0.905", "iou": "0.852"},
        "Ours (L) on ETIS": {"dsc": ".8", "iou": ".7"},
    }
    (ours,) = [row for row in table.rows if row.name == "Ours (L) on Kvasir"]
    assert ([cell.mark for cell in ours.cells.values()], ours.line) == (["best", "best"], 5)


def test_html_cells_that_span_rows_name_all_of_them(tmp_path: Path) -> None:
    text = """<table><tr><th>Dataset</th><th>Method</th><th>Dice</th></tr>
<tr><td rowspan="2">BUSI</td><td>A</td><td>0.7</td></tr><tr><td>B</td><td>0.8</td></tr>
<tr><td>ISIC</td><td>A</td><td>0.9</td></tr></table>"""
    assert list(values(read(tmp_path, text))) == ["A on BUSI", "B on BUSI", "A on ISIC"]


def test_html_of_several_tables_or_none(tmp_path: Path) -> None:
    one = "<table><tr><th>Method</th><th>Dice</th></tr><tr><td>A</td><td>.9</td></tr></table>"
    for text, part in ((one + one, "2 tables"), ("<table></table>", "nothing in it")):
        with pytest.raises(ScoreTableError, match=part):
            read(tmp_path, text)


def test_html_titles_under_a_group_keep_it_beside_titles_that_nobody_knows(tmp_path: Path) -> None:
    text = """<table>
<tr><th rowspan=2>Method</th><th colspan=2>CRAG</th><th colspan=2>GlaS</th></tr>
<tr><td>ObjF1</td><td>Dice</td><td>ObjF1</td><td>HD<sub>95</sub></td></tr>
<tr><td>A</td><td>0.7</td><td>0.8</td><td>0.6</td><td>40.1</td></tr></table>"""
    table = read(tmp_path, text)
    assert values(table) == {"A on CRAG": {"dsc": "0.8"}, "A on GlaS": {"hd95": "40.1"}}
    assert table.unread == ("ObjF1/CRAG", "ObjF1/GlaS")


# ---- titles


@pytest.mark.parametrize(
    ("title", "metric", "dataset"),
    [
        ("taskA dice (final)", "dsc", "taskA final"),
        ("Liver 1_Dice (val)", "dsc", "Liver 1 val"),
        ("Dice mean +/- std", "dsc", ""),
        ("IoU ± SD", "iou", ""),
        ("Dice Mean (best)", "dsc", "best"),
        ("Voxel Acc", "accuracy", ""),
        ("wFb", "weighted f-measure", ""),
        ("max-F", "max f-measure", ""),
        ("HD<sub>95</sub>", "hd95", ""),
        ("F<sub>β</sub><sup>w</sup>", "weighted f-measure", ""),
        ("Dice<sup>1</sup>", "dsc", ""),
        ("Dice<sub>max</sub>", "dsc", "max"),
        ("HD95 mm", "hd95", ""),
        ("ave-F", "mean f-measure", ""),
    ],
)
def test_a_title_with_its_metric_inside(title: str, metric: str, dataset: str) -> None:
    assert (column_of(title).metric, column_of(title).dataset) == (metric, dataset)


@pytest.mark.parametrize(
    "title",
    [
        "Train Dice loss",
        "Mean clDice (val)",
        "Best epoch",
        "Std Dice (val)",
        "B-F1",
        "BCE + Dice",
        "Thresh. Jaccard",
    ],
)
def test_a_title_with_another_number_of_a_metric(title: str) -> None:
    assert column_of(title).kind == "other"


def test_the_word_of_a_split_is_no_data_set_where_it_tells_nothing_apart(tmp_path: Path) -> None:
    rows = "|-|-|-|\n| A | .9 | .8 |\n"
    for header in ("| Model | Val Dice | Precision |", "| Model | Dice (hard) | Recall |"):
        assert list(values(read(tmp_path, f"{header}\n{rows}"))) == ["A"]
    for header in (
        "| Model | Val Dice | Test IoU |",
        "| Model | Val Dice | Test Dice |",
        "| Model | Hard Dice | Easy Dice |",
        "| Model | Val Dice | Best IoU |",
    ):
        assert len(values(read(tmp_path, f"{header}\n{rows}"))) == 2, header


def test_a_slash_in_brackets_parts_no_data_set(tmp_path: Path) -> None:
    text = "| Method | Dice ↑ | EPE (Wh/epoch) ↓ |\n|-|-|-|\n| A | .9 | 3.1 |\n"
    assert list(values(read(tmp_path, text))) == ["A"]


def test_the_best_and_the_worst_are_no_parts_of_a_mean(tmp_path: Path) -> None:
    text = "| Model | Mean Dice | Best Dice | Worst Dice | Dice (std) |\n|-|-|-|-|-|\n"
    text += "| A | 0.8 | 0.95 | 0.3 | 0.1 |\n| B | 0.7 | 0.9 | 0.2 | 0.1 |\n"
    assert not any(row.is_average for row in read(tmp_path, text).rows)
    assert hard(tmp_path, text) == []
    parts = text.replace("Best", "Liver").replace("Worst", "Tumor")
    assert hard(tmp_path, parts) == [("averages", "line 3, A on average"),
                                     ("averages", "line 4, B on average")]  # fmt: skip


def test_a_percent_sign_that_latex_would_take_for_a_comment(tmp_path: Path) -> None:
    rows = "U-Net & 0.8 & 7.6 \\\\\n% Old & 0.1 & 2 \\\\\nOurs & 0.9 & 7 \\\\ % new \\\\\n"
    for title in ("AVD %", r"AVD \%", "AVD"):
        text = f"\\begin{{tabular}}{{lcc}}\nMethod & Dice & {title} \\\\\n{rows}\\end{{tabular}}\n"
        assert values(read(tmp_path, text)) == {"U-Net": {"dsc": "0.8"}, "Ours": {"dsc": "0.9"}}


def test_a_rule_with_doubled_bars(tmp_path: Path) -> None:
    text = "|| Split | Samples | Dice |\n||---|---|---|\n|| Val | 200 | 0.85 |\n"
    table = read(tmp_path, text)
    assert [(row.dataset, row.n) for row in table.rows] == [("Val", 200)]


# ---- metrics as rows


def test_one_metric_among_rows_of_other_numbers(tmp_path: Path) -> None:
    text = "| Metric | Base | Ours | Improvement |\n|-|-|-|-|\n| Loss | 0.47 | 0.42 | +10.6% |\n"
    text += "| Dice | 0.7225 | 0.6801 | -5.9% |\n| Input Channels | 3 | 6 | +3 |\n"
    assert values(read(tmp_path, text)) == {"Base": {"dsc": "0.7225"}, "Ours": {"dsc": "0.6801"}}
    assert hard(tmp_path, text) == []


def test_a_mean_with_its_spread_is_read_and_a_spread_is_not(tmp_path: Path) -> None:
    text = "| Metric | Mean ± Std | Std | Median |\n|-|-|-|-|\n| WT Dice | 0.9126 ± 0.05 | 0.05 |"
    text += " 0.92 |\n| TC Dice | 0.81 ± 0.2 | 0.2 | 0.88 |\n"
    table = read(tmp_path, text)
    assert [cell.text for row in table.rows for cell in row.cells.values()] == ["0.9126", "0.81"]
    assert table.passed == ("line 3: Std", "line 4: Median")


@pytest.mark.parametrize("title", ["Experiment", "Loss", "Method", "Config"])
def test_rows_that_are_named_after_losses_are_no_metrics(tmp_path: Path, title: str) -> None:
    text = f"| {title} | Liver | Tumor | Rank |\n|-|-|-|-|\n| unet_dice | 0.9 | 0.5 | 1 |\n"
    text += "| Dice | 0.8 | 0.4 | 2 |\n| IoU | 0.7 | 0.3 | 3 |\n"
    assert {row.method for row in read(tmp_path, text).rows} == {"unet_dice", "Dice", "IoU"}


def test_numbers_without_a_metric_may_be_anything(tmp_path: Path) -> None:
    text = "| Setting | Old | New |\n|-|-|-|\n| a | 0.76 | 0.77 |\n| breaks | 6.8 | 7 |\n"
    assert hard(tmp_path, text + "| c | 0.5 | 0.6 |\n") == []


# ---- bold


def test_a_column_that_is_bold_throughout_marks_no_row(tmp_path: Path) -> None:
    text = "| Metric | A | B |\n|-|-|-|\n| **Dice** | **0.78** | **0.76** |\n| IoU | 0.66 | 0.64 |"
    assert hard(tmp_path, text) == []
    text = "| Method | Dice |\n|-|-|\n| A | **0.78** |\n| B | **0.76** |\n| C | 0.77 |\n"
    assert hard(tmp_path, text) == [("marks", "line 4, B")]


def test_a_tie_with_a_row_that_is_bold_throughout_is_no_other_best(tmp_path: Path) -> None:
    head = "| Method | Dice ↑ | IoU ↑ | HD ↓ | Cost ↓ |\n|-|-|-|-|-|\n"
    head += "| 3D | 0.597 | 0.471 | 139.6 | 3 |\n"
    ours = "| OC | **0.591** | **0.466** | **102.2** | **0.97** |\n"
    tied = head + "| OR | 0.578 | 0.452 | 102.8 | **0.97** |\n" + ours
    assert hard(tmp_path, tied) == []
    other = head + "| OR | 0.578 | 0.452 | 102.8 | **0.98** |\n" + ours
    assert ("marks", "line 5, OC") in hard(tmp_path, other)


# ---- averages over rows of different size


FOLDS = "| Fold | Dice | IoU | NSD | Recall |\n|-|-|-|-|-|\n| 1 | .5000 | .4000 | .3000 | .6000 |\n"
FOLDS += "| 2 | .7000 | .5500 | .5000 | .6500 |\n| 3 | .9000 | .8200 | .4000 | .9500 |\n"


def test_averages_that_one_set_of_weights_gives_may_be_weighed(tmp_path: Path) -> None:
    weighed = FOLDS + "| Mean | .7400 | .6360 | .4100 | .7700 |\n"  # .2, .4, .4 would be .74, ...
    right = [0.25 * a + 0.3 * b + 0.45 * c for a, b, c in
             ((0.5, 0.7, 0.9), (0.4, 0.55, 0.82), (0.3, 0.5, 0.4), (0.6, 0.65, 0.95))]  # fmt: skip
    line = " | ".join(f"{value:.4f}" for value in right)
    assert hard(tmp_path, f"{FOLDS}| Mean | {line} |\n") == []
    assert ("averages", "line 6, Mean") in hard(tmp_path, weighed)


def test_one_average_that_is_off_shows_no_weights(tmp_path: Path) -> None:
    text = FOLDS + "| Mean | .7300 | .5900 | .4000 | .7333 |\n"
    assert hard(tmp_path, text) == [("averages", "line 6, Mean")]


def test_headers_of_three_rows_and_headers_that_recur(tmp_path: Path) -> None:
    text = """<table><tr><th rowspan=3>Task<th colspan=4>Lung</td><th colspan=2 rowspan=2>Lesion
<tr><th colspan=2><center>Left</th><th colspan=2>Right</tr>
<tr><th>DSC</th><th>NSD</th><th>DSC</th><th>NSD</th><th>DSC</th><th>NSD</tr>
<tr><th>Fold0<td>0.84<td>0.68<td>0.85<td>0.70<td>0.68<td>0.70</tr>
<tr><th>Task<td>DSC<td>NSD<td>DSC<td>NSD<td>DSC<td>NSD</tr>
<tr><th>Fold1<td>0.80<td>0.61<td>0.83<td>0.68<td>0.71<td>0.71</tr></table>"""
    table = read(tmp_path, text)
    assert [row.dataset for row in table.rows[:3]] == [
        "Fold0, Lung Left", "Fold0, Lung Right", "Fold0, Lesion",
    ]  # fmt: skip
    assert [len(row.cells) for row in table.rows] == [2] * 6
    assert table.passed == ()


def test_rows_without_a_number_do_not_occur_twice(tmp_path: Path) -> None:
    text = "| Method | Dice |\n|-|-|\n| A | - |\n| A | - |\n| B | .9 |\n| B | .9 |\n"
    assert hard(tmp_path, text) == [("twice", "line 6, B")]


def test_a_column_of_ranges_names_no_data_set(tmp_path: Path) -> None:
    text = "| Model | Dice | Target |\n|-|-|-|\n| A | .83 | 0.80–0.84 |\n| B | .86 | > 0.82 |\n"
    assert list(values(read(tmp_path, text))) == ["A", "B"]
    text = text.replace("0.80–0.84", "Liver").replace("> 0.82", "Tumor 2.1")
    assert list(values(read(tmp_path, text))) == ["A on Liver", "B on Tumor 2.1"]


@pytest.mark.parametrize(
    ("title", "metric", "dataset"),
    [("HAUSDORFF WT", "hd", "WT"), ("Hausdorf distance", "hd", ""), ("Precision RV", "precision",
     "RV"), ("Sensitivty", "sensitivity", "")],
)  # fmt: skip
def test_a_label_beside_a_long_name_is_no_misprint(title: str, metric: str, dataset: str) -> None:
    assert (column_of(title).metric, column_of(title).dataset) == (metric, dataset)


# ---- what is no finding in the notes of a project


def test_a_best_mark_beside_several_others_is_emphasis(tmp_path: Path) -> None:
    head = "| Method | Dice |\n|-|-|\n| A | **0.91** |\n| B | 0.90 |\n| C | **0.88** |\n"
    assert hard(tmp_path, head + "| D | 0.85 |\n") == [("marks", "line 5, C")]
    assert hard(tmp_path, head + "| D | **0.85** |\n") == []
    most = "| A | 0.95 |\n| B | **0.9** |\n| C | **0.8** |\n| D | **0.7** |\n"
    assert hard(tmp_path, f"| Method | Dice |\n|-|-|\n{most}") == []
    moved = head.replace("**0.91**", "0.91") + "| D | **0.85** |\n"
    assert len(hard(tmp_path, moved)) == 2


def test_spreads_and_ends_are_no_data_sets_of_a_mean(tmp_path: Path) -> None:
    text = "| Quantity | n | Mean | Std | Min | Max | A | B |\n|-|-|-|-|-|-|-|-|\n"
    text += "| loss | 3 | 0.1083 | 0.0069 | 0.1036 | 0.1163 | 0.1 | 0.2 |\n"
    table = read(tmp_path, text)
    assert {row.dataset for row in table.rows} == {"Mean", "A", "B"}
    assert hard(tmp_path, text) == []


def test_rows_without_a_name_do_not_occur_twice(tmp_path: Path) -> None:
    assert hard(tmp_path, "| Dice | IoU |\n|-|-|\n| .9 | .82 |\n| .9 | .82 |\n") == []


@pytest.mark.parametrize(
    "title", ["true_positives", "total true positives", "False Negatives", "Dice improved over 1pp"]
)
def test_a_title_of_a_count(title: str) -> None:
    assert column_of(title).kind == "other"
    assert column_of("True Positive Rate").metric == "sensitivity"


def test_whole_numbers_among_fractions_are_counts(tmp_path: Path) -> None:
    rows = "| Method | Dice | Precision{} |\n|-|-|-|\n"
    rows += "".join(f"| {m} | 0.8{k} | 9{k} |\n" for k, m in enumerate("ABC"))
    assert list(read(tmp_path, rows.format("")).columns) == ["dsc"]
    percent = read(tmp_path, rows.format(" (%)"))  # a title that says what its numbers are
    assert list(percent.columns) == ["dsc", "precision"]


def test_a_mean_of_counts_fits_any_share_and_makes_no_parts(tmp_path: Path) -> None:
    # (1 + 1 + 2) / 3 = 1.33, and a count is printed to a half
    rows = "| Method | Dice | a | b | c |\n|-|-|-|-|-|\n"
    rows += "".join(f"| {m} | 0.90{k} | 1 | 1 | 2 |\n" for k, m in enumerate("ABC"))
    assert {row.dataset for row in read(tmp_path, rows).rows} == {""}
    parts = rows.replace("1 | 1 | 2", "0.89 | 0.90 | 0.91")
    assert {row.dataset for row in read(tmp_path, parts).rows} == {"a", "b", "c", "average"}
