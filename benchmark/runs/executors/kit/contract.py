"""What an executor is, and what it is given; results do not know which one it was."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions


@dataclass(frozen=True)
class Resources:
    """What runs may use; None leaves it to the executor.

    Attributes:
        jobs: runs at once.
        gpus: of one run; a fraction shares a GPU.
        cpus: cores of one run.
        memory: of one run, in GiB.
        seconds: after which a run is stopped; it resumes from its checkpoint.
    """

    jobs: int | None = None
    gpus: float | None = None
    cpus: float | None = None
    memory: float | None = None
    seconds: int | None = None

    def __post_init__(self) -> None:
        if self.gpus is not None and not (self.gpus == 0 or 0 < self.gpus <= 1):
            raise ParamsError(
                "--gpus-per-run", f"{self.gpus:g}", "0, a fraction, or 1",
                "One run uses one GPU at most; `torchrun` starts a single run on several.",
            )  # fmt: skip
        for name, value in (("--cpus-per-run", self.cpus), ("--memory", self.memory)):
            if value is not None and not value > 0:
                raise ParamsError(name, f"{value:g}", "a number above 0", "Give one.")


@dataclass(frozen=True)
class Order:
    """Runs to execute.

    Attributes:
        more: the executor's own options, by name; only those that were given.
        detach: return when the runs are handed over.
    """

    paths: Paths
    specs: Sequence[RunSpec]
    options: RunOptions
    resources: Resources = Resources()
    more: Mapping[str, Any] = field(default_factory=dict)
    detach: bool = False


@dataclass(frozen=True)
class Room:
    """Where the runs of an order go.

    Attributes:
        count: runs at once, at most.
        words: what one run gets, and where.
        gpu: whether runs use a GPU.
        options: with which a step on this machine takes as long as there; None where none does.
    """

    count: int
    words: str
    gpu: bool
    options: RunOptions | None


@dataclass(frozen=True)
class Outcome:
    """How one run ended.

    Attributes:
        cause: why it failed; empty where it ended well.
        over: False for a run that was handed over and goes on by itself.
    """

    spec: RunSpec
    cause: str = ""
    over: bool = True


@dataclass(frozen=True)
class Waiting:
    """A run that is queued or runs elsewhere: the state "queued" or "running", and where."""

    state: str
    where: str


class Watch(Protocol):
    """What an executor tells of its runs as they change."""

    def tell(self, spec: RunSpec, state: str, note: str = "") -> None:
        """A run is "queued", "running", "done" or "failed"; `note` says where, or why."""

    def say(self, line: str) -> None:
        """Shows one line."""


@dataclass(frozen=True)
class Executor:
    """One way to execute runs.

    Attributes:
        name: what `--executor` takes.
        room: where the runs of an order would go. Raises ParamsError for what it cannot give,
            MissingDataError if its package or programs are not here.
        run: executes runs, a failed one stopping no other; the outcomes come in any order.
        own: the names of its own options.
        elsewhere: the runs that it holds outside this process, for `mixseg status`.
        cancel: ends those for which a function is true; a line for each.
        here: whether runs execute on this machine, so that costs are measured here afterwards.
    """

    name: str
    room: Callable[[Order], Room]
    run: Callable[[Order, Watch], list[Outcome]]
    own: frozenset[str] = frozenset()
    elsewhere: Callable[[Paths], dict[RunSpec, Waiting]] | None = None
    cancel: Callable[[Paths, Callable[[RunSpec], bool]], list[str]] | None = None
    here: bool = False
