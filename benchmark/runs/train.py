"""The part of a run that needs torch: build, load, train, save."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from benchmark.core import environment as record
from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.core.progress import Progress
from benchmark.data.cases import Cases, load_cases
from benchmark.methods import discover
from benchmark.methods.declaration import Card
from benchmark.methods.layers import count_parameters
from benchmark.methods.method import Method
from benchmark.methods.weights import WeightStore
from benchmark.runs.identity import Plan
from benchmark.runs.settings import WEIGHTS, RunOptions
from benchmark.runs.store import RunDirectory
from benchmark.training.loop import TrainOptions, train
from benchmark.training.weights_file import Origin, write_learnt

TRAINED_ON = ("train", "val")  # val is a part of train, held back for tuning alone


def build(paths: Paths, plan: Plan) -> Method:
    """A method with its weights as the run begins."""
    entry = replace(discover.method_entry(paths.root, plan.spec.method), card=plan.card)
    store = WeightStore(paths.weights, plan.card.weights)
    return _origin(plan).begin(entry.build, plan.mix.size, store)


def _origin(plan: Plan) -> Origin:
    pretrained = plan.identity.initialisation == "pretrained"
    return Origin(plan.mix.size, plan.spec.seed, pretrained, arguments=plan.card.arguments)


def training_cases(prepared: Path, card: Card) -> Cases:
    """The cases that a method is trained on: those of the mix, or of one of its modalities.

    Raises: ParamsError if the mix has none of that modality.
    """
    cases = load_cases(prepared, TRAINED_ON)
    if not card.modality:
        return cases
    alone = cases.where((cases.table["modality"] == card.modality).to_numpy())
    if not len(alone):
        found = ", ".join(sorted(set(cases.table["modality"])))
        raise ParamsError(
            f"method {card.name!r}", f"no case of {card.modality!r} to train on in {prepared}",
            f"one of {found}", "Name one of these, or take the mix out of the row's `mixes`.",
        )  # fmt: skip
    return alone


def train_along(
    paths: Paths, plan: Plan, directory: RunDirectory, options: RunOptions, progress: Progress
) -> tuple[Method, list[dict[str, float]], str]:
    """Trains a run: the method as trained, its history, and the device."""
    device = set_up(options)
    method = build(paths, plan)
    cases = training_cases(paths.prepared(plan.spec.mix), plan.card)
    how = TrainOptions(
        seed=plan.spec.seed,
        identity=plan.identity.run,
        device=device,
        compile=device == "cuda" if options.compile is None else options.compile,
        checkpoint=directory.checkpoint,
        features=paths.features,
    )
    history = train(method, cases, plan.recipe, how, progress)
    if dist.is_initialized():
        dist.destroy_process_group()
    return method, history, device


def train_run(
    paths: Paths, plan: Plan, directory: RunDirectory, options: RunOptions, progress: Progress
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Trains, saves the weights, and returns the history and the rest of the record."""
    start = time.monotonic()
    method, history, device = train_along(paths, plan, directory, options, progress)
    write_learnt(directory.folder / WEIGHTS, method, _origin(plan))
    prepared = paths.prepared(plan.spec.mix)
    tests = load_cases(prepared, ("test",)).table["dataset"]
    seconds = sum(row["seconds"] for row in history) or time.monotonic() - start
    return history, {
        "parameters": count_parameters(method),
        "data": {
            "train": len(training_cases(prepared, plan.card)),
            "test": tests.value_counts(sort=False).to_dict(),
        },
        "hardware": record.hardware(device),
        "versions": record.versions(),
        "times": {"train_s": round(seconds, 3)},
        "finished": record.finished_at(),
    }


def set_up(options: RunOptions) -> str:
    """Threads and device of this process.

    Returns: "cpu" or "cuda".
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = record.pick_device(options.device)
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return device
