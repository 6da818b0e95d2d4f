"""Spectra of pictures whose spectrum is known, and the energies of subbands."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from benchmark.analyses.measures import frequencies, spectra

SIZE = 64
Y, X = np.mgrid[:SIZE, :SIZE] / SIZE


def test_the_bins_are_half_octaves_and_hold_every_frequency_but_the_constant() -> None:
    assert spectra.bins_of(SIZE) == 10  # 2^(10/2) = 32 = half the side
    assert spectra.bins_of(352) == 15  # 2^(15/2) = 181 >= 176
    counts = spectra.counts(SIZE)
    assert counts.sum() == SIZE * SIZE - 1
    assert counts[0] == 4  # f = 1: right, left, up and down
    assert counts[1] == 4  # the diagonals, sqrt 2
    assert counts.min() > 0


@pytest.mark.parametrize("f", [4, 8, 16])
@pytest.mark.parametrize("axis", [X, Y, (X + Y)])
def test_a_sine_peaks_at_its_frequency(f: int, axis: np.ndarray) -> None:
    diagonal = axis.max() > 1
    radius = f * np.sqrt(2) if diagonal else f
    # In the middle of a bin, so that the window's leak of one cycle stays near.
    shares = spectra.spectrum(np.sin(2 * np.pi * f * axis))
    place = int(2 * np.log2(radius) + 1e-9)
    assert shares[place] + shares[place - 1] > 0.95
    assert shares.sum() == pytest.approx(1)
    assert int(shares.argmax()) in (place - 1, place)
    assert spectra.centroid(shares) == pytest.approx(radius, rel=0.25)


def test_white_noise_is_flat() -> None:
    rng = np.random.default_rng(0)
    mean = np.mean([spectra.spectrum(rng.normal(size=(SIZE, SIZE))) for _ in range(200)], axis=0)
    density = mean / spectra.counts(SIZE) * (SIZE * SIZE - 1)
    np.testing.assert_allclose(density, 1, atol=0.06)


def test_parseval() -> None:
    picture = np.random.default_rng(0).random((SIZE, SIZE))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    windowed = (picture - picture.mean()) * np.outer(window, window)
    assert spectra.power(picture).sum() == pytest.approx((windowed**2).sum())


def test_an_even_picture_has_no_spectrum() -> None:
    assert np.isnan(spectra.spectrum(np.full((SIZE, SIZE), 0.3))).all()
    assert np.isnan(list(frequencies.subbands(np.full((SIZE, SIZE), 0.3)).values())).all()
    assert np.isnan(frequencies.shares(np.zeros((SIZE, SIZE)))["centroid"])


def test_the_divergence_is_the_square_of_scipy_s_distance() -> None:
    p, q = np.random.default_rng(0).dirichlet(np.ones(8), 2)
    assert spectra.divergence(p, q) == pytest.approx(jensenshannon(p, q, 2) ** 2)
    assert spectra.divergence(p, p) == 0
    assert spectra.divergence(np.eye(2)[0], np.eye(2)[1]) == 1


def test_the_nearest_mean_leaves_the_case_out() -> None:
    one, other = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    rows = np.array([one, one, other, other, other])
    found = spectra.nearest_shares(rows, ["a", "a", "b", "b", "lonely"])
    assert found == {"a": 1.0, "b": 1.0}
    # Each of two unlike cases of `a`: its mean without it is the other one, far away.
    mixed = np.array([one, other, one * 0.5 + other * 0.5, one * 0.5 + other * 0.5])
    assert spectra.nearest_shares(mixed, ["a", "a", "b", "b"])["a"] == 0.0


def test_subband_energies_sum_to_one_and_follow_scale_and_direction() -> None:
    noise = np.random.default_rng(0).random((96, 96))
    found = frequencies.subbands(noise)
    assert len(found) == 4 * 8 + 1
    assert sum(found.values()) == pytest.approx(1)
    assert sum(frequencies.levels(found).values()) == pytest.approx(1)
    y, x = np.mgrid[:96, :96]
    # Named check in place of Parseval, for the transform is redundant: a sine lies in the level
    # of its octave, the finest from a quarter of a cycle per pixel up.
    for period, level in ((3, "level1"), (6, "level2"), (12, "level3"), (24, "level4")):
        shares = frequencies.levels(frequencies.subbands(np.sin(2 * np.pi * x / period)))
        assert max(shares, key=lambda name: shares[name]) == level, (period, shares)
    low = frequencies.levels(frequencies.subbands(np.sin(2 * np.pi * x / 96)))
    assert low["low"] > 0.9
    across = frequencies.subbands(np.sin(2 * np.pi * x / 6))
    along = frequencies.subbands(np.sin(2 * np.pi * y / 6))
    assert (
        int(max(across, key=lambda k: across[k])[2]) > 4
        or int(max(along, key=lambda k: along[k])[2]) > 4
    )
    halves = [sum(s for n, s in each.items() if n[-1] in "1234") for each in (across, along)]
    assert max(halves) > 0.8
    assert min(halves) < 0.2
