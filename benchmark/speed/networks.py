"""Networks at 352 pixels, random weights: seconds of one image forward, and of a training step.

Once a structure: variants of one network share their row. Each network has a process of its own,
whose memory is counted from where it stands before the network is built; one that fails stops no
other. Upper bounds are data (`baselines/bounds.csv`), the official form's on two threads of a CPU.
A step is of two images on a CPU, and on a GPU of eight, compiled and in bfloat16; embeddings of a
frozen part are computed before it, as in training.
"""

import csv
import multiprocessing
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.core.params import load_params
from benchmark.evaluation.cost import latencies_ms, made_image
from benchmark.methods.conformance.subject import DoesNotApply, Subject
from benchmark.methods.discover import SyncedCard, cards, method_entry, unknown_name
from benchmark.methods.layers import to_device
from benchmark.methods.method import Inputs, Method
from benchmark.speed.timing import best_s
from benchmark.training.optimiser import make_optimiser

SIZE, ON_CPU, ON_GPU = 352, 2, 8
BOUNDS = Path("baselines", "bounds.csv")
Row = dict[str, Any]


def parts(root: Path, only: str | None = None) -> dict[str, Callable[[str], Row]]:
    """What is measured: every structure once, or one method.

    Raises: MethodError for an unknown name.
    """
    found = cards(root)
    if only is not None and only not in {card.name for card in found}:
        raise unknown_name(only, [card.name for card in found])
    names = [only] if only else first_of_each(found)
    bounds = read_bounds(root / BOUNDS)
    return {name: partial(_measured, root, name, bounds.get(name)) for name in names}


def first_of_each(found: list[SyncedCard]) -> list[str]:
    """The first method of each structure, one without a `base` before any other; no ablation."""
    first: dict[str, str] = {}
    for card in sorted(found, key=lambda card: card.base is not None):
        if card.group != "ablation":
            first.setdefault(card.structure, card.name)
    return [card.name for card in found if card.name in first.values()]


def read_bounds(path: Path) -> dict[str, float]:
    """Method to seconds of its official form; empty without the file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["method"]: float(row["forward_s"]) for row in csv.DictReader(file)}


def _measured(root: Path, name: str, bound: float | None, device: str) -> Row:
    found = alone(_numbers, root, name, device)
    return found if "failed" in found else beside(found, bound if device == "cpu" else None)


def alone(work: Callable[..., Row], *given: object) -> Row:
    """A row that is measured in a process of its own, or why there is none."""
    spawn = multiprocessing.get_context("spawn")
    receive, send = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_child, args=(send, work, *given), daemon=True)
    child.start()
    send.close()
    try:
        found: Row = receive.recv()
    except EOFError:
        child.join()
        return {"failed": f"its process ended with {child.exitcode}"}
    finally:
        child.kill()
    return found


def beside(found: Row, bound: float | None) -> Row:
    """A row with its upper bound, where there is one for this device."""
    forward, rest = found["forward s"], {k: v for k, v in found.items() if k != "forward s"}
    within = "-" if bound is None else "yes" if forward <= bound else "NO"
    return {"forward s": forward, "bound s": bound or "-", "within": within, **rest}


def _child(send: Connection, work: Callable[..., Row], *given: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever waits for it ends it
    try:
        send.send(work(*given))
    except (Exception, SystemExit) as error:
        send.send({"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]})


def _numbers(root: Path, name: str, device: str) -> Row:
    before = _memory_mib(device, peak=False)
    subject = Subject(root, load_params(root), method_entry(root, name))
    method = to_device(subject.entry.build(SIZE), device)
    image, prompts = made_image(method, SIZE, device)

    def forward() -> object:
        return method.predict(Inputs(image, features=method.embed(image), **prompts))

    method.eval()
    row: Row = {"forward s": min(latencies_ms(forward, device)) / 1000}
    row["forward MiB"] = _memory_mib(device) - before
    none = {"step s": "-", "images/s": "-", "step MiB": "-"}
    try:
        step, count = training_step(subject, method, device)
    except DoesNotApply:
        return {**row, **none}
    seconds = best_s(step, device)
    row |= {"step s": seconds, "images/s": count / seconds}
    return {**row, "step MiB": _memory_mib(device) - before}


def training_step(
    subject: Subject, method: Method, device: str
) -> tuple[Callable[[], object], int]:
    """A step of the optimiser as in training, and its number of images.

    Raises: DoesNotApply if the method takes no steps.
    """
    recipe = subject.recipe
    if subject.fits:
        subject.skip("learns in closed form")
    on_gpu, count = device == "cuda", ON_GPU if device == "cuda" else ON_CPU
    inputs, mask = subject.batch(method.cpu(), SIZE, count)
    for module in (method, *method.loss_modules().values()):
        to_device(module, device)
    method.train()
    inputs, mask = _moved(inputs, device), mask.to(device)
    loss = torch.compile(method.loss) if on_gpu else method.loss
    optimiser = make_optimiser(method.parameter_groups(recipe.lr or 0.0), recipe)

    def total() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=on_gpu):
            return loss(inputs, mask)["total"]

    return partial(one_step, optimiser, total), count


def one_step(optimiser: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> object:
    """Forward, backward and a step of the optimiser."""
    optimiser.zero_grad(set_to_none=True)
    loss().backward()  # type: ignore[no-untyped-call]
    return optimiser.step()


def _moved(inputs: Inputs, device: str) -> Inputs:
    moved: dict[str, Any] = {k: v if v is None else v.to(device) for k, v in vars(inputs).items()}
    return Inputs(**moved)


def _memory_mib(device: str, peak: bool = True) -> float:
    """MiB that are resident, or on a GPU allocated by torch; at their peak, or now."""
    if device == "cuda":
        used = torch.cuda.max_memory_allocated() if peak else torch.cuda.memory_allocated()
        return used / 2**20
    key = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024  # kB
