"""Multiscale frequency guidance (MSFG): scales, channels by their frequencies, then space.

It is MADGNet's MFMSA block in MMSNet's words; O-numbers are the open points of mmsnet/README.md.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import normed
from baselines._shared.dct import CELL, dct_bases


@dataclass(frozen=True)
class Guidance:
    """What a block of multiscale frequency guidance is made of.

    Attributes:
        branches: S, paths of the scale decomposition; 1 is single-scale (SSG).
        frequencies: K, DCT bases; 1 is the constant one alone (SFG). Changes no parameter.
        selection: "mean" weighs the K frequencies alike; "learned" by a softmax of K learnt numbers
            a branch, alike at the start. Ours, not the paper's.
        share: True adds to a branch's input what the next coarser one found. Ours, no parameter.
        dct_size: N of every branch, as in MADGNet's table; None follows the map's size (O6).
        least_channels: C_min, channels no branch goes below.
        least_size: pixels below which a branch is not pooled.
        groups: of the dilated convolution; divides C.
        reduction: by which the channel attention's hidden layer is narrower.
    """

    branches: int = 3  # O4: MADGNet's, for «several paths»
    frequencies: int = 32  # O5: said to be best on the mix
    selection: Literal["mean", "learned"] = "mean"
    share: bool = False
    dct_size: int | None = None
    least_channels: int = 32
    least_size: int = 8
    groups: int = 32
    reduction: int = 16

    def __post_init__(self) -> None:
        if self.branches < 1:
            raise ValueError(
                f"frequency_guidance.py: branches = {self.branches}, expected 1 or more. "
                "Give no Guidance at all to leave the block out."
            )
        if self.selection not in ("mean", "learned"):
            raise ValueError(
                f"frequency_guidance.py: selection = {self.selection!r}, expected 'mean' or "
                "'learned'. Choose one of them."
            )

    def channels(self, channels: int, branch: int) -> int:
        """C_s = max(C / 2^s, C_min) of branch s."""
        return max(channels >> branch, self.least_channels)

    def stride(self, side: int, branch: int) -> int:
        """2^s by which branch s pools a map of that side; 1 where too little would be left."""
        return 1 << branch if side >> branch >= self.least_size else 1

    def bases_size(self, side: int, branch: int) -> int:
        """N of branch s on a map of that side."""
        # O6: N per level not given; the largest 7 * 2^n not above the branch's map, at least 7.
        cells = side // self.stride(side, branch) // CELL
        return self.dct_size or CELL << max(cells.bit_length() - 1, 0)


class MultiscaleFrequencyGuidance(nn.Module):
    """Adds to x what S branches find in it at their scales.

        u_s = AvgPool_{2^s}(x), or x where less than `least_size` pixels would be left
        v_s = ReLU BN Conv1x1 . ReLU BN Conv3x3, dilation 1 + s (u_s)      (B, C_s, H_s, W_s)
        v'_s = `FrequencyChannelGuidance`(v_s)                             (B, C_s, H_s, W_s)
        q_s = `SpatialGuidance`(v'_s)                                      (B, C, H_s, W_s)
        out = x + 1/S sum_s Up(q_s)                                        (B, C, H, W)

    with C_s = max(C / 2^s, C_min). The maps may be of another size than the one built for: N of
    the bases stays, and the weights know no size.

    Args:
        channels: C.
        size: side of the map it is built for; sets N.
        guidance: S, K and what else there is to choose.
    Source: the MSFG of MMSNet; Nam et al., MADGNet, CVPR 2024 (MFMSA block, section 3.2).
    Ours / theirs: their N hangs on C, ours on the map (`dct_size` gives theirs). `share` is ours:
    u_s + Up(q_{s+1}) instead of u_s, from the coarsest branch to the finest.
    """

    def __init__(self, channels: int, size: int, guidance: Guidance) -> None:
        super().__init__()
        self.guidance = guidance
        numbers = range(guidance.branches)
        self.branches = nn.ModuleList(_Branch(channels, s, guidance) for s in numbers)
        self.sizes = tuple(guidance.bases_size(size, s) for s in numbers)
        for n in set(self.sizes):  # constants: on the module's device, but in no checkpoint
            bases = dct_bases(guidance.frequencies, n)
            self.register_buffer(f"bases_{n}", bases, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) to the same shape; any H and W."""
        out, coarser = x, None
        for s in reversed(range(len(self.branches))):
            u = self._decompose(x, s)
            if self.guidance.share and coarser is not None:
                u = u + _resize(coarser, u)
            coarser = self.branches[s](u, self.get_buffer(f"bases_{self.sizes[s]}"))
            # out = x + 1/S sum_s Up(q_s)
            out = torch.add(out, _resize(coarser, x), alpha=1 / len(self.branches))
        return out

    def _decompose(self, x: Tensor, branch: int) -> Tensor:
        stride = self.guidance.stride(min(x.shape[-2:]), branch)
        # u_s = AvgPool_{2^s}(x)
        return F.avg_pool2d(x, stride) if stride > 1 else x


class _Branch(nn.Module):
    """One scale: u (B, C, h, w) to q (B, C, h, w)."""

    def __init__(self, channels: int, branch: int, guidance: Guidance) -> None:
        super().__init__()
        inner = guidance.channels(channels, branch)
        reach = 1 + branch  # 3x3, 5x5 and 7x7 pixels seen
        wide = nn.Conv2d(
            *(channels, channels, 3),
            dilation=reach,
            padding=reach,
            groups=guidance.groups,
            bias=False,
        )
        self.conv = nn.Sequential(
            normed(wide),
            normed(nn.Conv2d(channels, inner, 1, bias=False)),
        )
        learned = guidance.frequencies if guidance.selection == "learned" else None
        self.channel = FrequencyChannelGuidance(inner, guidance.reduction, learned)
        self.spatial = SpatialGuidance(inner, channels)

    def forward(self, u: Tensor, bases: Tensor) -> Tensor:
        # v_s = ReLU BN Conv1x1(ReLU BN Conv3x3(u_s)), then v'_s = w v_s, then q_s
        q: Tensor = self.spatial(self.channel(self.conv(u), bases))
        return q


class FrequencyChannelGuidance(nn.Module):
    """Weighs each channel by the mean, the largest and the least of its K frequency products.

        z = v averaged to N x N,   Y_k = z D_k                              (B, C_s, N, N)
        a = sum_k π_k mean_hw Y_k,  m = sum_k π_k max_hw Y_k,  n = sum_k π_k min_hw Y_k
        w = σ(W2 ReLU(W1 a) + W2 ReLU(W1 m) + W2 ReLU(W1 n))                (B, C_s)
        v' = w v

    W1 is C_s/16 x C_s, W2 C_s x C_s/16; π_k = 1/K, or a softmax of learnt numbers.

    Args:
        channels: C_s.
        reduction: 16 above.
        learned: K if the weights of the frequencies are learnt.
    Source: Nam et al., MADGNet, CVPR 2024 (multi-frequency channel attention).
    Ours / theirs: the same numbers without the K products, see `statistics`.
    """

    def __init__(self, channels: int, reduction: int, learned: int | None = None) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.narrow = nn.Linear(channels, hidden, bias=False)
        self.widen = nn.Linear(hidden, channels, bias=False)
        self.preference = nn.Parameter(torch.zeros(learned)) if learned else None

    def forward(self, v: Tensor, bases: Tensor) -> Tensor:
        """v (B, C_s, H, W), not negative, and D (K, N, N), to v' (B, C_s, H, W)."""
        three = statistics(v, bases, self._weights(bases))
        # bfloat16 would round away by what w differs from image to image.
        with torch.autocast(v.device.type, enabled=False):
            # w = σ(sum over a, m, n of W2 ReLU(W1 .)); W2 is linear, so it follows the sum.
            w = torch.sigmoid(self.widen(F.relu(self.narrow(three)).sum(1)))
        # v' = w v
        return v * w[:, :, None, None].to(v.dtype)

    def _weights(self, bases: Tensor) -> Tensor:
        """π (K,)."""
        if self.preference is None:
            return bases.new_full(bases.shape[:1], 1 / len(bases))
        return self.preference.softmax(0)


class SpatialGuidance(nn.Module):
    """Lets background and foreground through by two learnt numbers.

        A = σ(w_A . v')                                                     (B, 1, h, w)
        q = ReLU BN Conv3x3(α (1 - A) v' + β A v')                          (B, C, h, w)

    Args:
        inner: C_s, channels of v'.
        channels: C.
    Source: Nam et al., MADGNet, CVPR 2024 (multi-scale spatial attention).
    Ours / theirs: α and β sit where their code has them; their figure has them the other way round.
    """

    def __init__(self, inner: int, channels: int) -> None:
        super().__init__()
        self.attend = nn.Conv2d(inner, 1, 1, bias=False)
        self.alpha = nn.Parameter(torch.ones(()))
        self.beta = nn.Parameter(torch.ones(()))
        self.conv = normed(nn.Conv2d(inner, channels, 3, padding=1, bias=False))

    def forward(self, v: Tensor) -> Tensor:
        """v' (B, C_s, h, w) to q (B, C, h, w)."""
        # q = ReLU BN Conv3x3(α (1 - A) v' + β A v')
        q: Tensor = self.conv(self.mix(v))
        return q

    def mix(self, v: Tensor) -> Tensor:
        """α (1 - A) v' + β A v', (B, C_s, h, w); v' itself at the start."""
        # A = σ(w_A . v')
        attention = torch.sigmoid(self.attend(v))
        # α (1 - A) v' + β A v', its two factors of one channel put together first.
        return v * (self.alpha * (1 - attention) + self.beta * attention)


def statistics(v: Tensor, bases: Tensor, weights: Tensor) -> Tensor:
    """a, m, n of `FrequencyChannelGuidance`, (B, 3, C_s), float32 (or 64) whatever the autocast.

    Args:
        v: (B, C_s, H, W), not negative.
        bases: D (K, N, N) of `dct_bases`.
        weights: π (K,).
    """
    with torch.autocast(v.device.type, enabled=False):
        n = bases.shape[-1]
        z = v if v.dtype == torch.float64 else v.float()
        if z.shape[-2:] != (n, n):
            z = F.adaptive_avg_pool2d(z, n)
        z = z.contiguous()
        # a = mean_hw(z sum_k π_k D_k): the mean is linear, so one filter serves all K.
        mean = z.flatten(2) @ (weights @ bases.flatten(1)) / n**2
        # m = sum_k π_k max_hw z D_k,  n = sum_k π_k min_hw z D_k
        most, least = extremes(z, bases)
        return torch.stack([mean, most @ weights, least @ weights], dim=1)


def extremes(z: Tensor, bases: Tensor) -> tuple[Tensor, Tensor]:
    """max_hw z D_k and min_hw z D_k, each (B, C, K), without the K products.

    A basis repeats its first 7 x 7 values, mirrored, so the pixels fall into 49 classes on each of
    which all D_k are constant: the largest z of each class decides, for all K at once. Each D_k but
    D_0 has values of both signs; with z >= 0 its maximum lies where D_k > 0 and its minimum where
    D_k < 0, both at the largest z of a class. D_0 > 0 is constant: its minimum is where z is least.
    Gradients flow to the pixel found, as those of max and min do.

    Args:
        z: (B, C, N, N), not negative.
        bases: D (K, N, N) of `dct_bases`.
    """
    flat, cell = z.flatten(2), bases[:, :CELL, :CELL]
    with torch.no_grad():
        rows, i = _largest(z)  # (B, C, 7, N)
        peaks, j = _largest(rows.mT)  # (B, C, 7, 7), columns first
        pixels = (i.mT.gather(-2, j) * z.shape[-1] + j).flatten(2)
        d = cell.mT.flatten(1)  # (K, 49)
        products = peaks.flatten(2)[:, :, None] * d  # (B, C, K, 49)
        # max and min with their indices: on a CPU several times the speed of argmax and argmin
        high, low = products.max(-1).indices, products.min(-1).indices
        darkest = flat.min(-1, keepdim=True).indices
        at_low = torch.cat([darkest, pixels.gather(-1, low)[..., 1:]], dim=-1)
        at_high = pixels.gather(-1, high)
        d_high, d_low = _pick(d, high), _pick(d, low)
    return flat.gather(-1, at_high) * d_high, flat.gather(-1, at_low) * d_low


def _pick(d: Tensor, at: Tensor) -> Tensor:
    """d[k, at[b, c, k]], (B, C, K)."""
    return d.expand(*at.shape, -1).gather(-1, at[..., None])[..., 0]


def _largest(z: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each class of rows, and its row: (..., N, M) to twice (..., 7, M)."""
    # (..., N/7, 7, M), every other one mirrored
    blocks = z.reshape(*z.shape[:-2], -1, CELL, z.shape[-1])
    row = torch.arange(CELL, device=z.device)[:, None]
    straight, at = blocks[..., 0::2, :, :].max(-3)
    at = 2 * CELL * at + row
    if blocks.shape[-3] == 1:
        return straight, at
    mirrored, at_mirrored = (t.flip(-2) for t in blocks[..., 1::2, :, :].max(-3))
    at_mirrored = 2 * CELL * at_mirrored + 2 * CELL - 1 - row
    ahead = straight >= mirrored
    return torch.where(ahead, straight, mirrored), torch.where(ahead, at, at_mirrored)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the height and width of `like`."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
