"""Full disks, other file systems, read-only folders, few open files, odd clocks."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from made_project import (
    KEPT,
    REPORT,
    RUN,
    Fault,
    command,
    copy,
    differing,
    facts,
    killed,
    last_line,
    left_behind,
    mounted,
    words_of,
)
from support import command_environment

STORE, ARTEFACTS, RESULTS = "work/store", "artefacts", "results"


def full_disk(base: Path, work: Path, wanted: dict[str, object]) -> Fault:
    """A run whose disk fills up, then has room again."""
    fault = Fault("disk full: store, artefacts, results", "one line says so; then the same bytes")

    def filled(root: Path, folder: str) -> None:
        _says(fault, command(root, *RUN), "the disk is full", folder)
        subprocess.run(["mount", "-o", "remount,size=64m", str(root / folder)], check=True)
        _same(fault, root, _without(wanted, base, folder), folder)

    # 12 KiB hold a lock and a record, and neither the maps nor a checkpoint.
    return _mounted_at(fault, (base, work), (STORE, ARTEFACTS, RESULTS), "size=12k", filled)


def read_only(base: Path, work: Path, wanted: dict[str, object]) -> Fault:
    """Folders that cannot be written to, then can."""
    fault = Fault("read-only store, artefacts, results", "one line says so; then the same bytes")

    def refused(root: Path, folder: str) -> None:
        _says(fault, command(root, *RUN), "cannot be written to", folder)
        subprocess.run(["mount", "-o", "remount,rw,size=64m", str(root / folder)], check=True)
        _same(fault, root, _without(wanted, base, folder), folder)

    return _mounted_at(fault, (base, work), (STORE, ARTEFACTS, RESULTS), "ro", refused)


def other_file_systems(base: Path, work: Path, wanted: dict[str, object]) -> Fault:
    """Results or artefacts on another file system than the store."""
    fault = Fault("results, artefacts on another file system than the store", "same bytes")

    def ran(root: Path, folder: str) -> None:
        _same(fault, root, _without(wanted, base, folder), folder)

    return _mounted_at(fault, (base, work), (RESULTS, ARTEFACTS), "size=64m", ran)


def _mounted_at(
    fault: Fault, places: tuple[Path, Path], folders: tuple[str, ...], options: str,
    tried: Callable[[Path, str], None],
) -> Fault:  # fmt: skip
    """Tries something in a copy for each folder, while a file system of its own lies there."""
    base, work = places
    for folder in folders:
        root = copy(base, work / folder.replace("/", "-"))
        try:
            with mounted(root / folder, options):
                fault.tried += 1
                tried(root, folder)
        except PermissionError as error:
            fault.skipped = f"nobody may mount here ({error})"
    return fault


def _without(wanted: dict[str, object], base: Path, folder: str) -> dict[str, object]:
    """Less what lay in the folder before: the file system that is mounted there hides it."""
    return {name: value for name, value in wanted.items() if name not in facts(base, folder)}


def _says(fault: Fault, done: "subprocess.CompletedProcess[str]", text: str, which: str) -> None:
    if done.returncode == 0:
        fault.wrong.append(f"{which}: no error")
    elif text not in done.stderr or "Traceback" in done.stderr:
        fault.wrong.append(f"{which}: {last_line(done)}")


def _same(fault: Fault, root: Path, wanted: dict[str, object], which: str, *before: str) -> None:
    """Runs the run to its end; its files must be those of an undisturbed one."""
    done = command(root, *RUN, before=before)
    if done.returncode:
        fault.wrong.append(f"{which}: {last_line(done)}")
        return
    fault.wrong += [f"{which}: {name} differs" for name in differing(wanted, facts(root, *KEPT))]
    fault.wrong += [f"{which}: {name} is left" for name in left_behind(root)]


def clock_set_back(base: Path, work: Path, wanted: dict[str, object], seconds: float) -> Fault:
    """A run that is killed, and goes on a day earlier."""
    fault = Fault("clock set back a day between two halves of a run", "same bytes")
    if shutil.which("faketime") is None:
        fault.skipped = "faketime is not installed"
        return fault
    root = copy(base, work / "clock")
    fault.tried = 1
    killed(root, words_of(*RUN), 0.8 * seconds, command_environment())
    _same(fault, root, wanted, "a day earlier", "faketime", "-f", "-1d")
    return fault


def two_drivers(base: Path, work: Path) -> Fault:
    """Two `run --all` at once on one store."""
    fault = Fault("two drivers at once on one store", "each run trained once; same bytes")
    words = ("run", "--all", "--mix", "tiny")
    alone, both = copy(base, work / "alone"), copy(base, work / "both")
    command(alone, *words)
    drivers = [
        subprocess.Popen(
            words_of(*words), cwd=both, env=command_environment(), text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [driver.communicate(timeout=300)[1] for driver in drivers]
    fault.tried = 1
    if any("Traceback" in text for text in said):
        fault.wrong.append("a traceback")
    done = command(both, *words)  # what one of them left to the other
    if done.returncode:
        fault.wrong.append(last_line(done))
    fault.wrong += differing(facts(alone, *KEPT), facts(both, *KEPT))
    fault.wrong += left_behind(both)
    return fault


def few_open_files(base: Path, work: Path, wanted: dict[str, object]) -> Fault:
    """A run and a report that may open 64 files."""
    fault = Fault("64 open files: run, report", "same bytes")
    root, limit = copy(base, work / "files"), ("bash", "-c", 'ulimit -n 64; exec "$@"', "few")
    fault.tried = 2
    _same(fault, root, wanted, "run", *limit)
    done = command(root, *REPORT, before=limit)
    fault.wrong += [last_line(done)] if done.returncode else []
    return fault


def no_home(base: Path, work: Path, wanted: dict[str, object]) -> Fault:
    """A run and a report without HOME, as a user whom the machine does not know."""
    fault = Fault("no HOME: run, report", "same bytes")
    root = copy(base, work / "home")
    bare = {key: value for key, value in command_environment().items() if key != "HOME"}
    bare = {key: value for key, value in bare.items() if not key.startswith("XDG_")}
    for words in (RUN, REPORT):
        fault.tried += 1
        done = command(root, *words, environment=bare)
        fault.wrong += [last_line(done)] if done.returncode else []
    fault.wrong += [f"{name} differs" for name in differing(wanted, facts(root, *KEPT))]
    return fault
