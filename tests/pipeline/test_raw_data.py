"""`dvc repro` sees raw files that changed, and trains again only where pixels changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import DECLARATION, PARAMS, PLUGIN, ROOT
from test_pipeline import edited, run, stages

LOOKS = {"code", "data@m"}
RUN, REPORT = "run@small-on-m", "report@m"
AFTER_OTHER_PIXELS = {"prepare@m", "leaks@m", "controls@m", RUN, REPORT}
ROW = """
tiny:
  title: Tiny
  modality: dermoscopy
  layout: folder
  access: account
  how: by hand
  licence: none
  citation: none
  homepage: https://example.org
  counts: {train: 4, test: 2}
"""
DRAWN = "phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy"


def pictures(root: Path, radius: int = 11) -> None:
    """Six cases with discs as masks."""
    y, x = np.mgrid[:96, :96]
    for k in range(6):
        part = root / ("train" if k < 4 else "test")
        noise = np.random.default_rng(k).integers(0, 255, (96, 96, 3), np.uint8)
        disc = (y - 40) ** 2 + (x - 40) ** 2 <= (radius + k % 3) ** 2
        for kind, pixels in (("images", noise), ("masks", disc.astype(np.uint8) * 255)):
            (part / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(part / kind / f"c{k}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in Git and DVC whose only mix is read from a folder; its report is made."""
    root = tmp_path_factory.mktemp("raw") / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benchmark", root / "benchmark", ignore=ignored)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    with (root / "benchmark/data/catalog.yaml").open("a") as file:
        file.write(ROW)
    params = PARAMS
    for old, new in (
        ("  tiny:\n", "  m:\n"), (DRAWN, "tiny"), ("{train: 8, test: 2, seed: 0}", "null"),
        ("seeds: [0, 1]", "seeds: [0]"), ("epochs: 3", "epochs: 1"),
    ):  # fmt: skip
        assert old in params
        params = params.replace(old, new)
    (root / "params.yaml").write_text(params)
    (root / "baselines/small").mkdir(parents=True)
    (root / "baselines/small/plugin.py").write_text(PLUGIN)
    (root / "baselines/small/method.yaml").write_text(DECLARATION)
    pictures(root.parent / "raw")
    run(root, "git", "init", "-q")
    run(root, "dvc", "init", "-q")
    run(root, "mixseg", "sync")
    run(root, "mixseg", "data", "--from", str(root.parent / "raw"), "--dataset", "tiny")
    assert repro(root) == LOOKS | AFTER_OTHER_PIXELS
    assert repro(root) == LOOKS
    return root


def repro(root: Path) -> set[str]:
    """Reproduces the report; the names of the stages that ran."""
    return stages(run(root, "dvc", "repro", REPORT))


def corrected(root: Path, change: Callable[[np.ndarray], np.ndarray]) -> int:
    """Changes the masks on disk; how many pixels are foreground now."""
    pixels = 0
    for path in sorted((root.parent / "raw").rglob("masks/*.png")):
        mask = change(np.asarray(Image.open(path)))
        Image.fromarray(mask).save(path, compress_level=1)
        pixels += int((mask > 127).sum())
    return pixels


def foreground(root: Path) -> float:
    """The share of foreground in the prepared masks."""
    return float(np.load(root / "data/prepared/m/tiny/masks.npy").mean())


def content(root: Path) -> str:
    return str(json.loads((root / "results/m/data.json").read_text())["content"])


def test_corrected_masks_are_prepared_again_and_the_runs_follow(made: Path) -> None:
    before = foreground(made)
    pixels = corrected(made, lambda mask: np.maximum(mask, np.roll(mask, 8, 0)))
    said = run(made, "dvc", "repro", REPORT)
    assert "tiny: 6 cases in 12 files, other than recorded (changed: t" in said
    assert stages(said) == LOOKS | AFTER_OTHER_PIXELS
    assert foreground(made) == pytest.approx(pixels / (6 * 96 * 96), abs=0.01)
    assert foreground(made) > 1.2 * before


def test_other_files_of_the_same_pixels_train_nothing(made: Path) -> None:
    before = content(made)
    for path in (made.parent / "raw").rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path))).save(path, compress_level=9)
    assert repro(made) == LOOKS | {"prepare@m", REPORT}
    assert content(made) == before


def test_another_folder_is_prepared_again(made: Path) -> None:
    before = content(made)
    pictures(made.parent / "other", radius=20)
    run(made, "mixseg", "data", "--from", str(made.parent / "other"), "--dataset", "tiny")
    assert repro(made) == LOOKS | AFTER_OTHER_PIXELS
    other = content(made)
    assert other != before
    run(made, "mixseg", "data", "--from", str(made.parent / "other"), "--dataset", "tiny")
    assert repro(made) == LOOKS
    run(made, "mixseg", "data", "--from", str(made.parent / "raw"), "--dataset", "tiny")
    assert repro(made) == LOOKS | AFTER_OTHER_PIXELS
    assert content(made) == before


def test_raw_data_that_changed_stop_a_run_by_hand(made: Path) -> None:
    words = ("mixseg", "run", "--method", "small", "--mix", "m", "--seed", "0")
    mask = made.parent / "raw/train/masks/c0.png"
    whole = mask.read_bytes()
    mask.write_bytes((made.parent / "raw/train/masks/c1.png").read_bytes())
    run(made, "mixseg", "data", "--mix", "m", "--record")
    said = run(made, *words, fails=True)
    assert "raw data: tiny changed after it was prepared" in said
    assert "Run `mixseg prepare --mix m`" in said
    mask.write_bytes(whole)
    run(made, "mixseg", "data", "--mix", "m", "--record")
    assert "already done" in run(made, *words)
    assert repro(made) == LOOKS


def test_another_request_prepares_again(made: Path) -> None:
    with edited(made / "params.yaml", "size: 32", "size: 48"):
        assert stages(run(made, "dvc", "repro", "prepare@m")) == LOOKS | {"prepare@m"}
        assert np.load(made / "data/prepared/m/tiny/masks.npy").shape[1] == 48
    assert repro(made) >= LOOKS | {"prepare@m"}
    assert np.load(made / "data/prepared/m/tiny/masks.npy").shape[1] == 32


def test_a_clone_without_raw_and_prepared_data_makes_the_report(made: Path, tmp_path: Path) -> None:
    assert repro(made) == LOOKS
    run(made, "git", "add", "-A")
    run(made, "git", "-c", "user.email=a@b", "-c", "user.name=t", "commit", "-qm", "all")
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", str(made), str(clone))
    assert (clone / "results/m/raw.json").is_file()
    assert not (clone / "data").exists()
    (clone / "reports/m/index.html").unlink()
    said = run(clone, "dvc", "repro", "--allow-missing", REPORT)
    assert stages(said) <= LOOKS | {REPORT}
    assert "tiny: not here (" in said
    assert (clone / "reports/m/index.html").read_bytes() == (
        made / "reports/m/index.html"
    ).read_bytes()
    assert run(clone, "git", "status", "--short", "--", "results").strip() == ""
