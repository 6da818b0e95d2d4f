"""MACs worked out by hand, what the counter does not see, memory, time, and the command."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from made_plugins import method as source
from made_plugins import write_plugin
from support import mixseg
from torch import Tensor, nn

from benchmark.core.errors import MethodError, ParamsError
from benchmark.core.files import Paths, write_text
from benchmark.core.progress import Silent
from benchmark.evaluation import cost
from benchmark.evaluation.cost import MOVES, count_macs, latencies_ms, made_image, peak_memory
from benchmark.methods.discover import method_entry
from benchmark.methods.method import Method
from benchmark.runs.measure_cost import measure

IMAGE = torch.rand(1, 3, 10, 12)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that show nothing but take no time."""
    monkeypatch.setattr(cost, "WARM_UP_S", 0.0)
    monkeypatch.setattr(cost, "MOST_S", 0.0)


def operations(forward: Callable[[], object]) -> dict[str, int]:
    return dict(count_macs(forward)[1])


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), 10 * 12 * 8 * 3 * 9),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), 5 * 6 * 8 * 3 * 9),
        (nn.Conv2d(3, 6, 3, padding=1, groups=3), 10 * 12 * 6 * 1 * 9),
        (nn.ConvTranspose2d(3, 5, 2, stride=2), 10 * 12 * 3 * 5 * 4),
        (nn.Linear(12, 7), 3 * 10 * 12 * 7),
    ],
    ids=repr,
)
def test_macs_of_layers(layer: nn.Module, macs: int) -> None:
    assert count_macs(lambda: layer(IMAGE)) == (macs, [])


def test_macs_of_products_with_a_vector() -> None:
    matrix, vector = torch.rand(5, 7), torch.rand(7)
    assert count_macs(lambda: matrix @ vector) == (5 * 7, [])
    assert count_macs(lambda: vector @ vector) == (7, [])
    assert count_macs(lambda: torch.addmv(torch.rand(5), matrix, vector))[0] == 5 * 7


def test_macs_of_attention() -> None:
    """Two heads, 6 queries, 9 keys, 8 wide: q k^T and its product with v."""
    q, k = torch.rand(1, 2, 6, 8), torch.rand(1, 2, 9, 8)
    macs, unseen = count_macs(lambda: F.scaled_dot_product_attention(q, k, k))
    assert macs == 2 * (6 * 9 * 8 + 6 * 9 * 8)
    assert any("softmax" in str(name) for name, _ in unseen)


def test_macs_of_a_whole_encoder_layer_that_torch_would_fuse() -> None:
    """6 tokens of 16: queries, keys, values and output 4·16·16, 2·6·16 of attention, MLP of 32."""
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    tokens, fast = torch.rand(1, 6, 16), torch.backends.mha.get_fastpath_enabled()
    assert count_macs(lambda: layer(tokens))[0] == 6 * (4 * 16 * 16 + 2 * 6 * 16 + 2 * 16 * 32)
    assert torch.backends.mha.get_fastpath_enabled() == fast


def test_macs_are_the_same_inside_the_methods_own_inference_mode() -> None:
    layer = nn.Linear(12, 7)
    inside = torch.inference_mode()(lambda: F.scaled_dot_product_attention(*[layer(IMAGE)] * 3))
    assert count_macs(inside)[0] == 3 * 10 * 12 * 7 + 3 * 2 * 10 * 10 * 7


def test_what_calculates_is_named_and_what_moves_is_not() -> None:
    def forward() -> Tensor:
        x = IMAGE.view(3, 120).transpose(0, 1).contiguous()
        x = F.interpolate(torch.cat([x, x])[None], scale_factor=2.0).squeeze_(0)
        return x.relu().relu_().add(1.0).reshape(-1)[::2].to(torch.float64)

    assert count_macs(forward) == (0, [["add", 1], ["relu", 2]])


def test_an_operation_of_a_library_bears_its_name() -> None:
    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assert operations(lambda: nms(boxes, torch.ones(1), 0.5)) == {"torchvision::nms": 1}


def test_moves_are_operations_that_exist() -> None:
    assert [name for name in MOVES if not hasattr(torch.ops.aten, name)] == []


def test_memory_of_a_known_tensor() -> None:
    """Weights of 4 MiB; 96 MiB of ones, and as much for their double."""
    weights = nn.Linear(1024, 1024, bias=False)

    def forward() -> Tensor:
        return 2 * torch.ones(24 * 2**20)

    forward()
    told = peak_memory(forward, weights, "cpu")
    if told.forward_mib is None:
        pytest.skip(told.how)
    assert told.weights_mib == 4
    assert told.forward_mib == pytest.approx(192, rel=0.1)
    assert told.record()["peak"] == pytest.approx(196, rel=0.1)


def test_memory_that_earlier_passes_have_freed_counts_again() -> None:
    """Many tensors of 1 MiB, which the allocator would keep for the next pass."""
    told = [
        peak_memory(lambda: [torch.ones(2**18) for _ in range(80)], nn.Identity(), "cpu")
        for _ in range(3)
    ][-1]
    if told.forward_mib is None:
        pytest.skip(told.how)
    assert told.forward_mib == pytest.approx(80, rel=0.1)


def test_memory_that_cannot_be_measured_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "KERNEL", tmp_path / "nowhere")
    told = peak_memory(lambda: None, nn.Linear(2, 2), "cpu").record()
    assert (told["peak"], told["forward"]) == (None, None)
    assert told["how"].startswith("not measured: ")
    assert "clear_refs" in told["how"]


def test_latency_is_of_single_passes_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "WARM_UP_S", 0.05)
    calls = []

    def forward() -> None:
        calls.append(0)
        time.sleep(0.02)

    monkeypatch.setattr(cost, "MOST_S", 0.0)
    times = latencies_ms(forward, "cpu")
    assert len(times) == cost.LEAST_RUNS
    assert len(calls) >= cost.LEAST_RUNS + cost.WARM_UP_RUNS
    assert min(times) >= 20
    monkeypatch.setattr(cost, "MOST_S", 60.0)
    assert len(latencies_ms(lambda: None, "cpu")) == cost.MOST_RUNS


def built(root: Path, name: str) -> Method:
    return method_entry(root, name).build(32)


POINT = """
def predict(self, inputs):
    assert inputs.points.shape == (1, 1, 2)
    assert 8 <= inputs.points.min() and inputs.points.max() < 24
    assert inputs.point_labels.tolist() == [[1]]
    return self(inputs.image)
"""
EMBED = """
def embed(self, image):
    return self.network[0](image)

def predict(self, inputs):
    return self.network[2](inputs.features)
"""


@pytest.mark.usefixtures("quick")
def test_a_method_gets_what_its_card_asks_for(project: Paths) -> None:
    write_plugin(project.root, "baselines/foo", source("foo", more=POINT, prompt="point"))
    told = cost.measure(built(project.root, "foo"), 32, "cpu", Silent())
    assert told["prompt"] == "point"
    assert told["macs"] == 32 * 32 * (4 * 27 + 4)
    image, _ = made_image(built(project.root, "foo"), 32, "cpu")
    assert (image.shape, bool((image >= 0).all()), bool((image <= 1).all())) == (
        (1, 3, 32, 32), True, True,
    )  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_what_is_embedded_is_paid_for(project: Paths) -> None:
    write_plugin(project.root, "baselines/foo", source("foo", more=EMBED))
    told = cost.measure(built(project.root, "foo"), 32, "cpu", Silent())
    assert told["embeds"]
    assert told["macs"] == 32 * 32 * (4 * 27 + 4)
    assert told["not_counted"] == []


@pytest.mark.usefixtures("quick")
def test_logits_of_another_size_are_told(project: Paths) -> None:
    more = "def predict(self, inputs):\n    return self(inputs.image)[..., 1:]"
    write_plugin(project.root, "baselines/foo", source("foo", more=more))
    with pytest.raises(MethodError, match=r"gave: \(1, 1, 32, 31\), expected \(1, 1, 32, 32\)"):
        measure(project, "foo", "tiny", device="cpu", again=False, progress=Silent())


def record_of(paths: Paths, name: str = "small") -> tuple[Path, dict[str, Any]]:
    path = paths.results("tiny") / "main" / name / "cost" / "cost.json"
    return path, json.loads(path.read_text(encoding="utf-8"))


def test_the_command_writes_what_it_says(project: Paths) -> None:
    done = mixseg(project.root, "cost", "--method", "small", "--mix", "tiny", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    path, record = record_of(project)
    macs = 32 * 32 * (8 * 27 + 72)  # two convolutions at 32 x 32
    assert (record["schema"], record["size"], record["macs"]) == (1, 32, macs)
    assert record["parameters"] == {"total": 3 * 8 * 9 + 8 + 16 + 73, "trainable": 313}
    assert record["not_counted"] == [["native_batch_norm", 1], ["relu", 1]]
    assert (
        record["latency_ms"]["q1"] <= record["latency_ms"]["median"] <= record["latency_ms"]["q3"]
    )
    assert record["latency_runs"] >= 5
    assert record["hardware"]["threads"] == 1
    assert record["load"] >= 0
    assert set(record["code"]) == {"method", "measuring"}
    for words in (
        "313, 313 trainable",
        "0.000 G",
        "native_batch_norm 1, relu 1",
        "1 CPU thread(s)",
    ):
        assert words in done.stdout
    assert f"wrote {path.relative_to(project.root)}" in done.stdout
    assert [p.name for p in path.parent.iterdir()] == ["cost.json"]
    assert not list((project.root / "results").glob("**/seed-*"))


@pytest.mark.usefixtures("quick")
def test_what_is_measured_is_not_measured_again(project: Paths) -> None:
    def again(restart: bool = False) -> bool:
        """Whether the bytes stayed."""
        path = project.results("tiny") / "main/small/cost/cost.json"
        before = path.read_bytes()
        said = measure(project, "small", "tiny", device="cpu", again=restart, progress=Silent())
        assert ("already measured: results/tiny" in said) == (path.read_bytes() == before)
        return path.read_bytes() == before

    assert "wrote" in measure(
        project, "small", "tiny", device="cpu", again=False, progress=Silent()
    )
    path, record = record_of(project)
    assert again()
    assert not again(restart=True)
    plugin = project.root / "baselines/small/plugin.py"
    write_text(plugin, plugin.read_text() + "\n# a comment changes no digest\n")
    assert again()
    write_text(plugin, plugin.read_text().replace("nn.Dropout2d(0.1)", "nn.Identity()"))
    assert not again()
    for key, value in (("size", 64), ("hardware", {**record["hardware"], "cpu": "another"})):
        write_text(path, json.dumps({**record_of(project)[1], key: value}))
        assert not again()
    for broken in ("no JSON", "[]", "{}", json.dumps({**record, "latency_ms": None})):
        write_text(path, broken)
        assert not again()


@pytest.mark.usefixtures("quick")
def test_errors_are_named(project: Paths) -> None:
    def told(name: str, mix: str) -> str:
        with pytest.raises((MethodError, ParamsError)) as caught:
            measure(project, name, mix, device="cpu", again=False, progress=Silent())
        return str(caught.value)

    assert "no method 'smal', expected one of 1 methods. Did you mean 'small'?" in told(
        "smal", "tiny"
    )
    assert "no mix 'tin', expected one of tiny. Did you mean 'tiny'?" in told("small", "tin")
    write_plugin(project.root, "baselines/foo", source("foo", init="self.missing.weight = size"))
    assert told("foo", "tiny").startswith("method 'foo', baselines/foo/plugin.py:11: Attribute")
    assert "expected a prediction at 32 x 32 on cpu. `mixseg check foo`" in told("foo", "tiny")
    params = project.root / "params.yaml"
    text = params.read_text()
    more = text[text.index("  tiny:") :].replace("  tiny:", "  more:")
    write_text(params, text + more.replace("    seeds:", "    groups: [prompted]\n    seeds:"))
    assert "it does not run on 'more', expected one of tiny." in told("small", "more")
    assert not (project.root / "results").exists()


def test_errors_of_the_command_are_one_line(project: Paths) -> None:
    done = mixseg(project.root, "cost", "--method", "small", "--mix", "tin")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Did you mean 'tiny'?" in done.stderr
