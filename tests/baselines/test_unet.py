"""U-Net and U-Net++: parameter counts, any size, and strict loading of ImageNet weights."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import ROOT, build

from benchmark.core.errors import MethodError
from benchmark.methods.method import Method
from benchmark.methods.weights import WeightStore

COUNTS = {
    "unet": 24_436_369,
    "unet-resnet50": 32_521_105,
    "unetpp": 26_078_609,
    "unetpp-resnet50": 48_985_745,
}
REAL = Path(os.environ.get("MIXSEG_REAL_WEIGHTS", ROOT.parent / "shared" / "weights"))
REAL_RESNET50 = "resnet50_keras_v1.torchvision-keys.fp16.safetensors"


def encoder_state(method: Method) -> dict[str, torch.Tensor]:
    """What a ResNet's file from the hub holds: the encoder, and the classifier."""
    state = {
        key: torch.rand_like(v.float()) for key, v in method.network.encoder.state_dict().items()
    }
    return {**state, "fc.weight": torch.rand(2, 2), "fc.bias": torch.rand(2)}


def store(folder: Path, method: Method, state: dict[str, torch.Tensor]) -> WeightStore:
    save_file(state, folder / method.card.weights[0].files[0])
    return WeightStore(folder, method.card.weights)


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_parameter_counts(name: str, count: int) -> None:
    method = build(name)
    assert sum(p.numel() for p in method.parameters()) == count


@pytest.mark.parametrize("name", ["unet", "unetpp"])
@pytest.mark.parametrize("shape", [(96, 96), (100, 70), (16, 33)])
def test_any_size_is_kept(name: str, shape: tuple[int, int]) -> None:
    method = build(name).eval()
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_padding_leaves_the_inside_as_it_is() -> None:
    """60 pixels give what the same picture gives when its border is continued to 64 by hand."""
    method = build("unet").eval()
    small = torch.rand(1, 3, 60, 60)
    padded = torch.nn.functional.pad(small, (2, 2, 2, 2), mode="replicate")
    with torch.no_grad():
        assert torch.equal(method(small), method(padded)[..., 2:62, 2:62])


@pytest.mark.parametrize("name", ["unet", "unetpp-resnet50"])
def test_pretrained_weights_fill_the_encoder_alone(tmp_path: Path, name: str) -> None:
    method = build(name)
    decoder = {key: value.clone() for key, value in method.network.decoder.state_dict().items()}
    state = encoder_state(method)
    dropped = {key: v for key, v in state.items() if not key.endswith("num_batches_tracked")}
    method.load_pretrained(store(tmp_path, method, dropped))
    for key, value in method.network.encoder.state_dict().items():
        if key in dropped:
            assert torch.equal(value, dropped[key])
    for key, value in method.network.decoder.state_dict().items():
        assert torch.equal(value, decoder[key])


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda s: s.pop("conv1.weight"), r"missing: conv1\.weight \(1\)"),
        (lambda s: s.update(stem=torch.rand(1)), r"left over: stem \(1\)"),
        (
            lambda s: s.update({"conv1.weight": torch.rand(1, 3, 7, 7)}),
            r"\(1, 3, 7, 7\) for \(64, 3",
        ),
        (lambda s: s.pop("layer4.2.bn2.running_var"), "missing: layer4"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(tmp_path: Path, fault, says: str) -> None:  # type: ignore[no-untyped-def]
    method = build("unet")
    before = {key: value.clone() for key, value in method.state_dict().items()}
    state = encoder_state(method)
    fault(state)
    with pytest.raises(MethodError, match=says) as told:
        method.load_pretrained(store(tmp_path, method, state))
    assert str(told.value).startswith("weights 'resnet34.imagenet': ")
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())


@pytest.mark.skipif(not (REAL / REAL_RESNET50).is_file(), reason=f"no {REAL_RESNET50} in {REAL}")
@pytest.mark.parametrize("name", ["unet-resnet50", "unetpp-resnet50"])
def test_the_real_resnet50_loads(name: str) -> None:
    """Its first filters are those of a trained network, and its features are no noise."""
    method = build(name)
    method.load_pretrained(WeightStore(REAL, method.card.weights))
    method.eval()
    with torch.no_grad():
        features = method.network.encoder(method.normalise(torch.rand(1, 3, 64, 64)))
    assert all(torch.isfinite(level).all() for level in features)
    stem = method.network.encoder.conv1.weight
    assert float(stem.detach().abs().amax()) > 0.5  # random ones are drawn with deviation 0.025
