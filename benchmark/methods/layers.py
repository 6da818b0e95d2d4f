"""What networks of several methods share: sizes that do not divide, strict loading, devices."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.core.errors import MethodError

Network = TypeVar("Network", bound=nn.Module)

SHOWN = 5  # keys in an error


def on_multiple(network: Callable[[Tensor], Tensor], image: Tensor, multiple: int) -> Tensor:
    """Runs a network that needs sides divisible by `multiple` on an image of any size.

    The image is continued beyond its edges by its border pixels, and the logits are cut back.

    Args:
        image: float (B, C, H, W).
    Returns: the network's maps, (B, K, H, W).
    """
    h, w = image.shape[-2:]
    more_h, more_w = -h % multiple, -w % multiple
    if not more_h and not more_w:
        return network(image)
    top, left = more_h // 2, more_w // 2
    padded = F.pad(image, (left, more_w - left, top, more_h - top), mode="replicate")
    return network(padded)[..., top : top + h, left : left + w]


def load_strictly(
    module: nn.Module,
    state: Mapping[str, object],
    where: str,
    may_miss: tuple[str, ...] = ("*num_batches_tracked",),
    may_have: tuple[str, ...] = (),
) -> None:
    """Loads weights into a module; nothing but what is named may be missing or left over.

    Args:
        where: what is loaded, for the error.
        may_miss: patterns of the module's keys that the file need not hold.
        may_have: patterns of the file's keys that the module does not need.

    Raises: MethodError with the first keys that do not fit; the module is then unchanged.
    """
    own = module.state_dict()
    given = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    missing = [key for key in own if key not in given and not _any(key, may_miss)]
    extra = [key for key in given if key not in own and not _any(key, may_have)]
    other = [
        f"{key} {tuple(given[key].shape)} for {tuple(own[key].shape)}"
        for key in own
        if key in given and given[key].shape != own[key].shape
    ]
    problems = (("missing", missing), ("left over", extra), ("of another shape", other))
    found = [f"{what}: {', '.join(keys[:SHOWN])} ({len(keys)})" for what, keys in problems if keys]
    if found:
        do = "Use the weights that the card names."
        raise MethodError(where, "; ".join(found), "the network's own keys and shapes", do)
    module.load_state_dict({**own, **{key: given[key] for key in own if key in given}})


def _any(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(key, pattern) for pattern in patterns)


def to_device(module: Network, device: str) -> Network:
    """Moves a network to a device, in place, as it is trained and used there.

    Convolutions are channels-last, which CPUs and GPUs calculate faster: at 352 pixels on two CPU
    threads by a tenth (MSNet) to four tenths (Polyp-PVT) of a forward pass.
    """
    return module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def count_parameters(module: nn.Module) -> dict[str, int]:
    """All parameters, and those that learn."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return {
        "total": sum(size for size, _ in sizes),
        "trainable": sum(size for size, learns in sizes if learns),
    }
