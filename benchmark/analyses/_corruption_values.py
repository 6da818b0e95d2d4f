"""Means over severities and corruptions, and the error beside that of the U-Net."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.summary import NONE, Value, value
from benchmark.analyses.measures.corruption_sets import AXIS, CLEAN, CORRUPTIONS, GENERIC
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd

ALL = "generic"  # the mean over the generic corruptions
UNDER = 0.005  # a fall of the U-Net below this divides nothing
# The paper's U-Net, told by the titles of its rows: the first that was measured.
U_NETS = ("U-Net (ResNet-34)", "U-Net (ResNet-50)")


def named_of(family: str) -> list[str]:
    """The corruptions of a family."""
    return [name for name, each in CORRUPTIONS.items() if each.family == family]


def reference_row(measured: Measured) -> Entry | None:
    """The U-Net that errors are divided by; None where none was measured."""
    titles = {entry.title: entry for entry in measured.rows()}
    return next((titles[title] for title in U_NETS if title in titles), None)


def severities_of(measured: Measured) -> str:
    """The severities that were measured, in words."""
    return ", ".join(map(str, Corrupted.of(measured).severities))


def clean_gap(measured: Measured) -> float:
    """The largest difference of a clean DSC from the stored one."""
    clean = measured.table[measured.table["corruption"] == CLEAN]
    return float((clean["dsc"] - clean["stored"]).abs().max())


class Corrupted:
    """What was measured, averaged as the tables want it."""

    @classmethod
    def of(cls, measured: Measured) -> "Corrupted":
        """Made once for all tables and figures of what was measured."""
        found: Corrupted = vars(measured).setdefault("corrupted", cls(measured))
        return found

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self._values: dict[tuple[object, ...], Value | None] = {}

    @cached_property
    def names(self) -> list[str]:
        """The corruptions that were measured, in their order."""
        found = set(self.measured.table["corruption"])
        return [name for name in CORRUPTIONS if name in found]

    @cached_property
    def severities(self) -> list[int]:
        """Those that were measured, without 0, which is the clean picture."""
        return sorted(int(each) for each in self.measured.table["severity"].unique() if each)

    @cached_property
    def _parts(self) -> Mapping[tuple[str, str, str], "pd.DataFrame"]:
        grouped = self.measured.table.groupby(["method", "dataset", "corruption"], sort=False)
        return {(str(m), str(d), str(c)): part for (m, d, c), part in grouped}

    def applies(self, name: str, dataset: str) -> bool:
        """Whether a corruption was measured on a set."""
        return any((e.name, dataset, name) in self._parts for e in self.measured.rows())

    def rows(self, entry: Entry, dataset: str, under: str) -> "pd.DataFrame | None":
        """The lines of a row on a set under a corruption, or under `ALL` generic ones.

        Returns: None where one of them was not measured.
        """
        import pandas as pd

        generic = [name for name in named_of(GENERIC) if name in self.names]
        wanted = generic if under == ALL else [under]
        found = [self._parts.get((entry.name, dataset, name)) for name in wanted]
        here = [part for part in found if part is not None]
        return pd.concat(here) if here and len(here) == len(found) else None

    def value(
        self, entry: Entry, dataset: str, under: str, column: str, severity: int = 0
    ) -> Value | None:
        """The mean over severities, or at one, with the interval over trainings and cases."""
        key = (entry.key, dataset, under, column, severity)
        if key not in self._values:
            rows = self.rows(entry, dataset, under)
            if rows is not None and severity:
                rows = rows[rows["severity"] == severity]
            self._values[key] = None if rows is None else _mean(rows, column, entry.trained)
        return self._values[key]

    def fall(self, entry: Entry) -> float | None:
        """How far DSC falls under the generic corruptions, on the mean over test sets."""
        falls = [self._fall(entry, dataset, ALL) for dataset in self.measured.sets()]
        known = [fall for fall in falls if fall is not None]
        return sum(known) / len(known) if known and len(known) == len(falls) else None

    def fall_under(self, entry: Entry, name: str) -> float | None:
        """How far DSC falls under a corruption, on the mean over the sets that it applies to."""
        falls = [self._fall(entry, dataset, name) for dataset in self.measured.sets()]
        known = [fall for fall in falls if fall is not None]
        return sum(known) / len(known) if known else None

    def mean_fall(self, name: str) -> float | None:
        """The same on the mean over rows."""
        falls = [self.fall_under(entry, name) for entry in self.measured.rows()]
        known = [fall for fall in falls if fall is not None]
        return sum(known) / len(known) if known else None

    def _fall(self, entry: Entry, dataset: str, under: str) -> float | None:
        sides = [self.value(entry, dataset, one, "dsc") for one in (CLEAN, under)]
        return None if sides[0] is None or sides[1] is None else sides[0].mean - sides[1].mean

    def ratio(self, entry: Entry, dataset: str, *, relative: bool) -> Value | None:
        """Error beside that of the U-Net, the mean over generic corruptions; no interval.

        Args:
            relative: of the fall from the clean pictures, in the place of the error 1 - DSC.

        Source: mCE and relative mCE of Hendrycks and Dietterich, ICLR 2019, with the U-Net in the
            place of their network.
        """
        import pandas as pd

        base = reference_row(self.measured)
        if base is None:
            return None
        own, other = (self._errors(one, dataset, relative) for one in (entry, base))
        below = {name: part.mean() for name, part in other.items()}
        names = [n for n in own if n in below and below[n] >= (UNDER if relative else 1e-9)]
        if not names:
            return None
        seeds = pd.concat([own[name] / below[name] for name in names], axis=1).mean(axis=1)
        cases = len(set(self._parts[entry.name, dataset, names[0]]["case"]))
        sd = float(seeds.std(ddof=1)) if len(seeds) > 1 else NONE
        return Value(float(seeds.mean()), NONE, NONE, sd, len(seeds), cases)

    def _errors(self, entry: Entry, dataset: str, relative: bool) -> Mapping[str, "pd.Series"]:
        """By generic corruption the error of each seed."""
        clean = self._parts.get((entry.name, dataset, CLEAN))
        found = {}
        for name in named_of(GENERIC):
            part = self._parts.get((entry.name, dataset, name))
            if part is not None and clean is not None:
                top = clean.groupby("seed")["dsc"].mean() if relative else 1.0
                found[name] = top - part.groupby("seed")["dsc"].mean()
        return found

    def by_severity(self, entry: Entry, dataset: str, column: str) -> Sequence[tuple[int, Value]]:
        """Severity 0 and those measured, each with the mean over the generic corruptions."""
        found = [(0, self.value(entry, dataset, CLEAN, column))]
        for severity in self.severities:
            found.append((severity, self.value(entry, dataset, ALL, column, severity)))
        return [(severity, one) for severity, one in found if one is not None]


def shown_names(found: Corrupted) -> list[str]:
    """The corruptions of the heat map: all but the finer axis."""
    return [name for name in found.names if CORRUPTIONS[name].family != AXIS]


def _mean(rows: "pd.DataFrame", column: str, trained: bool) -> Value | None:
    """Each corruption counts alike, and each of its severities."""
    if rows.empty:
        return None
    keys = ["seed", "case", "group"]
    each = rows.groupby([*keys, "corruption"], sort=False)[column].mean()
    return value(each.groupby(keys, sort=False).mean().reset_index(), column, trained=trained)
