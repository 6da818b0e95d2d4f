"""What a method is given: the inputs of a batch, and the normalisation of its images.

Shapes: B cases, H = W pixels, N prompt points a case.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Inputs:
    """All that a method may see of a batch. What is not here cannot leak.

    Attributes:
        image: float (B, 3, H, W), RGB in [0, 1].
        points: float (B, N, 2), x and y in pixels of `image`, x to the right and y down, the centre
            of the first pixel at (0, 0); None unless the row's prompt is `point` or `centre`.
        point_labels: int (B, N), 1 foreground, 0 background.
        boxes: float (B, 4), x0, y0, x1, y1 in the same pixels, the outermost foreground pixels
            included; None unless the row's prompt is `box`.
        features: what `embed` gave for these images, or None.
    """

    image: Tensor
    points: Tensor | None = None
    point_labels: Tensor | None = None
    boxes: Tensor | None = None
    features: Tensor | None = None

    def part(self, rows: slice) -> "Inputs":
        """The same for some of the cases."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v[rows] for k, v in values.items() if v is not None})


class Normalise(nn.Module):
    """Shifts and scales the channels of an RGB image; ImageNet's statistics by default."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
        std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same shape, normalised."""
        return (image - self.mean) / self.std
