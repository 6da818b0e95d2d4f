"""The official weights of UACANet under our keys: two attentions of an axis become one pair."""

from collections.abc import Mapping

import torch
from torch import Tensor

from baselines._shared.conv import Rules

PARTS = ("query_conv", "key_conv", "value_conv")
AXES = ("Hattn", "Wattn")  # the official order in which they are added
RULES: Rules = {
    r"^context([234])\.": lambda m: f"reduce.{int(m[1]) - 2}.",
    r"^attention([234])\.": lambda m: f"attend.{int(m[1]) - 2}.",
    r"\.branch0\.": ".plain.",
    r"\.branch([123])\.conv([012])\.": lambda m: f".branches.{int(m[1]) - 1}.before.{m[2]}.",
    r"\.branch([123])\.conv3\.": lambda m: f".branches.{int(m[1]) - 1}.after.",
    r"\.branch([123])\.axial\.": lambda m: f".branches.{int(m[1]) - 1}.axial.",
    r"\.conv_cat\.": ".joined.",
    r"\.conv_res\.": ".shortcut.",
    r"^decoder\.conv1\.": "decoder.joined.",
    r"^decoder\.conv([234])\.": lambda m: f"decoder.convs.{int(m[1]) - 2}.",
    r"^decoder\.conv5\.conv\.": "decoder.head.",
    r"\.conv_(query|key|value)\.": r".\1.",
    r"\.conv_out1\.": ".read.",
    r"\.conv_out2\.": ".joined.",
    r"\.conv_out3\.": ".last.",
    r"\.conv_out4\.": ".head.",
}


def paired(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Joins the convolutions, statistics and weights of both attentions, wherever all are there."""
    ours = dict(state)
    for gamma in [key for key in state if key.endswith(f".{AXES[0]}.gamma")]:
        at = gamma.removesuffix(f"{AXES[0]}.gamma")
        _join(ours, [f"{at}{axis}.gamma" for axis in AXES], f"{at}axial.gamma")
        first = f"{at}{AXES[0]}.{PARTS[0]}."
        for kind in [key.removeprefix(first) for key in state if key.startswith(first)]:
            parts = [f"{at}{axis}.{part}.{kind}" for part in PARTS for axis in AXES]
            _join(ours, parts, f"{at}axial.qkv.{kind}")
    return ours


def _join(state: dict[str, Tensor], parts: list[str], into: str) -> None:
    if all(part in state for part in parts):
        values = [state.pop(part) for part in parts]
        state[into] = torch.cat(values) if values[0].ndim else values[0]
