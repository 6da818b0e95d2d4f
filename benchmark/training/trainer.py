"""The part of a run that needs torch: build, load, train, save."""

import os
import time
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from benchmark import discover
from benchmark.data.cases import load_cases
from benchmark.files import Places, write_atomic
from benchmark.method import Method
from benchmark.networks import count_parameters
from benchmark.progress import Progress
from benchmark.training import record, run
from benchmark.training.identity import Plan
from benchmark.training.loop import TrainOptions, train
from benchmark.training.store import Shelf
from benchmark.weights import WeightStore

TRAINED_ON = ("train", "val")  # val is a part of train, held back for tuning alone


def build(places: Places, plan: Plan) -> Method:
    """A method with its weights as the run begins: seeded, then pretrained where that is asked."""
    cls = discover.method_entry(places.root, plan.spec.method).cls
    torch.manual_seed(plan.spec.seed)
    method: Method = cls(size=plan.mix.size)
    if plan.identity.asked == "pretrained":
        method.load_pretrained(WeightStore(places.weights, plan.card.weights))
    return method


def train_along(
    places: Places, plan: Plan, place: Shelf, options: run.RunOptions, progress: Progress
) -> tuple[Method, list[dict[str, float]], str]:
    """Trains a run: the method as trained, its history, and the device."""
    device = set_up(options)
    method = build(places, plan)
    cases = load_cases(places.prepared(plan.spec.mix), TRAINED_ON)
    how = TrainOptions(
        seed=plan.spec.seed,
        identity=plan.identity.run,
        device=device,
        compile=device == "cuda" if options.compile is None else options.compile,
        checkpoint=place.checkpoint,
        features=places.root / "work" / "features" / plan.identity.method_code[:16],
    )
    history = train(method, cases, plan.recipe, how, progress)
    if dist.is_initialized():
        dist.destroy_process_group()
    return method, history, device


def train_run(
    places: Places, plan: Plan, place: Shelf, options: run.RunOptions, progress: Progress
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Trains, saves the weights on the shelf, and returns the history and the record's rest."""
    start = time.monotonic()
    method, history, device = train_along(places, plan, place, options, progress)
    with write_atomic(place.folder / run.WEIGHTS) as temporary:
        save_file(_tensors(method), temporary)
    prepared = places.prepared(plan.spec.mix)
    tests = load_cases(prepared, ("test",)).table["dataset"]
    seconds = sum(row["seconds"] for row in history) or time.monotonic() - start
    return history, {
        "parameters": count_parameters(method),
        "data": {
            "train": len(load_cases(prepared, TRAINED_ON)),
            "test": tests.value_counts(sort=False).to_dict(),
        },
        "hardware": record.hardware(device),
        "versions": record.versions(),
        "times": {"train_s": round(seconds, 3)},
        "finished": record.finished_at(),
    }


def set_up(options: run.RunOptions) -> str:
    """Threads and device of this process.

    Returns: "cpu" or "cuda".
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = record.pick_device(options.device)
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return device


def _tensors(method: Method) -> dict[str, torch.Tensor]:
    """The state, each tensor with memory of its own, as safetensors wants it."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in method.state_dict().items()}
