"""UACANet: parity with the official network, its quirks, parameters, its own loss."""

import json
import math
import sys

import pytest
import torch
from parity import ORACLES, check, reference
from support import ROOT, build
from torch import Tensor

from benchmark.methods.discover import card_of
from benchmark.methods.method import Inputs

COUNTS = {"uacanet-s": 24_855_874, "uacanet-l": 67_108_994}


def network_module() -> object:
    """The folder's network.py, as the methods use it."""
    return sys.modules[type(build("uacanet-s").network).__module__]


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """In float64 and evaluation mode, every parameter drawn, so that none hides a part."""
    torch.manual_seed(0)
    for p in module.parameters():
        p.data = torch.randn(p.shape, dtype=torch.float64) * 0.3
    return module.double().eval()


def test_parity() -> None:
    """The large network's result."""
    check("uacanet-l", "uacanet_l", lambda m, x: [m.network(x)[-1]])


def test_the_small_network_is_the_code_of_the_large() -> None:
    """So the large one's parity proves both: one class, and official keys that map onto both."""
    reference()
    small, large = (build(name) for name in COUNTS)
    assert type(large) is type(small)
    entries = json.loads((ORACLES / "uacanet_l_keys.json").read_text())
    state = {entry["key"]: torch.zeros(entry["shape"]) for entry in entries}
    assert set(large.from_official(state)) == set(small.state_dict())


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_parameters(name: str, count: int) -> None:
    method = build(name)
    assert sum(p.numel() for p in method.parameters()) == count


def test_axial_pair_is_two_attentions_along_the_width() -> None:
    """Against each attention's sums written out; on a square theirs along the height is the same.

    Theirs reshapes (C, H, W) to (-1, side) for both, with side = H for the one and W for the other.
    """
    pair = randomised(network_module().AxialPair(16))
    x = torch.randn(2, 16, 6, 6, dtype=torch.float64)
    q, k, v = (part.chunk(2, 1) for part in pair.qkv(x).split([4, 4, 32], 1))
    expected = torch.zeros_like(x)
    for a, side in enumerate((x.shape[2], x.shape[3])):
        query, key, value = (t[a].reshape(2, -1, side) for t in (q, k, v))
        weight = torch.einsum("bnj,bnk->bjk", query, key).softmax(-1)
        found = torch.einsum("bnk,bjk->bnj", value, weight).view_as(x)
        expected += pair.gamma[a] * found + x
    torch.testing.assert_close(pair(x), expected)
    assert pair(x[:, :, :4]).shape == (2, 16, 4, 6)


def test_official_weights_of_both_attentions_are_joined_in_their_order() -> None:
    parts = [f"{part}_conv.conv.weight" for part in ("query", "key", "value")]
    state = {
        f"decoder.{axis}.{key}": torch.full((n, 8, 1, 1), float(10 * k + j))
        for j, axis in enumerate(("Hattn", "Wattn"))
        for k, (key, n) in enumerate(zip(parts, (1, 1, 2), strict=True))
    }
    gammas = {
        f"decoder.{axis}.gamma": torch.full((1,), g) for axis, g in (("Hattn", 5.0), ("Wattn", 6.0))
    }
    ours = build("uacanet-s").from_official({**state, **gammas})
    assert set(ours) == {"network.decoder.axial.qkv.conv.weight", "network.decoder.axial.gamma"}
    assert ours["network.decoder.axial.gamma"].tolist() == [5, 6]
    rows = ours["network.decoder.axial.qkv.conv.weight"][:, 0, 0, 0]
    assert rows.tolist() == [0, 1, 10, 11, 20, 20, 21, 21]


def test_half_an_attention_is_left_as_it_is() -> None:
    """So that strict loading names it."""
    state = {"decoder.Hattn.gamma": torch.zeros(1)}
    assert list(build("uacanet-s").from_official(state)) == ["network.decoder.Hattn.gamma"]


def test_the_context_is_reshaped_without_a_permute() -> None:
    """Three regions times x seen as (HW, 2C) row by row; the permuted form is something else."""
    attention = randomised(network_module().ContextAttention(8))
    x, coarse = (torch.randn(1, c, 5, 5, dtype=torch.float64) for c in (16, 1))
    seen: list[Tensor] = []
    attention.key.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    attention(x, coarse)
    s = torch.sigmoid(coarse)
    half = 0.5 * torch.ones_like(s)
    regions = [(s - half).clamp(0, 1), (half - s).clamp(0, 1), half - (s - half).abs()]
    p = torch.cat(regions, 1).view(3, 25)
    theirs, proper = p @ x.reshape(25, 16), p @ x.view(16, 25).T
    torch.testing.assert_close(seen[0][0, :, :, 0].T, theirs)
    assert (theirs - proper).abs().max() > 0.1


def test_pixel_iou_by_hand() -> None:
    # 2 x 2, one pixel foreground: w = 1 + 5 * 960/961 = 5.994797 on it, 1 + 5/961 = 1.005203 else.
    # s = 0.5: BCE = ln 2. Foreground: 1 - (0.5 + 1) / (0.5 + 1 - 0.5 + 1) = 1/4; background:
    # 1 - 1 / (0.5 + 1) = 1/3. (5.994797 / 4 + 3 * 1.005203 / 3) / 9.010406 = 0.277891
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    loss = build("uacanet-s-as-published").map_loss
    assert loss(torch.zeros(1, 1, 2, 2), mask).item() == pytest.approx(
        math.log(2) + 0.277891, abs=1e-5
    )


def test_pixel_iou_is_a_mean_over_cases_and_of_finite_gradient() -> None:
    loss = build("uacanet-s-as-published").map_loss
    logits = torch.tensor([-200.0, 0.0, 3.0, 200.0]).view(1, 1, 2, 2).repeat(3, 1, 1, 1)
    mask = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2), torch.eye(2)[None]])
    logits.requires_grad_()
    total = loss(logits, mask)
    total.backward()
    assert torch.isfinite(logits.grad).all()
    each = torch.stack([loss(logits[k : k + 1], mask[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(total, each.mean())


def test_every_map_is_supervised() -> None:
    torch.manual_seed(0)
    method = build("uacanet-s")
    image, mask = torch.rand(2, 3, 64, 64), (torch.rand(2, 1, 64, 64) > 0.5).float()
    total = method.loss(Inputs(image), mask)["total"]
    maps = method.network(method.normalise(image))
    assert len(maps) == 4
    torch.testing.assert_close(total, sum(method.map_loss(logits, mask) for logits in maps))


def test_attention_learns_though_it_begins_switched_off() -> None:
    """gamma is 0, so that its queries have a zero gradient at first, and gamma has none."""
    method = build("uacanet-s")
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, 16:40, 8:40] = 1
    method.loss(Inputs(torch.rand(2, 3, 64, 64)), mask)["total"].backward()
    axial = method.network.decoder.axial
    assert not axial.gamma.any()
    assert (axial.gamma.grad != 0).all()
    assert torch.isfinite(axial.qkv.conv.weight.grad).all()


@pytest.mark.parametrize("name", COUNTS)
def test_as_published_recipe(name: str) -> None:
    card = card_of(ROOT, f"{name}-as-published")
    assert (card.base, card.group) == (name, "as-published")
    recipe = card.recipe
    assert (recipe.epochs, recipe.batch, recipe.warmup, recipe.schedule) == (240, 32, 300, "poly")
    assert "later their rate became" in recipe.why
