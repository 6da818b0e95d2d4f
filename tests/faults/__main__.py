"""`make faults`: kills, full disks, damaged files and other accidents, on a made project.

Every fault is followed by the command that a user would type next; what it leaves is compared, byte
for byte, with what an undisturbed project holds. Prints a table in Markdown; `--write FILE` puts it
between the marks of a page.
"""

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import damage
import kills
import places
from made_project import KEPT, RUN, Fault, copy, facts, fresh, timed, words_of
from support import ROOT, command_environment

BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
HEAD = "| fault | tried | expected | came |\n|---|---:|---|---|"


def main() -> None:
    """Tries all faults, or those whose name holds a word."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=None, help="of the moments and bits")
    parser.add_argument("--only", default="", help="a word of the faults' names")
    parser.add_argument("--write", type=Path, help="a page with marks for the table")
    told = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if told.seed is None else told.seed
    draw, start = random.Random(seed), time.monotonic()
    print(f"seed {seed}; {os.cpu_count()} cores, {platform.machine()}", flush=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, fault in faults(Path(folder), draw).items():
            if told.only in name:
                found.append(fault())
                print(f"{time.monotonic() - start:6.0f} s  {found[-1].row()}", flush=True)
    minutes = (time.monotonic() - start) / 60
    table = "\n".join([HEAD, *(fault.row() for fault in found)])
    about = f"Seed {seed}, {os.cpu_count()} cores, {minutes:.0f} minutes."
    print(f"\n{table}\n\n{about}")
    if told.write:
        text = told.write.read_text()
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        told.write.write_text(f"{head}{BEGIN}\n{table}\n\n{about}\n{END}{tail}")
    if any(fault.wrong for fault in found):
        sys.exit(1)


def faults(folder: Path, draw: random.Random) -> dict[str, Callable[[], Fault]]:
    """The faults by name, in the order in which they are tried."""
    base = fresh(folder / "base")
    trained = copy(base, folder / "trained")
    seconds = timed(trained, words_of(*RUN), command_environment())
    wanted = facts(trained, *KEPT)
    for words in (("leaks", "--mix", "tiny"), ("controls", "--mix", "tiny")):
        timed(trained, words_of(*words), command_environment())

    def work(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    return {
        "kill training": lambda: kills.training(base, work("training"), draw, 60),
        "kill preparing": lambda: kills.preparing(base, work("preparing"), draw, 10),
        "kill scoring": lambda: kills.scoring(trained, work("scoring"), draw, 10),
        "kill reporting": lambda: kills.reporting(trained, work("reporting"), draw, 10),
        "kill repro": lambda: kills.reproducing(base, work("repro"), draw, 10),
        "full disk": lambda: places.full_disk(base, work("full"), wanted),
        "read-only": lambda: places.read_only(base, work("read-only"), wanted),
        "file systems": lambda: places.other_file_systems(base, work("other"), wanted),
        "clock": lambda: places.clock_set_back(base, work("clock"), wanted, seconds),
        "drivers": lambda: places.two_drivers(base, work("drivers")),
        "open files": lambda: places.few_open_files(base, work("open"), wanted),
        "home": lambda: places.no_home(base, work("home"), wanted),
        "damage": lambda: damage.flipped_bits(base, trained, work("damage"), draw, 3),
        "node": lambda: nodes(),
    }


def nodes() -> Fault:
    """Loss of a node on Slurm and on Ray, where they are here."""
    fault = Fault("loss of a node in training, on Slurm and on Ray", "same bytes")
    words = [sys.executable, "-m", "pytest", "-m", "engines", "-k", "node", "-rs", "tests"]
    done = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=False)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "no output"
    fault.tried = sum(int(n) for n in [w for w in last.split() if w.isdigit()][:1])
    if done.returncode == 5 or " passed" not in last:
        fault.skipped = last
    elif done.returncode:
        fault.wrong.append(last)
    return fault


if __name__ == "__main__":
    main()
