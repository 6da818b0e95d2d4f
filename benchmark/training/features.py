"""Embeddings of a frozen part, computed once a case and kept on disk by digest."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.errors import MethodError
from benchmark.files import digest, sha256_bytes, write_atomic
from benchmark.method import Method
from benchmark.progress import Progress

CASES_AT_ONCE = 8


class FeatureCache:
    """What `Method.embed` gives for each case; empty for a method without it.

    Args:
        method: on its device, with its weights loaded.
        folder: where embeddings are kept, a file a case; None where no method of ours embeds.
        device: where embeddings are computed.
    """

    def __init__(self, method: Method, folder: Path | None, device: str) -> None:
        self.method, self.folder, self.device = method, folder, device
        self.files: list[Path] = []

    @property
    def used(self) -> bool:
        """True if the method overrides `embed`."""
        return type(self.method).embed is not Method.embed

    def prepare(self, cases: Cases, progress: Progress) -> bool:
        """Computes what is missing; True if the method embeds.

        An interrupted call goes on where it stopped. The size is said before it starts.
        """
        if not self.used:
            return False
        if self.folder is None:
            raise MethodError("embed()", "no folder", "one to keep them in", "Give `features`.")
        folder = self.folder / self._weights_digest()[:16]
        self.files = [folder / f"{name}.npy" for name in cases.table["digest"]]
        missing = np.array([k for k, file in enumerate(self.files) if not file.is_file()], int)
        self._announce(cases, missing, progress)
        with progress.task(f"embedding for {self.method.card.name}", len(missing), "cases") as task:
            for start in range(0, len(missing), CASES_AT_ONCE):
                rows = missing[start : start + CASES_AT_ONCE]
                for k, value in zip(rows, self._embed(cases, rows), strict=True):
                    with write_atomic(self.files[k]) as temporary, temporary.open("wb") as file:
                        np.save(file, value, allow_pickle=False)
                task.advance(len(rows))
        return True

    def of(self, index: np.ndarray) -> Tensor | None:
        """Embeddings (b, ...) of the cases at `index`, on the device."""
        if not self.used:
            return None
        values = np.stack([np.load(self.files[k], allow_pickle=False) for k in index])
        return torch.from_numpy(values).to(self.device)

    def _announce(self, cases: Cases, missing: np.ndarray, progress: Progress) -> None:
        if len(missing):
            one = self._embed(cases, missing[:1])
            mib = one.nbytes * len(missing) / 2**20
            progress.say(f"embeddings of {len(missing)} cases: {mib:.0f} MiB in {self.folder}")

    @torch.no_grad()
    def _embed(self, cases: Cases, rows: np.ndarray) -> np.ndarray:
        self.method.eval()
        image, _ = to_float(*(torch.from_numpy(part) for part in cases.pixels(rows)))
        value = self.method.embed(image.to(self.device))
        if value is None:
            raise MethodError(
                f"{self.method.card.name}: embed()", "None", "a tensor", "Return the embedding."
            )
        return value.cpu().numpy()

    def _weights_digest(self) -> str:
        """Of all that does not learn, running statistics included."""
        learns = {name for name, value in self.method.named_parameters() if value.requires_grad}
        frozen = {k: v for k, v in self.method.state_dict().items() if k not in learns}
        if not any(name in frozen for name, _ in self.method.named_parameters()):
            raise MethodError(
                f"{self.method.card.name}: embed()",
                "no frozen parameter",
                "an embedding of frozen weights",
                "Freeze them with requires_grad_(False), or do not override embed().",
            )
        parts = {k: sha256_bytes(v.detach().cpu().numpy().tobytes()) for k, v in frozen.items()}
        return digest(parts)
