"""The page over all mixes, the history, and the static site of reports and documentation."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import CHROMIUM, Browser, Look, browser
from make_results import MIX, Plan, make
from support import ROOT
from test_accessibility import AXE, OPEN, RUN
from test_document import Page
from typer.testing import CliRunner

from benchmark.cli import reports as cli_reports
from benchmark.core.errors import MissingDataError, ScoreTableError, StoreError
from benchmark.reports.page.history import COLUMNS, read_history, record, recordings
from benchmark.reports.page.markdown import page
from benchmark.reports.page.overview import overview
from benchmark.reports.page.site import write_site
from benchmark.statistics.results import ABLATIONS

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this project."""
    to = tmp_path_factory.mktemp("made") / "site"
    assert list(write_site(ROOT, to))
    return to


def parsed(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def broken(site: Path) -> list[str]:
    """The links of a site that lead nowhere."""
    found, ids = [], {path.resolve(): set(parsed(path).ids) for path in site.rglob("*.html")}
    for path in ids:
        for link in parsed(path).links:
            name, _, anchor = link.partition("#")
            target = (path.parent / unquote(name)).resolve() if name else path
            if re.match(r"[a-z]+:", link):
                continue
            inside = target.is_relative_to(site.resolve()) and target.is_file()
            if not inside or (anchor and target.suffix == ".html" and anchor not in ids[target]):
                found.append(f"{path.relative_to(site.resolve())}: {link}")
    return found


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    assert len(list(site.rglob("*.html"))) > 20
    assert broken(site) == []


def test_a_broken_link_would_be_found(site: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#c">c</a>')
    assert len(broken(tmp_path)) == 2


def test_the_site_holds_no_image_of_a_dataset(site: Path) -> None:
    for path in site.rglob("gallery.html"):
        assert "<img" not in path.read_text()
        assert "mixseg report --mix" in path.read_text()


def test_a_folder_that_is_no_site_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="an older site, or nothing"):
        list(write_site(ROOT, tmp_path / "mine"))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_site_replaces_an_older_one(tmp_path: Path) -> None:
    list(write_site(ROOT, tmp_path / "site"))
    (tmp_path / "site" / "old.html").write_text("old")
    list(write_site(ROOT, tmp_path / "site"))
    assert not (tmp_path / "site" / "old.html").exists()


def test_a_link_to_nothing_leaves_no_site(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "index.html").write_text("x")
    (tmp_path / "README.md").write_text("# A\n\n[b](docs/none.md)\n")
    with pytest.raises(MissingDataError, match=r"a link to docs/none\.md"):
        list(write_site(tmp_path, tmp_path / "site"))
    assert not (tmp_path / "site").exists()


def test_html_in_markdown_is_text_but_for_a_few_tags() -> None:
    text = f"# A\n\nx<sup>a</sup> <script>alert(1)</script>\n\n{NASTY}\n\n<!-- gone -->\n"
    body = page(text, str, str).body
    assert "<sup>a</sup>" in body
    assert "<script" not in body
    assert "<img" not in body
    assert "gone" not in body


def test_the_page_over_all_mixes_answers(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=4))
    pairs = [(made.study(), made.study("ablations").only(ABLATIONS))]
    path = tmp_path / "history.csv"
    record(path, recordings(made.study(), "2026-01-31"))
    text = overview(pairs, read_history(path))
    assert "has the highest DSC of the unprompted methods" in text
    assert re.search(r"95 % interval 0\.\d{3} to 0\.\d{3}", text)
    for name in ("leaders-mix0", "matrix", "history"):
        assert f'id="table-{name}"' in text
    assert f'href="{MIX}/index.html"' in text
    assert "2026-01-31" in text
    assert "Nothing is recorded yet" in overview(pairs, [])


def test_the_history_has_the_titles_of_today(tmp_path: Path) -> None:
    study = make(tmp_path, Plan(cases=4)).study()
    old = [replace(each, title="An old title") for each in recordings(study, "2026-01-31")]
    gone = replace(old[0], method="gone", title="A removed row")
    text = overview([(study, study.only(ABLATIONS))], [*old, gone])
    assert "An old title" not in text
    assert "A removed row" in text


def test_names_are_text_on_the_page(tmp_path: Path) -> None:
    from make_results import CARDS, card

    made = make(tmp_path, Plan(cases=4, cards=(*CARDS, card("nasty", NASTY))))
    study = made.study()
    text = overview([(study, study.only(ABLATIONS))], recordings(study, "2026-01-31"))
    assert NASTY not in text
    assert "&lt;img" in text


def test_only_what_changed_is_recorded(tmp_path: Path) -> None:
    path, study = tmp_path / "history.csv", make(tmp_path, Plan(cases=4)).study()
    now = recordings(study, "2026-01-31")
    assert record(path, now) == len(now) > 2
    before = path.read_bytes()
    assert record(path, recordings(study, "2026-02-01")) == 0
    assert path.read_bytes() == before
    changed = make(tmp_path / "b", Plan(cases=4, error={"unet": 0.1})).study()
    assert record(path, recordings(changed, "2026-02-01")) == 1
    assert path.read_bytes().startswith(before)
    assert read_history(path)[-1].method == "unet"


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", ",".join(COLUMNS) + "\n2026-01-31,m,u,U,3,much,,\n"], ids=["head", "row"]
)
def test_a_file_that_is_no_history_is_not_touched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(ScoreTableError, match="only appends"):
        record(path, [])
    assert path.read_text() == text


def test_drawn_images_are_neither_recorded_nor_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(tmp_path, Plan(cases=3))
    monkeypatch.setattr(cli_reports, "_results", lambda mix, source: [made.results()])
    done = CliRunner().invoke(cli_reports.app, ["report", "--record"])
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "reports" / "index.html").exists()
    assert read_history(tmp_path / "results" / "history.csv") == []


def test_the_committed_history_is_one() -> None:
    path = ROOT / "results" / "history.csv"
    found = read_history(path)
    assert {each.mix for each in found} >= {"open128"}
    with path.open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + len(found)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


PAGES = ("index.html", "docs/own-data.html", "docs/measured.html", "baselines/README.html",
         "reports/index.html", "reports/open128/index.html",
         "reports/open128/gallery.html")  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("look", [Look(390, dark=True), Look(1280)], ids=str)
def test_pages_open_well(chromium: Browser, site: Path, name: str, look: Look) -> None:
    tab = chromium.open(site / name, look)
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith("data:")] == [(site / name).as_uri()]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.evaluate(wide) <= 0


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed by npm")
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(
    chromium: Browser, site: Path, name: str, width: int, dark: bool
) -> None:
    tab = chromium.open(site / name, Look(width, dark))
    tab.evaluate(OPEN)
    tab.evaluate(f"{AXE.read_text(encoding='utf-8')};0")
    assert tab.evaluate(RUN) == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_narrow_screen_shows_the_mean_first(chromium: Browser, site: Path) -> None:
    tab = chromium.open(site / "reports/open128/index.html", Look(390))
    cell = "document.querySelector('#table-main tbody tr:not(.block)').cells[1]"
    right = tab.evaluate(f"{cell}.getBoundingClientRect().right")
    assert right <= 390
    head = "document.querySelector('#table-main .heads').cells[1].dataset.group"
    assert tab.evaluate(head) == "Mean over modalities"


def test_the_workflow_may_only_publish() -> None:
    import yaml

    flow = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text())
    assert flow["permissions"] == {"contents": "read"}
    assert flow["jobs"]["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert "permissions" not in flow["jobs"]["build"]
    assert any(step.get("run") == "make site" for step in flow["jobs"]["build"]["steps"])
