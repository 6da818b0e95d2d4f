"""The size that stored weights were trained at, told by the folder in which they lie."""

from pathlib import Path

import pytest
from support import PARAMS

from benchmark.errors import ParamsError
from benchmark.training.restore import trained_size


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project below a folder that is itself called like a mix."""
    root = tmp_path / "tiny" / "project"
    (root / "artefacts" / "other" / "net" / "seed-0").mkdir(parents=True)
    (root / "artefacts" / "tiny" / "net" / "seed-0").mkdir(parents=True)
    mixes = PARAMS + PARAMS[PARAMS.index("  tiny:") :].replace("tiny:", "other:").replace(
        "size: 32", "size: 64"
    )
    (root / "params.yaml").write_text(mixes)
    return root


@pytest.mark.parametrize(("mix", "size"), [("tiny", 32), ("other", 64)])
def test_the_folder_below_artefacts_tells(root: Path, mix: str, size: int) -> None:
    assert trained_size(root, root / "artefacts" / mix / "net" / "seed-0" / "w") == size


def test_a_file_linked_into_a_cache_is_known_by_its_folder(root: Path) -> None:
    (root / "cache").touch()
    link = root / "artefacts" / "other" / "net" / "seed-0" / "w"
    link.symlink_to(root / "cache")
    assert trained_size(root, link) == 64


def test_weights_elsewhere_need_a_size(root: Path) -> None:
    with pytest.raises(ParamsError, match=r"Give --size"):
        trained_size(root, root / "w")
