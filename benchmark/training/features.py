"""Embeddings of a frozen part, computed once a case and kept on disk by digest.

A folder below the cache's root belongs to one embedder: its name is a digest of the code of
`Method.embed`, of the embedder's settings and of its weights. A file is named after the digest of
its picture. So rows that share an embedder share the files, in training and in prediction.
"""

import inspect
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.core.errors import MethodError, MixSegError, ParamsError, StoreError
from benchmark.core.files import digest, project_root, sha256_bytes, writable_folder, write_atomic
from benchmark.core.progress import Progress
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.methods.code import closure, code_digest
from benchmark.methods.method import Method
from benchmark.training.distributed import Ranks

LIMIT, LIMIT_GIB = "MIXSEG_FEATURES_GIB", 64.0  # the setting, and what holds without it
GIB = 2**30


class FeatureCache:
    """What `Method.embed` gives for each case; empty for a method without it.

    Args:
        method: on its device, with its weights loaded.
        root: where embeddings are kept, a folder an embedder; None where no method embeds.
        device: where embeddings are computed.
    """

    def __init__(self, method: Method, root: Path | None, device: str) -> None:
        self.method, self.root, self.device = method, root, device
        self.files: list[Path] = []

    @property
    def used(self) -> bool:
        """True if the method overrides `embed`."""
        return type(self.method).embed is not Method.embed

    def prepare(self, cases: Cases, progress: Progress) -> bool:
        """Computes what is missing; True if the method embeds.

        An interrupted call goes on where it stopped. The size is said before it starts; processes
        at work at once share it.

        Raises: StoreError if the cache would grow beyond its limit, or the disk is too small.
        """
        if not self.used:
            return False
        if self.root is None:
            raise MethodError("embed()", "no folder", "one to keep them in", "Give `features`.")
        folder = self.root / embedder_digest(self.method)[:16]
        self.files = [folder / f"{name}.npy" for name in cases.table["digest"]]
        first = {file: k for k, file in reversed(list(enumerate(self.files)))}
        missing = np.array(sorted(k for file, k in first.items() if not file.is_file()), int)
        ranks = Ranks(self.device)
        if len(missing):
            self._compute(cases, missing, ranks, progress)
        ranks.meet()
        return True

    def of(self, index: np.ndarray) -> Tensor | None:
        """Embeddings (b, ...) of the cases at `index`, on the device."""
        if not self.used:
            return None
        values = np.stack([_read(self.files[k]) for k in index])
        return torch.from_numpy(values).to(self.device)

    def _compute(self, cases: Cases, missing: np.ndarray, ranks: Ranks, progress: Progress) -> None:
        title = f"embedding for {self.method.card.name}"
        mine = missing[ranks.rank :: ranks.count]
        first = self._embed(cases, missing[0])
        self._announce(first.nbytes, len(missing), progress)
        self._write(missing[0], first)
        with progress.task(title, len(mine), "cases") as task:
            # An order of its own: runs that start together share the work, and do not repeat it.
            for row in np.random.default_rng().permutation(mine):
                if not self.files[row].is_file():
                    self._write(row, self._embed(cases, row))
                task.advance()

    def _write(self, row: int, value: np.ndarray) -> None:
        with write_atomic(self.files[row]) as temporary, temporary.open("wb") as file:
            np.save(file, value, allow_pickle=False)

    def _announce(self, one: int, count: int, progress: Progress) -> None:
        """Says how much room is needed, or refuses it."""
        assert self.root is not None
        needed, limit = one * count / GIB, _limit_gib()
        here = sum(file.stat().st_size for file in self.root.glob("*/*.npy")) / GIB
        told = f"{count} embeddings, {needed:.2f} GiB"
        more = f"set {LIMIT} to {np.ceil(here + needed):.0f} or more"
        if here + needed > limit:
            raise StoreError(
                self.root, f"{here:.2f} GiB kept, and {told}, still to come",
                f"at most {limit:g} GiB", f"Delete what is old in it, or {more}.",
            )  # fmt: skip
        writable_folder(self.root)
        free = shutil.disk_usage(self.root).free / GIB
        if needed > free:
            raise StoreError(
                self.root, f"{free:.2f} GiB free on the disk", f"room for {told}",
                "Free some space; it goes on where it stopped.",
            )  # fmt: skip
        progress.say(f"{told} in {self.root} ({here:.2f} GiB kept, {limit:g} allowed)")

    @torch.no_grad()
    def _embed(self, cases: Cases, row: int) -> np.ndarray:
        """The embedding of one case by itself, so that it depends on no other."""
        self.method.eval()
        image, _ = to_float(*(torch.from_numpy(part) for part in cases.pixels(np.array([row]))))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            value = self.method.embed(image.to(self.device))
        if value is None:
            raise MethodError(
                f"{self.method.card.name}: embed()", "None", "a tensor", "Return the embedding."
            )
        embedding: np.ndarray = value[0].cpu().numpy()
        return embedding


def embedder_digest(method: Method) -> str:
    """What an embedding depends on besides its picture: code, settings and frozen weights.

    Raises: MethodError if the embedder learns.
    """
    module = method.embedder()
    parts = {k: sha256_bytes(_bytes(v)) for k, v in _frozen(method, module).items()}
    return digest({"code": _code(method), "settings": repr(module), "weights": parts})


def _frozen(method: Method, module: nn.Module) -> dict[str, Tensor]:
    """All of the embedder that does not learn, running statistics included."""
    learns = {name for name, value in module.named_parameters() if value.requires_grad}
    state = {**module.state_dict(), **dict(module.named_buffers())}
    frozen = {name: value for name, value in state.items() if name not in learns}
    part_learns = module is not method and learns
    if part_learns or not any(name in frozen for name, _ in module.named_parameters()):
        raise MethodError(
            f"{method.card.name}: embed()",
            f"{min(learns)} learns" if part_learns else "no frozen parameter",
            "an embedding of frozen weights",
            "Freeze them with requires_grad_(False), or do not override embed().",
        )
    return frozen


def _code(method: Method) -> str:
    """Digest of the files that hold `embed` and the embedder's parts, and of what they import."""
    file = Path(inspect.getfile(type(method).embed))
    try:
        root = project_root(file.parent)
    except MixSegError:  # code outside of a project
        return code_digest([file])
    kinds = {kind for part in method.embedder().modules() for kind in type(part).__mro__}
    files = {file for kind in kinds for file in _files(kind)}
    own = {path for path in files if root in path.parents and "site-packages" not in path.parts}
    return code_digest(closure(root, {file, *own}))


def _files(kind: type) -> set[Path]:
    """The files of a class's functions; not its module's, which may have been imported anew."""
    functions = [inspect.unwrap(f) for f in vars(kind).values() if inspect.isfunction(f)]
    return {Path(function.__code__.co_filename) for function in functions}


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().numpy().tobytes()


def _read(file: Path) -> np.ndarray:
    try:
        value: np.ndarray = np.load(file, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise StoreError(
            file, f"unreadable ({error})", "a whole embedding", "Delete it and run again."
        ) from error
    return value


def _limit_gib() -> float:
    given = os.environ.get(LIMIT, "")
    try:
        return float(given) if given else LIMIT_GIB
    except ValueError as error:
        raise ParamsError(LIMIT, repr(given), "a number of GiB", "Set it, or unset it.") from error
