"""MMSNet's parts against what one would write instead, on the same tensors: best times in ms.

The contourlet against one 2-D convolution a direction, the guidance block against K masked copies
of the map, a training step against tuning the whole encoder. The two forms of a part are checked
to agree before they are timed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared import contourlet as contourlet_module
from baselines._shared import frequency_guidance
from baselines._shared.contourlet import Contourlet, laplacian
from baselines._shared.frequency_guidance import Guidance, MultiscaleFrequencyGuidance
from benchmark.speed.timing import best_s
from mmsnet.plugin import MMSNet

SIDE = 352
Row = dict[str, Any]


def best_ms(work: Callable[[], object], device: str) -> float:
    """The best time of some work, in ms."""
    return 1e3 * best_s(work, device)


def compared(ours: float, instead: float, **more: object) -> Row:
    """A row: ours, the other form, and how many times as fast ours is."""
    return {"ours ms": ours, "instead ms": instead, "times": instead / ours, **more}


@torch.no_grad()
def contourlet(device: str) -> Row:
    """8 x 3 x 352 x 352, 4 levels, 8 directions."""
    transform = Contourlet(levels=4, dfb_levels=3).to(device)
    image = torch.rand(8, 3, SIDE, SIDE, device=device)
    levels = [_directions(SIDE >> level, device) for level in range(4)]

    def instead() -> list[list[Tensor]]:
        low, bands = image, []
        for directions in levels:
            low, detail = laplacian(low)
            bands.append([direction(detail) for direction in directions])
        return bands

    for ours, theirs in zip(transform(image).bands[0], instead()[0], strict=True):
        # Away from the borders, where the tree's shears wrap around otherwise than one filter.
        h, w = ours.shape[-2] // 4, ours.shape[-1] // 4
        inside = (..., slice(h, -h), slice(w, -w))
        torch.testing.assert_close(ours[inside], theirs[inside], atol=1e-4, rtol=1e-3)
    return compared(best_ms(lambda: transform(image), device), best_ms(instead, device))


@dataclass(frozen=True)
class Direction:
    """A direction as one filter.

    Attributes:
        kernel: (1, 1, h, w), as far as it reaches.
        reach: pixels to the left, to the right, above and below.
        strides: of its subband.
    """

    kernel: Tensor
    reach: tuple[int, int, int, int]
    strides: tuple[int, int]

    def __call__(self, detail: Tensor) -> Tensor:
        """Its subband of a detail image (B, C, H, W), with periodic borders."""
        padded = F.pad(detail.flatten(0, 1)[:, None], self.reach, mode="circular")
        band = F.conv2d(padded, self.kernel, stride=self.strides)
        return band.view(*detail.shape[:2], *band.shape[-2:])


@torch.enable_grad()
def _directions(side: int, device: str) -> list[Direction]:
    """The filters of the eight directions: where their middle values look, by their gradient."""
    found, half = [], side // 2
    transform = Contourlet(levels=1, dfb_levels=3).to(device)
    for k in range(8):
        image = torch.zeros(1, 1, side, side, device=device, requires_grad=True)
        with patch.object(contourlet_module, "_decompose", lambda x, level: (x, x)):
            band = transform(image).bands[0][k]
        middle = band[0, 0, band.shape[-2] // 2, band.shape[-1] // 2]
        kernel = torch.autograd.grad(middle, image)[0][0, 0]
        rows, columns = ((kernel.abs().amax(k) > 1e-7).nonzero()[:, 0] for k in (1, 0))
        top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
        reach = (half - left, right - half, half - top, bottom - half)
        strides = (side // band.shape[-2], side // band.shape[-1])
        kernel = kernel[None, None, top : bottom + 1, left : right + 1].contiguous()
        found.append(Direction(kernel, reach, strides))
    return found


def masked_copies(v: Tensor, bases: Tensor, weights: Tensor) -> Tensor:
    """The three statistics as they are written down: a copy of the map for each basis."""
    z = F.adaptive_avg_pool2d(v, bases.shape[-1])
    total = v.new_zeros(len(v), 3, v.shape[1])
    for basis, weight in zip(bases, weights, strict=True):
        y = (z * basis).flatten(2)
        total = total + weight * torch.stack([y.mean(-1), y.amax(-1), y.amin(-1)], dim=1)
    return total


def guidance(channels: int, side: int, device: str) -> Row:
    """Forward and backward of one block, batch 8, K = 32."""
    torch.manual_seed(0)
    block = MultiscaleFrequencyGuidance(channels, side, Guidance()).to(device)
    x = torch.randn(8, channels, side, side, device=device, requires_grad=True)

    def step() -> Tensor:
        out: Tensor = block(x)
        torch.autograd.backward(out.square().mean())
        return out

    ours, agreed = best_ms(step, device), step()
    with patch.object(frequency_guidance, "statistics", masked_copies):
        torch.testing.assert_close(step(), agreed, atol=1e-4, rtol=1e-4)
        return compared(ours, best_ms(step, device))


def training_step(device: str) -> Row:
    """Forward and backward of two images at 352: the prompted network, and the tuned one."""
    image = torch.rand(2, 3, SIDE, SIDE, device=device)
    times, learning = [], []
    full_tuning: dict[str, Any] = {"adaptor": False, "transform": "none", "frozen": False}
    plain: dict[str, Any] = {}
    for arguments in (plain, full_tuning):
        torch.manual_seed(0)
        network = MMSNet(SIDE, **arguments).to(device).train()

        def step(network: nn.Module = network) -> None:
            network.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                loss = network(image).float().square().mean()
            loss.backward()

        times.append(best_ms(step, device))
        learning.append(sum(p.numel() for p in network.parameters() if p.requires_grad))
    return compared(*times, learning=learning[0], tuned=learning[1])


def forward_pass(device: str) -> Row:
    """One image at 352, in evaluation mode: the network, and its encoder alone."""
    torch.manual_seed(0)
    method = MMSNet(SIDE).to(device).eval()
    image = torch.rand(1, 3, SIDE, SIDE, device=device)
    with torch.inference_mode():
        whole = best_ms(lambda: method(image), device)
        alone = best_ms(lambda: method.network.encoder(image), device)
    return {"whole ms": whole, "encoder alone ms": alone, "share of the encoder": alone / whole}


PARTS: dict[str, Callable[[str], Row]] = {
    "contourlet, 8 x 3 x 352 x 352, 4 levels, 8 directions": contourlet,
    "guidance, 8 x 64 x 88 x 88, K = 32": lambda device: guidance(64, 88, device),
    "guidance, 8 x 128 x 22 x 22, K = 32": lambda device: guidance(128, 22, device),
    "training step, 2 x 3 x 352 x 352": training_step,
    "forward, 1 x 3 x 352 x 352": forward_pass,
}
