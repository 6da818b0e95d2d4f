"""method.yaml: what rows share, what each changes, and every problem with its line."""

from pathlib import Path
from textwrap import dedent

import pytest

from benchmark.core.errors import MethodError
from benchmark.core.recipe import Recipe
from benchmark.methods.declaration import FIELDS, Card, read_cards

WEIGHTS = """\
resnet34.imagenet:
  files: [resnet34.safetensors]
  licence: BSD
  trained_on: [ImageNet-1k]
"""
SHARED = """\
source: Ronneberger et al., MICCAI 2015
licence: MIT
class: UNet
arguments: {depth: 5}
"""


def read(root: Path, text: str) -> list[Card]:
    path = root / "baselines/unet/method.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SHARED + dedent(text))
    registry = root / "baselines/_shared/weights.yaml"
    registry.parent.mkdir(exist_ok=True)
    registry.write_text(WEIGHTS)
    return read_cards(root, path)


def test_rows_take_what_the_folder_shares_and_change_what_they_say(tmp_path: Path) -> None:
    plain, wide = read(tmp_path, """\
        rows:
          unet: {title: U-Net, weights: [resnet34.imagenet]}
          wide: {title: Wide, class: Wide, arguments: {width: 2}, base: unet,
                 recipe: {lr: 1.0e-4, why: paper}}
        """)  # fmt: skip
    assert (plain.name, plain.class_name, plain.arguments) == ("unet", "UNet", {"depth": 5})
    assert plain.pretrained_on == {"ImageNet-1k"}
    assert plain.weights[0].files == ("resnet34.safetensors",)
    assert wide.arguments == {"depth": 5, "width": 2}
    assert (wide.class_name, wide.group, wide.base) == ("Wide", "main", "unet")
    assert wide.recipe == Recipe(lr=1e-4, why="paper")
    assert wide.weights == ()  # only an ablation or a single modality takes what its base says


def test_a_row_with_a_modality_takes_all_that_its_base_says(tmp_path: Path) -> None:
    base, single = read(tmp_path, """\
        rows:
          unet: {title: U-Net, arguments: {width: 3}, weights: [resnet34.imagenet]}
          unet-fundus: {base: unet, modality: fundus}
        """)  # fmt: skip
    same = {"arguments", "weights", "class_name", "recipe", "source", "pretrained_on"}
    for field in same:
        assert getattr(single, field) == getattr(base, field)
    assert (single.group, single.title) == ("single", "U-Net, fundus alone")


def test_an_ablation_takes_all_that_its_base_says_but_the_title(tmp_path: Path) -> None:
    rows = """\
        rows:
          unet: {title: U-Net, weights: [resnet34.imagenet], recipe: {lr: 0.1, why: w}}
          half: {TITLE group: ablation, base: unet, arguments: {width: 2}, recipe: {epochs: 3}}
          half-fundus: {base: half, modality: fundus}
        """
    unet, half, alone = read(tmp_path, rows.replace("TITLE", "title: Half,"))
    assert half.weights == unet.weights
    assert half.arguments == {"depth": 5, "width": 2}
    assert half.recipe == Recipe(lr=0.1, epochs=3, why="w")
    assert (alone.arguments, alone.weights) == (half.arguments, unet.weights)
    assert alone.title == "Half, fundus alone"
    with pytest.raises(MethodError, match="row 'half': title: is missing"):
        read(tmp_path, rows.replace("TITLE", ""))


def test_an_ablation_of_a_row_in_another_folder_takes_nothing_from_it(tmp_path: Path) -> None:
    (card,) = read(tmp_path, "rows:\n  a: {title: A, group: ablation, base: mmsnet}\n")
    assert (card.base, card.arguments) == ("mmsnet", {"depth": 5})


def test_as_released_is_no_training(tmp_path: Path) -> None:
    (card,) = read(tmp_path, "rows:\n  unet: {title: U-Net, recipe: as-released}\n")
    assert card.recipe.epochs == 0


def test_only_what_is_done_is_in_the_identity(tmp_path: Path) -> None:
    (card,) = read(tmp_path, "rows:\n  unet: {title: U-Net}\n")
    said = {"title": "Other", "source": "x", "licence": "y", "group": "ablation", "code": "z"}
    assert card.model_copy(update=said).identity() == card.identity()
    for done in ({"arguments": {}}, {"class_name": "V"}, {"prompt": "box"}, {"modality": "x"}):
        assert card.model_copy(update=done).identity() != card.identity()


WRONG = {
    "rows:\n  unet: {titel: U}\n": [":6: row 'unet': unknown key 'titel'; did you mean 'title'"],
    "sorce: x\nrows:\n  unet: {title: U}\n": [":5: unknown key 'sorce'; did you mean 'source'?"],
    "title: x\nrows:\n  unet: {title: U}\n": [":5: unknown key 'title'"],
    "rows:\n  unet: {title: U, group: mian}\n": [":6: row 'unet': group: ", "did you mean 'main'"],
    "rows:\n  unet: {title: U, recipe: {lr: 1}}\n": [":6: row 'unet': recipe", "without a reason"],
    "rows:\n  unet:\n    title: U\n    recipe:\n      lrr: 1\n": [
        ":9: row 'unet': recipe.lrr: ", "did you mean 'lr'?"
    ],
    "rows:\n  unet: {title: U, weights: [resnet43.imagenet]}\n": [
        ":6: row 'unet': no weights 'resnet43.imagenet'", "did you mean 'resnet34.imagenet'?"
    ],
    "rows:\n  unet: {title: U, prompt: none, draws: 5}\n": ["5 draws of the prompt 'none'"],
    "rows:\n  unet: {title: U}\n  unet: {title: V}\n": [":7: the key 'unet' stands twice"],
    "rows:\n  a: {title: U}\n  b: {base: c, modality: x}\n": [
        ":7: row 'b': base: expected a row above"
    ],
    "rows:\n  a: {title: U, base: b, group: ablation}\n  b: {title: V}\n": [
        ":6: row 'a': base: expected a row above it in this file"
    ],
    "rows:\n  a: {title: U, modality: x, base: b}\n  b: {title: V}\n  A B: {title: W}\n": [
        ":8: row 'A B': name"
    ],
    "rows: {}\n": ["no rows"],
    "rows:\n  unet: {}\n": ["row 'unet': title: is missing"],
    "rows: [\n": ["no YAML"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG.items(), ids=range(len(WRONG)))
def test_each_problem_has_its_file_and_line(tmp_path: Path, text: str, told: list[str]) -> None:
    with pytest.raises(MethodError) as error:
        read(tmp_path, text)
    for part in told:
        assert part in str(error.value)
    assert "baselines/unet/method.yaml:" in str(error.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = "rows:\n  unet: {titel: U, grup: main}\n  other: {title: V, prompt: pont}\n"
    with pytest.raises(MethodError) as error:
        read(tmp_path, text)
    assert "4 problems" in str(error.value)  # `titel` leaves the title missing, too
    for part in ("'titel'", "'grup'; did you mean 'group'", "did you mean 'point'"):
        assert part in str(error.value)


def test_every_field_is_on_the_contract_page() -> None:
    page = (Path(__file__).parents[1] / "baselines/README.md").read_text()
    for field in FIELDS:
        assert f"`{field}`" in page, field
