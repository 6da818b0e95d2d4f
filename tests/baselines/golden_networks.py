"""Networks with weights drawn by number, small enough to be compared without the oracles.

The draws are uniform and NumPy's own, which are the same bits on every machine; they go by the
sorted keys of the network itself. `golden/write_networks.py` writes the values, after it has
compared each network with the official one.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from support import ROOT, build
from torch import Tensor, nn

from baselines._shared import sam_encoder
from baselines._shared.sam_network import Prompts
from benchmark.core.files import digest
from benchmark.methods.method import Method

FOLDER = ROOT / "tests" / "golden" / "networks"
TOLERANCE = 1e-6  # relative to the largest value of an output
KEPT, DIGITS = 240, 9  # values in a file, over all of its outputs
STEADY = math.sqrt(12)  # uniform draws of deviation one
INIT = ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_",
        "xavier_uniform_")  # fmt: skip
Outputs = Callable[[Method, Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Golden:
    """A network that is frozen into numbers.

    Attributes:
        method: the name of the method.
        oracle: the name of the official network; empty where official_code.py runs it.
        outputs: the maps of a normalised image, in the oracle's order.
        side: of the small input.
        depth: blocks of SAM's encoder, where not all of them; three hold both kinds.
        arguments: of the method, where the row's own would be too large.
        full, full_dtype, full_tolerance: of the comparison with the oracle.
        full_outputs: the same maps at full size, where they are had in another way.
    """

    method: str
    oracle: str
    outputs: Outputs
    side: int = 64
    depth: int | None = None
    full: int = 352
    full_dtype: torch.dtype = torch.float64
    full_tolerance: float = TOLERANCE
    full_outputs: Outputs | None = None
    arguments: tuple[tuple[str, str], ...] = ()


def madgnet_outputs(method: Any, x: Tensor) -> list[Tensor]:
    """Every map of every stage, and the one that is scored."""
    maps = [each for stage in method.network(x) for each in stage]
    return [*maps, method.network.last_map(x)]


def sam_outputs(method: Any, x: Tensor) -> list[Tensor]:
    """Embeddings of image, prompt and absent mask, the mask, its predicted IoU."""
    network, side = method.network, x.shape[-1]
    at = torch.tensor([[[500.0, 375.0]]], dtype=x.dtype) * side / 1024
    prompts = Prompts(at, torch.ones(1, 1, dtype=torch.long))
    embedding = network.image_encoder(x)
    sparse = network.prompt_encoder.points(prompts.points, prompts.labels, side)
    dense = network.prompt_encoder.no_mask(side // 16, side // 16)
    return [embedding, sparse, dense, *network.decode(embedding, prompts, side)]


def med2d_outputs(method: Any, x: Tensor) -> list[Tensor]:
    """Embedding of the image, three masks, their predicted IoU."""
    at = torch.tensor([[[130.0, 90.0]]], dtype=x.dtype)
    prompts = Prompts(at, torch.ones(1, 1, dtype=torch.long))
    embedding = method.network.image_encoder(x)
    return [embedding, *method.network.decode(embedding, prompts, x.shape[-1], True)]


def utanet_outputs(method: Any, x: Tensor) -> list[Tensor]:
    """Probabilities, and the balance of the experts."""
    logits, balance = method.network(x)
    return [logits.sigmoid(), balance]


NETWORKS = (
    Golden("dcsaunet", "dcsaunet", lambda m, x: [m.network(x)]),
    Golden(
        "dinov3-s",
        "",
        lambda m, x: [*m.network.features(x), m.network(x)],
        full_outputs=lambda m, x: m.network.features(x),
    ),
    Golden("evp", "evp_mitb4", lambda m, x: [m.network(x)]),
    Golden("fcbformer", "", lambda m, x: [m.network.transformer(x), m.network(x)]),
    Golden("mk-unet", "", lambda m, x: [m.network(x)]),
    Golden("m2snet", "m2snet", lambda m, x: m.network(x), side=96),
    Golden("madgnet", "madgnet", madgnet_outputs),
    Golden("pranet", "pranet", lambda m, x: m.network(x)),
    Golden(
        "sam",
        "sam_vit_b_1024",
        sam_outputs,
        side=256,
        depth=3,
        full=1024,
        full_dtype=torch.float32,
        full_tolerance=1e-4,
    ),
    Golden("sam-med2d", "sam_med2d_256", med2d_outputs, side=256, depth=3, full=256),
    Golden("sam2-unet", "", lambda m, x: m.network(x), arguments=(("encoder", "sam2_hiera_tiny"),)),
    Golden("transunet", "transunet_r50_vitb16_352", lambda m, x: [m.network(x)]),
    Golden("u-kan", "", lambda m, x: [m.network(x)]),
    Golden(
        "uacanet-l",
        "uacanet_l",
        lambda m, x: m.network(x),
        full_outputs=lambda m, x: [m.network(x)[-1]],
    ),
    Golden("utanet", "", utanet_outputs),
)


def built(golden: Golden, levels: Sequence[float] | None = None) -> tuple[Method, list[float]]:
    """The method with drawn weights, in float64 and evaluation mode, and its levels.

    Args:
        levels: mean square of what each batch normalisation is given, in their order; None
            measures them on the drawn image, one after the other, to two digits.
    """
    depth = golden.depth or sam_encoder.DEPTH
    with _without_start(), patch.object(sam_encoder, "DEPTH", depth):
        method = build(golden.method, golden.side, **dict(golden.arguments))
    method.load_state_dict(drawn(method))
    method.double().eval()
    if levels is None:
        levels = levelled(method, lambda: golden.outputs(method, image(golden.side)))
    else:
        for norm, level in zip(_norms(method), levels, strict=True):
            _scale(norm, level)
    return method, list(levels)


def _norms(network: nn.Module) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


@torch.no_grad()
def levelled(network: nn.Module, run: Callable[[], object]) -> list[float]:
    """Scales each batch normalisation when it is first met: what follows is then of order one.

    Args:
        run: runs the network on its image.

    Returns: the mean square that each of them is given, to two digits.
    """
    found: dict[nn.Module, float] = {}
    norms = _norms(network)

    def meet(norm: nn.Module, args: tuple[Tensor]) -> None:
        if norm not in found:
            found[norm] = float(f"{float(args[0].square().mean()):.2g}") or 1.0
            _scale(norm, found[norm])

    hooks = [norm.register_forward_pre_hook(meet) for norm in norms]
    run()
    for hook in hooks:
        hook.remove()
    return [found.get(norm, 1.0) for norm in norms]


@torch.no_grad()
def _scale(norm: Any, level: float) -> None:
    norm.running_var *= level
    norm.running_mean *= math.sqrt(level)


@contextmanager
def _without_start() -> Iterator[None]:
    """Networks without their random start, which the drawn weights replace."""
    with patch.multiple(nn.init, **{name: lambda tensor, *_, **__: tensor for name in INIT}):
        yield


def drawn(module: nn.Module) -> dict[str, Tensor]:
    """Weights by key: positive scales and variances, He's deviation where there is a fan-in."""
    rng, state = np.random.default_rng(0), {}
    for key, value in sorted(module.state_dict().items()):
        if not value.is_floating_point():
            state[key] = value
            continue
        draws = torch.from_numpy(rng.random(tuple(value.shape), np.float32))
        if key.endswith("running_var") or (value.ndim == 1 and key.endswith("weight")):
            state[key] = draws + 0.5
            continue
        fan_in = value.numel() // len(value) if value.ndim > 1 else 200
        state[key] = (draws - 0.5) * STEADY * math.sqrt(2 / fan_in)
    return state


def image(side: int) -> Tensor:
    """A drawn image (1, 3, side, side) of mean 0 and deviation 1."""
    draws = np.random.default_rng(1).random((1, 3, side, side), np.float32)
    return (torch.from_numpy(draws).double() - 0.5) * STEADY


@torch.no_grad()
def told(golden: Golden, levels: Sequence[float] | None = None) -> dict[str, Any]:
    """What goes into the file of a network; the levels of a file give what it holds."""
    method, found = built(golden, levels)
    outputs = list(golden.outputs(method, image(golden.side)))
    shapes = {key: list(value.shape) for key, value in method.state_dict().items()}
    return {
        "method": golden.method,
        "side": golden.side,
        "structure": digest(shapes)[:16],
        "levels": found,
        "outputs": [values_of(each, KEPT // len(outputs)) for each in outputs],
    }


def values_of(output: Tensor, kept: int = KEPT) -> dict[str, Any]:
    """Shape, largest value and some values of an output."""
    flat = output.double().flatten()
    some = flat[:: math.ceil(len(flat) / kept)].tolist()
    top = float(f"{float(flat.abs().max()):.{DIGITS}g}")
    values = [float(f"{value:.{DIGITS}g}") for value in some]
    return {"shape": list(output.shape), "top": top, "values": values}


def differences(found: dict[str, Any], stored: dict[str, Any]) -> list[float]:
    """The largest difference of each output, relative to its largest value."""
    pairs = zip(found["outputs"], stored["outputs"], strict=True)
    return [
        max(abs(a - b) for a, b in zip(new["values"], old["values"], strict=True)) / old["top"]
        for new, old in pairs
    ]


def path_of(golden: Golden) -> Path:
    """The file of a network."""
    return FOLDER / f"{golden.method}.json"


def stored(golden: Golden) -> dict[str, Any]:
    """What the file of a network holds."""
    found: dict[str, Any] = json.loads(path_of(golden).read_text(encoding="utf-8"))
    return found
