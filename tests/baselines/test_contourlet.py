"""Contourlet transform: equations by loops, the whole tree by another route, and its promises."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines._shared import contourlet
from baselines._shared.contourlet import F_TAPS, G_TAPS, H_TAPS, Contourlet, laplacian

BORDERS = ("periodic", "reflect")
# The resampling matrices of the literature: y[m] = x[R m], m = (row, column).
R1, R2, R3, R4 = ([[1, 1], [0, 1]], [[1, -1], [0, 1]], [[1, 0], [1, 1]], [[1, 0], [-1, 1]])


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def flat(subbands: contourlet.Subbands) -> list[Tensor]:
    return [subbands.low, *(band for level in subbands.bands for band in level)]


def filtered(x: np.ndarray, taps: tuple[float, ...], shift: int, twisted: bool = False):
    """Both axes by loops; `twisted`: over the top and bottom edge half the width is added."""
    (h, w), out = x.shape, np.zeros_like(x)
    reach = range(len(taps))
    for i, j, a, b in product(range(h), range(w), reach, reach):
        row, column = i + len(taps) // 2 - shift - a, j + len(taps) // 2 - shift - b
        aside = w // 2 * (row // h) if twisted else 0
        out[i, j] += taps[a] * taps[b] * x[row % h, (column + aside) % w]
    return out


def resampled(x: np.ndarray, matrix: list[list[int]], times: int = 1) -> np.ndarray:
    out = np.empty_like(x)
    r = np.linalg.matrix_power(np.array(matrix), abs(times))
    r = np.round(np.linalg.inv(r)).astype(int) if times < 0 else r
    for m in np.ndindex(*x.shape):
        out[m] = x[tuple((r @ m) % x.shape)]
    return out


def split(x: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Polyphase parts for the quincunx lattice, 1r and 2c, and the parallelograms P1 to P4."""
    if kind in ("1r", "2c"):
        x = resampled(x, R2 if kind == "1r" else R4)
    rows, right = kind in ("1r", "P1", "P2"), kind in ("1r", "2c", "P1", "P3")
    even, odd = (x[::2], x[1::2]) if rows else (x[:, ::2], x[:, 1::2])
    last = {"1r": R3, "P1": R3, "P2": R4, "2c": R1, "P3": R1, "P4": R2}[kind]
    odd = np.roll(odd, -1, 1 if rows else 0) if right else odd
    return resampled(even, last), resampled(odd, last)


def children(x: np.ndarray, kind: str) -> list[np.ndarray]:
    p0, p1 = split(x, kind)
    y0 = (p0 - filtered(p1, F_TAPS, 1, kind == "1r")) / math.sqrt(2)
    y1 = -math.sqrt(2) * p1 - filtered(y0, F_TAPS, 0, kind == "1r")
    return [y0, y1] if kind == "1r" else [y1, y0]


def tree(detail: np.ndarray, n: int) -> list[np.ndarray]:
    bands = children(detail, "1r")
    for depth in range(2, n + 1):
        half = len(bands) // 2
        kinds = (
            ["2c"] * 2 if depth == 2 else ["P1", "P2"] * (half // 2) + ["P3", "P4"] * (half // 2)
        )
        bands = [y for x, kind in zip(bands, kinds, strict=True) for y in children(x, kind)]
    half = len(bands) // 2
    if n == 1:
        for x in bands:
            x[:] = resampled(x, R4)
            x[:, ::2], x[:, 1::2] = resampled(x[:, ::2], R1), resampled(x[:, 1::2], R1)
    for k in range(half if n > 2 else 0):
        amount = 2 * (k // 2 + 1) - (half // 2 + 1)
        bands[k] = resampled(bands[k], R3, amount)
        bands[k + half] = resampled(bands[k + half], R1, amount)
    return bands[:half] + bands[half:][::-1]


def test_filters() -> None:
    assert sum(H_TAPS) == pytest.approx(math.sqrt(2), abs=1e-12)
    assert sum(G_TAPS) == pytest.approx(math.sqrt(2), abs=1e-12)
    f = [0.0144, 0.0272, 0.0526, 0.0972, 0.193, 0.63]
    assert pytest.approx([*f, *(-t for t in f[::-1])]) == F_TAPS
    # Biorthogonal: Σ_k h[k] g[2m − k] = δ(m), both centred; 15 digits are given of each tap.
    product_filter = np.convolve(H_TAPS, G_TAPS)  # centre at 4 + 3
    assert product_filter[1::2] == pytest.approx([0, 0, 0, 1, 0, 0, 0], abs=1e-13)


def test_eq_1_low_pass() -> None:
    x = noise(1, 1, 8, 12)
    low = filtered(x[0, 0].numpy(), H_TAPS, 0)[::2, ::2]
    assert laplacian(x)[0][0, 0].numpy() == pytest.approx(low, abs=1e-12)


def test_eq_2_detail() -> None:
    x = noise(1, 1, 8, 12)
    low, detail = laplacian(x)
    up = np.zeros((8, 12))
    up[::2, ::2] = low[0, 0]
    expected = x[0, 0].numpy() - filtered(up, G_TAPS, 0)
    assert detail[0, 0].numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("first", [True, False])
def test_eq_3_and_4_ladder(first: bool) -> None:
    p = noise(2, 16, 16) if first else noise(2, 8, 8)
    filters = contourlet._ladder_filters(p.shape[1:], first, torch.float64)
    y0, y1 = contourlet._ladder(p[:1], p[1:], filters)
    p0, p1 = p.numpy()
    # Eq. 3: y0 = (p0 − F₁ p1) / √2, and Eq. 4: y1 = −√2 p1 − F y0
    expected = (p0 - filtered(p1, F_TAPS, 1, first)) / math.sqrt(2)
    assert y0[0].numpy() == pytest.approx(expected, abs=1e-12)
    expected = -math.sqrt(2) * p1 - filtered(y0[0].numpy(), F_TAPS, 0, first)
    assert y1[0].numpy() == pytest.approx(expected, abs=1e-12)
    back = contourlet._unladder(y0, y1, filters)
    assert torch.allclose(torch.cat(back), p, atol=1e-12)


def test_quincunx_parts_are_the_two_colours_of_a_chessboard() -> None:
    pixels = torch.arange(64).view(8, 8)
    p0, p1 = contourlet._polyphase([pixels], 0)[0][:, 0]
    assert p0.shape == (4, 8)
    for i, j in product(range(4), range(8)):
        # One step down goes (1, 1), one step right (−1, 1); p1 starts one pixel right of p0.
        assert p0[i, j] == 8 * ((i - j) % 8) + (i + j) % 8
        assert p1[i, j] == 8 * ((i - j) % 8) + (i + j + 1) % 8
    colour = (pixels // 8 + pixels) % 2
    assert sorted(p0.flatten().tolist()) == pixels[colour == 0].tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_tree_against_loops(n: int) -> None:
    x = noise(1, 1, 16, 16)
    bands = Contourlet(1, n)(x).bands[0]
    expected = tree(laplacian(x)[1][0, 0].numpy().copy(), n)
    assert len(bands) == len(expected) == 2**n
    for band, reference in zip(bands, expected, strict=True):
        assert band[0, 0].numpy() == pytest.approx(reference, abs=1e-10)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("n", range(6))
def test_reconstruction(n: int, border: str) -> None:
    shape = (2, 3, 32, 64) if border == "periodic" else (2, 3, 45, 70)
    for dtype, bound in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        x = noise(*shape, dtype=dtype)
        transform = Contourlet(2, n, border)
        assert (transform.inverse(transform(x)) - x).abs().max() < bound


@pytest.mark.parametrize("border", BORDERS)
def test_a_constant_has_no_detail_and_gain_2_a_level(border: str) -> None:
    subbands = Contourlet(4, 3, border)(torch.ones(1, 1, 96, 96)).cropped()
    assert max(band.abs().max() for band in flat(subbands)[1:]) < 8 * 1e-6  # 8: low above it
    assert max(band.abs().max() for band in subbands.bands[0]) < 1e-6
    assert torch.allclose(subbands.low, torch.tensor(16.0))


@pytest.mark.parametrize(
    ("n", "upper", "lower"),
    [(1, (32, 64), (32, 64)), (2, (32, 32), (32, 32)), (3, (16, 32), (32, 16)),
     (4, (8, 32), (32, 8))],
)  # fmt: skip
def test_shapes(n: int, upper: tuple[int, int], lower: tuple[int, int]) -> None:
    low, bands, area = Contourlet(2, n)(noise(2, 3, 64, 64))
    assert low.shape == (2, 3, 16, 16)
    assert area is None
    for level, scale in zip(bands, (1, 2), strict=True):
        shapes = [(s[2] * scale, s[3] * scale) for s in (band.shape for band in level)]
        assert shapes == [upper] * (2**n // 2) + [lower] * (2**n // 2)


# Cycles a pixel (down, right) as 56ths of 56/128; the strongest of 8, and the other of the pair.
@pytest.mark.parametrize(
    ("down", "right", "first", "second"),
    [(0, 56, 1, 2), (56, 0, 6, 5), (56, 56, 4, 3), (56, -56, 7, 0), (28, 56, 2, 3)],
    ids=["horizontal", "vertical", "diagonal", "antidiagonal", "22 degrees"],
)
def test_orientation(down: int, right: int, first: int, second: int) -> None:
    i, j = torch.arange(128.0)[:, None], torch.arange(128.0)
    image = torch.cos(2 * math.pi * (down * i + right * j) / 128)[None, None]
    bands = Contourlet(4, 3)(image).bands
    energy = torch.stack([torch.stack([b.square().sum() for b in level]) for level in bands]).sum(0)
    assert energy.argsort(descending=True)[:2].tolist() == [first, second]
    assert (energy[first] + energy[second]) / energy.sum() >= 0.97


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_dot_stays_in_its_place(n: int, border: str) -> None:
    image = torch.zeros(1, 1, 128, 128)
    image[..., 37, 90] = 1
    for band in Contourlet(1, n, border)(image).cropped().bands[0]:
        row, column = divmod(int(band[0, 0].abs().argmax()), band.shape[3])
        assert abs(row * 128 / band.shape[2] - 37) <= 6
        assert abs(column * 128 / band.shape[3] - 90) <= 6


def test_white_noise_keeps_its_energy_roughly() -> None:
    x = noise(4, 1, 128, 128)
    for n, gain in (
        (1, 1.05),
        (2, 1.10),
        (3, 1.15),
        (4, 1.20),
    ):  # measured; ladders are not unitary
        bands = Contourlet(1, n)(x).bands[0]
        energy = sum(band.square().sum() for band in bands)
        assert energy / laplacian(x)[1].square().sum() == pytest.approx(gain, abs=0.04)


def test_without_low_pass_the_directional_bank_vanishes() -> None:
    x, zero = noise(1, 1, 32, 32), torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    detail = laplacian(x)[1]
    by_tree = Contourlet(1, 3).inverse(Contourlet(1, 3)(x)._replace(low=zero))
    by_pyramid = Contourlet(1, 0).inverse(contourlet.Subbands(zero, ((detail,),)))
    assert torch.allclose(by_tree, by_pyramid, atol=1e-12)


def test_reflected_borders_do_not_see_the_other_side() -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    jump, none = (Contourlet(1, 3, border)(ramp).cropped().bands[0] for border in BORDERS)
    assert max(b.abs().max() for b in jump) > 0.3
    assert max(b.abs().max() for b in none) < 0.03


def test_cropped_covers_the_image() -> None:
    subbands = Contourlet(2, 3, "reflect")(noise(1, 1, 45, 70))
    cropped = subbands.cropped()
    assert cropped.area is None
    assert cropped.low.shape[2:] == (12, 18)  # ⌈45 / 4⌉, ⌈70 / 4⌉
    assert cropped.bands[0][0].shape[2:] == (12, 35)
    assert cropped.bands[1][7].shape[2:] == (12, 9)
    with pytest.raises(ValueError, match="before cropped"):
        Contourlet(2, 3, "reflect").inverse(cropped)


@pytest.mark.parametrize("border", BORDERS)
def test_linear_and_each_plane_on_its_own(border: str) -> None:
    transform, x = Contourlet(2, 3, border), noise(2, 3, 32, 32)
    for all_, one in zip(flat(transform(x)), flat(transform(x[1:, 2:])), strict=True):
        assert torch.allclose(all_[1:, 2:], one, atol=1e-12)
    y = noise(4, 3, 32, 32)[2:]
    parts = (flat(transform(z)) for z in (2 * x - 3 * y, x, y))
    for both, a, b in zip(*parts, strict=True):
        assert torch.allclose(both, 2 * a - 3 * b, atol=1e-11)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_gradient(n: int, border: str, monkeypatch) -> None:
    monkeypatch.setattr(contourlet, "MARGIN", 4)
    transform, x = Contourlet(1, n, border), noise(1, 1, 8, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda image: tuple(flat(transform(image))), x)
    back = transform.inverse(transform(x)).square().sum()
    assert torch.allclose(torch.autograd.grad(back, x)[0], 2 * x, atol=1e-11)


def test_dtypes_and_autocast() -> None:
    x, transform = noise(1, 1, 32, 32, dtype=torch.bfloat16), Contourlet(2, 3)
    expected = flat(transform(x.float()))
    with torch.autocast("cpu", torch.bfloat16):
        for image in (x, x.float()):
            assert all(map(torch.equal, flat(transform(image)), expected))
    assert {band.dtype for band in flat(transform(x.double()))} == {torch.float64}


def test_same_twice_after_inference_and_compiled() -> None:
    transform, x = Contourlet(2, 3), noise(1, 1, 48, 48, dtype=torch.float32)
    with torch.inference_mode():
        expected = flat(transform(x))
    assert all(map(torch.equal, flat(transform(x)), expected))
    transform(x.clone().requires_grad_()).low.sum().backward()
    compiled = torch.compile(transform, backend="aot_eager")
    for band, reference in zip(flat(compiled(x)), expected, strict=True):
        assert torch.allclose(band, reference, atol=1e-6)
    assert not transform.state_dict()


@pytest.mark.parametrize(
    ("shape", "message"),
    [((1, 1, 350, 352), "350 x 352, .* multiples of 32; .* 320 or 352 rows and 352 columns"),
     ((1, 1, 32, 8), "32 rows and 32 columns"), ((3, 32, 32), r"\(3, 32, 32\), expected \(B")],
)  # fmt: skip
def test_sizes_that_do_not_fit_say_what_would(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Contourlet(4, 3)(torch.zeros(shape))


def test_settings_that_do_not_exist() -> None:
    for settings in ((0, 3, "periodic"), (4, -1, "periodic"), (4, 3, "zero")):
        with pytest.raises(ValueError, match="expected at least 1"):
            Contourlet(*settings)
