"""What the rows of the SAM family share: a frozen encoder, a prompt, the decoder's loss."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.sam_keys import sam_keys
from baselines._shared.sam_network import Embedder, Prompts, Sam, Sight
from benchmark.methods.layers import load_strictly
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore


class SamMethod(Method):
    """A network of the SAM family that is shown a prompt.

    The encoder is frozen and its embeddings are cached in half precision (2.1 MB at 1024 pixels).

    Args:
        side: at which images are shown to the encoder, in pixels; a trial with random weights may
            take a smaller one than that at which the encoder was trained.
        multimask: three masks, of which the one with the largest predicted IoU is used.
        learns: train the mask decoder; False leaves the network as released.

    Attributes:
        minmax, bgr: see `Sight`.
    """

    minmax: ClassVar[bool] = False
    bgr: ClassVar[bool] = False

    def __init__(
        self, size: int = 352, side: int = 1024, multimask: bool = False, learns: bool = False
    ) -> None:
        super().__init__()
        self.multimask = multimask
        self.network = Sam(self.image_encoder())
        self.sight = Sight(side, self.minmax, self.bgr)
        self.network.requires_grad_(False)
        if learns:
            self._free_decoder()

    @abstractmethod
    def image_encoder(self) -> nn.Module:
        """A new encoder with random weights."""

    def _free_decoder(self) -> None:
        """All of the decoder that the chosen masks come from; what gets no gradient stays."""
        decoder = self.network.mask_decoder.requires_grad_(True)
        decoder.iou_prediction_head.requires_grad_(False)
        for k, head in enumerate(decoder.output_hypernetworks_mlps):
            head.requires_grad_((k > 0) == self.multimask)

    def train(self, mode: bool = True) -> "SamMethod":
        """A frozen encoder stays in evaluation mode."""
        super().train(mode)
        if not any(p.requires_grad for p in self.network.image_encoder.parameters()):
            self.network.image_encoder.eval()
        return self

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official keys, or those of transformers, to this method's."""
        return {f"network.{key}": value for key, value in self.keys(state).items()}

    def keys(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The keys of a file to those of `Sam`."""
        return sam_keys(state)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The whole network."""
        name = weights.names[0]
        load_strictly(self.network, self.keys(weights.read(name)), f"weights {name!r}")

    def embedder(self) -> nn.Module:
        """Sight and image encoder."""
        return Embedder(self.sight, self.network.image_encoder)

    def embed(self, image: Tensor) -> Tensor | None:
        """The image encoder's (B, 256, h, w), float16."""
        return self.encode(image).half()

    def encode(self, image: Tensor) -> Tensor:
        """The image encoder's (B, 256, h, w) of images (B, 3, H, W) in [0, 1]."""
        embedding: Tensor = self.network.image_encoder(self.sight(image))
        return embedding

    def features(self, inputs: Inputs) -> Tensor:
        """The embeddings that are given, or else computed, in the precision of the image."""
        given = self.embed(inputs.image) if inputs.features is None else inputs.features
        if given is None:  # an encoder that learns
            return self.encode(inputs.image)
        return given.to(inputs.image.dtype)

    def decode(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Logits (B, 1 or 3, H, W) and predicted IoU (B, 1 or 3)."""
        low, quality = self.network.decode(
            self.features(inputs), self.scaled(inputs), self.sight.side, self.multimask
        )
        # As officially: to the encoder's frame first, then to the image.
        logits = F.interpolate(low.float(), self.sight.side, mode="bilinear")
        return F.interpolate(logits, inputs.image.shape[-2:], mode="bilinear"), quality

    def scaled(self, inputs: Inputs) -> Prompts:
        """The prompts in pixels of the encoder's frame; a pixel's middle is added by SAM."""
        scale = self.sight.side / inputs.image.shape[-1]
        points, boxes = inputs.points, inputs.boxes
        return Prompts(
            None if points is None else points * scale,
            inputs.point_labels,
            None if boxes is None else boxes * scale,
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) without any prompt."""
        return self.predict(Inputs(image))

    def predict(self, inputs: Inputs) -> Tensor:
        """Logits (B, 1, H, W) of the mask, or of the one that is thought to be best."""
        return best(*self.decode(inputs))

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Weighted BCE and IoU of the mask that would be used."""
        return {"total": weighted_bce_iou(self.predict(inputs), mask)}


def best(logits: Tensor, quality: Tensor) -> Tensor:
    """The mask (B, 1, H, W) with the largest predicted IoU; never by the true one."""
    chosen = quality.argmax(1)[:, None, None, None].expand(-1, 1, *logits.shape[2:])
    return logits.gather(1, chosen)
