"""A hierarchical encoder whose blocks can be run one by one, so that prompts can be added.

Maps go (B, 3, H, W) -> tokens (B, h, w, d) inside a stage -> (B, d, h, w) between stages, with
h = ceil(H / stride). The image comes in normalised.
"""

from typing import Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


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
