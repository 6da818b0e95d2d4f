"""A method trained on one modality alone: its card, its cases and its run."""

import json

import pytest
from pydantic import ValidationError
from support import PLUGIN, TRAIN, VAL, mixseg

from benchmark.core.errors import ParamsError
from benchmark.core.files import Places
from benchmark.methods.declaration import Card
from benchmark.runs.train import training_cases

CARD = Card(name="small", title="Small", source="s", licence="MIT", mixes=("tiny",))
ALONE = '''

class OnFundus(Small):
    """Fundus alone."""

    card = Small.card.alone("fundus", ("tiny",))
'''


def test_the_card_of_a_method_on_one_modality() -> None:
    card = CARD.alone("fundus", ("other",))
    assert (card.name, card.title, card.base) == ("small-fundus", "Small, fundus alone", "small")
    assert (card.group, card.modality, card.mixes) == ("single", "fundus", ("other",))
    assert card.recipe == CARD.recipe


@pytest.mark.parametrize("wrong", [{"group": "single"}, {"modality": "fundus"}])
def test_group_single_and_a_modality_belong_together(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give both or neither"):
        Card.model_validate({**CARD.model_dump(), **wrong})


def test_it_is_trained_on_that_modality(project: Places) -> None:
    prepared = project.prepared("tiny")
    assert set(training_cases(prepared, CARD).table["modality"]) > {"fundus", "ultrasound"}
    alone = training_cases(prepared, CARD.alone("fundus", ("tiny",)))
    assert set(alone.table["modality"]) == {"fundus"}
    assert set(alone.table["split"]) == {"train", "val"}
    assert len(alone) == TRAIN + VAL


def test_a_mix_without_that_modality_is_an_error(project: Places) -> None:
    with pytest.raises(ParamsError, match=r"no case of 'x-ray'.*one of colonoscopy, dermoscopy"):
        training_cases(project.prepared("tiny"), CARD.alone("x-ray", ("tiny",)))


def test_its_run_counts_its_own_cases_and_is_scored_on_all_test_sets(project: Places) -> None:
    (project.root / "baselines" / "small" / "plugin.py").write_text(PLUGIN + ALONE)
    assert mixseg(project.root, "sync").returncode == 0
    done = mixseg(project.root, "run", "--method", "small-fundus", "--mix", "tiny", "--seed", "0")
    assert done.returncode == 0, done.stderr
    record = json.loads((project.run("tiny", "single", "small-fundus", 0) / "run.json").read_text())
    assert record["data"]["train"] == TRAIN + VAL
    assert len(record["data"]["test"]) == 4
