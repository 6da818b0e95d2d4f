"""The names of a run's files, and the options of its execution."""

from dataclasses import dataclass

WEIGHTS, HISTORY, MAPS, SCORES, RECORD, RUN = (
    "weights.safetensors", "history.csv", "probs.npz", "scores.csv", "record.json", "run.json",
)  # fmt: skip
ARTEFACTS = (WEIGHTS, MAPS)
ORDERED_RUN = "MIXSEG_RUN"  # digest of the run that another machine asked this process for


@dataclass(frozen=True)
class RunOptions:
    """How runs are executed; none of it may change what they learn on one machine.

    Attributes:
        device: "cpu", "cuda" or "auto".
        threads: of torch on the CPU; 0 leaves them as they are.
        compile: torch.compile; None does it on a GPU.
        restart: forget the checkpoint.
        retrain: train again where results are here and their weights and maps are not.
        log: a tracker that takes the rows of the history, a key of `trackers.TRACKERS`; "" is none.
    """

    device: str = "auto"
    threads: int = 0
    compile: bool | None = None
    restart: bool = False
    retrain: bool = False
    log: str = ""

    def words(self) -> list[str]:
        """The same as words of `mixseg run`."""
        words = ["--device", self.device, "--threads", str(self.threads)]
        if self.compile is not None:
            words.append("--compile" if self.compile else "--no-compile")
        words += ["--restart"] if self.restart else []
        words += ["--log", self.log] if self.log else []
        return [*words, "--retrain"] if self.retrain else words
