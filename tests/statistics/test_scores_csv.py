"""One run's files: what is read, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.core.errors import ScoreTableError
from benchmark.statistics.schema import METRICS, Metric, columns
from benchmark.statistics.scores import read_record, read_scores

HEADER = (*columns(), "dsc_soft")
# tp 3, fp 1, fn 2: DSC 6 / 9, IoU 3 / 6; then both empty, then an empty prediction.
ROWS = (
    "a,fundus,c1,g1,0,0.666667,0.5,0.6,0.75,0.1,1.5,0.5,0.8,0.4,0.2,3,1,2,94,0.6",
    "a,fundus,c2,g1,0,1.0,1.0,1.0,1.0,0.0,,,1.0,1.0,0.0,0,0,0,100,",
    "a,fundus,c3,g2,0,0.0,0.0,0.0,0.0,0.1,,,0.0,0.0,0.2,0,0,5,95,0.1",
)


def write(folder: Path, *rows: str, header: str = ",".join(HEADER)) -> Path:
    path = folder / "scores.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def changed(row: str, column: str, value: str) -> str:
    cells = row.split(",")
    cells[HEADER.index(column)] = value
    return ",".join(cells)


def test_values_groups_and_empties_are_read(tmp_path: Path) -> None:
    scores = read_scores(write(tmp_path, *ROWS))["a"]
    assert scores.cases == ("c1", "c2", "c3")
    assert scores.groups == ("g1", "g1", "g2")
    assert scores.modality == "fundus"
    assert scores.values["dsc"].tolist() == [0.666667, 1.0, 0.0]
    assert np.isnan(scores.values["hd95_px"]).tolist() == [False, True, True]
    assert np.isnan(scores.values["dsc_soft"]).tolist() == [False, True, False]
    assert (scores.both_empty, scores.one_empty, scores.rows) == (1, 1, 3)


def test_draws_of_a_case_are_averaged_where_defined(tmp_path: Path) -> None:
    first = ROWS[0]
    second = changed(ROWS[2], "case", "c1").replace("g2,0,", "g1,1,")
    scores = read_scores(write(tmp_path, first, second))["a"]
    assert scores.cases == ("c1",)
    assert scores.values["dsc"].tolist() == pytest.approx([0.666667 / 2])
    assert scores.values["hd95_px"].tolist() == [1.5]  # the second draw has none
    assert scores.rows == 2


def test_the_spread_over_draws_is_that_of_their_means(tmp_path: Path) -> None:
    """Two cases, two draws. Means over cases: (0.666667 + 0) / 2, then (0 + 0) / 2."""
    one, other = ROWS[0], ROWS[2]
    again = changed(changed(other, "case", "c1"), "group", "g1")
    rows = (one, changed(again, "draw", "1"), other, changed(other, "draw", "1"))
    scores = read_scores(write(tmp_path, *rows))["a"]
    assert scores.draws == 2
    # The deviation of two numbers is their gap over the root of 2.
    assert scores.draw_sd["dsc"] == pytest.approx(0.333333 / 2**0.5, abs=1e-5)
    assert read_scores(write(tmp_path, *ROWS))["a"].draw_sd == {}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_test_sets_are_kept_apart_and_any_line_end_is_read(tmp_path: Path, end: bytes) -> None:
    path = write(tmp_path, *ROWS, changed(ROWS[0], "dataset", "b"))
    path.write_bytes(path.read_bytes().replace(b"\n", end))
    assert {name: len(s.cases) for name, s in read_scores(path).items()} == {"a": 3, "b": 1}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("dsc", "high", "line 2: dsc is 'high'"),
        ("dsc", "nan", "line 2: dsc is 'nan'"),
        ("dsc", "", "line 2: dsc is ''"),
        ("dsc", '"0,666667"', "line 2: dsc is '0,666667', expected a number"),
        ("tp", "1_0", "line 2: tp is '1_0', expected a number"),
        ("dsc", "1.2", "line 2: dsc is 1.2, expected 0 to 1"),
        ("case", "", "line 2: no case, expected a name"),
        ("dataset", "", "line 2: no dataset, expected a name"),
        ("mae", "1.2", "line 2: mae is 1.2, expected 0 to 1"),
        ("iou", "-0.5", "line 2: iou is -0.5, expected 0 to 1"),
        ("hd95_px", "inf", "line 2: hd95_px is 'inf'"),
        ("hd95_px", "-1", "line 2: hd95_px is -1, expected 0 or more"),
        ("tp", "2.5", "line 2: tp is 2.5, expected a whole number"),
        ("draw", "first", "line 2: draw is 'first'"),
        ("dsc_soft", "x", "line 2: dsc_soft is 'x', expected a number or nothing"),
        ("dsc", "0.7", "line 2: dsc is 0.700000, expected 0.666667 by tp, fp and fn"),
        ("fn", "3", "expected 0.600000 by tp, fp and fn"),
    ],
)
def test_a_wrong_number_is_named(tmp_path: Path, column: str, value: str, message: str) -> None:
    with pytest.raises(ScoreTableError, match=r"scores\.csv") as caught:
        read_scores(write(tmp_path, changed(ROWS[0], column, value), *ROWS[1:]))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((ROWS[0], ROWS[0]), "case 'c1', draw 0 twice"),
        ((ROWS[0], changed(ROWS[0], "draw", "0.0")), "twice"),
        ((ROWS[0], changed(ROWS[0], "draw", "1").replace("g1", "g9")), "case 'c1' in two groups"),
        ((ROWS[0], changed(ROWS[1], "modality", "ultrasound")), "fundus and ultrasound"),
        ((*ROWS, changed(ROWS[0], "draw", "1")), "2 draws of 'c1', expected 1"),
        ((ROWS[0] + ",9",), "line 2: 21 cells, expected 20"),
        (("a,fundus",), "line 2: 2 cells"),
        ((), "no rows"),
    ],
)
def test_rows_that_do_not_fit_together_are_named(
    tmp_path: Path, rows: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ScoreTableError) as caught:
        read_scores(write(tmp_path, *rows))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (",".join(HEADER).replace(",fn", ",f_n"), "no column fn"),
        ("\ufeff" + ",".join(HEADER), "a byte-order mark, expected UTF-8 text without one"),
        (";".join(HEADER), "semicolons between the columns, expected commas"),
        ("\t".join(HEADER), "tabs between the columns, expected commas"),
        (",".join((*HEADER[:-1], "dsc")), "column dsc twice"),
        ("", "no column dataset"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ScoreTableError) as caught:
        read_scores(write(tmp_path, *ROWS, header=header))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["mae", "dsc", "hd95_px", "nsd", "boundary_iou"])
def test_a_file_that_lacks_a_metric_still_loads(tmp_path: Path, name: str) -> None:
    """It was written before the metric existed; the other columns are checked as always."""
    k = HEADER.index(name)
    rows = [",".join(cell for i, cell in enumerate(row.split(",")) if i != k) for row in ROWS]
    header = ",".join(column for column in HEADER if column != name)
    scores = read_scores(write(tmp_path, *rows, header=header))["a"]
    assert name not in scores.values
    assert scores.values["iou"].tolist() == [0.5, 1.0, 0.0]
    assert (scores.both_empty, scores.one_empty) == (1, 1)


@pytest.mark.parametrize(
    ("cell", "message"),
    [("-1.5", "line 2: skew is -1.5, expected -1 to 1"), ("", "line 2: skew is ''"),
     ("x", "line 2: skew is 'x', expected a number")],
)  # fmt: skip
def test_a_new_metric_is_checked_by_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, message: str
) -> None:
    metric = Metric("skew", "Skew", "higher", "share", lambda m: m.hd95_px, low=-1.0)
    monkeypatch.setitem(METRICS, "skew", metric)
    header = ",".join((*HEADER, "skew"))
    good = write(tmp_path, *(f"{row},-0.5" for row in ROWS), header=header)
    assert read_scores(good)["a"].values["skew"].tolist() == [-0.5] * 3
    with pytest.raises(ScoreTableError) as caught:
        read_scores(write(tmp_path, f"{ROWS[0]},{cell}", header=header))
    assert message in str(caught.value)


def test_names_with_markup_stay_what_they_are(tmp_path: Path) -> None:
    name = "<b>50%_\\textbf{x}</b>&"
    scores = read_scores(write(tmp_path, *(changed(row, "group", name) for row in ROWS)))
    assert scores["a"].groups == (name,) * 3


def test_a_file_of_semicolons_throughout_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(ScoreTableError, match=r"semicolons .* A spreadsheet may have saved it"):
        read_scores(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'dataset,"modality\n'])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    with pytest.raises(ScoreTableError, match=r"scores\.csv"):
        read_scores(path)


RECORD = {
    "schema": 2, "method": "unet", "title": "U-Net", "mix": "m", "group": "main", "seed": 0,
    "initialisation": "random", "weights": {}, "deviations": {}, "identity": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "unreadable"),
        ("[]", "list, expected a JSON object"),
        (json.dumps({**RECORD, "seed": 1}), "the record of main/unet, seed 1"),
        (json.dumps({**RECORD, "weights": None}), "weights is None, expected an object"),
        (json.dumps({**RECORD, "schema": 1}), "schema 1, expected schema 2"),
        (json.dumps({"schema": 1, "departures": {}}), "schema 1, expected schema 2"),
        (json.dumps({**RECORD, "initialisation": "imagenet"}), "one of pretrained, random, none"),
        (json.dumps({k: v for k, v in RECORD.items() if k != "identity"}), "no identity"),
    ],
)
def test_a_wrong_record_is_named(tmp_path: Path, record: str, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(record, encoding="utf-8")
    with pytest.raises(ScoreTableError) as caught:
        read_record(path, ("main", "unet", 0))
    assert message in str(caught.value)


def test_a_record_in_its_place_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(RECORD), encoding="utf-8")
    assert read_record(path, ("main", "unet", 0)) == RECORD
