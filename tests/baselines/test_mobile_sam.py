"""MobileSAM: its checkpoint whole, the key map, and plausible masks on real images."""

import os
from pathlib import Path

import numpy as np
import pytest
import support
import torch
from PIL import Image
from support import ROOT
from torch import Tensor

from baselines._shared.sam_tiny_vit import tiny_vit_keys
from benchmark.core.errors import MethodError
from benchmark.data.prompting import prompts_of
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore

REAL = Path(os.environ.get("MIXSEG_REAL_WEIGHTS", ROOT.parent / "shared" / "weights"))
DATA = Path(os.environ.get("MIXSEG_REAL_DATA", ROOT.parent / "shared" / "data"))
FILE = "mobile_sam.pt"
CLASSIFIER = 320 * 1000 + 1000 + 2 * 320  # head and its normalisation, which no mask needs
WHOLE = 10_130_092  # parameters of the official checkpoint
real_weights = pytest.mark.skipif(not (REAL / FILE).is_file(), reason=f"no {FILE} in {REAL}")
# A few images of three modalities on which a box must give a good mask, and a point a fair one.
IMAGES = {
    "ISIC2017": ("ISIC_0000000",),
    "BUSI": ("benign (1)",),
    "Kvasir-SEG": ("cju0qkwl35piu0993l0dewei2",),
}


def build(name: str, size: int = 64, side: int = 128) -> Method:
    torch.manual_seed(0)
    return support.build(name, size, side=side).eval()


def pretrained(name: str, size: int) -> Method:
    method = support.build(name, size).eval()
    method.load_pretrained(WeightStore(REAL, method.card.weights))
    return method


def official_name(key: str) -> str:
    """The key map backwards."""
    name = key.removeprefix("image_encoder.vit.")
    if name == key:
        return key
    name = name.replace("patch_embed.conv1.", "patch_embed.seq.0.")
    name = name.replace("patch_embed.conv2.", "patch_embed.seq.2.").replace(".conv.", ".c.")
    parts = name.split(".")
    if parts[0] == "stages":
        earlier = int(parts[1]) - (parts[2] == "downsample")
        name = ".".join(["layers", str(earlier), *parts[2:]])
    return f"image_encoder.{name}"


def made(method: Method) -> dict[str, Tensor]:
    """A checkpoint of the official names, with the classifier that stands in it."""
    state = method.network.state_dict()
    made = {
        official_name(k): torch.rand_like(v) if v.is_floating_point() else v
        for k, v in state.items()
    }
    for key, shape in (("norm_head.weight", (320,)), ("head.weight", (1000, 320))):
        made[f"image_encoder.{key}"] = torch.rand(shape)
    return made


def test_parameter_counts() -> None:
    method = build("mobile-sam")
    assert sum(p.numel() for p in method.parameters()) == WHOLE - CLASSIFIER
    assert not any(p.requires_grad for p in build("mobile-sam-box").parameters())


@pytest.mark.parametrize(
    ("official", "own"),
    [
        ("patch_embed.seq.2.bn.weight", "patch_embed.conv2.bn.weight"),
        ("layers.0.blocks.1.conv3.c.weight", "stages.0.blocks.1.conv3.conv.weight"),
        ("layers.2.downsample.conv2.c.weight", "stages.3.downsample.conv2.conv.weight"),
        ("layers.3.blocks.0.local_conv.c.weight", "stages.3.blocks.0.local_conv.conv.weight"),
    ],
)
def test_the_key_map(official: str, own: str) -> None:
    state = {f"image_encoder.{official}": torch.zeros(1), "image_encoder.head.bias": torch.zeros(1)}
    assert list(tiny_vit_keys(state)) == [f"image_encoder.vit.{own}"]


def test_a_made_checkpoint_loads_whole(tmp_path: Path) -> None:
    method = support.build("mobile-sam", 96)
    state = made(method)
    torch.save(state, tmp_path / FILE)
    assert method.sight.side == 1024  # small images too are shown as the weights know them
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert method.sight.side == 1024
    for key, value in method.network.state_dict().items():
        assert torch.equal(value, state[official_name(key)]), key


def test_one_key_too_few_changes_nothing(tmp_path: Path) -> None:
    method = build("mobile-sam")
    state = made(method)
    state.pop("image_encoder.layers.1.blocks.0.attn.qkv.weight")
    torch.save(state, tmp_path / FILE)
    before = {k: v.clone() for k, v in method.state_dict().items()}
    with pytest.raises(MethodError, match=r"missing: image_encoder.vit.stages.1.*\(1\)"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())


def test_the_last_stage_keeps_its_side() -> None:
    with torch.no_grad():
        assert build("mobile-sam").network.image_encoder(torch.rand(1, 3, 160, 160)).shape == (
            1, 256, 10, 10,
        )  # fmt: skip


@real_weights
def test_the_official_checkpoint_is_used_whole() -> None:
    state = torch.load(REAL / FILE, map_location="cpu", weights_only=True)
    statistics = ("running_mean", "running_var", "num_batches_tracked", "gaussian_matrix")
    assert sum(v.numel() for k, v in state.items() if not k.endswith(statistics)) == WHOLE
    used = tiny_vit_keys(state)
    dropped = set(state) - {official_name(key) for key in used}
    assert {key.split(".")[1] for key in dropped} == {"norm_head", "head"}
    method = pretrained("mobile-sam-point", 352)
    assert method.network.state_dict().keys() == used.keys()


def case(dataset: str, stem: str, size: int) -> tuple[Tensor, Tensor]:
    image = Image.open(DATA / dataset / "images" / f"{stem}.jpg").convert("RGB")
    mask = Image.open(DATA / dataset / "masks" / f"{stem}.png")
    pixels = np.array(image.resize((size, size), Image.Resampling.BICUBIC), np.float32)
    reference = np.array(mask.resize((size, size), Image.Resampling.NEAREST)) > 127
    return (
        torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255,
        torch.from_numpy(reference)[None, None].float(),
    )


@real_weights
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real images in {DATA}")
def test_masks_on_real_images_are_plausible() -> None:
    size = 352
    methods = {p: pretrained(f"mobile-sam-{p}", size) for p in ("point", "box")}
    scores: dict[str, list[float]] = {"point": [], "box": []}
    for dataset, stems in IMAGES.items():
        for stem in stems:
            image, mask = case(dataset, stem, size)
            with torch.no_grad():
                features = methods["box"].embed(image)
                for prompt, method in methods.items():
                    given = prompts_of(prompt, mask, np.array([1], np.uint64), 0)  # type: ignore[arg-type]
                    logits = method.predict(Inputs(image, features=features, **given))
                    found = (logits > 0).float()
                    dsc = float(2 * (found * mask).sum() / (found.sum() + mask.sum()))
                    scores[prompt].append(dsc)
    assert min(scores["box"]) > 0.7, scores
    assert np.mean(scores["box"]) > 0.85, scores
    assert np.mean(scores["point"]) > 0.5, scores
