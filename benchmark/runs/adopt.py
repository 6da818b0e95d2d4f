"""Proves that a change of code moves no number: the same short run under both, byte for byte."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.core.environment import commit, finished_at, processor
from benchmark.core.errors import StoreError
from benchmark.core.files import Paths, sha256_file
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.methods.discover import declared
from benchmark.runs.adoptions import add_adoptions
from benchmark.runs.settings import ARTEFACTS, SCORES
from benchmark.runs.status import matrix

KINDS = ("training", "prediction", "scoring", "method")
# What a worktree of the earlier code prints of itself.
DIGESTS = """\
import json, sys
from pathlib import Path
from benchmark.core.params import load_params
from benchmark.methods.discover import declared
from benchmark.runs.identity import evaluation_code, method_code, training_code
root, name, mix = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
folder = declared(root)[name]
card = next(card for card in folder.cards if card.name == name)
recipe, evaluation = load_params(root).mix(mix).recipe_of(card), evaluation_code(root)
print(json.dumps({"training": training_code(root, recipe), "prediction": evaluation.prediction,
                  "scoring": evaluation.scoring.rpartition("-")[0], "method": method_code(folder)}))
"""


def adopt(
    paths: Paths, since: str, method: str | None, mix: str, device: str, progress: Progress
) -> Iterator[str]:
    """Trains one short run per row under two states of the code, and commits the pairs of digests.

    Args:
        since: the commit with the earlier code; its results are kept.
        method: one row; None takes the first row of each folder whose code changed, or the first
            of the mix where only shared code did.
        mix: on which the run is made; a drawn one needs no data.

    Yields: what was done, in lines.
    Raises: StoreError where weights, maps or scores differ; nothing is then written.
    """
    with _worktree(paths.root, since) as old, _present(paths.root) as new:
        pairs: list[dict[str, Any]] = []
        for name in [method] if method else _rows(paths, old, mix):
            before, after = (_digests(root, name, mix) for root in (old, new))
            changed = [kind for kind in KINDS if before[kind] != after[kind]]
            if not changed:
                yield f"{name}: the same digests; nothing to adopt"
                continue
            progress.say(f"{name} on {mix}: training under {since} and under the present code")
            one, other = (
                _files(root, name, mix, device=device, weights=paths.weights) for root in (old, new)
            )
            _compare(name, one, other)
            proof = {"method": name, "mix": mix, "since": since, "commit": commit(paths.root),
                     "files": one, **processor(), "time": finished_at()}  # fmt: skip
            for kind in changed:
                pair = {"kind": kind, "old": before[kind], "new": after[kind]}
                if pair not in [{key: p[key] for key in pair} for p in pairs]:
                    pairs.append({**pair, "proof": proof})
                yield f"{name}: {kind} code, {before[kind][:12]} and {after[kind][:12]}: same bytes"
    if pairs:
        path = add_adoptions(paths.root, pairs)
        yield f"wrote {path.relative_to(paths.root)}; commit it with the change"


def _rows(paths: Paths, old: Path, mix: str) -> list[str]:
    """The first row of each folder whose code changed; the first of the mix if none did."""
    known = {spec.method for spec in matrix(paths.root, mix=mix)}
    first: dict[str, str] = {}
    for name, folder in declared(paths.root).items():
        if name in known and (old / folder.name).is_dir():
            first.setdefault(folder.name, name)
    changed = [
        name
        for name in first.values()
        if _digests(old, name, mix)["method"] != _digests(paths.root, name, mix)["method"]
    ]
    return changed or list(first.values())[:1]


def _digests(root: Path, name: str, mix: str) -> dict[str, str]:
    done = _python(root, "-c", DIGESTS, str(root), name, mix)
    found: dict[str, str] = json.loads(done.splitlines()[-1])
    return found


def _files(root: Path, name: str, mix: str, *, device: str, weights: Path) -> dict[str, str]:
    """SHA-256 of weights, maps and scores of one run, made from nothing in a folder of its own."""
    for words in (
        ("prepare", "--mix", mix),
        ("run", "--method", name, "--mix", mix, "--seed", str(_seed(root, mix)), "--device", device,
         "--threads", "1", "--retrain"),
    ):  # fmt: skip
        _python(root, "-m", "benchmark", *words, MIXSEG_WEIGHTS=str(weights))
    paths = Paths(root)
    card = next(c for c in declared(root)[name].cards if c.name == name)
    seed = _seed(root, mix)
    artefacts = paths.artefacts(mix, name, seed)
    files = {file: sha256_file(artefacts / file) for file in ARTEFACTS}
    return {**files, SCORES: sha256_file(paths.run(mix, card.group, name, seed) / SCORES)}


def _seed(root: Path, mix: str) -> int:
    return load_params(root).mix(mix).seeds[0]


def _compare(name: str, one: dict[str, str], other: dict[str, str]) -> None:
    different = [file for file in one if one[file] != other[file]]
    if different:
        raise StoreError(
            name, f"{', '.join(different)} differ between the two states of the code",
            "the same bytes", "The change moves numbers: its runs must be made again.",
        )  # fmt: skip


def _python(root: Path, *words: str, **more: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(root), **more}
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise StoreError(root, f"{words[0]} {words[1][:20]} failed: {said[-1]}", "a run that ends",
                         "Make the change run first.")  # fmt: skip
    return done.stdout


@contextmanager
def _present(root: Path) -> Iterator[Path]:
    """The working tree as it is, changes and new files included, in a folder of its own."""
    git = ["git", "-C", str(root)]
    kept = subprocess.run([*git, "stash", "create"], text=True, capture_output=True, check=True)
    with _worktree(root, kept.stdout.strip() or "HEAD") as path:
        new = subprocess.run(
            [*git, "ls-files", "--others", "--exclude-standard", "-z"],
            text=True, capture_output=True, check=True,
        )  # fmt: skip
        for name in filter(None, new.stdout.split("\0")):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, path / name)
        yield path


@contextmanager
def _worktree(root: Path, since: str) -> Iterator[Path]:
    """A Git worktree of a commit, removed at the end.

    Raises: StoreError if there is no such commit.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "old"
        command = ["git", "-C", str(root), "worktree"]
        made = subprocess.run(
            [*command, "add", "--detach", str(path), since],
            text=True, capture_output=True, check=False,
        )  # fmt: skip
        if made.returncode:
            said = " ".join(made.stderr.split())
            raise StoreError(f"--since {since}", said, "a commit", "Name one of `git log`.")
        try:
            yield path
        finally:
            subprocess.run([*command, "remove", "--force", str(path)], check=False,
                           capture_output=True)  # fmt: skip
