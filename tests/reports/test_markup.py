"""Grids as CSV, Markdown and LaTeX."""

import math

import pytest

from benchmark.reports.tables.grid import Block, Cell, Column, Grid, Line, Marks, csv_text, number
from benchmark.reports.tables.markup import latex, markdown, tex

NASTY = "<b>R&D_50%</b> $x$ | #1 {a} \\n *"

UNET = Line(
    "U-Net",
    (Cell("0.9 ± 0.1", "[0.8, 0.95]", 0.9, 1), Cell("0.8", rank=2), Cell("x")),
    ("a",),
)
OTHER = Line(NASTY, (Cell("missing", kind="missing"), Cell("–"), Cell("[y]")), ("a", "b"))
GRID = Grid(
    name="main",
    of="Mix0",
    title="Scores",
    head="Method",
    columns=(
        Column("DSC ↑", "Set (n = 2)"),
        Column("IoU ↑", "Set (n = 2)"),
        Column("Note", numeric=False),
    ),
    blocks=(Block("Unprompted", (UNET, OTHER)),),
    notes=(("a", "random weights"), ("b", "50 % of seeds")),
    remarks=("Best bold.",),
)


def test_markdown_holds_ranks_intervals_marks_and_notes() -> None:
    text = markdown(GRID)
    assert text.startswith("**Mix0: Scores**\n\n| Method | Set (n = 2)<br>DSC ↑ |")
    assert "| :--- | ---: | ---: | :--- |" in text
    assert (
        "| U-Net<sup>a</sup> | **0.9 ± 0.1**<br><sub>\\[0.8, 0.95\\]</sub> | <u>0.8</u> |" in text
    )
    assert "*missing*" in text
    assert "<sup>b</sup> 50 % of seeds" in text
    assert text.endswith("Best bold.\n")


def test_markup_in_a_name_is_text_in_markdown() -> None:
    line = next(line for line in markdown(GRID).splitlines() if "R&amp;D" in line)
    assert "&lt;b&gt;R&amp;D\\_50%&lt;/b&gt; \\$x\\$ \\| \\#1 \\{a\\} \\\\n \\*" in line
    assert line.replace("\\|", "").count("|") == 5  # four cells


def test_latex_is_booktabs_with_balanced_rows() -> None:
    text = latex(GRID)
    assert r"\begin{tabular}{lrrl}" in text
    assert r"\cmidrule(lr){2-3}" in text
    assert r"\textbf{0.9 $\pm$ 0.1} & \underline{0.8} & x \\" in text
    assert r" & {\scriptsize {[}0.8, 0.95{]}} &  &  \\" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    rows = [
        line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line
    ]
    assert {line.replace(r"\&", "").count("&") for line in rows} == {3}


def test_markup_in_a_name_is_text_in_latex() -> None:
    assert tex(NASTY) == (
        r"\textless{}b\textgreater{}R\&D\_50\%\textless{}/b\textgreater{} \$x\$ \textbar{} \#1 "
        r"\{a\} \textbackslash{}n {*}"
    )
    assert tex("two\nlines") == "two lines"


@pytest.mark.parametrize("name", ["[a]", "*a", "\\input{/etc/passwd}", "a & b \\\\ c"])
def test_a_name_cannot_break_out_of_its_cell(name: str) -> None:
    escaped = tex(name)
    bare = escaped.replace(r"\textbackslash{}", "").replace(r"\&", "")
    assert "&" not in bare
    assert "\\i" not in bare
    assert not escaped.startswith(("[", "*"))


def test_rows_with_the_same_note_share_its_mark() -> None:
    marks = Marks()
    assert marks.of(["late"]) == ("a",)
    assert marks.of(["random", "late"]) == ("a", "b")
    assert marks.notes() == (("a", "late"), ("b", "random"))
    many = Marks()
    assert many.of([str(i) for i in range(28)])[-3:] == ("z", "aa", "ab")


def test_csv_has_six_digits_nothing_for_nan_and_quotes_where_needed() -> None:
    rows = [{"name": 'a, "b"', "x": 0.5, "n": 3}, {"name": "c", "x": math.nan, "n": 4}]
    assert csv_text(rows) == 'name,x,n\n"a, ""b""",0.500000,3\nc,,4\n'
    assert number(math.nan, 3) == "–"


def test_a_grid_without_records_writes_its_cells() -> None:
    first, second, third = GRID.csv().splitlines()
    assert first == "block,Method,Set (n = 2) DSC ↑,Set (n = 2) IoU ↑,Note"
    assert second == "Unprompted,U-Net,0.9 ± 0.1,0.8,x"
    assert third.endswith(",missing,–,[y]")
