"""Formulas of uncertainty worked by hand, the AUROC, and passes with dropout."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from benchmark.core.errors import NoPartError
from benchmark.evaluation.dropout import (
    check_dropout,
    dropout_layers,
    dropout_passes,
    dropping,
    seeds_of,
)
from benchmark.evaluation.uncertainty import auroc, binary_entropy, uncertainty
from benchmark.methods.declaration import Card
from benchmark.methods.method import Inputs, Method


def test_entropy_and_mutual_information_by_hand() -> None:
    found = uncertainty(np.array([[[0.0, 0.25, 0.5]], [[1.0, 0.75, 0.5]]]))
    # The mean is 1/2 in each pixel: one bit. H(1/4) = 2/4 + 3/4 log2(4/3) = 0.811278.
    assert found.mean.tolist() == [[0.5, 0.5, 0.5]]
    assert found.entropy.tolist() == [[1.0, 1.0, 1.0]]
    assert found.information[0] == pytest.approx([1.0, 1 - 0.8112781, 0.0])
    assert found.variance[0] == pytest.approx([0.25, 0.0625, 0.0])
    assert binary_entropy(np.array([0.0, 1.0])).tolist() == [0.0, 0.0]


def test_equal_predictions_have_no_information() -> None:
    one = np.random.default_rng(0).random((6, 7))
    found = uncertainty(np.stack([one] * 7))
    assert not found.information.any()
    assert found.variance.max() < 1e-30
    assert found.entropy == pytest.approx(binary_entropy(one))


def test_auroc_is_that_of_scikit_learn_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        score, event = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.3
        assert auroc(score, event) == pytest.approx(roc_auc_score(event, score))
    assert math.isnan(auroc(score, np.zeros(40, bool)))
    assert math.isnan(auroc(score, np.ones(40, bool)))


class Dropping(Method):
    """Dropout, batch normalisation, attention with dropout, and a layer that drops nothing."""

    def __init__(self, p: float = 0.3) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(p)
        )
        self.attention = nn.MultiheadAttention(8, 2, dropout=p, batch_first=True)
        self.none = nn.Dropout(0.0)
        self.head = nn.Conv2d(8, 1, 1)
        self.card = Card.model_construct(name="dropping", prompt="none")

    def forward(self, image: Tensor) -> Tensor:
        feats = self.none(self.first(image))
        tokens = feats.flatten(2).transpose(1, 2)
        mixed, _ = self.attention(tokens, tokens, tokens)
        return self.head(feats + mixed.transpose(1, 2).reshape(feats.shape))  # type: ignore[no-any-return]


@pytest.fixture
def method() -> Dropping:
    torch.manual_seed(0)
    return Dropping().train()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


SEEDS = [seeds_of(0, "a-set", case, passes=4) for case in "abc"]


def test_passes_depend_on_the_seeds_alone(method: Dropping, images: Tensor) -> None:
    together = list(dropout_passes(method, Inputs(images), SEEDS))
    torch.manual_seed(99)
    again = list(dropout_passes(method, Inputs(images.flip(0)), SEEDS[::-1]))[::-1]
    alone = next(dropout_passes(method, Inputs(images[1:2]), [SEEDS[1]]))
    assert np.array_equal(together, again)
    assert np.array_equal(together[1], alone)
    assert np.stack(together).shape == (3, 4, 8, 8)
    assert np.std(together, axis=1).min() > 0  # every pixel differs between passes
    assert len({seed for own in SEEDS for seed in own}) == 12


def test_nothing_else_moves(method: Dropping, images: Tensor) -> None:
    before = {name: value.clone() for name, value in method.state_dict().items()}
    state = torch.get_rng_state()
    next(dropout_passes(method, Inputs(images), SEEDS))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    method.eval()
    with torch.inference_mode():
        assert torch.equal(method(images), method(images))
        with dropping(method):
            assert not torch.equal(method(images), method(images))
        assert torch.equal(method(images), method(images))
    assert not any(layer.training for layer in method.modules())


def test_which_layers_count(method: Dropping) -> None:
    assert dropout_layers(method) == [method.first[3], method.attention]
    without = Dropping(0.0)
    assert dropout_layers(without) == []
    with pytest.raises(NoPartError, match="no dropout layer") as error:
        check_dropout(without)
    assert error.value.reason == "no dropout layer"


def test_a_constant_network_is_sure() -> None:
    class Constant(Dropping):
        def forward(self, image: Tensor) -> Tensor:
            return 0 * super().forward(image) + 0.7

    probs = next(dropout_passes(Constant(), Inputs(torch.rand(1, 3, 8, 8)), SEEDS))
    found = uncertainty(probs)
    assert not found.information.any()
    assert found.variance.max() < 1e-30
