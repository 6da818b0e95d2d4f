"""MADGNet, built from MMSNet's modules: parity, counts, the targets of its side tasks."""

from pathlib import Path

import parity
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from support import ROOT, build

from benchmark.methods.importing import import_beside
from benchmark.methods.layers import count_parameters
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

COUNT, ENCODER = 33_366_372, 25_434_240


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build("madgnet", 64)


def test_parity_with_the_official_network_in_every_output() -> None:
    def outputs(method, x):  # type: ignore[no-untyped-def]
        maps = [each for stage in method.network(x) for each in stage]
        return [*maps, method.network.last_map(x)]

    found = parity.check("madgnet", "madgnet", outputs)
    assert len(found) == 4 * 3 + 1
    assert max(found.values()) < 1e-10, found  # our float32 DCT bases are theirs to the bit


def test_parameter_counts(method) -> None:  # type: ignore[no-untyped-def]
    assert count_parameters(method) == {"total": COUNT, "trainable": COUNT}
    assert count_parameters(method.network.encoder)["total"] == ENCODER


@pytest.fixture(scope="module")
def targets():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, ROOT / "baselines" / "madgnet" / "plugin.py", "targets")


def picture(text: str) -> torch.Tensor:
    """Rows of digits as (1, 1, H, W)."""
    return torch.tensor([[[[float(c) for c in row] for row in text.split()]]])


def test_distance_by_hand(targets) -> None:  # type: ignore[no-untyped-def]
    """Steps up, down, left or right to the nearest 0, here over the largest, 2."""
    mask = picture("00100 01110 11111 01110 00100")
    assert torch.equal(targets.distance(mask) * 3, picture("00100 01210 12321 01210 00100"))


def test_the_border_of_the_image_ends_the_mask(targets) -> None:  # type: ignore[no-untyped-def]
    full = targets.distance(torch.ones(1, 1, 4, 6))
    assert torch.equal(full * 2, picture("111111 122221 122221 111111"))
    assert torch.equal(targets.distance(torch.zeros(2, 1, 4, 4)), torch.zeros(2, 1, 4, 4))


def test_distance_is_the_shortest_way_to_every_pixel_outside(targets) -> None:  # type: ignore[no-untyped-def]
    """Against all pairs of pixels, on random masks; each case over its own largest."""
    torch.manual_seed(0)
    mask = (torch.rand(4, 1, 9, 12) > 0.15).float()
    outside = F.pad(mask, (1, 1, 1, 1))
    found = targets.distance(mask)
    for k in range(4):
        zeros = (outside[k, 0] == 0).nonzero()
        at = torch.cartesian_prod(torch.arange(1, 10), torch.arange(1, 13))
        steps = (at[:, None] - zeros).abs().sum(-1).amin(1).view(9, 12)
        torch.testing.assert_close(found[k, 0], steps / steps.max())


def test_boundary_by_hand(targets) -> None:  # type: ignore[no-untyped-def]
    mask = picture("000000 000000 001111 001111 001111 001111 001111")
    edge = picture("000000 011111 011111 011000 011000 011000 011000")
    assert torch.equal(targets.boundary(mask), edge)
    assert not targets.boundary(torch.ones(1, 1, 5, 5)).any()


def test_the_loss_sums_three_tasks_over_four_stages(method, targets) -> None:  # type: ignore[no-untyped-def]
    image = torch.rand(2, 3, 64, 64)
    mask = F.pad(torch.ones(2, 1, 30, 40), (10, 14, 20, 14))
    torch.manual_seed(3)
    outputs = torch.randn(4, 3, 2, 1, 64, 64)
    published = build("madgnet-as-published", 64)
    far, edge = targets.distance(mask), targets.boundary(mask)
    for one, weighted in ((method, True), (published, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one.network, "forward", lambda x: [tuple(stage) for stage in outputs])
            terms = one.loss(Inputs(image), mask)
        maps = sum(weighted_bce_iou(m, mask, weighted) for m in outputs[:, 0])
        torch.testing.assert_close(terms["map"], maps)
        squares = sum((torch.sigmoid(d) - far).square().mean() for d in outputs[:, 1])
        torch.testing.assert_close(terms["distance"], squares)
        bce = sum(F.binary_cross_entropy(torch.sigmoid(b), edge) for b in outputs[:, 2])
        torch.testing.assert_close(terms["boundary"], bce)
        torch.testing.assert_close(terms["total"], maps + squares + bce)


def test_the_scored_map_is_the_last_stage_s(method) -> None:  # type: ignore[no-untyped-def]
    method.eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(method(image), method.network(method.normalise(image))[-1][0])


def test_the_encoder_s_weights_fill_the_encoder_alone(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    """A file of the hub: the encoder's own keys, and a classifier."""
    encoder = method.network.encoder
    wanted = {k: torch.rand_like(v.float()) for k, v in encoder.state_dict().items()}
    wanted = {k: v for k, v in wanted.items() if not k.endswith("num_batches_tracked")}
    others = {k: v.clone() for k, v in method.network.up.state_dict().items()}
    file = tmp_path / "resnest50d.in1k.safetensors"
    save_file({**wanted, "fc.weight": torch.rand(9, 2048), "fc.bias": torch.rand(9)}, file)
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in wanted.items():
        assert torch.equal(encoder.state_dict()[key], value), key
    for key, value in others.items():
        assert torch.equal(method.network.up.state_dict()[key], value), key
