"""A file that is no table of results has no finding with exit status 1, and says why."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.cli.app import app

PAIR = "0.90,0.60"  # IoU is at least 0.8182 beside a DSC of 0.90
LOG = "epoch,Dice,IoU\n1,0.80,0.70\n2,0.82,0.72\n3,0.84,0.74\n4," + PAIR + "\n"
CASES = "image,Dice,IoU\n" + "".join(f"img_{k:03}.png,0.80,0.70\n" for k in range(4))
CASES += f"img_009.png,{PAIR}\n"
FRAME = ",Dice,IoU\n0,0.80,0.70\n1,0.82,0.72\n2,0.84,0.74\n3," + PAIR + "\n"
GRID = "lr,batch_size,Dice,IoU\n0.1,8,0.80,0.70\n0.1,16,0.82,0.72\n0.01,8," + PAIR + "\n"
STATISTICS = "name,Dice,IoU\nmean,0.80,0.70\n25%,0.82,0.72\n50%,0.84,0.74\n75%," + PAIR + "\n"
STATISTICS += "std,0.10,0.11\n"
REPORT = "name,F1,IoU,support\na,0.80,0.70,10\nb," + PAIR + ",5\nmacro avg,0.84,0.74,15\n"
REPORT += "weighted avg,0.84,0.74,15\n"
RESULTS = {
    "epochs of methods": "method,epoch,Dice,IoU\nA,10,0.80,0.70\nB,20,0.82,0.72\n"
    f"C,20,0.84,0.74\nD,40,{PAIR}\n",
    "numbered methods": "model,Dice,IoU\nV1,0.80,0.70\nV2,0.82,0.72\nV3,0.84,0.74\nV4," + PAIR,
    "an index beside names": ",method,Dice,IoU\n0,A,0.80,0.70\n1,B,0.82,0.72\n2,C,0.84,0.74\n"
    f"3,D,{PAIR}\n",
    "settings of a named method": "method,lr,seed,Dice,IoU\nA,0.1,1,0.80,0.70\nB,0.2,1,0.82,0.72\n"
    f"C,0.1,1,{PAIR}\n",
    "cases with n": CASES.replace("IoU", "IoU,n").replace("0.70\n", "0.667,1\n").replace(
        "0.60\n", "0.60,1\n"
    ),
}  # fmt: skip


def audited(tmp_path: Path, text: str, *options: str) -> tuple[int, str]:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["audit", str(path), *options])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (LOG, "the rows are a log (column 'epoch' counts 1, 2, 3"),
        (LOG.replace("4,0.9", "40,0.9"), "the rows are a log (column 'epoch' counts 1, 2, 3"),
        (CASES, "the rows are single cases (column 'image': img_000.png"),
        (FRAME, "the rows have an index and no names (first column: 0, 1, 2"),
        (GRID, "the rows are settings without names (lr, batch_size)"),
        (STATISTICS, "the rows are statistics of one set of numbers (mean, 25%, 50%"),
        (REPORT, "the rows are a report on a classification (a, b, macro avg"),
    ],
)
def test_what_is_no_table_of_results_has_no_hard_finding(
    tmp_path: Path, text: str, seen: str
) -> None:
    code, out = audited(tmp_path, text)
    assert code == 0
    assert f"not taken as a table of results: {seen}" in out
    assert "--treat-as results takes it as one" in out
    assert audited(tmp_path, text, "--treat-as", "results")[0] == 1


@pytest.mark.parametrize("name", RESULTS)
def test_a_table_of_results_is_taken_as_one(tmp_path: Path, name: str) -> None:
    code, out = audited(tmp_path, RESULTS[name])
    assert code == 1
    assert "not taken" not in out


def test_the_page_says_why_it_is_not_taken(tmp_path: Path) -> None:
    audited(tmp_path, LOG, "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not taken as a table of results: the rows are a log" in page
