"""Agreement with the official networks, frozen into numbers (`reference.py` beside the oracles)."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support import ROOT, build
from torch import Tensor

from benchmark.methods.layers import load_strictly
from benchmark.methods.method import Method

ORACLES = Path(os.environ.get("MIXSEG_ORACLES", ROOT / "../shared/oracles"))
TOLERANCE = 1e-6  # relative, in float64
Outputs = Callable[[Method, Tensor], Sequence[Tensor]]


def reference() -> ModuleType:
    """The module that rebuilds the official weights and compares; skips where it is absent."""
    path = ORACLES / "reference.py"
    if not path.is_file():
        pytest.skip(f"no oracles in {ORACLES}; MIXSEG_ORACLES names another folder")
    spec = importlib.util.spec_from_file_location("oracles_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def official(row: str, name: str, size: int = 352) -> Method:
    """The method with the oracle's weights, loaded strictly through `from_official`."""
    method = build(row, size)
    load_strictly(method, method.from_official(reference().make_state_dict(name)), f"oracle {name}")
    return method.eval()


@torch.no_grad()
def check(
    row: str,
    name: str,
    outputs: Outputs,
    shape: tuple[int, int, int, int] = (1, 3, 352, 352),
    dtype: torch.dtype = torch.float64,
    tolerance: float = TOLERANCE,
) -> dict[str, float]:
    """Compares a network with the official one of the same weights, output by output.

    Args:
        row: the name of the method.
        outputs: gives the network's maps of a normalised image, in the oracle's order.

    Returns: the largest relative difference by output.
    """
    oracle = reference()
    method = official(row, name, shape[-1]).to(dtype)
    found: dict[str, float] = oracle.compare(
        name, outputs(method, oracle.make_input(shape).to(dtype))
    )
    assert found
    assert max(found.values()) < tolerance, found
    return found
