"""digests.csv: what it lists, in which order, and what becomes of damaged lines."""

import multiprocessing
from hashlib import sha256
from pathlib import Path

import pytest

from benchmark.core.digests import digest_of
from benchmark.core.errors import StoreError
from benchmark.core.files import Paths
from benchmark.core.recorded import DIGESTS, check, edited, listed, note

MIX = "tiny"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def write(paths: Paths, name: str, text: str) -> Path:
    path = paths.results(MIX) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_one_sorted_line_a_run_and_a_file(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    for name in ("main/unet/seed-1", "leaks", "main/unet/seed-0", "controls/full/seed-0"):
        path = f"{name}/run.json" if "/" in name else f"{name}.csv"
        note(paths, MIX, write(paths, path, name))
    lines = (paths.results(MIX) / DIGESTS).read_text().splitlines()
    assert lines == [
        "group,method,seed,sha256",
        f"controls,full,0,{digest('controls/full/seed-0')}",
        f"leaks.csv,,,{digest('leaks')}",
        f"main,unet,0,{digest('main/unet/seed-0')}",
        f"main,unet,1,{digest('main/unet/seed-1')}",
    ]
    write(paths, "main/unet/seed-1/run.json", "again")
    (paths.results(MIX) / "leaks.csv").unlink()
    note(paths, MIX, paths.results(MIX) / "main/unet/seed-1/run.json")
    known = listed(paths.results(MIX))
    assert known["main/unet/seed-1/run.json"] == digest("again")
    assert "leaks.csv" not in known
    assert len(known) == 3


def _note(root: Path, seed: int) -> None:
    paths = Paths(root)
    note(paths, MIX, write(paths, f"main/unet/seed-{seed}/run.json", str(seed)))


def test_many_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_note, args=(tmp_path, seed)) for seed in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    expected = {f"main/unet/seed-{seed}/run.json": digest(str(seed)) for seed in range(12)}
    assert listed(Paths(tmp_path).results(MIX)) == expected


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    note(paths, MIX, *(write(paths, f"main/unet/seed-{k}/run.json", str(k)) for k in (0, 1)))
    path = paths.results(MIX) / DIGESTS
    path.write_bytes(path.read_bytes().replace(b"unet,0,", b"unet\xff0,\0"))
    assert listed(paths.results(MIX)) == {"main/unet/seed-1/run.json": digest("1")}


@pytest.mark.parametrize("name", ["scores.csv", "run.json"])
def test_line_ends_of_text_do_not_count_and_a_digit_does(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"a,1\nb,2\n")
    recorded = digest_of(path)
    path.write_bytes(b"a,1\r\nb,2\r\n")
    assert edited(path, recorded) is None
    path.write_bytes(b"a,1\nb,3\n")
    with pytest.raises(StoreError) as caught:
        check(path, recorded, "Restore it.")
    said = str(caught.value)
    assert said.startswith(f"{path}: edited since it was written")
    assert said.endswith("Restore it.")
    assert recorded[:16] in said
    assert digest("a,1\nb,3\n")[:16] in said
    check(path, None, "")  # recorded nowhere: it cannot be checked
    check(tmp_path / "gone.csv", recorded, "")
