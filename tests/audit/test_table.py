"""Reading printed tables: forms, marks, digits, and files that are no table."""

from pathlib import Path

import pytest

from benchmark.audit.audit import parse_n, read_shares
from benchmark.audit.reading import read_table
from benchmark.core.errors import ScoreTableError


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def refused(path: Path) -> str:
    with pytest.raises(ScoreTableError) as caught:
        read_table(path)
    return str(caught.value)


def test_long_form(tmp_path: Path) -> None:
    table = read_table(
        write(tmp_path, "Method,Data set,N,mDice,mIoU,Rank\nU-Net,Kvasir,100,.818,.746,2\n")
    )
    (row,) = table.rows
    assert (row.method, row.dataset, row.n, row.line) == ("U-Net", "Kvasir", 100, 2)
    assert {name: cell.value for name, cell in row.cells.items()} == {"dsc": 0.818, "iou": 0.746}
    assert row.ranks == {"dsc": 2}


def test_wide_form_is_a_row_a_dataset(tmp_path: Path) -> None:
    text = "method,Kvasir/dsc,Kvasir/iou,CVC-300/dsc,iou_rank\nA,90.1,85,80,\nB,,,70.00,\n"
    rows = read_table(write(tmp_path, text)).rows
    found = [(row.name, {name: cell.text for name, cell in row.cells.items()}) for row in rows]
    assert found[0] == ("A on Kvasir", {"dsc": "90.1", "iou": "85"})
    assert found[1] == ("A on CVC-300", {"dsc": "80"})
    assert found[-2] == ("B on CVC-300", {"dsc": "70.00"})


@pytest.mark.parametrize(
    ("text", "value", "half", "mark"),
    [
        ("0.91", 0.91, 0.005, ""),
        (".910", 0.91, 0.0005, ""),
        ("91", 91, 0.5, ""),
        ("**91.2**", 91.2, 0.05, "best"),
        (r"\textbf{91.2}", 91.2, 0.05, "best"),
        ("__0.9__", 0.9, 0.05, "second"),
        (r"\underline{0.9}", 0.9, 0.05, "second"),
        ("<b>0.9</b>", 0.9, 0.05, "best"),
        ("91.2±0.3", 91.2, 0.05, ""),
        ("**91.2** (.3)", 91.2, 0.05, "best"),
        ("**91.2 ± 0.3**", 91.2, 0.05, "best"),
        ("91.2%", 91.2, 0.05, ""),
    ],
)
def test_cells(tmp_path: Path, text: str, value: float, half: float, mark: str) -> None:
    cell = read_table(write(tmp_path, f"method,dsc\nA,{text}\n")).rows[0].cells["dsc"]
    assert (cell.value, cell.half, cell.mark) == (pytest.approx(value), pytest.approx(half), mark)


@pytest.mark.parametrize("text", ["", "-", "–", "n/a", "NA"])
def test_no_number(tmp_path: Path, text: str) -> None:
    assert not read_table(write(tmp_path, f"method,dsc,iou\nA,{text},.5\n")).rows[
        0
    ].cells.keys() & {"dsc"}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("method,dsc\nA,0.91\n", "utf-8-sig"),
        ("method,dsc\r\nA,0.91\r\n", "utf-8"),
        ("method,dsc\rA,0.91\r", "utf-8"),
        ("method;dsc\nA;0,91\n", "utf-8"),
        ("\ufeffmethod;dsc\r\nA;0,91\r\n\r\n", "utf-8"),
        ("method\tdsc\nA\t0.91\n", "utf-8"),
        ('method,dsc\n"A",0.91', "utf-8"),
    ],
)
def test_spellings_of_one_table(tmp_path: Path, text: str, encoding: str) -> None:
    (row,) = read_table(write(tmp_path, text, encoding)).rows
    assert (row.method, row.cells["dsc"].value) == ("A", 0.91)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("dsc,iou\n.9,.8\n", ("no column method among 'dsc', 'iou'", "Name the first column")),
        ("method,year\nA,2020\n", ("no column of a metric among 'method', 'year'",)),
        ("method,dsc\nA,good\n", ("line 2, column dsc", "'good'", "a number")),
        ("method,dsc\nA,nan\n", ("line 2, column dsc", "'nan'", "nothing where there is none")),
        ("method,dsc\nA,inf\n", ("'inf'",)),
        ("method,dsc\nA,0,91\n", ("line 2: 3 cells", "2, as in the header", "quotes")),
        ("method,dsc\nA,-0.1\n", ("-0.1", "0 to 1")),
        ("method,dsc\nA,910\n", ("910", "0 to 100 per cent")),
        ("method,dsc,n\nA,.9,many\n", ("column n: 'many'", "a whole number")),
        ("method,dsc,rank\nA,.9,0\n", ("column rank: '0'",)),
        ("method,dsc\n,.9\n", ("line 2, column method: empty",)),
        ("method,dsc,Dice\nA,.9,.8\n", ("column 'dsc' twice", "kvasir/dsc")),
        ("method,dsc\n", ("no rows",)),
        ("", ("nothing in it",)),
        ('method,dsc\n"A,.9\n', ("unreadable",)),
        ("method,dsc\nA,.9\0\n", ("zero bytes",)),
    ],
)  # fmt: skip
def test_what_is_no_table_says_why(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    message = refused(write(tmp_path, text))
    assert "table.csv" in message
    assert all(part in message for part in parts), message


def test_other_encodings_and_missing_files(tmp_path: Path) -> None:
    assert "no UTF-8 text" in refused(write(tmp_path, "method,dsc\nÜ,.9\n", "latin-1"))
    assert "no such file" in refused(tmp_path / "none.csv")
    assert "is a directory" in refused(tmp_path)


def test_shares_of_a_file_of_scores_count_each_case_once(tmp_path: Path) -> None:
    text = (
        "dataset,case,draw,foreground\nKvasir SEG,a,0,0.1\nKvasir SEG,a,1,0.1\nKvasir SEG,b,0,0.3\n"
    )
    (tmp_path / "s.csv").write_text(text)
    assert {name: p.tolist() for name, p in read_shares(tmp_path / "s.csv").items()} == {
        "kvasirseg": [0.1, 0.3]
    }


@pytest.mark.parametrize("cell", ["x", "nan", "1.2", "-0.1", ""])
def test_bad_shares(tmp_path: Path, cell: str) -> None:
    (tmp_path / "s.csv").write_text(f"case,foreground\na,{cell}\n")
    with pytest.raises(ScoreTableError, match="line 2"):
        read_shares(tmp_path / "s.csv")


def test_shares_without_their_column(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("case,area\na,0.1\n")
    with pytest.raises(ScoreTableError, match="no column foreground"):
        read_shares(tmp_path / "s.csv")


def test_numbers_of_cases() -> None:
    assert parse_n(["100", "CVC-300=60"]) == {"": 100, "cvc300": 60}
    for word in ("x", "Kvasir=", "Kvasir=-3", "0"):
        with pytest.raises(ScoreTableError, match="--n"):
            parse_n([word])
