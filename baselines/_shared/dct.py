"""The 2-D DCT bases of frequency channel guidance."""

import torch
from torch import Tensor

CELL = 7  # frequencies are told on a grid of 7x7 and scale with N
COUNTS = (1, 2, 4, 8, 16, 32)
# The 'top' frequencies (u, v), most telling first; the first K are used.
# Source: Qin et al., FcaNet, ICCV 2021 (two-step selection); kept by Nam et al., CVPR 2024.
TOP: tuple[tuple[int, int], ...] = (
    *((0, 0), (0, 1), (6, 0), (0, 5), (0, 2), (1, 0), (1, 2), (4, 0)),
    *((5, 0), (1, 6), (3, 0), (0, 4), (0, 6), (0, 3), (3, 5), (2, 2)),
    *((4, 6), (6, 3), (3, 3), (5, 3), (5, 5), (2, 1), (6, 1), (5, 2)),
    *((5, 4), (3, 2), (3, 1), (4, 1), (2, 3), (2, 0), (6, 5), (1, 3)),
)


def dct_bases(count: int, size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The first K 'top' bases on N x N pixels, D (K, N, N), orthonormal; D_0 = 1/N.

        D_k[i, j] = b_u(i) b_v(j),   (u, v) = (N/7) TOP[k]
        b_f(i) = cos(π f (i + 1/2) / N) sqrt((1 + [f > 0]) / N)

    As N is a multiple of 7, cos(π f (i + 1/2) / N) is cos(π g (i + 1/2) / 7) with g = 7 f / N: each
    basis is its first 7 x 7 pixels, mirrored over and over. `extremes` of frequency_guidance.py
    relies on that.

    Args:
        count: K, one of `COUNTS`.
        size: N, a multiple of 7.
        dtype: of the answer; computed in float64.
    Raises: ValueError for another K or N.
    Source: Qin et al., FcaNet, ICCV 2021, Eq. 2 and section 3.3; Nam et al., MADGNet, CVPR 2024.
    Ours / theirs: they keep C equal copies of each basis, (C, N, N) K times; we keep one.
    """
    if count not in COUNTS:
        known = ", ".join(map(str, COUNTS))
        raise ValueError(
            f"dct.py: K = {count} frequencies, expected one of {known}. Choose one of them."
        )
    if size < CELL or size % CELL:
        raise ValueError(
            f"dct.py: N = {size} pixels, expected a multiple of {CELL}. "
            f"Use {max(size // CELL, 1) * CELL}."
        )
    u, v = torch.tensor(TOP[:count]).T * (size // CELL)
    waves = _waves(size)
    # D_k[i, j] = b_u(i) b_v(j)
    return (waves[u][:, :, None] * waves[v][:, None, :]).to(dtype)


def _waves(size: int) -> Tensor:
    """b_f(i), float64 (N, N): every frequency f on every pixel i."""
    f = torch.arange(size, dtype=torch.float64)
    norm = ((1 + (f > 0).double()) / size).sqrt()
    # b_f(i) = cos(π f (i + 1/2) / N) sqrt((1 + [f > 0]) / N)
    return torch.cos(torch.pi * f[:, None] * (f + 0.5) / size) * norm[:, None]
