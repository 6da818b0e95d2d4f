"""A run from its name to its files: once, after a kill, after a change, and twice at a time."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock
from made_plugins import declare
from support import command_environment, make_synced, mixseg, start

from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.runs.execute import look_up
from benchmark.runs.identity import RunSpec
from benchmark.runs.status import states
from benchmark.runs.store import run_directory

SPEC = RunSpec("small", "tiny", 0)
WORDS = ("run", "--method", "small", "--mix", "tiny", "--seed", "0")
SAME = ("scores.csv", "probs.npz", "weights.safetensors")


def files(paths: Paths, seed: int = 0) -> dict[str, bytes]:
    folders = (paths.run("tiny", "main", "small", seed), paths.artefacts("tiny", "small", seed))
    return {f.name: f.read_bytes() for folder in folders for f in folder.iterdir()}


def store_folder(paths: Paths) -> Path:
    plan = look_up(paths, load_params(paths.root), SPEC)
    return run_directory(paths.store, plan.identity.run).folder


def state(paths: Paths) -> str:
    return next(s.state for s in states(paths) if s.spec == SPEC)


@pytest.fixture
def synced(tmp_path: Path) -> Paths:
    return make_synced(tmp_path)


def test_a_run_its_files_and_the_second_time(synced: Paths) -> None:
    assert state(synced) == "missing"
    done = mixseg(synced.root, *WORDS)
    assert done.returncode == 0, done.stderr
    first = files(synced)
    assert set(first) == {*SAME, "history.csv", "run.json"}
    record = json.loads(first["run.json"])
    assert record["parameters"] == {"total": 313, "trainable": 313}  # 3*8*9+8 + 16 + 8*9+1
    assert record["data"] == {
        "train": 32,
        "test": dict.fromkeys(
            ("phantom-fundus", "phantom-colonoscopy", "phantom-ultrasound", "phantom-dermoscopy"), 2
        ),
    }
    assert (record["weights"], record["initialisation"], record["size"]) == ({}, "none", 32)
    names = ("history.csv", "scores.csv", "weights.safetensors", "probs.npz")
    assert set(record["files"]) == set(names)
    assert record["files"]["scores.csv"] == sha256(first["scores.csv"]).hexdigest()
    assert state(synced) == "done"
    again = mixseg(synced.root, *WORDS)
    assert "already done" in again.stdout
    assert files(synced) == first


def test_results_that_were_deleted_come_back_from_the_store(synced: Paths) -> None:
    mixseg(synced.root, *WORDS)
    first = files(synced)
    for path in synced.root.rglob("seed-0/*"):
        path.unlink()
    assert "already done" in mixseg(synced.root, *WORDS).stdout
    assert files(synced) == first


def wait_for(path: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.005)


def lengthen(paths: Paths, epochs: int) -> None:
    params = paths.root / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 3", f"epochs: {epochs}"))


def test_killed_and_resumed_equals_uninterrupted(synced: Paths) -> None:
    lengthen(synced, 60)
    mixseg(synced.root, *WORDS)
    whole, folder = files(synced), store_folder(synced)
    for path in [*folder.iterdir(), *synced.root.rglob("seed-0/*")]:
        path.unlink()
    kills = 0
    for after in (0.0, 0.15, 0.3):
        process = start(synced.root, *WORDS)
        wait_for(folder / "checkpoint.pt")
        time.sleep(after)
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate()
    assert kills >= 1
    assert state(synced) in ("stopped", "done")
    done = mixseg(synced.root, *WORDS)
    assert done.returncode == 0, done.stderr
    again = files(synced)
    assert all(again[name] == whole[name] for name in SAME)


def test_ctrl_c_leaves_no_half_file_and_says_how_to_go_on(synced: Paths) -> None:
    lengthen(synced, 4000)
    process = start(synced.root, *WORDS)
    folder = store_folder(synced)
    wait_for(folder / "checkpoint.pt")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip().splitlines()[-1].startswith("interrupted; the same command goes on")
    assert not list(synced.root.rglob("*.tmp"))
    assert {path.name for path in folder.iterdir()} <= {"checkpoint.pt", "energy.json", "lock"}


def test_a_trainer_ends_with_the_one_that_ordered_it(synced: Paths) -> None:
    lengthen(synced, 4000)
    words = [sys.executable, "-m", "benchmark", "run", "--all", "--mix", "tiny"]
    pool = subprocess.Popen(
        words, cwd=synced.root, env=command_environment(),
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    folder = store_folder(synced)
    wait_for(folder / "checkpoint.pt")
    trainer = read_json(folder / "holder.json")["pid"]
    pool.kill()
    pool.wait()
    until = time.monotonic() + 20
    while Path(f"/proc/{trainer}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{trainer}").exists()


def test_two_trainers_of_one_run(synced: Paths) -> None:
    folder = store_folder(synced)
    folder.mkdir(parents=True)
    (folder / "holder.json").write_text(json.dumps({"pid": os.getpid(), "host": "here"}))
    with FileLock(folder / "lock"):
        assert state(synced) == "running"
        done = mixseg(synced.root, *WORDS)
    assert done.returncode == 1
    assert f'held by {{"pid": {os.getpid()}, "host": "here"}}' in done.stderr


@pytest.mark.parametrize("name", SAME)
def test_a_stored_file_cut_short(synced: Paths, name: str) -> None:
    mixseg(synced.root, *WORDS)
    path = store_folder(synced) / name
    path.write_bytes(path.read_bytes()[:-7])
    done = mixseg(synced.root, *WORDS)
    assert done.returncode == 1
    assert f"{name}: not what was written" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_changes_the_identity_and_what_does_not(synced: Paths) -> None:
    def identity() -> str:
        return look_up(synced, load_params(synced.root), SPEC).identity.run

    first = identity()
    plugin = synced.root / "baselines" / "small" / "plugin.py"
    text = plugin.read_text()
    plugin.write_text(text.replace('"""Two convolutions."""', '"""Other words."""  # and more'))
    assert identity() == first
    plugin.write_text(text.replace("Dropout2d(0.1)", "Dropout2d(0.2)"))
    assert identity() != first
    plugin.write_text(text)
    lengthen(synced, 4)
    assert identity() != first


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("image.nothing", r"baselines/small/plugin.py:19: AttributeError: .*nothing"),
        ("self.network(image)[..., ::2]", r"method 'small'.*(size|shape|broadcast)"),
    ],
)
def test_a_failed_run_names_method_line_and_cause(synced: Paths, body: str, said: str) -> None:
    plugin = synced.root / "baselines" / "small" / "plugin.py"
    plugin.write_text(plugin.read_text().replace("self.network(image)", body))
    mixseg(synced.root, "sync")
    done = mixseg(synced.root, *WORDS)
    assert done.returncode == 1
    assert re.search(said, done.stderr)
    assert len(done.stderr.strip().splitlines()) <= 2
    found = next(s for s in states(synced) if s.spec == SPEC)
    assert found.state == "failed"
    assert re.search(said, found.why)


def test_an_edit_during_training_does_not_reach_the_run(synced: Paths) -> None:
    lengthen(synced, 80)
    plugin = synced.root / "baselines" / "small" / "plugin.py"
    text, folder = plugin.read_text(), store_folder(synced)
    process = start(synced.root, *WORDS)
    wait_for(folder / "checkpoint.pt")
    plugin.write_text(text.replace("return self.network(image)", "return -self.network(image)"))
    process.communicate(timeout=200)
    assert process.returncode == 0
    edited = files(synced)["scores.csv"]
    plugin.write_text(text)
    for path in [*folder.iterdir(), *synced.root.rglob("seed-0/*")]:
        path.unlink()
    assert mixseg(synced.root, *WORDS).returncode == 0
    assert files(synced)["scores.csv"] == edited


def test_a_changed_threshold_makes_scores_stale_and_rescoring_mends_it(synced: Paths) -> None:
    mixseg(synced.root, *WORDS)
    params = synced.root / "params.yaml"
    params.write_text(params.read_text().replace("threshold: 0.5", "threshold: 0.4"))
    assert state(synced) == "stale"
    done = mixseg(synced.root, "score", "--mix", "tiny")
    assert "CHANGED, largest difference of a DSC" in done.stdout
    assert state(synced) == "done"


def test_runs_in_parallel_and_a_broken_one_stops_no_other(synced: Paths) -> None:
    other = synced.root / "baselines" / "broken"
    other.mkdir()
    text = (synced.root / "baselines" / "small" / "plugin.py").read_text()
    (other / "plugin.py").write_text(text)
    declare(synced.root, "baselines/broken", {"broken": {"title": "Broken"}})
    mixseg(synced.root, "sync")
    (other / "plugin.py").write_text(text.replace("self.network(image)", "image.nothing"))
    mixseg(synced.root, "sync", "broken")
    done = mixseg(synced.root, "run", "--all", "--mix", "tiny", "--jobs", "2")
    assert done.returncode == 1
    assert "2 runs done, 2 failed" in done.stdout
    assert re.search("broken on tiny, seed 0: .*AttributeError", done.stderr)
    assert len(files(synced, seed=1)) == 5


@pytest.mark.parametrize("trusted", ["maps", "weights"])
def test_scoring_again_gives_the_same_bytes(synced: Paths, trusted: str) -> None:
    mixseg(synced.root, *WORDS)
    mixseg(synced.root, "controls", "--mix", "tiny")
    before = files(synced)
    controls = sorted(synced.results("tiny").glob("controls/*/*/scores.csv"))
    scores = [path.read_bytes() for path in controls]
    done = mixseg(synced.root, "score", "--mix", "tiny", "--start-from", trusted)
    assert done.stdout == "results/tiny/main/small/seed-0/scores.csv: the same bytes\n"
    assert files(synced) == before
    assert [path.read_bytes() for path in controls] == scores


def test_maps_of_other_pictures_are_not_scored(synced: Paths) -> None:
    mixseg(synced.root, *WORDS)
    before = files(synced)
    params = synced.root / "params.yaml"
    text = params.read_text()
    drawn = re.search(r"drawn: \{train: \d+, test: \d+, seed: (\d+)\}", text)
    assert drawn is not None
    params.write_text(f"{text[: drawn.start(1)]}7{text[drawn.end(1) :]}")
    assert mixseg(synced.root, "prepare", "--mix", "tiny").returncode == 0
    done = mixseg(synced.root, "score", "--mix", "tiny")
    assert done.returncode == 1
    assert re.search(r"probs\.npz: maps of data \w{16}, expected those of ", done.stderr)
    assert files(synced) == before


def test_scoring_again_says_which_column_it_changed(synced: Paths) -> None:
    mixseg(synced.root, *WORDS)
    path = next(synced.root.glob("results/tiny/main/small/seed-0/scores.csv"))
    whole = path.read_bytes()
    lines = [line.split(",") for line in whole.decode().splitlines()]
    lines[1][lines[0].index("mae")] = "0.692"
    path.write_text("".join(f"{','.join(line)}\n" for line in lines))
    done = mixseg(synced.root, "score", "--mix", "tiny")
    assert done.stdout.endswith("scores.csv: CHANGED, each DSC is the same, but not mae\n")
    assert path.read_bytes() == whole
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    done = mixseg(synced.root, "score", "--mix", "tiny")
    assert done.stdout.endswith("scores.csv: the same values, written in another way\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--method", "smal", "--mix", "tiny", "--seed", "0"), "Did you mean 'small'?"),
        (("--method", "small", "--mix", "tini", "--seed", "0"), "Did you mean 'tiny'?"),
        (("--method", "small", "--mix", "tiny", "--seed", "7"), "no seed 7"),
    ],
)
def test_unknown_names(synced: Paths, words: tuple[str, ...], expected: str) -> None:
    done = mixseg(synced.root, "run", *words)
    assert done.returncode == 1
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
