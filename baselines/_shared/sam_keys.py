"""The keys of SAM's weights as transformers writes them, turned into the official ones."""

import re
from collections.abc import Mapping

from torch import Tensor

POSITIONS = "pe_layer.positional_encoding_gaussian_matrix"
# Tried in turn on each key, all that match; an official key is left as it is.
RENAMED = (
    (r"^shared_image_embedding\.positional_embedding$", f"prompt_encoder.{POSITIONS}"),
    (r"^vision_encoder\.", "image_encoder."),
    (r"^image_encoder\.layers\.", "image_encoder.blocks."),
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"^image_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
    (r"^image_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
    (r"^image_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
    (r"^image_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
    (r"^prompt_encoder\.point_embed\.", "prompt_encoder.point_embeddings."),
    (r"^prompt_encoder\.mask_embed\.conv1\.", "prompt_encoder.mask_downscaling.0."),
    (r"^prompt_encoder\.mask_embed\.layer_norm1\.", "prompt_encoder.mask_downscaling.1."),
    (r"^prompt_encoder\.mask_embed\.conv2\.", "prompt_encoder.mask_downscaling.3."),
    (r"^prompt_encoder\.mask_embed\.layer_norm2\.", "prompt_encoder.mask_downscaling.4."),
    (r"^prompt_encoder\.mask_embed\.conv3\.", "prompt_encoder.mask_downscaling.6."),
    (r"\.layer_norm_final_attn\.", ".norm_final_attn."),
    (r"\.layer_norm(\d)\.", r".norm\1."),
    (r"^mask_decoder\.upscale_conv1\.", "mask_decoder.output_upscaling.0."),
    (r"^mask_decoder\.upscale_layer_norm\.", "mask_decoder.output_upscaling.1."),
    (r"^mask_decoder\.upscale_conv2\.", "mask_decoder.output_upscaling.3."),
)
HEADS = re.compile(r"(output_hypernetworks_mlps\.\d|iou_prediction_head)\.(proj_in|layers\.0)\.")
LAST = re.compile(r"(output_hypernetworks_mlps\.\d|iou_prediction_head)\.proj_out\.")
TWICE = "prompt_encoder.shared_embedding.positional_embedding"  # a second name of one tensor


def sam_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state_dict with official keys, from one with them or with those of transformers."""
    if not any(key.startswith("vision_encoder.") for key in state):
        return dict(state)
    return {_official(key): value for key, value in state.items() if key != TWICE}


def _official(key: str) -> str:
    for pattern, name in RENAMED:
        key = re.sub(pattern, name, key)
    # Three layers, which transformers calls proj_in, layers.0 and proj_out.
    key = HEADS.sub(lambda m: f"{m[1]}.layers.{0 if m[2] == 'proj_in' else 1}.", key)
    return LAST.sub(r"\1.layers.2.", key)
