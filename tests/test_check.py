"""Each rule of the conformance kit: a method that keeps all, and faults that each break one."""

import socket
from pathlib import Path

import pytest
from made_plugins import method, write_plugin

from benchmark.core.files import Paths
from benchmark.core.progress import Silent
from benchmark.methods.conformance.kit import RULES, CheckResult, check, offline
from benchmark.methods.conformance.training_rules import patterns
from benchmark.methods.sync import sync


@pytest.fixture
def root(project: Paths) -> Path:
    return project.root


def results(root: Path, source: str) -> dict[str, CheckResult]:
    write_plugin(root, "baselines/sam", source)
    sync(root, "sam")
    return {result.name: result for result in check(root, "sam", Silent())}


def broken(root: Path, source: str) -> dict[str, str]:
    return {name: result.detail for name, result in results(root, source).items() if not result.ok}


def test_a_good_method_keeps_every_rule(root: Path) -> None:
    sync(root, "small")
    found = check(root, "small", Silent())
    assert [result.name for result in found] == list(RULES)
    assert [r.name for r in found if not r.applies] == ["follows its prompt"]
    assert [result for result in found if not result.ok] == []
    assert "keeps 32, keeps 100, keeps 352" in {result.detail for result in found}


def test_only_the_rules_asked_for(root: Path) -> None:
    assert [result.name for result in check(root, "small", Silent(), {"shape and type"})] == [
        "shape and type"
    ]


def test_a_wrong_shape_is_told_with_file_found_expected_and_cure(root: Path) -> None:
    more = "def predict(self, inputs):\n    return self(inputs.image)[..., ::2, ::2]\n"
    told = broken(root, method("sam", more=more))
    assert told["shape and type"] == (
        "baselines/sam/plugin.py: predict() gave (2, 1, 16, 16), expected (2, 1, 32, 32), "
        "the size of inputs.image. Upsample inside predict()."
    )


def predicts(lines: str, init: str = "") -> str:
    start = "def predict(self, inputs):\n    x = self(inputs.image)"
    return method("sam", init=init, more=f"{start}\n    {lines}\n")


def loses(lines: str) -> str:
    start = "loss = super().loss(inputs, mask)['total']"
    return method("sam", more=f"def loss(self, inputs, mask):\n    {start}\n    {lines}\n")


ONE_SIZE = "if size {}:\n    raise {}(f'side {{size}} is not {}')\n"
CONNECTS = "import socket\nsocket.create_connection(('example.org', 80), 1)"
ASKS_QUIETLY = """\
import socket
try:
    socket.getaddrinfo('example.org', 80)
except OSError:
    pass
"""
ROOT_OF_ZERO = """\
w = self.network[0].weight
    return {'total': loss + (w - w).abs().sum().sqrt()}
"""
HALF_HELD = """\
def parameter_groups(self, lr):
    return [{'params': self.network[2].parameters(), 'lr': lr}]
"""
UNSEEDED = """\
import os
with torch.no_grad():
    self.network[2].bias.fill_(int.from_bytes(os.urandom(2), 'big') / 65536)
"""
BUFFER = "self.register_buffer('seen', torch.zeros(1))"
HIDDEN = "self.hidden = torch.rand(1)"
STEPS = """\
def loss(self, inputs, mask):
    self.steps = getattr(self, "steps", 0) + 1
    return {"total": super().loss(inputs, mask)["total"] * self.steps}
"""
FAULTS = [
    ("builds offline", method("sam", init=CONNECTS), "the network for ('example.org', 80)"),
    ("builds offline", method("sam", init=ASKS_QUIETLY), "the network for example.org"),
    (
        "keeps the size",
        method("sam", init=ONE_SIZE.format("> 300", "RuntimeError", "small")),
        "at 352 pixels: RuntimeError: side 352 is not small",
    ),
    (
        "keeps the size",
        method("sam", init=ONE_SIZE.format("< 50", "ValueError", "large")),
        "at 32 pixels: ValueError: side 32 is not large, expected a map of that size, which a mix",
    ),
    ("keeps the size", predicts("return x[:, :, :99]"), "predict() gave (1, 1, 99, 100)"),
    ("shape and type", predicts("return x.double()"), "predict() gave torch.float64"),
    ("finite", predicts("return x / inputs.image.mean()"), "not finite on a black image"),
    ("gradients", method("sam", init="self.idle = nn.Linear(2, 2)"), "no gradient for idle.*"),
    ("gradients", method("sam", unused={"network.0.bias": "?"}), "network.0.bias, which got a"),
    ("gradients", method("sam", unused={"nothing": "?"}), "`unused` lists 'nothing'"),
    ("gradients", loses("return {'total': loss / mask.sum()}"), "on an empty mask"),
    ("gradients", loses("return loss"), "loss() gave Tensor, expected a dict"),
    ("gradients", loses("return {'total': loss[None]}"), "a finite scalar"),
    ("gradients", loses(ROOT_OF_ZERO), "got a gradient that is not finite"),
    ("gradients", method("sam", more=HALF_HELD), "groups() holds network.0.weight 0 times"),
    (
        "learns one batch",
        loses("return {'total': loss * 0 + 1}"),
        "from 1.000 to 1.000 in 20 steps",
    ),
    ("same seed, same weights", method("sam", init=UNSEEDED), "network.2.bias differs"),
    (
        "follows its prompt",
        method("sam", prompt="point"),
        "predict() gave the same map for two prompts",
    ),
    ("free of the batch", predicts("return x - x.mean()"), "of a case alone differs"),
    ("free of the batch", predicts("return x + torch.rand(1)"), "of a case again differs"),
    (
        "free of the batch",
        predicts("self.seen += 1\n    return x", BUFFER),
        "predict() changed seen",
    ),
    ("state round trip", predicts("return x + self.hidden", HIDDEN), "loaded from saved weights"),
    ("kill and resume", method("sam", more=STEPS), "differs between a run that was killed"),
]


@pytest.mark.parametrize(("rule", "source", "says"), FAULTS)
def test_a_fault_breaks_its_rule(root: Path, rule: str, source: str, says: str) -> None:
    write_plugin(root, "baselines/sam", source)
    found = {result.name: result for result in check(root, "sam", Silent(), {rule})}
    assert not found[rule].ok
    assert says in found[rule].detail
    assert found[rule].detail.startswith("baselines/sam/plugin.py: ")


def test_every_rule_has_a_fault_that_breaks_it() -> None:
    assert {rule for rule, _, _ in FAULTS} | {"rendered files"} == set(RULES)


def test_files_that_are_missing_or_out_of_date(root: Path) -> None:
    plugin = write_plugin(root, "baselines/sam", method("sam"))
    (missing,) = check(root, "sam", Silent(), {"rendered files"})
    assert "card.json is not what the declaration says" in missing.detail
    sync(root, "sam")
    assert check(root, "sam", Silent(), {"rendered files"})[0].ok
    declaration = plugin.with_name("method.yaml")
    declaration.write_text(declaration.read_text().replace("title: T", "title: U"))
    (old,) = check(root, "sam", Silent(), {"rendered files"})
    assert old.detail.endswith("Run `mixseg sync sam`.")


def test_nothing_is_tried_on_a_method_that_is_not_built(root: Path) -> None:
    write_plugin(root, "baselines/sam", method("sam", init="raise OSError('gone')"))
    first, *others = check(root, "sam", Silent())
    assert (first.name, first.ok) == ("builds offline", False)
    assert "OSError: gone" in first.detail
    assert [result.tried for result in others] == [False] * (len(RULES) - 1)
    assert others[0].line().endswith("not tried, as it depends on: builds offline")


def test_one_wrong_shape_is_one_failure(root: Path) -> None:
    found = results(root, predicts("return x[..., ::2, ::2]"))
    assert [name for name, result in found.items() if not result.ok] == ["shape and type"]
    assert [name for name, result in found.items() if result.ok and result.tried] == [
        "builds offline", "rendered files", "same seed, same weights",
    ]  # fmt: skip


def test_parameters_without_a_gradient_are_listed_as_patterns_all_of_them() -> None:
    every = ["a.x.w", "a.x.b", "a.y.w", "b.0.w", "b.0.b", "c"]
    assert patterns(["a.x.w", "a.x.b", "b.0.w", "b.0.b"], every) == ["a.x.*", "b.*"]
    assert patterns(["a.y.w", "c"], every) == ["a.y.*", "c"]
    assert patterns(["b.0.w"], every) == ["b.0.w"]


def test_a_refused_size_is_fine_when_its_error_names_it(root: Path) -> None:
    init = ONE_SIZE.format("not in (32, 352)", "ValueError", "32 or 352")
    found = results(root, method("sam", init=init))
    assert found["keeps the size"].detail == "keeps 32, refuses 100, keeps 352"


def test_a_method_used_as_released_is_not_trained(root: Path) -> None:
    found = results(root, method("sam", "self.requires_grad_(False)", recipe="as-released"))
    assert all(result.ok for result in found.values())
    left_out = [name for name, result in found.items() if not result.applies]
    assert left_out == ["follows its prompt", "gradients", "learns one batch", "kill and resume"]


def test_unused_parameters_that_are_listed_are_fine(root: Path) -> None:
    unused = {"idle.*": "in the official code, and used nowhere"}
    assert broken(root, method("sam", "self.idle = nn.Linear(2, 2)", unused=unused)) == {}


@pytest.mark.parametrize("prompt", ["point", "box"])
def test_prompts_are_made_for_methods_that_want_them(root: Path, prompt: str) -> None:
    seen = {"point": "inputs.points[:, 0, 0]", "box": "inputs.boxes[:, 0]"}[prompt]
    more = (
        "def predict(self, inputs):\n"
        f"    return self(inputs.image) + 0.01 * {seen}[:, None, None, None].float()\n"
        "def loss(self, inputs, mask):\n"
        f"    return {{'total': super().loss(inputs, mask)['total'] + 0 * {seen}.float().mean()}}\n"
    )
    assert broken(root, method("sam", more=more, prompt=prompt)) == {}


EMBEDS = """\
def embed(self, image):
    with torch.no_grad():
        return self.network[0](image)
def predict(self, inputs):
    return self.network[1:](inputs.features)
def loss(self, inputs, mask):
    from benchmark.methods.losses import weighted_bce_iou
    return {"total": weighted_bce_iou(self.predict(inputs), mask)}
"""


def test_features_are_embedded_for_methods_that_want_them(root: Path) -> None:
    frozen = "self.network[0].requires_grad_(False)"
    assert broken(root, method("sam", init=frozen, more=EMBEDS)) == {}


FITS = """\
def fit(self, cases, features):
    with torch.no_grad():
        self.network[2].weight.zero_()
        self.network[2].bias.fill_(-1.5)
    return True
"""


def test_a_method_in_closed_form_is_fitted(root: Path) -> None:
    start = "nn.init.constant_(self.network[2].bias, 5.0)"
    found = results(root, method("sam", init=start, more=FITS))
    assert [result for result in found.values() if not result.ok] == []
    assert found["learns one batch"].detail.endswith("in fitting")
    assert not found["gradients"].applies


def test_offline_refuses_and_recovers() -> None:
    with offline() as asked, pytest.raises(OSError, match="no network"):
        socket.create_connection(("example.org", 80))
    assert asked == ["('example.org', 80)"]
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname(), 1).close()
