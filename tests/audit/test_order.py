"""Ranks, marks and averages: what a table means by them, and what contradicts it."""

from pathlib import Path

from benchmark.audit.audit import Known, audit_file
from benchmark.audit.finding import Outcome


def outcome(tmp_path: Path, content: str, rule: str) -> Outcome:
    path = tmp_path / "table.csv"
    path.write_text(content)
    return audit_file(path, Known()).outcomes[rule]


def found(tmp_path: Path, content: str, rule: str) -> list[tuple[str, str]]:
    """Level and place."""
    return [(f.level, f.where) for f in outcome(tmp_path, content, rule).findings]


# ---- ranks


def test_ranks_are_read_by_the_metric_that_they_fit(tmp_path: Path) -> None:
    by_iou = "Rank,Model,mIoU,Dice\n1,A,0.573,0.689\n2,B,0.572,0.693\n3,C,0.563,0.683\n"
    assert found(tmp_path, by_iou, "ranks") == [("look again", "line 2, A")]
    assert outcome(tmp_path, by_iou, "ranks").notes == ["ranks without a metric are read as by iou"]
    by_score = "Rank,Model,Dice,Score\n1,A,0.60,9\n2,B,0.70,8\n3,C,0.50,7\n4,D,0.65,6\n"
    assert found(tmp_path, by_score, "ranks") == []
    named = "Dice rank,Model,mIoU,Dice\n1,A,0.573,0.689\n2,B,0.572,0.693\n3,C,0.563,0.683\n"
    assert [level for level, _ in found(tmp_path, named, "ranks")] == ["unlikely"] * 2


def test_ranks_that_fit_no_column_are_one_finding(tmp_path: Path) -> None:
    ranks = (3, 6, 1, 5, 2, 4)
    rows = [f"{rank},m{rank},0.{9 - k},0.{8 - k}\n" for k, rank in enumerate(ranks)]
    table = "Rank,Model,Dice,IoU\n" + "".join(rows)
    assert found(tmp_path, table, "ranks") == [("look again", "line 2, m3")]
    one = "Rank,Model,Dice\n1,A,0.90\n3,B,0.85\n2,C,0.80\n4,D,0.70\n"
    assert [level for level, _ in found(tmp_path, one, "ranks")] == ["unlikely"] * 2


# ---- marks

OWN = """Method,F1,Se,Acc
A,0.647,0.708,0.890
B,0.679,0.792,0.880
Ours v1,{},**0.783**,**0.936**
Ours v2,**0.895**,**0.848**,**0.955**
"""


def test_rows_that_a_paper_marks_as_its_own_are_one_finding(tmp_path: Path) -> None:
    levels = found(tmp_path, OWN.format("**0.847**"), "marks")
    assert levels == [("look again", "lines 4, 5")]
    most = "Method,F1,IoU\nA,0.82,0.75\nB,0.92,0.87\n" + "".join(
        f"Ours {k},**0.{90 + k}**,**0.{83 + k}**\n" for k in (0, 1, 3)
    )
    assert found(tmp_path, most, "marks") == [("look again", "lines 4, 5, 6")]
    # a best mark stands where one cell of the row has none
    assert found(tmp_path, OWN.format("0.847"), "marks") == [("unlikely", "line 4, Ours v1")]


def test_a_row_that_is_bold_with_its_name_is_marked_as_chosen(tmp_path: Path) -> None:
    table = "Threshold,Dice,IoU\n0.3,0.86,0.77\n{0}0.5{0},**0.85**,**0.78**\n0.7,0.80,0.70\n"
    assert found(tmp_path, table.format("**"), "marks") == [("look again", "line 3")]
    assert found(tmp_path, table.format(""), "marks") == [("unlikely", "line 3, 0.5")]


def test_the_best_of_groups_of_rows(tmp_path: Path) -> None:
    table = """Method,Type,Dice,IoU
A,CNN,0.80,**0.72**
B,CNN,**0.81**,0.71
C,Transformer,0.84,0.75
D,Transformer,**0.86**,**0.78**
"""
    assert found(tmp_path, table, "marks") == []
    parted = table.replace("Transformer", "T1").replace("T1", "T2", 1).replace("CNN", "x", 1)
    assert found(tmp_path, parted, "marks") == []  # two columns agree on where the groups part
    wrong = table.replace("C,Transformer,0.84", "C,Transformer,0.87")
    assert found(tmp_path, wrong, "marks") == [("unlikely", "line 5, D")]


def test_a_tie_beside_a_wrong_mark_is_one_finding(tmp_path: Path) -> None:
    table = "Method,IoU,Dice\nA,0.916,**0.95**\nB,0.884,0.93\nC,**0.884**,0.94\n"
    assert found(tmp_path, table, "marks") == [("unlikely", "line 4, C")]
    tie = "Method,IoU\nA,0.884\nB,**0.884**\nC,0.870\n"
    assert found(tmp_path, tie, "marks") == [("look again", "line 2, A")]


def test_wrong_marks_of_one_row_are_one_finding(tmp_path: Path) -> None:
    table = "Method,IoU,Dice,MAE\nA,0.90,0.95,**0.01**\nB,**0.88**,**0.93**,0.02\n"
    (one,) = outcome(tmp_path, table, "marks").findings
    assert one.what == "Marked as best by iou, best by dsc, and the values say otherwise."
    assert "iou 0.88; ahead of it: A 0.90" in one.arithmetic


def test_rows_that_stand_aside(tmp_path: Path) -> None:
    table = "Method,Dice,IoU\n{},0.95,0.91\nA,**0.93**,0.88\nB,0.90,**0.89**\n"
    for name in ("Fully supervised", "nnU-Net (reported)", "Human raters"):
        levels = [level for level, _ in found(tmp_path, table.format(name), "marks")]
        assert levels == ["look again"] * 2, name
    levels = [level for level, _ in found(tmp_path, table.format("U-Net"), "marks")]
    assert levels == ["unlikely"] * 2


def test_data_sets_are_grouped_without_case_and_spaces(tmp_path: Path) -> None:
    table = "Method,Dataset,Dice\nA,ISIC 2018,**0.90**\nB,isic2018,0.92\nC,ISIC-2018,0.85\n"
    assert found(tmp_path, table, "marks") == [("unlikely", "line 2, A on ISIC 2018")]


def test_a_mean_row_is_compared_with_no_method(tmp_path: Path) -> None:
    table = "Classe,Dice\nCSF,0.954\nGM,0.918\nWM,0.897\n**Moyenne Dice**,**0.923**\n"
    assert found(tmp_path, table, "marks") == []
    assert found(tmp_path, table, "averages") == []
    assert found(tmp_path, table.replace("**0.923**", "0.933"), "averages") == [
        ("unlikely", "line 5, Moyenne Dice")
    ]
    teacher = "Method,Dice\nMean Teacher,**0.90**\nB,0.92\n"  # a method, no mean
    assert found(tmp_path, teacher, "marks") == [("unlikely", "line 2, Mean Teacher")]


# ---- averages


def test_averages_over_one_of_two_columns_of_data_sets(tmp_path: Path) -> None:
    table = """View,Class,Dice
Axial,IVD,0.978
Axial,PE,0.935
,Axial mean,0.957
Sagittal,VB,0.958
Overall,,0.957
"""
    assert found(tmp_path, table, "averages") == []  # (0.978 + 0.935 + 0.958) / 3 = 0.957
    parts = "Set,Class,Dice\nK,cup,0.80\nK,disc,0.90\nK,mean,0.88\nE,cup,0.60\nE,disc,0.70\n"
    assert found(tmp_path, parts, "averages") == [("unlikely", "line 4, K, mean")]


def test_an_average_may_leave_the_background_out(tmp_path: Path) -> None:
    table = "Class,Dice\nBackground,0.99\nLiver,0.90\nTumour,0.60\nMean,{}\n"
    assert found(tmp_path, table.format("0.83"), "averages") == []
    assert found(tmp_path, table.format("0.75"), "averages") == []
    assert found(tmp_path, table.format("0.79"), "averages") == [("unlikely", "line 5, Mean")]


def test_a_digit_that_is_cut_off(tmp_path: Path) -> None:
    # 2.4985 / 3 = 0.83283, and 0.8 where the digit is cut off; rounding allows 0.0003 + 0.05
    cut = "Method,Set,Dice\nA,x,0.8590\nA,y,0.8590\nA,average,0.8\n"
    assert found(tmp_path, cut, "averages") == [("look again", "line 4, A on average")]
    rounded = "".join(
        f"{m},x,{v}\n{m},y,{v}\n{m},average,{a}\n"
        for m, v, a in (("B", "0.7810", "0.8"), ("C", "0.6700", "0.7"), ("D", "0.5600", "0.6"))
    )
    assert found(tmp_path, cut + rounded, "averages") == [
        ("does not agree", "line 4, A on average")
    ]


def test_an_overall_may_be_weighed_and_an_average_may_not(tmp_path: Path) -> None:
    table = "Method,Set,Dice\nA,x,0.900\nA,y,0.500\nA,{},{}\n"
    assert found(tmp_path, table.format("Overall", "0.800"), "averages")[0][0] == "look again"
    assert found(tmp_path, table.format("Average", "0.800"), "averages")[0][0] == "unlikely"
    assert found(tmp_path, table.format("Overall", "0.950"), "averages")[0][0] == "unlikely"


# ---- rows that occur twice


def test_a_row_occurs_twice_where_all_its_words_are_the_same(tmp_path: Path) -> None:
    def levels(text: str) -> list[tuple[str, str]]:
        return found(tmp_path, text, "twice")

    assert levels("Method,Labeled,Dice\nV,20%,.5\nV,100%,.6\n") == []
    assert levels("Method,Loss,Dice\nV,CE,.5\nV,Dice,.6\n") == []
    assert levels("Method,Loss,Dice\nV,CE,.5\nV,CE,.6\n") == [("unlikely", "line 3, V")]
    assert levels("Team,Method,Dice\na,—,.5\nb,—,.6\n") == []
    settings = "Method,Dice,Epochs\nV,.5,100\nV,.6,200\n"  # perhaps two settings
    assert levels(settings) == [("look again", "line 3, V")]


def test_ranks_without_a_metric_that_many_rows_contradict_are_those_of_something_else(
    tmp_path: Path,
) -> None:
    values = (".91", ".88", ".90", ".86", ".87", ".85", ".84", ".83", ".82", ".80", ".81", ".79")
    rows = [f"{k},M{k},{value}" for k, value in enumerate(values, 1)]
    text = "Rank,Model,Dice\n" + "\n".join(rows) + "\n"
    assert [level for level, _ in found(tmp_path, text, "ranks")] == ["look again"]
    two = text.replace("11,M11,.81", "11,M11,.795").replace("4,M4,.86", "4,M4,.875")
    assert {level for level, _ in found(tmp_path, two, "ranks")} == {"unlikely"}
