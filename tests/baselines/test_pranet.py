"""PraNet: parity with the official network, parameters, loss over its four maps."""

import pytest
import torch
from parity import check
from support import ROOT

from benchmark.discover import method_class


def test_parity() -> None:
    """S5, S4, S3, S2 of the official network."""
    check(method_class(ROOT, "pranet"), "pranet", lambda m, x: m.network(x))


def test_parameters() -> None:
    method = method_class(ROOT, "pranet")()
    assert sum(p.numel() for p in method.parameters()) == 30_498_319
