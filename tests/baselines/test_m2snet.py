"""M2SNet and MSNet: parity with the official networks, the one-channel rewrite, parameters, loss."""

import pytest
import torch
from parity import check
from support import ROOT

from benchmark.discover import method_class


def test_parity() -> None:
    check(method_class(ROOT, "m2snet"), "m2snet", lambda m, x: m.network(x))


@pytest.mark.parametrize(("name", "count"), [("m2snet", 27_692_585), ("msnet", 27_692_329)])
def test_parameters(name: str, count: int) -> None:
    method = method_class(ROOT, name)()
    assert sum(p.numel() for p in method.parameters()) == count
