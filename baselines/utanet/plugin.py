"""UTANet: the suite's loss and the balance of the experts."""

from collections.abc import Mapping

from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import STRIDE, own_keys
from .network import UTANet as Network

LAYERS = ("layer1", "layer2", "layer3", "layer4")  # of ResNet-34


class UTANet(Method):
    """UTANet on ResNet-34.

    Args:
        balance: weight of the balance in the loss. The authors released no training code; 0.01 is
            a usual value for mixtures of experts, and our choice.
    """

    def __init__(self, size: int = 352, balance: float = 0.01) -> None:
        super().__init__()
        self.balance = balance
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(lambda x: self.network(x)[0], self.normalise(image), STRIDE)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """The suite's loss, and the balance of the experts on the same pass."""
        found: list[Tensor] = []

        def logits(x: Tensor) -> Tensor:
            out: tuple[Tensor, Tensor] = self.network(x)
            found.append(out[1])
            return out[0]

        image = self.normalise(inputs.image)
        segmentation = weighted_bce_iou(on_multiple(logits, image, STRIDE), mask)
        total = segmentation + self.balance * found[0]
        return {"total": total, "segmentation": segmentation, "balance": found[0]}

    def load_pretrained(self, weights: WeightStore) -> None:
        """ResNet-34's four stages; its first convolution is another one here."""
        name = weights.names[0]
        state = {
            f"{LAYERS.index(layer)}.{rest}": value
            for key, value in weights.read(name).items()
            for layer, _, rest in [key.partition(".")]
            if layer in LAYERS
        }
        load_strictly(self.network.layers, state, f"weights {name!r}")

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names."""
        return {f"network.{key}": value for key, value in own_keys(state).items()}
