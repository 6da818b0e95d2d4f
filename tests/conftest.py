"""A small project of its own: one mix of made pictures, one small method."""

import os
from pathlib import Path

# The networks of the tests are small: threads would wait for each other, and for other workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COLUMNS"] = "100"  # what is printed follows the width of the terminal

import pytest
from support import make_project

from benchmark.core.files import Paths

# They begin first: what comes last would keep one worker busy while the others wait.
LONGEST = frozenset({
    "test_conformance.py", "test_pipeline.py", "test_run.py", "test_damaged.py", "test_request.py",
    "test_tune.py", "test_raw_data.py", "test_run_states.py", "test_executors.py",
    "test_additions.py", "test_own_datasets.py",
})  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; the others fill the time of the workers that are free."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def project(tmp_path: Path) -> Paths:
    """params.yaml, baselines/small and the prepared mix `tiny` below a temporary root."""
    return make_project(tmp_path)
