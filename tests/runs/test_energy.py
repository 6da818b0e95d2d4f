"""The energy of a training: made trees of powercap, a made NVML, parts of a resumed run."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.progress import Silent
from benchmark.methods.sync import sync
from benchmark.runs import energy
from benchmark.runs.energy import BEFORE, ENERGY, Meter, Nvml, Rapl, Unmeasured, counter
from benchmark.runs.execute import execute
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions
from benchmark.runs.store import RunDirectory

RANGE = 1_000_000_000  # µJ: a zone that takes 1,000 W goes round in one second
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Machine:
    """A made machine: two packages with memory, the busy time of its cores, and a clock."""

    root: Path
    now: float = 0.0
    own: float = 0.0

    def __post_init__(self) -> None:
        for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl-mmio:0"):
            self.zone(name, f"package-{name[-1]}")
        self.zone("intel-rapl:0:0", "core")
        self.zone("intel-rapl:0:1", "dram")
        self.zone("intel-rapl:2", "psys")
        self.busy(0.0)

    def zone(self, name: str, kind: str) -> None:
        folder = self.root / "powercap" / name
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{kind}\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
        self.shows(name, 0)

    def shows(self, name: str, microjoules: int) -> None:
        (self.root / "powercap" / name / "energy_uj").write_text(f"{microjoules}\n")

    def busy(self, seconds: float) -> None:
        """All cores: half in programs, half in the kernel; and much waiting, which is not busy."""
        half = round(seconds * TICK / 2)
        (self.root / "stat").write_text(f"cpu  {half} 0 {half} 999 999 0 0 0 0 0\ncpu0 1 1 1\n")

    def rapl(self) -> Rapl:
        return Rapl(self.root / "powercap", self.root / "stat", lambda: self.now, lambda: self.own)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_and_memory_count_their_parts_and_the_whole_do_not(machine: Machine) -> None:
    rapl = machine.rapl()
    for name, value in (
        ("intel-rapl:0", 3_000_000), ("intel-rapl:1", 2_000_000), ("intel-rapl:0:1", 500_000),
        ("intel-rapl:0:0", 70_000_000), ("intel-rapl:2", 80_000_000),
        ("intel-rapl-mmio:0", 90_000_000),
    ):  # fmt: skip
        machine.shows(name, value)
    assert rapl.joules() == pytest.approx(5.5)
    assert rapl.joules() == 0.0


def test_a_counter_that_went_round_counts_on(machine: Machine) -> None:
    machine.shows("intel-rapl:0", RANGE - 1_000_000)
    rapl = machine.rapl()
    machine.shows("intel-rapl:0", 2_000_000)
    assert rapl.joules() == pytest.approx(3.0)  # 1 J to its end, 2 J from its start
    machine.shows("intel-rapl:0", 1_000_000)
    assert rapl.joules() == pytest.approx(RANGE * 1e-6 - 1.0)


def test_a_gap_in_which_it_may_have_gone_round_is_no_measurement(machine: Machine) -> None:
    rapl = machine.rapl()
    machine.now = 0.9
    assert rapl.joules() == 0.0
    machine.now = 2.0
    with pytest.raises(Unmeasured, match="not read for 1 s, and may have gone round"):
        rapl.joules()


def test_other_processes_are_seen_by_the_busy_time(machine: Machine) -> None:
    rapl = machine.rapl()
    machine.own = 95.0
    machine.busy(100.0)
    rapl.check_alone()
    machine.busy(200.0)
    with pytest.raises(Unmeasured, match="other processes took 52 % of the busy processor time"):
        rapl.check_alone()


def test_machines_that_do_not_tell(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(Unmeasured, match="shows no energy counter"):
        Rapl(tmp_path / "none", machine.root / "stat")
    (machine.root / "stat").unlink()
    with pytest.raises(Unmeasured, match="does not tell how busy"):
        machine.rapl()


def test_a_counter_for_root_alone(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(energy, "_number", refuse)
    with pytest.raises(Unmeasured, match="is for root alone"):
        machine.rapl()


def test_a_zone_that_goes_away(machine: Machine) -> None:
    rapl = machine.rapl()
    (machine.root / "powercap" / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(Unmeasured, match="went away"):
        rapl.joules()


@dataclass
class Driver:
    """A made NVML of one GPU."""

    millijoules: int = 5000
    using: list[int] = field(default_factory=lambda: [1])
    mig: int = 0
    fails: str = ""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = ModuleType("pynvml")

        class NVMLError(Exception):
            pass

        def may_fail(name: str, value: Callable[..., object]) -> Callable[..., object]:
            def call(*given: object) -> object:
                if self.fails == name:
                    raise NVMLError("Not Supported")
                return value(*given)

            return call

        calls = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: self.millijoules,
            "nvmlDeviceGetComputeRunningProcesses": lambda handle: [
                SimpleNamespace(pid=pid) for pid in self.using
            ],
            "nvmlDeviceGetMigMode": lambda handle: [self.mig, 0],
        }
        for name, value in calls.items():
            setattr(module, name, may_fail(name, value))
        module.NVMLError = NVMLError
        monkeypatch.setitem(sys.modules, "pynvml", module)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    made.install(monkeypatch)
    return made


def test_a_gpu_counts_millijoules(driver: Driver) -> None:
    gpu = Nvml("1234")
    assert gpu.handle == "GPU-1234"
    driver.millijoules += 2500
    assert gpu.joules() == 2.5
    gpu.check_alone()
    driver.millijoules = 10
    with pytest.raises(Unmeasured, match="was set back"):
        gpu.joules()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"using": [1, 2]}, "other processes used the GPU"),
        ({"mig": 1}, "divided"),
        ({"fails": "nvmlDeviceGetComputeRunningProcesses"}, "does not tell who uses it"),
    ],
)
def test_a_gpu_that_is_not_alone(driver: Driver, change: dict[str, object], why: str) -> None:
    gpu = Nvml("1234")
    for name, value in change.items():
        setattr(driver, name, value)
    with pytest.raises(Unmeasured, match=why):
        gpu.check_alone()


def test_cards_that_cannot_be_divided_are_alone(driver: Driver) -> None:
    gpu = Nvml("1234")
    driver.fails = "nvmlDeviceGetMigMode"
    gpu.check_alone()


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetTotalEnergyConsumption"])
def test_a_gpu_that_does_not_tell(driver: Driver, call: str) -> None:
    driver.fails = call
    with pytest.raises(Unmeasured, match="does not tell its energy"):
        Nvml("1234")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(Unmeasured, match="nvidia-ml-py is not installed"):
        Nvml("1234")


def test_several_processes_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(Unmeasured, match="several processes trained it together"):
        counter("cpu")


@dataclass
class Made:
    """A counter that takes 36 J at each look, a hundred-thousandth of a kWh."""

    of: str = "CPU"
    alone: bool = True
    looks: int = 0

    def joules(self) -> float:
        self.looks += 1
        return 36.0

    def check_alone(self) -> None:
        if not self.alone:
            raise Unmeasured("others were there")


def meter(folder: Path, made: Made, seconds: float = 60.0) -> Meter:
    return Meter(RunDirectory(folder), "cpu", lambda device: made, seconds)


def test_one_part(tmp_path: Path) -> None:
    with meter(tmp_path, Made()) as measured:
        pass
    assert measured.told() == {"kwh": 1e-5, "of": "CPU"}
    measured.forget()
    assert list(tmp_path.iterdir()) == []


def test_it_is_read_while_training_goes_on(tmp_path: Path) -> None:
    made = Made()
    with meter(tmp_path, made, 0.01) as measured:
        until = time.monotonic() + 20
        while made.looks < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert made.looks >= 4
    assert measured.told()["kwh"] == pytest.approx(made.looks * 1e-5)


def test_parts_of_a_resumed_run_add_up(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), meter(tmp_path, Made()):
        (tmp_path / "checkpoint.pt").write_bytes(b"")
        raise KeyboardInterrupt
    with meter(tmp_path, Made()) as second:
        pass
    assert second.told() == {"kwh": 2e-5, "of": "CPU"}


def test_a_part_that_was_not_alone_spoils_the_sum_and_says_why(tmp_path: Path) -> None:
    with meter(tmp_path, Made(alone=False)) as first:
        pass
    assert first.told() == {"kwh": None, "why": "others were there"}
    with meter(tmp_path, Made()) as second:
        pass
    assert second.told() == {"kwh": None, "why": "others were there"}


def test_a_part_before_this_was_measured(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    with meter(tmp_path, Made()) as measured:
        pass
    assert measured.told() == {"kwh": None, "why": BEFORE}


def test_a_file_that_cannot_be_used_is_a_part_that_was_not_measured(tmp_path: Path) -> None:
    for text in ("{", '{"parts": [{"of": "CPU"}]}', "[]", '{"parts": 3}'):
        (tmp_path / ENERGY).write_text(text)
        with meter(tmp_path, Made()) as measured:
            pass
        assert measured.told() == {"kwh": None, "why": BEFORE}, text


def test_parts_on_different_devices_do_not_add_up(tmp_path: Path) -> None:
    with meter(tmp_path, Made(of="GPU (NVML)")):
        pass
    with meter(tmp_path, Made()) as second:
        pass
    assert second.told() == {"kwh": None, "why": "its parts ran on different devices"}


def test_a_driver_that_breaks_stops_no_training(tmp_path: Path) -> None:
    class Broken(Made):
        def joules(self) -> float:
            raise RuntimeError("driver\nlost")

    with meter(tmp_path, Broken()) as measured:
        pass
    assert measured.told() == {"kwh": None, "why": "RuntimeError: driver lost"}

    def find(device: str) -> Made:
        raise OSError("no bus")

    other = tmp_path / "other"
    other.mkdir()
    with Meter(RunDirectory(other), "cpu", find) as measured:
        pass
    assert measured.told() == {"kwh": None, "why": "OSError: no bus"}


def test_a_run_records_its_energy(
    project: Paths, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(project.root)
    looks = iter(range(1, 1000))

    def rapl() -> Rapl:
        found = machine.rapl()
        machine.shows("intel-rapl:1", 7_200_000 * next(looks))  # 7.2 J are 2e-6 kWh
        return found

    monkeypatch.setattr(energy, "Rapl", rapl)
    spec = RunSpec("small", "tiny", 0)
    assert execute(project, spec, RunOptions("cpu", 1), Silent()) == "done"
    path = project.run("tiny", "main", "small", 0) / "run.json"
    assert read_json(path)["energy"] == {"kwh": 2e-6, "of": "CPU and memory (RAPL)"}
    assert not list(project.store.rglob(ENERGY))


def test_restart_forgets_the_energy_of_what_it_forgets(project: Paths) -> None:
    sync(project.root)
    spec = RunSpec("small", "tiny", 0)
    from benchmark.core.params import load_params
    from benchmark.runs.execute import look_up
    from benchmark.runs.store import run_directory

    plan = look_up(project, load_params(project.root), spec)
    folder = run_directory(project.store, plan.identity.run).folder
    write_json(folder / ENERGY, {"parts": [{"of": "", "joules": 0, "why": "of an earlier part"}]})
    execute(project, spec, RunOptions("cpu", 1, restart=True), Silent())
    told = read_json(project.run("tiny", "main", "small", 0) / "run.json")["energy"]
    assert "of an earlier part" not in str(told)
