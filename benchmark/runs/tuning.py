"""Chooses a value of a recipe or of a method on the split `val`; the test cases are not touched.

Each value is trained on `train` alone and scored on `val`. What is finished lies in the store by
the digest of all that it depends on, the value included, and is reused.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.core import environment as record
from benchmark.core.errors import MixSegError, ParamsError, TrainingError
from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.data.cases import Cases, load_cases
from benchmark.methods import discover
from benchmark.methods.code import file_digest
from benchmark.runs.candidates import SCORED_ON, TRAINED_ON, Candidate, Choice, candidates
from benchmark.runs.execute import method_error
from benchmark.runs.identity import Plan, RunSpec, evaluation_code, plan_run
from benchmark.runs.settings import MAPS, RECORD, SCORES, RunOptions
from benchmark.runs.store import RunDirectory, run_directory


@dataclass(frozen=True)
class Tried:
    """What came of one value.

    Attributes:
        scores: a row a case of `val`: dataset, modality, case, dsc; None if training failed.
        record: when, where and from which commit it was trained, or the cause.
    """

    candidate: Candidate
    scores: pd.DataFrame | None
    record: dict[str, Any]


def tune(
    paths: Paths, choice: Choice, options: RunOptions, progress: Progress
) -> tuple[Plan, list[Tried]]:
    """Tries every value of a choice.

    Returns: the method's own plan, and what came of each value, in the order given.

    Raises: MethodError, ParamsError, MissingDataError, StoreError; TrainingError if no value could
        be trained.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError("torchrun", "mixseg tune", "one process", "Start it without torchrun.")
    entry = discover.pin(paths.root, choice.method)
    mix = load_params(paths.root).mix(choice.mix)
    seed = mix.seeds[0] if choice.seed is None else choice.seed
    spec = RunSpec(choice.method, choice.mix, seed)
    plan = plan_run(paths, spec)
    chosen = candidates(entry, plan, choice)
    tried = list(_Tuner(paths, options, progress).each(chosen))
    if all(each.scores is None for each in tried):
        found = "; ".join(f"{each.candidate}: {each.record['failed']}" for each in tried)
        raise TrainingError(spec, found, "a value that trains", "Try other values.")
    return plan, tried


def split(prepared: Path, name: str, modality: str) -> Cases:
    """The cases of one split, of one modality if that is not empty.

    Raises: ParamsError if there are none.
    """
    cases = load_cases(prepared, (name,))
    if modality:
        cases = cases.where((cases.table["modality"] == modality).to_numpy())
    if not len(cases):
        what = f"{prepared}, split {name!r}" + (f", {modality}" if modality else "")
        raise ParamsError(what, "no case", "some to tune on", "Tune on a mix that has them.")
    return cases


class _Tuner:
    """Trains, predicts and scores one value after the other; each step looks what is there."""

    def __init__(self, paths: Paths, options: RunOptions, progress: Progress) -> None:
        self.paths, self.options, self.progress = paths, options, progress
        evaluation = evaluation_code(paths.root)
        self.maps_code = evaluation.prediction
        self.score_code = f"{evaluation.scoring}-{file_digest(Path(__file__))}"

    def each(self, chosen: list[Candidate]) -> Iterator[Tried]:
        """What came of each value; one whose loss is not finite stops no other."""
        start, worked = time.monotonic(), 0
        for k, candidate in enumerate(chosen):
            directory = run_directory(self.paths.store, candidate.plan.identity.run)
            with directory.locked():
                directory.clear_failure()
                if self._ready(directory):
                    self.progress.say(f"{candidate}: already done")
                else:
                    left = (time.monotonic() - start) / worked * (len(chosen) - k) if worked else 0
                    about = f", about {left:.0f} s left" if left else ""
                    self.progress.say(f"{candidate}: value {k + 1} of {len(chosen)}{about}")
                    worked += 1
                tried = self._try(candidate, directory)
            yield tried

    def _ready(self, directory: RunDirectory) -> bool:
        return directory.has(MAPS, self.maps_code) and directory.has(SCORES, self.score_code)

    def _try(self, candidate: Candidate, directory: RunDirectory) -> Tried:
        try:
            if not directory.has(MAPS, self.maps_code):
                self._train(candidate, directory)
            if not directory.has(SCORES, self.score_code):
                self._score(candidate.plan, directory)
        except TrainingError as error:
            directory.fail(str(error))
            return Tried(candidate, None, {"failed": str(error)})
        except MixSegError as error:
            directory.fail(str(error))
            raise
        except Exception as error:
            named = method_error(error, self.paths.root, candidate.plan.spec.method)
            directory.fail(str(named))
            raise named from error
        directory.has(RECORD, candidate.plan.identity.run)  # refuses a record that was edited
        scores = pd.read_csv(directory.folder / SCORES, dtype={"case": str})
        return Tried(candidate, scores, read_json(directory.folder / RECORD))

    def _train(self, candidate: Candidate, directory: RunDirectory) -> None:
        from benchmark.evaluation.predict import predict_cases
        from benchmark.runs.train import build, set_up
        from benchmark.training.features import FeatureCache
        from benchmark.training.loop import TrainOptions, train

        plan, about = candidate.plan, record.commit(self.paths.root)
        prepared, device = self.paths.prepared(plan.spec.mix), set_up(self.options)
        parts = [split(prepared, name, plan.card.modality) for name in (TRAINED_ON, SCORED_ON)]
        method = build(self.paths, plan)
        how = TrainOptions(
            seed=plan.spec.seed,
            identity=plan.identity.run,
            device=device,
            compile=device == "cuda" if self.options.compile is None else self.options.compile,
            checkpoint=directory.checkpoint,
            features=self.paths.features,
        )
        history = train(method, parts[0], plan.recipe, how, self.progress)
        features = FeatureCache(method, self.paths.features, device)
        features.prepare(parts[1], self.progress)
        maps = directory.folder / MAPS
        predict_cases(
            method, parts[1], maps, features=features.of, device=device, progress=self.progress
        )
        told = {"train": len(parts[0]), "commit": about, "hardware": record.hardware(device)}
        seconds = round(sum(row["seconds"] for row in history), 3)
        times = {"train_s": seconds, "versions": record.versions()}
        write_json(directory.folder / RECORD, {**told, **times, "finished": record.finished_at()})
        directory.finish(RECORD, plan.identity.run)
        directory.finish(MAPS, self.maps_code)
        directory.checkpoint.unlink(missing_ok=True)

    def _score(self, plan: Plan, directory: RunDirectory) -> None:
        from benchmark.evaluation.score import write_scores

        cases = split(self.paths.prepared(plan.spec.mix), SCORED_ON, plan.card.modality)
        frame = dsc_of(directory.folder / MAPS, cases, load_params(self.paths.root).threshold)
        write_scores(directory.folder / SCORES, frame)
        directory.finish(SCORES, self.score_code)


def dsc_of(maps_path: Path, cases: Cases, threshold: float) -> pd.DataFrame:
    """The DSC of every case, the mean of its prompt draws: dataset, modality, case, dsc."""
    from benchmark.evaluation.maps import read_maps
    from benchmark.evaluation.metrics import first_level, tally

    rows, first = [], first_level(threshold)
    with read_maps(maps_path) as maps:
        for dataset, table in cases.table.groupby("dataset", sort=False):
            masks, of = cases.masks[str(dataset)], maps[str(dataset)]
            about = zip(table["modality"], table["case"], table["row"], strict=True)
            for k, (modality, case, row) in enumerate(about):
                draws = [tally(levels, masks[row] != 0, first).counts.dsc() for levels in of[k]]
                rows.append((dataset, modality, case, float(sum(draws) / len(draws))))
    return pd.DataFrame(rows, columns=["dataset", "modality", "case", "dsc"])
