"""nnU-Net's residual encoder: its count, the library's own numbers."""

import copy

import pytest
import torch
from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet
from support import build
from torch import nn

from benchmark.methods.layers import count_parameters, load_strictly
from benchmark.methods.method import Inputs

NAME, PUBLISHED = "nnunet-resenc-2d", "nnunet-resenc-2d-as-published"
COUNT = 71_817_162


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build(NAME, 64).eval()


def test_parameter_counts_and_each_tensor_once(method) -> None:  # type: ignore[no-untyped-def]
    assert count_parameters(method) == {"total": COUNT, "trainable": COUNT}
    assert sum(value.numel() for value in method.state_dict().values()) == COUNT


def test_the_library_s_weights_give_the_library_s_maps(method) -> None:  # type: ignore[no-untyped-def]
    """Built by hand from nnU-Net's planner: 1, 3, 4, 6, 6, 6 blocks down, one conv3 up."""
    torch.manual_seed(5)
    norm = {"norm_op": nn.InstanceNorm2d, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    sizes = ((32, 64, 128, 256, 512, 512), nn.Conv2d, 3, (1, 2, 2, 2, 2, 2), (1, 3, 4, 6, 6, 6))
    leaky = {"nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
    made = ResidualEncoderUNet(3, 6, *sizes, 2, 1, True, **norm, **leaky, deep_supervision=True)
    load_strictly(method, method.from_official(made.state_dict()), "theirs")
    ours, theirs = copy.deepcopy(method.network).double(), made.double().eval()
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        for given, wanted in zip(ours(image), theirs(image), strict=True):
            torch.testing.assert_close(given, wanted, rtol=1e-9, atol=1e-9)


def test_a_block_starts_as_its_shortcut() -> None:
    """The last norm in front of each sum starts at zero, as theirs."""
    blocks = build(NAME, 64).network.encoder.stages[3].blocks
    assert len(blocks) == 6
    assert all(float(block.conv2.all_modules[1].weight.detach().abs().max()) == 0
               for block in blocks)  # fmt: skip


def test_any_size_is_kept_in_training_too(method) -> None:  # type: ignore[no-untyped-def]
    image, mask = torch.rand(1, 3, 20, 33), torch.ones(1, 1, 20, 33)
    assert method(image).shape == (1, 1, 20, 33)
    method.train()
    assert torch.isfinite(method.loss(Inputs(image), mask)["total"])
    method.eval()


def test_its_published_form_has_the_published_loss_of_the_plain_one() -> None:
    kinds = [type(build(name, 64)) for name in (PUBLISHED, "nnunet-2d-as-published")]
    assert kinds[0].loss is kinds[1].loss
    assert kinds[0].unet is type(build(NAME, 64)).unet
