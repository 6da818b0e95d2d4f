"""Cards and checklists: what the records say, every name as text."""

import re
import shutil
from pathlib import Path

import pytest
from make_results import CARDS, Made, Plan, card, make, make_variants, renamed
from support import ROOT

from benchmark.data.catalog import load_catalog
from benchmark.methods import discover
from benchmark.reports.page.document import Headline
from benchmark.reports.release.cards import data_card, model_card, write_cards
from benchmark.reports.release.checklist import AUTHORS, _lists, checklist
from benchmark.reports.study import Study
from benchmark.statistics.results import ABLATIONS

NASTY = "<b>R&D</b>_50% | x {methods}"


def studies(made: Made) -> tuple[Study, Study]:
    return made.study(), made.study("ablations")


def of_mix(made: Made) -> list[tuple[Study, Study]]:
    headline, rest = studies(made)
    return [(headline, rest.only(ABLATIONS))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    cards = (*CARDS, card("nasty", NASTY, licence=NASTY))
    return make(tmp_path_factory.mktemp("made"), Plan(cases=3, cards=cards))


def written(made: Made) -> str:
    headline, rest = studies(made)
    return checklist(headline, rest, Headline.of(headline).grids())


def test_the_three_lists_are_whole() -> None:
    found = {each["title"].split(" (")[0]: each["items"] for each in _lists()}
    assert [item[0] for item in found["CLAIM 2024"]] == list(range(1, 45))
    assert [item[0] for item in found["NeurIPS paper checklist"]] == list(range(1, 17))
    assert len(found["MICCAI reproducibility checklist"]) == 26


def test_answers_are_filled_from_the_records(made: Made) -> None:
    text = written(made)
    rows = [line for line in text.splitlines() if re.match(r"\| (\d|\w+ \d)", line)]
    assert len(rows) == 44 + 16 + 26
    assert all(line.replace("\\|", "").count("|") == 4 for line in rows)
    assert all(len(line.split(" | ")[2].strip(" |")) > 4 for line in rows)
    assert "13 of 13 planned; seeds 0, 1, 2" in text
    assert "epochs 8, batch 8" in text
    assert "torch 2.14.1" in text
    assert "random (in place of pretrained ones); random (it has no pretrained ones)" in text
    assert "12 test cases" in text
    assert "{" not in text.replace("\\{methods\\}", "")  # a name is no placeholder
    assert "\\<b" not in text
    assert "&lt;b&gt;R&amp;D" in text
    authors = sum(item[2].startswith(AUTHORS) for each in _lists() for item in each["items"])
    assert text.count("_For the authors:_") == authors > 10


def test_missing_runs_and_ablations_are_counted(tmp_path: Path) -> None:
    made = make_variants(tmp_path, Plan(cases=3))
    shutil.rmtree(made.run("main", "unet", 2))
    headline, rest = studies(made)
    text = checklist(headline, rest, Headline.of(headline).grids())
    assert "2 in this mix" in text
    assert "26 of 28 planned" in text


def test_a_checklist_of_nothing_builds(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    shutil.rmtree(made.paths.root / "results")
    assert "0 of 10 planned" in written(made)


def test_a_model_card_says_what_the_card_says_and_the_scores(made: Made) -> None:
    weights = {"name": "mit", "files": ["mit.pth"], "hub": "", "licence": "NC"}
    counts = {"total": 1234567, "trainable": 1000}
    one = renamed(made.cards[2], parameters=counts, code="x", weights=[weights])
    text = model_card(one, of_mix(made))
    for told in ("# MMSNet", "1,234,567", "mit: mit.pth", "licence: NC", "ImageNet-1k",
                 "Phantom Fundus", "For research only"):  # fmt: skip
        assert told in text
    cell = re.search(r"Phantom fundus \(fundus, n = 3\) \| (0\.\d{3}) ± ", text)
    assert cell is not None
    mean = studies(made)[0].cells["main/mmsnet", "phantom-fundus", "dsc"].mean
    assert cell.group(1) == f"{mean:.3f}"
    assert "started from random weights" in text
    assert "\\|" in model_card(made.cards[4])


def test_every_method_and_dataset_of_the_project_has_a_card(tmp_path: Path) -> None:
    cards = discover.cards(ROOT)
    catalog = load_catalog()
    paths = write_cards(tmp_path, cards, catalog.values())
    assert len(paths) == len(cards) + len(catalog) > 20
    for name, dataset in catalog.items():
        text = (tmp_path / "data" / f"{name}.md").read_text(encoding="utf-8")
        assert dataset.modality in text
        assert f"{dataset.counts.test} test" in text


def test_a_data_card_tells_the_split_of_a_mix(made: Made) -> None:
    text = data_card(load_catalog()["phantom-fundus"], of_mix(made))
    assert "| Train | 81 |" in text
    assert "| Test | 3 |" in text
