"""What `mixseg status` and `mixseg list` print: one screen, and every cause on request."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from made_plugins import method, write_plugin
from support import ROOT, make_synced, mixseg

from benchmark.cli import text
from benchmark.core.files import Paths, read_json, write_json
from benchmark.methods.sync import sync
from benchmark.runs.identity import RunSpec
from benchmark.runs.status import STATES, State, states


def test_one_sign_a_seed_with_totals_and_a_legend() -> None:
    found = [
        State(RunSpec("a", "m", 0), "done"), State(RunSpec("a", "m", 1), "failed", "no\nroom"),
        State(RunSpec("bb", "m", 0), "results"), State(RunSpec("bb", "m", 1), "missing"),
        State(RunSpec("a", "n", 0), "missing"),
    ]  # fmt: skip
    told = text.status(Paths(Path()), found, long=False, json=False)
    first, second, legend = told.split("\n\n")
    assert first.splitlines() == [
        "m: 4 runs, 1 done, 1 results, 1 failed, 1 missing",
        "  a #!   bb r.",
        "  a on m, seed 1: failed: no room",
    ]
    assert second == "n: 1 runs, 1 missing"  # nothing begun: one line
    assert all(f"{STATES[name][0]} " in legend for name in ("done", "failed", "results", "missing"))
    assert "running" not in legend


def test_long_and_json_tell_every_run(project: Paths) -> None:
    sync(project.root)
    found = states(project)
    told = text.status(project, found, long=True, json=False)
    assert len(told.splitlines()) == 1 + len(found) == 3
    rows = json.loads(text.status(project, found, long=False, json=True))
    assert [(row["method"], row["seed"], row["state"]) for row in rows] == [
        ("small", 0, "missing"), ("small", 1, "missing"),
    ]  # fmt: skip


def test_the_list_is_at_most_100_columns_wide_and_grouped(project: Paths) -> None:
    more = method("wide", title="W" * 90) + method("shown", prompt="box", group="prompted")
    write_plugin(project.root, "baselines/more", more)
    sync(project.root)
    told = text.methods(project, None, None, long=False, json=False)
    assert max(len(line) for line in told.splitlines()) <= 100
    heads = [line for line in told.splitlines() if line.endswith(")") and "(" in line[:12]]
    assert heads == ["main (2)", "prompted (1)"]
    only = text.methods(project, "prompted", "tiny", long=False, json=False)
    assert "shown" in only
    assert "wide" not in only
    rows = json.loads(text.methods(project, None, None, long=False, json=True))
    assert {row["name"] for row in rows} == {"small", "wide", "shown"}
    assert all(row["mixes"] == ["tiny"] for row in rows)


def test_a_folder_that_cannot_be_imported_shows_its_cause(project: Paths) -> None:
    write_plugin(project.root, "baselines/bad", "import nothere\n")
    sync(project.root, "small")
    for command in ("list", "status"):
        done = mixseg(project.root, command)
        assert done.returncode == 0
        assert "No module named 'nothere'" in done.stderr


def test_a_hit_and_the_status_import_no_torch(project: Paths) -> None:
    assert mixseg(project.root, "sync").returncode == 0
    words = ["run", "--method", "small", "--mix", "tiny"]
    first = mixseg(project.root, *words)
    assert first.returncode == 0, first.stderr
    code = (
        "import sys; from benchmark.cli.app import app;"
        "from typer.main import get_command;"
        "get_command(app).main({}, standalone_mode=False);"
        "sys.exit('torch' in sys.modules)"
    )
    for command in (words, ["status"], ["code"], ["list"]):
        done = subprocess.run(
            [sys.executable, "-c", code.format(command)], cwd=project.root, text=True,
            capture_output=True, check=False, env={"PYTHONPATH": str(ROOT), "PATH": ""},
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
    assert "already done" in mixseg(project.root, *words).stdout


def test_results_of_earlier_prediction_or_scoring_code_are_not_done(project: Paths) -> None:
    assert mixseg(project.root, "sync").returncode == 0
    done = mixseg(project.root, "run", "--method", "small", "--mix", "tiny", "--seed", "0")
    assert done.returncode == 0, done.stderr
    path = project.run("tiny", "main", "small", 0) / "run.json"
    record = read_json(path)
    for key, why in (("prediction_code", "predicted by earlier"), ("scoring_code", "scored by")):
        write_json(path, {**record, key: "0" * 64})
        first = states(project)[0]
        assert first.state == "stale"
        assert why in first.why
    write_json(path, {**record, "prediction_code": "0" * 64})
    for folder in (project.store, project.root / "artefacts"):
        shutil.rmtree(folder)
    first = states(project)[0]
    assert (first.state, first.why) == ("earlier-scores", "predicted by earlier code")
    write_json(path, record)
    assert states(project)[0].state == "results"


def test_why_compares_what_is_here_and_names_the_rest(tmp_path: Path) -> None:
    paths = make_synced(tmp_path)
    words = ("--method", "small", "--mix", "tiny", "--seed", "0")
    assert mixseg(paths.root, "run", *words).returncode == 0
    shutil.rmtree(paths.prepared("tiny"))
    told = mixseg(paths.root, "why", *words).stdout.splitlines()
    assert "nothing changed; its results are of the present code" in told[0]
    assert told[1].startswith("not compared: the prepared data and the pretrained weights; ")
    plugin = paths.root / "baselines/small/plugin.py"
    plugin.write_text(plugin.read_text().replace("Dropout2d(0.1)", "Dropout2d(0.2)"))
    assert "the method's code changed" in mixseg(paths.root, "why", *words).stdout


def test_a_row_whose_runs_all_failed_has_no_cost(tmp_path: Path) -> None:
    paths = make_synced(tmp_path)
    shutil.rmtree(paths.prepared("tiny"))
    done = mixseg(paths.root, "run", "--method", "small", "--mix", "tiny")
    assert done.returncode == 1
    assert "Run `mixseg prepare --mix tiny`" in done.stderr
    assert "cost" not in done.stdout + done.stderr
