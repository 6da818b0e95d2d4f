"""The conformance kit: tries a method against the contract, one rule after the other."""

import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn
from unittest import mock

import torch
from safetensors.torch import load, save

from benchmark.core.errors import MethodError, ShapeError
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.evaluation.gradcam import activation
from benchmark.methods.conformance.subject import BATCH, DoesNotApply, Subject
from benchmark.methods.conformance.training_rules import gradients, learns, resumes
from benchmark.methods.discover import declared, method_entry
from benchmark.methods.sync import render

PAPER_SIZE, ODD_SIZE = 352, 100  # 100 divides by no power of two above 4


@dataclass(frozen=True)
class CheckResult:
    """What came of one rule.

    Attributes:
        name: the rule.
        ok: whether it is kept.
        detail: what was seen, or what is wrong and what to do.
        applies: False for a rule that has no meaning for this method.
        tried: False for a rule that depends on one that is broken.
    """

    name: str
    ok: bool
    detail: str
    seconds: float
    applies: bool = True
    tried: bool = True

    def line(self) -> str:
        """What is shown of it: more where the rule is broken."""
        if not (self.tried and self.applies):
            return f"{'--':6}  {self.seconds:6.1f} s  {self.name}: {self.detail}"
        kept = "ok" if self.ok else "FAILED"
        shown = f"{kept:6}  {self.seconds:6.1f} s  {self.name}"
        return shown if self.ok else f"{shown}\n        {self.detail}"


def check(
    root: Path, name: str, progress: Progress, rules: Collection[str] | None = None
) -> list[CheckResult]:
    """Tries a method against the rules named, or against all of `RULES`.

    A rule that depends on a broken one is not tried: it could only fail for the same cause.

    Raises: MethodError if the method cannot be found or imported.
    """
    subject = Subject(root, load_params(root), method_entry(root, name))
    chosen = [rule for rule in RULES if rules is None or rule in rules]
    results: list[CheckResult] = []
    with progress.task(f"checking {name}", len(chosen), "rules") as task:
        for rule in chosen:
            broken = [r.name for r in results if not r.ok and r.name in NEEDS.get(rule, ())]
            if broken:
                detail = f"not tried, as it depends on: {', '.join(broken)}"
                results.append(CheckResult(rule, True, detail, 0.0, tried=False))
            else:
                results.append(_try(rule, subject))
            task.advance(1, rule)
    return results


def _try(rule: str, subject: Subject) -> CheckResult:
    start = time.monotonic()
    try:
        ok, detail, applies = True, RULES[rule](subject), True
    except DoesNotApply as reason:
        ok, detail, applies = True, f"does not apply: {reason}", False
    except MethodError as error:
        ok, detail, applies = False, str(error), True
    except Exception as error:
        problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        failure = subject.error(problem, "no error", "Correct the code of the method.")
        ok, detail, applies = False, str(failure), True
    return CheckResult(rule, ok, detail, time.monotonic() - start, applies)


def _builds(subject: Subject) -> str:
    with offline() as asked:
        try:
            method = subject.build()
        except Exception:
            if not asked:
                raise
    if asked:
        raise subject.error(
            f"__init__() asked the network for {asked[0]}",
            "a method that is built without it",
            "Load pretrained weights in load_pretrained().",
        )
    return f"{sum(p.numel() for p in method.parameters()):,} parameters, at {subject.size} pixels"


@contextmanager
def offline() -> Iterator[list[str]]:
    """Refuses every connection inside the block; gives the list of what was asked for."""
    asked: list[str] = []

    def refuse(*args: object, **options: object) -> NoReturn:
        asked.append(str(next((a for a in args if isinstance(a, str | tuple)), args)))
        raise OSError("there is no network while a method is built")

    with ExitStack() as stack:
        for name in ("connect", "connect_ex", "sendto"):
            stack.enter_context(mock.patch.object(socket.socket, name, refuse))
        for name in ("getaddrinfo", "create_connection"):
            stack.enter_context(mock.patch.object(socket, name, refuse))
        yield asked


def _rendered(subject: Subject) -> str:
    folder = declared(subject.root)[subject.entry.card.name]
    texts, again = (render(folder, subject.params) for _ in range(2))
    for path, text in texts.items():
        if again[path] != text:
            raise subject.error(f"{path.name} differs when rendered again", "the same", "Seed it.")
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            do = f"Run `mixseg sync {subject.entry.card.name}`."
            raise subject.error(f"{path.name} is not what the declaration says", "the same", do)
    return "card.json and dvc.yaml are up to date"


def _keeps_size(subject: Subject) -> str:
    needed = {mix.size for mix in subject.mixes}
    told = [_at(subject, size, size in needed) for size in sorted({*needed, PAPER_SIZE, ODD_SIZE})]
    return ", ".join(told)


def _at(subject: Subject, size: int, needed: bool) -> str:
    """Tries one size; one that no mix of the method has may be refused by an error naming it."""
    try:
        method = subject.build(size)
        subject.logits(method, subject.batch(method, size, 1)[0])
    except MethodError:
        raise
    except Exception as error:
        problem = f"at {size} pixels: {type(error).__name__}: {' '.join(str(error).split())}"
        if needed:
            raise subject.error(
                problem, "a map of that size, which a mix of its has", "Pad inside."
            ) from error
        named = isinstance(error, ShapeError | ValueError) and str(size) in str(error)
        if not named:
            expected = "a map of that size, or a ShapeError or ValueError that names the size"
            raise subject.error(problem, expected, "Pad inside, or refuse the size.") from error
        return f"refuses {size}"
    return f"keeps {size}"


def _dtype(subject: Subject) -> str:
    method = subject.build()
    logits = subject.logits(method, subject.batch(method)[0])
    if logits.dtype != torch.float32:
        raise subject.error(f"predict() gave {logits.dtype}", "torch.float32", "Convert it.")
    return "float32"


def _follows(subject: Subject) -> str:
    """Two prompts on one image must not give the same map."""
    if subject.entry.card.prompt == "none":
        subject.skip("it is shown no prompt")
    method = subject.build()
    inputs, _ = subject.batch(method)
    one, other = inputs.part(slice(0, 1)), inputs.part(slice(0, 1))
    size = inputs.image.shape[-1]
    if other.points is not None:
        moved = replace(other, points=(size - 1 - other.points).clamp(0, size - 1))
    else:
        corner = torch.tensor([[0.0, 0.0, size // 4, size // 4]]).to(inputs.image)
        moved = replace(other, boxes=corner)
    if torch.equal(subject.logits(method, one), subject.logits(method, moved)):
        raise subject.error(
            "predict() gave the same map for two prompts", "a map that follows its prompt",
            "Use inputs.points or inputs.boxes, or declare `prompt: none`.",
        )  # fmt: skip
    return f"two prompts of the kind {subject.entry.card.prompt}, two maps"


def _finite(subject: Subject) -> str:
    method = subject.build()
    inputs, _ = subject.batch(method)
    for what, level in (("noise", None), ("black", 0.0), ("white", 1.0)):
        image = inputs.image if level is None else torch.full_like(inputs.image, level)
        with torch.no_grad():
            features = method.embed(image)
        given = replace(inputs, image=image, features=features)
        if not torch.isfinite(subject.logits(method, given)).all():
            found = f"predict() gave values that are not finite on a {what} image"
            raise subject.error(
                found, "finite logits", "Look for a division by zero or a log of 0."
            )
    return "on noise, black and white images"


def _same_seed(subject: Subject) -> str:
    one, two = (subject.build().state_dict() for _ in range(2))
    for key, value in one.items():
        if not torch.equal(value, two[key]):
            do = "Draw from torch's global random numbers, unseeded: a run seeds these alone."
            raise subject.error(f"{key} differs between two builds of one seed", "the same", do)
    return "equal to the bit"


def _batch_free(subject: Subject) -> str:
    method = subject.build()
    inputs, _ = subject.batch(method)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    whole = subject.logits(method, inputs)
    parts = [subject.logits(method, inputs.part(slice(k, k + 1))) for k in range(BATCH)]
    scale = 1 + float(whole.abs().max())
    for what, other in (("again", subject.logits(method, inputs)), ("alone", torch.cat(parts))):
        gap = float((whole - other).abs().max()) / scale
        if gap > 1e-4:
            found = f"predict() of a case {what} differs by {gap:.1e} of the largest logit"
            raise subject.error(found, "at most 1e-4", "Pool nothing over the batch; no dropout.")
    changed = [k for k, value in method.state_dict().items() if not torch.equal(value, before[k])]
    if changed:
        raise subject.error(f"predict() changed {changed[0]}", "no change", "Keep it in loss().")
    return "the same alone, together and again"


def _round_trip(subject: Subject) -> str:
    method, other = subject.build(), subject.build(seed=1)
    state = {key: value.contiguous().clone() for key, value in method.state_dict().items()}
    other.load_state_dict(load(save(state)))
    inputs, _ = subject.batch(method)
    if not torch.equal(subject.logits(method, inputs), subject.logits(other, inputs)):
        do = "Register what a forward pass needs as parameters or buffers."
        raise subject.error("a method loaded from saved weights predicts else", "the same", do)
    return f"{len(state)} tensors"


def _cam_layers(subject: Subject) -> str:
    layers = subject.entry.card.cam_layers
    if not layers:
        subject.skip("it names no cam_layers")
    method = subject.build()
    inputs, _ = subject.batch(method)
    for name, layer in layers.items():
        try:
            activation(method, inputs, layer)
        except MethodError as error:
            found = f"cam_layers.{name} cannot be looked at ({error})"
            do = "Correct it in method.yaml."
            raise subject.error(found, "a module that gives one map a call", do) from error
    return ", ".join(f"{name}: {layer}" for name, layer in layers.items())


BUILDS, DTYPE, RESUMES = "builds offline", "shape and type", "kill and resume"
GRADIENTS, RENDERED = "gradients", "rendered files"
RULES: dict[str, Callable[[Subject], str]] = {
    BUILDS: _builds,
    RENDERED: _rendered,
    DTYPE: _dtype,
    "keeps the size": _keeps_size,
    "finite": _finite,
    "follows its prompt": _follows,
    GRADIENTS: gradients,
    "learns one batch": learns,
    "same seed, same weights": _same_seed,
    "free of the batch": _batch_free,
    "state round trip": _round_trip,
    RESUMES: resumes,
    "layers to look at": _cam_layers,
}
# The rules that a rule depends on.
NEEDS: dict[str, tuple[str, ...]] = {
    RENDERED: (BUILDS,),
    DTYPE: (BUILDS,),
    "keeps the size": (BUILDS, DTYPE),
    "finite": (BUILDS, DTYPE),
    "follows its prompt": (BUILDS, DTYPE),
    GRADIENTS: (BUILDS, DTYPE),
    "learns one batch": (BUILDS, DTYPE, GRADIENTS),
    "same seed, same weights": (BUILDS,),
    "free of the batch": (BUILDS, DTYPE),
    "state round trip": (BUILDS, DTYPE, "same seed, same weights"),
    RESUMES: (BUILDS, DTYPE, GRADIENTS, "same seed, same weights"),
    "layers to look at": (BUILDS, DTYPE),
}
