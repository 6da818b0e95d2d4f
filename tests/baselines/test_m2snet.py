"""M2SNet and MSNet: parity, the one-channel rewrite, LossNet, and what their scripts do."""

import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from parity import check, reference
from safetensors.torch import save_file
from support import build
from torch import nn

from benchmark.core.errors import MethodError
from benchmark.methods.layers import load_strictly
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

PUBLISHED = "m2snet-as-published"


def beside(name: str) -> object:
    """A module of the folder, as the methods use it."""
    module = type(build("m2snet").network).__module__
    return sys.modules[f"{module.rpartition('.')[0]}.{name}"]


def test_parity() -> None:
    check("m2snet", "m2snet", lambda m, x: m.network(x))


@pytest.mark.parametrize(("name", "count"), [("m2snet", 27_692_585), ("msnet", 27_692_329)])
def test_parameters(name: str, count: int) -> None:
    method = build(name)
    assert sum(p.numel() for p in method.parameters()) == count


def test_msnet_is_m2snet_without_its_windows() -> None:
    """With windows that always give the same, the one computes what the other does."""
    wide, narrow = (build(name).eval() for name in ("m2snet", "msnet"))
    state = {k: v for k, v in wide.state_dict().items() if ".boxes." not in k}
    narrow.load_state_dict(state)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.equal(wide(image), narrow(image))
        for box in wide.network.boxes:
            box.norm.weight.zero_()
        assert torch.equal(wide(image), narrow(image))


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("training", [True, False])
def test_one_channel_gives_what_filters_of_ones_give(side: int, training: bool) -> None:
    """Maps, gradients and running statistics of the plain convolution."""
    torch.manual_seed(0)
    box = beside("network").BoxSum(side).double().train(training)
    norm = nn.BatchNorm2d(64).double().train(training)
    box.norm.load_state_dict(
        {key: torch.rand_like(v) if v.ndim else v for key, v in norm.state_dict().items()}
    )
    norm.load_state_dict(box.norm.state_dict())
    x = torch.randn(2, 64, 9, 7, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    ones = torch.ones(64, 64, side, side, dtype=torch.float64)
    ours = box(x.sum(1, keepdim=True))
    theirs = F.relu(norm(F.conv2d(y, ones, padding=side // 2)))
    torch.testing.assert_close(ours, theirs)
    towards = torch.randn_like(ours)
    (ours * towards).sum().backward()
    (theirs * towards).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(box.norm.weight.grad, norm.weight.grad)
    for key, value in norm.state_dict().items():
        torch.testing.assert_close(box.norm.state_dict()[key], value)


def official_lossnet() -> nn.Module:
    """LossNet with the oracle's weights, in float64."""
    state = reference().make_state_dict("m2snet_lossnet")
    ours = {f"features.{key.split('.', 3)[3]}": value for key, value in state.items()}
    lossnet = beside("lossnet").LossNet()
    load_strictly(lossnet, ours, "oracle m2snet_lossnet")
    return lossnet.double()


def test_lossnet_is_the_official_one() -> None:
    lossnet = official_lossnet()
    generator = torch.Generator().manual_seed(0)
    prob = torch.rand(1, 1, 352, 352, generator=generator)
    mask = (torch.rand(1, 1, 352, 352, generator=generator) > 0.5).double()
    found = reference().compare("m2snet_lossnet", [lossnet(prob.double(), mask)])
    assert found["out"] < 1e-6
    learning = sum(p.numel() for p in lossnet.parameters() if p.requires_grad)
    assert learning == 0
    # Theirs counts mean and deviation of the images among its parameters, three numbers each.
    assert sum(p.numel() for p in lossnet.parameters()) + 6 == 7_635_270


@pytest.mark.parametrize("classifier", ["classifier.0", "pre_logits.fc1"])
def test_both_files_of_vgg_load(tmp_path: Path, classifier: str) -> None:
    """The library's names of the classifier, and torchvision's; only the features are wanted."""
    method = build(PUBLISHED)
    lossnet = method.loss_modules()["lossnet"]
    state = {key: torch.rand_like(value) for key, value in lossnet.state_dict().items()}
    more = {f"features.{k}.{p}": torch.rand(2) for k in (24, 26, 28) for p in ("weight", "bias")}
    encoder = method.network.encoder.state_dict()
    vgg = method.card.weights[1]
    save_file({**state, **more, f"{classifier}.weight": torch.rand(2)}, tmp_path / vgg.files[0])
    save_file(encoder, tmp_path / method.card.weights[0].files[0])
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in lossnet.state_dict().items():
        assert torch.equal(value, state[key])
    state.pop("features.21.bias")
    save_file(state, tmp_path / vgg.files[0])
    with pytest.raises(MethodError, match=r"weights 'vgg16.tv_in1k': missing: features\.21\.bias"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))


def test_as_published_loss() -> None:
    """Plain BCE and weighted IoU, and a tenth of LossNet, which is no part of the network."""
    torch.manual_seed(0)
    method = build(PUBLISHED, 64).eval()
    image, mask = torch.rand(2, 3, 64, 64), (torch.rand(2, 1, 64, 64) > 0.7).float()
    with torch.no_grad():
        terms, logits = method.loss(Inputs(image), mask), method(image)
        structure = weighted_bce_iou(logits, mask, weighted_bce=False)
        lossnet = method.loss_modules()["lossnet"](torch.sigmoid(logits), mask)
    assert lossnet > 0
    torch.testing.assert_close(terms["structure"], structure)
    torch.testing.assert_close(terms["total"], structure + 0.1 * lossnet)
    assert sum(p.numel() for p in method.parameters()) == 27_692_585


def test_lossnet_teaches_the_map_alone() -> None:
    lossnet = beside("lossnet").LossNet()
    prob = torch.full((1, 1, 32, 32), 0.5, requires_grad=True)
    lossnet(prob, torch.ones(1, 1, 32, 32)).backward()
    assert torch.isfinite(prob.grad).all()
    assert prob.grad.any()
    assert all(p.grad is None for p in lossnet.parameters())
    assert lossnet(prob, prob.detach()) == 0


def test_a_size_is_drawn_for_every_batch_of_training() -> None:
    torch.manual_seed(0)
    method = build(PUBLISHED)
    sides = Counter(method.train()._side(352) for _ in range(400))
    assert set(sides) == {224, 256, 288, 320, 352}
    assert min(sides.values()) > 50  # 80 expected each, deviation 8
    assert {method._side(64) for _ in range(50)} == {32, 64}
    assert method.eval()._side(100) == 100


def test_training_normalises_by_their_own_statistics() -> None:
    # Red 0.5 is 127.5 of 255: (127.5 - 124.55) / 56.77; ImageNet's: (0.5 - 0.485) / 0.229
    method = build(PUBLISHED)
    grey = torch.full((1, 3, 1, 1), 0.5)
    own = method.train().normalise(grey)[0, 0].item()
    assert own == pytest.approx((127.5 - 124.55) / 56.77, abs=1e-6)
    after = method.eval().normalise(grey)[0, 0].item()
    assert after == pytest.approx((0.5 - 0.485) / 0.229, abs=1e-6)


@pytest.mark.parametrize("name", ["m2snet", "msnet"])
def test_as_published_recipe(name: str) -> None:
    method = build(f"{name}-as-published")
    recipe = method.card.recipe
    assert (recipe.optimiser, recipe.lr, recipe.nesterov) == ("sgd", 0.05, True)
    assert (recipe.schedule, recipe.epochs, recipe.batch) == ("triangular", 50, 16)
    assert len(method.parameter_groups(0.05)) == 1  # the encoder at the full rate, as theirs
