"""The part of a run that needs torch: build, load, train, save; and predict from saved weights."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from benchmark import discover
from benchmark.data.augment import to_float
from benchmark.data.cases import load_cases
from benchmark.errors import MethodError, MissingDataError
from benchmark.evaluation.predict import predict_cases, probabilities
from benchmark.files import Places, write_atomic
from benchmark.method import Inputs, Method
from benchmark.progress import Progress
from benchmark.training import run
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
    device = _set_up(options)
    method = build(places, plan)
    cases = load_cases(places.prepared(plan.spec.mix), TRAINED_ON)
    how = TrainOptions(
        seed=plan.spec.seed,
        identity=plan.identity.run,
        device=device,
        compile=device == "cuda" if options.compile is None else options.compile,
        checkpoint=place.checkpoint,
        features=places.root / "work" / "features",
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
        "hardware": run.hardware(device),
        "versions": run.versions(),
        "times": {"train_s": round(seconds, 3)},
        "finished": run.finished_at(),
    }


def predict_run(
    places: Places, plan: Plan, place: Shelf, options: run.RunOptions, progress: Progress
) -> None:
    """Writes the maps of the test cases from the weights on the shelf."""
    device = _set_up(options)
    method = build(places, plan)
    method.load_state_dict(load_file(place.folder / run.WEIGHTS))
    cases = load_cases(places.prepared(plan.spec.mix), ("test",))
    predict_cases(method, cases, place.folder / run.MAPS, progress, device)


def count_parameters(method: Method) -> dict[str, int]:
    """All parameters, and those that learn."""
    total = sum(p.numel() for p in method.parameters())
    return {
        "total": total,
        "trainable": sum(p.numel() for p in method.parameters() if p.requires_grad),
    }


def _set_up(options: run.RunOptions) -> str:
    if options.threads:
        torch.set_num_threads(options.threads)
    device = run.pick_device(options.device)
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return device


def _tensors(method: Method) -> dict[str, torch.Tensor]:
    """The state, each tensor with memory of its own, as safetensors wants it."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in method.state_dict().items()}


def predictor(
    places: Places, name: str, weights: Path, how: tuple[int, str]
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images uint8 (b, H, W, 3) to probabilities (b, H, W), H = W = size.

    Args:
        weights: a run's weights.safetensors.
        how: size and device.

    Raises: MissingDataError if there are no weights, MethodError if they are not this method's,
        or if the method wants a prompt.
    """
    if not weights.is_file():
        raise MissingDataError(
            weights, "no file", "weights of a run",
            "Train one with `mixseg run`, or `dvc pull` its artefacts.",
        )  # fmt: skip
    size, device = how[0], run.pick_device(how[1])
    method: Method = discover.method_entry(places.root, name).cls(size=size)
    if method.card.prompt != "none":
        raise MethodError(
            name, f"a method that is shown a {method.card.prompt}", "one without a prompt",
            "A folder of images has no reference to draw prompts from.",
        )  # fmt: skip
    try:
        method.load_state_dict(load_file(weights))
    except (RuntimeError, SafetensorError) as error:
        problem = " ".join(str(error).split())[:200]
        raise MethodError(
            weights, f"other weights ({problem})", f"a state of {name}",
            "Name the method and the size that the weights belong to.",
        ) from error  # fmt: skip
    method.to(device)

    def predict(images: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(images).to(device)
        image, _ = to_float(batch, batch[..., 0])
        with torch.inference_mode():
            return probabilities(method, Inputs(image, features=method.embed(image)))

    return predict
