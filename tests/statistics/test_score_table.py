"""The runs of a mix in one table: what is missing is named and never averaged over."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmark.statistics.schema import columns
from benchmark.statistics.table import Entry, read_table

UNET = Entry("unet", "U-Net", "main", "none", (0, 1), trained=True)
MMS = Entry("mmsnet", "MMSNet", "main", "none", (0, 1), trained=True)
SIZES = {"a": None, "b": None}


def write_run(
    results: Path,
    entry: Entry,
    seed: int,
    cases: Mapping[str, Sequence[str]],
    extra: Sequence[str] = (),
) -> None:
    folder = results / entry.group / entry.name / f"seed-{seed}"
    folder.mkdir(parents=True)
    record = {
        "schema": 2, "method": entry.name, "title": entry.title, "mix": "m", "group": entry.group,
        "seed": seed, "initialisation": "random", "weights": {}, "deviations": {}, "identity": {},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    lines = [",".join((*columns(), *extra))]
    for dataset, names in cases.items():
        numbers = "1.0,1.0,1.0,1.0,0.0,0.0,0.0,1.0,1.0,0.5,5,0,0,5" + ",0.5" * len(extra)
        lines += [f"{dataset},fundus,{name},{name},0,{numbers}" for name in names]
    (folder / "scores.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


ALL = {"a": ("x", "y", "z"), "b": ("u", "v")}


def write_all(results: Path) -> None:
    for entry in (UNET, MMS):
        for seed in entry.seeds:
            write_run(results, entry, seed, ALL)


def test_of_a_whole_table_nothing_is_missing(tmp_path: Path) -> None:
    write_all(tmp_path)
    table = read_table(tmp_path, (UNET, MMS), {"a": 3, "b": 2})
    assert (table.missing, table.ignored) == ((), ())
    values = table.values(MMS, "a", "dsc")
    assert values is not None
    assert values.shape == (2, 3)
    assert [each.cases for each in table.sets] == [("x", "y", "z"), ("u", "v")]


def test_a_missing_run_leaves_no_value_anywhere(tmp_path: Path) -> None:
    write_all(tmp_path)
    for name in ("run.json", "scores.csv"):
        (tmp_path / "main/unet/seed-1" / name).unlink()
    table = read_table(tmp_path, (UNET, MMS), SIZES)
    (gone,) = table.missing
    assert (gone.entry, gone.seed, gone.dataset, gone.why) == (UNET, 1, "", "not run")
    assert table.values(UNET, "a", "dsc") is None
    assert table.values(MMS, "a", "dsc") is not None
    assert [run.seed for run in table.runs_of(UNET)] == [0]


def test_a_run_without_its_scores_is_missing(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "main/unet/seed-1/scores.csv").unlink()
    assert read_table(tmp_path, (UNET, MMS), SIZES).missing[0].why == "no scores.csv"


def test_cases_missing_from_one_run_are_named(tmp_path: Path) -> None:
    for entry, seed in ((UNET, 0), (UNET, 1), (MMS, 0)):
        write_run(tmp_path, entry, seed, ALL)
    write_run(tmp_path, MMS, 1, {"a": ("x",), "b": ("u", "v")})
    table = read_table(tmp_path, (UNET, MMS), SIZES)
    (gone,) = table.missing
    assert (gone.entry, gone.seed, gone.dataset) == (MMS, 1, "a")
    assert gone.why == "2 cases (y, z) are missing"
    assert table.values(MMS, "a", "dsc") is None
    assert table.values(MMS, "b", "dsc") is not None


def test_a_foreign_case_and_a_test_set_not_scored_are_named(tmp_path: Path) -> None:
    for entry, seed in ((UNET, 0), (UNET, 1), (MMS, 0)):
        write_run(tmp_path, entry, seed, ALL)
    write_run(tmp_path, MMS, 1, {"a": ("x", "y", "z", "w")})
    table = read_table(tmp_path, (UNET, MMS), SIZES)
    assert {gone.dataset: gone.why for gone in table.missing} == {
        "a": "case w is not of this test set",
        "b": "not scored on this test set",
    }


def test_the_size_that_the_data_says_beats_the_majority(tmp_path: Path) -> None:
    for entry, seed in ((UNET, 0), (UNET, 1), (MMS, 0)):
        write_run(tmp_path, entry, seed, {"a": ("x", "y")})
    write_run(tmp_path, MMS, 1, {"a": ("x", "y", "z")})
    table = read_table(tmp_path, (UNET, MMS), {"a": 3})
    assert table.sets[0].cases == ("x", "y", "z")
    assert [(gone.entry.name, gone.seed) for gone in table.missing] == [
        ("unet", 0), ("unet", 1), ("mmsnet", 0),
    ]  # fmt: skip


def test_what_is_not_planned_is_named_and_ignored(tmp_path: Path) -> None:
    write_all(tmp_path)
    gone = Entry("gone", "Gone", "main", "none", (0, 1), trained=True)
    moved = Entry("unet", "U-Net", "ablation", "none", (0,), trained=True)
    later = Entry("unet", "U-Net", "main", "none", (7,), trained=True)
    for entry in (gone, moved, later):
        for seed in entry.seeds:
            write_run(tmp_path, entry, seed, ALL)
    table = read_table(tmp_path, (UNET, MMS), {"a": 3})
    assert {one.what: one.why for one in table.ignored} == {
        "ablation/unet (1 run)": "its group is main now",
        "main/gone (2 runs)": "removed: no card plans it for this mix",
        "main/unet/seed-7 (1 run)": "this seed is not planned",
        "main/mmsnet on b": "no test set of this mix",
        "main/unet on b": "no test set of this mix",
    }
    assert {key for key, _ in table.runs} == {"main/unet", "main/mmsnet"}


def test_a_protocol_that_one_run_lacks_has_no_value(tmp_path: Path) -> None:
    write_run(tmp_path, UNET, 0, ALL, extra=("dsc_soft",))
    write_run(tmp_path, UNET, 1, ALL)
    table = read_table(tmp_path, (UNET,), SIZES)
    assert table.protocols == ("dsc_soft",)
    assert table.values(UNET, "a", "dsc_soft") is None
    assert table.values(UNET, "a", "dsc") is not None


def test_a_control_may_have_the_name_of_a_method(tmp_path: Path) -> None:
    write_run(tmp_path, UNET, 0, ALL)
    control = Entry("unet", "A control", "controls", "none", (0,), trained=False)
    write_run(tmp_path, control, 0, ALL)
    one_seed = Entry("unet", "U-Net", "main", "none", (0,), trained=True)
    table = read_table(tmp_path, (one_seed, control), SIZES)
    assert len(table.runs) == 2
    assert table.rows(("controls",)) == [control]


@pytest.mark.parametrize("sizes", [{"a": None}, {}])
def test_of_an_empty_folder_all_is_missing(tmp_path: Path, sizes: dict[str, int | None]) -> None:
    table = read_table(tmp_path, (UNET,), sizes)
    assert [gone.why for gone in table.missing] == ["not run", "not run"]
    assert all(not each.cases for each in table.sets)


def test_some_rows_alone_are_the_table_that_reading_them_gives(tmp_path: Path) -> None:
    """Without the row that holds the most cases, the test set is what the other row says."""
    for seed in (0, 1):
        write_run(tmp_path, UNET, seed, {"a": ("x", "y", "z"), "b": ("u", "v")})
        write_run(tmp_path, MMS, seed, {"a": ("x", "y"), "b": ("u", "v")})
    both = read_table(tmp_path, (UNET, MMS), SIZES)
    assert [gone.entry.name for gone in both.missing] == ["mmsnet", "mmsnet"]
    alone = both.rows_only([MMS])
    again = read_table(tmp_path, (MMS,), SIZES)
    assert (alone.sets, alone.entries, alone.missing) == (again.sets, again.entries, ())
    assert alone.sets[0].cases == ("x", "y")
    assert alone.runs.keys() == again.runs.keys()


def test_parts_of_test_sets_keep_their_cases_and_what_is_missing(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "main/unet/seed-1/scores.csv").unlink()
    write_run(tmp_path / "more", MMS, 0, {"a": ("x",)})
    (tmp_path / "more/main/mmsnet/seed-0/scores.csv").replace(
        tmp_path / "main/mmsnet/seed-0/scores.csv"
    )
    table = read_table(tmp_path, (UNET, MMS), {"a": 3, "b": 2})
    first, rest = np.array([True, False, False]), np.array([False, True, True])
    parts = table.parts({"a, first": ("a", first), "a, rest": ("a", rest)})
    assert [(each.name, each.cases) for each in parts.sets] == [
        ("a, first", ("x",)), ("a, rest", ("y", "z")),
    ]  # fmt: skip
    assert {(gone.entry.name, gone.dataset) for gone in parts.missing} == {
        ("unet", ""), ("mmsnet", "a, first"), ("mmsnet", "a, rest"),
    }  # fmt: skip
    assert parts.values(MMS, "a, rest", "dsc") is None
    kept = table.cases({"a": rest})
    assert [each.cases for each in kept.sets] == [("y", "z"), ("u", "v")]


def test_a_column_that_a_file_lacks_is_not_scored_and_not_missing(tmp_path: Path) -> None:
    write_all(tmp_path)
    path = tmp_path / "main/unet/seed-1/scores.csv"
    path.write_text(path.read_text().replace(",mae,", ",MAE,"))  # a column of another name
    table = read_table(tmp_path, (UNET, MMS), SIZES)
    assert table.missing == ()
    assert table.values(UNET, "a", "mae") is None
    assert table.not_scored(UNET, "a", "mae")
    assert not table.not_scored(UNET, "a", "dsc")
    assert not table.not_scored(MMS, "a", "mae")
