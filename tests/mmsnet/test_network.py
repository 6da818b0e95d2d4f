"""MMSNet put together: the paper's counts, what learns, and what each ablation takes away."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support import ROOT, build
from torch import Tensor

from baselines._shared.dct import dct_bases
from baselines._shared.frequency_guidance import FrequencyChannelGuidance, Guidance
from baselines._shared.mix_transformer import MiT
from benchmark.methods.discover import folders, method_entry
from benchmark.methods.layers import count_parameters
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore
from benchmark.training.weights_file import Origin, learnt_state, read_learnt, write_learnt
from mmsnet.network import Design, MMSNet

ENCODER, DECODER, FUSED = 60_842_688, 1_100_915, 27_648
WHOLE = 6_407_488 + FUSED + DECODER
LEARNING = {
    "mmsnet": 7_536_051,
    "mmsnet-option-p": 7_508_403,  # the paper's 7.51 M
    "mmsnet-fft": 7_508_403,
    "mmsnet-r2": 1_801_376 + (24 + 1 + 2) * 512 + DECODER,
    "mmsnet-r4": 550_480 + (24 + 1 + 2) * 256 + DECODER,
    "mmsnet-r8": 188_072 + (24 + 1 + 2) * 128 + DECODER,
    "mmsnet-wavelet": 6_407_488 + (9 + 1 + 2) * 1024 + DECODER,
    "mmsnet-no-fep": 4_478_080 + DECODER,
    "mmsnet-no-mfa": FUSED + DECODER,
    "mmsnet-only-msfg": DECODER,
    "mmsnet-full-tuning": ENCODER + DECODER,
    "mmsnet-full-tuning-6e-5": ENCODER + DECODER,
    "mmsnet-no-msfg": WHOLE - 305_446 - 2 * 87_302,  # the blocks at 128, 64 and 64 channels
    "mmsnet-sfg-ssg": WHOLE - (305_446 - 171_394) - 2 * (87_302 - 43_074),
    "mmsnet-learned-k": WHOLE + 3 * 3 * 32,
    **{f"mmsnet-k{k}": WHOLE for k in (1, 2, 4, 8, 16)},
    "mmsnet-mfg-ssg": WHOLE - (305_446 - 171_394) - 2 * (87_302 - 43_074),
    "mmsnet-shared-scales": WHOLE,
}
ROWS = [row for folder in folders(ROOT) if folder.name == "mmsnet" for row in folder.cards]
METHODS = [row.name for row in ROWS if "mmsnet" in (row.name, row.base) and not row.modality]
DESIGNS = {
    "whole": Design(),
    "option P": Design(transform="contourlet-norm"),
    "wavelet": Design(transform="wavelet", r=4),
    "no FEP": Design(transform="none"),
    "no MFA": Design(adaptor=False),
    "only MSFG": Design(adaptor=False, transform="none"),
    "no MSFG": Design(guidance=None),
    "full tuning": Design(adaptor=False, transform="none", frozen=False),
    "learned": Design(guidance=Guidance(selection="learned", share=True)),
}


def small(design: Design, seed: int = 0) -> MMSNet:
    torch.manual_seed(seed)
    return MMSNet(MiT("b0"), design, 64)


@pytest.fixture
def image() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 64, 64)


def test_every_ablation_has_a_count_to_check() -> None:
    assert set(METHODS) == set(LEARNING)


@pytest.mark.parametrize("name", METHODS)
def test_parameters_that_learn(name: str) -> None:
    with torch.device("meta"):
        counts = count_parameters(build(name))
    assert counts["trainable"] == LEARNING[name]
    frozen = 0 if "full-tuning" in name else ENCODER
    assert counts["total"] == LEARNING[name] + frozen


def test_the_number_of_parameters_does_not_hang_on_the_size() -> None:
    with torch.device("meta"):
        states = [build("mmsnet", size).state_dict() for size in (96, 352)]
    shapes = [{k: v.shape for k, v in state.items()} for state in states]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", DESIGNS)
def test_gradients_reach_what_learns_and_nothing_else(name: str, image: Tensor) -> None:
    network = small(DESIGNS[name])
    out = network(image)
    assert out.shape == (2, 1, 64, 64)
    out.square().mean().backward()
    for key, parameter in network.named_parameters():
        if DESIGNS[name].frozen and key.startswith("encoder."):
            assert not parameter.requires_grad, key
            assert parameter.grad is None, key
        else:
            assert parameter.grad is not None, key
            assert torch.isfinite(parameter.grad).all(), key


def test_nothing_is_kept_of_a_frozen_encoder_without_adaptor(image: Tensor) -> None:
    frozen = small(Design(adaptor=False, transform="none")).features(image)
    tuned = small(Design(adaptor=False, transform="none", frozen=False)).features(image)
    assert [f.requires_grad for f in frozen] == [False] * 4
    assert [f.requires_grad for f in tuned] == [True] * 4


def test_features_have_the_sizes_of_the_stages(image: Tensor) -> None:
    shapes = [tuple(f.shape[1:]) for f in small(Design()).features(image)]
    assert shapes == [(32, 16, 16), (64, 8, 8), (160, 4, 4), (256, 2, 2)]


def test_without_adaptor_and_prompt_the_features_are_the_encoders(image: Tensor) -> None:
    network = small(DESIGNS["only MSFG"]).eval()
    for found, own in zip(network.features(image), network.encoder(image), strict=True):
        assert torch.equal(found, own)


@pytest.mark.parametrize("part", ["FEP", "MFA", "MSFG"])
def test_each_part_changes_the_result(part: str, image: Tensor) -> None:
    less = {
        "FEP": Design(transform="none"),
        "MFA": Design(adaptor=False),
        "MSFG": Design(guidance=None),
    }
    whole, without = small(Design()).eval(), small(less[part]).eval()
    state = {k: v for k, v in whole.state_dict().items() if k in without.state_dict()}
    without.load_state_dict(state, strict=False)
    assert not torch.allclose(whole(image), without(image), atol=1e-4)


def test_the_same_seed_gives_the_same_numbers(image: Tensor) -> None:
    outs = []
    for _ in range(2):
        network = small(Design()).train()  # with drop-path and dropout
        torch.manual_seed(5)
        outs.append(network(image))
    assert torch.equal(*outs)


def test_dropout_stands_before_the_head_and_works_in_passes_of_its_own(image: Tensor) -> None:
    network = small(Design()).eval()
    dropouts = [m for m in network.decoder.modules() if isinstance(m, torch.nn.Dropout2d)]
    assert [m.p for m in dropouts] == [0.1]
    assert torch.equal(network(image), network(image))
    dropouts[0].train()  # Monte-Carlo dropout: all else stays in evaluation mode
    assert not torch.equal(network(image), network(image))


@pytest.mark.parametrize("name", ["mmsnet-b0", "mmsnet-tinyvit"])
def test_any_size_of_image(name: str) -> None:
    method = build(name, 64).eval()
    assert method(torch.rand(1, 3, 70, 101)).shape == (1, 1, 70, 101)


def test_the_learnt_part_alone_is_stored_and_loads_onto_a_fresh_encoder(tmp_path: Path) -> None:
    origin, store = Origin(size=32, seed=7, pretrained=False), WeightStore(tmp_path, ())
    entry = method_entry(ROOT, "mmsnet")
    method = origin.begin(entry.build, 32, store).eval()
    file = tmp_path / "weights.safetensors"
    write_learnt(file, method, origin)
    assert 29e6 < file.stat().st_size < 31e6
    assert not [key for key in load_file(file) if key.startswith("network.encoder.")]
    torch.manual_seed(0)
    back = read_learnt(file, entry.build, 32, store).eval()
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(back.predict(Inputs(image)), method.predict(Inputs(image)))
    assert set(learnt_state(back)) == set(load_file(file))


@pytest.mark.slow  # a minute of tracing
def test_a_compiled_network_agrees(image: Tensor) -> None:
    network = small(Design()).eval()
    compiled = torch.compile(network, backend="aot_eager")
    assert torch.allclose(compiled(image), network(image), atol=1e-5)


def test_bfloat16_autocast_gives_finite_logits_near_the_exact_ones(image: Tensor) -> None:
    network = small(Design()).eval()
    with torch.autocast("cpu", torch.bfloat16):
        near = network(image).float()
    exact = network(image)
    assert torch.isfinite(near).all()
    assert (near - exact).abs().mean() < 0.1 * exact.std()


def test_a_design_that_would_throw_its_prompt_away_is_an_error() -> None:
    with pytest.raises(ValueError, match="'fourier' without an adaptor"):
        Design(adaptor=False, transform="fourier")


def test_the_gate_is_computed_in_float32_under_autocast() -> None:
    torch.manual_seed(0)
    gate = FrequencyChannelGuidance(32, 16)
    v, bases = torch.rand(4, 32, 14, 14), dct_bases(32, 14)
    exact = gate(v.bfloat16(), bases)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(gate(v.bfloat16(), bases), exact)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"transform": "contorlet"}, "transform 'contorlet', expected one of contourlet, "),
        ({"encoder": "mit-b9"}, "encoder 'mit-b9', expected one of mit-b0, .* tinyvit-5m"),
        ({"guidance": {"branches": 0}}, "branches = 0"),
    ],
)
def test_arguments_that_are_wrong_are_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build("mmsnet", 64, **arguments)
