"""A small project of its own: one mix of made pictures, one small method."""

import os
from pathlib import Path

# The networks of the tests are small: threads would wait for each other, and for other workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from support import make_project

from benchmark.core.files import Paths

LONGEST = ("test_conformance.py", "test_pipeline.py")  # begin first, each on a worker of its own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; the others fill the time of the workers that are free."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def project(tmp_path: Path) -> Paths:
    """params.yaml, baselines/small and the prepared mix `tiny` below a temporary root."""
    return make_project(tmp_path)
