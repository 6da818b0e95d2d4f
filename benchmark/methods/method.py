"""The contract: what a method is given, what it gives back, and what it may change.

Shapes: B cases, H = W pixels, N prompt points a case. Images are RGB in [0, 1].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.core.errors import MethodError
from benchmark.methods.declaration import AS_RELEASED, Card, Recipe, Weights
from benchmark.methods.losses import weighted_bce_iou

if TYPE_CHECKING:
    from benchmark.data.cases import Cases
    from benchmark.methods.weights import WeightStore

__all__ = ["AS_RELEASED", "Card", "Inputs", "Method", "Recipe", "Weights"]

Features = Callable[[np.ndarray], Tensor | None]


@dataclass(frozen=True)
class Inputs:
    """All that a method may see of a batch. What is not here cannot leak.

    Attributes:
        image: float (B, 3, H, W), RGB in [0, 1].
        points: float (B, N, 2), x and y in pixels; None unless the card asks for points.
        point_labels: int (B, N), 1 foreground, 0 background.
        boxes: float (B, 4), x0, y0, x1, y1 in pixels; None unless the card asks for boxes.
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


class Method(nn.Module):
    """A network with a card. Only `card`, `__init__` and `forward` must be written.

    A method is built by `Method(size=H)` without any other argument and without the network.
    """

    card: ClassVar[Card]

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of images (B, 3, H, W) in [0, 1]; normalisation is in here."""
        raise NotImplementedError

    def load_pretrained(self, weights: "WeightStore") -> None:
        """Loads the files that the card names, through `weights.read(name)`."""

    @classmethod
    def from_official(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official network's state_dict under this method's own keys, for `import-weights`.

        Raises: MethodError where no official weights are known.
        """
        raise MethodError(
            f"method {cls.card.name!r}", "no map from official weights", "from_official()",
            "Write it, or train the method with `mixseg run`.",
        )  # fmt: skip

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Scalars; "total" is minimised, the rest is logged.

        Args:
            mask: float (B, 1, H, W), 0 or 1.
        """
        return {"total": weighted_bce_iou(self(inputs.image), mask)}

    def predict(self, inputs: Inputs) -> Tensor:
        """Logits (B, 1, H, W), in evaluation mode."""
        logits: Tensor = self(inputs.image)
        return logits

    def parameter_groups(self, lr: float) -> list[dict[str, object]]:
        """Groups for the optimiser: what is frozen, and which part learns at which rate."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": lr}]

    def embed(self, image: Tensor) -> Tensor | None:
        """A frozen part that is worth computing once a case, (B, ...); None where there is none.

        What it gives is cached and handed back as `inputs.features`; training then does not
        augment, so that an embedding belongs to its picture. It is kept in the type that it has:
        half precision takes half the room.
        """
        return None

    def embedder(self) -> nn.Module:
        """The frozen module that `embed` runs; methods that share it share what is cached.

        The cache goes by its weights, by its repr (settings belong into `extra_repr`) and by the
        code of `embed` with all that it imports of ours.
        """
        return self

    def fit(self, cases: "Cases", features: Features) -> bool:
        """Learns in closed form from all training cases; True if it did, so no step is taken.

        Args:
            features: the embeddings (b, ...) of the cases at an index; None without `embed`.
        """
        return False


class Normalise(nn.Module):
    """Shifts and scales the channels of an RGB image; ImageNet's statistics unless told."""

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
