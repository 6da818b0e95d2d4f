"""A project in a temporary folder whose results are made tables: nothing in it was trained.

It has what a real one has: Git and DVC, a folder of methods, drawn and prepared data, and for each
run a record, scores of each case, a history, digests and small files in place of weights; no maps.
"""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmark.core.digests import digest_of
from benchmark.core.environment import hardware, versions
from benchmark.core.files import Paths, write_json, write_text
from benchmark.core.recorded import note
from benchmark.data.cases import load_cases
from benchmark.evaluation.protocols import PROTOCOLS
from benchmark.evaluation.score import write_scores
from benchmark.methods.discover import declared
from benchmark.runs.identity import Plan, RunSpec, evaluation_code, plan_run
from benchmark.runs.settings import WEIGHTS
from benchmark.speed.process import command
from benchmark.statistics.schema import columns

MIX, FOLDER, GROUP = "made", "baselines/made", "main"
SIDE, TRAIN, EPOCHS = 32, 8, 8
COPIED = ("benchmark", "dvc.yaml", ".dvcignore", ".gitignore")
MODALITIES = ("fundus", "colonoscopy", "ultrasound", "dermoscopy")
PLUGIN = '''\
"""One convolution."""

from torch import Tensor, nn

from benchmark.methods.method import Method


class Made(Method):
    """It exists to be counted."""

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.network = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """One convolution."""
        return self.network(image)
'''


def make_project(code: Path, root: Path, *, rows: int, seeds: int, cases: int) -> Paths:
    """Writes the project, with all results.

    Args:
        code: the project whose code it has.
        root: an empty folder.
        cases: of each of four test sets.
    """
    for name in COPIED:
        copy_of(code / name, root / name)
    names = [f"row-{number:03d}" for number in range(rows)]
    declared_rows = {name: {"title": f"Row {name[4:]}"} for name in names}
    method = {"source": "Made.", "licence": "Apache-2.0", "rows": declared_rows}
    write_text(root / "params.yaml", yaml.safe_dump(_params(names[0], seeds, cases)))
    write_text(root / FOLDER / "method.yaml", yaml.safe_dump(method, sort_keys=False))
    write_text(root / FOLDER / "plugin.py", PLUGIN)
    for words in (("git", "init", "-q"), ("dvc", "init", "-q"), ("mixseg", "sync"),
                  ("mixseg", "data", "--mix", MIX, "--record"), ("mixseg", "prepare", "--mix", MIX),
                  ("mixseg", "code"), ("mixseg", "leaks", "--mix", MIX),
                  ("mixseg", "controls", "--mix", MIX)):  # fmt: skip
        command(root, *words)
    paths = Paths(root)
    _write_results(paths, names, seeds)
    return paths


def copy_of(source: Path, to: Path) -> None:
    """Copies a file or a folder, without compiled code; a file may be absent."""
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.is_file():
        shutil.copy(source, to)


def settle(root: Path) -> None:
    """Makes DVC take the results as they are, so that `dvc repro` finds nothing to do."""
    command(root, "dvc", "commit", "-f", "-q", "-d", f"report@{MIX}")


def _params(focus: str, seeds: int, cases: int) -> dict[str, Any]:
    sets = [f"phantom-{modality}" for modality in MODALITIES]
    usual = {"epochs": EPOCHS, "batch": 8, "optimiser": "adamw", "lr": 5e-4, "lr_end": 1e-6,
             "weight_decay": 0.01, "schedule": "cosine", "hflip": 0.5, "vflip": 0.5,
             "rotation_deg": 5.0}  # fmt: skip
    mix = {
        "title": "Made tables", "size": SIDE, "at_most": None, "train": sets, "test": sets,
        "drawn": {"train": TRAIN, "test": cases, "seed": 0}, "seeds": list(range(seeds)),
        "weights": "random", "recipe": usual,
    }  # fmt: skip
    return {"focus": focus, "threshold": 0.5, "resamples": 10_000, "mixes": {MIX: mix}}


def _write_results(paths: Paths, names: list[str], seeds: int) -> None:
    test = load_cases(paths.prepared(MIX), ("test",)).table
    code, folder = evaluation_code(paths.root), declared(paths.root)[names[0]]
    codes = {"prediction_code": code.prediction, "scoring_code": code.scoring}
    machine = {"hardware": hardware("cpu"), "versions": versions(), "commit": None}
    for number, name in enumerate(names):
        for seed in range(seeds):
            plan = plan_run(paths, RunSpec(name, MIX, seed), fetch=False, folder=folder)
            here = paths.run(MIX, GROUP, name, seed)
            here.mkdir(parents=True)
            rng = np.random.default_rng([number, seed])
            write_scores(here / "scores.csv", made_scores(test, number / len(names), rng))
            _history(rng).to_csv(here / "history.csv", index=False, float_format="%.6g")
            files = {each: digest_of(here / each) for each in ("scores.csv", "history.csv")}
            write_text(paths.artefacts(MIX, name, seed) / WEIGHTS, f"{name} {seed}\n")
            tests = test["dataset"].value_counts().to_dict()
            record = {**_record(plan), **codes, **machine, "files": files,
                      "data": {"train": TRAIN * len(MODALITIES), "test": tests}}  # fmt: skip
            write_json(here / "run.json", record)
        _write_cost(paths, name)
    note(paths, MIX, *sorted(paths.results(MIX).glob(f"{GROUP}/*/seed-*/run.json")))


def made_scores(test: pd.DataFrame, quality: float, rng: np.random.Generator) -> pd.DataFrame:
    """The scores of a run, with counts that agree with them.

    Args:
        test: the cases, with their dataset, modality and group.
        quality: 0 misses most, 1 misses least.
    """
    n, size = len(test), 352 * 352
    area = np.random.default_rng(n).integers(2000, 40_000, n)  # of the case: the same in all runs
    missed = rng.beta(1.5 + rng.normal(0, 0.05), 6 + 4 * quality, n)
    tp = (area * (1 - missed)).astype(int)
    fp, fn = (area * rng.beta(1, 9, n)).astype(int), area - tp
    dsc, iou = 2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn)
    values = {
        "draw": 0, "dsc": dsc, "iou": iou, "sensitivity": tp / area,
        "precision": tp / np.maximum(tp + fp, 1), "mae": (fp + fn) / size,
        "hd95_px": 60 * (1 - dsc), "assd_px": 20 * (1 - dsc), "nsd": dsc**2,
        "boundary_iou": dsc**3, "foreground": area / size,
        "tp": tp, "fp": fp, "fn": fn, "tn": size - tp - fp - fn,
    }  # fmt: skip
    moved = {name: np.clip(dsc - 0.01 * k, 0, 1) for k, name in enumerate(PROTOCOLS)}
    keys = {name: test[name].to_numpy() for name in ("dataset", "modality", "case", "group")}
    return pd.DataFrame({**keys, **values, **moved})[[*columns(), *PROTOCOLS]]


def _history(rng: np.random.Generator) -> pd.DataFrame:
    epochs = np.arange(EPOCHS)
    loss = 1.3 / (epochs + 1) + rng.normal(0, 0.03, EPOCHS)
    return pd.DataFrame({"epoch": epochs, "step": 4 * epochs + 3, "lr": 5e-4, "loss": loss,
                         "images_per_s": 61.5, "seconds": 5.0 * epochs})  # fmt: skip


def _record(plan: Plan) -> dict[str, Any]:
    """The part of a run.json that a plan knows."""
    spec, card = plan.spec, plan.card
    return {
        "schema": 2, "method": spec.method, "title": card.title, "mix": spec.mix, "group": GROUP,
        "seed": spec.seed, "size": SIDE, "prompt": card.prompt, "pretrained_on": [],
        "initialisation": plan.identity.initialisation, "weights": {}, "why": "",
        "recipe": plan.recipe.fields(), "deviations": plan.deviations(),
        "identity": asdict(plan.identity), "parameters": {"total": 28, "trainable": 28},
        "times": {"train_s": 40.0, "predict_s": 3.0}, "finished": "2026-01-01T12:00:00+00:00",
    }  # fmt: skip


def _write_cost(paths: Paths, name: str) -> None:
    told = {
        "schema": 1, "method": name, "mix": MIX, "group": GROUP,
        "parameters": {"total": 28, "trainable": 28}, "size": SIDE, "batch": 1, "device": "cpu",
        "precision": "float32", "weights": "random", "prompt": "none", "embeds": False,
        "macs": 27_648, "not_counted": [], "latency_ms": {"median": 20.5, "q1": 19.9, "q3": 21.2},
        "latency_runs": 100, "memory_mib": {"peak": 12.0, "weights": 1.0, "forward": 11.0,
        "how": "growth"}, "hardware": hardware("cpu"), "versions": versions(),
        "code": {"method": "made", "measuring": "made"},
        "finished": "2026-01-01T12:00:00+00:00",
    }  # fmt: skip
    write_json(paths.results(MIX) / GROUP / name / "cost" / "cost.json", told)
