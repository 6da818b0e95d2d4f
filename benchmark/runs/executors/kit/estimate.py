"""How long runs will take and how much disk they need, said before they start.

A run takes as long as finished runs of its row on the mix did, on the same kind of device. Without
one, a few steps are measured where they tell how long a run takes. It is an estimate: other work on
the machine, and embeddings that are here already, make it wrong.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmark.core.errors import MixSegError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.core.text import about, duration
from benchmark.data.manifest import read_manifest
from benchmark.methods.discover import declared
from benchmark.runs.executors.kit.contract import Order, Room
from benchmark.runs.identity import RunSpec, plan_run
from benchmark.runs.settings import RUN

LIMIT = 180.0  # seconds that measuring may take
STATES = 3  # a checkpoint holds weights and two moments of each
FORWARD = 1 / 3  # of a step's time
Row = tuple[str, str]  # method and mix


@dataclass(frozen=True)
class Guess:
    """What a run of a row needs.

    Attributes:
        seconds: of training and prediction.
        kept: bytes of weights and maps.
        passing: bytes of its checkpoint.
        source: "earlier" for finished runs, "step" for measured steps.
    """

    seconds: float
    kept: float
    passing: float
    source: str


@dataclass(frozen=True)
class Estimate:
    """What the runs of an order need; of rows that are not known nothing is said but their number.

    Attributes:
        seconds: until the last one ends; 0 where no row is known.
    """

    seconds: float
    lines: tuple[str, ...]


def estimate(order: Order, room: Room, progress: Progress) -> Estimate:
    """The time and disk that the runs of an order will need, measured where it must be."""
    rows = list(dict.fromkeys((spec.method, spec.mix) for spec in order.specs))
    known = {row: found for row in rows if (found := _earlier(order.paths, row, room.gpu))}
    if room.options is not None:
        for mix in dict.fromkeys(mix for _, mix in rows):
            left = [method for method, its in rows if its == mix and (method, its) not in known]
            known |= _measured(order.paths, mix, left, room, progress) if left else {}
    return _told(order, room, known)


def _told(order: Order, room: Room, known: dict[Row, Guess]) -> Estimate:
    guesses = [known.get((spec.method, spec.mix)) for spec in order.specs]
    found = [guess for guess in guesses if guess]
    count, free = len(guesses), shutil.disk_usage(order.paths.root).free
    at_once = min(room.count, count)
    lines = [f"{count} runs, {at_once} at once {room.words}"]
    if not found:
        lines.append("time and disk: not known, no run of these rows has finished on such a device")
        return Estimate(0.0, tuple(lines))
    mean = sum(guess.seconds for guess in found) / len(found)
    seconds = max(mean * count / at_once, max(guess.seconds for guess in found))
    lines.append(f"time: {about(seconds)}{_sources(guesses)}")
    kept = sum(guess.kept for guess in found) / len(found) * count
    need = kept + at_once * max(guess.passing for guess in found)
    lines.append(f"disk: about {_size(need)}, {_size(free)} free")
    if need > free:
        lines.append("WARNING: the disk is too small; runs that do not fit will fail, and resume")
    return Estimate(seconds, tuple(lines))


def _sources(guesses: Sequence[Guess | None]) -> str:
    sources = [guess.source if guess else "" for guess in guesses]
    words = {
        "earlier": "as earlier runs of their rows",
        "step": "by steps measured now",
        "": "not known, taken as the others",
    }
    told = [f"{sources.count(key)} {say}" for key, say in words.items() if key in sources]
    return f" ({', '.join(told)})"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _earlier(paths: Paths, row: Row, gpu: bool) -> Guess | None:
    """By finished runs with the same recipe and size on the same kind of device."""
    try:
        plan = plan_run(paths, RunSpec(*row, _seed(paths, row)), fetch=False)
    except MixSegError:
        return None
    folder = paths.results(row[1]) / plan.card.group / row[0]
    fits = [
        record
        for record in _records(folder.glob(f"seed-*/{RUN}"))
        if record.get("size") == plan.mix.size
        and (record.get("hardware", {}).get("device") != "cpu") == gpu
        and record.get("identity", {}).get("recipe") == _plain(plan.recipe.identity())
        and "train_s" in record.get("times", {})
    ]
    if not fits:
        return None
    seconds = sum(sum(record["times"].values()) for record in fits) / len(fits)
    weights = 4.0 * fits[0]["parameters"]["trainable"]
    maps = sum(fits[0]["data"]["test"].values()) * plan.mix.size**2
    return Guess(seconds, weights + maps, STATES * weights, "earlier")


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}


def _records(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in files:
        try:
            yield read_json(path)
        except MixSegError:
            continue  # said where the run itself is looked at


def _measured(
    paths: Paths, mix: str, rows: Sequence[str], room: Room, progress: Progress
) -> dict[Row, Guess]:
    """By steps measured in a process of its own; rows that it does not reach in time are left."""
    assert room.options is not None
    with (
        TemporaryDirectory() as folder,
        progress.task(
            f"measuring steps on {mix}, {duration(LIMIT)} at most", len(rows), "rows"
        ) as task,
    ):
        out = Path(folder) / "steps.json"
        words = [sys.executable, "-m", "benchmark.runs.executors.kit.step", str(out), mix]
        words += [room.options.device, str(room.options.threads), *rows]
        process = subprocess.Popen(
            words, cwd=paths.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until, found = time.monotonic() + LIMIT, dict[str, dict[str, float] | None]()
        try:
            while process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
                now = dict(read_json(out)) if out.is_file() else {}
                task.advance(len(now) - len(found))
                found = now
        finally:
            process.kill()
            process.wait()
        found = dict(read_json(out)) if out.is_file() else {}
    told = {(row, mix): _from_step(paths, (row, mix), step) for row, step in found.items() if step}
    return {row: guess for row, guess in told.items() if guess}


def _from_step(paths: Paths, row: Row, step: dict[str, float]) -> Guess | None:
    try:
        plan = plan_run(paths, RunSpec(*row, _seed(paths, row)), fetch=False)
        sets = read_manifest(paths.prepared(row[1]))["datasets"].values()
    except MixSegError:
        return None
    sizes = {"train": 0, "test": 0}
    for each in sets:
        if plan.card.modality in (None, "", each["modality"]):
            sizes["train"] += int(each.get("train", 0)) + int(each.get("val", 0))
        sizes["test"] += int(each.get("test", 0))
    batch, recipe = plan.recipe.batch or 1, plan.recipe
    steps = sizes["train"] // batch * len(recipe.scales or (1.0,)) * (recipe.epochs or 0)
    tested = sizes["test"] * step["step_s"] / batch * FORWARD
    seconds = steps * step["step_s"] + tested + sum(sizes.values()) * step["case_s"]
    maps = sizes["test"] * plan.mix.size**2
    return Guess(seconds, step["bytes"] + maps, STATES * step["bytes"], "step")


def _seed(paths: Paths, row: Row) -> int:
    method, mix = row
    card = next(card for card in declared(paths.root)[method].cards if card.name == method)
    return load_params(paths.root).mix(mix).seeds_of(card)[0]
