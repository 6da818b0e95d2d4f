"""What each edit runs at the next `dvc repro`, tried on a copy of the project; `make check-ledger`.

For each edit the stage that writes the digests runs for real, then `dvc repro --dry`; the stages
that would run are compared with what they should be. Finished runs are stood in for by small files,
which DVC commits. Three edits are then executed on a mix of three rows.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
MIX = "smoke"
LOOKS = {"code", f"data@{MIX}"}
REPORT = f"report@{MIX}"
MADE = """
  three:
    title: Three rows
    size: 64
    drawn: {train: 4, test: 1, seed: 0}
    at_most: null
    train: [phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy]
    test: [phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy]
    seeds: [0]
    weights: random
    max_epochs: 1
    rows: [unet, unetpp, dcsaunet, added]
    recipe: {<<: *recipe, epochs: 1}
"""


@dataclass(frozen=True)
class Edit:
    """One edit and what it should run.

    Attributes:
        changes: file to what is replaced, by turns old and new text.
        expected: gives the stages that should run, from all run stages of the mix.
        sync: folders to sync after it.
    """

    title: str
    changes: dict[str, tuple[str, ...]]
    expected: Callable[[set[str]], set[str]]
    sync: tuple[str, ...] = field(default=())


def nothing(runs: set[str]) -> set[str]:
    return set()


def report(runs: set[str]) -> set[str]:
    return {REPORT}


def everything(runs: set[str]) -> set[str]:
    return set(runs)


def rows(*names: str) -> Callable[[set[str]], set[str]]:
    return lambda runs: {f"run@{name}-on-{MIX}" for name in names}


NUMPY = "import numpy as np\n"
ADDED = "import numpy as np\n\nADDED = 1\n"
UNET, LOOP = "baselines/unet/method.yaml", "benchmark/training/loop.py"
HOOK, WHY, LAST = "    def embedder(", "    why: str", '    "clip_value": 0.0,\n'
FIELD = (WHY, f"    added: int | None = None\n{WHY}", LAST, f'{LAST}    "added": 0,\n')
EDITS = (
    Edit("nothing", {}, nothing),
    Edit("a title", {UNET: ("title: U-Net (ResNet-34)", "title: Other")}, report),
    Edit("a licence", {UNET: ("licence: MIT", "licence: other")}, report),
    Edit("a comment", {LOOP: ("import time\n", "import time  # x\n")}, nothing),
    Edit("a docstring", {"baselines/unet/plugin.py": ('"""', '"""Other. ')}, nothing),
    Edit(
        "a new hook that training does not call",
        {"benchmark/methods/method.py": (HOOK, f"    def added(self) -> None: ...\n\n{HOOK}")},
        nothing,
    ),
    Edit(
        "a new recipe field at its default",
        {"benchmark/core/recipe.py": FIELD},
        nothing,
    ),
    Edit(
        "the code of an optional feature",
        {"benchmark/training/multiscale.py": ("MULTIPLE = 32", "MULTIPLE = 16")},
        rows("mk-unet-as-published", "polyp-pvt-as-published", "pranet-as-published"),  # scales
    ),
    Edit(
        "one recipe value of one row",
        {"baselines/dcsaunet/method.yaml": ("lr: 1.0e-3", "lr: 2.0e-3")},
        lambda runs: {*rows("dcsaunet-as-published")(runs), REPORT},  # which prints the value
    ),
    Edit(
        "a method's own code",
        {"baselines/segformer/plugin.py": ("\nclass ", "\nADDED = 1\n\n\nclass ")},
        rows("segformer-b4"),
    ),
    Edit("scoring code", {"benchmark/evaluation/metrics.py": (NUMPY, ADDED)},
         lambda runs: {*runs, f"controls@{MIX}", REPORT}),
    Edit("the threshold", {"params.yaml": ("threshold: 0.5", "threshold: 0.4")},
         lambda runs: {*runs, f"controls@{MIX}", REPORT}),
    Edit("prediction code", {"benchmark/evaluation/predict.py": (NUMPY, ADDED)}, everything),
    Edit("training code", {LOOP: (NUMPY, ADDED)}, everything),
)  # fmt: skip


class Copy:
    """A copy of the working tree with its own DVC records."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file() and not name.endswith("dvc.lock"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        self.run("git", "init", "-q")

    def run(self, *words: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PATH": path,
                       "DVC_NO_ANALYTICS": "1"}  # fmt: skip
        done = subprocess.run(
            words, cwd=self.root, env=environment, text=True, capture_output=True, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout + done.stderr

    def stages(self, *words: str) -> set[str]:
        lines = self.run("dvc", "repro", *words).splitlines()
        named = [line.split("'")[1].split(":")[-1] for line in lines if line.startswith("Running")]
        return set(named)

    def stand_in(self, mix: str) -> set[str]:
        """Small files in place of finished runs; gives the names of the run stages of a mix."""
        self.run("mixseg", "data", "--mix", mix, "--record")
        self.run("mixseg", "prepare", "--mix", mix)
        self.run("mixseg", "code")
        for kind in ("leaks", "controls"):
            self.run("mixseg", kind, "--mix", mix)
        runs = set()
        for path in sorted(self.root.glob("*/card.json")) + sorted(self.root.glob("*/*/card.json")):
            for stage, about in json.loads(path.read_text())["runs"].items():
                if about["mix"] != mix:
                    continue
                runs.add(f"run@{stage}")
                paths = (f"results/{mix}/{about['group']}/{about['method']}",
                          f"artefacts/{mix}/{about['method']}")  # fmt: skip
                for place in paths:
                    (self.root / place).mkdir(parents=True, exist_ok=True)
                    (self.root / place / "stand-in").write_text(stage)
        (self.root / "reports" / mix).mkdir(parents=True, exist_ok=True)
        (self.root / "reports" / mix / "stand-in").write_text("x")
        self.run("dvc", "commit", "-f", "-q", "-d", f"report@{mix}")
        return runs

    def edit(self, changes: dict[str, tuple[str, ...]]) -> Callable[[], None]:
        """Makes an edit; gives what takes it back."""
        before = {name: (self.root / name).read_text() for name in changes}
        for name, texts in changes.items():
            changed = before[name]
            for old, new in zip(texts[::2], texts[1::2], strict=True):
                if old not in changed:
                    sys.exit(f"{name} has no {old!r}; correct tests/pipeline/check_ledger.py")
                changed = changed.replace(old, new, 1)
            (self.root / name).write_text(changed)

        def back() -> None:
            for name, text in before.items():
                (self.root / name).write_text(text)

        return back


def dry(copy: Copy) -> int:
    """Every edit on the whole project; gives how many ran other stages than expected."""
    start = time.monotonic()
    copy.stand_in("mix0")
    runs = copy.stand_in(MIX)
    print(f"{len(runs)} finished rows stood in for, {time.monotonic() - start:.0f} s", flush=True)
    speeds(copy)
    wrong = 0
    for edit in EDITS:
        start = time.monotonic()
        back = copy.edit(edit.changes)
        copy.run("mixseg", "code")
        found = copy.stages("--dry", REPORT) - LOOKS
        back()
        # A dry run does not see that results would change, so the report follows only by itself.
        expected = edit.expected(runs)
        extra, missing = sorted(found - expected), sorted(expected - found)
        wrong += bool(extra or missing)
        verdict = "ok" if not extra and not missing else f"WRONG extra {extra} missing {missing}"
        seconds = time.monotonic() - start
        print(f"{verdict:6} {edit.title}: {len(found)} stages, {seconds:.0f} s", flush=True)
    copy.run("mixseg", "code")
    return wrong


def speeds(copy: Copy) -> None:
    """How long the commands take that look at everything and find nothing to do."""
    for words in (
        ("dvc", "repro", "report@mix0"), ("dvc", "repro", REPORT), ("mixseg", "status"),
        ("mixseg", "list"),
    ):  # fmt: skip
        start = time.monotonic()
        copy.run(*words)
        print(f"       {' '.join(words)}: {time.monotonic() - start:.1f} s", flush=True)


def real(copy: Copy) -> int:
    """Scoring code, one recipe value and one new row, executed on a mix of three rows."""
    params = copy.root / "params.yaml"
    params.write_text(params.read_text().rstrip() + "\n" + MADE)
    copy.run("mixseg", "sync")
    target, wrong = "report@three", 0

    def trained() -> dict[str, str]:
        found = sorted(copy.root.glob("results/three/*/*/seed-*/run.json"))
        told = {path.parts[-3]: json.loads(path.read_text()) for path in found}
        return {name: run["finished"] for name, run in told.items() if "finished" in run}

    def step(title: str, expected: set[str]) -> None:
        nonlocal wrong
        start, before = time.monotonic(), trained()
        copy.stages(target)
        after = trained()
        new = {name for name, when in after.items() if before.get(name) != when}
        wrong += new != expected
        verdict = "ok" if new == expected else f"WRONG, expected {sorted(expected)}:"
        seconds = time.monotonic() - start
        print(f"{verdict:6} executed, {title}: trained {sorted(new)}, {seconds:.0f} s", flush=True)

    step("the first time", {"unet", "unetpp", "dcsaunet"})
    start = time.monotonic()
    copy.run("mixseg", "run", "--method", "unet", "--mix", "three")
    print(f"       a run that is done: {time.monotonic() - start:.1f} s", flush=True)
    back = copy.edit({"benchmark/evaluation/metrics.py": (NUMPY, ADDED)})
    step("scoring code", set())
    back()
    path = copy.root / "baselines/dcsaunet/method.yaml"
    told = yaml.safe_load(path.read_text())
    told["rows"]["dcsaunet"]["recipe"] = {"lr": 1e-4, "why": "tried"}
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    step("one recipe value of one row", {"dcsaunet"})
    copy.run("mixseg", "new", "added")
    step("a new row", {"added"})
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("dry", "real"))
    only = parser.parse_args().only
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder).resolve())
        wrong = dry(copy) if only != "real" else 0
        wrong += real(copy) if only != "dry" else 0
    print(f"{wrong} edits ran other stages than expected; {time.monotonic() - start:.0f} s")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
