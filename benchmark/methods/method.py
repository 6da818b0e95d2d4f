"""The contract: the hooks of a method. It holds no behaviour, and is in no digest.

A hook that is added here with a default that does nothing retrains nothing. What the other defaults
do stands in `inputs.py` and `defaults.py`, which are digested.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from benchmark.core.errors import MethodError
from benchmark.methods.defaults import all_that_learn, default_loss
from benchmark.methods.inputs import Inputs, Normalise

if TYPE_CHECKING:
    from benchmark.data.cases import Cases
    from benchmark.methods.declaration import Card
    from benchmark.methods.weights import WeightStore

__all__ = ["Inputs", "Method", "Normalise"]

Features = Callable[[np.ndarray], Tensor | None]


class Method(nn.Module):
    """A network that a row of method.yaml names. Only `__init__` and `forward` must be written.

    A method is built as `Class(size=H, **arguments)`, with the arguments of its row, random weights
    and no internet access.

    Attributes:
        card: the row; set by the framework after `__init__`.
    """

    card: "Card"

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of images (B, 3, H, W) in [0, 1]; normalisation is in here."""
        raise NotImplementedError

    def load_pretrained(self, weights: "WeightStore") -> None:
        """Loads the files that the row names: `weights.read(name)` for each of `weights.names`."""

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official network's state_dict under this method's own keys, for `import-weights`.

        Raises: MethodError where no official weights are known.
        """
        raise MethodError(
            f"method {self.card.name!r}", "no map from official weights", "from_official()",
            "Write it, or train the method with `mixseg run`.",
        )  # fmt: skip

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Scalars; "total" is minimised, the rest is logged.

        Args:
            mask: float (B, 1, H, W), 0 or 1.
        """
        return default_loss(self(inputs.image), mask)

    def loss_modules(self) -> Mapping[str, nn.Module]:
        """Frozen networks that only `loss` needs, by name; they lie on the device of the method.

        They are no parts of the network, so a run's weights do not hold them: keep them in a plain
        dictionary, not as attributes of the module.
        """
        return {}

    def predict(self, inputs: Inputs) -> Tensor:
        """Logits (B, 1, H, W), in evaluation mode."""
        return self(inputs.image)  # type: ignore[no-any-return]

    def parameter_groups(self, lr: float) -> list[dict[str, object]]:
        """Groups for the optimiser: what is frozen, and which part learns at which rate."""
        return all_that_learn(self, lr)

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
