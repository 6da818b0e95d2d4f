"""What a reader opens only when asked for: claims that were not run, missing runs."""

import html.parser
import re
import shutil
from pathlib import Path

import pytest
from make_results import MIX, Made, Plan, make

from benchmark.claims.spec import load_claims
from benchmark.reports.page.document import write_report


class Folds(html.parser.HTMLParser):
    """The text inside folded parts, and outside of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.depth, self.inside, self.outside = 0, "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth += tag == "details"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "details"

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.inside += data
        else:
            self.outside += data


def page(made: Made, to: Path) -> str:
    write_report(made.results(), to)
    return (to / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("made")
    made = make(root / "made", Plan(cases=3))
    shutil.rmtree(made.run("main", "unetpp", 2))
    return page(made, root / "to")


def test_missing_runs_are_counted_outside_and_listed_inside(text: str) -> None:
    folds = Folds(text)
    assert "U-Net++, seed 2: not run." in folds.inside
    assert "U-Net++, seed 2: not run." not in folds.outside
    assert "1 of 10 planned runs is missing" in folds.outside


def test_claims_with_a_verdict_stand_open_and_the_others_folded(text: str) -> None:
    folds = Folds(text)
    sentences = [claim.sentence for claim in load_claims()]
    shown = re.search(r'id="table-claims".*?</table>', text, re.DOTALL)
    judged = [each for each in sentences if shown and each in Folds(shown.group()).outside]
    folded = [each for each in sentences if each in folds.inside and each not in judged]
    assert len(judged) + len(folded) == len(sentences)
    assert folded
    count = re.search(r"Of (\d+) claims,.*? (\d+) were not run", folds.outside)
    assert count is not None
    assert f"{count.group(2)} claims that were not run" in folds.inside
    assert len(folded) == int(count.group(2))


def test_rows_without_a_result_are_named_in_a_fold_below_their_table(text: str) -> None:
    for name in ("main", "comparisons", "strata"):
        table = re.search(rf'id="table-{name}".*?</details>', text, re.DOTALL)
        assert table is not None, name
        folds = Folds(table.group())
        assert "1 row without a result" in folds.inside, name
        assert "seed 2 of 3: not run" in folds.inside, name
        assert "Rows: U-Net++." in folds.inside, name
        assert "U-Net++" not in folds.outside, name
        assert "missing" not in folds.outside, name


def test_a_row_with_some_of_its_runs_stays_among_the_methods(text: str) -> None:
    table = re.search(r'id="table-methods".*?</table>', text, re.DOTALL)
    assert table is not None
    assert "2 of 3" in table.group()


def test_a_table_without_any_result_is_only_its_fold(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=3))
    shutil.rmtree(made.paths.results(MIX) / "main")
    text = page(made, tmp_path / "to")
    table = re.search(r'id="table-comparisons">(.*?)<p class="files">', text, re.DOTALL)
    assert table is not None
    assert "<table" not in table.group(1)
    assert "rows without a result" in table.group(1)
    assert "Wilcoxon" not in table.group(1)


def test_the_files_of_both_parts_are_one(text: str) -> None:
    assert "claims/claims-not-run." not in text
    assert text.count('href="claims/claims.csv"') >= 1


def test_a_page_of_no_run_says_so_in_little(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=3))
    shutil.rmtree(made.paths.results(MIX))
    folds = Folds(page(made, tmp_path / "to"))
    assert "seed 0: not run." not in folds.outside
    assert "10 of 10 planned runs are missing" in folds.outside
