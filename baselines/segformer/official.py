"""The keys of the authors' SegFormer and of transformers', turned into the library's."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from baselines._shared.mix_transformer import mit_state

# What `mit_state` gives and the library's encoder, which has the authors' names; from 1 there.
ENCODER = (
    (r"^stages\.(\d)\.patch_embeddings\.layer_norm\.", "patch_embed{}.norm."),
    (r"^stages\.(\d)\.patch_embeddings\.", "patch_embed{}."),
    (r"^stages\.(\d)\.layer_norm\.", "norm{}."),
    (r"^stages\.(\d)\.blocks\.", "block{}."),
)
BLOCK = (
    (".layernorm_before.", ".norm1."),
    (".layernorm_after.", ".norm2."),
    (".attention.q_proj.", ".attn.q."),
    (".attention.o_proj.", ".attn.proj."),
    (".attention.sequence_reduction.sequence_reduction.", ".attn.sr."),
    (".attention.sequence_reduction.layer_norm.", ".attn.norm."),
)
KEYS, VALUES, BOTH = ".attention.k_proj.", ".attention.v_proj.", ".attn.kv."
# The authors' names count levels from 1, transformers' from 0; the library begins at the deepest.
HEAD = (
    (r"^linear_c(?P<one>\d)\.proj\.", "decoder.mlp_stage.{}.linear."),
    (r"^(?:linear_c|linear_projections)\.(?P<zero>\d)\.proj\.", "decoder.mlp_stage.{}.linear."),
    (r"^linear_fuse\.bn\.|^batch_norm\.", "decoder.fuse_stage.1."),
    (r"^linear_fuse\.(?:conv\.)?", "decoder.fuse_stage.0."),
    (r"^(?:linear_pred|classifier)\.", "segmentation_head.0."),
)
UNUSED = "conv_seg."  # of the authors' head; no part of what it computes
LEVELS = 4


def segformer_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state_dict under the library's keys; one that has them already is left as it is.

    Args:
        state: with the authors' names (`backbone.block1.…`, `decode_head.linear_c4.…`) or those of
            transformers 4 or 5 (`segformer.encoder.block.…`, `segformer.stages.…`).
    """
    encoder, ours = dict[str, Tensor](), dict[str, Tensor]()
    for key, value in state.items():
        where, _, name = key.partition(".")
        if where in ("backbone", "segformer"):
            encoder[name] = value
        elif where == "decode_head":
            ours |= {} if name.startswith(UNUSED) else {_head(name): value}
        else:
            ours[key] = value
    return {**{f"encoder.{key}": value for key, value in _encoder(encoder).items()}, **ours}


def _head(name: str) -> str:
    for pattern, into in HEAD:
        if match := re.match(pattern, name):
            found = match.groupdict()
            level = int(found["one"]) - 1 if "one" in found else int(found.get("zero", 0))
            return into.format(LEVELS - 1 - level) + name[match.end() :]
    return f"decode_head.{name}"


def _encoder(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keys and values of attention are one matrix there."""
    ours = {}
    named = mit_state(state)
    for key, value in named.items():
        if KEYS in key:
            both = torch.cat([value, named[key.replace(KEYS, VALUES)]])
            ours[_block(key.replace(KEYS, BOTH))] = both
        elif VALUES not in key:
            ours[_block(key)] = value
    return ours


def _block(key: str) -> str:
    for pattern, into in ENCODER:
        if match := re.match(pattern, key):
            key = into.format(int(match[1]) + 1) + key[match.end() :]
            break
    for name, into in BLOCK:
        key = key.replace(name, into)
    return key
