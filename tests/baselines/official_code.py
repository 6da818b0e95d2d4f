"""Agreement with official networks that run from clones of their repositories.

MIXSEG_OFFICIAL names the folder of the clones. Without a clone the comparison is skipped. Nothing
of the clones is copied: `golden/networks` holds numbers of our networks alone.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import golden_networks as kit
import pytest
import torch
from support import ROOT, build
from torch import Tensor, nn

from benchmark.methods.importing import import_beside
from benchmark.methods.layers import load_strictly

FOLDER = Path(os.environ.get("MIXSEG_OFFICIAL", ROOT / "../official"))


@dataclass(frozen=True)
class Official:
    """An official network that is built and run.

    Attributes:
        repository: on GitHub; a clone of it is a folder of its last name.
        commit: the one that was compared.
        network: builds it, while its repository is on the path.
        outputs: the maps of a normalised image, in the order of ours.
        below: the folder of the repository that its imports start from.
        side: of the image.
        constants: puts back the buffers that no file changes, in float64, after the draw.
        load: gives the official weights to our method.
    """

    repository: str
    commit: str
    network: Callable[[], nn.Module]
    outputs: Callable[[Any, Tensor], Sequence[Tensor]]
    below: str = ""
    side: int = 352
    constants: Callable[[nn.Module], None] = lambda network: None
    load: Callable[[Any, dict[str, Tensor]], None] = lambda method, state: load_strictly(
        method, method.from_official(state), "official"
    )


def _fcbformer() -> nn.Module:
    """Without the file of pretrained weights that its constructor reads: a state of its own."""
    pvt, models = import_module("Models.pvt_v2"), import_module("Models.models")
    states: list[Any] = []

    class Remembered(pvt.PyramidVisionTransformerV2):  # type: ignore[name-defined,misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            states.append(self.state_dict())

    known = patch.object(pvt, "PyramidVisionTransformerV2", Remembered)
    with known, patch.object(torch, "load", lambda path: states[-1]):
        network: nn.Module = models.FCBFormer()
    return network


def _utanet() -> nn.Module:
    """Without the pretrained weights that its constructor fetches."""
    module = import_module("UTANet")
    plain = module.models.resnet34
    with patch.object(module.models, "resnet34", lambda pretrained: plain()):
        network: nn.Module = module.UTANet()
    return network


def _utanet_outputs(network: Any, x: Tensor) -> Sequence[Tensor]:
    """Probabilities and balance, past the breakpoint that its code holds."""
    with patch("pdb.set_trace", lambda: None):
        outputs: Sequence[Tensor] = network(x)
    return outputs


def _sam2_unet() -> nn.Module:
    """SAM 2's large encoder alone, by its configuration file, without what reads that file."""
    with patch.dict(sys.modules, {"hydra": MagicMock()}):
        trunk = import_module("sam2.modeling.backbones.hieradet").Hiera(
            embed_dim=144,
            num_heads=2,
            stages=(2, 6, 36, 4),
            global_att_blocks=(23, 33, 43),
            window_pos_embed_bkg_spatial_size=(7, 7),
            window_spec=(8, 4, 16, 8),
        )
    built = MagicMock()
    built.build_sam2.return_value.image_encoder.trunk = trunk
    with patch.dict(sys.modules, {"sam2.build_sam": built}):
        network: nn.Module = import_module("SAM2UNet").SAM2UNet()
    return network


def _knots(network: nn.Module) -> None:
    """The knots of U-KAN's splines: 5 intervals between -1 and 1, and 3 more on either side."""
    for name, knots in network.named_buffers():
        if name.endswith(".grid"):
            knots.copy_((torch.arange(-3, 9, dtype=torch.float64) * 0.4 - 1).expand_as(knots))


def _dinov3() -> nn.Module:
    """ViT-S/16 as the file of its hub says."""
    module = import_module("dinov3.models.vision_transformer")
    network: nn.Module = module.vit_small(
        patch_size=16,
        pos_embed_rope_base=100,
        pos_embed_rope_normalize_coords="separate",
        pos_embed_rope_dtype="fp32",
        qkv_bias=True,
        layerscale_init=1e-5,
        norm_layer="layernormbf16",
        n_storage_tokens=4,
        mask_k_bias=True,
    )
    return network


@torch.no_grad()
def _dinov3_constants(network: Any) -> None:
    """The periods of the positions, 16 between 1 and 100, and biases without those of the keys."""
    network.rope_embed.dtype = torch.float64
    periods = network.rope_embed.periods
    periods.copy_(100 ** (torch.arange(len(periods)) / len(periods)).float())
    for name, mask in network.named_buffers():
        if name.endswith(".bias_mask"):
            mask.fill_(1)
            mask.chunk(3)[1].fill_(0)


def _dinov3_outputs(network: Any, x: Tensor) -> Sequence[Tensor]:
    maps: Sequence[Tensor] = network.get_intermediate_layers(x, n=[2, 5, 8, 11], reshape=True)
    return maps


def _dinov3_load(method: Any, state: dict[str, Tensor]) -> None:
    keys = import_beside(ROOT, ROOT / "baselines" / "dinov3" / "plugin.py", "network").own_keys
    load_strictly(method.network.encoder, keys(state), "official")


NETWORKS = {
    "dinov3-s": Official(
        "facebookresearch/dinov3",
        "6876159a11b4df116f30f667f8c9888617df0751",
        _dinov3,
        _dinov3_outputs,
        constants=_dinov3_constants,
        load=_dinov3_load,
    ),
    "fcbformer": Official(
        "ESandML/FCBFormer",
        "c3531990ddfac6b1ae6153dbfa0ad921ff63dedd",
        _fcbformer,
        lambda network, x: [network.TB(x), network(x)],
    ),
    "mk-unet": Official(
        "SLDGroup/MK-UNet",
        "126eb4a812a6a97ee9a6940d0651ea71b02c0cbe",
        lambda: import_module("mkunet_network").MK_UNet(),
        lambda network, x: network(x),
    ),
    "mk-unet-t": Official(
        "SLDGroup/MK-UNet",
        "126eb4a812a6a97ee9a6940d0651ea71b02c0cbe",
        lambda: import_module("mkunet_network").MK_UNet_T(),
        lambda network, x: network(x),
    ),
    "sam2-unet": Official(
        "WZH0120/SAM2-UNet",
        "01598e5e9912ffb23f965ecbebf4d1dfecbaa56e",
        _sam2_unet,
        lambda network, x: network(x),
    ),
    "u-kan": Official(
        "CUHK-AIM-Group/U-KAN",
        "b20bf63490f01ba45cc2c18834bc0c4975c12715",
        lambda: import_module("archs").UKAN(1, embed_dims=[128, 160, 256]),
        lambda network, x: [network(x)],
        below="Seg_UKAN",
        constants=_knots,
    ),
    "utanet": Official(
        "AshleyLuo001/UTANet",
        "d643204de3a6e3163156b796b50aedd521870e49",
        _utanet,
        _utanet_outputs,
        below="utanet",
        side=224,
    ),
}


def official(name: str) -> nn.Module:
    """The official network with drawn weights, in float64 and evaluation mode."""
    told = NETWORKS[name]
    folder = FOLDER / told.repository.rpartition("/")[2] / told.below
    if not folder.is_dir():
        pytest.skip(f"no clone {folder}; MIXSEG_OFFICIAL names another folder")
    with _importing_from(folder):
        network = told.network()
    network.load_state_dict(kit.drawn(network))
    network.double().eval()
    told.constants(network)
    kit.levelled(network, lambda: told.outputs(network, kit.image(told.side)))
    return network


@torch.no_grad()
def check(name: str, outputs: kit.Outputs, tolerance: float = kit.TOLERANCE) -> float:
    """Compares ours with the official network of the same weights, output by output.

    Returns: the largest relative difference over all outputs.
    """
    told, theirs = NETWORKS[name], official(name)
    method = build(name, told.side).double()
    told.load(method, theirs.state_dict())
    method.eval()
    x = kit.image(told.side)
    pairs = zip(outputs(method, x), told.outputs(theirs, x), strict=True)
    apart = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
    assert apart < tolerance, apart
    return apart


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Modules of the folder come first, and are forgotten afterwards; timm keeps its own names."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's, of its old paths
        registry = import_module("timm.models.registry")
    try:
        with patch.object(registry, "register_model", lambda build: build):
            yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]
