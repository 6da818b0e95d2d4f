"""One training loop for every method; it asks no method what it is.

A step depends on (seed, step, weights) alone: order, augmentation and dropout are drawn from
the seed and the step's number, so a run that was killed and resumed equals one that was not.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from benchmark.core.errors import TrainingError
from benchmark.core.progress import Progress, Task
from benchmark.core.recipe import Recipe
from benchmark.data.cases import Cases
from benchmark.data.prompting import prompts_of
from benchmark.methods.layers import to_device
from benchmark.methods.method import Inputs, Method
from benchmark.training.batches import Batch, Batches, epoch_order
from benchmark.training.checkpoint import load_checkpoint, save_checkpoint
from benchmark.training.distributed import Ranks
from benchmark.training.features import FeatureCache
from benchmark.training.optimiser import lr_at, make_optimiser, set_lr
from benchmark.training.precision import autocast
from benchmark.training.weights_file import learnt_state, load_learnt

# Looks at the loss; each waits for the device.
STEPS_BETWEEN_LOOKS, SECONDS_BETWEEN_LOOKS = 20, 5.0


class Stopped(Exception):
    """Training was told to stop after some steps, and wrote nothing more."""


@dataclass(frozen=True)
class TrainOptions:
    """How a run is executed; none of it may change what it learns.

    Attributes:
        seed: of the run.
        identity: digest of the run, kept in its checkpoints.
        device: "cpu" or "cuda".
        compile: torch.compile of forward and loss.
        resident: see `Batches`.
        checkpoint: where the state is kept; None keeps none.
        checkpoint_seconds, checkpoint_steps: how often it is written; epochs' ends come on top.
        stop_after: steps after which to stop without writing anything, as a kill would.
        features: folder of cached embeddings, one within it an embedder.
    """

    seed: int
    identity: str = ""
    device: str = "cpu"
    compile: bool = False
    resident: bool | None = None
    checkpoint: Path | None = None
    checkpoint_seconds: float = 120.0
    checkpoint_steps: int | None = None
    stop_after: int | None = None
    features: Path | None = None


def train(
    method: Method, cases: Cases, recipe: Recipe, options: TrainOptions, progress: Progress
) -> list[dict[str, float]]:
    """Trains a method in place for the recipe's epochs; the last epoch counts.

    Returns: a row an epoch: epoch, step, loss, the method's other terms, lr, images_per_s, seconds.

    Raises: TrainingError if the loss is not finite, naming the cases of that step.
    """
    if not recipe.epochs:
        return []
    to_device(method, options.device)
    for module in method.loss_modules().values():
        to_device(module, options.device)
    features = FeatureCache(method, options.features, options.device)
    if type(method).fit is not Method.fit:
        features.prepare(cases, progress)
        if method.fit(cases, features.of):
            return []
    return _Run(method, cases, recipe, options).go(progress)


class _Objective(nn.Module):
    """Forward and loss as one module, which is what is compiled and shared among ranks."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        return self.method.loss(inputs, mask)


@dataclass
class _Window:
    """Losses since the last look, kept on the device so that no step waits for it."""

    terms: list[dict[str, Tensor]] = field(default_factory=list)
    cases: list[np.ndarray] = field(default_factory=list)


class _Run:
    def __init__(self, method: Method, cases: Cases, recipe: Recipe, options: TrainOptions) -> None:
        self.method, self.cases, self.recipe, self.options = method, cases, recipe, options
        self.ranks = Ranks(options.device)
        self.batches = Batches(cases, recipe, options.seed, options.device, options.resident)
        self.features = FeatureCache(method, options.features, options.device)
        self.optimiser = make_optimiser(method.parameter_groups(recipe.lr or 0.0), recipe)
        self.objective = self._objective()
        self.step, self.history = 0, list[dict[str, float]]()
        self.sums, self.seconds = dict[str, float](), 0.0
        self.window, self.saved = _Window(), time.monotonic()
        self.scales = recipe.scales or (1.0,)
        batches = len(epoch_order(len(cases), recipe.batch or 1, options.seed, 0))
        self.per_epoch = batches * len(self.scales)
        self.steps = self.per_epoch * (recipe.epochs or 0)

    def _objective(self) -> nn.Module:
        objective: nn.Module = _Objective(self.method)
        if (
            self.options.device.startswith("cuda") and self.ranks.many
        ):  # so that several GPUs learn what one would
            convert = nn.SyncBatchNorm.convert_sync_batchnorm
            objective = convert(objective)  # type: ignore[no-untyped-call]
        if self.ranks.many:
            unused = bool(self.method.card.unused)
            objective = DistributedDataParallel(objective, find_unused_parameters=unused)
        if self.options.compile:
            objective = torch.compile(objective)  # type: ignore[assignment]
        return objective

    def go(self, progress: Progress) -> list[dict[str, float]]:
        plain = self.features.prepare(self.cases, progress)
        self._resume()
        title = f"{self.method.card.name} seed {self.options.seed}"
        with progress.task(f"training {title}", self.steps, "steps", self.step) as task:
            while self.step < self.steps:
                self._epoch(task, plain)
        return self.history

    def _epoch(self, task: Task, plain: bool) -> None:
        epoch, done = divmod(self.step, self.per_epoch)
        order = epoch_order(len(self.cases), self.recipe.batch or 1, self.options.seed, epoch)
        self.method.train()
        start = time.monotonic()
        whole, used = divmod(done, len(self.scales))
        batches = self.batches(self.ranks.share(order[whole:]), epoch, plain)
        for batch in islice(self._scaled(batches), used, None):
            self._step(batch, epoch)
            self.step += 1
            at_end = self.step % self.per_epoch == 0
            save = at_end or self._due()
            late = time.monotonic() - start > SECONDS_BETWEEN_LOOKS
            if save or late or self.step % STEPS_BETWEEN_LOOKS == 0:
                losses = self._fetch()  # waits for the device, so that the clock is right
                now = time.monotonic()
                self.seconds, start = self.seconds + now - start, now
                self._show(losses, task)
            if at_end:
                self._close_epoch(epoch)
            if save:
                self._save()
            if self.step == self.options.stop_after:
                raise Stopped

    def _scaled(self, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Each batch at each of the recipe's scales."""
        if self.scales == (1.0,):
            return batches
        from benchmark.training.multiscale import at_scales

        return at_scales(batches, self.scales)

    def _step(self, batch: Batch, epoch: int) -> None:
        torch.manual_seed(_seed_of(self.options.seed, self.step, self.ranks.rank))
        set_lr(self.optimiser, lr_at(self.step, self.steps, self.recipe), self.recipe)
        self.optimiser.zero_grad(set_to_none=True)
        inputs = self._inputs(batch, epoch)
        pieces = self.recipe.accumulate or 1
        each = len(batch.index) // pieces
        for k in range(pieces):
            rows = slice(k * each, (k + 1) * each if k < pieces - 1 else None)
            last, at = k == pieces - 1, self.options.device
            with self.ranks.sync(self.objective, last), autocast(self.recipe, at):
                terms = self.objective(inputs.part(rows), batch.mask[rows])
            share = len(batch.index[rows]) / len(batch.index)
            (terms["total"] * share).backward()
            self.window.terms.append({key: v.detach() * share for key, v in terms.items()})
            self.window.cases.append(batch.index[rows])
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.method.parameters(), self.recipe.clip)
        if self.recipe.clip_value:
            nn.utils.clip_grad_value_(self.method.parameters(), self.recipe.clip_value)
        self.optimiser.step()

    def _inputs(self, batch: Batch, epoch: int) -> Inputs:
        keys = self.batches.keys[batch.index]
        prompts = prompts_of(self.method.card.prompt, batch.mask, keys, epoch)
        return Inputs(batch.image, features=self.features.of(batch.index), **prompts)

    def _fetch(self) -> dict[str, np.ndarray]:
        """The losses of each piece since the last look; stops at one that is not finite."""
        window, self.window = self.window, _Window()
        names = list(window.terms[0])
        table = torch.stack([torch.stack([row[n].float() for n in names]) for row in window.terms])
        values = table.cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        if len(bad):
            pieces = self.recipe.accumulate or 1
            step = self.step - len(values) // pieces + bad[0] // pieces + 1
            self._stop_at(step, window.cases[bad[0]], dict(zip(names, values[bad[0]], strict=True)))
        for row in values:  # one by one, so that a resumed run adds in the same order
            for name, value in zip(names, row, strict=True):
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
        return dict(zip(names, values.T, strict=True))

    def _show(self, losses: dict[str, np.ndarray], task: Task) -> None:
        steps = len(losses["total"]) // (self.recipe.accumulate or 1)
        shown = losses["total"].sum() / max(1, steps)
        taken = self.step % self.per_epoch or self.per_epoch
        rate = taken * (self.recipe.batch or 1) / max(self.seconds, 1e-9)
        task.advance(steps, f"loss {shown:.3f}  {rate:.0f} images/s")

    def _stop_at(self, step: int, index: np.ndarray, terms: dict[str, float]) -> None:
        told = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
        rows = self.cases.table.iloc[index]
        names = ", ".join(f"{d}/{c}" for d, c in zip(rows["dataset"], rows["case"], strict=True))
        raise TrainingError(
            f"{self.method.card.name}, step {step} of {self.steps}",
            f"the loss is {told} on the cases {names}",
            "finite numbers",
            "Lower the learning rate, clip the gradient, or look at these cases.",
        )

    def _close_epoch(self, epoch: int) -> None:
        sums = self.ranks.mean(self.sums)
        terms = {key: value / self.per_epoch for key, value in sums.items()}
        row = {"epoch": epoch + 1, "step": self.step, "loss": terms.pop("total"), **terms}
        row["lr"] = lr_at(self.step - 1, self.steps, self.recipe)
        row["images_per_s"] = self.per_epoch * (self.recipe.batch or 1) / max(self.seconds, 1e-9)
        row["seconds"] = self.seconds
        self.history.append(row)
        self.sums, self.seconds = {}, 0.0

    def _due(self) -> bool:
        """True when a checkpoint is due inside an epoch; ranks only meet at its end."""
        if self.options.checkpoint is None or self.ranks.many:
            return False
        every = self.options.checkpoint_steps
        late = time.monotonic() - self.saved > self.options.checkpoint_seconds
        return late or (every is not None and self.step % every == 0)

    def _save(self) -> None:
        if self.options.checkpoint is not None and self.ranks.rank == 0:
            state: dict[str, Any] = {
                "identity": self.options.identity,
                "step": self.step,
                "method": learnt_state(self.method),
                "optimiser": self.optimiser.state_dict(),
                "history": self.history,
                "sums": self.sums,
                "seconds": self.seconds,
            }
            save_checkpoint(self.options.checkpoint, state)
        self.saved = time.monotonic()

    def _resume(self) -> None:
        if self.options.checkpoint is None:
            return
        state = load_checkpoint(self.options.checkpoint, self.options.identity)
        if state is None:
            return
        load_learnt(self.method, state["method"], str(self.options.checkpoint))
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.history = state["step"], state["history"]
        self.sums, self.seconds = state["sums"], state["seconds"]


def _seed_of(seed: int, step: int, rank: int) -> int:
    """A seed for the random numbers inside one step, dropout's among them."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0]) >> 1
