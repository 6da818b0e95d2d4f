"""What the conformance kit tries: one method, with made-up cases for it."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmark.core.errors import MethodError
from benchmark.core.files import sha256_bytes
from benchmark.core.params import Mix, Params
from benchmark.core.recipe import Recipe
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.data.prompting import prompts_of
from benchmark.methods.code import PLUGIN
from benchmark.methods.discover import MethodEntry
from benchmark.methods.method import Inputs, Method

SIZES = {64, 96, 128, 160, 192, 224, 256, 320, 352, 384, 512, 1024}
BATCH = 2


class DoesNotApply(Exception):
    """A rule has no meaning for a method; the text says why."""


@dataclass
class Subject:
    """The method under test, and made-up cases for it: bright discs on noise.

    Attributes:
        root: of the project.
        params: of the project.
        entry: the method.
    """

    root: Path
    params: Params
    entry: MethodEntry

    @property
    def mixes(self) -> list[Mix]:
        """The mixes that the method runs on."""
        return [self.params.mix(name) for name in self.params.mixes_of(self.entry.card)]

    @cached_property
    def trial(self) -> MethodEntry:
        """The method as it is tried: as on its first mix that starts from random weights."""
        mix = next((mix for mix in self.mixes if mix.weights == "random"), None)
        return replace(self.entry, card=mix.card_of(self.entry.card)) if mix else self.entry

    @property
    def recipe(self) -> Recipe:
        """The recipe of the first mix on which the method learns.

        Raises: DoesNotApply if there is none.
        """
        recipes = [mix.recipe_of(self.entry.card) for mix in self.mixes]
        trained = next((recipe for recipe in recipes if recipe.epochs), None)
        return trained or self.skip("used as released, without training")

    @property
    def fits(self) -> bool:
        """True if the method may learn in closed form."""
        return self.entry.cls.fit is not Method.fit

    @cached_property
    def size(self) -> int:
        """The smallest size that the method trains at."""
        for size in sorted(SIZES | {mix.size for mix in self.mixes}):
            try:
                method = self.build(size)
                inputs, mask = self.batch(method, size)
                method.train()
                with torch.no_grad():
                    method.loss(inputs, mask)
                self.logits(method, inputs)
            except Exception:
                continue
            return size
        return self.mixes[0].size if self.mixes else 352

    def skip(self, why: str) -> NoReturn:
        """Leaves a rule out."""
        raise DoesNotApply(why)

    def error(self, found: str, expected: str, do: str) -> MethodError:
        """An error at the method's plugin."""
        return MethodError(f"{self.entry.folder}/{PLUGIN}", found, expected, do)

    def build(self, size: int | None = None, seed: int = 0) -> Method:
        """The method with random weights, in a state of the random numbers that `seed` sets."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.trial.build(size or self.size)

    def cases(self, count: int, size: int | None = None) -> Cases:
        """Drawn cases in memory."""
        size = size or self.size
        images, masks = zip(*(_disc(k, size) for k in range(count)), strict=True)
        names = [f"disc-{k}" for k in range(count)]
        table = pd.DataFrame({"dataset": "discs", "modality": "drawn", "case": names})
        table["group"], table["split"], table["row"] = table["case"], "train", np.arange(count)
        table["digest"] = [sha256_bytes(image.tobytes())[:16] for image in images]
        return Cases(table, {"discs": np.stack(images)}, {"discs": np.stack(masks)}, size)

    def fit(self, method: Method) -> bool:
        """What fit() gives for drawn cases, with embeddings made on the spot."""
        cases = self.cases(BATCH)

        def features(index: np.ndarray) -> Tensor | None:
            image, _ = to_float(*map(torch.from_numpy, cases.pixels(index)))
            method.eval()
            with torch.no_grad():
                return method.embed(image)

        return method.fit(cases, features)

    def batch(
        self, method: Method, size: int | None = None, count: int = BATCH
    ) -> tuple[Inputs, Tensor]:
        """Inputs, with prompts and features where the method wants them, and masks."""
        cases = self.cases(count, size)
        image, mask = to_float(*map(torch.from_numpy, cases.pixels(np.arange(count))))
        prompts = prompts_of(self.entry.card.prompt, mask, cases.keys(), 0)
        method.eval()
        with torch.no_grad():
            features = method.embed(image)
        return Inputs(image.contiguous(), features=features, **prompts), mask

    def logits(self, method: Method, inputs: Inputs) -> Tensor:
        """What predict() gives, of the right shape.

        Raises: MethodError if it has another one.
        """
        method.eval()
        with torch.inference_mode():
            logits = method.predict(inputs)
        if not isinstance(logits, Tensor):
            kind = type(logits).__name__
            raise self.error(
                f"predict() gave a {kind}", "a tensor", "Return the last logits alone."
            )
        expected = (len(inputs.image), 1, *inputs.image.shape[2:])
        if tuple(logits.shape) == expected:
            return logits
        side = logits.shape[2:] != inputs.image.shape[2:]
        raise self.error(
            f"predict() gave {tuple(logits.shape)}",
            f"{expected}, the size of inputs.image",
            "Upsample inside predict()." if side else "Give one logit a pixel and case.",
        )


def _disc(k: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 (size, size, 3) and mask uint8 (size, size) of the k-th drawn case."""
    rng = np.random.default_rng(k)
    y, x = np.mgrid[:size, :size] / size
    centre, radius = rng.uniform(0.35, 0.65, 2), rng.uniform(0.15, 0.3)
    mask = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    image = rng.integers(0, 90, (size, size, 3)) + mask[..., None] * np.array([120, 90, 60])
    return image.astype(np.uint8), mask.astype(np.uint8)
