"""Stored maps: round trip, bytes, memory, and every way in which a file can be broken."""

import errno
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from benchmark.core.errors import MethodError, MissingDataError, ShapeError, StoreError
from benchmark.evaluation.maps import TOP, MapWriter, quantise, read_maps, write_maps

RNG = np.random.default_rng(0)
MAPS = {"a": RNG.random((3, 8, 8)), "b-2": RNG.random((2, 5, 8, 8)).astype(np.float32)}
CASES = {"a": ["x", "ø (1)", "y"], "b-2": ["p", "q"]}


@pytest.fixture
def path(tmp_path):
    write_maps(tmp_path / "probs.npz", MAPS, CASES)
    return tmp_path / "probs.npz"


def test_round_trip(path):
    with read_maps(path) as maps:
        assert list(maps) == ["a", "b-2"]
        assert maps["a"].cases == ("x", "ø (1)", "y")
        assert maps["a"].shape == (1, 8, 8)
        assert maps["b-2"].shape == (5, 8, 8)
        for name, probs in MAPS.items():
            assert len(maps[name]) == len(probs)
            for levels, prob in zip(maps[name], probs, strict=True):
                assert levels.dtype == np.uint16
                assert np.array_equal(levels, quantise(prob).reshape(levels.shape))
                # Half a level of rounding, 1 / 131070.
                assert np.abs(levels / TOP - prob).max() <= 0.5 / TOP + 1e-9
        with pytest.raises(IndexError):
            maps["a"][3]


def test_it_is_a_plain_npz(path):
    with np.load(path) as file:
        assert np.array_equal(file["a/000001"][0], quantise(MAPS["a"][1]))


def test_equal_maps_give_equal_bytes(path, tmp_path):
    write_maps(tmp_path / "again.npz", MAPS, CASES)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_one_half_is_never_crossed():
    near = np.float32(0.5) + np.arange(-300, 300, dtype=np.float32) * np.float32(2**-25)
    assert np.array_equal(quantise(near) >= 32768, near >= 0.5)


def test_an_error_leaves_the_old_file_and_no_other(path):
    before = path.read_bytes()

    def interrupted():
        with MapWriter(path) as writer:
            writer.add("a", "x", MAPS["a"][0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["probs.npz"]


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1, np.inf])
def test_what_is_no_probability_is_refused(tmp_path, value):
    bad = MAPS["a"][0].copy()
    bad[2, 3] = value
    with pytest.raises(MethodError, match=r"a/x: values from .*, expected probabilities"):
        write_maps(tmp_path / "probs.npz", {"a": bad[None]}, CASES | {"a": ["x"]})
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_changes_is_refused(tmp_path):
    def grows():
        with MapWriter(tmp_path / "probs.npz") as writer:
            writer.add("a", "x", np.zeros((8, 8)))
            writer.add("a", "y", np.zeros((9, 8)))

    with pytest.raises(ShapeError, match=r"a/y: \(1, 9, 8\), expected \(1, 8, 8\)"):
        grows()
    assert list(tmp_path.iterdir()) == []


def test_no_file(tmp_path):
    with pytest.raises(MissingDataError, match="dvc pull"):
        read_maps(tmp_path / "probs.npz")


@pytest.mark.parametrize("kept", [0, 10, 0.3, 0.7, 0.99])
def test_cut_short(path, kept):
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    with pytest.raises(StoreError, match=r"broken or foreign.*dvc pull.*mixseg run"):
        read_maps(path)


def test_a_flipped_byte_is_found_when_read(path):
    data = bytearray(path.read_bytes())
    data[90] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(StoreError, match="broken"), read_maps(path) as maps:
        maps["a"][0]


@pytest.mark.parametrize(
    "index",
    [None, "no json", "[]", '{"schema": 2, "top": 65535, "datasets": {}}', '{"schema": 1}'],
)
def test_foreign_archives(tmp_path, index):
    path = tmp_path / "probs.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("weights.npy", b"0")
        if index is not None:
            file.writestr("index.json", index)
    with pytest.raises(StoreError, match="foreign"):
        read_maps(path)


def test_an_entry_that_is_no_map(tmp_path):
    path = tmp_path / "probs.npz"
    index = {"schema": 1, "top": TOP, "datasets": {"a": {"cases": ["x"], "shape": [1, 8, 8]}}}
    np.savez(path, **{"a/000000": np.array([{}], object)})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("index.json", json.dumps(index))
    with pytest.raises(StoreError, match="foreign"), read_maps(path) as maps:
        maps["a"][0]
    assert maps["a"].cases == ("x",)


def test_memory_does_not_grow_with_the_cases(tmp_path):
    prob = RNG.random((64, 64))

    def peak(cases: int) -> int:
        tracemalloc.start()
        with MapWriter(tmp_path / "probs.npz") as writer:
            for i in range(cases):
                writer.add("a", str(i), prob)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    # A map is 8 kB; 200 more cases may cost their names and places in the index, not their pixels.
    assert peak(220) - peak(20) < 200 * 2000


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    real = zipfile.ZipFile.writestr

    def full(self, info, *rest):
        real(self, info, *rest)
        if info.filename.endswith("2.npy"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(StoreError, match="the disk is full"):
        write_maps(tmp_path / "probs.npz", MAPS, CASES)
    assert list(tmp_path.iterdir()) == []
