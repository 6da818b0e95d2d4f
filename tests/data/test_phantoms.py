"""Phantoms: one scene a seed, exact masks, sizes as in life, and nothing that one rule solves."""

import os
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from benchmark.core.errors import CatalogError, ParamsError
from benchmark.core.files import project_root
from benchmark.data.phantoms.draw import MIN_SIZE, MODALITIES, draw

SIZE, CASES = 96, 48


@pytest.fixture(scope="module")
def drawn():
    """Per modality: images (CASES, SIZE, SIZE, 3) and masks as bool."""
    pairs = {m: [draw(m, i, SIZE, 11) for i in range(CASES)] for m in MODALITIES}
    return {
        m: (np.array([image for image, _ in p]), np.array([mask for _, mask in p]) == 1)
        for m, p in pairs.items()
    }


def overlap(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_same_whatever_was_drawn_before(modality):
    image, mask = draw(modality, 3, 64, 5)
    np.random.seed(0)
    draw("fundus", 0, 64, 5)
    again, mask_again = draw(modality, 3, 64, 5)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(mask, mask_again)


# Mean grey and mask pixels of (index 0, size 64, seed 0): the drawing itself, so that a change of
# it, or a platform that draws otherwise, is seen. Scores of the drawn mixes stand on it.
KNOWN = {
    "fundus": (30.37, 241),
    "colonoscopy": (106.51, 716),
    "ultrasound": (91.61, 132),
    "dermoscopy": (169.97, 409),
}


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_drawing_is_the_known_one(modality):
    image, mask = draw(modality, 0, 64, 0)
    grey, pixels = KNOWN[modality]
    assert image.mean() == pytest.approx(grey, abs=0.01)
    assert mask.sum() == pixels


@pytest.mark.parametrize("size", [MIN_SIZE, 64, 96, 128, 352])
@pytest.mark.parametrize("modality", MODALITIES)
def test_types_shapes_and_a_binary_mask_at_every_size(modality, size):
    for index in range(2):
        image, mask = draw(modality, index, size, 1)
        assert image.shape == (size, size, 3)
        assert image.dtype == mask.dtype == np.uint8
        assert mask.shape == (size, size)
        assert set(np.unique(mask)) == {0, 1}
        assert image.std() > 8


@pytest.mark.parametrize("modality", MODALITIES)
def test_no_mask_is_empty_however_small(modality):
    assert min(draw(modality, i, MIN_SIZE, 2)[1].sum() for i in range(60)) > 0


@pytest.mark.parametrize("modality", MODALITIES)
def test_one_scene_at_every_size(modality):
    for index in range(4):
        large, large_mask = draw(modality, index, 352, 7)
        small, small_mask = draw(modality, index, 88, 7)
        averaged = large.reshape(88, 4, 88, 4, 3).mean(axis=(1, 3))
        share = large_mask.reshape(88, 4, 88, 4).mean(axis=(1, 3))
        assert overlap(share >= 0.5, small_mask == 1) > 0.95
        assert np.corrcoef(averaged.ravel(), small.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("modality", MODALITIES)
def test_seeds_and_indices_are_different_pictures(modality):
    first, mask = draw(modality, 0, 64, 0)
    for index, seed in ((1, 0), (0, 1), (1, 1)):
        other, other_mask = draw(modality, index, 64, seed)
        assert np.abs(first.astype(int) - other).mean() > 4
        assert (mask != other_mask).any()


# Share of the picture: smallest and largest allowed, and where the median must lie.
AREAS = {
    "fundus": (0.008, 0.062, 0.018, 0.035),
    "colonoscopy": (0.004, 0.45, 0.04, 0.12),
    "ultrasound": (0.003, 0.36, 0.03, 0.09),
    "dermoscopy": (0.006, 0.65, 0.06, 0.16),
}


@pytest.mark.parametrize("modality", MODALITIES)
def test_areas_lie_as_in_life(drawn, modality):
    share = drawn[modality][1].mean(axis=(1, 2))
    low, high, median_low, median_high = AREAS[modality]
    assert low <= share.min()
    assert share.max() <= high
    assert median_low < np.median(share) < median_high
    # Lognormal-like: the logarithm is symmetric where the share itself leans to the right.
    logs = np.log(share)
    assert share.mean() > np.median(share)
    assert abs(logs.mean() - np.median(logs)) < 0.5 * logs.std()


def frequencies(image):
    """Log power of the finer bands against the coarsest, of fine rows against fine columns, and
    the kurtosis of fine detail: many weak grains or few strong edges.

    Of the logarithm of the grey value: light multiplies what it falls on.
    """
    grey = np.log(image.mean(axis=-1) + 10)
    window = np.hanning(SIZE)[:, None] * np.hanning(SIZE)
    power = np.abs(np.fft.fft2((grey - np.average(grey, weights=window)) * window)) ** 2
    down, across = np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE), indexing="ij")
    radius = np.hypot(down, across)
    found = [
        power[(radius >= low) & (radius < high)].sum()
        for low, high in pairwise((0.0, 0.05, 0.12, 0.25, 0.5))
    ]
    fine = radius > 0.12
    tall, wide = fine & (abs(down) > abs(across)), fine & (abs(down) < abs(across))
    detail = grey - ndimage.gaussian_filter(grey, 1.5)
    kurtosis = (detail**4).mean() / (detail**2).mean() ** 2
    bands = np.array(found[1:]) / found[0]
    return np.log([*bands, power[tall].sum() / power[wide].sum(), kurtosis])


def test_each_modality_has_its_own_frequencies(drawn):
    content = {m: np.array([frequencies(image) for image in drawn[m][0]]) for m in MODALITIES}
    for a, b in combinations(MODALITIES, 2):
        gap = content[a].mean(axis=0) - content[b].mean(axis=0)
        pooled = (np.cov(content[a].T) + np.cov(content[b].T)) / 2
        # Hotelling's two-sample T² as an F statistic (Mardia, Kent and Bibby 1979).
        square = CASES / 2 * gap @ np.linalg.solve(pooled, gap)
        free = 2 * CASES - len(gap) - 1
        f = square * free / (len(gap) * (2 * CASES - 2))
        assert stats.f.sf(f, len(gap), free) < 0.01, f"{a} and {b} look alike"


REAL = {
    "fundus": "DRISHTI-GS",
    "colonoscopy": "Kvasir-SEG",
    "ultrasound": "BUSI",
    "dermoscopy": "ISIC2017",
}


@pytest.mark.parametrize("modality", MODALITIES)
def test_areas_and_frequencies_are_near_a_real_set(drawn, modality):
    root = Path(os.environ.get("MIXSEG_REAL_DATA", project_root().parent / "shared" / "data"))
    masks = sorted((root / REAL[modality] / "masks").glob("*.png"))
    if not masks:
        pytest.skip(f"{root / REAL[modality]} is not here")
    share, content = [], []
    for path in masks[:: len(masks) // 40]:
        picture = path.parents[1] / "images" / f"{path.stem}.jpg"
        with Image.open(path) as mask, Image.open(picture) as image:
            share.append((np.asarray(mask.convert("L")) > 127).mean())
            small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            content.append(frequencies(np.asarray(small)))
    here = np.median(drawn[modality][1].mean(axis=(1, 2)))
    assert 1 / 2.5 < here / np.median([s for s in share if s > 0]) < 2.5
    away = np.median([frequencies(image) for image in drawn[modality][0]], axis=0)
    away = away - np.median(content, axis=0)
    assert np.abs(away).max() < 1.3, away.round(2)  # nats; the sets themselves spread by 0.5 to 1


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_best_grey_threshold_of_each_picture_does_not_solve_it(drawn, modality):
    best = []
    for image, mask in zip(*drawn[modality], strict=True):
        grey = image.mean(axis=-1)
        levels = np.linspace(4, 252, 63)
        best.append(max(overlap(side, mask) for t in levels for side in (grey >= t, grey < t)))
    assert np.mean(best) < 0.7


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_learnt_colour_rule_does_not_solve_it(drawn, modality):
    images, masks = drawn[modality]
    code = (images // 16).astype(int) @ np.array([256, 16, 1])
    half = CASES // 2
    inside = np.bincount(code[:half][masks[:half]], minlength=4096)
    total = np.bincount(code[:half].ravel(), minlength=4096)
    chance = (inside / (total + 1))[code[half:]]
    rules = [
        np.mean([overlap(c > cut, m) for c, m in zip(chance, masks[half:], strict=True)])
        for cut in (0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    assert max(rules) < 0.55


def test_the_modalities_share_no_sign_of_contrast(drawn):
    def contrast(modality):
        images, masks = drawn[modality]
        pairs = zip(images.mean(axis=-1), masks, strict=True)
        return np.median([grey[mask].mean() - grey[~mask].mean() for grey, mask in pairs])

    assert contrast("fundus") > 10
    assert contrast("ultrasound") < -10


def edge_contrast(image, mask):
    """Difference of colour between the two sides of the mask's outline."""
    inner = mask & ~ndimage.binary_erosion(mask, iterations=3)
    outer = ndimage.binary_dilation(mask, iterations=3) & ~mask
    if not inner.any() or not outer.any():
        return 0.0
    return float(np.abs(image[inner].mean(axis=0) - image[outer].mean(axis=0)).max())


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_mask_lies_on_what_is_drawn(drawn, modality):
    pairs = list(zip(*drawn[modality], strict=True))
    there = np.mean([edge_contrast(image, mask) for image, mask in pairs])
    for shift in ((8, 0), (-8, 0), (0, 8), (0, -8)):
        moved = np.mean([edge_contrast(i, np.roll(m, shift, (0, 1))) for i, m in pairs])
        assert there > 1.2 * moved


def test_an_unknown_modality_names_the_nearest():
    with pytest.raises(CatalogError, match=r"'dermascopy'.*Did you mean 'dermoscopy'"):
        draw("dermascopy", 0, 64, 0)


@pytest.mark.parametrize(
    ("name", "numbers"), [("index", (-1, 64, 0)), ("size", (0, 31, 0)), ("seed", (0, 64, -1))]
)
def test_an_impossible_number_is_named(name, numbers):
    with pytest.raises(ParamsError, match=f"{name} -?[0-9]+, expected"):
        draw("fundus", *numbers)
