"""One run from its name to its files: train, predict, score; a finished step is not repeated."""

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.core.digests import digest_of
from benchmark.core.environment import commit, pick_device
from benchmark.core.errors import (
    MethodError,
    MissingDataError,
    MixSegError,
    ParamsError,
    StoreError,
    TrainingError,
)
from benchmark.core.files import Paths, read_json, write_json, write_text
from benchmark.core.params import Params, load_params
from benchmark.core.progress import Progress, Silent
from benchmark.core.recorded import check, files_of, listed, note, run_path
from benchmark.methods import discover
from benchmark.methods.importing import own_line
from benchmark.runs.energy import ENERGY, Meter
from benchmark.runs.identity import Plan, RunSpec, evaluation_code, method_code, plan_run
from benchmark.runs.noted import Noted
from benchmark.runs.settings import (
    ARTEFACTS,
    HISTORY,
    MAPS,
    ORDERED_RUN,
    RECORD,
    RUN,
    SCORES,
    WEIGHTS,
    RunOptions,
)
from benchmark.runs.store import RunDirectory, publish, run_directory
from benchmark.runs.trackers import About, Following, check_installed


def look_up(paths: Paths, params: Params, spec: RunSpec) -> Plan:
    """The plan of a run.

    Raises: MethodError, ParamsError, MissingDataError.
    """
    mix = params.mix(spec.mix)
    card = discover.card_of(paths.root, spec.method)
    mixes = params.mixes_of(card)
    if spec.mix not in mixes:
        raise ParamsError(
            f"method {spec.method!r}", f"it does not run on {spec.mix!r}",
            f"one of {', '.join(mixes) or 'no mix'}",
            f"Add its group {card.group!r}, or its name, to mixes.{spec.mix} in params.yaml.",
        )  # fmt: skip
    if spec.seed not in mix.seeds_of(card):
        raise ParamsError(
            f"params.yaml: mixes.{spec.mix}.seeds", f"no seed {spec.seed} for {spec.method!r}",
            f"one of {mix.seeds_of(card)}", "Add it there, or name one of these.",
        )  # fmt: skip
    return plan_run(paths, spec)


def execute(paths: Paths, spec: RunSpec, options: RunOptions, progress: Progress) -> str:
    """Does what of a run is not done yet, and puts its files where they belong.

    Returns: "done", "already done", or "already done" with a note on artefacts that are not here.

    Raises: MixSegError; the cause stays in the store for `mixseg status`.
    """
    params = load_params(paths.root)
    plan = look_up(paths, params, spec)
    asked = os.environ.get(ORDERED_RUN, plan.identity.run)
    if asked != plan.identity.run:
        raise StoreError(
            f"{spec}, on this machine", f"identity {plan.identity.run[:16]}",
            f"{asked[:16]}, as on the machine that ordered it",
            "Give both the same code, data and weights, then run the same command again.",
        )  # fmt: skip
    if options.log:
        check_installed(options.log)
    directory = run_directory(paths.store, plan.identity.run)
    if options.restart and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError(
            "torchrun", "--restart", "a run without it",
            "Restart the run with one process, end it, then start torchrun.",
        )  # fmt: skip
    if int(os.environ.get("RANK", "0")):
        return _follow(paths, plan, directory, options)
    with directory.locked():
        if options.restart:
            for path in (directory.checkpoint, directory.folder / ENERGY):
                path.unlink(missing_ok=True)
        directory.clear_failure()
        try:
            return _Pass(paths, params, plan, directory, options).go(Noted(progress, directory))
        except MixSegError as error:
            directory.fail(str(error))
            raise
        except Exception as error:
            named = method_error(error, paths.root, spec.method)
            directory.fail(str(named))
            raise named from error


def take_in(paths: Paths, plan: Plan) -> RunDirectory:
    """The folder of a run in the store, with what lies beside its results taken into it.

    Raises: StoreError if the results were edited, or another process holds the run.
    """
    directory = run_directory(paths.store, plan.identity.run)
    with directory.locked():
        one = _Pass(paths, load_params(paths.root), plan, directory, RunOptions())
        kept = one._kept()
        if kept:
            one._adopt(kept)
    return directory


def method_error(error: Exception, root: Path, name: str) -> MethodError:
    """An error of a method's own code, with the last of its lines that led to it."""
    line = own_line(root, error)
    where = f"method {name!r}, {line}" if line else f"method {name!r}"
    problem = " ".join(str(error).split())
    return MethodError(
        where, f"{type(error).__name__}: {problem}", "a step without an error",
        f"`mixseg check {name}` tries it rule by rule; --debug shows the traceback.",
    )  # fmt: skip


def _follow(paths: Paths, plan: Plan, directory: RunDirectory, options: RunOptions) -> str:
    """What every process but the first does under torchrun: it trains along and writes nothing."""
    if not directory.has(WEIGHTS, plan.identity.run):
        from benchmark.runs.train import train_along

        train_along(paths, plan, directory, options, Silent())
    return "done"


class _Pass:
    """One pass over a run's steps: each looks whether its file is there, by the same code."""

    def __init__(
        self, paths: Paths, params: Params, plan: Plan, directory: RunDirectory, options: RunOptions
    ) -> None:
        self.paths, self.params, self.plan, self.directory = paths, params, plan, directory
        self.options, self.code = options, evaluation_code(paths.root)
        spec, group = plan.spec, plan.card.group
        self.results = paths.run(spec.mix, group, spec.method, spec.seed)
        self.artefacts = paths.artefacts(spec.mix, spec.method, spec.seed)

    def go(self, progress: Progress) -> str:
        """Does what is missing; see `execute` for what is returned."""
        steps = (
            (WEIGHTS, self.plan.identity.run, self._train),
            (MAPS, self.code.prediction, self._predict),
            (SCORES, self.code.scoring, self._score),
        )
        kept = self._kept()
        if kept:
            self._adopt(kept)
            missing = [name for name in ARTEFACTS if name not in self.directory.done()]
            if WEIGHTS in missing and not self.options.retrain:
                return self._without_artefacts(kept)
        worked = False
        for name, code, step in steps:
            if not self.directory.has(name, code):
                if not worked:
                    self._load()
                worked = True
                step(progress)
        self._publish()
        return "done" if worked else "already done"

    def _kept(self) -> dict[str, Any]:
        """The record of results that are here and of this very run; empty without.

        Raises: StoreError if it was edited, and the store has no other one.
        """
        path, spec = self.results / RUN, self.plan.spec
        if RECORD not in self.directory.done():
            known = listed(self.paths.results(spec.mix))
            name = run_path(self.plan.card.group, spec.method, spec.seed)
            do = f"Restore it, or delete {self.results}: the run is then made again."
            check(path, known.get(name), do)
        record = read_json(path) if path.is_file() else {}
        same = record.get("identity", {}).get("run") == self.plan.identity.run
        return record if same else {}

    def _adopt(self, record: dict[str, Any]) -> None:
        """Takes what lies beside the results into the store, where it is what the run wrote."""
        files = files_of(record)
        run = self.plan.identity.run
        maps, scores = (record.get(key) for key in ("prediction_code", "scoring_code"))
        codes = {WEIGHTS: run, HISTORY: run, MAPS: maps, SCORES: scores}
        done = self.directory.done()
        for name, code in codes.items():
            folder = self.artefacts if name in ARTEFACTS else self.results
            path = folder / name
            fits = name in files and path.is_file() and digest_of(path) == files[name]
            if name not in done and code and fits:
                publish(path, self.directory.folder / name)
                self.directory.finish(name, code)
        if set(ARTEFACTS) & set(self.directory.done()) and RECORD not in done:
            write_json(self.directory.folder / RECORD, record)
            self.directory.finish(RECORD, self.plan.identity.run)

    def _without_artefacts(self, record: dict[str, Any]) -> str:
        """What is said where results are of this run and its weights and maps are elsewhere.

        Raises: MissingDataError if they are needed to score or to predict again.
        """
        pull = f"`mixseg pull {self.plan.spec.mix} --weights`"
        how = f"get them with {pull}, or train again with --retrain"
        old_scores = record.get("scoring_code") != self.code.scoring
        same_maps = record.get("prediction_code") == self.code.prediction
        if old_scores and same_maps and MAPS in self.directory.done():
            self._load()
            self._score(Silent())
            self._publish()
            return "done"
        if not old_scores:
            return f"already done; its weights and maps are not here: {how}"
        raise MissingDataError(
            self.artefacts, "scored by earlier code, cannot be scored again here",
            "the weights and maps of the run", f"{how[0].upper()}{how[1:]}.",
        )  # fmt: skip

    def _load(self) -> None:
        """Imports all code of the run now, so that an edit under way cannot mix two versions."""
        import benchmark.evaluation.score
        import benchmark.runs.predict  # noqa: F401

        root, spec = self.paths.root, self.plan.spec
        discover.pin(root, spec.method)
        folder = discover.declared(root)[spec.method]
        now = (method_code(folder), evaluation_code(root))
        if now != (self.plan.identity.method_code, self.code):
            raise StoreError(
                spec, "code that changed while it was loaded", "code that stays",
                "Run the same command again.",
            )  # fmt: skip

    def _train(self, progress: Progress) -> None:
        from benchmark.runs.train import train_run

        begun = {"commit": commit(self.paths.root)}  # the one at which training began
        given = (self.paths, self.plan, self.directory, self.options, progress)
        meter = Meter(self.directory, pick_device(self.options.device))
        tracking = Following(self.options.log, self._about(), self.directory, progress)
        with tracking, meter:
            history, record = train_run(*given)
            tracking.finish(history)
        record["energy"] = meter.told()
        frame = pd.DataFrame(history)
        write_text(self.directory.folder / HISTORY, frame.to_csv(index=False, float_format="%.6g"))
        write_json(self.directory.folder / RECORD, {**begun, **record})
        for name in (MAPS, SCORES):  # of weights that are gone, where a run is trained again
            self.directory.forget(name)
        for name in (HISTORY, RECORD, WEIGHTS):
            self.directory.finish(name, self.plan.identity.run)
        self.directory.checkpoint.unlink(missing_ok=True)
        meter.forget()
        tracking.forget()

    def _about(self) -> About:
        """What a tracker is told of the run."""
        spec = self.plan.spec
        told = {"method": spec.method, "mix": spec.mix, "seed": spec.seed}
        recipe = {key: value for key, value in self.plan.recipe.fields().items() if key not in told}
        where = self.paths.root / "work" / "trackers"
        return About(where, self.plan.identity.run, {**told, **recipe})

    def _predict(self, progress: Progress) -> None:
        from benchmark.runs.predict import predict_mix
        from benchmark.runs.train import set_up

        start, spec, folder = time.monotonic(), self.plan.spec, self.directory.folder
        device = set_up(self.options)
        predict_mix(
            self.paths, spec.method, spec.mix,
            weights=folder / WEIGHTS, maps=folder / MAPS, device=device, progress=progress,
        )  # fmt: skip
        self._note({"predict_s": round(time.monotonic() - start, 3)})
        self.directory.finish(MAPS, self.code.prediction)

    def _score(self, progress: Progress) -> None:
        from benchmark.evaluation.score import score_maps, write_scores

        maps, prepared = self.directory.folder / MAPS, self.paths.prepared(self.plan.spec.mix)
        threshold, threads = self.params.threshold, self.options.threads
        frame = score_maps(maps, prepared, threshold, progress, threads=threads)
        write_scores(self.directory.folder / SCORES, frame)
        self.directory.finish(SCORES, self.code.scoring)

    def _note(self, times: dict[str, float]) -> None:
        path = self.directory.folder / RECORD
        record = read_json(path)
        record["times"].update(times)
        write_json(path, record)
        self.directory.finish(RECORD, self.plan.identity.run)

    def _said(self) -> dict[str, Any]:
        """What the record says of the run, by today's names and titles."""
        plan = self.plan
        card, identity = plan.card, asdict(plan.identity)
        return {
            "schema": 2,
            "method": card.name,
            "title": card.title,
            "mix": plan.spec.mix,
            "group": card.group,
            "seed": plan.spec.seed,
            "size": plan.mix.size,
            "prompt": card.prompt,
            "pretrained_on": sorted(card.pretrained_on) if identity["weights"] else [],
            "initialisation": plan.identity.initialisation,
            "weights": plan.identity.weights,
            "recipe": plan.recipe.fields(),
            "deviations": plan.deviations(),
            "why": card.recipe.why,
            "identity": identity,
        }

    def _publish(self) -> None:
        folder, done = self.directory.folder, self.directory.done()
        digests = {}
        for name in (HISTORY, SCORES, WEIGHTS, MAPS):
            if name not in done:
                continue
            self.directory.has(name, done[name]["code"])  # refuses what was edited in the store
            kept, to = done[name]["sha256"], self.artefacts / name
            if name not in ARTEFACTS:
                kept, to = digest_of(folder / name), self.results / name
            digests[name] = kept
            if not (to.is_file() and digest_of(to) == digests[name]):
                publish(folder / name, to)
        codes = {"prediction_code": done[MAPS]["code"], "scoring_code": done[SCORES]["code"]}
        self.directory.has(RECORD, self.plan.identity.run)
        kept = read_json(folder / RECORD)
        # A history that could not be adopted keeps the digest with which it was written.
        files = {**files_of(kept), **digests}
        write_json(self.results / RUN, {**kept, **self._said(), **codes, "files": files})
        note(self.paths, self.plan.spec.mix, self.results / RUN)
