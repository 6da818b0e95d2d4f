"""EVP's adaptor, MMSNet's MFA: prompts that are added in front of every frozen block.

Sizes: stage i = 1 .. n has d_i channels, L_i blocks and maps of h_i x w_i; r divides the adaptor's
width, c_i = d_i // r. The frequency image H is (B, 3, H, W), its subbands of level i, resized to
the stage, are (B, M, h_i, w_i). O-numbers are the open points of mmsnet/README.md.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.encoder import Encoder


class Embedding(nn.Module):
    """E(x) = LN(Conv_{k x k, stride s, padding k // 2}(x)): (B, a, H, W) -> (B, H/s, W/s, c).

    The form of SegFormer's overlapping patch embedding, and with k = s = 1 a normalised mixing
    of channels.

    Args:
        a, c: channels in and out.
        kernel: k, odd.
        stride: s.
    """

    def __init__(self, a: int, c: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.proj = nn.Conv2d(a, c, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(c)

    def forward(self, x: Tensor) -> Tensor:
        """(B, a, H, W) -> (B, h, w, c)."""
        # E(x) = LN(Conv(x))
        found: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 1))
        return found


class Adaptor(nn.Module):
    """What the image's embedding and its frequencies say to every block of an encoder.

    F_hf,1 = LN(Conv7x7,s4(H)),  F_hf,i = LN(Conv3x3,s(F_hf,i-1))      3 -> c_1, c_{i-1} -> c_i
    F_i    = F_hf,i + LN(Conv1x1(maps_i))                              M -> c_i
    F_pe,i = Linear(T_i)                                               d_i -> c_i
    P_ij   = Linear_i(GELU(Linear_ij(F_i + F_pe,i)))                   c_i -> c_i -> d_i
    x_j    = Block_ij(x_{j-1} + P_ij),  x_0 = T_i,  j = 1 .. L_i
    with T_i (B, h_i, w_i, d_i) the encoder's own patch embedding and s its stride.

    Source: Liu et al., EVP, CVPR 2023, arXiv 2303.10883, as MMSNet's text describes MFA.
    Ours / theirs: `high` is their handcrafted_generator and MMSNet's «additional patch embedding»,
    `tune` the embedding_generator and «image embedding tune», `own` the lightweight_mlp, `shared`
    the shared_mlp, the two of «adaptor»; `maps` is MMSNet's alone.

    Args:
        encoder: gives dims, depths and strides; not kept.
        r: divides the width; 1, 2, 4, 8 or 16.
        maps: channels M of the subband maps per stage; 0 for none.
        frequency: whether there is H; without it F_i = 0 and `maps` must be 0.
    """

    def __init__(self, encoder: Encoder, r: int = 1, maps: int = 0, frequency: bool = True) -> None:
        super().__init__()
        if maps and not frequency:
            raise ValueError(f"Adaptor: maps={maps} without frequency; expected 0")
        dims = encoder.dims
        widths = [d // r for d in dims]
        # O7: that MFA is EVP's adaptor is read from the description's wording; r = 1 fits 7.51 M.
        # O24: without the frequency prompt F_hf is left out and P_ij comes from F_pe,i alone.
        self.high = nn.ModuleList(_chain(widths, encoder.strides) if frequency else [])
        self.maps = nn.ModuleList(Embedding(maps, c) for c in widths if maps)
        self.tune = nn.ModuleList(nn.Linear(d, c) for d, c in zip(dims, widths, strict=True))
        self.own: Any = nn.ModuleList(
            nn.ModuleList(nn.Linear(c, c) for _ in range(depth))
            for c, depth in zip(widths, encoder.depths, strict=True)
        )
        self.shared = nn.ModuleList(nn.Linear(c, d) for d, c in zip(dims, widths, strict=True))
        self.apply(initialise)

    def frequencies(self, high: Tensor | None, maps: Sequence[Tensor]) -> list[Tensor]:
        """F_i of every stage, (B, h_i, w_i, c_i); none without frequency."""
        found: list[Tensor] = []
        x = high
        for embedding in self.high:
            # F_hf,i = LN(Conv(F_hf,i-1))
            found.append(embedding(x))
            # O9: whether fused maps go on down the chain is not given; they do not, as F_hf is
            # then EVP's own. Costs nothing in parameters.
            x = found[-1].permute(0, 3, 1, 2)
        for i, embedding in enumerate(self.maps):
            # F_i = F_hf,i + LN(Conv1x1(maps_i))
            found[i] = found[i] + embedding(maps[i])
        return found

    def forward(
        self,
        encoder: Encoder,
        image: Tensor,
        high: Tensor | None = None,
        maps: Sequence[Tensor] = (),
    ) -> list[Tensor]:
        """Runs the encoder with the prompts added.

        Args:
            image: normalised, (B, 3, H, W).
            high: H, (B, 3, H, W); unused without frequency.
            maps: per stage (B, M, h_i, w_i); unused where the adaptor has no maps.
        Returns: each stage's map, (B, d_i, h_i, w_i).
        """
        frequencies = self.frequencies(high, maps)
        x, features = image, []
        for i, depth in enumerate(encoder.depths):
            x = encoder.embed(i, x)
            # F_pe,i = Linear(T_i)
            base = self.tune[i](x)
            if frequencies:
                base = base + frequencies[i]
            for j in range(depth):
                # P_ij = Linear_i(GELU(Linear_ij(F_i + F_pe,i)))
                prompt = self.shared[i](F.gelu(self.own[i][j](base)))
                # x_j = Block_ij(x_{j-1} + P_ij)
                x = encoder.block(i, j, x + prompt)
            x = encoder.finish(i, x)
            features.append(x)
        return features


def _chain(widths: list[int], strides: Sequence[int]) -> list[Embedding]:
    """F_hf's embeddings; as the encoder's own, so that the maps have its sizes at any H and W."""
    # O8: what this chain reads is not given; the 3-channel frequency image, whatever the transform.
    first = Embedding(3, widths[0], kernel=7, stride=strides[0])
    rest = [
        Embedding(widths[i - 1], widths[i], kernel=3, stride=strides[i] // strides[i - 1])
        for i in range(1, len(widths))
    ]
    return [first, *rest]


def initialise(module: nn.Module) -> None:
    """EVP's start: Linear truncated normal 0.02, Conv normal sqrt(2 / fan_out), biases 0, LN 1, 0.

    For `module.apply`; fan_out = k * k * channels out / groups.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
    if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)
