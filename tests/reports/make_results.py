"""Writes a made-up project for tests of the reports: seeded numbers, nothing was trained."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.files import Paths, read_json, write_json, write_text
from benchmark.core.params import Params
from benchmark.core.recipe import Recipe
from benchmark.data.manifest import sealed
from benchmark.evaluation.maps import write_maps
from benchmark.methods.discover import SyncedCard
from benchmark.reports.study import Study, study_of
from benchmark.reports.tables.grid import csv_text
from benchmark.statistics.results import MixResults, Part, read_results

MIX = "mix0"
SETS = {
    "phantom-fundus": ("Phantom fundus", "fundus"),
    "phantom-colonoscopy": ("Phantom colonoscopy", "colonoscopy"),
    "phantom-ultrasound": ("Phantom ultrasound", "ultrasound"),
    "phantom-dermoscopy": ("Phantom dermoscopy", "dermoscopy"),
}
COLOURS = {"fundus": (190, 90, 40), "colonoscopy": (200, 110, 100),
           "ultrasound": (90, 90, 90), "dermoscopy": (215, 170, 150)}  # fmt: skip
RECIPE: dict[str, Any] = {
    "epochs": 8, "batch": 8, "optimiser": "adamw", "lr": 5e-4, "lr_end": 1e-6,
    "weight_decay": 0.01, "schedule": "cosine", "hflip": 0.5, "vflip": 0.5, "rotation_deg": 5.0,
}  # fmt: skip
PROTOCOLS = ("dsc_minmax256_mean", "dsc_minmax256_max", "iou_minmax256_mean", "dsc_soft",
             "mae_minmax", "dsc_fgbg")  # fmt: skip


@dataclass(frozen=True)
class Made:
    """The project: what the functions of the reports are given."""

    params: Params
    cards: list[SyncedCard]
    paths: Paths

    def results(self, part: Part | None = None) -> MixResults:
        return read_results(MIX, self.params, self.cards, self.paths, part=part)

    def study(self, part: Part = "headline") -> Study:
        return study_of(self.results(part), part)

    def content(self) -> str:
        """Digest of the prepared data."""
        return str(read_json(self.paths.results(MIX) / "data.json")["content"])

    def run(self, group: str, method: str, seed: int) -> Path:
        return self.paths.run(MIX, group, method, seed)


@dataclass(frozen=True)
class Plan:
    """What is made.

    Attributes:
        error: how far predictions miss, by method; NaN misses nothing at all (an oracle).
        weights: what the mix asks for: "random" or "pretrained".
    """

    cases: int = 10
    size: int = 32
    seeds: tuple[int, ...] = (0, 1, 2)
    maps: bool = False
    cards: tuple[SyncedCard, ...] = ()
    error: dict[str, float] = field(default_factory=dict)
    weights: str = "random"


def card(name: str, title: str, **more: Any) -> SyncedCard:
    """A row as `discover.cards` gives it."""
    weights = {"name": "resnet34", "files": ("resnet34.pth",), "licence": "BSD-3-Clause"}
    values = {
        "source": "tests", "licence": "Apache-2.0", "folder": f"baselines/{name}",
        "weights": (weights,), "pretrained_on": {"ImageNet-1k"}, "structure": "s" * 64,
        "parameters": {"total": 24_400_000, "trainable": 24_400_000},
    }  # fmt: skip
    return SyncedCard.model_validate({**values, "name": name, "title": title, **more})


def renamed(one: SyncedCard, **changes: Any) -> SyncedCard:
    """The same row with other fields."""
    return SyncedCard(**{**dict(one), **changes})


CARDS = (
    card("unet", "U-Net"),
    card("unetpp", "U-Net++", recipe={"lr": 0.0001, "why": "paper, section 4"}),
    card("mmsnet", "MMSNet", pretrained_on=["ImageNet-1k", "Phantom Fundus"]),
    card(
        "sam-point",
        "SAM (one point)",
        group="prompted",
        prompt="point",
        draws=3,
        recipe={"epochs": 0, "why": "used as released"},
    ),
)
# Ablations of one base, whose titles are not in alphabetical order, and networks of a single
# modality: of two bases, one of them itself an ablation.
VARIANTS = (
    card("mmsnet-r4", "r = 4", group="ablation", base="mmsnet"),
    card("mmsnet-k16", "K = 16", group="ablation", base="mmsnet"),
    card("mmsnet-fft", "FEP by FFT", group="ablation", base="mmsnet"),
    card("unet-fundus", "U-Net, fundus alone", group="single", base="unet", modality="fundus"),
    card("unet-ultrasound", "U-Net, ultrasound alone", group="single", base="unet",
         modality="ultrasound"),
    card("k16-fundus", "K = 16, fundus alone", group="single", base="mmsnet-k16",
         modality="fundus"),
)  # fmt: skip
GONE = ("ablation", "mmsnet-fft", 1)  # the run that `make_variants` leaves out
ERROR = {"unet": 0.5, "unetpp": 0.4, "mmsnet": 0.3, "sam-point": 0.6, "mmsnet-r4": 0.35,
         "mmsnet-k16": 0.32, "mmsnet-fft": 0.5, "unet-fundus": 0.4, "unet-ultrasound": 0.6,
         "k16-fundus": 0.3}  # fmt: skip
UNSEEN = 4.0  # times the error, on modalities that were not in training


def make(root: Path, plan: Plan | None = None) -> Made:
    """Writes the whole project below `root`."""
    plan = plan or Plan()
    cards = list(plan.cards or CARDS)
    made = Made(_params(plan), cards, Paths(root))
    data = {name: _draw_set(name, plan) for name in SETS}
    _write_prepared(made, data, plan)
    for one in cards:
        seeds = plan.seeds if one.recipe.epochs != 0 else plan.seeds[:1]
        for seed in seeds:
            write_run(made, one, seed, data, plan)
    control = card("centre-disc", "Centre disc", recipe={"epochs": 0, "why": "a control"})
    write_run(made, control, 0, data, plan, group="controls")
    return made


def make_variants(root: Path, plan: Plan | None = None) -> Made:
    """The same with ablations, one of which lacks a run, and networks of one modality."""
    made = make(root, replace(plan or Plan(), cards=(*CARDS, *VARIANTS)))
    shutil.rmtree(made.run(*GONE))
    return made


def _params(plan: Plan) -> Params:
    mix = {
        "title": "Mix0 (made up)", "size": plan.size, "train": list(SETS), "test": list(SETS),
        "seeds": list(plan.seeds), "weights": plan.weights, "recipe": RECIPE,
    }  # fmt: skip
    return Params.model_validate(
        {"focus": "mmsnet", "threshold": 0.5, "resamples": 500, "mixes": {MIX: mix}}
    )


@dataclass(frozen=True)
class _Drawn:
    """Images, masks and shapes (n, 5: centre, radii, angle) of one set."""

    images: np.ndarray
    masks: np.ndarray
    shapes: np.ndarray
    cases: list[str]


def _radius(shape: np.ndarray, size: int) -> np.ndarray:
    """Distance from the centre in radii: inside below 1."""
    y, x = np.mgrid[:size, :size] / size
    cx, cy, rx, ry, angle = shape
    u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
    return np.hypot(u / rx, v / ry)


def _draw_set(name: str, plan: Plan) -> _Drawn:
    rng = np.random.default_rng(list(SETS).index(name))
    n, size = plan.cases, plan.size
    shapes = np.column_stack(
        [rng.uniform(0.3, 0.7, (n, 2)), rng.uniform(0.1, 0.3, (n, 2)), rng.uniform(0, 3, n)]
    )
    inside = np.stack([_radius(shape, size) for shape in shapes]) < 1
    base = np.array(COLOURS[SETS[name][1]], float)
    noise = rng.normal(0, 14, (n, size, size, 3))
    images = base + noise + np.where(inside, -45, 0)[..., None]
    cases = [f"{name.removeprefix('phantom-')}-{i:03d}" for i in range(n)]
    return _Drawn(np.clip(images, 0, 255).astype(np.uint8), inside.astype(np.uint8), shapes, cases)


def _write_prepared(made: Made, data: dict[str, _Drawn], plan: Plan) -> None:
    about = {}
    for name, drawn in data.items():
        folder = made.paths.prepared(MIX) / name
        folder.mkdir(parents=True)
        np.save(folder / "images.npy", drawn.images)
        np.save(folder / "masks.npy", drawn.masks)
        rows = [
            {"case": case, "group": case, "split": "test", "source": case, "digest": "0" * 16}
            for case in drawn.cases
        ]
        write_text(folder / "cases.csv", csv_text(rows))
        about[name] = {
            "modality": SETS[name][1], "role": "seen", "train": 81, "val": 9, "test": plan.cases,
        }  # fmt: skip
    request = made.params.mix(MIX).request()
    prepared = made.paths.prepared(MIX)
    unsealed = {"mix": MIX, "size": plan.size, "datasets": about, "request": request}
    manifest = sealed(unsealed, prepared)
    write_json(prepared / "manifest.json", manifest)
    for name, one in manifest["datasets"].items():
        one |= {"title": SETS[name][0], "licence": "Apache-2.0", "citation": "Drawn for tests."}
    write_json(made.paths.results(MIX) / "data.json", manifest)


def write_run(
    made: Made,
    one: SyncedCard,
    seed: int,
    data: dict[str, _Drawn],
    plan: Plan,
    *,
    group: str = "",
) -> None:
    """Writes run.json, history.csv, scores.csv and, where planned, the maps of a run."""
    rng = np.random.default_rng([seed, *one.name.encode()])
    error = {**ERROR, **plan.error}.get(one.name, 0.9)
    folder = made.run(group or one.group, one.name, seed)
    draws = one.draws
    errors = {name: error * (1 if one.modality in ("", SETS[name][1]) else UNSEEN) for name in data}
    probs = {
        name: _predict(drawn, errors[name], draws, rng, plan.size) for name, drawn in data.items()
    }
    rows = [
        _row(name, drawn, i, draw, probs[name][i, draw], rng)
        for name, drawn in data.items()
        for i in range(plan.cases)
        for draw in range(draws)
    ]
    write_text(folder / "scores.csv", csv_text(rows))
    told = record(one, seed, plan, made.content())
    write_json(folder / "run.json", {**told, "group": group or one.group})
    if one.recipe.epochs != 0:
        write_text(folder / "history.csv", csv_text(_history(error, rng)))
    if plan.maps:
        path = made.paths.artefacts(MIX, one.name, seed) / "probs.npz"
        write_maps(path, probs, {name: drawn.cases for name, drawn in data.items()})


def _predict(
    drawn: _Drawn, error: float, draws: int, rng: np.random.Generator, size: int
) -> np.ndarray:
    """Maps (n, draws, H, W): the shape, moved and stretched."""
    n = len(drawn.cases)
    miss = rng.exponential(error, (n, draws, 1))
    moved = drawn.shapes[:, None] + rng.normal(0, 1, (n, draws, 5)) * miss * [
        0.05, 0.05, 0.03, 0.03, 0.4,
    ]  # fmt: skip
    moved[..., 2:4] = np.maximum(moved[..., 2:4], 0.02)
    radius = np.stack([[_radius(shape, size) for shape in case] for case in moved])
    return 1 / (1 + np.exp(np.clip((radius - 1) * 12, -30, 30)))


def _row(
    name: str, drawn: _Drawn, i: int, draw: int, prob: np.ndarray, rng: np.random.Generator
) -> dict[str, Any]:
    truth, guess = drawn.masks[i] != 0, prob >= 0.5
    tp, fp = int((truth & guess).sum()), int((~truth & guess).sum())
    fn, tn = int((truth & ~guess).sum()), int((~truth & ~guess).sum())
    dsc = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0
    distance: Any = 8 * (1 - dsc) + rng.uniform(0, 1) if tp + fp and tp + fn else ""
    shift = dict(zip(PROTOCOLS, (-0.02, 0.02, -0.1, -0.05, 0.0, 0.03), strict=True))
    return {
        "dataset": name, "modality": SETS[name][1], "case": drawn.cases[i],
        "group": drawn.cases[i], "draw": draw, "dsc": dsc,
        "iou": tp / (tp + fp + fn) if tp + fp + fn else 1.0,
        "sensitivity": tp / (tp + fn) if tp + fn else float(not fp),
        "precision": tp / (tp + fp) if tp + fp else float(not fn),
        "mae": float(np.abs(prob - truth).mean()), "hd95_px": distance,
        "assd_px": distance / 3 if distance else "", "foreground": float(truth.mean()),
        "tp": tp, "fp": fp, "fn": fn, "tn": tn,
        **{protocol: min(1.0, max(0.0, dsc + shift[protocol])) for protocol in PROTOCOLS},
    }  # fmt: skip


def _history(error: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "step": 11 * epoch + 10, "lr": 5e-4, "images_per_s": 61.5,
         "loss": 0.4 * error + 1.3 / (epoch + 1) + rng.normal(0, 0.03), "seconds": 5.0 * epoch}
        for epoch in range(8)
    ]  # fmt: skip


def record(one: SyncedCard, seed: int, plan: Plan, content: str) -> dict[str, Any]:
    """A run.json."""
    trained = one.recipe.epochs != 0
    began = plan.weights if one.weights and (trained or plan.weights == "pretrained") else "none"
    weights = {"resnet34": "77" * 32} if began == "pretrained" else {}
    recipe = one.recipe.over(Recipe(**RECIPE)).fields()
    identity = {
        "method_code": "a1" * 32, "training_code": "b2" * 32, "declared": one.identity(),
        "recipe": {}, "data": content, "weights": weights, "initialisation": began, "seed": seed,
    }  # fmt: skip
    return {
        "schema": 2, "method": one.name, "title": one.title, "mix": MIX, "group": one.group,
        "seed": seed, "size": plan.size, "prompt": one.prompt,
        "pretrained_on": sorted(one.pretrained_on), "initialisation": began, "weights": weights,
        "recipe": recipe, "deviations": one.recipe.deviations(), "why": one.recipe.why,
        "identity": {"run": f"{one.name}{seed}".encode().hex().ljust(64, "0"), **identity},
        "prediction_code": "d4" * 32, "scoring_code": "e5" * 32,
        "parameters": {"total": 24_400_000, "trainable": 24_400_000},
        "data": {"train": 360, "test": dict.fromkeys(SETS, plan.cases)},
        "hardware": {"device": "cpu", "cpu": "AMD EPYC 7B13", "cores": 2, "threads": 2,
                     "memory_gib": 7.7},
        "versions": {"python": "3.11.9", "torch": "2.14.1", "numpy": "2.3.4"},
        "commit": "0123456789ab" if seed != 1 else "ba9876543210",
        "times": {"train_s": 140.5 + seed, "predict_s": 3.25},
        "finished": f"2026-01-0{seed + 1}T12:00:00+00:00",
    }  # fmt: skip


def write_cost(made: Made, method: str, **more: Any) -> Path:
    """Writes the cost.json of a method; `more` replaces keys of it."""
    one = next(one for one in made.cards if one.name == method)
    path = made.paths.results(MIX) / one.group / method / "cost" / "cost.json"
    told = {
        "schema": 1, "method": method, "mix": MIX, "group": one.group,
        "parameters": {"total": 24_400_000, "trainable": 24_300_000},
        "size": made.params.mix(MIX).size, "batch": 1, "device": "cpu", "precision": "float32",
        "weights": "random", "prompt": one.prompt, "embeds": False, "macs": 1_234_567_890,
        "not_counted": [["add", 16], ["native_batch_norm", 46]],
        "latency_ms": {"median": 20.46, "q1": 19.9, "q3": 21.2}, "latency_runs": 100,
        "memory_mib": {"peak": 1234.5, "weights": 93.1, "forward": 1141.4, "how": "growth"},
        "hardware": {"device": "cpu", "cpu": "AMD EPYC 7B13", "cores": 2, "threads": 2,
                     "memory_gib": 7.7},
        "versions": {"python": "3.11.9", "torch": "2.14.1", "numpy": "2.3.4"},
        "code": {"method": "a1" * 32, "measuring": "f6" * 32},
        "finished": "2026-01-01T12:00:00+00:00",
    }  # fmt: skip
    write_json(path, {**told, **more})
    return path


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Changes a JSON file in place."""
    value = json.loads(path.read_text(encoding="utf-8"))
    edit(value)
    write_json(path, value)
