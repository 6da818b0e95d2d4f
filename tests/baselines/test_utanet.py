"""UTANet: equal to the official network; its mixture, balance, weights and sizes by hand."""

from pathlib import Path

import pytest
import torch
from golden_networks import utanet_outputs
from official_code import check
from safetensors.torch import save_file
from support import ROOT, build
from torchvision.models import resnet34

from benchmark.methods.importing import import_beside
from benchmark.methods.layers import count_parameters
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

NAME = "utanet"


@pytest.fixture(scope="module")
def network():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, ROOT / "baselines" / "utanet" / "plugin.py", "network")


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build(NAME, 64).eval()


def test_it_is_equal_to_the_official_network() -> None:
    """Its balance is a float32 number."""
    check(NAME, utanet_outputs)


def test_parameter_counts(method) -> None:  # type: ignore[no-untyped-def]
    found = {n: count_parameters(part)["total"] for n, part in method.network.named_children()}
    # 65 x 128, 129 x 128, the norm, 129 x 64; a gate 64 x 4
    assert found["mixture"] == 4 * (65 * 128 + 129 * 128 + 256 + 129 * 64) + 4 * 64 * 4
    assert found["fuse"] == 513 * 64 + 128
    assert sum(found.values()) == 23_754_433


def test_a_mixture_case_by_case(network) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    mixture = network.Mixture().double().eval()
    x = torch.randn(3, 64, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        mixed, balance = mixture(x)
        usage = []
        for gate, found in zip(mixture.gates, mixed, strict=True):
            share = torch.stack([(gate.T @ case.mean((1, 2))).softmax(0) for case in x])
            usage.append(share.sum(0))
            for case, p, y in zip(x, share, found, strict=True):
                first, second = p.argsort(descending=True)[:2].tolist()
                a = torch.sigmoid(p[first] - p[second])  # the softmax of two
                experts = [mixture.experts[k](case[None])[0] for k in (first, second)]
                torch.testing.assert_close(y, a * experts[0] + (1 - a) * experts[1])
        expected = sum(u.var() / u.mean() ** 2 for u in usage)
    torch.testing.assert_close(balance, expected, rtol=1e-6, atol=1e-6)


def test_in_training_every_expert_has_a_gradient(network) -> None:  # type: ignore[no-untyped-def]
    """The gates of zeros choose the same two experts for every case."""
    mixture = network.Mixture().train()
    for gate in mixture.gates:
        torch.nn.init.zeros_(gate)
    mixed, _ = mixture(torch.randn(2, 64, 4, 4))
    sum(y.square().sum() for y in mixed).backward()
    assert all(float(e[0].weight.grad.abs().max()) > 0 for e in mixture.experts)


@pytest.mark.parametrize("shape", [(64, 64), (33, 50)])
def test_any_size_is_kept(method, shape: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_the_loss_holds_the_balance(method) -> None:  # type: ignore[no-untyped-def]
    logits, mask = torch.randn(2, 1, 16, 16), (torch.rand(2, 1, 16, 16) > 0.5).float()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method.network, "forward", lambda x: (logits, torch.tensor(3.0)))
        found = method.loss(Inputs(torch.rand(2, 3, 16, 16)), mask)
    torch.testing.assert_close(found["total"], weighted_bce_iou(logits, mask) + 0.03)


def test_resnet34_fills_the_four_stages_alone(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(7)
    wanted = resnet34().state_dict()
    others = {k: v.clone() for k, v in method.network.stem.state_dict().items()}
    save_file(wanted, tmp_path / "resnet34.imagenet.safetensors")
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in method.network.layers.state_dict().items():
        stage, _, rest = key.partition(".")
        assert torch.equal(value, wanted[f"layer{int(stage) + 1}.{rest}"]), key
    assert all(torch.equal(v, others[k]) for k, v in method.network.stem.state_dict().items())
