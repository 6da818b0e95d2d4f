"""How commands grow with the results: each in a process of its own, in a project of made tables.

A size is rows x seeds x cases, the cases in each of four test sets. An exponent compares with the
nearest smaller size that differs in one of the three alone: CPU seconds ~ rows^0.9, for example.
CPU seconds and the memory are those of the command with its child processes; the memory is that of
the largest process. Other work on the machine lengthens the wall time, and the CPU time a little.
"""

import math
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.speed.made_project import MIX, make_project, settle
from benchmark.speed.process import Used, command

SIZES = "4x5,20x5,20x20,80x5,200x5"
CASES = 100
NUMBERS = ("rows", "seeds", "cases")
COMMANDS = {
    "report": ("mixseg", "report", "--mix", MIX),
    "tables": ("mixseg", "tables", "--mix", MIX),
    "status": ("mixseg", "status", "--mix", MIX),
    "idle repro": ("dvc", "repro", f"report@{MIX}"),
}
LAST = "idle repro"
NONE = "–"
Row = dict[str, Any]
Size = tuple[int, int, int]  # rows, seeds, cases


@dataclass
class _Measured:
    """What was measured so far, and the project of the present size.

    Attributes:
        code: the project whose code is measured.
        found: by command and size, CPU seconds, MiB and bytes of the page.
    """

    code: Path
    found: dict[tuple[str, Size], dict[str, float]] = field(default_factory=dict)
    folder: tempfile.TemporaryDirectory[str] | None = None

    def measure(self, name: str, size: Size, _: str) -> Row:
        """One command in the project of a size, which the first command of that size makes."""
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory(prefix="growth-")
            rows, seeds, cases = size
            make_project(self.code, Path(self.folder.name), rows=rows, seeds=seeds, cases=cases)
            command(Path(self.folder.name), sys.executable, "-m", "compileall", "-q", "benchmark")
        root = Path(self.folder.name)
        if name == LAST:
            settle(root)
        used = command(root, *COMMANDS[name])
        page = Paths(root).reports(MIX) / "index.html"
        row = self.row(name, size, used, page.stat().st_size if name == "report" else 0)
        if name == LAST:
            self.folder.cleanup()
            self.folder = None
        return row

    def row(self, name: str, size: Size, used: Used, page: int) -> Row:
        """What is printed of a measurement."""
        now = {"CPU": used.cpu_s, "memory": used.peak_mib, "page": page}
        earlier = [other for command, other in self.found if command == name]
        self.found[name, size] = now
        before = nearest(size, earlier)
        told = {f"{what} ~": NONE for what in now}
        if before:
            number, old = before
            past = self.found[name, old]
            ratio = math.log(size[NUMBERS.index(number)] / old[NUMBERS.index(number)])
            for what, value in now.items():
                if value and past[what]:
                    told[f"{what} ~"] = f"{number}^{math.log(value / past[what]) / ratio:.2f}"
        return {
            "runs": size[0] * size[1], "wall, s": used.wall_s, "CPU, s": used.cpu_s,
            "peak, MiB": round(used.peak_mib), "page, MB": round(page / 1e6, 2) if page else NONE,
            **told,
        }  # fmt: skip


def nearest(size: Size, earlier: Sequence[Size]) -> tuple[str, Size] | None:
    """The nearest smaller size that differs in one number, and which; None without one."""
    alike = []
    for other in earlier:
        differ = [k for k in range(len(NUMBERS)) if other[k] != size[k]]
        if len(differ) == 1 and other[differ[0]] < size[differ[0]]:
            alike.append((math.prod(other), NUMBERS[differ[0]], other))
    return max(alike)[1:] if alike else None


def parts(root: Path, sizes: str | None = None) -> dict[str, Callable[[str], Row]]:
    """What is measured: every command at every size.

    Args:
        sizes: as in SIZES; the cases may be left out.

    Raises: ParamsError for what is no size.
    """
    measured = _Measured(root)
    return {
        f"{name}, {rows} rows x {seeds} seeds x {cases} cases": partial(
            measured.measure, name, (rows, seeds, cases)
        )
        for rows, seeds, cases in sizes_of(sizes or SIZES)
        for name in COMMANDS
    }


def sizes_of(text: str) -> list[Size]:
    """Sizes from their text, 20x5 or 20x5x100, with commas between.

    Raises: ParamsError.
    """
    found = []
    for word in text.split(","):
        said = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)(?:x([1-9]\d*))?", word.strip())
        if said is None:
            raise ParamsError(
                "--sizes", repr(word), "rows x seeds, and cases, such as 20x5 or 20x5x100",
                "Give whole numbers with an x between, and commas between sizes.",
            )  # fmt: skip
        rows, seeds, cases = said.groups()
        found.append((int(rows), int(seeds), int(cases or CASES)))
    return list(dict.fromkeys(found))
