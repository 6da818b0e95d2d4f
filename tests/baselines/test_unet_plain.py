"""The plain U-Net, and the rows from scratch: counts, structure, and that nothing is loaded."""

from pathlib import Path

import pytest
import torch
from support import build

from benchmark.methods.weights import WeightStore

SCRATCH = {
    "unet-scratch": "unet",
    "unet-resnet50-scratch": "unet-resnet50",
    "unetpp-scratch": "unetpp",
    "unetpp-resnet50-scratch": "unetpp-resnet50",
}


def test_parameter_count() -> None:
    assert sum(p.numel() for p in build("unet-plain").parameters()) == 31_037_633


@pytest.mark.parametrize("shape", [(32, 48), (41, 30)])
def test_any_size_is_kept(shape: tuple[int, int]) -> None:
    method = build("unet-plain").eval()
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_every_skip_reaches_the_map() -> None:
    """With what comes from below cut off at a level, the map still depends on the image there."""
    network = build("unet-plain").eval().network
    one, two = torch.rand(2, 1, 3, 32, 32)
    for up in network.up:  # silences the way up to a level, so that only the skips above remain
        kept = {key: value.clone() for key, value in up.state_dict().items()}
        with torch.no_grad():
            for parameter in up.parameters():
                parameter.zero_()
            assert not torch.equal(network(one), network(two))
        up.load_state_dict(kept)


def test_the_receptive_field_is_that_of_five_levels() -> None:
    """A pixel moves the map as far as the deepest level reaches, and no further."""
    network = build("unet-plain").eval().network
    image = torch.rand(1, 3, 32, 480, requires_grad=True)
    network(image)[0, 0, 16, 240].backward()
    assert image.grad is not None
    touched = image.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    assert 80 < int(touched.max()) - 240 < 120
    assert 80 < 240 - int(touched.min()) < 120


@pytest.mark.parametrize(("name", "base"), SCRATCH.items())
def test_from_scratch_is_the_same_network_without_a_file(
    tmp_path: Path, name: str, base: str
) -> None:
    torch.manual_seed(0)
    method = build(name)
    assert method.card.weights == ()
    assert method.card.pretrained_on == frozenset()
    assert "from scratch" in method.card.title
    assert method.card.base == base
    torch.manual_seed(0)
    same = build(base).state_dict()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert before.keys() == same.keys()
    for key, value in method.state_dict().items():
        assert torch.equal(value, before[key]), key
        assert torch.equal(value, same[key]), key
