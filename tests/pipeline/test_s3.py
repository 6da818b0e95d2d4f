"""Artefacts travel through S3, as moto's server plays it on loopback, and nothing trains again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_pipeline import LOOKS, REPORT, SMALL, edited, page, record, repro, run, stages, trained
from test_pipeline import made as made  # the same made project
from test_pipeline import pipeline as pipeline

pytest.importorskip("dvc_s3", reason="needs dvc-s3: pip install -e '.[s3]'")
server = pytest.importorskip("moto.server", reason="needs moto: pip install -e '.[engines]'")
pytestmark = pytest.mark.engines


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with an empty bucket."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    playing = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    playing.start()
    host, port = playing.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="runs")
    yield address
    playing.stop()


def cloned(pipeline: Path, clone: Path) -> Path:
    """A clone of all that is committed, with the results."""
    for line in ("git add -A", "git commit -qm all --allow-empty"):
        run(pipeline, *line.split())
    run(clone.parent, "git", "clone", "-q", str(pipeline), str(clone))
    shutil.copytree(pipeline / "results", clone / "results", dirs_exist_ok=True)
    return clone


def test_a_clone_adopts_artefacts_from_s3_and_scores_them_again(
    pipeline: Path, bucket: str, tmp_path: Path
) -> None:
    clone = cloned(pipeline, tmp_path / "clone")
    for root in (pipeline, clone):
        run(root, "dvc", "remote", "add", "-f", "-d", "s", "s3://runs/mixseg")
        run(root, "dvc", "remote", "modify", "s", "endpointurl", bucket)
    run(pipeline, "dvc", "push", "-q")
    before = trained(clone)
    run(clone, "mixseg", "prepare", "--mix", "tiny")
    run(clone, "dvc", "pull", "-q", "artefacts/tiny/small")
    folder = "artefacts/tiny/small/seed-0"
    for name in ("weights.safetensors", "probs.npz"):
        assert (clone / folder / name).read_bytes() == (pipeline / folder / name).read_bytes()
    metrics = clone / "benchmark/evaluation/metrics.py"
    with edited(metrics, "import numpy as np\n", "import numpy as np  # why\n"):
        assert stages(run(clone, "dvc", "repro", REPORT)) <= LOOKS | {REPORT, SMALL}
    with edited(metrics, "import numpy as np\n", "import numpy as np\n\nADDED = 1\n"):
        assert SMALL in repro(clone)
    assert trained(clone) == before
    assert page(clone).count("Small")


def test_a_clone_scores_maps_that_mixseg_pulled_again_and_trains_nothing(
    pipeline: Path, bucket: str, tmp_path: Path
) -> None:
    clone = cloned(pipeline, tmp_path / "clone")
    for root in (pipeline, clone):
        run(root, "mixseg", "remote", "s3://runs/other", "--endpoint", bucket)
    assert "pushed 1 files" in run(pipeline, "mixseg", "push", "tiny")
    before = trained(clone)
    run(clone, "mixseg", "prepare", "--mix", "tiny")
    assert "pulled 1 files" in run(clone, "mixseg", "pull", "tiny")
    assert not list((clone / "artefacts").rglob("weights.safetensors"))
    assert "the same bytes" in run(clone, "mixseg", "score", "--mix", "tiny")
    metrics = clone / "benchmark/evaluation/metrics.py"
    with edited(metrics, "import numpy as np\n", "import numpy as np\n\nADDED = 1\n"):
        assert SMALL in repro(clone)
        assert record(clone)["scoring_code"] != record(pipeline)["scoring_code"]
    assert trained(clone) == before
    assert record(clone)["files"]["weights.safetensors"]  # known still
    assert "pushed 1 files" in run(pipeline, "mixseg", "push", "tiny", "--weights")
    assert "pulled 1 files" in run(clone, "mixseg", "pull", "tiny", "--weights")
