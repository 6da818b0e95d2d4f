"""Training at several image sizes; in the identity only of runs whose recipe has `scales`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from benchmark.training.batches import Batch

MULTIPLE = 32  # scaled sizes are rounded to it


def at_scales(batches: Iterable[Batch], scales: Sequence[float]) -> Iterator[Batch]:
    """Each batch at each scale, one after the other; sizes are rounded to multiples of 32.

    Masks are resized like images, so at other scales than 1 their edges are soft.

    Source: the training scripts of PraNet, MICCAI 2020, and of those that follow it.
    """
    for batch in batches:
        size = batch.image.shape[-1]
        for scale in scales:
            side = size if scale == 1 else max(1, round(size * scale / MULTIPLE)) * MULTIPLE
            if side == size:
                yield batch
            else:
                image, mask = (_resized(maps, side) for maps in (batch.image, batch.mask))
                yield replace(batch, image=image, mask=mask)


def _resized(maps: Tensor, side: int) -> Tensor:
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=True)
