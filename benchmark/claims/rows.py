"""The rows of a mix that stand for the methods of a claim.

**Conventions** A method that the mix does not plan is replaced by the stand-in that params.yaml
names, if any. A stand-in is not held against variants of the method that it stands for: more than
the part that the variant lacks would differ.
"""

from collections.abc import Sequence
from itertools import combinations

from benchmark.statistics.results import MixResults
from benchmark.statistics.table import Entry


class Rows:
    """The rows of one mix by the names that claims use."""

    def __init__(self, results: MixResults) -> None:
        self.results = results

    def entry(self, name: str) -> Entry | None:
        """The row of a method or of its stand-in; None where the mix plans neither."""
        return self.results.standing_for(name)

    def entries(self, names: Sequence[str]) -> list[Entry]:
        """Those that are planned."""
        return [entry for name in names if (entry := self.entry(name))]

    def title(self, name: str) -> str:
        """The title of the row that stands for a method."""
        entry = self.entry(name)
        return self.results.title(entry.name if entry else name)

    def titles(self, names: Sequence[str]) -> str:
        """The title of a difference."""
        return " − ".join(map(self.title, names))

    def methods(self, names: Sequence[str]) -> tuple[str, ...]:
        """The rows that stand for some methods, by their own names."""
        return tuple(entry.name if (entry := self.entry(name)) else name for name in names)

    def stand_ins(self, names: Sequence[str]) -> tuple[str, ...]:
        """Which stand-in stands for which of some methods, in words."""
        found = ((name, self.entry(name)) for name in names)
        return tuple(
            f"{self.results.title(entry.name)} stands in for {self.results.title(name)}"
            for name, entry in found
            if entry and entry.name != name
        )

    def fewest(self, name: str, seeds: int) -> int:
        """The seeds that a method needs: none where it never trains."""
        entry = self.entry(name)
        return seeds if entry and entry.trained else 0

    def not_compared(self, names: Sequence[str]) -> str:
        """Why some methods are not held against each other; empty where they are."""
        gone = [self.results.title(name) for name in names if self.entry(name) is None]
        if gone:
            return f"{' and '.join(gone)} not planned on this mix"
        for name in names:
            variant = next((each for each in names if self._base(each) == name), None)
            if variant and self.methods([name]) != (name,):
                one, other = self.title(variant), self.results.title(name)
                return f"not compared: {one} is a variant of {other}, not of its stand-in"
        for pair in combinations(self.entries(names), 2):
            if self.results.unlike(*pair):
                began = (
                    f"{e.title} started from {self.results.initialisation(e)} weights" for e in pair
                )
                return f"not compared: {', '.join(began)}"
        return ""

    def _base(self, name: str) -> str:
        entry = self.results.entry(name)
        card = self.results.card(entry) if entry else None
        return (card.base or "") if card else ""
