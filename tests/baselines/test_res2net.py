"""Res2Net-50 v1b: the official keys, strides, dilations, and strict loading of its weights."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from support import ROOT, build

from baselines._shared.conv import renamed
from baselines._shared.res2net import CHANNELS, STAGES, UNDILATED, Res2Net50
from benchmark.core.errors import MethodError
from benchmark.methods.discover import card_of
from benchmark.methods.weights import WeightStore

METHODS = ("pranet", "uacanet-s", "m2snet")
FILES = card_of(ROOT, "pranet").weights[0].files


def official_file() -> dict[str, torch.Tensor]:
    """Random values under the names and shapes of the official file, classifier included."""
    state = timm.create_model("res2net50d").state_dict()
    return {
        key: torch.rand_like(value) if value.is_floating_point() else value
        for key, value in state.items()
    }


def test_undilated_it_is_the_library_network() -> None:
    """To the bit, with the official file's 524 keys, of which two are the classifier's."""
    library = timm.create_model("res2net50d").eval()
    encoder = Res2Net50().eval()
    state = library.state_dict()
    assert len(state) == 524
    assert set(state) - set(encoder.state_dict()) == {"fc.weight", "fc.bias"}
    assert sum(p.numel() for p in library.parameters()) == 25_718_352
    encoder.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")})
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(encoder(image)[-1], library.forward_features(image))


@pytest.mark.parametrize(
    ("stages", "sides"),
    [
        (UNDILATED, (16, 16, 8, 4, 2)),
        (STAGES[32], (16, 16, 8, 4, 2)),
        (STAGES[16], (16, 16, 8, 4, 4)),
    ],
)
def test_maps_of_all_stages(stages: tuple, sides: tuple[int, ...]) -> None:
    encoder = Res2Net50(stages).eval()
    with torch.no_grad():
        maps = encoder(torch.rand(1, 3, 64, 64))
    assert [m.shape for m in maps] == [(1, c, s, s) for c, s in zip(CHANNELS, sides, strict=True)]


@pytest.mark.parametrize(("stride", "reach"), [(32, 4), (16, 2)])
def test_the_last_stage_is_dilated(stride: int, reach: int) -> None:
    for block in Res2Net50(STAGES[stride]).layer4:
        for conv in block.convs:
            assert conv.dilation == conv.padding == (reach, reach)


@pytest.mark.parametrize("name", METHODS)
def test_the_official_file_loads(tmp_path: Path, name: str) -> None:
    method, state = build(name), official_file()
    before = {k: v.clone() for k, v in method.state_dict().items()}
    kept = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    save_file(kept, tmp_path / FILES[0])
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in method.state_dict().items():
        inner = key.removeprefix("network.encoder.")
        assert torch.equal(value, kept.get(inner, before[key])), key


def test_the_official_file_loads_as_a_pth_too(tmp_path: Path) -> None:
    method, state = build("pranet"), official_file()
    torch.save(state, tmp_path / FILES[1])
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert torch.equal(method.network.encoder.layer4[2].bn3.weight, state["layer4.2.bn3.weight"])


def test_another_res2net_is_refused(tmp_path: Path) -> None:
    """The first version has a plain stem; its file must not pass for v1b's."""
    state = timm.create_model("res2net50_26w_4s").state_dict()
    save_file(state, tmp_path / FILES[0])
    method = build("pranet")
    with pytest.raises(MethodError, match=r"weights 'res2net50d.in1k': missing: conv1\.0\.weight"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))


@pytest.mark.parametrize("name", [*METHODS, "uacanet-l", "msnet"])
def test_any_size_is_kept(name: str) -> None:
    method = build(name).eval()
    with torch.no_grad():
        assert method(torch.rand(1, 3, 50, 70)).shape == (1, 1, 50, 70)


def test_renaming_applies_every_rule_and_keeps_what_it_does_not_know() -> None:
    state = {key: torch.zeros(1) for key in ("a.b.x", "a.fc.x", "other")}
    ours = renamed(state, {r"^a\.": "c.", r"^c\.b\.": "c.d."}, dropped=r"a\.fc\.")
    assert list(ours) == ["c.d.x", "other"]
