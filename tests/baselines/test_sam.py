"""SAM: equal to the official network and to that of transformers; prompts, sizes, what learns."""

from pathlib import Path

import pytest
import support
import torch
from parity import check
from safetensors.torch import save_file
from support import ROOT
from torch import Tensor

from baselines._shared import sam_encoder
from baselines._shared.sam_encoder import ImageEncoder, RelativeAttention
from baselines._shared.sam_keys import sam_keys
from baselines._shared.sam_method import best
from baselines._shared.sam_network import Prompts, Sam
from baselines._shared.sam_prompt import PromptEncoder
from benchmark.core.errors import MethodError, MissingDataError
from benchmark.core.params import load_params
from benchmark.methods.declaration import Card
from benchmark.methods.discover import card_of, folders
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore

PARTS = {"image_encoder": 89_670_912, "prompt_encoder": 6_220, "mask_decoder": 4_058_340}
POINT = Prompts(torch.tensor([[[20.0, 30.0]]]), torch.ones(1, 1, dtype=torch.long))


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of three blocks, the last of which attends to the whole image."""
    monkeypatch.setattr(sam_encoder, "DEPTH", 3)


def build(name: str, size: int = 64, side: int = 128) -> Method:
    torch.manual_seed(0)
    return support.build(name, size, side=side).eval()


def shown(size: int = 64) -> Inputs:
    """Two images, a point and a label each."""
    image = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    points = torch.tensor([[[10.0, 20.0]], [[40.0, 8.0]]])
    return Inputs(image, points, torch.ones(2, 1, dtype=torch.long))


@pytest.mark.slow  # a network of its real size; the smaller one of transformers stays
def test_it_is_equal_to_the_official_network() -> None:
    def outputs(method: Method, image: Tensor) -> list[Tensor]:
        network = method.network
        prompts = Prompts(torch.tensor([[[500.0, 375.0]]]), torch.ones(1, 1, dtype=torch.long))
        embedding = network.image_encoder(image)
        sparse = network.prompt_encoder.points(prompts.points, prompts.labels, 1024)
        dense = network.prompt_encoder.no_mask(64, 64)
        return [embedding, sparse, dense, *network.decode(embedding, prompts, 1024)]

    check("sam", "sam_vit_b_1024", outputs, (1, 3, 1024, 1024),
        torch.float32, 1e-4,
    )  # fmt: skip


def test_parameter_counts() -> None:
    network = build("sam").network
    found = {n: sum(p.numel() for p in m.parameters()) for n, m in network.named_children()}
    assert found == PARTS
    assert sum(PARTS.values()) == 93_735_472


def hf_model(side: int, layers: int):  # type: ignore[no-untyped-def]
    from transformers import SamConfig, SamModel, SamVisionConfig

    torch.manual_seed(1)
    vision = SamVisionConfig(
        image_size=side, num_hidden_layers=layers, global_attn_indexes=[2], window_size=14
    )
    prompt = {"image_size": side, "patch_size": 16}
    config = SamConfig(vision_config=vision.to_dict(), prompt_encoder_config=prompt)
    return SamModel(config).eval()


@pytest.mark.parametrize("multimask", [False, True])
def test_it_is_equal_to_the_network_of_transformers(shallow: None, multimask: bool) -> None:
    side, theirs = 64, hf_model(64, 3)
    for name, value in theirs.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            torch.nn.init.normal_(value, std=0.1)  # zeros would hide them
    ours = Sam(ImageEncoder(side)).eval()
    ours.load_state_dict(sam_keys(theirs.state_dict()))
    image = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        given = theirs(
            pixel_values=image, input_points=POINT.points[None], input_labels=POINT.labels[None],
            multimask_output=multimask,
        )  # fmt: skip
        masks, quality = ours(image, POINT, multimask)
    torch.testing.assert_close(masks, given.pred_masks[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(quality, given.iou_scores[0], atol=1e-5, rtol=1e-4)


def test_a_box_is_equal_to_that_of_transformers(shallow: None) -> None:
    theirs = hf_model(64, 3)
    ours = Sam(ImageEncoder(64)).eval()
    ours.load_state_dict(sam_keys(theirs.state_dict()))
    image, box = torch.randn(1, 3, 64, 64), torch.tensor([[4.0, 9.0, 50.0, 41.0]])
    with torch.no_grad():
        given = theirs(pixel_values=image, input_boxes=box[None], multimask_output=False)
        masks, _ = ours(image, Prompts(boxes=box))
    torch.testing.assert_close(masks, given.pred_masks[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["sam", "medsam", "self-prompt-sam"])
@pytest.mark.parametrize("theirs", ["official", "transformers"])
def test_both_names_of_keys_load(tmp_path: Path, shallow: None, name: str, theirs: str) -> None:
    method = support.build(name, 64)
    if theirs == "official":
        state = {k: torch.rand_like(v) for k, v in method.network.state_dict().items()}
        torch.save(state, tmp_path / method.card.weights[0].files[0])
    else:
        state = {k: v.contiguous().clone() for k, v in hf_model(1024, 3).state_dict().items()}
        save_file(state, tmp_path / method.card.weights[0].files[1])
        state = sam_keys(state)
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in method.network.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert method.sight.side == 1024


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path, shallow: None) -> None:
    method = build("sam-box")
    state = {k: v.clone() for k, v in method.network.state_dict().items()}
    state.pop("mask_decoder.iou_token.weight")
    torch.save(state, tmp_path / "sam_vit_b_01ec64.pth")
    with pytest.raises(MethodError, match=r"'sam_vit_b': missing: mask_decoder.iou_token.weight"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))


def test_weights_that_are_nowhere_are_named(
    tmp_path: Path, shallow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    method = build("sam-box")
    with pytest.raises(MissingDataError, match=r"sam_vit_b_01ec64.pth.*facebook/sam-vit-base"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))


def test_the_decoder_learns_and_nothing_else(shallow: None) -> None:
    method, released = build("sam"), build("sam-point")
    learns = {name for name, p in method.named_parameters() if p.requires_grad}
    assert all(name.startswith("network.mask_decoder.") for name in learns)
    assert "network.mask_decoder.transformer.layers.0.mlp.lin1.weight" in learns
    # Only the first mask is asked for: the heads of the others and of the quality get nothing.
    frozen = {n for n, _ in method.named_parameters() if "mask_decoder" in n} - learns
    assert {name.split(".")[2] for name in frozen} == {
        "output_hypernetworks_mlps", "iou_prediction_head"
    }  # fmt: skip
    assert not any("mlps.0." in name for name in frozen)
    assert not any(p.requires_grad for p in released.parameters())
    method.train()
    assert not method.network.image_encoder.training
    assert method.network.mask_decoder.training


def test_prompts_go_to_the_frame_of_the_encoder(shallow: None) -> None:
    """Integer pixels times side / size; SAM itself adds half a pixel of its own frame."""
    method = build("sam", 352, 1024)
    image = torch.zeros(1, 3, 352, 352)
    points, boxes = torch.tensor([[[11.0, 22.0]]]), torch.tensor([[0.0, 33.0, 44.0, 351.0]])
    given = method.scaled(Inputs(image, points, torch.ones(1, 1), boxes))
    assert method.sight.side == 1024
    torch.testing.assert_close(given.points, torch.tensor([[[32.0, 64.0]]]))
    torch.testing.assert_close(given.boxes, torch.tensor([[0.0, 96.0, 128.0, 351 * 1024 / 352]]))


def test_points_and_boxes_as_tokens() -> None:
    encoder = PromptEncoder()
    kinds = [kind.weight[0] for kind in encoder.point_embeddings]
    xy, labels = torch.tensor([[[3.0, 5.0], [7.0, 1.0]]]), torch.tensor([[1, 0]])
    tokens = encoder.points(xy, labels, 16)
    placed = encoder.pe_layer(torch.tensor([[3.5 / 16, 5.5 / 16], [7.5 / 16, 1.5 / 16]]))
    assert tokens.shape == (1, 3, 256)
    torch.testing.assert_close(tokens[0, 0], placed[0] + kinds[1])
    torch.testing.assert_close(tokens[0, 1], placed[1] + kinds[0])
    torch.testing.assert_close(tokens[0, 2], encoder.not_a_point_embed.weight[0])
    corners = encoder.boxes(torch.tensor([[3.0, 5.0, 7.0, 1.0]]), 16)
    torch.testing.assert_close(corners[0], placed + torch.stack(kinds[2:]))


def test_positions_of_cells_are_their_middles() -> None:
    layer = PromptEncoder().pe_layer
    grid = layer.grid(2, 4)
    assert grid.shape == (1, 256, 2, 4)
    # Row 1 of 2, column 2 of 4.
    torch.testing.assert_close(grid[0, :, 1, 2], layer(torch.tensor([2.5 / 4, 1.5 / 2])))


def test_positions_are_not_rounded_by_autocast() -> None:
    layer, share = PromptEncoder().pe_layer, torch.rand(5, 2)
    exact = 2 * torch.pi * (2 * share - 1) @ layer.positional_encoding_gaussian_matrix
    with torch.autocast("cpu", torch.bfloat16):
        placed = layer(share)
    torch.testing.assert_close(placed, torch.cat([exact.sin(), exact.cos()], -1), atol=1e-4, rtol=0)


ROWS = [row for folder in folders(ROOT) for row in folder.cards if "side" in row.arguments]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_side_is_declared_and_only_a_trial_shows_a_smaller_one(row: Card) -> None:
    """Whatever the size of the images, and whether weights are loaded or imported or not."""
    native = 256 if row.name.startswith("sam-med2d") else 1024
    mixes = load_params(ROOT).mixes
    for name, mix in mixes.items():
        shown = mix.card_of(row).arguments["side"]
        assert shown == (128 if name == "smoke" else native), name
    with torch.device("meta"):
        for size in (64, 352):
            assert support.build(row.name, size).sight.side == native
        assert build(row.name).sight.side == 128
    assert len(ROWS) == 14


def test_attention_by_rows_is_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    attention, x = RelativeAttention(4), torch.randn(2, 6, 6, 768)
    for table in (attention.rel_pos_h, attention.rel_pos_w):
        torch.nn.init.normal_(table)
    with torch.no_grad():
        whole = attention(x)
        monkeypatch.setattr(sam_encoder, "MOST_BIASES", 1)
        torch.testing.assert_close(attention(x), whole)


def test_relative_positions_by_hand() -> None:
    """With queries of ones, no keys and values that number the cells, by one head of many."""
    table = torch.tensor([[1.0], [2.0], [3.0]])
    # R[i, j] is the entry of i - j, which runs from -1 to 1.
    assert sam_encoder._table(table, 2)[..., 0].tolist() == [[2, 1], [3, 2]]
    # At three cells there are five entries, drawn linearly through the three.
    wide = sam_encoder._table(table, 3)[..., 0]
    assert wide[0].tolist() == pytest.approx([2.0, 1.4, 1.0])
    assert wide[2].tolist() == pytest.approx([3.0, 2.6, 2.0])


def test_the_best_of_three_is_chosen_by_its_own_word() -> None:
    logits = torch.arange(6.0).view(2, 3, 1, 1)
    quality = torch.tensor([[0.1, 0.9, 0.2], [0.5, 0.1, 0.2]])
    assert best(logits, quality).flatten().tolist() == [1.0, 3.0]


def test_three_masks_are_asked_for_by_one_row_alone(shallow: None) -> None:
    inputs = shown()
    with torch.no_grad():
        one, three = (build(n).decode(inputs)[0] for n in ("sam-point", "sam-point-of-three"))
    assert one.shape[1] == 1
    assert three.shape == (2, 3, 64, 64)


def test_a_kept_embedding_gives_the_same(shallow: None) -> None:
    method, inputs = build("sam"), shown()
    with torch.no_grad():
        kept = method.embed(inputs.image)
        assert kept.dtype == torch.float16
        assert kept.shape == (2, 256, 8, 8)
        given = Inputs(inputs.image, inputs.points, inputs.point_labels, features=kept)
        assert torch.equal(method.predict(given), method.predict(inputs))


def test_the_point_matters(shallow: None) -> None:
    method, inputs = build("sam-point"), shown()
    with torch.no_grad():
        there = Inputs(inputs.image, inputs.points + 20, inputs.point_labels)
        assert not torch.allclose(method.predict(inputs), method.predict(there), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "prompt", "draws"),
    [
        ("sam", "point", 5),
        ("sam-point", "point", 5),
        ("sam-point-of-three", "point", 5),
        ("sam-centre", "centre", 1),
        ("sam-box", "box", 1),
        ("mobile-sam", "point", 5),
        ("mobile-sam-point", "point", 5),
        ("mobile-sam-box", "box", 1),
        ("medsam", "box", 1),
        ("medsam-point", "point", 5),
        ("sam-med2d", "point", 5),
        ("sam-med2d-adapters", "point", 5),
    ],
)
def test_what_each_row_is_shown_stands_in_its_name(name: str, prompt: str, draws: int) -> None:
    card = card_of(ROOT, name)
    assert (card.prompt, card.draws, card.group) == (prompt, draws, "prompted")
    assert {"point": "point", "centre": "centre point", "box": "box"}[prompt] in card.title
