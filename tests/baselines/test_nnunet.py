"""nnU-Net's 2-D network: its count, the library's own numbers, and deep supervision by hand."""

import copy

import pytest
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from support import ROOT, build
from torch import nn

from benchmark.methods.importing import import_beside
from benchmark.methods.layers import count_parameters, load_strictly
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs

COUNT = 20_619_658


@pytest.fixture(scope="module")
def plugin():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, ROOT / "baselines" / "nnunet" / "plugin.py", "plugin")


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build("nnunet-2d", 64).eval()


def test_parameter_counts_and_each_tensor_once(method) -> None:  # type: ignore[no-untyped-def]
    assert count_parameters(method) == {"total": COUNT, "trainable": COUNT}
    assert sum(value.numel() for value in method.state_dict().values()) == COUNT


def test_the_library_s_weights_give_the_library_s_maps(method) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(5)
    norm = {"norm_op": nn.InstanceNorm2d, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    sizes = ((32, 64, 128, 256, 512, 512), nn.Conv2d, 3, (1, 2, 2, 2, 2, 2), 2, 2, 2, True)
    leaky = {"nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
    theirs = PlainConvUNet(3, 6, *sizes, **norm, **leaky, deep_supervision=True).eval()
    load_strictly(method, method.from_official(theirs.state_dict()), "theirs")
    ours, theirs = copy.deepcopy(method.network).double(), theirs.double()
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        for given, wanted in zip(ours(image), theirs(image), strict=True):
            torch.testing.assert_close(given, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(64, 64), (50, 100), (20, 33)])
def test_any_size_is_kept_in_training_too(method, shape) -> None:  # type: ignore[no-untyped-def]
    image, mask = torch.rand(1, 3, *shape), torch.ones(1, 1, *shape)
    assert method(image).shape == (1, 1, *shape)
    method.train()
    assert torch.isfinite(method.loss(Inputs(image), mask)["total"])
    method.eval()


def test_dice_ce_by_hand(plugin) -> None:  # type: ignore[no-untyped-def]
    """Foreground probabilities 3/4, 1/4 of masks 1, 0 and 1/2, 1/2 of masks 1, 1.

    CE = (2 ln(4/3) + 2 ln 2) / 4; Dice over the batch = 2 (3/4 + 1/2 + 1/2) / (2 + 3) = 0.7.
    """
    odds = torch.tensor([[3.0, 1 / 3], [1.0, 1.0]]).log().view(2, 1, 1, 2)
    logits = torch.cat([torch.zeros_like(odds), odds], dim=1)
    mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).view(2, 1, 1, 2)
    expected = (2 * torch.tensor(4 / 3).log() + 2 * torch.tensor(2.0).log()) / 4 + 0.3
    torch.testing.assert_close(plugin.dice_ce(logits, mask), expected, rtol=0, atol=1e-5)


def test_the_difference_is_the_softmax(plugin) -> None:  # type: ignore[no-untyped-def]
    logits = torch.randn(2, 2, 3, 3)
    prob = torch.sigmoid(plugin.difference(logits))
    torch.testing.assert_close(prob, logits.softmax(1)[:, 1:])


def test_each_resolution_weighs_half_of_the_finer_and_the_lowest_nothing(method, plugin) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    maps = [torch.randn(2, 2, s, s) for s in (64, 32, 16, 8, 4)]
    mask = torch.zeros(2, 1, 64, 64)
    mask[..., :32, 16:48] = 1  # sides in units of 16 pixels, so that every resolution has them
    inputs = Inputs(torch.rand(2, 3, 64, 64))
    published = build("nnunet-2d-as-published", 64)
    for one, loss in ((method, None), (published, plugin.dice_ce)):
        expected = torch.zeros(())
        for k, weight in enumerate((8, 4, 2, 1)):
            small = mask[..., :: 2**k, :: 2**k]
            z = maps[k]
            one_map = loss(z, small) if loss else weighted_bce_iou(z[:, 1:] - z[:, :1], small)
            expected = expected + weight / 15 * one_map
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one.network, "forward", lambda x: maps)
            torch.testing.assert_close(one.loss(inputs, mask)["total"], expected)
