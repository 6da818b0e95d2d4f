"""The frame of the analyses, tried with a made analysis on a made mix."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import t
from support import DECLARATION, mixseg

from benchmark.analyses.duplicates import ANALYSIS as DUPLICATES
from benchmark.analyses.kit import find, stages
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.execute import analyse
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.read import Measured, read
from benchmark.analyses.kit.show import Measure, addition, grid
from benchmark.analyses.kit.summary import value
from benchmark.analyses.kit.units import FOLDER, MEASURED, RECORD
from benchmark.core.errors import NoPartError, ParamsError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.core.recorded import note
from benchmark.core.text import duration
from benchmark.methods import discover
from benchmark.reports.tables.grid import Grid
from benchmark.statistics.results import read_results

MODULE = '''
"""Foreground share of stored maps."""

import pandas as pd

from benchmark.analyses.kit.maps import stored


def measure(job, part):
    with (job.paths.root / "calls.txt").open("a") as file:
        file.write(f"{job.method} {job.seeds} {part} {job.limit}\\n")
    rows = [
        {**case.about(), "part": part, "share": float((case.levels >= 32768).mean())}
        for case in stored(job, job.seeds[0])
    ]
    return pd.DataFrame(rows)
'''


def _parts(mix: object) -> Sequence[str]:
    return ("a", "b")


def _grids(measured: Measured) -> Sequence[Grid]:
    return (grid(measured, "made", "Made", [Measure("share", "Share", best="")], part="a"),)


MADE = Analysis(
    name="made", title="Made", short="Made", about="a made one", module="made_measure.py",
    parts=_parts, grids=_grids,
)  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A project whose two runs are done."""
    from support import PARAMS, PLUGIN, make_prepared

    root = tmp_path_factory.mktemp("analysed")
    (root / "params.yaml").write_text(PARAMS.replace("epochs: 3", "epochs: 1"))
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "method.yaml").write_text(DECLARATION)
    make_prepared(root / "data" / "prepared" / "tiny")
    (root / "made_measure.py").write_text(MODULE)
    assert mixseg(root, "sync").returncode == 0
    done = mixseg(root, "run", "--method", "small", "--mix", "tiny")
    assert done.returncode == 0, done.stderr
    return Paths(root)


@pytest.fixture
def calls(ran: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the made analysis writes a line to at each call."""
    monkeypatch.syspath_prepend(str(ran.root))
    path = ran.root / "calls.txt"
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def measured_lines(paths: Paths, analysis: Analysis = MADE) -> list[tuple[str, bool]]:
    return list(analyse(paths, analysis, "tiny", None, "cpu", Silent()))


def test_a_unit_is_measured_once_and_again_when_its_code_changes(ran: Paths, calls: Path) -> None:
    first = [line for line, ok in measured_lines(ran) if ok]
    assert first[0].startswith("2 to measure, less than 1 s, by a trial of 8 cases")
    assert len(first) == 3
    table = pd.read_csv(ran.results("tiny") / FOLDER / "made" / "small" / "seed-0" / MEASURED)
    assert list(table.columns) == ["dataset", "modality", "case", "group", "part", "share"]
    assert len(table) == 2 * 4 * 2
    assert calls.read_text().count("\n") == 3 + 2 * 2
    assert [line for line, _ in measured_lines(ran)] == [
        "made of small on tiny, seed 0: measured already",
        "made of small on tiny, seed 1: measured already",
    ]
    module = ran.root / "made_measure.py"
    module.write_text(MODULE + "# a comment\n")
    assert len(measured_lines(ran)) == 2
    module.write_text(MODULE.replace("32768", "32769"))
    assert "2 to measure, " in measured_lines(ran)[0][0]
    module.write_text(MODULE)
    measured_lines(ran)


def test_an_interrupted_unit_goes_on_after_its_last_piece(
    ran: Paths, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import made_measure

    real = made_measure.measure

    def stops(job: object, part: str) -> pd.DataFrame:
        if part == "b":
            raise KeyboardInterrupt
        return real(job, part)

    changed = replace(MADE, name="again")
    monkeypatch.setattr(made_measure, "measure", stops)
    with pytest.raises(KeyboardInterrupt):
        measured_lines(ran, changed)
    monkeypatch.setattr(made_measure, "measure", real)
    calls.unlink()
    assert all(ok for _, ok in measured_lines(ran, changed))
    told = [line for line in calls.read_text().splitlines() if "None" in line]
    assert told == [
        "small (0,) b None", "small (1,) a None", "small (1,) b None",
    ]  # fmt: skip
    assert not list((ran.root / "work" / "analyses").iterdir())


def test_what_is_missing_or_cut_short_is_said_and_stops_no_other(ran: Paths, calls: Path) -> None:
    maps = ran.artefacts("tiny", "small", 0) / "probs.npz"
    whole, other = maps.read_bytes(), replace(MADE, name="other")
    maps.unlink()
    lines = measured_lines(ran, other)
    assert lines[0] == (
        "other of small on tiny, seed 0: left out, the maps of seed 0 are not here", True,
    )  # fmt: skip
    assert lines[-1][1]
    maps.write_bytes(whole[: len(whole) // 2])
    lines = measured_lines(ran, other)
    assert [ok for _, ok in lines] == [True, True, False]
    assert "a broken or foreign file" in lines[-1][0]
    maps.write_bytes(whole)
    assert not (ran.results("tiny") / FOLDER / "other" / "small" / "seed-0").exists()


def test_a_unit_that_takes_no_part_is_recorded_with_its_reason(
    ran: Paths, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import made_measure

    real, some = made_measure.measure, replace(MADE, name="some")

    def refuses(job: Job, part: str) -> pd.DataFrame:
        if job.seeds == (1,):
            raise NoPartError(job.method, "no such layer", "one", "Leave it out.")
        return real(job, part)

    monkeypatch.setattr(made_measure, "measure", refuses)
    assert measured_lines(ran, some)[-1] == (
        "some of small on tiny, seed 1: left out, no such layer", True,
    )  # fmt: skip
    assert measured_lines(ran, some) == [
        ("some of small on tiny, seed 0: measured already", True),
        ("some of small on tiny, seed 1: left out, no such layer", True),
    ]
    assert [
        path.name for path in (ran.results("tiny") / FOLDER / "some/small/seed-1").iterdir()
    ] == [RECORD]
    found = read(read_results("tiny", load_params(ran.root), discover.cards(ran.root), ran), some)
    assert found is not None
    assert set(found.table["seed"]) == {0}
    assert found.notes() == ("Left out, no such layer: Small.",)


def test_the_report_shows_what_was_measured_and_leaves_out_what_was_edited(
    ran: Paths, calls: Path
) -> None:
    measured_lines(ran)
    params, cards = load_params(ran.root), discover.cards(ran.root)
    found = read(read_results("tiny", params, cards, ran), MADE)
    assert found is not None
    section = addition(found)
    lines = section.grids[0].lines()
    assert [line.title for line in lines] == ["Small"]
    assert lines[0].marks == ("a",)  # two seeds make no claim
    shares = found.table[
        (found.table["dataset"] == "phantom-fundus") & (found.table["part"] == "a")
    ]
    assert lines[0].cells[0].sort == pytest.approx(shares["share"].mean())
    path = ran.results("tiny") / FOLDER / "made" / "small" / "seed-1" / MEASURED
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"0.", b"1.", 1))
    found = read(read_results("tiny", params, cards, ran), MADE)
    path.write_bytes(whole)
    assert found is not None
    assert set(found.table["seed"]) == {0}
    assert found.notes() == ("small/seed-1: left out, edited since it was written.",)


def test_values_are_those_worked_by_hand() -> None:
    rows = pd.DataFrame(
        [
            {"seed": s, "case": f"c{i}", "group": f"c{i}", "x": v}
            for s, row in enumerate([[1.0, 3.0], [2.0, 4.0], [3.0, 5.0]])
            for i, v in enumerate(row)
        ]
    )
    found = value(rows, "x", trained=True)
    assert found is not None
    assert (found.mean, found.sd, found.seeds, found.cases) == (3.0, 1.0, 3, 2)
    # Seeds: 1/3 with 2 degrees of freedom; cases: 2/2 = 1 with 1. V = 4/3, df = V^2/(1/18 + 1).
    assert found.high - found.mean == pytest.approx(t.ppf(0.975, 1.6842105) * (4 / 3) ** 0.5)
    two = value(rows[rows["seed"] < 2], "x", trained=True)
    assert two is not None
    assert np.isnan(two.low)
    rows.loc[0, "x"] = np.nan
    left = value(rows, "x", trained=True)
    assert left is not None
    assert (left.left_out, left.cases) == (1, 1)
    whole = value(rows[rows["case"] == "c1"].assign(case="", group=""), "x", trained=True)
    assert whole is not None  # of a whole set: the t interval over seeds, t(.975, 2) = 4.303
    assert whole.high - whole.mean == pytest.approx(4.302653 / 3**0.5)
    single = value(rows[rows["case"] == "c1"], "x", trained=True)
    assert single is not None  # one case does not say how cases vary
    assert np.isnan(single.low)
    minus = value(rows, "x", trained=True, minus=rows.assign(x=rows["x"] - 1))
    assert minus is not None
    assert minus.mean == pytest.approx(1.0)


def test_unknown_names_are_errors_with_the_nearest(
    ran: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "analyses", lambda: {"made": MADE})
    monkeypatch.setattr(stages, "analyses", lambda: {"made": MADE})
    with pytest.raises(ParamsError, match="Did you mean 'made'"):
        find.analysis("mode")
    params = ran.root / "params.yaml"
    before = params.read_text()
    mix = yaml.safe_load(before)
    mix["mixes"]["tiny"]["analyses"] = {"methods": ["smal"]}
    params.write_text(yaml.safe_dump(mix, sort_keys=False))
    with pytest.raises(ParamsError, match="does not run on Tiny"):
        measured_lines(ran)
    mix["mixes"]["tiny"]["analyses"] = {"names": ["mad"]}
    params.write_text(yaml.safe_dump(mix, sort_keys=False))
    with pytest.raises(ParamsError, match="Did you mean 'made'"):
        stages.planned(load_params(ran.root), "tiny")
    params.write_text(before)


def test_one_stage_a_mix_and_analysis(ran: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "analyses", lambda: {"made": MADE})
    params = ran.root / "params.yaml"
    before = params.read_text()
    params.write_text(
        before.replace("    weights: random\n", "    weights: random\n    analyses: {}\n")
    )
    (ran.root / stages.PLACE).mkdir(parents=True, exist_ok=True)
    assert stages.sync(ran.root) == [ran.root / stages.PLACE / "dvc.yaml"]
    stage = yaml.safe_load((ran.root / stages.PLACE / "dvc.yaml").read_text())["stages"]
    assert stage["made-on-tiny"]["deps"] == ["results/tiny/main"]
    assert stages.sync(ran.root) == []
    (ran.root / stages.PLACE / "dvc.yaml").unlink()
    params.write_text(before)


def test_scores_and_the_search_for_duplicates_are_what_a_unit_depends_on(ran: Paths) -> None:
    lines = measured_lines(ran, DUPLICATES)
    assert {line.split(": ")[1] for line, _ in lines} == {
        "left out, the leaks of the mix are not here"
    }
    assert mixseg(ran.root, "leaks", "--mix", "tiny").returncode == 0
    assert [line.split(": ")[-1] for line, _ in measured_lines(ran, DUPLICATES)][1:] == [
        "measured in less than 1 s", "measured in less than 1 s",
    ]  # fmt: skip
    assert {line.split(": ")[1] for line, _ in measured_lines(ran, DUPLICATES)} == {
        "measured already"
    }
    found = ran.results("tiny") / "leaks.csv"
    dataset, case = "phantom-fundus", "fundus-"
    pair = f"near,train/test,{dataset},{case}0,train,{dataset},{case}8,test,tiny,0.97"
    found.write_text(f"{found.read_text().splitlines()[0]}\n{pair}\n")
    note(ran, "tiny", found)
    assert len(measured_lines(ran, DUPLICATES)) == 3  # measured again
    measured = read(read_results("tiny", load_params(ran.root), discover.cards(ran.root), ran),
                    DUPLICATES)  # fmt: skip
    assert measured is not None
    assert addition(measured).leads[0].startswith("1 of 8 test cases has a duplicate")


def test_durations() -> None:
    assert [duration(s) for s in (0.2, 45, 185, 7800)] == [
        "less than 1 s", "45 s", "3 min 5 s", "2 h 10 min",
    ]  # fmt: skip


def test_records_say_what_was_measured(ran: Paths, calls: Path) -> None:
    measured_lines(ran)
    record = read_json(ran.results("tiny") / FOLDER / "made" / "small" / "seed-0" / RECORD)
    assert record["identity"]["parts"] == ["a", "b"]
    assert record["cases"] == 8
    assert record["identity"]["inputs"]["0/probs.npz"]


def test_the_expected_time_counts_the_work_of_every_part(
    ran: Paths, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part costs 100 s whatever its size and 2 s a picture; b has five pictures a case."""
    clock = [0.0]

    def takes(job: Job, part: str) -> pd.DataFrame:
        clock[0] += 100 + 2 * work(job, part)
        return pd.DataFrame([{"dataset": "d", "modality": "m", "case": "c", "group": "c"}])

    def work(job: Job, part: str) -> int:
        return len(job.cases()) * (1 if part == "a" else 5)

    import made_measure

    monkeypatch.setattr(made_measure, "measure", takes)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    told = measured_lines(ran, replace(MADE, name="timed", work=work))[0][0]
    # Two runs of 8 cases: each 2 * 100 s and 2 s * (8 + 40) = 296 s.
    assert told == "2 to measure, about 9 min 52 s, by a trial of 8 cases"


def test_a_part_may_have_no_case_and_settings_are_of_the_identity(
    ran: Paths, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import made_measure

    real = made_measure.measure
    monkeypatch.setattr(
        made_measure, "measure", lambda job, part: real(job, part)[: int(part == "a")]
    )
    some = replace(MADE, name="some", settings=lambda mix: {"passes": 3})
    assert all(ok for _, ok in measured_lines(ran, some))
    assert "measured already" in measured_lines(ran, some)[0][0]
    other = replace(some, settings=lambda mix: {"passes": 4})
    assert "2 to measure, " in measured_lines(ran, other)[0][0]
    monkeypatch.setattr(made_measure, "measure", lambda job, part: real(job, part)[:0])
    assert [ok for _, ok in measured_lines(ran, replace(MADE, name="none"))] == [True, False, False]
