"""SAM: an image encoder, a prompt encoder and a mask decoder; and what its encoder is shown.

Images are square here, so SAM's padding of the shorter side never comes up.

Source: Kirillov et al., Segment Anything, ICCV 2023.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.sam_decoder import MaskDecoder
from baselines._shared.sam_prompt import PromptEncoder
from benchmark.methods.method import Normalise

MEAN = (123.675 / 255, 116.28 / 255, 103.53 / 255)
STD = (58.395 / 255, 57.12 / 255, 57.375 / 255)


@dataclass(frozen=True)
class Prompts:
    """What is shown besides the image, in pixels of the side that the encoder sees.

    Attributes:
        points: (B, N, 2), x and y, or None.
        labels: (B, N), 1 foreground, 0 background; None without points.
        boxes: (B, 4), x0, y0, x1, y1, or None.
    """

    points: Tensor | None = None
    labels: Tensor | None = None
    boxes: Tensor | None = None


class Sam(nn.Module):
    """Image and prompts to masks.

    Args:
        image_encoder: a normalised image (B, 3, S, S) to (B, 256, S / 16, S / 16).
    """

    def __init__(self, image_encoder: nn.Module) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder()
        self.mask_decoder = MaskDecoder()

    def forward(
        self, image: Tensor, prompts: Prompts, multimask: bool = False
    ) -> tuple[Tensor, Tensor]:
        """As `decode`, from a normalised image (B, 3, S, S)."""
        return self.decode(self.image_encoder(image), prompts, image.shape[-1], multimask)

    def decode(
        self, embedding: Tensor, prompts: Prompts, side: int, multimask: bool = False
    ) -> tuple[Tensor, Tensor]:
        """One mask, or three for a prompt that may mean several things.

        Args:
            embedding: (B, 256, h, w).
            side: of the image that was embedded, in pixels.

        Returns: logits (B, 1 or 3, 4h, 4w) and predicted IoU (B, 1 or 3).
        """
        h, w = embedding.shape[-2:]
        encoder = self.prompt_encoder
        sparse = self._tokens(embedding, prompts, side)
        grid, dense = encoder.pe_layer.grid(h, w), encoder.no_mask(h, w)
        masks, quality = self.mask_decoder(embedding, grid, sparse, dense)
        chosen = slice(1, None) if multimask else slice(0, 1)
        return masks[:, chosen], quality[:, chosen]

    def _tokens(self, embedding: Tensor, prompts: Prompts, side: int) -> Tensor:
        encoder, tokens = self.prompt_encoder, []
        if prompts.points is not None and prompts.labels is not None:
            shown = encoder.points(prompts.points, prompts.labels, side)
            # Beside a box no place is held for one.
            tokens.append(shown if prompts.boxes is None else shown[:, :-1])
        if prompts.boxes is not None:
            tokens.append(encoder.boxes(prompts.boxes, side))
        width = embedding.shape[1]
        return torch.cat(tokens, 1) if tokens else embedding.new_zeros(len(embedding), 0, width)


class Sight(nn.Module):
    """What the image encoder sees of an image: its size, its colours, its range.

    Args:
        side: of the square image, in pixels.
        minmax: stretch each image to [0, 1] in place of mean and deviation, as MedSAM does.
        bgr: channels in the order blue, green, red under the statistics of red, green, blue:
            what SAM-Med2D's published weights were trained on.
    """

    def __init__(self, side: int, minmax: bool = False, bgr: bool = False) -> None:
        super().__init__()
        self.side, self.minmax, self.bgr = side, minmax, bgr
        self.normalise = Normalise(MEAN, STD)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to (B, 3, side, side)."""
        if image.shape[-1] != self.side:
            shrinks = image.shape[-1] > self.side
            image = F.interpolate(image, self.side, mode="bilinear", antialias=shrinks)
        if self.minmax:
            low, high = image.amin((1, 2, 3), keepdim=True), image.amax((1, 2, 3), keepdim=True)
            return (image - low) / (high - low).clamp_min(1e-8)
        normalised: Tensor = self.normalise(image.flip(1) if self.bgr else image)
        return normalised

    def extra_repr(self) -> str:
        """The settings; cached embeddings go by them."""
        return f"side={self.side}, minmax={self.minmax}, bgr={self.bgr}"


class Embedder(nn.Module):
    """Sight and image encoder: image (B, 3, H, W) in [0, 1] to embedding (B, 256, h, w)."""

    def __init__(self, sight: Sight, encoder: nn.Module) -> None:
        super().__init__()
        self.sight, self.encoder = sight, encoder

    def forward(self, image: Tensor) -> Tensor:
        """(B, 256, h, w)."""
        embedding: Tensor = self.encoder(self.sight(image))
        return embedding
