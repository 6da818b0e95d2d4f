"""As many steps for a single modality as the mix takes, in whole passes."""

from pathlib import Path

import pytest

from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.recipe import Recipe
from benchmark.data.manifest import read_manifest
from benchmark.methods.declaration import Card, read_cards
from benchmark.runs.equal_steps import with_equal_steps
from benchmark.runs.identity import RunSpec, plan_run

ALONE = Card(
    name="net-fundus", title="Net", source="tests", licence="Apache-2.0", group="single",
    modality="fundus", base="net", recipe=Recipe(equal_steps=True, why="tests"),
)  # fmt: skip
DECLARED = """\
source: tests
licence: Apache-2.0
class: Net
rows:
  net: {title: Net, recipe: {lr: 0.25, why: tests}}
  net-fundus: {base: net, modality: fundus}
  net-fundus-steps: {base: net, modality: fundus, recipe: {equal_steps: true, why: as the mix}}
"""


def recipe_of(project: Paths, card: Card = ALONE) -> Recipe:
    return load_params(project.root).mix("tiny").recipe_of(card)


def test_the_steps_are_those_of_the_mix_within_half_a_pass(project: Paths) -> None:
    prepared = project.prepared("tiny")
    counts = [(d["modality"], d["train"] + d["val"]) for d in
              read_manifest(prepared)["datasets"].values()]  # fmt: skip
    plain = recipe_of(project).but(epochs=5, batch=2)
    found = with_equal_steps(plain, ALONE, prepared)
    whole = 5 * (sum(count for _, count in counts) // 2)
    once = sum(count for modality, count in counts if modality == "fundus") // 2
    assert found.epochs is not None
    assert found.epochs > 5
    assert abs(found.epochs * once - whole) <= once / 2
    assert found.but(epochs=5) == plain


def test_a_row_without_a_modality_and_a_modality_below_one_batch_are_refused(
    project: Paths,
) -> None:
    prepared, recipe = project.prepared("tiny"), recipe_of(project)
    mixed = ALONE.model_copy(update={"modality": "", "group": "main"})
    with pytest.raises(ParamsError, match="no modality"):
        with_equal_steps(recipe, mixed, prepared)
    with pytest.raises(ParamsError, match="at least one batch of 1000"):
        with_equal_steps(recipe.but(batch=1000), ALONE, prepared)


def test_a_single_modality_keeps_what_its_base_departs_from(tmp_path: Path) -> None:
    path = tmp_path / "method.yaml"
    path.write_text(DECLARED)
    net, alone, steps = read_cards(tmp_path, path)
    assert (net.recipe.lr, alone.recipe.lr, steps.recipe.lr) == (0.25, 0.25, 0.25)
    assert (alone.recipe.equal_steps, steps.recipe.equal_steps) == (None, True)
    assert steps.title == "Net, fundus alone, equal steps"


def test_the_passes_are_part_of_what_a_run_is(project: Paths) -> None:
    path = project.root / "baselines" / "small" / "method.yaml"
    recipe = "{equal_steps: true, why: tests}"
    row = f"  alone: {{base: small, modality: fundus, recipe: {recipe}}}\n"
    path.write_text(path.read_text() + row)
    plain = plan_run(project, RunSpec("small", "tiny", 0))
    steps = plan_run(project, RunSpec("alone", "tiny", 0))
    assert steps.identity.recipe["equal_steps"] is True
    assert steps.identity.recipe["epochs"] == 4 * plain.identity.recipe["epochs"]  # of 4 modalities
    assert "equal_steps" not in plain.identity.recipe
    assert steps.identity.training_code == plain.identity.training_code
