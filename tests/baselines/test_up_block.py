"""The up-sampling block: its equation."""

import torch
from torch import nn

from baselines._shared.frequency_guidance import Guidance
from baselines._shared.up_block import UpBlock

GUIDANCE = Guidance(frequencies=4)


def test_eq_up_block() -> None:
    torch.manual_seed(0)
    up = UpBlock(5 + 3, 32, 16, GUIDANCE).eval()
    y, skip = torch.rand(2, 5, 8, 8), torch.rand(2, 3, 16, 16)
    enlarged = nn.functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
    t = up.before(torch.cat([enlarged, skip], 1))
    torch.testing.assert_close(up(y, skip), up.after(up.guide(t)))
    assert not torch.allclose(up.guide(t), t)
