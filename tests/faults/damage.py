"""One bit changed in each kind of file: the command that reads it stops and names the file.

Tables are written all the same, with a warning that names the file.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from made_project import RUN, SCORE, Fault, command, copy, killed, words_of
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
    while not list(root.glob("work/store/*/checkpoint.pt")):
        killed(root, words_of(*RUN), draw.uniform(3, 8), command_environment())
    checkpoint = next(root.glob("work/store/*/checkpoint.pt")).relative_to(root)
    _try(fault, root, (checkpoint.as_posix(), RUN), draw, each)
    shutil.rmtree(root)
    return fault


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
