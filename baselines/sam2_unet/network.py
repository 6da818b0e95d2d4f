"""SAM2-UNet: SAM 2's frozen image encoder with adapters, and a small U-Net decoder.

B cases, C channels, H x W pixels; f_1 .. f_4 the encoder's maps at strides 4 to 32.

Source: Xiong et al., SAM2-UNet, Visual Intelligence 2026, arXiv 2408.08870; encoder: Ravi et al.,
SAM 2, ICLR 2025, of Ryali et al., Hiera, ICML 2023.

Ours / theirs: the encoder is timm's; `KEYS` has the names. Theirs builds a fourth up-block and does
not call it; ours has three.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import Rules, renamed

STRIDE = 32
WIDTH = 64  # of all maps above the encoder
INNER = 32  # of an adapter
KERNELS = (3, 5, 7)  # of the branches; also their dilation
LEVELS = 4
# From the official keys to ours.
KEYS: Rules = {
    r"^encoder\.blocks\.(\d+)\.block\.": r"encoder.blocks.\1.",
    r"\.mlp\.layers\.0\.": ".mlp.fc1.",
    r"\.mlp\.layers\.1\.": ".mlp.fc2.",
    r"^encoder\.blocks\.(\d+)\.prompt_learn\.": r"adapters.\1.",
    r"^rfb(\d)\.branch(\d)\.": lambda m: f"reduce.{int(m[1]) - 1}.branches.{m[2]}.",
    r"^rfb(\d)\.conv_cat\.": lambda m: f"reduce.{int(m[1]) - 1}.join.",
    r"^rfb(\d)\.conv_res\.": lambda m: f"reduce.{int(m[1]) - 1}.shortcut.",
    r"^(reduce.*)\.conv\.": r"\1.0.",
    r"^(reduce.*)\.bn\.": r"\1.1.",
    r"^up(\d)\.conv\.double_conv\.": lambda m: f"decoder.{int(m[1]) - 1}.",
    r"^side1\.": "heads.0.",
    r"^side2\.": "heads.1.",
    r"^head\.": "heads.2.",
}


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state under the names of `SAM2UNet`."""
    return renamed(state, KEYS, r"up4\.")


class SAM2UNet(nn.Module):
    """x' = B_i(x + A_i(x)) in every block of the encoder, with A = GELU W GELU W.

    Args:
        encoder: its name in timm.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__()
        made: Any = timm.create_model(encoder, num_classes=0)
        self.encoder: Any = made
        self.encoder.head = nn.Identity()  # a norm that nothing here uses
        self.encoder.requires_grad_(False)
        given = [block.attn.qkv.in_features for block in made.blocks]
        self.adapters = nn.ModuleList(map(adapter, given))
        dims = [info["num_chs"] for info in made.feature_info]
        self.reduce = nn.ModuleList(map(ReceptiveField, dims))
        self.decoder = nn.ModuleList(double_conv() for _ in range(LEVELS - 1))
        self.heads = nn.ModuleList(nn.Conv2d(WIDTH, 1, 1) for _ in range(LEVELS - 1))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Logits (B, 1, H, W), the finest first, of normalised images; sides divide by STRIDE."""
        maps = [reduce(f) for reduce, f in zip(self.reduce, self._features(image), strict=True)]
        feats, outputs = maps.pop(), []
        for conv, head in zip(self.decoder, self.heads, strict=True):
            up = F.interpolate(feats, scale_factor=2, mode="bilinear", align_corners=True)
            feats = conv(torch.cat([maps.pop(), up], dim=1))
            size = image.shape[-2:]
            outputs.append(F.interpolate(head(feats), size, mode="bilinear", align_corners=False))
        finest: Tensor = outputs.pop()
        return [finest, *outputs]

    def _features(self, image: Tensor) -> Sequence[Tensor]:
        """f_1 .. f_4, (B, C_i, H / s_i, W / s_i)."""
        x = self.encoder._pos_embed(self.encoder.patch_embed(image))  # (B, h, w, C)
        maps = []
        for k, (block, adapt) in enumerate(zip(self.encoder.blocks, self.adapters, strict=True)):
            x = block(x + adapt(x))
            if k in self.encoder.stage_ends:
                maps.append(x.movedim(-1, 1))
        return maps


def adapter(channels: int) -> nn.Sequential:
    """Down to INNER channels and back, GELU after both."""
    narrow, widen = nn.Linear(channels, INNER), nn.Linear(INNER, channels)
    return nn.Sequential(narrow, nn.GELU(), widen, nn.GELU())


def conv_bn(cin: int, kernel: int | tuple[int, int] = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution to WIDTH channels that keeps the size, batch norm; no ReLU."""
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (kernel[0] // 2 * dilation, kernel[1] // 2 * dilation)
    conv = nn.Conv2d(cin, WIDTH, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(WIDTH))


class ReceptiveField(nn.Module):
    """x -> ReLU(Conv3([b_0, b_3, b_5, b_7]) + Conv1(x)); every convolution with its norm.

    b_0 is 1 x 1 of x; b_k is 1 x 1, 1 x k, k x 1 and a 3 x 3 of dilation k.
    Source: Liu et al., Receptive Field Block Net, ECCV 2018, as Fan et al. (PraNet) changed it.
    """

    def __init__(self, cin: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(conv_bn(cin))])
        for k in KERNELS:
            line = conv_bn(WIDTH, (1, k)), conv_bn(WIDTH, (k, 1)), conv_bn(WIDTH, 3, k)
            self.branches.append(nn.Sequential(conv_bn(cin), *line))
        self.join = conv_bn(len(self.branches) * WIDTH, 3)
        self.shortcut = conv_bn(cin)

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, h, w) to (B, WIDTH, h, w)."""
        joined = self.join(torch.cat([branch(x) for branch in self.branches], dim=1))
        return F.relu(joined + self.shortcut(x))


def double_conv() -> nn.Sequential:
    """(conv3 without bias, batch norm, ReLU) twice, from two maps to one."""
    layers: list[nn.Module] = []
    for cin in (2 * WIDTH, WIDTH):
        layers += [*conv_bn(cin, 3), nn.ReLU()]
    return nn.Sequential(*layers)
