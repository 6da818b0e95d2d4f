"""The page of a mix: whole, self-contained, the same bytes, every name as text."""

import html.parser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from make_results import CARDS, MIX, Made, Plan, card, change, make, make_variants
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.reports.page.document import Headline, write_report, write_tables
from benchmark.reports.page.sections import SECTIONS
from benchmark.reports.page.verify import checks
from benchmark.reports.study import FROM_RANDOM

ROOT = Path(__file__).parents[2]
SECTION_FIGURES = ("scores", "training", "forest", "ranks", "scatter", "tradeoff", "strata",
                   "nemenyi")  # fmt: skip
NASTY = "<script>alert('x')</script> R&D_50% $x$ {{ 1 }}"


class Page(html.parser.HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        self.tags.append(tag)
        self.ids += [fields["id"]] if fields.get("id") else []
        self.links += [fields["href"]] if tag == "a" and fields.get("href") else []
        self.images += [fields] if tag == "img" or fields.get("role") == "img" else []

    def handle_data(self, data: str) -> None:
        self.text += data


def write(made: Made, to: Path) -> Page:
    write_report(made.results(), to)
    return Page((to / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"), Plan(cases=6))


@pytest.fixture(scope="module")
def to(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write(made, folder)
    return folder


@pytest.fixture
def page(to: Path) -> Page:
    return Page((to / "index.html").read_text(encoding="utf-8"))


def test_the_same_bytes_twice_and_nothing_half_written(
    made: Made, to: Path, tmp_path: Path
) -> None:
    write(made, tmp_path)
    files = sorted(path.relative_to(to) for path in to.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert len(files) > 20
    assert not [path for path in files if path.suffix == ".tmp"]
    for path in files:
        assert (to / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_tables_alone_are_those_of_the_report(made: Made, to: Path, tmp_path: Path) -> None:
    list(write_tables(made.results("headline"), tmp_path, "headline"))
    names = sorted(path.name for path in (tmp_path / "tables").iterdir())
    assert names == sorted(path.name for path in (to / "tables").iterdir())
    for name in names:
        ours = (tmp_path / "tables" / name).read_bytes()
        assert ours == (to / "tables" / name).read_bytes(), name


def test_nothing_is_fetched_from_outside(to: Path, page: Page) -> None:
    text = (to / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(https?:)?//", text)
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")
    assert "default-src 'none'" in text
    assert not {"iframe", "object", "embed", "img"} & set(page.tags)


@pytest.mark.parametrize("variants", [False, True])
def test_every_link_resolves(to: Path, page: Page, tmp_path: Path, variants: bool) -> None:
    if variants:
        to, page = tmp_path / "to", write(make_variants(tmp_path, Plan(cases=3)), tmp_path / "to")
    assert len(set(page.ids)) == len(page.ids)
    for link in set(page.links):
        target = link.removeprefix("#")
        assert target in page.ids if link.startswith("#") else (to / link).is_file(), link


def test_every_section_has_its_heading_and_every_figure_its_words(page: Page) -> None:
    sections = [i for i in page.ids if f"#{i}" in page.links and "-note-" not in i and i != "main"]
    # nothing is missing; no further groups, claims, ablations or networks of a single modality
    assert len(set(sections)) >= len(SECTIONS) - 6
    assert sum(tag == "svg" for tag in page.tags) == len(SECTION_FIGURES)
    assert all(image["aria-label"] for image in page.images)
    assert page.tags.count("caption") == page.tags.count("table") > 5


def test_numbers_of_the_table_are_on_the_page(to: Path, page: Page) -> None:
    cell = re.search(r"0\.\d{3} ± 0\.\d{3}", (to / "tables/main.md").read_text(encoding="utf-8"))
    assert cell is not None
    assert cell.group() in page.text


@pytest.mark.usefixtures("drawn_figures")
def test_names_with_markup_are_text(tmp_path: Path) -> None:
    cards = (*CARDS[:1], card("nasty", NASTY, recipe={"lr": 0.1, "why": NASTY}))
    made = make(tmp_path / "made", Plan(cases=3, cards=cards))

    def rename(data: dict) -> None:
        data["datasets"]["phantom-fundus"] |= {"title": NASTY, "licence": NASTY}

    change(made.paths.results(MIX) / "data.json", rename)
    page = write(made, tmp_path / "to")
    assert page.tags.count("script") == 1
    assert page.text.count("<script>alert('x')</script> R&D_50% $x$ {{ 1 }}") > 10
    for path in (tmp_path / "to/tables").glob("*.tex"):
        assert not re.search(r"(?<!\\)[$&_#]x?D_|(?<!\\)_50|(?<!\\)&D", path.read_text("utf-8"))
    svg = (tmp_path / "to/figures/scores.svg").read_text("utf-8")
    assert "&lt;script&gt;alert('x')&lt;/script&gt; R&amp;D_50% $x$ {{ 1 }}" in svg


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every kind of table, and names that are markup."""
    root = tmp_path_factory.mktemp("nasty")
    cards = (
        *CARDS[:3],
        card("nasty", NASTY, group="prompted", prompt="point", recipe={"lr": 0.1, "why": NASTY}),
        card("cut", NASTY, group="ablation", base="unet"),
        card("one", NASTY, group="single", base="unet", modality="fundus"),
        card("theirs", NASTY, group="as-published"),
    )
    made = make(root / "made", Plan(cases=3, cards=cards))
    folder = made.paths.root / "baselines" / "unet"
    folder.mkdir(parents=True)
    (folder / "reported.csv").write_text(
        "method,source,table,dataset,metric,value,protocol,setting\n"
        f"unet,{NASTY},,phantom-fundus,dsc,0.5,,same\n"
    )
    write(made, root / "to")
    return root / "to"


LATEX = r"""\documentclass{article}
\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}\usepackage{booktabs,graphicx}
\let\tiniest\scriptsize\def\scriptsize{\typeout{SMALL}\tiniest}
\begin{document}%s\end{document}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
@pytest.mark.parametrize("before", ["", r"\def\mixsegbrief{}"], ids=["whole", "brief"])
def test_every_table_compiles(nasty: Path, tmp_path: Path, before: str) -> None:
    tables = sorted(nasty.glob("*/*.tex"))
    names = {path.stem for path in tables}
    assert {
        "main",
        "comparisons",
        "draws",
        "ablation",
        "single-modality",
        "claims",
        "reported",
    } <= names
    inputs = "".join(rf"\clearpage\input{{{path}}}" for path in tables)
    (tmp_path / "all.tex").write_text(LATEX % (before + inputs))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert ("SMALL" in done.stdout) == (not before)


def test_intervals_can_be_left_out_of_latex(nasty: Path) -> None:
    text = (nasty / "tables/main.tex").read_text(encoding="utf-8")
    assert text.count(r"\ifdefined\mixsegbrief\else") == text.count("\n\\fi\n") > 3
    inside = re.findall(r"\\ifdefined\\mixsegbrief\\else\n(.*?)\n\\fi", text, re.DOTALL)
    assert all(r"\scriptsize" in part for part in inside)
    assert sum(part.count(r"\scriptsize") for part in inside) == text.count(r"\scriptsize")


def test_missing_runs_and_removed_methods_are_named(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=3))
    shutil.rmtree(made.run("main", "unetpp", 2))
    made.cards[:] = [one for one in made.cards if one.name != "unet"]
    page = write(made, tmp_path / "to")
    assert "U-Net++, seed 2: not run." in page.text
    assert "Ignored: main/unet (3 runs): removed: no card plans it for this mix." in page.text


def test_what_ran_from_random_weights_is_marked_in_every_table(made: Made) -> None:
    """All methods of the made project that are trained began from random weights."""
    grids = Headline.of(made.study()).grids()
    touched = set()
    for name, grid in grids.items():
        random = {mark for mark, note in grid.notes if note == FROM_RANDOM}
        for line in grid.lines():
            if line.title.split(",")[0] in ("U-Net", "U-Net++") and name != "deviations":
                assert random & set(line.marks), (name, line.title)
                touched.add(name)
    assert touched == set(grids) - {"data", "leaks", "deviations", "draws"}


def test_further_groups_have_their_own_table(tmp_path: Path) -> None:
    cards = (*CARDS, card("half", "Half a net", group="as-published"))
    made = make(tmp_path / "made", Plan(cases=3, cards=cards))
    page = write(made, tmp_path / "to")
    assert "table-as-published" in page.ids
    assert "Half a net" not in (tmp_path / "to/tables/main.md").read_text("utf-8")


def test_a_report_of_nothing_builds(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=3))
    shutil.rmtree(made.paths.root / "results")
    page = write(made, tmp_path / "to")
    assert "0 of 10" in page.text
    assert "Not recorded: the results contain no data.json." in page.text
    assert "No run has a training history of more than one epoch." in page.text


def test_the_command_by_hand_prints_the_number_on_the_page(made: Made, page: Page) -> None:
    found = re.search(r"Compute one cell by hand: .*, printed as (\d\.\d{3})", page.text)
    command = re.search(r"python3 - <<'END'\n(.*?)\nEND", page.text, re.DOTALL)
    assert found is not None
    assert command is not None
    done = subprocess.run(
        [sys.executable, "-"], input=command.group(1), text=True, capture_output=True,
        cwd=made.paths.root, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == found.group(1)


def test_the_commands_of_the_checks_exist_with_their_options(made: Made) -> None:
    commands = [
        shlex.split(line)[1:]
        for check in checks(made.study())
        for line in check.command.splitlines()
        if line.startswith("mixseg ")
    ]
    assert len(commands) > 4
    wide = {"COLUMNS": "200", "TERM": "dumb"}
    for name, *words in commands:
        done = CliRunner().invoke(app, [name, "--help"], env=wide)
        assert done.exit_code == 0, name
        for option in (word for word in words if word.startswith("--")):
            assert option in done.output, (name, option)


def test_neither_the_clock_nor_the_commit_of_today_is_printed(to: Path) -> None:
    text = (to / "index.html").read_text(encoding="utf-8")
    dates = set(re.findall(r"20\d\d-\d\d-\d\d", text))
    assert dates <= {"2026-01-01", "2026-01-02", "2026-01-03"}  # those of the made runs


def test_import_is_light() -> None:
    code = (
        "import sys, benchmark.reports.page.document;"
        "print({'torch', 'matplotlib', 'scipy', 'pandas', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_the_whole_report_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = ['.', 'tests/reports']\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'torch': raise ImportError('torch is wanted')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from pathlib import Path\n"
        "from make_results import Plan, make\n"
        "from benchmark.reports.page.document import write_report\n"
        "made = make(Path(sys.argv[1]), Plan(cases=3, maps=True))\n"
        "write_report(made.results(), Path(sys.argv[1]) / 'to')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert (tmp_path / "to/gallery.html").is_file()
