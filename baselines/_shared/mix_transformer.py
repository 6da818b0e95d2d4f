"""MiT, the encoder of SegFormer, with the keys of every kind of file that holds its weights."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from transformers import SegformerConfig, SegformerModel

from baselines._shared.encoder import Encoder

DIMS = {"b0": (32, 64, 160, 256)}
DEPTHS = {
    "b0": (2, 2, 2, 2),
    "b1": (2, 2, 2, 2),
    "b2": (3, 4, 6, 3),
    "b3": (3, 4, 18, 3),
    "b4": (3, 8, 27, 3),
    "b5": (3, 6, 40, 3),
}
WIDE = (64, 128, 320, 512)  # b1 to b5
_COARSE_NORMS = ("patch_embeddings.layer_norm", "sequence_reduction.layer_norm")


class MiT(Encoder):
    """Mix Transformer, SegFormer's encoder; d_i, L_i by variant, strides 4, 8, 16, 32.

    block(x) = y + MixFFN(LN(y)),  y = x + Attention(LN(x)); keys and values reduced by 8, 4, 2, 1.
    Source: Xie et al., SegFormer, NeurIPS 2021.
    Ours / theirs: the modules are transformers', whose LayerNorms all have eps 1e-5. Theirs have
    1e-6 in the blocks and after a stage, 1e-5 in patch embeddings and key reduction; so have ours.

    Args:
        variant: b0 to b5.
        drop_path: of the last block; rises linearly from 0 at the first.
    """

    strides: tuple[int, ...] = (4, 8, 16, 32)

    def __init__(self, variant: str = "b4", drop_path: float = 0.1) -> None:
        super().__init__()
        self.dims = DIMS.get(variant, WIDE)
        self.depths = DEPTHS[variant]
        config = SegformerConfig(
            depths=list(self.depths),
            hidden_sizes=list(self.dims),
            num_attention_heads=[1, 2, 5, 8],
            drop_path_rate=drop_path,
        )
        self.stages: Any = SegformerModel(config).stages
        for name, module in self.stages.named_modules():
            if isinstance(module, nn.LayerNorm) and not name.endswith(_COARSE_NORMS):
                module.eps = 1e-6

    def embed(self, stage: int, x: Tensor) -> Tensor:
        """Overlapping patches, convolved and normalised: -> (B, h, w, d)."""
        tokens: Tensor
        tokens, h, w = self.stages[stage].patch_embeddings(x)
        return tokens.reshape(len(x), h, w, -1)

    def block(self, stage: int, j: int, x: Tensor) -> Tensor:
        """Transformer block j, (B, h, w, d) -> (B, h, w, d)."""
        h, w = x.shape[1:3]
        tokens: Tensor = self.stages[stage].blocks[j](x.flatten(1, 2), h, w)
        return tokens.reshape(len(x), h, w, -1)

    def finish(self, stage: int, x: Tensor) -> Tensor:
        """The stage's LayerNorm, (B, h, w, d) -> (B, d, h, w)."""
        normed: Tensor = self.stages[stage].layer_norm(x)
        return normed.permute(0, 3, 1, 2)


_PREFIX = re.compile(r"^(?:segformer\.)?(?:encoder\.)?")
_PART = re.compile(r"^(patch_embed|patch_embeddings|block|norm|layer_norm)(\.?)(\d)\.")
_PARTS = {"patch_embed": "patch_embeddings", "block": "blocks", "norm": "layer_norm"}
_REDUCTION = ".attention.sequence_reduction"
# What the official checkpoints or transformers 4 say, and transformers 5's word for it.
_NAMES = (
    (r"(patch_embeddings)\.norm\.", r"\1.layer_norm."),
    (r"\.(?:norm1|layer_norm_1)\.", ".layernorm_before."),
    (r"\.(?:norm2|layer_norm_2)\.", ".layernorm_after."),
    (r"\.(?:attn\.q|attention\.self\.query)\.", ".attention.q_proj."),
    (r"\.attention\.self\.key\.", ".attention.k_proj."),
    (r"\.attention\.self\.value\.", ".attention.v_proj."),
    (r"\.(?:attn\.proj|attention\.output\.dense)\.", ".attention.o_proj."),
    (r"\.(?:attn|attention\.self)\.sr\.", f"{_REDUCTION}.sequence_reduction."),
    (r"\.(?:attn\.norm|attention\.self\.layer_norm)\.", f"{_REDUCTION}.layer_norm."),
    (r"\.mlp\.dense([12])\.", r".mlp.fc\1."),
)


def mit_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's tensors under the keys of `MiT`; heads and classifiers are left out.

    Args:
        state: by the names of the official files (`block1.0.attn.kv.weight`: keys above values),
            of transformers 4, as the hub has them (`segformer.encoder.block.0.0.…`), or of
            transformers 5 (`segformer.stages.0.blocks.0.…`, or without the prefix).
    """
    renamed = {}
    for key, value in state.items():
        key = _own_key(_PREFIX.sub("", key))
        if ".attn.kv." in key:
            keys, values = value.chunk(2)
            renamed[key.replace(".attn.kv.", ".attention.k_proj.")] = keys
            renamed[key.replace(".attn.kv.", ".attention.v_proj.")] = values
        elif not key.startswith(("classifier.", "decode_head.", "head.")):
            renamed[key] = value
    return renamed


def _own_key(key: str) -> str:
    if match := _PART.match(key):
        part, dot, number = match.groups()
        stage = int(number) if dot else int(number) - 1  # the official names count from 1
        key = f"stages.{stage}.{_PARTS.get(part, part)}.{key[match.end() :]}"
    for pattern, name in _NAMES:
        key = re.sub(pattern, name, key)
    return key
