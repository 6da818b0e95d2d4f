"""The keys of the authors' Polyp-PVT, turned into ours."""

import re
from collections.abc import Mapping

from torch import Tensor

# The first patterns that fit are applied in turn; a key that none knows keeps its name.
RENAMED = (
    (r"^backbone\.patch_embed1\.", "encoder.patch_embed."),
    (r"^backbone\.patch_embed(\d)\.", "encoder.stages_{}.downsample."),
    (r"^backbone\.block(\d)\.", "encoder.stages_{}.blocks."),
    (r"^backbone\.norm(\d)\.", "encoder.stages_{}.norm."),
    (r"^Translayer2_0\.", "reduce.0."),
    (r"^Translayer(\d)_1\.", "reduce.{}."),
    (r"^CFM\.conv_upsample([123])\.", "fuse.times.{}."),
    (r"^CFM\.conv_upsample4\.", "fuse.up4."),
    (r"^CFM\.conv_upsample5\.", "fuse.up3."),
    (r"^CFM\.conv_concat2\.", "fuse.mix3."),
    (r"^CFM\.conv_concat3\.", "fuse.mix2.0."),
    (r"^CFM\.conv4\.", "fuse.mix2.1."),
    (r"^ca\.fc1\.", "identify.narrow."),
    (r"^ca\.fc2\.", "identify.widen."),
    (r"^sa\.conv1\.", "identify.look."),
    (r"^SAM\.conv_state\.", "aggregate.state."),
    (r"^SAM\.conv_proj\.", "aggregate.project."),
    (r"^SAM\.gcn\.conv1\.", "aggregate.between_nodes."),
    (r"^SAM\.gcn\.conv2\.", "aggregate.between_states."),
    (r"^SAM\.conv_extend\.", "aggregate.extend."),
    (r"^out_CFM\.", "head1."),
    (r"^out_SAM\.", "head2."),
)
# Convolutions of one pixel there, matrices here.
MATRICES = re.compile(r"^(ca\.fc\d|SAM\.gcn\.conv\d)\.weight$")
NORMED = re.compile(r"^(reduce|fuse)\.")


def polyp_pvt_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state_dict under the keys of `network.PolypPVT`."""
    return {
        _ours(key): value.flatten(1) if MATRICES.match(key) else value
        for key, value in state.items()
    }


def _ours(key: str) -> str:
    for pattern, name in RENAMED:
        if match := re.match(pattern, key):
            # Their levels count from 1.
            level = [int(number) - 1 for number in match.groups()]
            key = name.format(*level) + key[match.end() :]
            break
    if NORMED.match(key):
        key = key.replace(".conv.", ".0.").replace(".bn.", ".1.")
    return key.replace(".mlp.dwconv.dwconv.", ".mlp.dwconv.")
