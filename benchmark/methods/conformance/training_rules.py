"""The rules of the conformance kit that train: gradients, one batch learnt, kill and resume."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from torch import Tensor

from benchmark.core.progress import Silent
from benchmark.core.recipe import Recipe
from benchmark.methods.conformance.subject import BATCH, Subject
from benchmark.methods.method import Inputs, Method
from benchmark.training.loop import Stopped, TrainOptions, train
from benchmark.training.optimiser import make_optimiser

STEPS = 20
LEARNT = 0.9  # of the first loss
FASTER = (1.0, 10.0, 100.0)  # times the recipe's learning rate, tried in turn
UNFITTED = "learns in closed form, without steps"


def gradients(subject: Subject) -> str:
    """Every parameter that learns gets a finite gradient and stands in one optimiser group."""
    method = _steps(subject)
    inputs, mask = subject.batch(method)
    for what, reference in (("an empty", mask * 0), ("a full", mask * 0 + 1), ("a", mask)):
        method.zero_grad(set_to_none=True)
        with _seeded(0):
            terms = _loss(subject, method, inputs, reference, what)
            torch.autograd.backward(terms["total"])
        _check_gradients(subject, method, what)
    _check_unused(subject, method)
    _check_groups(subject, method)
    learning = sum(p.requires_grad for p in method.parameters())
    return f"{learning} parameters, {len(subject.entry.card.unused)} listed as unused"


def _steps(subject: Subject) -> Method:
    """The method, unless it takes no steps of an optimiser."""
    _ = subject.recipe
    method = subject.build()
    if subject.fits and subject.fit(method):
        subject.skip(UNFITTED)
    return method


def _loss(
    subject: Subject, method: Method, inputs: Inputs, mask: Tensor, what: str
) -> dict[str, Tensor]:
    method.train()
    terms = method.loss(inputs, mask)
    if not isinstance(terms, dict) or "total" not in terms:
        found = ", ".join(terms) if isinstance(terms, dict) else type(terms).__name__
        raise subject.error(f"loss() gave {found}", "a dict with 'total'", "Name the sum 'total'.")
    for name, value in terms.items():
        if value.ndim or not torch.isfinite(value):
            found = f"loss() gave {name!r} = {value.tolist()} on {what} mask"
            raise subject.error(found, "a finite scalar", "Average over the batch; clamp logs.")
    return terms


def _listed(subject: Subject, name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in subject.entry.card.unused)


def _check_gradients(subject: Subject, method: Method, what: str) -> None:
    none, infinite = list[str](), list[str]()
    for name, p in method.named_parameters():
        if not p.requires_grad or _listed(subject, name):
            continue
        if p.grad is None:
            none.append(name)
        elif not torch.isfinite(p.grad).all():
            infinite.append(name)
    if none and what == "a":  # a term of the loss may leave empty masks out
        every = [name for name, p in method.named_parameters() if p.requires_grad]
        raise subject.error(
            f"no gradient for {', '.join(patterns(none, every))}",
            "one for every parameter with requires_grad",
            "Freeze them with requires_grad_(False), or list them in `unused:` with the reason.",
        )
    if infinite:
        found = f"{infinite[0]} got a gradient that is not finite on {what} mask"
        raise subject.error(found, "a finite one", "Look for a root, log or division at 0.")


def patterns(names: list[str], every: list[str]) -> list[str]:
    """The fewest patterns of prefixes that match these names of parameters and no other.

    Args:
        names: those to be matched.
        every: all names; what is not in `names` must not be matched.
    """
    others, found, left = set(every) - set(names), list[str](), list(names)
    while left:
        parts = left[0].split(".")
        chosen = left[0]
        for k in range(1, len(parts)):
            prefix = ".".join(parts[:k]) + "."
            if not any(other.startswith(prefix) for other in others):
                chosen = prefix + "*"
                break
        found.append(chosen)
        left = [name for name in left if not fnmatch(name, chosen)]
    return found


def _check_unused(subject: Subject, method: Method) -> None:
    named = dict(method.named_parameters())
    for pattern in subject.entry.card.unused:
        chosen = {name: p for name, p in named.items() if fnmatch(name, pattern)}
        if not chosen:
            do = "Take it out of the list."
            raise subject.error(f"`unused` lists {pattern!r}", "names of parameters", do)
        for name, p in chosen.items():
            if p.grad is not None and p.grad.any():
                found = f"`unused` lists {name}, which got a gradient"
                raise subject.error(found, "only what gets none", "Take it out of the list.")


def _check_groups(subject: Subject, method: Method) -> None:
    counts = {id(p): 0 for p in method.parameters()}
    for group in method.parameter_groups(subject.recipe.lr or 1.0):
        for p in cast(Iterable[Tensor], group["params"]):
            counts[id(p)] = counts.get(id(p), 0) + 1
    for name, p in method.named_parameters():
        if p.requires_grad and counts[id(p)] != 1 and not _listed(subject, name):
            found = f"parameter_groups() holds {name} {counts[id(p)]} times"
            raise subject.error(found, "once", "Hold it once, or freeze it: requires_grad_(False).")


def learns(subject: Subject) -> str:
    """The loss on one batch goes down clearly in a few steps, at the recipe's rate or a higher."""
    recipe = subject.recipe
    method = subject.build()
    if subject.fits:
        first = _reference_loss(subject, method)
        if subject.fit(method):
            return _told(subject, first, _reference_loss(subject, method), "fitting")
    for times in FASTER:
        rate = (recipe.lr or 1e-3) * times
        first, last, steps = _descend(subject, recipe.model_copy(update={"lr": rate}))
        if last < LEARNT * first:
            break
    return _told(subject, first, last, f"{steps} steps")


def _told(subject: Subject, first: float, last: float, after: str) -> str:
    if not last < LEARNT * first:
        raise subject.error(
            f"the loss of one batch went from {first:.3f} to {last:.3f} in {after}",
            f"at most {LEARNT:.0%} of the start",
            "Look at loss(), what is frozen, and the learning rate.",
        )
    return f"loss {first:.3f} to {last:.3f} in {after}"


def _descend(subject: Subject, recipe: Recipe) -> tuple[float, float, int]:
    """First loss, mean of the last two, and steps taken; stops once the batch is learnt."""
    method = subject.build()
    inputs, mask = subject.batch(method)
    optimiser = make_optimiser(method.parameter_groups(recipe.lr or 0.0), recipe)
    losses: list[float] = []
    last = math.inf
    for step in range(STEPS + 1):
        with _seeded(step):
            total = _loss(subject, method, inputs, mask, "a")["total"]
        losses.append(float(total.detach()))
        last = sum(losses[-2:]) / 2 if step else last
        if last < LEARNT * losses[0] or step == STEPS:
            break
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        optimiser.step()
    return losses[0], last, len(losses) - 1


@torch.no_grad()
def _reference_loss(subject: Subject, method: Method) -> float:
    inputs, mask = subject.batch(method)
    return float(_loss(subject, method.eval(), inputs, mask, "a")["total"])


def resumes(subject: Subject) -> str:
    """A run that is killed inside an epoch and resumed ends as one that was not."""
    changes = {"epochs": 2, "batch": BATCH, "accumulate": 1}
    recipe = subject.recipe.model_copy(update=changes)
    _steps(subject)
    with TemporaryDirectory() as folder:
        options = TrainOptions(seed=0, features=Path(folder) / "features")
        whole, history = _train(subject, recipe, options)
        kept = replace(options, checkpoint=Path(folder) / "checkpoint.pt", checkpoint_steps=2)
        with suppress(Stopped):
            _train(subject, recipe, replace(kept, stop_after=5))
        assert (Path(folder) / "checkpoint.pt").is_file(), "the loop kept no checkpoint"
        resumed, after = _train(subject, recipe, kept)
    ends = resumed.state_dict()
    for key, value in whole.state_dict().items():
        if not torch.equal(value, ends[key]):
            raise subject.error(
                f"{key} differs between a run that was killed and resumed and one that was not",
                "the same to the bit",
                "Keep all state in parameters and buffers, and draw from torch's random numbers.",
            )
    if history != after:
        raise subject.error("the history of a resumed run differs", "the same", "Look at loss().")
    return "6 steps, killed after the 5th, resumed after the 4th"


def _train(
    subject: Subject, recipe: Recipe, options: TrainOptions
) -> tuple[Method, list[dict[str, float]]]:
    """The method after two epochs of three steps, and its history without times."""
    method = subject.build()
    rows = train(method, subject.cases(3 * BATCH), recipe, options, Silent())
    timed = ("seconds", "images_per_s")
    return method, [{k: v for k, v in row.items() if k not in timed} for row in rows]


def kind_of_state(subject: Subject) -> tuple[str, ...]:
    """What a checkpoint of this method must hold; one of each kind is killed in `make test`."""
    method = subject.build()
    modules = {type(module).__name__ for module in method.modules()}
    parts = {
        f"{subject.recipe.optimiser}": True,
        f"{subject.entry.card.prompt} prompt": True,
        "buffers": any(True for _ in method.buffers()),
        "random": any("drop" in name.lower() for name in modules),
        "features": type(method).embed is not Method.embed,
        "groups": len(method.parameter_groups(1.0)) > 1,
        "frozen": not all(p.requires_grad for p in method.parameters()),
    }
    return tuple(name for name, here in parts.items() if here)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
