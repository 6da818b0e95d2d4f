"""MMSNet as a method: its cards, and pretrained weights into its encoders."""

import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import ROOT, build
from torch import Tensor

from baselines._shared.mix_transformer import MiT
from benchmark.core.errors import MethodError, MissingDataError
from benchmark.methods.discover import card_of, folders
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

WEIGHTS = Path(os.environ.get("MIXSEG_REAL_WEIGHTS", ROOT.parent / "shared" / "weights"))


def hub_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """An encoder's state under the names of the hub's files, with a classifier."""
    renamed = {}
    for key, value in state.items():
        stage = key.split(".")[1]
        for new, old in (
            (f"stages.{stage}.patch_embeddings", f"encoder.patch_embeddings.{stage}"),
            (f"stages.{stage}.blocks", f"encoder.block.{stage}"),
            (f"stages.{stage}.layer_norm", f"encoder.layer_norm.{stage}"),
            ("attention.q_proj", "attention.self.query"),
            ("attention.k_proj", "attention.self.key"),
            ("attention.v_proj", "attention.self.value"),
            ("attention.o_proj", "attention.output.dense"),
            ("attention.sequence_reduction.sequence_reduction", "attention.self.sr"),
            ("attention.sequence_reduction.layer_norm", "attention.self.layer_norm"),
            ("layernorm_before", "layer_norm_1"),
            ("layernorm_after", "layer_norm_2"),
            ("mlp.fc", "mlp.dense"),
        ):
            key = key.replace(new, old)
        renamed[f"segformer.{key}"] = value
    return {**renamed, "classifier.weight": torch.zeros(1000, 256)}


@pytest.mark.parametrize("file", ["mit_b0.safetensors", "mit_b0.bin", "mit_b0.pth"])
def test_weights_of_the_hub_reach_the_encoder_alone(tmp_path: Path, file: str) -> None:
    torch.manual_seed(1)
    wanted = MiT("b0").state_dict()
    save = save_file if file.endswith("safetensors") else torch.save
    save(hub_names(wanted), tmp_path / file)
    torch.manual_seed(2)
    method = build("mmsnet-b0", 64)
    before = {k: v.clone() for k, v in method.state_dict().items()}
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    after = method.state_dict()
    for key, value in before.items():
        inner = key.removeprefix("network.encoder.")
        assert torch.equal(after[key], wanted[inner] if inner != key else value), key


def test_a_file_of_another_variant_names_the_keys_that_differ(tmp_path: Path) -> None:
    save_file(MiT("b1").state_dict(), tmp_path / "mit_b0.safetensors")
    method = build("mmsnet-b0", 64)
    with pytest.raises(MethodError, match=r"of another shape: stages\.0.*\(64, 3, 7, 7\) for \(32"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))


def test_absent_weights_name_the_store_and_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.methods.weights._cached", lambda address: None)
    store = WeightStore(tmp_path, card_of(ROOT, "mmsnet-b0").weights)
    with pytest.raises(MissingDataError, match=r"mit_b0\.safetensors.*nvidia/mit-b0") as error:
        store.digests(fetch=False)
    assert str(tmp_path) in str(error.value)


@pytest.mark.skipif(not (WEIGHTS / "mobile_sam.pt").is_file(), reason=f"no weights in {WEIGHTS}")
def test_mobile_sam_weights_reach_the_encoder_and_change_what_it_sees() -> None:
    torch.manual_seed(0)
    method = build("mmsnet-tinyvit", 96).eval()
    image = torch.rand(1, 3, 96, 96)
    features = method.network.encoder(image)
    method.load_pretrained(WeightStore(WEIGHTS, method.card.weights))
    loaded = method.network.encoder(image)
    assert [f.shape for f in loaded] == [f.shape for f in features]
    assert all(not torch.allclose(a, b) for a, b in zip(features, loaded, strict=True))
    assert torch.isfinite(method.predict(Inputs(image))).all()


def test_every_row_of_the_paper_has_a_card() -> None:
    ours = [card for folder in folders(ROOT) if folder.name == "mmsnet" for card in folder.cards]
    assert Counter(card.group for card in ours) == {"main": 3, "ablation": 36, "single": 36}
    bases = Counter(c.base for c in ours if c.group == "ablation")
    assert bases == {"mmsnet": 21, "mmsnet-tinyvit": 15}
    alone = Counter(c.base for c in ours if c.group == "single")  # at equal epochs, at equal steps
    whole = {"mmsnet": 8, "mmsnet-tinyvit": 8}
    assert alone == {**whole, **{f"mmsnet-k{k}": 4 for k in (1, 2, 4, 8, 16)}}
    modalities = Counter(c.modality for c in ours if c.group == "single")
    assert modalities == dict.fromkeys(("fundus", "colonoscopy", "ultrasound", "dermoscopy"), 9)
    departing = {c.name for c in ours if c.recipe.deviations()}
    steps = {f"{base}-{modality}-steps" for base in whole for modality in modalities}
    assert departing == {"mmsnet-full-tuning-6e-5", *steps}
