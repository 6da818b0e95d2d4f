"""Cached embeddings: once a case, resumed, shared, bounded, and used for predictions too."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark.core.errors import MethodError, ParamsError, StoreError
from benchmark.core.files import Paths
from benchmark.core.progress import Silent
from benchmark.data.cases import Cases, load_cases
from benchmark.data.prompts import point
from benchmark.evaluation.maps import read_maps
from benchmark.evaluation.predict import predict_cases
from benchmark.evaluation.score import score_maps
from benchmark.methods.declaration import Card
from benchmark.methods.method import Inputs, Method
from benchmark.training.features import LIMIT, FeatureCache, embedder_digest

CARD = Card(
    name="net", title="Net", source="tests", licence="Apache-2.0", mixes=("tiny",),
    prompt="point", draws=5,
)  # fmt: skip


class Encoder(nn.Module):
    """One convolution, and how often it was asked."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale, self.seen = scale, 0
        self.conv = nn.Conv2d(3, 2, 1).requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        self.seen += len(image)
        value: Tensor = self.scale * self.conv(image)
        return value

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


class Net(Method):
    """A frozen encoder, and a head that adds a bump at the point."""

    card = CARD

    def __init__(self, size: int = 32, scale: float = 1.0) -> None:
        super().__init__()
        self.encoder, self.head = Encoder(scale), nn.Conv2d(2, 1, 1)

    def embedder(self) -> nn.Module:
        return self.encoder

    def embed(self, image: Tensor) -> Tensor:
        value: Tensor = self.encoder(image).half()
        return value

    def predict(self, inputs: Inputs) -> Tensor:
        assert inputs.features is not None
        assert inputs.points is not None
        logits: Tensor = self.head(inputs.features.float())
        return logits + (inputs.points[:, 0] @ torch.tensor([0.001, 0.1])).view(-1, 1, 1, 1)


class Other(Net):
    """Another head on the same encoder."""

    card = CARD.model_copy(update={"name": "other"})

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.head = nn.Conv2d(2, 1, 3, padding=1)


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def build(cls: type[Net] = Net, **more: float) -> Net:
    torch.manual_seed(0)
    return cls(**more)


@pytest.fixture
def cases(project: Paths) -> Cases:
    return load_cases(project.prepared("tiny"), ("train", "val"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "features"


def cache(method: Method, root: Path | None, cases: Cases) -> FeatureCache:
    made = FeatureCache(method, root, "cpu")
    assert made.prepare(cases, Silent())
    return made


def test_what_is_kept_is_what_embed_gives(cases: Cases, root: Path) -> None:
    method = build()
    index = np.array([30, 2, 9])
    image = torch.from_numpy(cases.pixels(index)[0]).permute(0, 3, 1, 2) / 255
    given = cache(method, root, cases).of(index)
    assert given is not None
    assert given.dtype == torch.float16
    torch.testing.assert_close(given, method.embed(image), atol=1e-3, rtol=1e-3)


def test_each_case_once_and_never_again(cases: Cases, root: Path) -> None:
    method = build()
    cache(method, root, cases)
    assert method.encoder.seen == len(cases) == 32
    cache(method, root, cases)
    assert method.encoder.seen == 32


def test_rows_share_an_encoder_and_nothing_else(cases: Cases, root: Path) -> None:
    cache(build(), root, cases)
    other = build(Other)
    cache(other, root, cases)
    assert other.encoder.seen == 0
    for stranger in (build(scale=2.0), Net()):  # other settings; other weights
        cache(stranger, root, cases)
        assert stranger.encoder.seen == 32
    assert len(list(root.iterdir())) == 3


def test_runs_that_start_together_share_the_work(cases: Cases, root: Path) -> None:
    """Another run embeds the rest while this one is at its first case."""
    method, other = build(), build()

    def meanwhile(*_: object) -> None:
        if method.encoder.seen == 0:
            cache(other, root, cases)

    method.encoder.register_forward_pre_hook(meanwhile)
    cache(method, root, cases)
    assert (method.encoder.seen, other.encoder.seen) == (1, 32)


def test_runs_embed_in_different_orders(cases: Cases, root: Path) -> None:
    """So that two that start together do not compute the same case at the same time."""
    orders = []
    for k in range(2):
        shown: list[np.ndarray] = []
        method = build()
        method.encoder.register_forward_pre_hook(
            lambda _, given, to=shown: to.append(given[0].numpy())
        )
        cache(method, root / str(k), cases)
        orders.append(np.concatenate(shown).tobytes())
    assert orders[0] != orders[1]


def test_an_embedding_depends_on_no_other_case(cases: Cases, root: Path) -> None:
    given = cache(build(), root, cases).of(np.arange(32))
    alone = cases.where(np.arange(32) == 17)
    assert given is not None
    again = cache(build(), root.with_name("alone"), alone).of(np.array([0]))
    assert again is not None
    assert torch.equal(given[17], again[0])


def test_equal_pictures_are_embedded_once(cases: Cases, root: Path) -> None:
    table = cases.table.copy()
    table.loc[4:, "digest"] = table.loc[3, "digest"]
    method = build()
    cache(method, root, Cases(table, cases.images, cases.masks, cases.size))
    assert method.encoder.seen == 4


def test_an_interrupted_cache_goes_on(cases: Cases, root: Path) -> None:
    class Stopping(Net):
        card = CARD

        def embed(self, image: Tensor) -> Tensor:
            if self.encoder.seen > 10:
                raise KeyboardInterrupt
            return super().embed(image)

    torch.manual_seed(0)
    method = Stopping()
    with pytest.raises(KeyboardInterrupt):
        FeatureCache(method, root, "cpu").prepare(cases, Silent())
    kept = method.encoder.seen
    assert kept == 11
    assert len(list(root.glob("*/*.npy"))) == kept
    assert not list(root.glob("*/.*"))
    method.encoder.seen = 0
    Stopping.embed = Net.embed  # type: ignore[method-assign]
    folder = next(root.iterdir())
    folder.rename(root / embedder_digest(method)[:16])
    cache(method, root, cases)
    assert method.encoder.seen == 32 - kept


def test_the_size_is_said_before(cases: Cases, root: Path) -> None:
    told = Listening()
    FeatureCache(build(), root, "cpu").prepare(cases, told)
    assert len(told.lines) == 1
    # 32 cases of 2 x 32 x 32 numbers of 2 bytes
    assert told.lines[0].startswith(f"32 embeddings, {32 * 4096 / 2**30:.2f} GiB in {root}")


def test_a_cache_beyond_its_limit_is_refused(
    cases: Cases, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT, "0.0001")
    method = build()
    with pytest.raises(StoreError, match=rf"32 embeddings, .* at most 0.0001 GiB.*set {LIMIT}"):
        FeatureCache(method, root, "cpu").prepare(cases, Silent())
    assert method.encoder.seen == 1
    assert not root.exists()
    monkeypatch.setenv(LIMIT, "0.00013")  # 32 x 4096 bytes are 0.000122 GiB
    cache(method, root, cases)
    with pytest.raises(StoreError, match=r"0\.00 GiB kept"):  # what is kept counts
        FeatureCache(Net(), root, "cpu").prepare(cases, Silent())
    monkeypatch.setenv(LIMIT, "much")
    with pytest.raises(ParamsError, match="MIXSEG_FEATURES_GIB: 'much'"):
        FeatureCache(Net(), root, "cpu").prepare(cases, Silent())


def test_a_full_disk_is_told_before(
    cases: Cases, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(StoreError, match=r"0\.00 GiB free on the disk, expected room for 32"):
        FeatureCache(build(), root, "cpu").prepare(cases, Silent())


def test_an_encoder_that_learns_is_refused(cases: Cases, root: Path) -> None:
    method = build()
    method.encoder.conv.bias.requires_grad_(True)  # type: ignore[union-attr]
    with pytest.raises(MethodError, match=r"embed\(\): conv.bias learns"):
        FeatureCache(method, root, "cpu").prepare(cases, Silent())


def test_a_broken_embedding_is_named(cases: Cases, root: Path) -> None:
    made = cache(build(), root, cases)
    made.files[3].write_bytes(made.files[3].read_bytes()[:200])
    with pytest.raises(StoreError, match=r"\.npy: unreadable .*Delete it"):
        made.of(np.array([3]))


def test_five_draws_cost_one_embedding_and_stay_apart(project: Paths, tmp_path: Path) -> None:
    cases = load_cases(project.prepared("tiny"), ("test",))
    method, to = build(), tmp_path / "probs.npz"
    made = cache(method, tmp_path / "features", cases)
    predict_cases(method, cases, to, features=made.of, device="cpu", progress=Silent())
    assert method.encoder.seen == len(cases) == 8
    _, masks = cases.pixels(np.arange(8))
    drawn = [
        {tuple(point(mask, int(key), k)) for k in range(5)}
        for mask, key in zip(masks, cases.keys(), strict=True)
    ]
    with read_maps(to) as maps:
        levels = [maps[d][i] for d in maps for i in range(len(maps[d]))]
    assert {level.shape for level in levels} == {(5, 32, 32)}
    # Another point, another map; two draws may hit one pixel.
    assert [len({m.tobytes() for m in level}) for level in levels] == [len(p) for p in drawn]
    assert max(map(len, drawn)) == 5
    scores = score_maps(to, project.prepared("tiny"), 0.5, Silent())
    by_case = scores.groupby(["dataset", "case"], sort=False)
    assert set(by_case["draw"].agg(tuple)) == {(0, 1, 2, 3, 4)}
    assert by_case["mae"].nunique().tolist() == [len(p) for p in drawn]
