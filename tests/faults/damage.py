"""One bit changed in each kind of file: the command that reads it stops and names the file.

Tables are written all the same, with a warning that names the file. A run on a damaged checkpoint
may also end in the results of an undisturbed run.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from made_project import RUN, SCORE, Fault, command, copy, differing, facts, words_of
from support import command_environment

TABLES = ("tables", "--mix", "tiny")
RESULTS, PREPARED = "results/tiny", "data/prepared/tiny"
RUN_FILES = f"{RESULTS}/main/small/seed-0"
# Each kind of file, and a command that reads it.
KINDS: dict[str, tuple[str, ...]] = {
    f"{RUN_FILES}/scores.csv": TABLES,
    f"{RUN_FILES}/run.json": TABLES,
    f"{RUN_FILES}/history.csv": TABLES,
    f"{RESULTS}/digests.csv": TABLES,
    f"{RESULTS}/leaks.csv": TABLES,
    f"{RESULTS}/data.json": TABLES,
    f"{PREPARED}/manifest.json": RUN,
    f"{PREPARED}/phantom-fundus/images.npy": RUN,
    f"{PREPARED}/phantom-fundus/masks.npy": RUN,
    f"{PREPARED}/phantom-fundus/cases.csv": RUN,
    "artefacts/tiny/small/seed-0/weights.safetensors": (*SCORE, "--start-from", "weights"),
    "artefacts/tiny/small/seed-0/probs.npz": SCORE,
    "baselines/small/card.json": TABLES,
}


def flipped_bits(base: Path, trained: Path, work: Path, draw: random.Random, each: int) -> Fault:
    """Flips bits in every kind of file, one at a time."""
    title = f"one bit flipped in each of {len(KINDS) + 1} kinds of files"
    fault = Fault(title, "the command names the file, and stops; tables are marked")
    for name, words in KINDS.items():
        root = copy(trained, work / "damaged")
        if words == RUN:  # of a run that is not done yet
            words = (*RUN[:-1], "1")
        _try(fault, root, (name, words), draw, each)
        shutil.rmtree(root)
    root = copy(base, work / "damaged")
    checkpoint, wanted = _checkpoint(root), facts(trained, "artefacts", RUN_FILES)
    for _ in range(each):
        again = copy(root, work / "again")
        _try(fault, again, (checkpoint, RUN), draw, 1)
        # Some bits of a checkpoint are padding that nobody reads.
        unseen = fault.wrong and fault.wrong[-1] == f"{checkpoint}: passed unseen"
        if unseen and not differing(facts(again, "artefacts", RUN_FILES), wanted):
            fault.wrong.pop()
        shutil.rmtree(again)
    shutil.rmtree(root)
    return fault


def _checkpoint(root: Path) -> str:
    """The path of the checkpoint that a run leaves when it is killed after its first epoch.

    Raises: RuntimeError if the run ended first.
    """
    process = subprocess.Popen(
        words_of(*RUN), cwd=root, env=dict(command_environment()), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not list(root.glob("work/store/*/checkpoint.pt")):
        time.sleep(0.01)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for path in root.glob("work/store/*/checkpoint.pt"):
        return path.relative_to(root).as_posix()
    raise RuntimeError("the run ended before it was killed: it left no checkpoint")


def _try(
    fault: Fault, root: Path, what: tuple[str, tuple[str, ...]], draw: random.Random, each: int
) -> None:
    name, words = what
    path = root / name
    whole = path.read_bytes()
    for data in _damaged(whole, draw, each):
        path.write_bytes(data)
        fault.tried += 1
        done = command(root, *words)
        said = done.stdout + done.stderr
        named = path.name in said or path.parent.name in said
        if done.returncode == 0 and not (words == TABLES and named):
            fault.wrong.append(f"{name}: passed unseen")
        elif not named:
            fault.wrong.append(f"{name}: {said.strip().splitlines()[-1]}")
        path.write_bytes(whole)


def _damaged(whole: bytes, draw: random.Random, each: int) -> Iterator[bytes]:
    for _ in range(each):
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        yield bytes(data)
