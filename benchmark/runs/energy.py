"""The energy that training took, where the machine tells it and the run had the device alone.

**Conventions**

1. A GPU counts its own energy (NVML: total energy since the driver was loaded, of the whole card).
   On a CPU it is that of the processor packages and of the memory (RAPL).
2. A run had a GPU alone if no other process computed on it, and a CPU alone if other processes
   took at most a tenth of the busy time of all cores.
3. A run that was resumed has several parts. Its energy is that of all of them, the steps that a
   stop made it repeat among them; of a part that was killed, at most the last SECONDS are not in
   it. Where one part was not measured, neither is the run.
4. Counters of RAPL begin again at 0 after their range, which takes minutes: they are read every
   SECONDS, and a gap in which one may have gone round unseen is no measurement.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Protocol

from benchmark.core.errors import MixSegError
from benchmark.core.files import read_json, write_json
from benchmark.runs.store import RunDirectory

ENERGY = "energy.json"  # in the run's folder of the store, until training ends
SECONDS = 10.0
POWERCAP, STAT = Path("/sys/class/powercap"), Path("/proc/stat")
JOULES_PER_KWH = 3.6e6
MOST_WATTS = 1000.0  # of one zone of RAPL; no processor takes more
SHARE_OF_OTHERS = 0.1
BEFORE = "an earlier part of its training was not measured"


class Unmeasured(Exception):
    """Why a machine does not tell the energy of a run."""


class Counter(Protocol):
    """What counts the energy of a device."""

    of: str

    def joules(self) -> float:
        """Energy since the last call, or since it was made.

        Raises: Unmeasured.
        """

    def check_alone(self) -> None:
        """Raises: Unmeasured if other processes use the device."""


@dataclass
class Zone:
    """A zone of RAPL: a processor package, or its memory."""

    folder: Path
    range_uj: int
    last_uj: int
    read_at: float

    def joules(self, now: float) -> float:
        """Energy since the last look.

        Raises: Unmeasured, OSError.
        """
        found, seconds = _number(self.folder / "energy_uj"), now - self.read_at
        if seconds * MOST_WATTS * 1e6 > self.range_uj:
            raise Unmeasured(
                f"its counter was not read for {seconds:.0f} s, and may have gone round"
            )
        grown = found - self.last_uj
        self.last_uj, self.read_at = found, now
        return (grown if grown >= 0 else grown + self.range_uj) * 1e-6


class Rapl:
    """The energy of the processors and their memory, as the kernel shows it.

    Raises: Unmeasured where it does not.
    """

    of = "CPU and memory (RAPL)"

    def __init__(
        self,
        powercap: Path = POWERCAP,
        stat: Path = STAT,
        clock: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = lambda: sum(os.times()[:4]),
    ) -> None:
        self.stat, self.clock, self.own = stat, clock, own
        self.zones = [self._zone(folder) for folder in _zones(powercap)]
        if not self.zones:
            raise Unmeasured("the machine shows no energy counter of its processor (RAPL)")
        self.begun = self._times()

    def _zone(self, folder: Path) -> Zone:
        try:
            last = _number(folder / "energy_uj")
            return Zone(folder, _number(folder / "max_energy_range_uj"), last, self.clock())
        except PermissionError as error:
            raise Unmeasured(
                "the energy counter of the processor (RAPL) is for root alone"
            ) from error
        except (OSError, ValueError) as error:
            raise Unmeasured(f"unreadable: {folder}") from error

    def joules(self) -> float:
        """See `Counter`."""
        try:
            return sum(zone.joules(self.clock()) for zone in self.zones)
        except (OSError, ValueError) as error:
            raise Unmeasured(f"the energy counter of the processor went away ({error})") from error

    def check_alone(self) -> None:
        """See `Counter`."""
        busy, own = (now - then for now, then in zip(self._times(), self.begun, strict=True))
        others = (busy - own) / busy if busy > 1 else 0.0  # a second: ticks are coarse
        if others > SHARE_OF_OTHERS:
            raise Unmeasured(
                f"other processes took {100 * others:.0f} % of the busy processor time"
            )

    def _times(self) -> tuple[float, float]:
        """Busy seconds of all cores, and those of this process and its children."""
        try:
            first = self.stat.read_text(encoding="ascii").split("\n", 1)[0].split()
            user, nice, system, _, _, irq, softirq = map(int, first[1:8])
        except (OSError, ValueError) as error:
            raise Unmeasured(f"{self.stat} does not tell how busy the processor is") from error
        return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"), self.own()


def _zones(powercap: Path) -> list[Path]:
    """Packages and their memory; `core` and `uncore` are parts of a package, `psys` holds it."""
    found = []
    for folder in sorted(powercap.glob("intel-rapl:*")):  # AMD's too
        with suppress(OSError):
            name = (folder / "name").read_text(encoding="utf-8").strip()
            if name.startswith("package") or name == "dram":
                found.append(folder)
    return found


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


class Nvml:
    """The energy of a GPU, as its driver tells it.

    Args:
        uuid: of the GPU, as torch gives it.

    Raises: Unmeasured.
    """

    of = "GPU (NVML)"

    def __init__(self, uuid: str) -> None:
        try:
            import pynvml
        except ImportError as error:
            raise Unmeasured("the package nvidia-ml-py is not installed") from error
        self.nvml = pynvml
        try:
            pynvml.nvmlInit()
            self.handle = pynvml.nvmlDeviceGetHandleByUUID(
                uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            )
            self.last = self._total()
        except pynvml.NVMLError as error:
            raise Unmeasured(f"the GPU does not tell its energy ({error})") from error

    def _total(self) -> int:
        """Millijoules."""
        return int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle))

    def joules(self) -> float:
        """See `Counter`."""
        try:
            now = self._total()
        except self.nvml.NVMLError as error:
            raise Unmeasured(f"the GPU stopped telling its energy ({error})") from error
        grown, self.last = now - self.last, now
        if grown < 0:
            raise Unmeasured("the energy counter of the GPU was set back")
        return grown * 1e-3

    def check_alone(self) -> None:
        """See `Counter`. In a container the driver may name this process by another number."""
        try:
            using = {one.pid for one in self.nvml.nvmlDeviceGetComputeRunningProcesses(self.handle)}
            with suppress(self.nvml.NVMLError):  # cards that cannot be divided
                if self.nvml.nvmlDeviceGetMigMode(self.handle)[0]:
                    raise Unmeasured("the GPU is divided (MIG) and counts all its parts together")
        except self.nvml.NVMLError as error:
            raise Unmeasured(f"the GPU does not tell who uses it ({error})") from error
        if len(using) > 1:
            raise Unmeasured("other processes used the GPU")


def counter(device: str) -> Counter:
    """What counts the energy of a device.

    Args:
        device: "cpu" or "cuda".

    Raises: Unmeasured.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise Unmeasured("several processes trained it together")
    if device == "cpu":
        return Rapl()
    import torch

    return Nvml(str(torch.cuda.get_device_properties(torch.cuda.current_device()).uuid))


@dataclass
class Part:
    """What one process took for its part of a training; `why` says why it is not known."""

    of: str = ""
    joules: float = 0.0
    why: str = ""


@dataclass
class Meter:
    """Measures while its block runs, and keeps what it read beside the checkpoint of the run."""

    directory: RunDirectory
    device: str
    find: Callable[[str], Counter] = counter
    seconds: float = SECONDS
    parts: list[Part] = field(default_factory=list)

    def __enter__(self) -> "Meter":
        path = self.directory.folder / ENERGY
        if path.is_file():
            self.parts = _parts(path)
        elif self.directory.checkpoint.is_file():
            self.parts = [Part(why=BEFORE)]
        self.own, self.stopped = Part(), Event()
        self.parts = [*self.parts, self.own]
        self.counter = self._find()
        self._keep()
        self.thread = Thread(target=self._follow, daemon=True, name="energy")
        if self.counter is not None:
            self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.counter is not None:
            self.stopped.set()
            self.thread.join()
            self._look()
        self._keep()

    def told(self) -> dict[str, Any]:
        """For run.json: kWh and the device; or None and why."""
        reasons = list(dict.fromkeys(part.why for part in self.parts if part.why))
        devices = list(dict.fromkeys(part.of for part in self.parts if part.of))
        if len(devices) > 1:
            reasons.append("its parts ran on different devices")
        if reasons:
            return {"kwh": None, "why": "; ".join(reasons)}
        kwh = sum(part.joules for part in self.parts) / JOULES_PER_KWH
        return {"kwh": float(f"{kwh:.6g}"), "of": devices[0]}

    def forget(self) -> None:
        """Removes what was kept; run.json holds it now."""
        (self.directory.folder / ENERGY).unlink(missing_ok=True)

    def _find(self) -> Counter | None:
        try:
            found = self.find(self.device)
        except Exception as error:
            self.own.why = _why(error)
            return None
        self.own.of = found.of
        return found

    def _follow(self) -> None:
        while not self.own.why and not self.stopped.wait(self.seconds):
            self._look()
            self._keep()

    def _look(self) -> None:
        """Reads the counter, unless it is known already that nothing can be said."""
        if self.own.why or self.counter is None:
            return
        try:
            self.own.joules += self.counter.joules()
            self.counter.check_alone()
        except Exception as error:
            self.own.why = _why(error)

    def _keep(self) -> None:
        told = [{"of": one.of, "joules": one.joules, "why": one.why} for one in self.parts]
        with suppress(OSError, MixSegError):  # where the disk is full, training says so
            write_json(self.directory.folder / ENERGY, {"parts": told})


def _why(error: Exception) -> str:
    """In words. Whatever a driver raises, it must stop no training."""
    said = " ".join(str(error).split())
    return said if isinstance(error, Unmeasured) else f"{type(error).__name__}: {said}"


def _parts(path: Path) -> list[Part]:
    """What earlier parts kept; a file that cannot be used is a part that was not measured."""
    try:
        found: list[Mapping[str, Any]] = read_json(path)["parts"]
        return [Part(str(one["of"]), float(one["joules"]), str(one["why"])) for one in found]
    except (MixSegError, KeyError, TypeError, ValueError):
        return [Part(why=BEFORE)]
