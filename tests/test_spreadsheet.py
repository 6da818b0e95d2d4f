"""No CSV file that is written here runs as a formula in a spreadsheet; numbers stay numbers."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import make_prepared

from benchmark.core.errors import StoreError
from benchmark.core.files import read_json, write_json
from benchmark.core.progress import Silent
from benchmark.core.spreadsheet import as_text, as_texts, is_formula
from benchmark.data.cases import load_cases
from benchmark.data.manifest import sealed
from benchmark.reports.tables.grid import csv_text
from benchmark.runs.folder import predict_folder

FORMULAS = ["=1+2", "+1+2", "-1+2", "@SUM(A1)", "=HYPERLINK()", "-a", "+a", "\ta", "\r=1", "＝1+2",
            "=1", "--1", "- 1", "+ box prompt", "-1,5", "=+"]  # fmt: skip
HARMLESS = [
    "-0.5",
    "+0.5",
    "-1e-05",
    "-inf",
    "-",
    "+",
    "",
    "a=1",
    "1-2",
    "−0.5",
    "'=1",
    " =1",
    "(1)",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert is_formula(text)
    assert as_text(text) == f"'{text}"


@pytest.mark.parametrize("value", [*HARMLESS, -0.5, -1, None, float("-inf"), True])
def test_numbers_and_other_text_stay(value: object) -> None:
    assert as_text(value) is value


def test_only_columns_of_text_are_changed() -> None:
    table = pd.DataFrame(
        {"a": ["=1+2", "-0.5"], "b": [-0.5, 1.0], "c": pd.array([-1, None], "Int64")}
    )
    safe = as_texts(table)
    assert safe["a"].tolist() == ["'=1+2", "-0.5"]
    assert safe["b"].equals(table["b"])
    assert safe["c"].equals(table["c"])
    assert table["a"].tolist() == ["=1+2", "-0.5"]


def test_tables_of_reports() -> None:
    rows = [{"name": "=1+2", "x": -0.5, "n": -3, "text": "-0.5"}]
    assert csv_text(rows) == "name,x,n,text\n'=1+2,-0.500000,-3,-0.5\n"


def test_the_summary_of_predictions(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("=1+2.png", "a.png", "-b.png"):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(images / name)
    (images / "@broken.png").write_bytes(b"x")
    out = tmp_path / "out"
    table = predict_folder(lambda squares: np.zeros(squares.shape[:3]), images, out, 16, Silent())
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["'-b.png", "'=1+2.png", "'@broken.png", "a.png"]
    assert [row["name"] for row in rows] == ["'-b", "'=1+2", "'@broken", "a"]
    assert not any(is_formula(cell) for row in rows for cell in row.values())
    assert rows[0]["width"] == "16"
    assert table["file"].tolist() == ["-b.png", "=1+2.png", "@broken.png", "a.png"]
    assert (out / "=1+2_mask.png").is_file()


@pytest.mark.parametrize("column", ["case", "group"])
def test_prepared_cases_of_such_names_are_refused(tmp_path: Path, column: str) -> None:
    make_prepared(tmp_path / "tiny")
    path = tmp_path / "tiny/phantom-fundus/cases.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[3, column] = "=1+2"
    table.to_csv(path, index=False)
    manifest = tmp_path / "tiny/manifest.json"  # the names are refused, not the changed digest
    write_json(manifest, sealed(read_json(manifest), tmp_path / "tiny"))
    with pytest.raises(StoreError, match=r"cases\.csv: the name '=1\+2', which a spreadsheet runs"):
        load_cases(tmp_path / "tiny", ("train",))
