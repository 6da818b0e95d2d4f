"""The hierarchical encoders that prompts are added into: MiT (SegFormer) and TinyViT.

Maps go (B, 3, H, W) -> tokens (B, h, w, d) inside a stage -> (B, d, h, w) between stages, with
h = ceil(H / stride). The image comes in normalised.
"""

import re
from collections.abc import Mapping
from typing import Any, Self

import timm
from timm.models.tiny_vit import Attention
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import SegformerConfig, SegformerModel

MIT_DIMS = {"b0": (32, 64, 160, 256)}
MIT_DEPTHS = {
    "b0": (2, 2, 2, 2),
    "b1": (2, 2, 2, 2),
    "b2": (3, 4, 6, 3),
    "b3": (3, 4, 18, 3),
    "b4": (3, 8, 27, 3),
    "b5": (3, 6, 40, 3),
}
MIT_WIDE = (64, 128, 320, 512)  # b1 to b5
_COARSE_NORMS = ("patch_embeddings.layer_norm", "sequence_reduction.layer_norm")


class Encoder(nn.Module):
    """An encoder of stages i = 0 .. n-1, each an embedding and blocks that can be run one by one.

    T_i = embed_i(x_{i-1});  x_i = finish_i(block_{i,L_i-1}( ... block_{i,0}(T_i))),  x_{-1} = image

    Attributes:
        dims: channels d_i of each stage.
        depths: blocks L_i of each stage.
        strides: pixels of the image per token of each stage.
        frozen: whether its weights and batch-norm statistics are kept.
    """

    dims: tuple[int, ...]
    depths: tuple[int, ...]
    strides: tuple[int, ...]
    frozen = False

    def embed(self, stage: int, x: Tensor) -> Tensor:
        """The image (B, 3, H, W), or the map (B, d, h, w) of the stage before -> (B, h, w, d)."""
        raise NotImplementedError

    def block(self, stage: int, j: int, x: Tensor) -> Tensor:
        """Block j of a stage, (B, h, w, d) -> (B, h, w, d)."""
        raise NotImplementedError

    def finish(self, stage: int, x: Tensor) -> Tensor:
        """After the last block, (B, h, w, d) -> (B, d, h, w)."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> list[Tensor]:
        """Every stage's map (B, d, h, w), nothing added."""
        features: list[Tensor] = []
        for stage, depth in enumerate(self.depths):
            x = self.embed(stage, features[-1] if features else image)
            for j in range(depth):
                x = self.block(stage, j, x)
            features.append(self.finish(stage, x))
        return features

    def freeze(self) -> Self:
        """Keeps all weights and batch-norm statistics; drop-path stays active in training."""
        self.frozen = True
        self.requires_grad_(False)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training mode; when frozen, batch norms go on normalising with what they have."""
        super().train(mode)
        for module in self.modules():
            if self.frozen and isinstance(module, _BatchNorm):
                module.eval()
        return self


class MiT(Encoder):
    """Mix Transformer, SegFormer's encoder; d_i, L_i by variant, strides 4, 8, 16, 32.

    block(x) = y + MixFFN(LN(y)),  y = x + Attention(LN(x)); keys and values reduced by 8, 4, 2, 1.
    Source: Xie et al., SegFormer, NeurIPS 2021.
    Ours / theirs: the modules are transformers', whose LayerNorms all have eps 1e-5. Theirs have
    1e-6 in the blocks and after a stage, 1e-5 in patch embeddings and key reduction; so have ours.

    Args:
        variant: b0 to b5.
        drop_path: of the last block; rises linearly from 0 at the first.
    """

    strides: tuple[int, ...] = (4, 8, 16, 32)

    def __init__(self, variant: str = "b4", drop_path: float = 0.1) -> None:
        super().__init__()
        # O28: the weights are the ImageNet-1k ones of this variant; random until they are loaded.
        self.dims = MIT_DIMS.get(variant, MIT_WIDE)
        self.depths = MIT_DEPTHS[variant]
        config = SegformerConfig(
            depths=list(self.depths),
            hidden_sizes=list(self.dims),
            num_attention_heads=[1, 2, 5, 8],
            drop_path_rate=drop_path,
        )
        self.stages: Any = SegformerModel(config).stages
        for name, module in self.stages.named_modules():
            if isinstance(module, nn.LayerNorm) and not name.endswith(_COARSE_NORMS):
                module.eps = 1e-6

    def embed(self, stage: int, x: Tensor) -> Tensor:
        """Overlapping patches, convolved and normalised: -> (B, h, w, d)."""
        tokens: Tensor
        tokens, h, w = self.stages[stage].patch_embeddings(x)
        return tokens.reshape(len(x), h, w, -1)

    def block(self, stage: int, j: int, x: Tensor) -> Tensor:
        """Transformer block j, (B, h, w, d) -> (B, h, w, d)."""
        h, w = x.shape[1:3]
        tokens: Tensor = self.stages[stage].blocks[j](x.flatten(1, 2), h, w)
        return tokens.reshape(len(x), h, w, -1)

    def finish(self, stage: int, x: Tensor) -> Tensor:
        """The stage's LayerNorm, (B, h, w, d) -> (B, d, h, w)."""
        normed: Tensor = self.stages[stage].layer_norm(x)
        return normed.permute(0, 3, 1, 2)


class TinyViT(Encoder):
    """TinyViT-5M as MobileSAM runs it: the last stage keeps stride 16.

    Stage 0 has convolutional MBConv blocks, the others windowed attention (7, 14, 7 tokens wide;
    a map that does not divide is padded inside the block), so any H and W will do.
    Source: Wu et al., TinyViT, ECCV 2022; Zhang et al., MobileSAM, arXiv 2306.14289.
    Ours / theirs: the modules are timm's; no neck and no head.

    Args:
        drop_path: of the last block; MobileSAM has none.
    """

    dims: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    strides: tuple[int, ...] = (4, 8, 16, 16)

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__()
        network: Any = timm.create_model("tiny_vit_5m_224", drop_path_rate=drop_path)
        self.patch_embed, self.stages = network.patch_embed, network.stages
        self.stages[3].downsample.conv2.conv.stride = (1, 1)
        self._attention = [m for m in self.modules() if isinstance(m, Attention)]

    def embed(self, stage: int, x: Tensor) -> Tensor:
        """Two convolutions on the image, or the stage's patch merging: -> (B, h, w, d)."""
        if stage == 0:
            # timm keeps attention biases between calls in eval; later weights would not count.
            for module in self._attention:
                module.attention_bias_cache = {}
        embedding = self.stages[stage].downsample if stage else self.patch_embed
        found: Tensor = embedding(x)
        return found.permute(0, 2, 3, 1)

    def block(self, stage: int, j: int, x: Tensor) -> Tensor:
        """MBConv (stage 0) or attention block j, (B, h, w, d) -> (B, h, w, d)."""
        block = self.stages[stage].blocks[j]
        found: Tensor = block(x) if stage else block(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return found

    def finish(self, stage: int, x: Tensor) -> Tensor:
        """No norm here: (B, h, w, d) -> (B, d, h, w)."""
        return x.permute(0, 3, 1, 2)


_MIT_PREFIX = re.compile(r"^(?:segformer\.)?(?:encoder\.)?")
_MIT_PART = re.compile(r"^(patch_embed|patch_embeddings|block|norm|layer_norm)(\.?)(\d)\.")
_MIT_PARTS = {"patch_embed": "patch_embeddings", "block": "blocks", "norm": "layer_norm"}
_REDUCTION = ".attention.sequence_reduction"
# What the official checkpoints or transformers 4 say, and transformers 5's word for it.
_MIT_NAMES = (
    (r"(patch_embeddings)\.norm\.", r"\1.layer_norm."),
    (r"\.(?:norm1|layer_norm_1)\.", ".layernorm_before."),
    (r"\.(?:norm2|layer_norm_2)\.", ".layernorm_after."),
    (r"\.(?:attn\.q|attention\.self\.query)\.", ".attention.q_proj."),
    (r"\.attention\.self\.key\.", ".attention.k_proj."),
    (r"\.attention\.self\.value\.", ".attention.v_proj."),
    (r"\.(?:attn\.proj|attention\.output\.dense)\.", ".attention.o_proj."),
    (r"\.(?:attn|attention\.self)\.sr\.", f"{_REDUCTION}.sequence_reduction."),
    (r"\.(?:attn\.norm|attention\.self\.layer_norm)\.", f"{_REDUCTION}.layer_norm."),
    (r"\.mlp\.dense([12])\.", r".mlp.fc\1."),
)


def mit_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's tensors under the keys of `MiT`; heads and classifiers are left out.

    Args:
        state: by the names of the official files (`block1.0.attn.kv.weight`: keys above values),
            of transformers 4, as the hub has them (`segformer.encoder.block.0.0.…`), or of
            transformers 5 (`segformer.stages.0.blocks.0.…`, or without the prefix).
    """
    renamed = {}
    for key, value in state.items():
        key = _mit_key(_MIT_PREFIX.sub("", key))
        if ".attn.kv." in key:
            keys, values = value.chunk(2)
            renamed[key.replace(".attn.kv.", ".attention.k_proj.")] = keys
            renamed[key.replace(".attn.kv.", ".attention.v_proj.")] = values
        elif not key.startswith(("classifier.", "decode_head.", "head.")):
            renamed[key] = value
    return renamed


def _mit_key(key: str) -> str:
    if match := _MIT_PART.match(key):
        part, dot, number = match.groups()
        stage = int(number) if dot else int(number) - 1  # the official names count from 1
        key = f"stages.{stage}.{_MIT_PARTS.get(part, part)}.{key[match.end() :]}"
    for pattern, name in _MIT_NAMES:
        key = re.sub(pattern, name, key)
    return key


def tinyvit_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """The image encoder of a MobileSAM checkpoint under the keys of `TinyViT`.

    Theirs puts the patch merging at the end of the stage before; the neck and heads are left out,
    as is all outside `image_encoder.`.
    """
    renamed = {}
    for key, value in state.items():
        inside, name = key.startswith("image_encoder."), key.removeprefix("image_encoder.")
        if not inside or name.startswith(("neck.", "norm_head.", "head.")):
            continue
        name = re.sub(r"^patch_embed\.seq\.0\.", "patch_embed.conv1.", name)
        name = re.sub(r"^patch_embed\.seq\.2\.", "patch_embed.conv2.", name)
        name = re.sub(r"^layers\.(\d)\.downsample\.", _next_stage, name)
        name = re.sub(r"^layers\.", "stages.", name)
        renamed[name.replace(".c.", ".conv.")] = value
    return renamed


def _next_stage(match: re.Match[str]) -> str:
    return f"stages.{int(match[1]) + 1}.downsample."
