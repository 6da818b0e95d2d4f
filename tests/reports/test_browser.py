"""The page in a real browser: no errors, nothing fetched, sorting, filtering, links, keyboard."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser import CHROMIUM, Browser, Look, Tab, browser
from make_results import CARDS, VARIANTS, Plan, card, make, write_cost

from benchmark.reports.page.document import write_report

NASTY = "<img src=x onerror=alert(1)> R&D_50% $x$ {{ 1 }}"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with missing runs, ablations, a prompted method and a name with markup."""
    root = tmp_path_factory.mktemp("made")
    cards = (*CARDS, card("nasty", NASTY), *VARIANTS)
    made = make(root, Plan(cases=4, maps=True, cards=cards))
    shutil.rmtree(made.run("main", "unet", 1))
    write_cost(made, "mmsnet")
    write_report(made.results(), root / "to")
    return root / "to"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def tab(chromium: Browser, report: Path) -> Tab:
    return chromium.open(report / "index.html")


@pytest.mark.parametrize("page", ["index.html", "gallery.html"])
@pytest.mark.parametrize("look", [Look(), Look(390, dark=True), Look(scripts=False)], ids=str)
def test_opens_without_errors_or_requests(
    chromium: Browser, report: Path, page: str, look: Look
) -> None:
    tab = chromium.open(report / page, look)
    assert tab.errors == []
    outside = [url for url in tab.requests if not url.startswith("data:")]
    assert outside == [(report / page).as_uri()]
    assert tab.evaluate("document.querySelectorAll('h2').length") > 3
    # nothing but what scrolls on its own is wider than the screen
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.evaluate(wide) <= 0


def test_an_error_would_be_seen(chromium: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<img src='https://example.invalid/x.png'><script>undefined.x</script>")
    tab = chromium.open(page)
    assert any("TypeError" in error for error in tab.errors)
    assert "https://example.invalid/x.png" in tab.requests


def test_dark_and_light_differ(chromium: Browser, report: Path) -> None:
    ask = "getComputedStyle(document.body).backgroundColor"
    looks = (Look(dark=True), Look(dark=False))
    assert len({chromium.open(report / "index.html", look).evaluate(ask) for look in looks}) == 2


def test_a_name_with_markup_is_text(tab: Tab) -> None:
    assert tab.evaluate("document.querySelectorAll('img').length") == 0
    found = "[...document.querySelectorAll('th')].some((th) => th.dataset.sort === NAME)"
    assert tab.evaluate(f"(() => {{ const NAME = {NASTY!r}; return {found}; }})()")


def column(table: str, number: int) -> str:
    """The sort keys of a column, block by block."""
    return (
        f"[...document.querySelectorAll('#table-{table} tbody')].map((body) =>"
        " [...body.rows].filter((row) => !row.classList.contains('block'))"
        f".map((row) => JSON.parse(row.cells[{number}].dataset.sort ?? 'null')))"
    )


def test_a_click_on_a_heading_sorts_within_blocks(tab: Tab) -> None:
    button = "document.querySelectorAll('#table-main .heads button')[1]"
    for order in ("descending", "ascending"):
        tab.evaluate(f"{button}.click()")
        assert tab.evaluate(f"{button}.closest('th').ariaSort ?? {button}.closest('th')"
                            ".getAttribute('aria-sort')") == order  # fmt: skip
        blocks = tab.evaluate(column("main", 1))
        assert len(blocks) > 2
        assert max(map(len, blocks)) > 2
        for values in blocks:
            known = [value for value in values if value is not None]
            assert known == sorted(known, reverse=order == "descending")
            assert values[: len(known)] == known  # what has no value goes last


def test_the_keyboard_sorts(tab: Tab) -> None:
    button = "document.querySelectorAll('#table-main .heads button')[4]"
    tab.evaluate(f"{button}.focus()")
    tab.press("Enter", 13, "\r")
    assert tab.evaluate(f"{button}.closest('th').hasAttribute('aria-sort')")


def test_filters_hide_rows_and_columns(tab: Tab) -> None:
    tab.evaluate(
        "(() => { const tools = document.querySelector('#table-main .tools');"
        " const set = (control, value) => { control.value = value;"
        " control.dispatchEvent(new Event('input')); };"
        " set(tools.querySelector('input'), 'u-net++');"
        " set(tools.querySelectorAll('select')[0],"
        " tools.querySelectorAll('select')[0].options[1].value); })()"
    )
    rows = "[...document.querySelectorAll('#table-main tbody tr:not(.block)')]"
    shown = tab.evaluate(
        f"{rows}.filter((r) => r.checkVisibility()).map((r) => r.cells[0].innerText)"
    )
    assert len(shown) == 1
    assert shown[0].startswith("U-Net++")
    heads = "[...document.querySelectorAll('#table-main .heads th')]"
    assert tab.evaluate(f"{heads}.filter((h) => h.checkVisibility()).length") == 1 + 3
    assert tab.evaluate("document.querySelector('#table-main output').textContent").startswith(
        "1 of"
    )


def test_without_scripts_every_number_is_there(chromium: Browser, report: Path) -> None:
    tab = chromium.open(report / "index.html", Look(scripts=False))
    assert tab.evaluate("document.querySelectorAll('.tools, thead button').length") == 0
    rows = (
        "[...document.querySelectorAll('#table-main tbody tr')].every((r) => r.checkVisibility())"
    )
    assert tab.evaluate(rows)
    small = "[...document.querySelectorAll('#table-main td small, #table-main .sd')]"
    assert tab.evaluate(f"{small}.length > 9 && {small}.every((e) => e.checkVisibility())")


def test_a_cell_shows_one_number_until_intervals_are_asked_for(
    chromium: Browser, report: Path
) -> None:
    tab = chromium.open(report / "index.html")
    small = "[...document.querySelectorAll('#table-main td small, #table-main .sd')]"
    assert tab.evaluate(f"{small}.length > 9 && {small}.every((e) => !e.checkVisibility())")
    tab.evaluate("document.querySelector('#table-main .switch input').click()")
    assert tab.evaluate(f"{small}.every((e) => e.checkVisibility())")
    assert tab.evaluate("location.hash") == "#table-main?intervals=shown"


def test_the_address_holds_the_view_of_a_table(chromium: Browser, report: Path) -> None:
    tab = chromium.open(report / "index.html")
    tab.evaluate(
        "(() => { const set = (control, value) => { control.value = value;"
        " control.dispatchEvent(new Event('input')); };"
        " const [group, label] = document.querySelectorAll('#table-main .tools select');"
        " set(document.querySelector('#table-main .tools input'), 'u-net');"
        " set(label, label.options[1].value);"
        " document.querySelectorAll('#table-main .heads button')[1].click(); })()"
    )
    state = (
        "[...document.querySelectorAll('#table-main :is(th, td)')]"
        ".filter((e) => e.checkVisibility()).map((e) => e.innerText)"
    )
    before, view = tab.evaluate(state), tab.evaluate("location.href")
    assert view.endswith("#table-main?rows=u-net&label=DSC+%E2%86%91&sort=1-descending")
    again = chromium.open(report / "index.html")
    assert again.evaluate(state) != before
    again.evaluate(f"location.hash = {json.dumps(view.partition('#')[2])}")
    again.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert again.evaluate(state) == before
    assert again.errors == []


@pytest.mark.parametrize(
    "view", ["sort=99-ascending", "sort=<b>", "label=none&group=none", "sort=1-x&rows=%", "?"]
)
def test_an_address_that_fits_nothing_does_no_harm(
    chromium: Browser, report: Path, view: str
) -> None:
    tab = chromium.open(report / "index.html")
    rows = "[...document.querySelectorAll('#table-main tr')].filter((r) => r.checkVisibility())"
    count = tab.evaluate(f"{rows}.length")
    tab.evaluate(f"location.hash = {json.dumps('table-main?' + view)}")
    tab.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert tab.errors == []
    assert "rows=" in view or tab.evaluate(f"{rows}.length") == count


def test_the_mean_stands_on_a_narrow_screen_and_names_stay(chromium: Browser, report: Path) -> None:
    tab = chromium.open(report / "index.html", Look(390))
    cell = "document.querySelector('#table-main tbody tr:not(.block)').cells"
    first = tab.evaluate("document.querySelector('#table-main .spans th').textContent")
    assert first.startswith("Mean over")
    assert tab.evaluate(f"{cell}[1].getBoundingClientRect().right <= 390")
    left = tab.evaluate(f"{cell}[0].getBoundingClientRect().left")
    tab.evaluate("document.querySelector('#table-main .scroll').scrollLeft = 300")
    assert tab.evaluate(f"{cell}[0].getBoundingClientRect().left") == left


def test_a_link_to_a_folded_table_unfolds_it(chromium: Browser, report: Path) -> None:
    tab = chromium.open(report / "index.html")
    folded = "document.querySelector('#table-claims-not-run')"
    assert not tab.evaluate(f"{folded}.checkVisibility()")
    tab.evaluate("location.hash = 'table-claims-not-run'")
    tab.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert tab.evaluate(f"{folded}.checkVisibility()")


@pytest.mark.parametrize("page", ["index.html", "gallery.html"])
@pytest.mark.parametrize("width", [390, 1280])
def test_contents_stand_beside_a_wide_page_and_fold_on_a_narrow_one(
    chromium: Browser, report: Path, page: str, width: int
) -> None:
    tab = chromium.open(report / page, Look(width))
    wide = width == 1280
    shown = (
        "[...document.querySelectorAll('.contents .beside a')].filter((a) => a.checkVisibility())"
    )
    assert (tab.evaluate(f"{shown}.length") > 3) == wide
    folded = "document.querySelector('.contents details')"
    assert tab.evaluate(f"{folded}.checkVisibility() && !{folded}.open") == (not wide)
    if wide:  # to the left of the text, and all of it on the screen
        edge = tab.evaluate("document.querySelector('main').getBoundingClientRect().left")
        assert tab.evaluate(f"{shown}.every((a) => a.getBoundingClientRect().right <= {edge})")
        assert tab.evaluate(f"{shown}.every((a) => a.getBoundingClientRect().left >= 0)")
    else:
        tab.evaluate(f"{folded}.querySelector('summary').click()")
        assert tab.evaluate(
            f"[...{folded}.querySelectorAll('a')].every((a) => a.checkVisibility())"
        )
        tab.evaluate(f"{folded}.querySelector('a[href^=\"#\"]').click()")
        assert not tab.evaluate(f"{folded}.open")


def test_links_inside_the_page_resolve(tab: Tab) -> None:
    gone = tab.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) =>"
        " !document.getElementById(decodeURIComponent(a.hash.slice(1)))).map((a) => a.hash)"
    )
    assert gone == []
    named = tab.evaluate(
        "[...document.querySelectorAll('.table, main figure')].every((e) => e.id &&"
        " document.querySelector(`.index a[href='#${e.id}']`))"
    )
    assert named  # every table and figure has its anchor, and its entry among all


def test_files_that_are_linked_are_there(tab: Tab, report: Path) -> None:
    links = tab.evaluate(
        "[...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href'))"
        ".filter((href) => !href.startsWith('#'))"
    )
    assert len(links) > 40
    assert [link for link in links if not (report / link).is_file()] == []


def test_it_prints(tab: Tab, tmp_path: Path) -> None:
    tab.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.skipif(shutil.which("mutool") is None, reason="no mutool on this machine")
def test_no_printed_page_ends_with_the_heading_of_a_section(tab: Tab, tmp_path: Path) -> None:
    tab.pdf(tmp_path / "page.pdf")
    command = ["mutool", "draw", "-q", "-F", "stext", str(tmp_path / "page.pdf")]
    found = subprocess.run(command, capture_output=True, check=True).stdout
    headings = tab.evaluate(
        "[...document.querySelectorAll('h2, .answers dt')].map((e) => e.textContent.split(' #')[0])"
    )
    seen, last = set(), []
    for page in ElementTree.fromstring(found).iter("page"):
        ends = []
        for line in page.iter("line"):
            text = "".join(char.get("c", "") for char in line.iter("char"))
            ends.append((float(line.get("bbox", "").split()[3]), text.strip()))
        seen |= {text for _, text in ends}
        last.append(max(ends, default=(0.0, ""))[1])
    assert len(seen & set(headings)) > 15
    assert [text for text in last if text in headings] == []
