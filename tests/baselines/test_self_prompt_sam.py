"""Self-prompt SAM: its classifier, its prompts without jitter, and empty masks."""

from pathlib import Path

import numpy as np
import pytest
import support
import torch
from support import ROOT

from baselines._shared import sam_encoder
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.data.cases import Cases, load_cases
from benchmark.methods.importing import import_beside
from benchmark.methods.method import Inputs, Method
from benchmark.training.loop import TrainOptions, train
from benchmark.training.weights_file import learnt_state

NAME = "self-prompt-sam"
PLUGIN = ROOT / "baselines" / "self_prompt_sam" / "plugin.py"


@pytest.fixture(autouse=True)
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of one block."""
    monkeypatch.setattr(sam_encoder, "DEPTH", 1)


@pytest.fixture
def cases(project: Paths) -> Cases:
    return load_cases(project.prepared("tiny"), ("train", "val"))


def build() -> Method:
    torch.manual_seed(0)
    return support.build(NAME, 32, side=128).eval()


def linear():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, PLUGIN, "linear")


def prompts():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, PLUGIN, "prompts")


def fitted(cases: Cases, project: Paths, folder: Path) -> Method:
    method = build()
    recipe = load_params(project.root).mixes["tiny"].recipe
    assert train(method, cases, recipe, TrainOptions(seed=0, features=folder), Silent()) == []
    return method


def test_it_sees_no_prompt_and_learns_257_numbers() -> None:
    method = build()
    assert (method.card.prompt, method.card.group) == ("none", "main")
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == 257


def test_the_point_is_the_deepest_pixel() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:12, 3:10] = True
    mask[8, 10:19] = True
    assert prompts().deepest(mask).tolist() == [6, 8]
    # Outside of the image is no background: the depth grows up to the edge.
    half = np.zeros((11, 20), bool)
    half[:, :11] = True
    assert prompts().deepest(half).tolist() == [0, 0]
    assert prompts().deepest(np.ones((4, 4), bool)).tolist() == [0, 0]


def test_the_box_by_hand() -> None:
    """A square of 20: minus 3 x 2 pixels a side, plus 5 x 2; a speck far off is eroded away."""
    mask = np.zeros((60, 60), bool)
    mask[20:40, 15:35] = True
    mask[55, 55] = True
    assert prompts().bounds(mask).tolist() == [11, 16, 38, 43]
    assert prompts().bounds(mask).tolist() == prompts().bounds(mask).tolist()  # no jitter
    speck = np.zeros((60, 60), bool)
    speck[3:5, 7:11] = True  # nothing is left of it: its own box
    assert prompts().bounds(speck).tolist() == [7, 3, 10, 4]
    corner = np.zeros((40, 40), bool)
    corner[:10, :10] = True  # the image's edge does not erode; the box ends there
    assert prompts().bounds(corner).tolist() == [0, 0, 13, 13]


def test_the_classifier_finds_a_linear_rule() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 5)).astype(np.float32)
    labels = values @ np.array([2.0, -1.0, 0, 0, 0]) > 0.5
    weight, bias = linear().fit_cells(values, labels)
    assert ((values @ weight + bias > 0) == labels).mean() > 0.98


@pytest.mark.parametrize("label", [True, False])
def test_one_class_alone_gives_a_constant(label: bool) -> None:
    weight, bias = linear().fit_cells(np.ones((6, 3), np.float32), np.full(6, label))
    assert not weight.any()
    assert (bias > 0) == label


def test_the_sample_is_bounded_seeded_and_true(monkeypatch: pytest.MonkeyPatch) -> None:
    module = linear()
    monkeypatch.setattr(module, "MOST_CELLS", 50)
    masks = np.zeros((10, 16, 16), np.uint8)
    masks[:, :8] = 1
    given = []

    def features(index: np.ndarray) -> torch.Tensor:
        given.extend(index.tolist())
        row = torch.arange(4.0).view(1, 1, 4, 1).expand(len(index), 1, 4, 4)
        return torch.cat([row, torch.from_numpy(index).float().view(-1, 1, 1, 1) + 0 * row], 1)

    values, labels = module.sample(masks, features, 0)
    assert given == list(range(10))
    assert values.shape == (50, 2)  # five of the 16 cells of each case
    assert np.bincount(values[:, 1].astype(int)).tolist() == [5] * 10
    assert ((values[:, 0] < 2) == labels).all()  # the upper half is foreground
    again, other = (module.sample(masks, features, seed)[0] for seed in (0, 1))
    assert np.array_equal(values, again)
    assert not np.array_equal(values, other)


def test_fitting_is_the_same_again_and_uses_kept_embeddings(
    cases: Cases, project: Paths, tmp_path: Path
) -> None:
    one = fitted(cases, project, tmp_path / "features")
    assert len(list((tmp_path / "features").glob("*/*.npy"))) == len(cases)
    two = fitted(cases, project, tmp_path / "features")
    assert torch.equal(one.linear.weight, two.linear.weight)
    assert not torch.equal(one.linear.weight, build().linear.weight)
    kept = learnt_state(one)
    assert {"linear.weight", "linear.bias"} <= set(kept)
    assert not any("image_encoder" in name for name in kept)


def test_an_empty_mask_stays_empty() -> None:
    method = build()
    image = torch.rand(2, 3, 32, 32)
    features = torch.zeros(2, 256, 8, 8)
    features[1, 0] = 1
    with torch.no_grad():
        method.linear.weight.zero_()
        method.linear.weight[0, 0] = 4
        method.linear.bias.fill_(-2)  # -2 for the first image, 2 for the second
        logits = method.predict(Inputs(image, features=features))
    assert logits.shape == (2, 1, 32, 32)
    assert (torch.sigmoid(logits[0]) < 1e-4).all()
    assert (logits[1] != logits[0]).any()


def test_its_mask_is_that_of_sam_shown_the_same() -> None:
    method, released = build(), support.build("sam-point", 32, side=128).eval()
    released.network.load_state_dict(method.network.state_dict())
    image, features = torch.rand(1, 3, 32, 32), torch.zeros(1, 256, 8, 8)
    features[:, :, 2:6, 2:6] = 1  # cells of 4 pixels: a square from 8 to 23
    with torch.no_grad():
        method.linear.weight.fill_(1)
        method.linear.bias.fill_(-1)
        found = method.predict(Inputs(image, features=features))
        mask = np.zeros((32, 32), bool)
        mask[8:24, 8:24] = True
        point = torch.from_numpy(prompts().deepest(mask))[None, None]
        boxes = torch.from_numpy(prompts().bounds(mask))[None]
        shown = Inputs(image, point, torch.ones(1, 1, dtype=torch.long), boxes, features)
        torch.testing.assert_close(found, released.predict(shown))
    assert boxes.tolist() == [[4, 4, 27, 27]]
