"""Why a run is not the run that its results are of: the parts of its identity that changed."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.core.errors import MissingDataError
from benchmark.core.files import Paths, read_json
from benchmark.methods import code
from benchmark.methods.discover import declared
from benchmark.methods.parsed import source_digest
from benchmark.runs.identity import (
    Identity,
    RunSpec,
    evaluation_code,
    parts_without_files,
    plan_run,
)

# The parts of an identity, in the words of `mixseg status`.
PARTS = {
    "method_code": "the method's code",
    "training_code": "the training code",
    "declared": "the row's declaration",
    "recipe": "the recipe",
    "data": "the prepared data",
    "weights": "the pretrained weights",
    "initialisation": "the initialisation",
    "seed": "the seed",
}


def reasons(record: dict[str, Any], identity: Identity) -> list[str]:
    """The parts in which a run's record differs from an identity; empty where it is the same.

    A record of code before this form of identities reads «earlier code».
    """
    return _changed(record, asdict(identity))


def _changed(record: dict[str, Any], now: dict[str, Any]) -> list[str]:
    kept = record.get("identity", {})
    if "run" in now and kept.get("run") == now["run"]:
        return []
    if set(PARTS) - set(kept):
        return ["earlier code"]
    return [words for part, words in PARTS.items()
            if part in now and _plain(kept[part]) != _plain(now[part])]  # fmt: skip


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def why(paths: Paths, spec: RunSpec) -> list[str]:
    """What changed between the results of a run and the run as it would be made now, in lines.

    What needs data or weights that are not here is not compared, and named.

    Raises: MissingDataError if the run has no results.
    """
    now, absent = _present(paths, spec)
    folder = declared(paths.root)[spec.method]
    group = next(card.group for card in folder.cards if card.name == spec.method)
    path = paths.run(spec.mix, group, spec.method, spec.seed) / "run.json"
    if not path.is_file():
        raise MissingDataError(path, "no results", "a finished run", "Make it with `mixseg run`.")
    record = read_json(path)
    changed, lines = _changed(record, now), list[str]()
    kept = record.get("identity", {})
    for part, words in PARTS.items():
        if words in changed:
            lines += [f"{words} changed", *_details(paths.root, part, kept, now, record)]
    if changed == ["earlier code"]:
        lines.append("the results were made before identities had their present form")
    evaluation = evaluation_code(paths.root)
    for key, words, entry in (
        ("prediction_code", "the prediction code", code.PREDICTION),
        ("scoring_code", "the scoring code or the threshold", code.SCORING),
    ):
        digest = evaluation.prediction if key == "prediction_code" else evaluation.scoring
        if record.get(key) != digest:
            files = code.entry_files(paths.root, entry)
            lines += [f"{words} changed", *_changed_files(paths.root, files, record)]
    if not lines:
        present = "the present code" if absent else "the present code and data"
        lines = [f"{spec}: nothing changed; its results are of {present}"]
    return [*lines, *absent]


def _present(paths: Paths, spec: RunSpec) -> tuple[dict[str, Any], list[str]]:
    """The parts of the identity as they are now; a line on what is not here to be compared."""
    try:
        return asdict(plan_run(paths, spec, fetch=False).identity), []
    except MissingDataError as error:
        parts = parts_without_files(paths, spec)
        words = [words for part, words in PARTS.items() if part not in {*parts, "run"}]
        return parts, [f"not compared: {' and '.join(words)}; {error.where} is not here"]


def _details(
    root: Path, part: str, kept: dict[str, Any], now: dict[str, Any], record: dict[str, Any]
) -> Iterator[str]:
    before, after = _plain(kept[part]), _plain(now[part])
    if isinstance(before, dict):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield f"  {key}: {before.get(key, 'not there')} -> {after.get(key, 'not there')}"
    elif part == "method_code":
        folder = declared(root)[record["method"]]
        yield from _changed_files(root, folder.files(), record)
    elif part == "training_code":
        yield from _changed_files(root, code.training_files(root, now["recipe"]), record)
    else:
        yield f"  {str(before)[:16]} -> {str(after)[:16]}"


def _changed_files(root: Path, files: Iterable[Path], record: dict[str, Any]) -> Iterator[str]:
    """The files whose code differs from the commit that a run was made at."""
    commit = str(record.get("commit") or "")
    if not commit or commit.endswith("+"):
        yield "  which file is not known: the results name no clean commit"
        return
    found = 0
    for file in files:
        name = file.relative_to(root).as_posix() if root in file.parents else file.name
        command = ["git", "-C", str(root), "show", f"{commit}:{name}"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            yield f"  {name}: not there at commit {commit}"
        elif source_digest(done.stdout) != code.file_digest(file):
            yield f"  {name}: changed since commit {commit}"
        else:
            continue
        found += 1
    if not found:
        yield f"  no file of the present code differs from commit {commit}; one was removed"
