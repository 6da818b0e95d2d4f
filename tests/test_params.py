"""params.yaml: what is in it, and how it speaks when it is wrong."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from support import PARAMS, ROOT, mixseg

from benchmark.core.errors import MissingDataError, ParamsError
from benchmark.core.files import project_root
from benchmark.core.params import load_params
from benchmark.core.recipe import AS_RELEASED, Recipe
from benchmark.methods.declaration import Card, Weights


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PARAMS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text)
    return folder


def test_the_papers_recipe_is_the_default() -> None:
    params = load_params(ROOT)
    for name in ("mix1", "mix2"):
        mix = params.mix(name)
        assert (mix.size, mix.recipe.epochs, mix.recipe.batch) == (352, 50, 8)
        assert (mix.recipe.optimiser, mix.recipe.lr, mix.weights) == ("adamw", 5e-4, "pretrained")
        assert mix.seeds == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("threshold:", "treshold:"), "treshold: .*expected 'threshold'"),
        (("threshold: 0.5", "threshold: half"), "threshold: .*found 'half'"),
        (("threshold: 0.5", "threshold: 1.5"), "threshold: .*less than 1 .*found 1.5"),
        (("size: 32", "size: big"), "mixes.tiny.size: .*found 'big'"),
        (("seeds: [0, 1]", "seeds: [1, 1]"), "mixes.tiny: .*seeds names something twice"),
        (("seeds: [0, 1]", "seeds: []"), "mixes.tiny.seeds: "),
        (("epochs: 3", "epoch: 3"), "mixes.tiny.recipe.epoch: .*expected 'epochs'"),
        (("epochs: 3,", ""), "the recipe lacks epochs|without a reason"),
        (("weights: random", "weights: maybe"), "mixes.tiny.weights: "),
        (("focus: small", "focus: [small"), "unreadable .*expected plain YAML"),
        (("focus: small", ""), "focus: field required"),
        (
            ("    drawn: {train: 8, test: 2, seed: 0}\n", ""),
            "mixes.tiny: no key 'drawn', .*: null' for",
        ),
        (("    at_most: null\n", ""), "mixes.tiny: no key 'at_most', .*null' for all"),
        (
            ("    size: 32\n", "    size: 32\n    size: 96\n"),
            "line 8: key 'size' again, first in line 7.*without repeated keys",
        ),
        (
            ("focus: small", "focus: small\nfocus: small"),
            "line 2: key 'focus' again",
        ),
        (("  tiny:", "  tiny: {title: a}\n  tiny:"), "line 6: key 'tiny' again, first in line 5"),
        (("batch: 4,", "batch: 4, batch: 8,"), "key 'batch' again"),
        (
            ("seeds: [0, 1]", "seeds: [0, 1]\n    unseen: [phantom-fundus]"),
            "mixes.tiny: .*unseen names what train or test names: phantom-fundus",
        ),
        (
            ("seeds: [0, 1]", "seeds: [0, 1]\n    unseen: [busi, busi]"),
            "mixes.tiny: .*unseen names something twice",
        ),
        (("  tiny:", "  unseen:"), "mixes.unseen: the name is that of sets never trained on"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        load_params(write(tmp_path, change))


def test_keys_of_an_anchor_may_be_replaced(tmp_path: Path) -> None:
    recipe = PARAMS[PARAMS.index("recipe: ") :]
    merged = recipe.replace("recipe: ", "recipe: &base ") + (
        "  other: {title: O, size: 32, drawn: null, at_most: null, train: [busi], test: [busi],\n"
        "    seeds: [0], weights: random, recipe: {<<: *base, epochs: 7}}\n"
    )
    params = load_params(write(tmp_path, (recipe, merged)))
    assert (params.mix("tiny").recipe.epochs, params.mix("other").recipe.epochs) == (3, 7)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("")
    with pytest.raises(ParamsError, match=r"params\.yaml: "):
        load_params(tmp_path)


def test_an_unknown_mix_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"no mix 'tinny', expected one of tiny. Did you mean"):
        load_params(write(tmp_path)).mix("tinny")


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    done = mixseg(write(tmp_path, ("threshold:", "treshold:")), "status")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "treshold" in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = mixseg(write(tmp_path, ("threshold:", "treshold:")), "status", "--debug")
    assert "Traceback" in done.stderr


def test_no_project_here(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no params.yaml here or above"):
        project_root(tmp_path)


def test_deviations_need_a_reason() -> None:
    with pytest.raises(ValidationError, match="without a reason"):
        Recipe().but(lr=1e-4)
    assert Recipe().but(lr=1e-4, why="paper").deviations() == {"lr": 1e-4}


def test_a_card_departs_from_the_mix_and_epochs_are_bounded(tmp_path: Path) -> None:
    mix = load_params(write(tmp_path, ("weights:", "max_epochs: 2\n    weights:"))).mix("tiny")
    recipe = Recipe().but(lr=1e-4, epochs=150, why="paper").over(mix.recipe, mix.max_epochs)
    assert (recipe.lr, recipe.epochs, recipe.batch) == (1e-4, 2, 4)


def test_a_method_used_as_released_runs_once(tmp_path: Path) -> None:
    about = {"name": "a", "title": "A", "source": "-", "licence": "-"}
    mix = load_params(write(tmp_path)).mix("tiny")
    assert mix.seeds_of(Card(**about)) == [0, 1]
    assert mix.seeds_of(Card(**about, recipe=AS_RELEASED)) == [0]


def test_a_row_without_pretrained_weights_starts_from_none(tmp_path: Path) -> None:
    about = {"title": "A", "source": "-", "licence": "-", "mixes": ("tiny",)}
    needs = Card(name="needs", weights=(Weights(name="w", licence="-"),), **about)
    bare = Card(name="bare", **about)
    mix = load_params(write(tmp_path, ("weights: random", "weights: pretrained"))).mix("tiny")
    assert [mix.weights_of(card) for card in (needs, bare)] == ["pretrained", "none"]


def test_which_rows_run_on_a_mix_is_the_mixs_business(tmp_path: Path) -> None:
    about = {"title": "A", "source": "-", "licence": "-"}
    main, shown = Card(name="a", **about), Card(name="b", group="prompted", **about)
    narrow = Card(name="c", mixes=("other",), **about)
    for line, expected in (
        ("", ["a", "b"]),
        ("groups: [main]\n    ", ["a"]),
        ("groups: [prompted]\n    ", ["b"]),
        ("rows: [b]\n    ", ["b"]),
    ):
        params = load_params(write(tmp_path, ("weights:", f"{line}weights:")))
        found = [card.name for card in (main, shown, narrow) if "tiny" in params.mixes_of(card)]
        assert found == expected
