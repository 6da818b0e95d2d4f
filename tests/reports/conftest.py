"""Figures are empty in most tests of the reports: to draw them takes two thirds of a report."""

from collections.abc import Iterator
from typing import IO

import pytest
from matplotlib.figure import Figure

# The files that look into the figures.
DRAWN = frozenset({
    "test_accessibility.py", "test_browser.py", "test_figures.py", "test_many_rows.py",
    "test_strata.py", "test_stored_map_sections.py",
})  # fmt: skip
SAVE = Figure.savefig


def _empty(figure: Figure, to: IO[str], **options: object) -> None:
    to.write('<svg version="1.1" viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"></svg>')


@pytest.fixture(autouse=True, scope="module")
def empty_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in DRAWN:
            patch.setattr(Figure, "savefig", _empty)
        yield


@pytest.fixture
def drawn_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a single test that looks into them."""
    monkeypatch.setattr(Figure, "savefig", SAVE)
