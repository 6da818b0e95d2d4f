"""UACANet: parity with the official network, its quirks, parameters, losses."""

import pytest
import torch
from parity import check
from support import ROOT

from benchmark.discover import method_class


def test_parity() -> None:
    """The map that is scored; the small network is the same code."""
    check(method_class(ROOT, "uacanet-l"), "uacanet_l", lambda m, x: [m.network(x)[-1]])


@pytest.mark.parametrize(("name", "count"), [("uacanet-s", 24_855_874), ("uacanet-l", 67_108_994)])
def test_parameters(name: str, count: int) -> None:
    method = method_class(ROOT, name)()
    assert sum(p.numel() for p in method.parameters()) == count
