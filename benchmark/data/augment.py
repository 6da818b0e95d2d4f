"""Batched augmentation on the device, drawn from (seed, epoch, case), so order cannot change it."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.core.recipe import Recipe

_FLIP_X, _FLIP_Y, _ANGLE = 1, 2, 3  # streams of random numbers


def uniform(seed: int, epoch: int, keys: np.ndarray, stream: int) -> np.ndarray:
    """A number in [0, 1) a case, float64 (b,), the same on every machine and in every order.

    Args:
        keys: uint64 (b,), one a case (`Cases.keys`).

    Source: the output function of SplitMix64; Steele et al., OOPSLA 2014.
    """
    salt = (seed * 0x9E3779B97F4A7C15 + epoch * 0xD1B54A32D192ED03 + stream) % 2**64
    z = _mix(keys ^ _mix(np.full_like(keys, salt)))
    numbers: np.ndarray = (z >> np.uint64(11)) * 2.0**-53
    return numbers


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def augment(
    pixels: tuple[Tensor, Tensor], keys: np.ndarray, recipe: Recipe, when: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Mirrors and turns a batch.

    Args:
        pixels: images uint8 (b, H, W, 3) and masks uint8 (b, H, W).
        keys: uint64 (b,), one a case.
        recipe: hflip, vflip, rotation_deg.
        when: seed of the run and epoch.

    Returns: images float (b, 3, H, W) in [0, 1]; masks float (b, 1, H, W), 0 or 1.
    """
    flip_x = uniform(*when, keys, _FLIP_X) < (recipe.hflip or 0)
    flip_y = uniform(*when, keys, _FLIP_Y) < (recipe.vflip or 0)
    if recipe.rotation_deg:
        turn = (2 * uniform(*when, keys, _ANGLE) - 1) * math.radians(recipe.rotation_deg)
        return _warp(*to_float(*pixels), _affine(flip_x, flip_y, turn))
    return to_float(*_flip(pixels, flip_x, flip_y))


def to_float(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 (b, H, W, 3) and (b, H, W) to float (b, 3, H, W) in [0, 1] and (b, 1, H, W)."""
    return images.permute(0, 3, 1, 2).float().mul_(1 / 255), masks[:, None].float()


def _flip(
    pixels: tuple[Tensor, Tensor], flip_x: np.ndarray, flip_y: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Mirrors the cases that are flagged; each copies its pixels once."""
    images, masks = (torch.empty_like(part) for part in pixels)
    for k, (x, y) in enumerate(zip(flip_x.tolist(), flip_y.tolist(), strict=True)):
        axes = [axis for axis, flag in ((0, y), (1, x)) if flag]
        images[k] = pixels[0][k].flip(axes)
        masks[k] = pixels[1][k].flip(axes)
    return images, masks


def _affine(flip_x: np.ndarray, flip_y: np.ndarray, turn: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(turn), np.sin(turn)
    sign_x, sign_y = 1.0 - 2.0 * flip_x, 1.0 - 2.0 * flip_y
    zero = np.zeros_like(turn)
    rows = [[sign_x * cos, -sign_x * sin, zero], [sign_y * sin, sign_y * cos, zero]]
    return np.array(rows).transpose(2, 0, 1).astype(np.float32)  # (b, 2, 3)


def _warp(image: Tensor, mask: Tensor, affine: np.ndarray) -> tuple[Tensor, Tensor]:
    grid = _grid(torch.from_numpy(affine).to(image.device, non_blocking=True), image.shape[-1])
    # Corners that turn into view show the mirrored picture: black wedges would be edges that no
    # test image has.
    image = F.grid_sample(image, grid, "bilinear", "reflection", align_corners=False)
    mask = F.grid_sample(mask, grid, "nearest", "reflection", align_corners=False)
    return image, mask


def _grid(theta: Tensor, size: int) -> Tensor:
    """What `F.affine_grid` gives for squares, (b, H, W, 2), without its matrix product."""
    along = (2 * torch.arange(size, device=theta.device) + 1) / size - 1
    x = theta[:, :, 0, None] * along  # (b, 2, W)
    y = theta[:, :, 1, None] * along + theta[:, :, 2, None]  # (b, 2, H)
    return y.transpose(1, 2)[:, :, None] + x.transpose(1, 2)[:, None]
