"""FEP: three transforms behind one interface, each against its definition."""

import numpy as np
import pytest
import pywt
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._shared.contourlet import Contourlet
from baselines._shared.frequency_prompt import FourierPrompt, FrequencyPrompt
from mmsnet.fep import ContourletPrompt, WaveletPrompt, haar

SIZES = ((24, 24), (12, 12), (6, 6), (3, 3))  # stages of an encoder at 96 px
EVERY = [ContourletPrompt("M"), ContourletPrompt("P"), WaveletPrompt(), FourierPrompt()]


def detail(image: Tensor) -> Tensor:
    """The first level's detail, mirrored at the borders."""
    return Contourlet(1, 0, border="reflect")(image).cropped().bands[0][0]


@pytest.fixture
def image() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(2, 3, 96, 96)


@pytest.mark.parametrize("fep", EVERY)
def test_one_interface(fep: FrequencyPrompt, image: Tensor) -> None:
    prompt = fep(image.requires_grad_(), SIZES)
    assert prompt.high.shape == image.shape
    assert [m.shape for m in prompt.maps] == [
        (2, fep.channels, *size) for size in SIZES if fep.channels
    ]
    assert not any(t.requires_grad for t in (prompt.high, *prompt.maps))
    assert sum(p.numel() for p in fep.parameters()) == 0


@pytest.mark.parametrize("fep", EVERY)
def test_a_constant_image_has_no_frequencies(fep: FrequencyPrompt) -> None:
    prompt = fep(torch.full((1, 3, 96, 96), 0.7), SIZES)
    assert all(t.abs().max() < 1e-5 for t in (prompt.high, *prompt.maps))


@pytest.mark.parametrize("fep", EVERY)
def test_float32_under_autocast_and_of_bfloat16(fep: FrequencyPrompt, image: Tensor) -> None:
    want = fep(image, SIZES)
    with torch.autocast("cpu", torch.bfloat16):
        found = fep(image, SIZES)
    assert torch.equal(found.high, want.high)
    assert found.high.dtype == fep(image.bfloat16(), SIZES).high.dtype == torch.float32


@pytest.mark.parametrize("fep", EVERY)
def test_images_do_not_mix(fep: FrequencyPrompt, image: Tensor) -> None:
    both, second = fep(image, SIZES), fep(image[1:], SIZES)
    for a, b in zip((both.high, *both.maps), (second.high, *second.maps), strict=True):
        assert torch.allclose(a[1:], b, atol=1e-6)


def test_contourlet_option_m_takes_each_level_to_its_stage(image: Tensor) -> None:
    prompt = ContourletPrompt("M")(image, SIZES)
    assert torch.equal(prompt.high, detail(image))
    level = Contourlet(4, 3, border="reflect")(image).cropped().bands[0]
    assert [band.shape[-2:] for band in level] == [(24, 48)] * 4 + [(48, 24)] * 4
    for k, band in enumerate(level):  # direction by direction, its three colours together
        axis = -1 if k < 4 else -2
        pairs = band.unflatten(axis, (-1, 2)).mean(axis)  # areas of one long pair
        assert torch.allclose(prompt.maps[0][:, 3 * k : 3 * k + 3], pairs, atol=1e-6)


def test_contourlet_option_p_adds_the_norm_over_directions(image: Tensor) -> None:
    prompt = ContourletPrompt("P")(image, SIZES)
    want = torch.zeros_like(image)
    levels = Contourlet(4, 3, border="reflect")(image).cropped().bands
    for gain, bands, size in zip((1, 2, 4, 8), levels, SIZES, strict=True):
        energy = sum(F.adaptive_avg_pool2d(band**2, size) for band in bands)
        want += F.interpolate(energy.sqrt(), (96, 96), mode="bilinear") / gain / 4
    assert torch.allclose(prompt.high - detail(image), want, atol=1e-5)
    assert want.min() >= 0


def test_borders_are_no_edges() -> None:
    # Bright on one side, dark on the other, and smooth between: only a wrap would see an edge.
    ramp = torch.linspace(-1, 1, 96).expand(1, 3, 96, 96)
    maps = ContourletPrompt("M")(ramp, SIZES).maps[0]
    wrapped = torch.cat(Contourlet(4, 3)(ramp).bands[0][:4], 1)
    assert maps.abs().max() < 0.05 < 0.5 < wrapped.abs().max()


def test_haar_against_pywavelets() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 12))
    low, *bands = haar(torch.from_numpy(x))
    wanted_low, wanted = pywt.dwt2(x, "haar", axes=(-2, -1))
    assert np.allclose(low, wanted_low)
    for ours, theirs in zip(bands, wanted, strict=True):
        assert np.allclose(ours, theirs)


def test_haar_by_hand() -> None:
    low, rows, columns, both = haar(torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]))
    # (1+2+3+6)/2, (1+2-3-6)/2, (1-2+3-6)/2, (1-2-3+6)/2
    assert [float(t) for t in (low, rows, columns, both)] == [6, -3, -2, 1]


def test_haar_of_odd_sides_is_an_error() -> None:
    with pytest.raises(ValueError, match="11 x 12, expected even sides"):
        haar(torch.zeros(1, 1, 11, 12))


def test_wavelet_prompt_against_pywavelets(image: Tensor) -> None:
    prompt = WaveletPrompt()(image, SIZES)
    first, details = pywt.dwt2(image.numpy(), "haar", axes=(-2, -1))
    back = pywt.idwt2((np.zeros_like(first), details), "haar", axes=(-2, -1))
    assert np.allclose(prompt.high, back, atol=1e-6)
    decomposed = pywt.wavedec2(image.numpy(), "haar", level=4, axes=(-2, -1))
    for maps, level, size in zip(prompt.maps, reversed(decomposed[1:]), SIZES, strict=True):
        pooled = [F.adaptive_avg_pool2d(torch.from_numpy(band), size) for band in level]
        assert torch.allclose(maps, torch.cat(pooled, 1), atol=1e-5)
