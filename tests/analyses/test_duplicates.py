"""Duplicates: which test cases have one, the difference worked by hand, and what bad files say."""

from pathlib import Path

import pandas as pd
import pytest
from made_measured import a_run, written

from benchmark.analyses.duplicates import ANALYSIS
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.show import addition
from benchmark.analyses.measures.duplicates import LEAKS, SCORES, duplicates, measure
from benchmark.core.digests import digest_of
from benchmark.core.errors import ScoreTableError, StoreError
from benchmark.core.files import write_json
from benchmark.core.recorded import RUN, note

HEADER = "kind,where,dataset_a,case_a,split_a,dataset_b,case_b,split_b,mix_b,correlation"
PAIRS = (
    "near,train/test,skin,t1,train,skin,c0,test,tiny,0.97",
    "exact,train/test,skin,t2,train,skin,c0,test,tiny,1.00",
    "near,val/test,skin,v1,val,skin,c1,test,tiny,0.95",
    "near,test/test,skin,c1,test,skin,c2,test,tiny,0.95",  # two test cases
    "near,test/train,skin,c2,test,skin,t9,train,other,0.95",  # training of another mix
    "near,train/train,skin,t1,train,skin,t2,train,tiny,0.97",
)
DSC = {"c0": 0.9, "c1": 0.6, "c2": 0.3}


def leaks(results: Path, *pairs: str) -> Path:
    results.mkdir(parents=True, exist_ok=True)
    path = results / LEAKS
    path.write_text("\n".join([HEADER, *pairs]) + "\n")
    return path


def scored(job: Job) -> Path:
    """scores.csv of the run, with its record."""
    folder = job.run(0)
    folder.mkdir(parents=True)
    path = folder / SCORES
    lines = [
        ",".join(("skin,dermoscopy", case, f"g,{draw},{dsc}", *counts(dsc)))
        for case, dsc in DSC.items()
        for draw in (0, 1)
    ]
    path.write_text("\n".join(["dataset,modality,case,group,draw,dsc,tp,fp,fn,tn", *lines]) + "\n")
    write_json(folder / RUN, {"files": {SCORES: digest_of(path)}})
    return path


def counts(dsc: float) -> list[str]:
    """tp, fp, fn, tn with this DSC: of 20 pixels in both masks together."""
    tp = round(10 * dsc)
    return [str(tp), str(10 - tp), str(10 - tp), "50"]


def test_which_cases_have_a_twin(tmp_path: Path) -> None:
    leaks(tmp_path, *PAIRS)
    assert duplicates(tmp_path, "tiny") == {("skin", "c0"): "exact", ("skin", "c1"): "near"}
    leaks(tmp_path)
    assert duplicates(tmp_path, "tiny") == {}


def test_a_run_gives_a_row_a_case(tmp_path: Path) -> None:
    job = a_run(tmp_path)
    leaks(job.paths.results("tiny"), *PAIRS)
    scored(job)
    table = measure(job, "all")
    assert table["case"].tolist() == ["c0", "c1", "c2"]
    assert table["duplicate"].tolist() == ["exact", "near", "no"]
    assert table["dsc"].tolist() == [0.9, 0.6, 0.3]


def test_bad_files_are_named(tmp_path: Path) -> None:
    job = a_run(tmp_path)
    results, scores = job.paths.results("tiny"), scored(job)
    path = leaks(results, PAIRS[0].replace("c0", "c9"))
    with pytest.raises(ScoreTableError, match="test case skin/c9"):
        measure(job, "all")
    leaks(results, "near,train/test,skin,t1")
    with pytest.raises(ScoreTableError, match=r"leaks.csv: unusable \(line 2 is cut short"):
        measure(job, "all")
    path.write_text("kind,where\nnear,a\n")
    with pytest.raises(ScoreTableError, match="unusable"):
        measure(job, "all")
    leaks(results, *PAIRS)
    note(job.paths, "tiny", path)
    leaks(results)
    with pytest.raises(StoreError, match="edited since it was written"):
        measure(job, "all")
    leaks(results, *PAIRS)
    scores.write_text(scores.read_text().replace("0.9", "0.8"))
    with pytest.raises(StoreError, match=r"scores\.csv"):
        measure(job, "all")


def measured_of(*seeds: dict[str, float]) -> dict[tuple[str, int], pd.DataFrame]:
    kinds = {"c0": "exact", "c1": "near", "c2": "no", "c3": "no"}
    return {
        ("m", seed): pd.DataFrame(
            {
                "dataset": "skin", "modality": "dermoscopy", "case": list(scores),
                "group": list(scores), "duplicate": [kinds[case] for case in scores],
                "dsc": list(scores.values()),
            }
        )
        for seed, scores in enumerate(seeds)
    }  # fmt: skip


def test_the_difference_by_hand(tmp_path: Path) -> None:
    tables = measured_of(
        {"c0": 0.9, "c1": 0.7, "c2": 0.4, "c3": 0.6}, {"c0": 0.9, "c1": 0.9, "c2": 0.5, "c3": 0.5}
    )
    section = addition(written(tmp_path, ANALYSIS, tables))
    (line,) = section.grids[0].lines()
    # All: (0.65 + 0.7) / 2. Without: (0.5 + 0.5) / 2. Differences 0.15 and 0.2.
    assert [cell.sort for cell in line.cells] == pytest.approx([0.675, 0.5, 0.175])
    assert line.cells[2].text == "0.175 ± 0.035"  # 0.05 / sqrt(2)
    assert section.leads == (
        "2 of 4 test cases have a duplicate among the images trained on.",
        "The largest change of a DSC that they make is +0.175 (M, Skin).",
    )
    assert "Skin 1 exact and 1 near" in section.grids[0].remarks[-1]


def test_no_duplicate_is_said_in_words(tmp_path: Path) -> None:
    section = addition(written(tmp_path, ANALYSIS, measured_of({"c2": 0.4, "c3": 0.6})))
    assert section.grids == ()
    assert section.leads[0].startswith("None of the 2 test cases has a duplicate")


def test_a_set_of_duplicates_alone_cannot_be_compared(tmp_path: Path) -> None:
    section = addition(written(tmp_path, ANALYSIS, measured_of({"c0": 0.9, "c1": 0.7})))
    assert [cell.text for cell in section.grids[0].lines()[0].cells][1:] == ["–", "–"]
    assert (
        section.leads[1] == "No test set has other cases beside them, so nothing can be compared."
    )
