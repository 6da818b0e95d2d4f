"""Augmentation: drawn from (seed, epoch, case), exact mirrors, image and mask alike."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmark.core.recipe import Recipe
from benchmark.data.augment import _affine, _grid, augment, uniform

KEYS = np.arange(1000, dtype=np.uint64)


def recipe(hflip: float = 0.0, vflip: float = 0.0, rotation_deg: float = 0.0) -> Recipe:
    return Recipe(hflip=hflip, vflip=vflip, rotation_deg=rotation_deg, why="test")


def pictures(count: int = 4, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=generator)
    return images, (images[..., 0] > 127).to(torch.uint8)


def test_numbers_are_uniform_and_independent_between_streams() -> None:
    keys = np.arange(20000, dtype=np.uint64)
    a, b = uniform(0, 0, keys, 1), uniform(0, 0, keys, 2)
    counts, _ = np.histogram(a, 10, (0, 1))
    assert abs(counts - 2000).max() < 200
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.03
    assert abs(np.corrcoef(a, uniform(0, 1, keys, 1))[0, 1]) < 0.03
    assert abs(np.corrcoef(a, uniform(1, 0, keys, 1))[0, 1]) < 0.03


def test_numbers_are_pinned() -> None:
    # They decide what every run has seen: a change of these is a change of all results.
    pinned = [0.8962231408894469, 0.25201446417786466]
    assert uniform(3, 5, np.array([7, 2**63], np.uint64), 1).tolist() == pinned


def test_order_does_not_matter() -> None:
    pixels, keys = pictures(), KEYS[:4]
    image, mask = augment(pixels, keys, recipe(0.5, 0.5, 30), (1, 2))
    back = [3, 1, 0, 2]
    other, other_mask = augment(
        (pixels[0][back], pixels[1][back]), keys[back], recipe(0.5, 0.5, 30), (1, 2)
    )
    torch.testing.assert_close(other, image[back])
    torch.testing.assert_close(other_mask, mask[back])


@pytest.mark.parametrize("rotation_deg", [0.0, 1e-9])
@pytest.mark.parametrize(("flips", "axes"), [((1, 0), [3]), ((0, 1), [2]), ((1, 1), [2, 3])])
def test_mirrors_are_exact(flips: tuple[int, int], axes: list[int], rotation_deg: float) -> None:
    images, masks = pictures()
    image, mask = augment((images, masks), KEYS[:4], recipe(*flips, rotation_deg), (0, 0))
    plain = images.permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(image, plain.flip(axes), atol=1e-5, rtol=0)
    torch.testing.assert_close(mask, masks[:, None].float().flip(axes))


def test_rotations_stay_in_their_range_and_keep_the_mask_binary() -> None:
    size = 65
    image = torch.zeros(400, size, size, 3, dtype=torch.uint8)
    image[:, size // 2, :, :] = 255  # a level line, which turns
    turned, mask = augment((image, image[..., 0] // 255), KEYS[:400], recipe(0, 0, 10), (0, 0))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    rows = torch.arange(size).float()[None, :, None]
    line = (turned[:, 0] * rows).sum(1) / turned[:, 0].sum(1).clamp_min(1e-6)
    slope = torch.atan2(line[:, size - 12] - line[:, 12], torch.tensor(float(size - 24)))
    degrees = slope.rad2deg()
    assert degrees.abs().max() <= 10.2
    assert degrees.abs().max() > 9
    assert abs(degrees.mean()) < 1


def test_image_and_mask_move_together() -> None:
    masks = torch.zeros(8, 48, 48, dtype=torch.uint8)
    masks[:, 8:20, 14:40] = 1
    images = (masks * 255)[..., None].expand(-1, -1, -1, 3).contiguous()
    image, mask = augment((images, masks), KEYS[:8], recipe(0.5, 0.5, 20), (0, 0))
    agree = ((image[:, :1] >= 0.5).float() == mask).float().mean()
    assert agree > 0.99


def test_the_grid_is_affine_grid() -> None:
    theta = torch.from_numpy(
        _affine(np.array([True, False]), np.array([False, True]), np.array([0.05, -0.3]))
    )
    expected = F.affine_grid(theta, [2, 3, 17, 17], align_corners=False)
    torch.testing.assert_close(_grid(theta, 17), expected, atol=1e-6, rtol=0)


def test_a_turned_picture_has_no_wedges() -> None:
    recipe = Recipe(hflip=0, vflip=0, rotation_deg=45, why="test")
    images = torch.full((6, 40, 40, 3), 51, dtype=torch.uint8)
    masks = torch.ones(6, 40, 40, dtype=torch.uint8)
    image, mask = augment((images, masks), np.arange(6, dtype=np.uint64), recipe, (0, 0))
    assert torch.allclose(image, torch.tensor(0.2), atol=1e-6)
    assert (mask == 1).all()
