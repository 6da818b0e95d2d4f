"""Which corruptions there are, how strong each is at its severities, and the corrupted picture.

**Conventions**
1. Severity 0 is the clean picture. A corruption whose strengths differ by modality names them; it
   applies to no other modality.
2. Random numbers are drawn from (corruption, severity, dataset, case): every method and every
   machine is shown the same noise.
3. The MedMNIST-C sets are subsets: without their blurs and overlays.

**Sources** Constants of the generic set: ImageNet-C (Hendrycks and Dietterich, ICLR 2019), code at
hendrycks/robustness, 8190fe3. Of the modality sets: RetinaMNIST-C, DermaMNIST-C and BreastMNIST-C
(Di Salvo et al., 2024), code at francescodisalvo05/medmnistc-api. Those of colonoscopy are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.analyses.measures.corruption_operators import OPERATORS, Picture
from benchmark.core.errors import ParamsError
from benchmark.core.files import sha256_bytes
from benchmark.core.params import Mix

CLEAN, ANY = "clean", ""
GENERIC, SUBSET, OURS, AXIS = "Generic", "Of the modality", "Ours", "Finer noise"
SEVERITIES = (1, 2, 3, 4, 5)  # where a mix says nothing
Levels = tuple[float, ...]


@dataclass(frozen=True)
class Corruption:
    """One corruption.

    Attributes:
        name: of its piece of the measurement.
        title: its name in tables.
        family: the set that it belongs to.
        operator: a name in `corruption_operators.OPERATORS`.
        levels: its strength at severity 1, 2 and so on, by modality; `ANY` holds for all.
    """

    name: str
    title: str
    family: str
    operator: str
    levels: Mapping[str, Levels]

    def of(self, modality: str) -> Levels:
        """Its strengths on a modality; empty where it does not apply."""
        return self.levels.get(modality, self.levels.get(ANY, ()))


def _generic(name: str, title: str, operator: str, *levels: float) -> Corruption:
    return Corruption(name, title, GENERIC, operator, {ANY: levels})


def _subset(name: str, title: str, operator: str, **levels: Levels) -> Corruption:
    return Corruption(f"medmnistc-{name}", title, SUBSET, operator, levels)


def _ours(name: str, title: str, operator: str, *levels: float) -> Corruption:
    return Corruption(f"ours-{name}", title, OURS, operator, {"colonoscopy": levels})


_FALLING = (0.9, 0.8, 0.7, 0.6, 0.5)
CORRUPTIONS: Mapping[str, Corruption] = {
    each.name: each
    for each in (
        _generic("gaussian-noise", "Gaussian noise", "gaussian_noise",
                 0.08, 0.12, 0.18, 0.26, 0.38),
        _generic("shot-noise", "Shot noise", "shot_noise", 60, 25, 12, 5, 3),
        _generic("impulse-noise", "Impulse noise", "impulse_noise", 0.03, 0.06, 0.09, 0.17, 0.27),
        _generic("speckle-noise", "Speckle noise", "speckle_noise", 0.15, 0.2, 0.35, 0.45, 0.6),
        _generic("gaussian-blur", "Gaussian blur", "gaussian_blur", 1, 2, 3, 4, 6),
        _generic("contrast", "Contrast", "contrast", 0.4, 0.3, 0.2, 0.1, 0.05),
        _generic("brightness", "Brightness", "brightness", 0.1, 0.2, 0.3, 0.4, 0.5),
        _generic("jpeg", "JPEG", "jpeg", 25, 18, 15, 10, 7),
        Corruption("axis-gaussian-noise", "Gaussian noise", AXIS, "gaussian_noise",
                   {ANY: (0.02, 0.05, 0.1, 0.2)}),
        _subset("pixelate", "Pixelate", "pixelate", fundus=(0.8, 0.6, 0.5, 0.4, 0.35),
                dermoscopy=(0.7, 0.5, 0.4, 0.3, 0.25), ultrasound=(0.3, 0.25, 0.2, 0.15, 0.1)),
        _subset("jpeg", "JPEG", "jpeg", fundus=(30, 25, 20, 10, 5),
                dermoscopy=(30, 20, 15, 10, 7), ultrasound=(50, 30, 15, 10, 7)),
        _subset("gaussian-noise", "Gaussian noise", "gaussian_noise",
                fundus=(0.04, 0.08, 0.12, 0.16, 0.2), dermoscopy=(0.04, 0.08, 0.12, 0.18, 0.26)),
        _subset("speckle-noise", "Speckle noise", "speckle_noise",
                fundus=(0.1, 0.15, 0.2, 0.25, 0.3), dermoscopy=(0.05, 0.15, 0.2, 0.35, 0.45),
                ultrasound=(0.1, 0.15, 0.2, 0.25, 0.3)),
        _subset("impulse-noise", "Impulse noise", "impulse_noise",
                dermoscopy=(0.01, 0.03, 0.06, 0.09, 0.17)),
        _subset("shot-noise", "Shot noise", "shot_noise", dermoscopy=(60, 25, 18, 10, 5)),
        _subset("brightness-up", "Brightness up", "scale", dermoscopy=(1.1, 1.2, 1.3, 1.4, 1.5),
                ultrasound=(1.4, 1.5, 1.6, 1.8, 2.0)),
        _subset("brightness-down", "Brightness down", "scale", fundus=_FALLING,
                dermoscopy=_FALLING, ultrasound=(0.55, 0.5, 0.45, 0.4, 0.3)),
        _subset("contrast-up", "Contrast up", "spread", dermoscopy=(1.1, 1.2, 1.3, 1.4, 1.6)),
        _subset("contrast-down", "Contrast down", "spread", fundus=(0.9, 0.8, 0.7, 0.6, 0.4),
                dermoscopy=(0.8, 0.7, 0.6, 0.5, 0.4), ultrasound=(0.9, 0.8, 0.7, 0.6, 0.4)),
        _ours("specular-highlights", "Specular highlights (ours)", "specular", 5, 10, 20, 30, 45),
        _ours("motion-blur", "Motion blur (ours)", "motion_blur", 5, 9, 13, 19, 27),
    )
}  # fmt: skip


def parts(mix: Mix) -> Sequence[str]:
    """The pieces of the measurement: the clean pictures, then each corruption."""
    return (CLEAN, *(name for name, each in CORRUPTIONS.items() if _any_of(mix, each)))


def _any_of(mix: Mix, corruption: Corruption) -> bool:
    return any(asked(mix, levels) for levels in corruption.levels.values())


def asked(mix: Mix, levels: Levels) -> tuple[int, ...]:
    """The severities that a mix asks for, as far as there are strengths for them."""
    wanted = sorted(set(mix.analyses.severities if mix.analyses else SEVERITIES))
    return tuple(severity for severity in wanted if severity <= len(levels))


def settings(mix: Mix) -> Mapping[str, object]:
    """What the numbers depend on besides code and data."""
    return {"severities": list(asked(mix, SEVERITIES))}


def seed_of(corruption: str, severity: int, dataset: str, case: str) -> int:
    """Where the random numbers of a picture begin."""
    return int(sha256_bytes(f"{corruption}/{severity}/{dataset}/{case}".encode())[:16], 16)


def corrupted(
    image: np.ndarray, name: str, severity: int, *, modality: str, dataset: str, case: str
) -> Picture:
    """A corrupted picture.

    Args:
        image: uint8 (H, W, 3).
        name: of the corruption.

    Returns: float32 (H, W, 3) in [0, 1]; a grey picture stays grey.
    Raises: ParamsError for an unknown corruption or severity, or one that the modality lacks.
    """
    levels = CORRUPTIONS[name].of(modality) if name in CORRUPTIONS else ()
    if not 1 <= severity <= len(levels):
        raise ParamsError(
            f"corruption {name!r} of {modality}", f"severity {severity}",
            f"one of 1 to {len(levels)}" if levels else "a corruption of that modality",
            "Look into benchmark/analyses/measures/corruption_sets.py.",
        )  # fmt: skip
    shown = image.astype(np.float32) * np.float32(1 / 255)
    grey = bool((image == image[..., :1]).all())
    rng = np.random.Generator(np.random.PCG64(seed_of(name, severity, dataset, case)))
    found = OPERATORS[CORRUPTIONS[name].operator](
        shown[..., :1] if grey else shown, levels[severity - 1], rng
    )
    return np.repeat(found.clip(0, 1), 3, 2) if grey else found.clip(0, 1)
