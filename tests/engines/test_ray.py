"""A Ray cluster of two nodes on this machine: a node that goes away, a driver that is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines.made import (
    ALL,
    assert_same,
    copy_of,
    directory,
    hold_of,
    make_project,
    uninterrupted,
    wait_until,
)
from support import mixseg, start

from benchmark.core.files import Paths, read_json

pytestmark = pytest.mark.engines
pytest.importorskip("ray", reason="needs ray: pip install -e '.[ray]'")
from ray.cluster_utils import Cluster  # noqa: E402

CPUS = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A cluster with a head that runs nothing, and its two nodes of one core by their names."""
    with pytest.MonkeyPatch.context() as patch:
        # What the nodes know of this project is what the driver sends them.
        patch.setenv("PYTHONPATH", "")
        patch.setenv("RAY_TMPDIR", "/tmp")  # the paths of its sockets must be short
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("nodes")))
        patch.setenv("OMP_NUM_THREADS", "1")
        made = Cluster(initialize_head=True, head_node_args={**CPUS, "num_cpus": 0})
        nodes = {name: made.add_node(**CPUS) for name in ("first", "second")}
        made.wait_for_nodes()
        yield made, nodes
        made.shutdown()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The project with its runs, made without Ray and without an interruption."""
    return uninterrupted(make_project(tmp_path_factory.mktemp("whole") / "made"))


@pytest.fixture
def project(whole: Paths, tmp_path: Path) -> Paths:
    """The same project without two of its runs."""
    return copy_of(whole, tmp_path / "project")


def words(made: Any) -> tuple[str, ...]:
    return (*ALL, "--executor", "ray", "--address", made.address, "--return-every", "0.01")


def run_of(paths: Paths, seed: int) -> Path:
    return paths.run("tiny", "main", "small", seed) / "run.json"


def test_a_driver_is_killed_and_a_node_goes_away(
    project: Paths, whole: Paths, cluster: tuple[Any, dict[str, Any]]
) -> None:
    made, nodes = cluster
    hold_of(whole).touch()
    killed = start(project.root, *words(made))
    wait_until(lambda: all(directory(project, seed).checkpoint.exists() for seed in (0, 1)))
    killed.kill()
    killed.communicate()
    kept = [directory(project, seed).checkpoint.read_bytes() for seed in (0, 1)]
    assert all(kept)

    following = start(project.root, *words(made))
    wait_until(lambda: all(directory(project, seed).busy() for seed in (0, 1)))
    made.remove_node(nodes["first"], allow_graceful=False)
    hold_of(whole).unlink()
    _, said = following.communicate(timeout=240)
    assert following.returncode == 0, said
    assert "1 runs are done already" in said
    assert said.count("its node is gone") == 1
    assert "it goes on from its last checkpoint" in said
    for seed in (0, 1):
        assert_same(project, whole, seed)
        records = [read_json(run_of(paths, seed)) for paths in (project, whole)]
        assert records[0]["identity"] == records[1]["identity"]
        assert not directory(project, seed).checkpoint.exists()
    assert mixseg(project.root, "status").stdout.startswith("tiny: 3 runs, 3 done")
