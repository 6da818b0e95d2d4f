"""One planted error of each kind, tables without any, and the published tables."""

import re
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, mixseg

from benchmark.audit.audit import Audit, Known, audit_file, html, text
from benchmark.audit.rules import least_mae

TABLES = Path(__file__).parent / "tables"
PUBLISHED = {"ISIC2018": 260, "BUSI": 162, "Kvasir": 100, "CVC-300": 60}
# Differences are wide, IoU lies between D/(2-D) and D, averages, ranks and marks are right.
CLEAN = """\
method,dataset,n,dsc,iou,mae,rank,iou_rank
A,Kvasir,100,0.90,**0.84**,0.02,1,1
B,Kvasir,100,0.80,__0.70__,0.04,2,2
C,Kvasir,100,0.70,0.58,0.06,3,3
A,Clinic,62,0.80,0.70,0.03,1,1
B,Clinic,62,0.70,0.59,0.05,2,2
C,Clinic,62,0.60,0.47,0.07,3,3
A,average,,0.85,0.77,0.025,1,1
B,average,,0.75,0.645,0.045,2,2
C,average,,0.65,0.525,0.065,3,3
"""


def audited(tmp_path: Path, content: str, known: Known | None = None) -> Audit:
    path = tmp_path / "table.csv"
    path.write_text(content)
    return audit_file(path, known or Known())


def test_a_data_set_in_two_spellings_is_named_once(tmp_path: Path) -> None:
    said = text(audited(tmp_path, CLEAN.replace("B,Kvasir,", "B,kvasir,")))
    assert said.count("foreground share of each case is not known") == 2  # Kvasir, Clinic
    assert "Kvasir: the foreground share" in said


def test_a_clean_table_has_no_finding(tmp_path: Path) -> None:
    found = audited(tmp_path, CLEAN)
    assert found.findings() == []
    assert found.ok
    assert "Nothing was found." in text(found)
    looked = {name: outcome.tested for name, outcome in found.outcomes.items()}
    assert looked["overlap"].startswith("9 rows")
    assert looked["averages"].startswith("9 stated")
    assert looked["ranks"].startswith("18 ")
    assert looked["marks"].startswith("2 ")
    assert looked["differences"].startswith("8 ")


PLANTED = [  # what is replaced, by what, rule, level, arithmetic
    # D = 0.90 +- 0.005: at least 0.895 / 1.105 = 0.80995
    ("0.90,**0.84**", "0.90,**0.79**", "overlap", "does not agree", "0.810"),
    ("0.90,**0.84**", "0.90,**0.92**", "overlap", "unlikely", "at most DSC"),
    ("0.90,**0.84**", "0.90,**0.30**", "overlap", "cannot be", "no convention fits"),
    # (0.90 + 0.80) / 2 = 0.85; by 100 and 62 cases 0.8617
    ("average,,0.85", "average,,0.89", "averages", "does not agree", "0.8617|0.862"),
    ("0.04,2,2", "0.04,3,2", "ranks", "unlikely", "A 0.90"),
    ("0.06,3,3", "0.06,3,1", "ranks", "does not agree", "A 0.84, B 0.70"),
    ("0.70,0.58", "0.70,**0.58**", "marks", "unlikely", "A 0.84, B 0.70"),
    ("0.70,0.58", "0.70,__0.58__", "marks", "unlikely", "A 0.84, B 0.70"),
    ("B,Kvasir,100,0.80", "B,Kvasir,100,80.0", "units", "does not agree", "80.0"),
    ("A,Clinic,62,0.80", "A,Clinic,62,1.80", "units", "cannot be", "1.80 > 1"),
    ("A,Clinic,62,0.80", "A,Clinic,62,-0.80", "units", "cannot be", "-0.80 < 0"),
    ("B,Kvasir,100,0.80", "B,Kvasir,100,0.89", "differences", "look again", "95 % half-width"),
    ("B,Clinic", "A,Clinic", "twice", "unlikely", "lines 5 and 6"),
]


@pytest.mark.parametrize(("old", "new", "rule", "level", "arithmetic"), PLANTED)
def test_a_planted_error_is_found_with_its_arithmetic(
    tmp_path: Path, old: str, new: str, rule: str, level: str, arithmetic: str
) -> None:
    assert CLEAN.count(old) == 1
    found = [f for f in audited(tmp_path, CLEAN.replace(old, new)).findings() if f.rule == rule]
    assert found, rule
    assert found[0].level == level
    assert re.search(arithmetic, found[0].arithmetic), found[0].arithmetic
    assert found[0].where
    assert found[0].what.endswith(".")


def test_percentages_are_read_as_such(tmp_path: Path) -> None:
    lines = [line.split(",") for line in CLEAN.splitlines()]
    for line in lines[1:]:
        for k in (3, 4):
            line[k] = re.sub(r"0?\.\d+", lambda m: f"{float(m[0]) * 100:.1f}", line[k])
    found = audited(tmp_path, "\n".join(",".join(line) for line in lines))
    assert found.findings() == []
    broken = audited(tmp_path, "method,dsc,iou\nA,88.0,70.0\nB,70,60\n")
    assert [f.rule for f in broken.findings()] == ["overlap"]
    assert "78.49" in broken.findings()[0].arithmetic  # 0.8795 / 1.1205 = 0.78492


def test_small_percentages_by_the_title(tmp_path: Path) -> None:
    # one confusion matrix: IoU = 1.939 / (200 - 1.939) = 0.979 %
    small = "Threshold,IoU (%),Dice (%),Precision (%),Recall (%)\n0.05,0.979,1.939,0.979,100.0\n"
    found = audited(tmp_path, small)
    assert found.ok, found.findings()
    assert [f.level for f in found.findings()] == ["look again"]  # pooled, as it is
    fractions = "Method,IoU (%),Dice (%)\nA,0.82,0.90\nB,0.70,0.81\n"  # the title is wrong
    assert audited(tmp_path, fractions).findings() == []


def test_rounding_is_allowed_for(tmp_path: Path) -> None:
    # one case with D = 0.905: IoU = 0.82648, printed 0.83 and 0.9: 0.85 / 1.15 = 0.739 at least
    assert audited(tmp_path, "method,dsc,iou\nA,0.9,0.74\n").findings() == []
    assert audited(tmp_path, "method,dsc,iou\nA,0.9,0.73\n").findings("unlikely")
    assert (
        audited(tmp_path, "method,dataset,dsc\nA,x,0.8\nA,y,0.9\nA,average,0.9\n").findings() == []
    )
    assert (
        audited(tmp_path, "method,dataset,dsc\nA,x,.80\nA,y,.90\nA,average,.9\n").findings() == []
    )
    assert audited(tmp_path, "method,dataset,dsc\nA,x,.80\nA,y,.90\nA,average,.90\n").findings()
    # 0.850 against 0.86, which is 0.855 at least: off by 0.005 where the rows allow 0.0005
    near = audited(tmp_path, "method,dataset,dsc\nA,x,.800\nA,y,.900\nA,average,.86\n")
    assert near.findings("unlikely")


def test_iou_at_the_bound_is_told_where_the_digits_are_fine_enough(tmp_path: Path) -> None:
    # 0.8330 / 1.1670 = 0.71380
    (found,) = audited(tmp_path, "method,dsc,iou\nA,83.30,71.38\n").findings()
    assert found.level == "look again"
    assert "71.380" in found.arithmetic
    assert audited(tmp_path, "method,dsc,iou\nA,0.833,0.714\n").findings() == []


def test_averages_may_be_weighed_by_cases(tmp_path: Path) -> None:
    # (300 * 0.9 + 100 * 0.5) / 400 = 0.8
    rows = "method,dataset,n,dsc\nA,x,300,0.900\nA,y,100,0.500\nA,average,,0.800\n"
    assert audited(tmp_path, rows).findings() == []
    assert audited(tmp_path, rows.replace("300", "200")).findings("unlikely")


def test_ties_share_ranks_and_marks(tmp_path: Path) -> None:
    tied = "method,dsc,rank\nA,**0.90**,2\nB,**0.90**,1\nC,__0.50__,3\n"
    assert audited(tmp_path, tied).findings() == []
    (found,) = audited(tmp_path, tied.replace("B,**0.90**", "B,0.90")).findings()
    assert (found.rule, found.level) == ("marks", "look again")
    second = tied.replace("**0.90**,1", "__0.90__,1")  # one of two equals called second
    assert audited(tmp_path, second).findings("does not agree") == []


def test_for_mae_less_is_better(tmp_path: Path) -> None:
    rows = "method,mae,mae_rank\nA,0.05,2\nB,**0.02**,1\n"
    assert audited(tmp_path, rows).findings() == []
    wrong = audited(tmp_path, "method,mae\nA,**0.05**\nB,0.02\n")
    assert [f.rule for f in wrong.findings()] == ["marks"]


def test_small_percentages_of_mae_are_no_mixture(tmp_path: Path) -> None:
    assert audited(tmp_path, "method,mae\nA,2.3\nB,0.9\nC,1.4\n").findings() == []


def test_same_numbers_of_two_methods(tmp_path: Path) -> None:
    rows = "method,dataset,dsc,iou\nA,x,87.3,80.2\nB,x,87.3,80.2\nA,y,71.0,60.1\nB,y,55.0,44.1\n"
    found = [f for f in audited(tmp_path, rows).findings() if f.rule == "twice"]
    assert [f.where for f in found] == ["line 3, B on x"]
    everywhere = rows.replace("55.0,44.1", "71.0,60.1")
    (found,) = [f for f in audited(tmp_path, everywhere).findings() if f.rule == "twice"]
    assert "all 2 datasets" in found.what
    assert audited(tmp_path, "method,dsc\nA,87.3\nB,87.3\n").outcomes["twice"].findings == []


def test_u_net_and_u_net_plus_plus_are_two_methods(tmp_path: Path) -> None:
    assert audited(tmp_path, "method,dsc\nU-Net,0.5\nU-Net++,0.9\n").findings() == []
    assert audited(tmp_path, "method,dsc\nU-Net,0.5\nu-net,0.9\n").findings("unlikely")


# ---- MAE against DSC


def masks(p: np.ndarray, dsc: np.ndarray) -> np.ndarray:
    """The smallest share of wrong pixels of masks with such shares and DSC: nothing outside.

    TP = t p and FN = (1 - t) p with D = 2t / (1 + t), so t = D / (2 - D) and MAE = (1 - t) p.
    """
    return (1 - dsc / (2 - dsc)) * p


def test_the_bound_on_mae_by_hand() -> None:
    # two cases, p = 0.1 and 0.4, mean DSC 0.5: the smaller lost, 0.1 / 2 over two cases
    assert least_mae(np.array([0.4, 0.1]), 0.5) == pytest.approx(0.025)
    # mean DSC 0.25: the smaller lost, half of the other: (0.1 + 0.2) / 2 / 2
    assert least_mae(np.array([0.4, 0.1]), 0.25) == pytest.approx(0.075)
    assert least_mae(np.array([0.4, 0.1]), 1.0) == 0
    assert least_mae(np.array([0.4, 0.1]), 0.0) == pytest.approx(0.125)


def test_no_maps_break_the_bound_on_mae() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(1, 12))
        p, dsc = rng.uniform(0.001, 0.6, n), rng.uniform(0, 1, n) ** rng.uniform(0.1, 3)
        soft = masks(p, dsc).mean() / 2  # every wrong pixel is off by a half, all others by nothing
        assert soft >= least_mae(p, float(dsc.mean())) - 1e-12


def test_mae_below_the_bound_is_found_and_above_is_not(tmp_path: Path) -> None:
    known = Known(shares={"kvasir": np.full(100, 0.2)})
    # D at most 0.855: 14.5 cases lost, 0.2 * 14.5 / 200 = 0.0145
    rows = "method,dataset,dsc,mae\nA,Kvasir,0.85,0.013\n"
    (found,) = audited(tmp_path, rows, known).findings()
    assert (found.rule, found.level) == ("mae", "cannot be")
    assert "0.01450" in found.arithmetic
    assert audited(tmp_path, rows.replace("0.013", "0.014"), known).findings() == []
    silent = audited(tmp_path, rows)
    assert silent.findings() == []
    assert "not known" in silent.outcomes["mae"].skipped[0]


def test_the_interval_by_hand(tmp_path: Path) -> None:
    # t(99) = 1.98422; 0.15 * sqrt(0.4) / 10 = 0.0094868; half-width 0.018824
    near, far = (
        "method,n,dsc\nA,100,0.900\nB,100,0.882\n",
        "method,n,dsc\nA,100,0.900\nB,100,0.881\n",
    )
    (found,) = audited(tmp_path, near).findings()
    assert "0.0188" in found.arithmetic
    assert audited(tmp_path, far).findings() == []
    assert audited(tmp_path, far, Known(correlation=0.5)).findings()
    assert audited(tmp_path, near, Known(case_sd=0.1)).findings() == []
    assert (
        "number of cases is not known"
        in audited(tmp_path, near.replace("100", "")).outcomes["differences"].skipped[0]
    )


# ---- no false alarms


def honest(rng: np.random.Generator) -> tuple[str, Known]:
    """A table made from scores of cases, printed with any number of digits, ranked and averaged."""
    percent, digits, n = rng.random() < 0.5, int(rng.integers(1, 4)), int(rng.integers(1, 9))
    p = {name: rng.uniform(0.01, 0.6, n) for name in ("x", "y", "z")}
    shown = {}
    for method in "ABCD":
        for name, shares in p.items():
            dsc = rng.uniform(0.3, 1, n) ** rng.uniform(0.2, 3)
            values = dsc.mean(), (dsc / (2 - dsc)).mean(), masks(shares, dsc).mean() / 2
            shown[method, name] = [values[0], values[1], values[2] * rng.uniform(1, 1.5)]
        shown[method, "average"] = list(np.mean([shown[method, name] for name in p], axis=0))
    factor, decimals = (100, digits - 1) if percent else (1, digits + 1)
    lines = ["method,dataset,dsc,iou,mae,rank"]
    for (method, name), values in shown.items():
        rank = 1 + sum(shown[other, name][0] > values[0] for other in "ABCD")
        texts = [f"{value * factor:.{decimals}f}" for value in values]
        lines.append(",".join([method, name, *texts, str(rank)]))
    return "\n".join(lines), Known(shares=p)


def test_honest_tables_raise_no_alarm(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for _ in range(150):
        content, known = honest(rng)
        found = audited(tmp_path, content, known)
        wrong = [f for f in found.findings() if f.level != "look again"]
        assert not wrong, (content, wrong)


@pytest.mark.parametrize(
    "content",
    [
        "method,dsc,iou,mae,n\nA,1,1,0,1\n",
        "method,dsc,iou,mae,n\nA,0,0,1,1\nB,0,0,1,1\n",
        "method,dsc,iou,rank\nA,.5,.4,1\nB,.5,.4,1\nC,.5,.4,3\n",
        "method,dsc,iou,n\nA,100.0,100.0,60\nB,50.0,40.0,60\n",
        "method,dsc\nA,\nB,\n",
    ],
)
def test_corner_cases_contradict_nothing(tmp_path: Path, content: str) -> None:
    found = audited(tmp_path, content)
    assert found.ok, found.findings()
    assert "<!doctype html>" in html(found)
    assert text(found)


# ---- output


def test_the_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    rows = "method,dataset,dsc,iou,y<&\n<script>alert(1)</script><script,K&amp;<,0.9,0.5,1\n"
    page = html(audited(tmp_path, rows))
    assert "<script" not in page
    assert "alert(1)&lt;script on K&amp;&lt;" in page  # marks are read, what is left is escaped
    assert "y&lt;&amp;" in page
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    assert "default-src 'none'" in page


def test_the_command(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(CLEAN)
    done = mixseg(tmp_path, "audit", "t.csv", "--html", "t.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t.html").read_text().startswith("<!doctype html>")
    table.write_text(CLEAN.replace("0.90,**0.84**", "0.90,**0.70**"))
    done = mixseg(tmp_path, "audit", "t.csv", "--n", "Kvasir=100")
    assert done.returncode == 1
    assert "No single convention gives this DSC" in done.stdout
    table.write_text("method,year\nA,2020\n")
    done = mixseg(tmp_path, "audit", "t.csv")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: t.csv: no column of a metric")


# ---- tables that were published; the numbers are quoted


def published(name: str) -> list[tuple[str, str, str]]:
    n = {
        "".join(c for c in key.casefold() if c.isalnum()): value for key, value in PUBLISHED.items()
    }
    found = audit_file(TABLES / f"{name}.csv", Known(n=n)).findings()
    return [(each.rule, each.level, each.where) for each in found]


def test_published_thyroid_table_holds_a_pair_of_two_conventions() -> None:
    assert published("thyroid") == [
        ("overlap", "does not agree", "line 4, TnSeg"),  # 85.71: at least 74.99, printed 73.18
        ("overlap", "look again", "line 2, TRFE+"),  # 83.30 / 116.70 = 71.38, as printed
    ]


def test_published_average_of_organs_is_one() -> None:
    assert published("synapse") == []


@pytest.mark.parametrize("name", ["polyps", "madgnet"])
def test_published_tables_of_polyps_hold_nothing_impossible_and_many_small_leads(name: str) -> None:
    found = published(name)
    assert {level for _, level, _ in found} == {"look again"}
    assert sum(rule == "differences" for rule, _, _ in found) == 6
    twice = [where for rule, _, where in found if rule == "twice"]
    assert twice == (["line 3, U-Net++ on ISIC2018"] if name == "madgnet" else [])


def test_the_example_of_the_docs_is_what_the_command_prints() -> None:
    doc = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:\w*)\n(.*?)```", doc, re.S)
    table = next(block for block in blocks if block.startswith("method,"))
    printed = next(block for block in blocks if block.startswith("example.csv:"))
    path = ROOT / "docs" / "example.csv"
    assert path.read_text(encoding="utf-8") == table
    shown = text(audit_file(path, Known()))
    assert shown.startswith(printed.rstrip())
