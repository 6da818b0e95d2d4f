"""Seg-Grad-CAM against maps that are known, the library and the formula by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import Tensor, nn

from benchmark.analyses.measures.activation import shares
from benchmark.core.errors import MethodError
from benchmark.evaluation.gradcam import activation
from benchmark.methods.method import Inputs, Method

SIZE = 16


class Made(Method):
    """A convolution, then logits that a function makes of its map."""

    def __init__(self, layer: nn.Module, read: Any) -> None:
        super().__init__()
        self.card = SimpleNamespace(name="made")  # type: ignore[assignment]
        self.layer, self.read = layer, read
        self.idle = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W)."""
        return self.read(self.layer(image), image)


def copy_of_channels() -> nn.Conv2d:
    """Two channels: red, and green."""
    conv = nn.Conv2d(3, 2, 1, bias=False)
    conv.weight.data = torch.eye(3)[:2, :, None, None]
    return conv


def picture() -> Tensor:
    """Red in the upper left quarter, green in the lower right one."""
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[:, 0, :8, :8], image[:, 1, 8:, 8:] = 1, 1
    return image


def test_a_network_that_reads_one_channel_looks_where_that_is() -> None:
    method = Made(copy_of_channels(), lambda feats, _: feats[:, :1] - 0.5)
    found = activation(method, Inputs(picture()), "layer")
    quarter = np.zeros((SIZE, SIZE), bool)
    quarter[:8, :8] = True
    assert not found.empty[0]
    assert (found.predicted[0] == quarter).all()
    # w_red = 64 pixels of the target / 256 positions; the map is w_red times the red channel.
    np.testing.assert_allclose(found.maps[0], 0.25 * quarter)
    assert shares(found.maps[0], quarter, found.predicted[0]) == {
        "energy": 1.0, "pointing": 1.0, "energy_predicted": 1.0, "area": 0.25,
    }  # fmt: skip
    assert shares(found.maps[0], ~quarter, quarter)["energy"] == 0.0


def test_where_nothing_is_predicted_all_pixels_are_the_target() -> None:
    method = Made(copy_of_channels(), lambda feats, _: feats[:, :1] - 5)
    found = activation(method, Inputs(picture()), "layer")
    assert found.empty[0]
    # w_red = 256 pixels / 256 positions.
    assert found.maps[0].max() == 1.0
    inhibits = Made(copy_of_channels(), lambda feats, _: -feats[:, :1] - 5)
    assert activation(inhibits, Inputs(picture()), "layer").maps.max() == 0.0


def test_a_convolutional_network_as_the_library_and_by_hand() -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU())
    head = nn.Conv2d(5, 1, 1)

    def read(feats: Tensor, image: Tensor) -> Tensor:
        return F.interpolate(head(feats), image.shape[-2:], mode="bilinear")

    method, image = Made(layer, read), torch.rand(2, 3, SIZE, SIZE)
    found = activation(method, Inputs(image), "layer")
    chosen = torch.from_numpy(found.predicted)[:, None]
    chosen = chosen | ~chosen.any((1, 2, 3), keepdim=True)
    library = LayerGradCam(lambda x: (method(x) * chosen).sum((1, 2, 3)), layer)
    theirs = library.attribute(image, relu_attributions=True)
    feats = layer(image).detach().requires_grad_()
    (read(feats, image) * chosen).sum().backward()
    by_hand = (feats.grad.mean((2, 3), keepdim=True) * feats).sum(1, keepdim=True).relu()
    torch.testing.assert_close(theirs, by_hand)
    wanted = F.interpolate(by_hand, (SIZE, SIZE), mode="bilinear").detach()[:, 0]
    np.testing.assert_allclose(found.maps, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("apart", [0, 1])
def test_tokens_are_laid_out_as_a_map(apart: int) -> None:
    class Tokens(nn.Module):
        def forward(self, feats: Tensor) -> Tensor:
            tokens = feats.flatten(2).transpose(1, 2)  # (B, N, C)
            return torch.cat([tokens.new_zeros(len(tokens), apart, tokens.shape[2]), tokens], 1)

    layer = nn.Sequential(copy_of_channels(), Tokens())

    def read(tokens: Tensor, image: Tensor) -> Tensor:
        return tokens[:, apart:].transpose(1, 2).unflatten(2, (SIZE, SIZE))[:, :1] - 0.5

    found = activation(Made(layer, read), Inputs(picture()), "layer")
    same = activation(
        Made(copy_of_channels(), lambda feats, _: feats[:, :1] - 0.5), Inputs(picture()), "layer"
    )
    np.testing.assert_array_equal(found.maps, same.maps)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ("nothing", "no module 'nothing'"),
        ("idle", "did not run in predict"),
        ("layer.1", r"gave \(1, 512\)"),
    ],
)
def test_a_layer_that_does_not_serve_is_named(layer: str, says: str) -> None:
    net = nn.Sequential(copy_of_channels(), nn.Flatten(), nn.Unflatten(1, (2, SIZE, SIZE)))
    method = Made(net, lambda feats, _: feats[:, :1] - 0.5)
    with pytest.raises(MethodError, match=says):
        activation(method, Inputs(picture()), layer)
    twice = Made(copy_of_channels(), lambda feats, image: feats[:, :1])
    twice.read = lambda feats, image: twice.layer(image)[:, :1] + feats[:, :1] - 0.5
    with pytest.raises(MethodError, match="ran 2 times"):
        activation(twice, Inputs(picture()), "layer")


def test_shares_by_hand_and_undefined() -> None:
    cam = np.array([[3.0, 1.0], [0.0, 0.0]])
    right = np.array([[False, True], [False, True]])
    nothing = np.zeros((2, 2), bool)
    assert shares(cam, right, ~right) == {
        "energy": 0.25, "pointing": 0.0, "energy_predicted": 0.75, "area": 0.5,
    }  # fmt: skip
    # Four equal values: half of the largest lie inside.
    assert shares(np.ones((2, 2)), right, right)["pointing"] == 0.5
    assert all(np.isnan(value) for value in shares(cam, nothing, nothing).values())
    flat = shares(np.zeros((2, 2)), right, right)
    assert np.isnan([flat["energy"], flat["pointing"], flat["energy_predicted"]]).all()
