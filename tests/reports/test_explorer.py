"""The page of cases in a real browser, opened as a file."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser, Look, Tab, browser
from make_results import CARDS, Made, Plan, card, make
from test_accessibility import AXE, RUN

from benchmark.reports.page.document import write_report

NASTY = "</script><img src=x onerror=alert(1)>"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("made")
    made = make(root, Plan(cases=9, maps=True, cards=(*CARDS, card("nasty", NASTY))))
    shutil.rmtree(made.run("main", "unetpp", 1))
    write_report(made.results(), root / "to")
    return made


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def tab(chromium: Browser, made: Made) -> Tab:
    return chromium.open(made.paths.root / "to" / "cases.html")


def rows(tab: Tab, table: str) -> list[list[str]]:
    found = tab.evaluate(
        f"[...document.querySelectorAll('#{table} tbody tr')].map((r) =>"
        " [...r.cells].map((c) => c.innerText))"
    )
    assert isinstance(found, list)
    return found


def choose(tab: Tab, tools: str, value: str) -> None:
    tab.evaluate(
        f"(() => {{ const s = document.querySelector('#{tools} select'); s.value = {value!r};"
        " s.dispatchEvent(new Event('input')); })()"
    )


def test_every_case_is_a_row(tab: Tab, made: Made) -> None:
    assert tab.errors == []
    cases = [case for each in made.study().table.sets for case in each.cases]
    shown = rows(tab, "case-table")
    assert len(shown) == len(cases) == 36
    spreads = [float(row[2]) for row in shown]
    assert spreads == sorted(spreads, reverse=True)


def test_a_number_is_that_of_the_scores(tab: Tab, made: Made) -> None:
    table = made.study().table
    entry = next(e for e in table.entries if e.name == "unet")
    values = table.values(entry, "phantom-fundus", "dsc")
    assert values is not None
    heads = tab.evaluate(
        "[...document.querySelectorAll('#case-table th[scope=col]')].map((h) => h.innerText)"
    )
    shown = {row[0]: row for row in rows(tab, "case-table") if row[1] == "Phantom fundus"}
    for case, value in zip(table.sets[0].cases, values.mean(axis=0), strict=True):
        assert abs(float(shown[case][heads.index("U-Net")]) - value) < 6e-4


def test_the_reference_is_chosen_and_the_difference_is_right(tab: Tab, made: Made) -> None:
    titles = tab.evaluate("window.mixsegCases.rows.map((r) => r.title)")
    choose(tab, "difference-tools", str(titles.index("U-Net")))
    table = made.study().table
    means = {}
    for name in ("unet", "mmsnet"):
        entry = next(e for e in table.entries if e.name == name)
        per_set = [table.values(entry, each.name, "dsc") for each in table.sets]
        means[name] = np.mean([values.mean() for values in per_set if values is not None])
    row = next(row for row in rows(tab, "difference-table") if row[0] == "MMSNet")
    value, interval = row[1].replace("−", "-").split("\n")
    assert abs(float(value) - (means["mmsnet"] - means["unet"])) < 6e-4
    low, high = map(float, interval.strip("[]").split(","))
    assert low <= float(value) <= high
    gone = next(row for row in rows(tab, "difference-table") if row[0] == "U-Net++")
    assert gone[1] == "–"  # a seed is missing: no number
    assert "U-Net" not in [row[0] for row in rows(tab, "difference-table")]


def test_what_is_chosen_stands_in_the_address(tab: Tab, chromium: Browser, tmp_path: Path) -> None:
    choose(tab, "case-tools", "phantom-fundus")
    tab.evaluate("document.querySelectorAll('#case-table thead button')[0].click()")
    address = tab.evaluate("location.href")
    assert {row[1] for row in rows(tab, "case-table")} == {"Phantom fundus"}
    tab.send("Page.navigate", url="about:blank")
    chromium.wait_for("Page.loadEventFired")
    tab.send("Page.navigate", url=address)
    chromium.wait_for("Page.loadEventFired")
    shown = rows(tab, "case-table")
    assert {row[1] for row in shown} == {"Phantom fundus"}
    assert [row[0] for row in shown] == sorted(row[0] for row in shown)


def test_links_lead_to_the_pictures(tab: Tab, made: Made) -> None:
    links = tab.evaluate(
        "[...document.querySelectorAll('#case-table a')].map((a) => a.getAttribute('href'))"
    )
    gallery = (made.paths.root / "to" / "gallery.html").read_text()
    assert len(links) > 8
    for link in links:
        assert f'id="{link.split("#")[1]}"' in gallery


def test_names_are_text(tab: Tab) -> None:
    assert tab.evaluate("document.querySelectorAll('img').length") == 0
    titles = tab.evaluate("window.mixsegCases.rows.map((r) => r.title)")
    choose(tab, "difference-tools", str(titles.index("U-Net")))
    assert NASTY in [row[0] for row in rows(tab, "difference-table")]


def test_without_pictures_nothing_links_to_them(made: Made, tmp_path: Path) -> None:
    write_report(made.results(), tmp_path / "to", with_images=False)
    data = (tmp_path / "to" / "cases.js").read_text().split(" = ", 1)[1].rstrip(";\n")
    assert not any(any(each["pictures"]) for each in json.loads(data)["sets"])
    assert "gallery" not in (tmp_path / "to" / "cases.html").read_text().split("<script")[0]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed by npm")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, made: Made, width: int, dark: bool) -> None:
    tab = chromium.open(made.paths.root / "to" / "cases.html", Look(width, dark))
    tab.evaluate(f"{AXE.read_text(encoding='utf-8')};0")
    assert tab.evaluate(RUN) == []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.evaluate(wide) <= 0
