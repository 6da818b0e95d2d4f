"""EVP's Fourier high-pass against its definition."""

import math

import numpy as np
import pytest
import torch

from baselines._shared.frequency_prompt import FourierPrompt

SIZES = ((24, 24), (12, 12), (6, 6), (3, 3))  # stages of an encoder at 96 px


@pytest.mark.parametrize(("cycles", "kept"), [(3, 0.0), (20, 0.0), (30, 1.0), (44, 1.0)])
def test_fourier_keeps_the_upper_half_of_the_frequencies(cycles: int, kept: float) -> None:
    # 96 px: line = 24, so that up to 24 cycles across the image are removed
    wave = torch.cos(2 * math.pi * cycles * torch.arange(96) / 96).expand(1, 3, 96, 96)
    assert torch.allclose(FourierPrompt()(wave, SIZES).high, kept * wave.abs(), atol=1e-4)


def test_fourier_against_a_sum_over_frequencies() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 1, 8, 8)))
    spectrum = np.fft.fft2(x[0, 0].numpy())
    line = 2  # int((8 * 8 * 0.25) ** 0.5 // 2)
    signed = np.fft.fftfreq(8, 1 / 8)
    low = (signed >= -line) & (signed < line)
    spectrum[np.ix_(low, low)] = 0
    want = np.abs(np.fft.ifft2(spectrum).real)
    assert np.allclose(FourierPrompt()(x, ()).high[0, 0], want, atol=1e-6)
