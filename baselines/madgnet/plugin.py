"""MADGNet: the network that MMSNet's frequency guidance goes back to."""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import MADGNet as Network
from .targets import boundary, distance

STRIDE, STAGES, TASKS = 32, 4, 3
# Official names and ours. Their stages count from 1, skip 1 belongs to stage 1.
_BLOCK = r"^decoder_stage(\d)\."
_GUIDE = _BLOCK + r"attention_layer\."
_OURS = "up.{}.guide.branches."
NAMES = (
    (r"^feature_encoding\.", "encoder."),
    (r"^skip_connection(\d)\.", "skips.{}."),
    (_BLOCK + r"conv1\.", "up.{}.before."),
    (_BLOCK + r"conv2\.", "up.{}.after."),
    (_GUIDE + r"multi_scale_branches\.(\d)\.([01])\.", _OURS + "{}.conv.0.{}."),
    (_GUIDE + r"multi_scale_branches\.(\d)\.3\.", _OURS + "{}.conv.1.0."),
    (_GUIDE + r"multi_scale_branches\.(\d)\.4\.", _OURS + "{}.conv.1.1."),
    (_GUIDE + r"multi_frequency_branches\.(\d)\.0\.fc\.0\.", _OURS + "{}.channel.narrow."),
    (_GUIDE + r"multi_frequency_branches\.(\d)\.0\.fc\.2\.", _OURS + "{}.channel.widen."),
    (_GUIDE + r"multi_frequency_branches_conv1\.(\d)\.0\.", _OURS + "{}.spatial.attend."),
    (_GUIDE + r"multi_frequency_branches_conv2\.(\d)\.", _OURS + "{}.spatial.conv."),
    (_GUIDE + r"alpha_list\.(\d)$", _OURS + "{}.spatial.alpha"),
    (_GUIDE + r"beta_list\.(\d)$", _OURS + "{}.spatial.beta"),
    (r"^sub_decoder_stage(\d)\.output_(\w+)_conv\.", "sub_decoders.{}.{}."),
)


class MADGNet(Method):
    """MADGNet on ResNeSt-50 under the suite's recipe.

    Supervised as the authors do: map, distance and boundary of each of the four stages.

    Args:
        weighted_bce: whether the edges weigh more in the maps' BCE, as the authors meant.
    """

    def __init__(self, size: int = 352, weighted_bce: bool = True) -> None:
        super().__init__()
        self.weighted_bce = weighted_bce
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W), the last stage's map; any H and W."""
        return on_multiple(self.network.last_map, self.normalise(image), STRIDE)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Sum over the stages: structure loss of the map, MSE of σ(distance), BCE of the boundary.

        That the distance goes through a sigmoid is ours; their training code is not public, but
        their network itself hands σ(distance) on.
        """
        far, edge = distance(mask), boundary(mask)
        parts = {name: mask.new_zeros(()) for name in ("map", "distance", "boundary")}
        outputs = on_multiple(self._all, self.normalise(inputs.image), STRIDE).float()
        for m, d, b in (s.chunk(TASKS, dim=1) for s in outputs.chunk(STAGES, dim=1)):
            parts["map"] = parts["map"] + weighted_bce_iou(m, mask, self.weighted_bce)
            parts["distance"] = parts["distance"] + F.mse_loss(torch.sigmoid(d), far)
            parts["boundary"] = parts["boundary"] + F.binary_cross_entropy_with_logits(b, edge)
        return {"total": torch.stack(list(parts.values())).sum(), **parts}

    def _all(self, image: Tensor) -> Tensor:
        """Every map, (B, STAGES * TASKS, H, W)."""
        return torch.cat([each for stage in self.network(image) for each in stage], dim=1)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; all else starts from random ones."""
        name = weights.names[0]
        state = weights.read(name)
        load_strictly(self.network.encoder, state, f"weights {name!r}", may_have=("fc.*",))

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every weight; the DCT bases are constants, and the encoder's classifier is not used."""
        renamed = {}
        for key, value in state.items():
            if ".dct_weight_" in key or key.startswith("feature_encoding.fc."):
                continue
            name = _renamed(key)
            if ".channel." in name or name.endswith((".alpha", ".beta")):
                # Ours are a matrix and a number, theirs a 1x1 convolution and a list of one.
                value = value.squeeze((-2, -1)) if value.ndim == 4 else value.squeeze(0)
            renamed[f"network.{name}"] = value
        return renamed


def _renamed(key: str) -> str:
    """Our key of an official one; a key that fits none is kept, and refused by the loading."""
    for pattern, ours in NAMES:
        if match := re.match(pattern, key):
            stage, *more = match.groups() or ("1",)
            return ours.format(int(stage) - 1, *more) + key[match.end() :]
    return key
