"""The spectral loss: its readings, what each is blind to, and its gradients at the edges."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines._shared.spectral import MODES, cosine, pearson, ring_correlation, spectral_loss

SIZE = 352


def one_minus(mode: str, prob: Tensor, mask: Tensor) -> float:
    return float(1 - MODES[mode](prob, mask))


def random_pair(size: int = 20) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    prob = torch.rand(size, size, generator=generator, dtype=torch.float64)
    return prob, (torch.rand(size, size, generator=generator) > 0.6).double()


def disc(radius: float, x0: int = 176, y0: int = 176) -> Tensor:
    y, x = np.mgrid[:SIZE, :SIZE]
    return torch.from_numpy(((x - x0) ** 2 + (y - y0) ** 2 <= radius**2).astype(float))


def drawn() -> dict[str, Tensor]:
    """Predictions for the disc of radius 60."""
    true = disc(60)
    x = torch.arange(SIZE).expand(SIZE, SIZE)
    square = ((x - 176).abs() <= 53) & ((x.T - 176).abs() <= 53)
    return {
        "shift 5": true.roll(5, 1),
        "shift 100": true.roll(100, 1),
        "dilated": disc(66),
        "eroded": disc(54),
        "half": true * (x < 176),
        "far disc": torch.maximum(true, disc(15, 60, 60)),
        "square": square.double(),
        "zeros": torch.zeros_like(true),
        "ones": torch.ones_like(true),
        "complement": 1 - true,
    }


# 1 - correlation: magnitude, without the constant, log, complex, without the constant, rings.
TABLE = {
    "shift 5": (0.0000, 0.0000, 0.0000, 0.0529, 0.0582, 0.9144),
    "shift 100": (0.0000, 0.0000, 0.0000, 0.9211, 1.0134, 0.9953),
    "dilated": (0.0367, 0.0404, 0.6003, 0.0914, 0.1010, 1.0139),
    "eroded": (0.0404, 0.0435, 0.5845, 0.1000, 0.1084, 0.9908),
    "half": (0.1079, 0.1113, 0.2816, 0.2967, 0.3139, 0.4681),
    "far disc": (0.0160, 0.0176, 0.1565, 0.0300, 0.0331, 0.1234),
    "square": (0.0566, 0.0624, 0.5648, 0.0890, 0.0980, 0.9449),
    "zeros": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "ones": (0.6953, 1.0, 0.9784, 0.6982, 1.0, 0.9944),
    "complement": (0.4247, 0.0, 0.0, 1.0, 2.0, 1.9887),
}


@pytest.mark.parametrize("row", TABLE)
def test_the_readings_of_a_disc(row: str) -> None:
    """Values that were worked out elsewhere, at 352 pixels, to their four digits.

    The spectrum of all ones is rounding noise but at the constant, which the logarithm sees.
    """
    found = [one_minus(mode, drawn()[row], disc(60)) for mode in MODES]
    assert found == pytest.approx(TABLE[row], abs=2e-4 if row == "ones" else 1e-4)


def test_the_complex_reading_is_the_cosine_in_space() -> None:
    """Plancherel: sum F(p) conj F(g) = H W sum p g."""
    prob, mask = random_pair()
    assert MODES["complex"](prob, mask) == pytest.approx(float(cosine(prob, mask)), abs=1e-12)
    assert MODES["complex-nodc"](prob, mask) == pytest.approx(float(pearson(prob, mask)), abs=1e-12)
    expected = np.corrcoef(prob.flatten(), mask.flatten())[0, 1]
    assert MODES["complex-nodc"](prob, mask) == pytest.approx(expected, abs=1e-12)


def test_the_constant_is_all_that_is_left_out() -> None:
    """By hand from the spectrum: the frequency 0 set to 0."""
    prob, mask = random_pair()
    p, g = torch.fft.fft2(prob), torch.fft.fft2(mask)
    p[0, 0] = g[0, 0] = 0
    expected = np.corrcoef(p.abs().flatten(), g.abs().flatten())[0, 1]
    assert MODES["magnitude-nodc"](prob, mask) == pytest.approx(expected, abs=1e-12)
    kept = np.corrcoef(torch.fft.fft2(prob).abs().flatten(), torch.fft.fft2(mask).abs().flatten())[
        0, 1
    ]
    assert MODES["magnitude"](prob, mask) == pytest.approx(kept, abs=1e-12)
    assert abs(kept - expected) > 0.01


def test_two_pixels_by_hand() -> None:
    """P = [3, 1] has the magnitudes [4, 2], G = [1, 0] has [1, 1]; G = [0, 1] the same: no spread.

    P = [3, 1] against G = [1, 1], magnitudes [2, 0]: deviations [1, -1] and [1, -1], so 1.
    Complex: (4 * 2 + 2 * 0) / sqrt(20 * 4) = 2 / sqrt 5.
    """
    prob = torch.tensor([[3.0, 1.0]], dtype=torch.float64)
    full, single = torch.ones_like(prob), torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert MODES["magnitude"](prob, full) == pytest.approx(1)
    assert MODES["magnitude"](prob, single) == 0
    assert MODES["complex"](prob, full) == pytest.approx(2 / math.sqrt(5))


def test_the_magnitudes_are_blind_to_shift_and_scale() -> None:
    prob, mask = random_pair()
    value = float(MODES["magnitude"](prob, mask))
    for other in (prob.roll((3, 7), (0, 1)), 0.2 * prob, prob.flip(0, 1)):
        assert MODES["magnitude"](other, mask) == pytest.approx(value, abs=1e-12)
    assert abs(float(MODES["complex"](prob.roll((3, 7), (0, 1)), mask)) - value) > 0.01
    # Without the constant also to an inverted mask; with it, not.
    assert MODES["magnitude-nodc"](1 - disc(60), disc(60)) == pytest.approx(1)
    assert MODES["magnitude"](1 - disc(60), disc(60)) < 0.6


def test_a_ring_is_the_cosine_of_its_frequencies() -> None:
    """4 x 4: 1, 8 and 6 frequencies round to the radii 0, 1 and 2; the corner (-2, -2) to 3."""
    prob, mask = random_pair(4)
    p, g = torch.fft.fft2(prob), torch.fft.fft2(mask)
    f = np.fft.fftfreq(4) * 4
    radius = torch.from_numpy(np.rint(np.hypot(*np.meshgrid(f, f))))
    assert [int((radius == r).sum()) for r in range(4)] == [1, 8, 6, 1]
    rings = []
    for r in range(3):
        inside = radius == r
        both = (p[inside] * g[inside].conj()).real.sum()
        rings.append(both / (p[inside].abs().norm() * g[inside].abs().norm()))
    expected = float(torch.stack(rings).mean())
    assert ring_correlation(prob, mask) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", ["empty", "full", "one pixel"])
def test_gradients_are_finite_at_the_edges(mode: str, case: str) -> None:
    mask = torch.full((2, 1, 24, 24), float(case == "full"))
    if case == "one pixel":
        mask[:, :, 5, 9] = 1
    for level in (-200.0, 0.0, 200.0):  # probabilities of exactly 0, of 1/2 and of 1
        logits = torch.full_like(mask, level).requires_grad_()
        loss = spectral_loss(logits, mask, mode)
        loss.backward()
        assert torch.isfinite(loss)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("mode", ["magnitude-nodc", "complex-nodc"])
def test_a_full_mask_without_its_constant_is_empty(mode: str) -> None:
    """Not the rounding noise of its spectrum, whose gradient would be as long as any other."""
    logits = torch.randn(1, 1, 22, 22, generator=torch.Generator().manual_seed(4)).requires_grad_()
    loss = spectral_loss(logits, torch.ones(1, 1, 22, 22), mode)
    loss.backward()
    assert loss.item() == 1
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_those_of_the_loss(mode: str) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 1, 6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    mask = (torch.rand(2, 1, 6, 5, generator=generator) > 0.5).double()
    assert torch.autograd.gradcheck(lambda x: spectral_loss(x, mask, mode), (logits,))


def test_cases_are_not_pooled() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(3, 1, 16, 16, generator=generator)
    mask = (torch.rand(3, 1, 16, 16, generator=generator) > 0.5).float()
    alone = [spectral_loss(logits[k : k + 1], mask[k : k + 1]) for k in range(3)]
    assert spectral_loss(logits, mask) == pytest.approx(float(sum(alone)) / 3, abs=1e-6)


def test_half_precision_is_left_at_the_door() -> None:
    """Inside autocast, on logits of bfloat16, at a size that is no power of two."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(1, 1, 22, 22, generator=generator).bfloat16()
    mask = (torch.rand(1, 1, 22, 22, generator=generator) > 0.5).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = spectral_loss(logits, mask)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, spectral_loss(logits.float(), mask))
