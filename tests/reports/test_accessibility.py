"""axe-core finds nothing serious on the pages: `npm install --no-save axe-core` in the root."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, Look, browser
from make_results import CARDS, VARIANTS, Plan, make, write_cost

from benchmark.reports.page.document import write_report

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
RUN = (
    "axe.run().then((found) => found.violations.map((v) =>"
    " `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).slice(0, 3).join(' | ')}`))"
)
# Everything that a reader may open is open.
OPEN = (
    "document.querySelectorAll('details.folded, details.index').forEach((e) => { e.open = true; });"
    "document.querySelectorAll('.switch input').forEach((e) => e.click());"
)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed by npm"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every kind of section."""
    root = tmp_path_factory.mktemp("made")
    made = make(root, Plan(cases=4, maps=True, cards=(*CARDS, *VARIANTS)))
    shutil.rmtree(made.run("main", "unet", 1))
    write_cost(made, "mmsnet")
    write_report(made.results(), root / "to")
    return root / "to"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.parametrize("page", ["index.html", "gallery.html"])
@pytest.mark.parametrize(
    "look", [Look(width, dark) for width in (390, 1280) for dark in (False, True)], ids=str
)
@pytest.mark.parametrize("opened", [False, True], ids=["folded", "opened"])
def test_axe_finds_nothing(
    chromium: Browser, report: Path, page: str, look: Look, opened: bool
) -> None:
    tab = chromium.open(report / page, look)
    if opened:
        tab.evaluate(OPEN)
    tab.evaluate(f"{AXE.read_text(encoding='utf-8')};0")
    assert tab.evaluate(RUN) == []


def test_axe_would_find_something(chromium: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<html lang='en'><title>Bad</title><p style='color: #ddd'>pale</p></html>")
    tab = chromium.open(page)
    tab.evaluate(f"{AXE.read_text(encoding='utf-8')};0")
    assert any("color-contrast" in each for each in tab.evaluate(RUN))
