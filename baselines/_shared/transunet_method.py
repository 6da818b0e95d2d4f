"""TransUNet as a method, and the maps from the three names of its weights to ours.

The encoder's weights (ImageNet-21k) exist under the names of timm, of Google's npz file and of the
official TransUNet; they hold the same tensors. timm's and Google's networks pad differently and
norm the shortcut in 32 groups, so that these weights meet a slightly other function here, as they
do in the official code.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from baselines._shared.conv import Rules, renamed
from baselines._shared.transunet import DEPTH, STRIDE, TransUNet, resized_positions
from benchmark.core.errors import MethodError
from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Method, Normalise
from benchmark.methods.weights import WeightStore

Triple = tuple[float, float, float]
HALF: Triple = (0.5, 0.5, 0.5)
GOOGLE_KEY, TIMM_KEY = "embedding/kernel", "pos_embed"
NOTHING = r"(?!)"  # a pattern that meets no key
# From the official names; the decoder's and the head's are the method's alone.
OFFICIAL: Rules = {
    r"^transformer\.embeddings\.hybrid_model\.root\.conv\.": "encoder.resnet.conv.",
    r"^transformer\.embeddings\.hybrid_model\.root\.gn\.": "encoder.resnet.norm.",
    r"^transformer\.embeddings\.hybrid_model\.body\.block(\d)\.unit(\d)\.": lambda m: (
        f"encoder.resnet.stages.{int(m[1]) - 1}.{int(m[2]) - 1}."
    ),
    r"\.gn(\d)\.": r".norm\1.",
    r"\.downsample\.": ".shortcut.0.",
    r"\.gn_proj\.": ".shortcut.1.",
    r"^transformer\.embeddings\.patch_embeddings\.": "encoder.patches.",
    r"^transformer\.embeddings\.position_embeddings$": "encoder.positions",
    r"^transformer\.encoder\.layer\.": "encoder.blocks.",
    r"\.attention_norm\.": ".norm1.",
    r"\.ffn_norm\.": ".norm2.",
    r"\.ffn\.": ".",
    r"\.attn\.": ".attention.",
    r"^transformer\.encoder\.encoder_norm\.": "encoder.norm.",
    r"^decoder\.conv_more\.": "widen.",
    r"^decoder\.blocks\.(\d)\.conv1\.": r"decoder.\1.convs.",
    r"^decoder\.blocks\.(\d)\.conv2\.([01])\.": lambda m: f"decoder.{m[1]}.convs.{int(m[2]) + 3}.",
    r"^segmentation_head\.0\.": "head.",
}
TIMM: Rules = {
    r"^patch_embed\.backbone\.stem\.": "encoder.resnet.",
    r"^patch_embed\.backbone\.stages\.(\d)\.blocks\.": r"encoder.resnet.stages.\1.",
    r"\.downsample\.conv\.": ".shortcut.0.",
    r"\.downsample\.norm\.": ".shortcut.1.",
    r"^patch_embed\.proj\.": "encoder.patches.",
    r"^pos_embed$": "encoder.positions",
    r"^blocks\.": "encoder.blocks.",
    r"\.attn\.qkv\.": ".attention.qkv.",
    r"\.attn\.proj\.": ".attention.out.",
    r"\.mlp\.": ".",
    r"^norm\.": "encoder.norm.",
}
# From Google's names to the official ones; the arrays are laid out anew beside it.
GOOGLE: Rules = {
    r"^conv_root/": "transformer.embeddings.hybrid_model.root.conv/",
    r"^gn_root/": "transformer.embeddings.hybrid_model.root.gn/",
    r"^block(\d)/unit(\d)/": r"transformer.embeddings.hybrid_model.body.block\1.unit\2.",
    r"\.conv_proj/": ".downsample/",
    r"^embedding/": "transformer.embeddings.patch_embeddings/",
    r"^Transformer/posembed_input/pos_embedding$": ("transformer.embeddings.position_embeddings"),
    r"^Transformer/encoder_norm/": "transformer.encoder.encoder_norm/",
    r"^Transformer/encoderblock_(\d+)/": r"transformer.encoder.layer.\1.",
    r"LayerNorm_0/": "attention_norm/",
    r"LayerNorm_2/": "ffn_norm/",
    r"MlpBlock_3/Dense_0/": "ffn.fc1/",
    r"MlpBlock_3/Dense_1/": "ffn.fc2/",
    r"MultiHeadDotProductAttention_1/": "attn.",
    r"/(kernel|scale)$": ".weight",
    r"/bias$": ".bias",
}


class TransUNetMethod(Method):
    """TransUNet with one logit; its encoder starts from ImageNet-21k.

    Args:
        mean, std: of the images; the encoder was trained on values in [-1, 1].
    """

    def __init__(self, size: int = 352, mean: Triple = HALF, std: Triple = HALF) -> None:
        super().__init__()
        self.normalise = Normalise(mean, std)
        self.network = TransUNet(size)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names.

        Raises: MethodError for the encoder's weights alone, which are not imported but found.
        """
        if GOOGLE_KEY in state or TIMM_KEY in state:
            raise MethodError(
                f"method {self.card.name!r}",
                "the weights of ImageNet-21k, the encoder's alone",
                "a state_dict of the whole network",
                f"Put the file into weights/ as {' or '.join(self.card.weights[0].files)}.",
            )
        own = _fused(renamed(state, OFFICIAL, NOTHING))
        return {f"network.{key}": value for key, value in own.items()}

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights, with positions for this size; the decoder's stay random."""
        name = weights.names[0]
        encoder = self.network.encoder
        state = encoder_state(weights.read(name), encoder.grid)
        load_strictly(encoder, state, f"weights {name!r}")


def encoder_state(state: Mapping[str, object], grid: int) -> dict[str, Tensor]:
    """The weights of ImageNet-21k under the encoder's names, with positions for another grid.

    Args:
        state: by timm's names or by Google's.
    """
    tensors = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    google = GOOGLE_KEY in tensors
    own = _from_google(tensors) if google else renamed(tensors, TIMM, "cls_token|head")
    own = {key.removeprefix("encoder."): value for key, value in own.items()}
    positions = own.get("positions")
    if positions is not None:  # the first is that of the class token, which there is none of here
        square = positions[:, 1:]
        side = math.isqrt(square.shape[1])
        own["positions"] = resized_positions(square, side, (grid, grid))
    return own


def _from_google(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = renamed(state, GOOGLE, "cls$")
    return _fused(renamed({key: _layout(key, v) for key, v in names.items()}, OFFICIAL, NOTHING))


def _layout(key: str, value: Tensor) -> Tensor:
    """JAX's array in torch's order: of filters (H, W, in, out), matrices (in, out), heads apart."""
    if ".attn." in key and key.endswith(".weight"):  # (in, head, d), and (head, d, in) for `out`
        return value.flatten(0, 1).T if ".attn.out." in key else value.flatten(1).T
    if key.endswith("position_embeddings"):
        return value
    if value.ndim == 4 and value.shape[:3] != (1, 1, 1):
        return value.permute(3, 2, 0, 1)
    return value.T if value.ndim == 2 and key.endswith(".weight") else value.flatten()


def _fused(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value of each block as one matrix; a block that lacks one is left as it is."""
    own = dict(state)
    for k in range(DEPTH):
        for kind in ("weight", "bias"):
            parts = [f"encoder.blocks.{k}.attention.{p}.{kind}" for p in ("query", "key", "value")]
            if all(part in own for part in parts):
                fused = torch.cat([own.pop(part) for part in parts])
                own[f"encoder.blocks.{k}.attention.qkv.{kind}"] = fused
    return own
