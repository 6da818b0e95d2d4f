"""Figures are empty in most tests of the reports: to draw them takes two thirds of a report."""

from collections.abc import Iterator
from typing import IO

import pytest
from matplotlib.figure import Figure

# The files that look into the figures.
DRAWN = frozenset({"test_figures.py", "test_stored_map_sections.py"})


def _empty(figure: Figure, to: IO[str], **options: object) -> None:
    to.write('<svg version="1.1" viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"></svg>')


@pytest.fixture(autouse=True, scope="module")
def empty_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.path.name in DRAWN:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", _empty)
        yield
