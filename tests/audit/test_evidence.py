"""A contradiction is hard only where the table shows what its marks, ranks and averages mean."""

from pathlib import Path

import pytest

from benchmark.audit.audit import audit_file
from benchmark.audit.finding import Finding, Known


def found(tmp_path: Path, text: str, rule: str) -> list[Finding]:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return list(audit_file(path, Known()).outcomes[rule].findings)


def levels(tmp_path: Path, text: str, rule: str) -> set[str]:
    return {each.level for each in found(tmp_path, text, rule)}


MARKS = """Method,Dice,IoU,Sensitivity,Specificity,Precision
A,0.80,0.70,{},0.90,**0.90**
B,{},{},**0.86**,0.91,0.88
C,0.82,0.71,0.81,{},0.80
"""


def test_marks_are_hard_where_three_other_columns_show_what_bold_means(tmp_path: Path) -> None:
    whole = MARKS.format("0.82", "**0.84**", "**0.73**", "**0.85**")  # specificity: A, B ahead
    (one,) = found(tmp_path, whole, "marks")
    assert (one.level, one.where) == ("does not agree", "line 4, C")
    two = MARKS.format("0.82", "0.84", "0.73", "**0.85**")  # two right columns, and one wrong
    (one,) = found(tmp_path, two, "marks")
    assert one.level == "unlikely"
    assert "2 of 3 columns agree" in one.arithmetic


def test_marks_of_one_row_may_be_of_the_papers_own(tmp_path: Path) -> None:
    own = (
        "Method,Dice,IoU,Recall,Precision,Accuracy\nA,.80,.70,.82,.95,.90\nB,.79,.69,.81,.80,.91\n"
    )
    own += "Ours,**.84**,**.73**,**.86**,**.90**,.91\n"
    (one,) = found(tmp_path, own, "marks")
    assert one.level == "unlikely"
    assert "stand in this row" in one.arithmetic
    other = own.replace("B,.79,.69,.81,.80,.91", "B,.79,.69,.81,.80,**.92**")
    assert levels(tmp_path, other, "marks") == {"does not agree"}


AVERAGES = "Method,Set,Dice\n" + "".join(
    f"{m},x,0.{x}\n{m},y,0.{y}\n{m},average,{{}}\n" for m, x, y in (("A", 90, 80), ("B", 70, 80),
                                                                   ("C", 60, 50))
)  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "level"),
    [
        (("0.89", "0.75", "0.55"), {"does not agree"}),  # two others are means
        (("0.89", "0.79", "0.55"), {"unlikely"}),  # one other
        (("0.85", "0.75", "0.55"), set()),
    ],
)
def test_averages_are_hard_where_two_others_are_means(
    tmp_path: Path, stated: tuple[str, ...], level: set[str]
) -> None:
    assert levels(tmp_path, AVERAGES.format(*stated), "averages") == level


def ranked(title: str, *orders: str) -> str:
    rows = [f"Method,Set,Dice,{title}"]
    for name, ranks in zip("xyz", orders, strict=False):
        rows += [f"M{k},{name},0.9{9 - k},{rank}" for k, rank in enumerate(ranks)]
    return "\n".join(rows) + "\n"


def test_ranks_are_hard_where_the_others_are_in_place(tmp_path: Path) -> None:
    assert levels(tmp_path, ranked("Rank (Dice)", "12435"), "ranks") == {"does not agree"}
    assert levels(tmp_path, ranked("Rank (Dice)", "2134"), "ranks") == {"unlikely"}  # two of four
    assert levels(tmp_path, ranked("Rank (Dice)", "13456"), "ranks") == {
        "unlikely"
    }  # a longer list
    assert levels(tmp_path, ranked("Rank", "12435", "12345"), "ranks") == {"unlikely"}
    two = ranked("Rank", "12435", "12345", "12345")  # two other data sets are in order
    assert levels(tmp_path, two, "ranks") == {"does not agree"}


def test_a_name_that_occurs_twice_is_hard_where_the_others_do_not(tmp_path: Path) -> None:
    once = "Method,Dice\nA,.80\nB,.81\nC,.82\nA,.90\nD,.85\n"
    assert levels(tmp_path, once, "twice") == {"does not agree"}
    log = "Method,Dice\nA,.80\nB,.81\nC,.82\nA,.90\nB,.85\nD,.86\n"  # two names
    assert levels(tmp_path, log, "twice") == {"unlikely"}


def test_a_pair_is_hard_beyond_rounding_twice(tmp_path: Path) -> None:
    # D of 0.8715 gives 0.77228, and J is 0.7715 at most; D of 0.871 gives 0.77150, and J 0.772
    near = "Method,Dice,IoU\nA,.872,.771\nB,.85,.75\n"
    assert levels(tmp_path, near, "overlap") == {"unlikely"}
    assert levels(tmp_path, near.replace(".771", ".767"), "overlap") == {"does not agree"}
    # 0.2273144871 / 1.7726855129 = 0.12823170576, off by 2e-9: single precision
    single = "Epoch,Dice,IoU\n1,0.22731448709964752,0.1282317042350769\n"
    assert [f.level for f in found(tmp_path, single, "overlap") if f.level != "look again"] == []


def test_numbers_as_small_as_spreads_are_no_scores(tmp_path: Path) -> None:
    rows = "Method,Dice,IoU\nA,80.1,67.2\nB,81.3,69.1\nC,84.2,73.4\n{},6.06,6.40\n"
    assert levels(tmp_path, rows.format("±"), "overlap") <= {"unlikely"}
    assert found(tmp_path, rows.format("CI 0.9"), "overlap") == []


def test_f1_may_be_of_images(tmp_path: Path) -> None:
    few = "Method,F1,IoU\nA,.70,.80\nB,.72,.81\nC,.80,.70\n"
    assert levels(tmp_path, few, "overlap") == {"unlikely"}
    assert levels(tmp_path, few.replace("F1", "Dice"), "overlap") == {"does not agree"}


def test_differences_and_settings_are_no_shares(tmp_path: Path) -> None:
    less = "Set,A IoU,B IoU,B-A IoU\nx,0.843,0.806,-0.037\ny,0.820,0.823,0.003\n"
    assert found(tmp_path, less, "units") == []
    small = "Method,Dice,IoU\nA,0.81,0.7\nB,0.82,0.7\nC,-0.003,0.7\nD,0.83,0.7\n"
    assert levels(tmp_path, small, "units") == {"unlikely"}
    assert levels(tmp_path, small.replace("-0.003", "-0.8"), "units") == {"cannot be"}
    settings = "Setting,v1,v2\nrate,0.1,0.2\ndecay,0.3,0.4\nepochs,0.5,12\nmomentum,0.9,0.8\n"
    assert not levels(tmp_path, settings, "units") & {"cannot be", "does not agree"}
    counted = "Image,Dice,IoU\na,.81,.69\nb,.82,.70\nc,.83,.71\nd,.84,.72\ntotal n,40.0,40.0\n"
    assert levels(tmp_path, counted, "units") <= {"unlikely"}


def test_a_share_above_1_is_hard_where_the_others_are_shares(tmp_path: Path) -> None:
    rows = "Method,Dice\nA,0.81\nB,0.82\nC,0.83\nD,1.84\n"
    assert levels(tmp_path, rows, "units") == {"cannot be"}
    assert levels(tmp_path, rows + "E,1.85\n", "units") == {"unlikely"}  # two of five


def test_a_column_of_zeros_has_no_size(tmp_path: Path) -> None:
    assert levels(tmp_path, "Method,Dice\nA,0\nB,0\nC,0\nD,5\n", "units") == {"cannot be"}
