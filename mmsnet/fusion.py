"""What is left of the frequency prompt where MFA is taken out of MMSNet."""

from collections.abc import Sequence

from torch import Tensor, nn

from baselines._shared.prompt_adaptor import Embedding, initialise


class StageFusion(nn.Module):
    """Subbands added to an encoder's outputs: x_i + LN(Conv1x1(maps_i)), M -> d_i.

    O24: what is left of the frequency prompt where MFA is taken out is not given; this is the
    least that still merges it. The frozen encoder in front then needs no gradient.

    Args:
        dims: d_i of each stage.
        maps: channels M of the subband maps per stage.
    """

    def __init__(self, dims: Sequence[int], maps: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(Embedding(maps, d) for d in dims)
        self.apply(initialise)

    def forward(self, features: Sequence[Tensor], maps: Sequence[Tensor]) -> list[Tensor]:
        """Per stage (B, d_i, h_i, w_i) and (B, M, h_i, w_i) -> (B, d_i, h_i, w_i)."""
        added = [embedding(x) for embedding, x in zip(self.maps, maps, strict=True)]
        # x_i + LN(Conv1x1(maps_i))
        return [x + y.permute(0, 3, 1, 2) for x, y in zip(features, added, strict=True)]
