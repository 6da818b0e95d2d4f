"""Each operator beside a formula of its own, and the pictures that methods are shown."""

import colorsys
import io
import math

import numpy as np
import pytest
from PIL import Image

from benchmark.analyses.measures import corruption_operators as o
from benchmark.analyses.measures import corruption_sets as sets
from benchmark.core.errors import ParamsError
from benchmark.core.params import Analysed, Mix

RNG = np.random.default_rng(3)
SMALL = RNG.random((6, 6, 3), np.float32)
NONE = np.random.default_rng(0)


def natural(seed: int = 0, side: int = 64) -> np.ndarray:
    """A picture with edges and colour, uint8 (side, side, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    base = np.stack([0.3 + 0.3 * x, 0.3 + 0.2 * y, 0.4 + 0.1 * np.sin(9 * x)], 2)
    base[(x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.05] += 0.15
    return ((base + 0.02 * rng.standard_normal(base.shape)).clip(0, 1) * 255).astype(np.uint8)


def show(name: str, severity: int, modality: str = "dermoscopy", **at: object) -> np.ndarray:
    place = {"dataset": "d", "case": "c", "image": natural(), **at}
    return sets.corrupted(name=name, severity=severity, modality=modality, **place)  # type: ignore[arg-type]


def test_additive_noise_is_that_of_its_generator() -> None:
    for name, formula in (
        ("gaussian_noise", lambda x, n: x + 0.2 * n),
        ("speckle_noise", lambda x, n: x * (1 + 0.2 * n)),
    ):
        noise = np.random.default_rng(5).standard_normal(SMALL.shape, np.float32)
        found = o.OPERATORS[name](SMALL, 0.2, np.random.default_rng(5))
        np.testing.assert_allclose(found, formula(SMALL, noise), atol=1e-6)


def test_noise_has_the_moments_of_its_law() -> None:
    flat = np.full((256, 256, 3), 0.4, np.float32)
    shot = o.shot_noise(flat, 12, np.random.default_rng(1))
    assert shot.mean() == pytest.approx(0.4, abs=0.003)
    assert shot.var() == pytest.approx(0.4 / 12, rel=0.03)  # Poisson(c x) / c
    np.testing.assert_allclose(shot * 12, np.rint(shot * 12), atol=1e-4)
    impulse = o.impulse_noise(flat, 0.17, np.random.default_rng(1))
    assert (impulse == 1).mean() == pytest.approx(0.085, abs=0.004)
    assert (impulse == 0).mean() == pytest.approx(0.085, abs=0.004)
    assert set(np.unique(impulse)) == {0, np.float32(0.4), 1}


def test_gaussian_blur_is_the_sum_of_its_weights() -> None:
    image = np.zeros((33, 33, 1), np.float32)
    image[16, 16] = 1
    sigma = 8.0  # at 224, so 8 * 33 / 224 here
    wide = sigma * 33 / 224
    found = o.gaussian_blur(image, sigma, NONE)[..., 0]
    line = np.exp(-0.5 * (np.arange(-4, 5) / wide) ** 2)
    line[np.abs(np.arange(-4, 5)) > int(4 * wide + 0.5)] = 0
    # Weights are cut off at 4 sigma and add up to 1 there.
    whole = np.exp(-0.5 * (np.arange(-int(4 * wide + 0.5), int(4 * wide + 0.5) + 1) / wide) ** 2)
    line /= whole.sum()
    np.testing.assert_allclose(found[12:21, 12:21], np.outer(line, line), atol=1e-6)


def test_contrast_and_light_are_those_of_other_formulas() -> None:
    mean = SMALL.reshape(-1, 3).mean(0)
    np.testing.assert_allclose(o.contrast(SMALL, 0.3, NONE), 0.3 * SMALL + 0.7 * mean, atol=1e-6)
    np.testing.assert_allclose(o.scale(SMALL, 1.4, NONE), 1.4 * SMALL, atol=1e-6)
    grey = sum(w * SMALL[..., k].mean() for k, w in enumerate((0.299, 0.587, 0.114)))
    np.testing.assert_allclose(o.spread(SMALL, 0.6, NONE), 0.6 * SMALL + 0.4 * grey, atol=1e-6)
    image = SMALL.copy()
    image[0, 0] = 0
    expected = np.zeros_like(image)
    for y, x in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*image[y, x].tolist())
        expected[y, x] = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1))
    np.testing.assert_allclose(o.brightness(image, 0.3, NONE), expected, atol=1e-6)


def test_pillow_enhances_in_the_same_way() -> None:
    """MedMNIST-C uses Pillow's enhancers on whole numbers; ours differ by their rounding."""
    from PIL import ImageEnhance

    picture = natural()
    shown = picture / np.float32(255)
    for found, enhance in ((o.scale, ImageEnhance.Brightness), (o.spread, ImageEnhance.Contrast)):
        for factor in (0.5, 1.3):
            other = np.asarray(enhance(Image.fromarray(picture)).enhance(factor)) / 255
            mine = found(shown, factor, NONE).clip(0, 1)
            assert np.abs(mine - other).max() < 1.6 / 255


def test_pixelate_and_jpeg() -> None:
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1) / 15
    boxes = image.reshape(2, 2, 2, 2).mean((1, 3))
    found = o.pixelate(image, 0.5, NONE)[..., 0]
    np.testing.assert_allclose(found, np.repeat(np.repeat(boxes, 2, 0), 2, 1), atol=1e-6)
    picture = natural()
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=18)
    expected = np.asarray(Image.open(file)) / 255
    shown = picture / np.float32(255)
    found = o.jpeg(shown, 18, NONE)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert all(o.jpeg(shown, 18, NONE).tobytes() == found.tobytes() for _ in range(3))


def test_a_line_of_motion_by_hand() -> None:
    assert o.line_taps(1, 0.0) == {(0, 0): pytest.approx(1)}
    taps = o.line_taps(3, 0.0)  # 7 points from -1 to 1, a third apart
    assert taps == {
        (0, -1): pytest.approx(2 / 7), (0, 0): pytest.approx(3 / 7), (0, 1): pytest.approx(2 / 7),
    }  # fmt: skip
    down = o.line_taps(9, math.pi / 2)
    assert sum(down.values()) == pytest.approx(1)
    assert max(abs(x) for _, x in down) <= 1
    flat = np.full((20, 20, 3), 0.3, np.float32)
    np.testing.assert_allclose(o.motion_blur(flat, 60, np.random.default_rng(1)), flat, atol=1e-5)


def test_highlights_only_lighten_and_are_as_many_as_asked() -> None:
    flat = np.full((224, 224, 3), 0.3, np.float32)
    found = o.specular(flat, 1, np.random.default_rng(2))
    assert (found >= flat).all()
    assert found.max() <= 1
    changed = found[..., 0] > 0.3 + 0.35  # half of the way to white: d = ln(2)^(1/4)
    rng = np.random.default_rng(2)
    rng.uniform(0, 224, 2), rng.uniform(0, math.pi)
    a, b = rng.uniform(0.01, 0.03, 2) * 224
    assert changed.sum() == pytest.approx(math.pi * a * b * math.sqrt(math.log(2)), rel=0.25)


@pytest.mark.parametrize("name", sets.CORRUPTIONS)
def test_pictures_stay_in_range_and_grey_ones_grey(name: str) -> None:
    for modality in sets.CORRUPTIONS[name].levels:
        top = len(sets.CORRUPTIONS[name].of(modality))
        for image in (natural(), np.repeat(natural()[..., :1], 3, 2), np.zeros((64, 64, 3), "u1"),
                      np.full((64, 64, 3), 255, np.uint8)):  # fmt: skip
            found = show(name, top, modality, image=image)
            assert found.dtype == np.float32
            assert found.shape == (64, 64, 3)
            assert 0 <= found.min() <= found.max() <= 1
            if (image == image[..., :1]).all():
                assert (found == found[..., :1]).all()


@pytest.mark.parametrize("name", sets.CORRUPTIONS)
def test_severity_takes_a_picture_farther_from_the_clean_one(name: str) -> None:
    """Root mean square over eight pictures; a shift of 0 would be a severity without strength."""
    for modality in sets.CORRUPTIONS[name].levels:
        steps = range(1, len(sets.CORRUPTIONS[name].of(modality)) + 1)
        far = [
            np.sqrt(np.mean([
                (show(name, s, modality, image=natural(k, 128), case=str(k))
                 - natural(k, 128) / 255) ** 2
                for k in range(8)
            ]))
            for s in steps
        ]  # fmt: skip
        assert far[0] > 0.002
        assert far == sorted(far)


def test_a_picture_depends_on_corruption_severity_dataset_and_case_alone() -> None:
    def is_same(**other: object) -> bool:
        return np.array_equal(show("gaussian-noise", 2), show(**{**here, **other}))

    here: dict[str, object] = {"name": "gaussian-noise", "severity": 2}
    assert is_same()
    assert is_same(modality="fundus")
    assert not is_same(case="other")
    assert not is_same(dataset="other")
    # The same strength in another corruption, the same noise nowhere.
    one, other = show("gaussian-noise", 2), show("medmnistc-gaussian-noise", 3)
    assert sets.CORRUPTIONS["medmnistc-gaussian-noise"].of("dermoscopy")[2] == 0.12
    assert not np.array_equal(one, other)


def test_a_golden_picture() -> None:
    """The stream of random numbers is PCG64's: another one would make other pictures."""
    assert sets.seed_of("gaussian-noise", 1, "kvasir-seg", "a") == 0xC91A7BADCC22D462
    found = show("gaussian-noise", 1, image=np.full((2, 2, 3), 128, np.uint8), dataset="kvasir-seg",
                 case="a")  # fmt: skip
    np.testing.assert_allclose(
        found[..., 0], [[0.47445, 0.365764], [0.448717, 0.464968]], atol=1e-6
    )


def test_what_is_unknown_or_does_not_apply_is_an_error() -> None:
    for name, severity, modality in (
        ("gaussian-noise", 6, "fundus"),
        ("gaussian-noise", 0, "fundus"),
        ("fog", 1, "fundus"),
        ("medmnistc-impulse-noise", 1, "ultrasound"),
        ("ours-motion-blur", 1, "dermoscopy"),
        ("axis-gaussian-noise", 5, "fundus"),
    ):
        with pytest.raises(ParamsError, match=f"severity {severity}"):
            show(name, severity, modality)
    with pytest.raises(ValueError, match="from 1 to 5"):
        Analysed(severities=[0, 6])


def mix(severities: list[int] | None) -> Mix:
    analyses = Analysed(severities=severities) if severities else None
    return Mix.model_construct(analyses=analyses)  # type: ignore[call-arg]


def test_parts_and_settings_follow_the_severities_of_the_mix() -> None:
    every = sets.parts(mix(None))
    assert every[0] == "clean"
    assert set(every[1:]) == set(sets.CORRUPTIONS)
    # The finer axis has four strengths: asked for the fifth alone, there is nothing of it.
    assert set(every) - set(sets.parts(mix([5]))) == {"axis-gaussian-noise"}
    assert sets.settings(mix([3, 1, 3])) == {"severities": [1, 3]}
    assert sets.asked(mix([5, 2]), (0.1,) * 4) == (2,)


def test_constants_are_those_of_the_sources() -> None:
    generic = {n: c.of("x-ray") for n, c in sets.CORRUPTIONS.items() if c.family == sets.GENERIC}
    assert generic["speckle-noise"] == (0.15, 0.2, 0.35, 0.45, 0.6)
    assert len(generic) == 8
    assert all(len(levels) == 5 for levels in generic.values())

    def applied(kind: str) -> int:
        found = [c.of(kind) for c in sets.CORRUPTIONS.values() if c.family == sets.SUBSET]
        return sum(bool(levels) for levels in found)

    assert [applied(kind) for kind in ("fundus", "dermoscopy", "ultrasound", "colonoscopy")] == [
        6, 10, 6, 0,
    ]  # fmt: skip
