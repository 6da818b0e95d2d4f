"""Pretrained weights: from the local store or the hub's cache, never silently random."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import sha256_file
from benchmark.methods.declaration import Weights
from benchmark.methods.weights import WeightStore

WANTED = Weights(
    name="net.imagenet",
    files=("net.safetensors", "net.pt"),
    hub="nobody/nothing:model.safetensors",
    licence="MIT",
)
STATE = {"weight": torch.arange(4, dtype=torch.float16), "count": torch.tensor(3)}


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path, [WANTED])


def test_a_network_inside_a_checkpoint(store: WeightStore) -> None:
    """As training scripts save it, of several GPUs too."""
    network = {f"module.{key}": value for key, value in STATE.items()}
    torch.save({"model": network, "epoch": 3}, store.folder / "net.pt")
    assert set(store.read("net.imagenet")) == set(STATE)


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_both_formats_come_as_float32(store: WeightStore, suffix: str) -> None:
    path = store.folder / f"net.{suffix}"
    save_file(STATE, path) if suffix == "safetensors" else torch.save(STATE, path)
    state = store.read("net.imagenet")
    assert state["weight"].dtype == torch.float32
    assert state["weight"].tolist() == [0, 1, 2, 3]
    assert state["count"].dtype == torch.int64
    assert store.digests() == {"net.imagenet": sha256_file(path)}
    assert store.describe() == "net.imagenet (here)"


def test_arrays_come_as_tensors_and_pickles_do_not(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, [WANTED.model_copy(update={"files": ("net.npz",)})])
    np.savez(tmp_path / "net.npz", **{"block1/kernel": np.arange(3.0), "count": np.array(3)})
    state = store.read("net.imagenet")
    assert {key: value.tolist() for key, value in state.items()} == {
        "block1/kernel": [0, 1, 2],
        "count": 3,
    }
    assert state["block1/kernel"].dtype == torch.float32
    np.savez(tmp_path / "net.npz", net=np.array([{}], dtype=object))
    with pytest.raises(StoreError, match="unreadable"):
        store.read("net.imagenet")


def test_the_first_name_wins(store: WeightStore) -> None:
    for name in ("net.safetensors", "net.pt"):
        (store.folder / name).touch()
    assert store.path("net.imagenet").name == "net.safetensors"


@pytest.mark.parametrize("fetch", [True, False])
def test_missing_weights_name_both_places(store: WeightStore, fetch: bool) -> None:
    with pytest.raises(MissingDataError) as caught:
        store.digests(fetch)
    said = str(caught.value)
    for part in ("net.safetensors, net.pt", str(store.folder), "nobody/nothing", "MIXSEG_WEIGHTS"):
        assert part in said
    assert store.describe() == "net.imagenet (from the hub)"


def test_a_pickle_that_runs_code_is_refused(store: WeightStore) -> None:
    class Evil:
        def __reduce__(self):
            return (print, ("this ran",))

    torch.save({"weight": Evil()}, store.folder / "net.pt")
    with pytest.raises(StoreError, match=r"net.pt: the global builtins.print, which is not read"):
        store.read("net.imagenet")


def test_weights_with_nan_are_refused_before_a_run_begins(store: WeightStore) -> None:
    torch.save({**STATE, "bad": torch.tensor(float("nan"))}, store.folder / "net.pt")
    with pytest.raises(StoreError, match=r"net.pt: NaN in 1 of 3 tensors: bad \(1 of 1 values\)"):
        store.read("net.imagenet")


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_a_file_cut_short_is_named(store: WeightStore, suffix: str) -> None:
    path = store.folder / f"net.{suffix}"
    save_file(STATE, path) if suffix == "safetensors" else torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"unreadable"):
        store.read("net.imagenet")
