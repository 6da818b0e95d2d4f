"""Files of weights as projects write them: by their content, whatever wraps the tensors."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.pickles import (
    TORCHSCRIPT,
    Refused,
    StandIn,
    load_pickled,
    members,
    modules,
    printable,
)

if TYPE_CHECKING:
    from torch import Tensor

# Keys under which a checkpoint holds its network; the first that holds tensors counts.
WRAPPERS = ("state_dict", "model", "model_state_dict", "net", "network_weights")
PARALLEL, COMPILED = "module.", "_orig_mod."  # of several GPUs, and of torch.compile
ATTRIBUTES = ("model.", "net.", "network.", "module.")  # that a training class gives its network
LIGHTNING = "pytorch-lightning_version"
COUNTERS = ("total_ops", "total_params")  # that thop leaves in every module
AVERAGED = "n_averaged"  # of torch.optim.swa_utils
SHOWN, DEEPEST = 5, 4  # items in an error, levels of dictionaries around the tensors
OTHERS = {
    b"version https://git-lfs": "a pointer of Git LFS in place of the file",
    b"<": "a web page in place of the file",
    b"\x89HDF": "a file of HDF5",
}


@dataclass(frozen=True)
class StateFile:
    """The tensors of a file of weights.

    Attributes:
        tensors: by name, floats as float32.
        found: where they were found, in words.
        passed: keys of the file that are no part of the network.
        lightning: whether PyTorch Lightning wrote it; losses and metrics may then be among them.
    """

    tensors: dict[str, "Tensor"]
    found: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    lightning: bool = False

    def where(self) -> str:
        """In brackets where the tensors were found; empty if they are the file itself."""
        return f" ({', '.join(self.found)})" if self.found else ""

    def variants(self) -> Iterator["StateFile"]:
        """These tensors, then without the names that a training class puts before all of them."""
        yield self
        for prefix in ATTRIBUTES:
            inside = {k: v for k, v in self.tensors.items() if k.startswith(prefix)}
            others = tuple(key for key in self.tensors if key not in inside)
            if inside and (self.lightning or not others):
                inner = {key.removeprefix(prefix): value for key, value in inside.items()}
                found = (*self.found, f"without the prefix {prefix}")
                variant = replace(self, tensors=inner, found=found, passed=self.passed + others)
                yield from variant.variants()


def read_state(path: Path) -> StateFile:
    """The tensors of a file without wrappers, counters and prefixes of training.

    Args:
        path: safetensors, a checkpoint of PyTorch, or arrays of npz, under any name; nothing in
            it is executed.

    Raises: MissingDataError if there is none, StoreError if it is broken or holds anything else.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no file"
        raise MissingDataError(path, found, "a file of weights", "Get it from its authors.")
    try:
        held = _load(path)
    except Refused as refused:
        raise _refusal(path, refused) from refused
    except Exception as error:  # a broken file may raise anything
        raise StoreError(
            path, f"unreadable ({_problem(error)})",
            "tensors in a file of PyTorch, safetensors or npz",
            "Get the file again, or save its state_dict itself.",
        ) from error  # fmt: skip
    return _state(path, held)


def check_numbers(
    tensors: Mapping[str, "Tensor"], where: object, finite: Collection[str] = ()
) -> None:
    """Refuses weights that training has spoilt.

    Args:
        where: what is checked, for the error.
        finite: names of tensors that may not be infinite either; a buffer may be.

    Raises: StoreError with the first tensors that hold NaN.
    """
    bad: dict[str, str] = {}
    for key, value in tensors.items():
        if not value.is_floating_point():
            continue
        spoilt = ~value.isfinite() if key in finite else value.isnan()
        if spoilt.any():
            bad[key] = f"{key} ({int(spoilt.sum())} of {value.numel()} values)"
    if bad:
        kind, shown = "NaN or infinite values" if finite else "NaN", list(bad.values())[:SHOWN]
        raise StoreError(
            where, f"{kind} in {len(bad)} of {len(tensors)} tensors: {', '.join(shown)}", "numbers",
            "Take a checkpoint from before its training failed.",
        )  # fmt: skip


def _load(path: Path) -> Any:
    import numpy as np
    import torch
    from safetensors.torch import load_file

    with path.open("rb") as file:
        head = file.read(32)
    if head[4:9] == b"\0\0\0\0{":  # safetensors: the header's length, then JSON
        return load_file(path)
    if head.startswith(b"\x80") or any(name.endswith("data.pkl") for name in members(path)):
        return load_pickled(path)
    if not head.startswith(b"PK"):
        other = next((name for start, name in OTHERS.items() if head.startswith(start)), "")
        raise ValueError(other or (f"it begins with {head[:16]!r}" if head else "an empty file"))
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}


def _problem(error: Exception) -> str:
    """The first line of what a library says, without its advice and its terminal colours."""
    said = str(error).strip().rpartition("WeightsUnpickler error: ")[2]
    line = next(iter(said.strip().splitlines()), "") or type(error).__name__
    return printable(line)


def _refusal(path: Path, refused: Refused) -> StoreError:
    """Says what was refused, and the line of Python that saves the tensors alone."""
    found, state = _explained(path.name, refused)
    save = f"import torch; torch.save({state}, {path.name.partition('.')[0] + '-state.pth'!r})"
    return StoreError(
        path, found, "tensors, numbers, texts and containers of these",
        f"If you trust its authors, run this line with their code: {save}",
    )  # fmt: skip


def _explained(name: str, refused: Refused) -> tuple[str, str]:
    """What a file holds, and Python that gives the tensors of it."""
    if refused.name == TORCHSCRIPT:
        return "a TorchScript archive, which holds code", f"torch.jit.load({name!r}).state_dict()"
    load = f"torch.load({name!r}, map_location='cpu', weights_only=False)"
    for keys, kind in modules(refused.held):
        whole = f"a whole pickled model ({', '.join((kind, *_under(keys)))})"
        return whole, f"{load}{_indexed(keys)}.state_dict()"
    if refused.model:
        each = f"{{k: v.state_dict() for k, v in {load}.items() if hasattr(v, 'state_dict')}}"
        state = each if refused.dictionary else f"{load}.state_dict()"
        return f"a whole pickled model ({refused.name})", state
    found = f"the global {refused.name}, which is not read"
    held = refused.held if isinstance(refused.held, Mapping) else {}
    inner, trail = _unwrapped(held)
    if trail:
        return found, f"{load}{_indexed(trail)}"
    if _is_state(inner, some=True):
        return found, f"{{k: v for k, v in {load}.items() if torch.is_tensor(v)}}"
    return found, "model.state_dict()"


def _state(path: Path, held: Any) -> StateFile:
    from torch import Tensor

    if not isinstance(held, Mapping) or not held:
        found = "nothing" if isinstance(held, Mapping) else f"a {_kind(held)}"
        raise StoreError(path, found, "a dictionary of tensors", "Save the state_dict itself.")
    inner, trail = _unwrapped(held)
    tensors = {k: v.detach() for k, v in inner.items() if isinstance(v, Tensor)}
    if not tensors:
        first = list(inner.items())[:SHOWN]
        shown = ", ".join(f"{printable(str(key))} ({_kind(value)})" for key, value in first)
        raise StoreError(
            path, f"no tensor among {', '.join((shown, *_under(trail)))}",
            f"tensors by name, or one of {', '.join(WRAPPERS)} that holds them",
            "Save the state_dict itself.",
        )  # fmt: skip
    _check_names(path, tensors)
    others = [key for key in inner if key not in tensors]
    beside = [key for key in held if key not in trail[:1]] if trail else []
    passed = [printable(str(key)) for key in (*beside, *others)]
    kept, marks = _without_marks(tensors)
    passed += [key for key in tensors if key.rpartition(".")[2] in COUNTERS]
    passed += [AVERAGED] if AVERAGED in tensors and AVERAGED not in kept else []
    floats = {k: v.float() if v.is_floating_point() else v for k, v in kept.items()}
    return StateFile(floats, (*_under(trail), *marks), tuple(passed), LIGHTNING in held)


def _check_names(path: Path, tensors: Mapping[Any, "Tensor"]) -> None:
    bad = [key for key in tensors if not (isinstance(key, str) and key.isprintable())]
    if bad:
        shown = f"{bad[0]!r:.100} ({_kind(tensors[bad[0]])}) ({len(bad)})"
        raise StoreError(path, shown, "names of tensors", "Save the state_dict itself.")


def _unwrapped(held: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], tuple[str, ...]]:
    """The dictionary that holds the tensors, and the keys that lead to it.

    Where parts of a network have dictionaries of their own, these are joined: `part.name`.
    """
    trail: tuple[str, ...] = ()
    while len(trail) < DEEPEST:
        name = next((w for w in WRAPPERS if _holds_tensors(held.get(w))), None)
        parts = _parts(held)
        if name is None and len(parts) == 1 and not _is_state(held, some=True):
            name = parts[0]
        if name is None:
            break
        held, trail = held[name], (*trail, name)
    parts = _parts(held)
    joined = {key: value for key, value in held.items() if key not in parts}
    for part in parts:
        joined |= {f"{part}.{key}": value for key, value in held[part].items()}
    return joined, trail


def _parts(held: Mapping[Any, Any]) -> list[str]:
    """The keys that hold a dictionary of tensors each."""
    return [key for key, value in held.items() if isinstance(key, str) and _is_state(value)]


def _is_state(value: Any, some: bool = False) -> bool:
    """True for a dictionary of tensors by name; with `some`, if it holds any."""
    from torch import Tensor

    if not isinstance(value, Mapping) or not value:
        return False
    are = (isinstance(key, str) and isinstance(item, Tensor) for key, item in value.items())
    return any(are) if some else all(are)


def _holds_tensors(value: Any, levels: int = DEEPEST) -> bool:
    """True for a dictionary that holds tensors, or dictionaries that do."""
    if not isinstance(value, Mapping) or not levels:
        return False
    inner = (_holds_tensors(item, levels - 1) for item in value.values())
    return _is_state(value, some=True) or any(inner)


def _without_marks(state: Mapping[str, "Tensor"]) -> tuple[dict[str, "Tensor"], tuple[str, ...]]:
    """Without counters of thop and what torch puts into names; which names those were, in words."""
    kept = {k: v for k, v in state.items() if k.rpartition(".")[2] not in COUNTERS}
    found: tuple[str, ...] = ()
    plain = {key.replace(COMPILED, ""): value for key, value in kept.items()}
    if len(plain) == len(kept) and plain.keys() != kept.keys():
        kept, found = plain, (f"without {COMPILED}",)
    rest = {key: value for key, value in kept.items() if key != AVERAGED}
    if rest and all(key.startswith(PARALLEL) for key in rest):
        kept = {key.removeprefix(PARALLEL): value for key, value in rest.items()}
        found = (*found, f"without the prefix {PARALLEL}")
    return kept, found


def _under(trail: tuple[str, ...]) -> tuple[str, ...]:
    return (f"under {printable('.'.join(trail))}",) if trail else ()


def _indexed(trail: tuple[str, ...]) -> str:
    return "".join(f"[{key!r}]" for key in trail)


def _kind(value: Any) -> str:
    return printable(value.name) if isinstance(value, StandIn) else type(value).__name__
