"""A method trained on one modality alone: its card, its cases and its run."""

import json

import pytest
from made_plugins import declare
from pydantic import ValidationError
from support import TRAIN, VAL, mixseg

from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.methods.declaration import Card, read_cards
from benchmark.runs.train import training_cases

CARD = Card(name="small", title="Small", source="s", licence="MIT")
ROWS = {"small": {"title": "Small"}, "small-fundus": {"base": "small", "modality": "fundus"}}


def alone(modality: str) -> Card:
    more = {"name": "small-x", "group": "single", "modality": modality, "base": "small"}
    return CARD.model_copy(update=more)


def test_the_row_of_a_method_on_one_modality(project: Paths) -> None:
    recipe = {"lr": 0.1, "why": "test"}
    rows = {**ROWS, "small": {"title": "Small", "recipe": recipe}}
    base, card = read_cards(project.root, declare(project.root, "baselines/small", rows))
    assert (card.name, card.title, card.base) == ("small-fundus", "Small, fundus alone", "small")
    assert (card.group, card.modality) == ("single", "fundus")
    assert card.recipe == base.recipe


@pytest.mark.parametrize("wrong", [{"group": "single"}, {"modality": "fundus"}])
def test_group_single_and_a_modality_belong_together(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give both or neither"):
        Card.model_validate({**CARD.model_dump(), **wrong})


def test_it_is_trained_on_that_modality(project: Paths) -> None:
    prepared = project.prepared("tiny")
    assert set(training_cases(prepared, CARD).table["modality"]) > {"fundus", "ultrasound"}
    cases = training_cases(prepared, alone("fundus"))
    assert set(cases.table["modality"]) == {"fundus"}
    assert set(cases.table["split"]) == {"train", "val"}
    assert len(cases) == TRAIN + VAL


def test_a_mix_without_that_modality_is_an_error(project: Paths) -> None:
    with pytest.raises(ParamsError, match=r"no case of 'x-ray'.*one of colonoscopy, dermoscopy"):
        training_cases(project.prepared("tiny"), alone("x-ray"))


def test_its_run_counts_its_own_cases_and_is_scored_on_all_test_sets(project: Paths) -> None:
    declare(project.root, "baselines/small", ROWS)
    assert mixseg(project.root, "sync").returncode == 0
    done = mixseg(project.root, "run", "--method", "small-fundus", "--mix", "tiny", "--seed", "0")
    assert done.returncode == 0, done.stderr
    record = json.loads((project.run("tiny", "single", "small-fundus", 0) / "run.json").read_text())
    assert record["data"]["train"] == TRAIN + VAL
    assert len(record["data"]["test"]) == 4
