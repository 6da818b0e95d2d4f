"""Phantoms of the four modalities, drawn by our own code with exact masks."""

import difflib
import zlib
from collections.abc import Callable

import numpy as np

from benchmark.core.errors import CatalogError, ParamsError
from benchmark.data.phantoms.colonoscopy import draw_colonoscopy
from benchmark.data.phantoms.dermoscopy import draw_dermoscopy
from benchmark.data.phantoms.fundus import draw_fundus
from benchmark.data.phantoms.textures import Array, Canvas, Mask, to_bytes
from benchmark.data.phantoms.ultrasound import draw_ultrasound

_DRAW: dict[str, Callable[[Canvas], tuple[Array, Mask]]] = {
    "fundus": draw_fundus,
    "colonoscopy": draw_colonoscopy,
    "ultrasound": draw_ultrasound,
    "dermoscopy": draw_dermoscopy,
}
MODALITIES = tuple(_DRAW)
MIN_SIZE = 32


def draw(modality: str, index: int, size: int, seed: int) -> tuple[Mask, Mask]:
    """One phantom; the same (modality, index, seed) is the same scene at every size.

    Args:
        modality: one of MODALITIES.
        index: which of this seed's phantoms, from 0.
        size: pixels a side.
        seed: of the whole set.
    Returns: image uint8 (size, size, 3) RGB; mask uint8 (size, size), 0 or 1, never empty.
    Raises: CatalogError for an unknown modality, ParamsError for an impossible number.
    """
    if modality not in _DRAW:
        near = difflib.get_close_matches(modality, MODALITIES, n=1, cutoff=0.0)[0]
        raise CatalogError(
            "phantoms",
            f"modality {modality!r}",
            f"one of {', '.join(MODALITIES)}",
            f"Did you mean {near!r}?",
        )
    for name, value, least in (("index", index, 0), ("size", size, MIN_SIZE), ("seed", seed, 0)):
        if value < least:
            raise ParamsError("phantoms", f"{name} {value}", f"{least} or more", f"Raise {name}.")
    # The name's own number, so that a further modality leaves the others' phantoms as they are.
    entropy = np.random.SeedSequence([seed, zlib.crc32(modality.encode()), index])
    image, mask = _DRAW[modality](Canvas(size, np.random.Generator(np.random.PCG64(entropy))))
    return to_bytes(image), mask
