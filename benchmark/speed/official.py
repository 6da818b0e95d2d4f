"""Training steps at 352 pixels, random weights: ours in turns with the official code, on a CPU.

A row is a method whose official repository lies in a folder: both networks are in one process of
their own, take the same two images and the same optimiser, each with its own loss, and step by
turns on two threads. Seconds are the best of the turns, and `times` is theirs over ours.

Official code runs as it was cloned, except: files of weights are read as empty, loading them does
nothing, `.cuda()` stays on the CPU, the process may not connect to anything, and packages that are
not installed are stood in for, as the row says.
"""

import copy
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.core.errors import ParamsError
from benchmark.core.params import load_params
from benchmark.methods.conformance.subject import Subject
from benchmark.methods.discover import method_entry
from benchmark.methods.importing import import_beside
from benchmark.methods.method import Inputs
from benchmark.speed.networks import ON_CPU, SIZE, Row, alone, one_step, training_step
from benchmark.speed.timing import in_turns
from benchmark.training.optimiser import make_optimiser

THREADS = 2
SECONDS = 30.0  # of a row
FOLDER, ENTRIES = "baselines", "official_code"  # the module that says how each is built
Loss = Callable[[Tensor, Tensor], Tensor]  # of images and masks


@dataclass(frozen=True)
class Official:
    """The official code of a method.

    Attributes:
        url: of its repository; the folder is called as git clones it.
        commit: with which `build` was tried.
        build: from our method and a side in pixels to the network and its loss; None is our loss,
            with their network in the place of ours. It may set our method to what theirs does.
    """

    url: str
    commit: str
    build: Callable[[Any, int], tuple[nn.Module, Loss | None]]

    @property
    def folder(self) -> str:
        """Its name in the folder of all."""
        return self.url.rsplit("/", 1)[1]


def entries(root: Path) -> Mapping[str, Official]:
    """Method to its official code."""
    found: Mapping[str, Official] = import_beside(root, root / FOLDER / "_", ENTRIES).OFFICIAL
    return found


def parts(root: Path, where: Path, only: str | None) -> dict[str, Callable[[str], Row]]:
    """Every method that has official code, or one.

    Raises: ParamsError for a method that has none.
    """
    found = entries(root)
    if only is not None and only not in found:
        raise ParamsError(
            "bench networks --official", f"--method {only}", f"one of {', '.join(found)}",
            "Name one of these.",
        )  # fmt: skip
    return {name: partial(_row, root, where, name) for name in found if only in (None, name)}


def _row(root: Path, where: Path, name: str, device: str) -> Row:
    official = entries(root)[name]
    if not (where / official.folder).is_dir():
        do = f"git clone {official.url} (tried: {official.commit})"
        return {"failed": f"no folder {official.folder} in {where}: {do}"}
    return alone(_compared, root, (where / official.folder).resolve(), name, SECONDS)


def _compared(root: Path, folder: Path, name: str, seconds: float) -> Row:
    torch.set_num_threads(THREADS)
    for told in (1, 2):  # what strangers print is no output of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), told)
    subject = Subject(root, load_params(root), method_entry(root, name))
    ours = subject.entry.build(SIZE)
    inputs, mask = subject.batch(ours, SIZE, ON_CPU)
    build, absent = entries(root)[name].build, _let_in(folder)
    network, loss = build(ours, SIZE)
    said = "their own" if loss else "ours on both"
    loss = loss or _our_loss(ours, network)
    learn = [each for each in network.train().parameters() if each.requires_grad]
    optimiser = make_optimiser([{"params": learn}], subject.recipe)
    our_step, _ = training_step(subject, ours, "cpu")
    their_step = partial(one_step, optimiser, partial(loss, inputs.image, mask))
    our_s, their_s = in_turns([our_step, their_step], seconds)
    row: Row = {"ours, s": our_s, "official, s": their_s, "times": their_s / our_s}
    row |= {"as fast": "yes" if our_s <= their_s else "NO", "loss": said}
    return {**row, "not installed": ", ".join(sorted(absent)) or "-"}


def _our_loss(ours: Any, network: nn.Module) -> Loss:
    other = copy.deepcopy(ours).train()
    other.network = network
    return lambda image, mask: other.loss(Inputs(image), mask)["total"]


def _let_in(folder: Path) -> set[str]:
    """Lets this process import official code, harmlessly; gives the packages that it lacks."""
    sys.path.insert(0, str(folder))
    sys.argv = [str(folder)]  # scripts may read it as they are imported
    stand_ins = _StandIns(folder)
    sys.meta_path.append(stand_ins)
    sys.addaudithook(_no_network)
    for owner, name, does in (
        (torch, "load", lambda *_, **__: {}),
        (torch.hub, "download_url_to_file", lambda *_, **__: None),
        (nn.Module, "load_state_dict", lambda *_, **__: None),
        (nn.Module, "cuda", lambda self, *_, **__: self),
        (Tensor, "cuda", lambda self, *_, **__: self),
    ):
        setattr(owner, name, does)
    return stand_ins.absent


def _no_network(event: str, _: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        raise ConnectionError("official code may not connect to anything here")


class StandIn(dict):
    """Anything of a package that is not installed: attributes and items are the same."""

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*(each for each in given[:1] if isinstance(each, Mapping)), **named)

    def __getattr__(self, name: str) -> object:
        if name in self:
            return self[name]
        raise AttributeError(name)

    __setattr__ = dict.__setitem__


class _StandIns(MetaPathFinder, Loader):
    """The last to be asked for a module: makes one up if official code wants a missing package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.absent: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = name.split(".")[0]
        if package not in self.absent and ("." in name or not self._is_asked_by_official_code()):
            return None
        self.absent.add(package)
        return ModuleSpec(name, self, is_package=True)

    def _is_asked_by_official_code(self) -> bool:
        frame = sys._getframe(2)
        while frame.f_back and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        return self.folder in Path(frame.f_code.co_filename).parents

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = _attribute


def _attribute(name: str) -> type[StandIn]:
    if name.startswith("__"):
        raise AttributeError(name)
    return StandIn
