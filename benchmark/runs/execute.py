"""One run from its name to its files: train, predict, score; what is done is not done again."""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.core.environment import commit
from benchmark.core.errors import MethodError, MixSegError, ParamsError, StoreError, TrainingError
from benchmark.core.files import Places, read_json, write_json, write_text
from benchmark.core.params import Params, load_params
from benchmark.core.progress import Progress, Silent
from benchmark.methods import discover
from benchmark.methods.declaration import Card
from benchmark.methods.importing import own_line
from benchmark.runs.identity import Plan, RunSpec, plan_run
from benchmark.runs.store import Shelf, publish, shelf

WEIGHTS, HISTORY, MAPS, SCORES, RECORD = (
    "weights.safetensors", "history.csv", "probs.npz", "scores.csv", "record.json",
)  # fmt: skip


@dataclass(frozen=True)
class RunOptions:
    """How runs are executed; none of it may change what they learn on one machine.

    Attributes:
        device: "cpu", "cuda" or "auto".
        threads: of torch on the CPU; 0 leaves them as they are.
        compile: torch.compile; None does it on a GPU.
        restart: forget the checkpoint.
    """

    device: str = "auto"
    threads: int = 0
    compile: bool | None = None
    restart: bool = False

    def words(self) -> list[str]:
        """The same as words of `mixseg run`."""
        words = ["--device", self.device, "--threads", str(self.threads)]
        if self.compile is not None:
            words.append("--compile" if self.compile else "--no-compile")
        return [*words, "--restart"] if self.restart else words


def look_up(places: Places, params: Params, spec: RunSpec) -> Plan:
    """The plan of a run, from card.json where it is up to date, else from the plugin.

    Raises: MethodError, ParamsError, MissingDataError.
    """
    mix = params.mix(spec.mix)
    card, files = _card(places.root, spec.method)
    if spec.mix not in card.mixes:
        raise ParamsError(
            f"method {spec.method!r}", f"no mix {spec.mix!r} in its card",
            f"one of {', '.join(card.mixes)}", "Add it to `mixes` in the card, then `mixseg sync`.",
        )  # fmt: skip
    if spec.seed not in mix.seeds_of(card):
        raise ParamsError(
            f"params.yaml: mixes.{spec.mix}.seeds", f"no seed {spec.seed} for {spec.method!r}",
            f"one of {mix.seeds_of(card)}", "Add it there, or name one of these.",
        )  # fmt: skip
    return plan_run(places, spec, card, files)


def _card(root: Path, name: str) -> tuple[Card, Sequence[str]]:
    """A card without importing its plugin, unless its code has changed since it was synced."""
    late = {item.folder for item in discover.not_synced(root)}
    for card in discover.cards(root):
        if card.name == name and card.folder not in late:
            return card, card.files
    entry = discover.method_entry(root, name)
    return entry.card, entry.files


def execute(places: Places, spec: RunSpec, options: RunOptions, progress: Progress) -> str:
    """Does what of a run is not done yet, and puts its files where they belong.

    Returns: "done", or "already done".

    Raises: MixSegError; the cause stays in the store for `mixseg status`.
    """
    params = load_params(places.root)
    plan = look_up(places, params, spec)
    place = shelf(places.store, plan.identity.run)
    if options.restart and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError(
            "torchrun", "--restart", "a run without it",
            "Restart the run with one process, end it, then start torchrun.",
        )  # fmt: skip
    if int(os.environ.get("RANK", "0")):
        return _follow(places, plan, place, options)
    with place.locked():
        if options.restart:
            place.checkpoint.unlink(missing_ok=True)
        place.clear_failure()
        try:
            worked = _Pass(places, params, plan, place, options).go(progress)
        except MixSegError as error:
            place.fail(str(error))
            raise
        except Exception as error:
            named = method_error(error, places.root, spec.method)
            place.fail(str(named))
            raise named from error
    return "done" if worked else "already done"


def method_error(error: Exception, root: Path, name: str) -> MethodError:
    """An error of a method's own code, with the last of its lines that led to it."""
    line = own_line(root, error)
    where = f"method {name!r}, {line}" if line else f"method {name!r}"
    problem = " ".join(str(error).split())
    return MethodError(
        where, f"{type(error).__name__}: {problem}", "a step without an error",
        f"`mixseg check {name}` tries it rule by rule; --debug shows the traceback.",
    )  # fmt: skip


def _follow(places: Places, plan: Plan, place: Shelf, options: RunOptions) -> str:
    """What every process but the first does under torchrun: it trains along and writes nothing."""
    if not place.has(WEIGHTS, plan.identity.run):
        from benchmark.runs.train import train_along

        train_along(places, plan, place, options, Silent())
    return "done"


class _Pass:
    """One pass over a run's steps: each looks whether its file is there, by the same code."""

    def __init__(
        self, places: Places, params: Params, plan: Plan, place: Shelf, options: RunOptions
    ) -> None:
        self.places, self.params, self.plan, self.place = places, params, plan, place
        self.options = options
        self.maps_code, self.score_code = evaluation_digests(places.root)
        self.worked = False

    def go(self, progress: Progress) -> bool:
        steps = (
            (WEIGHTS, self.plan.identity.run, self._train),
            (MAPS, self.maps_code, self._predict),
            (SCORES, self.score_code, self._score),
        )
        for name, code, step in steps:
            if not self.place.has(name, code):
                if not self.worked:
                    self._load()
                self.worked = True
                step(progress)
        self._publish()
        return self.worked

    def _load(self) -> None:
        """Imports all code of the run now, so that an edit under way cannot mix two versions."""
        import benchmark.evaluation.score
        import benchmark.runs.predict  # noqa: F401

        entry = discover.pin(self.places.root, self.plan.spec.method)
        files = [self.places.root / file for file in entry.files]
        now = (discover.code_digest(files), *evaluation_digests(self.places.root))
        if now != (self.plan.identity.method_code, self.maps_code, self.score_code):
            raise StoreError(
                self.plan.spec, "code that changed while it was loaded", "code that stays",
                "Run the same command again.",
            )  # fmt: skip

    def _train(self, progress: Progress) -> None:
        from benchmark.runs.train import train_run

        about = self._about()  # the commit is the one at which training began
        history, record = train_run(self.places, self.plan, self.place, self.options, progress)
        frame = pd.DataFrame(history)
        write_text(self.place.folder / HISTORY, frame.to_csv(index=False, float_format="%.6g"))
        write_json(self.place.folder / RECORD, {**about, **record})
        for name in (HISTORY, RECORD, WEIGHTS):
            self.place.finish(name, self.plan.identity.run)
        self.place.checkpoint.unlink(missing_ok=True)

    def _predict(self, progress: Progress) -> None:
        from benchmark.runs.predict import predict_mix
        from benchmark.runs.train import set_up

        start = time.monotonic()
        what = (self.plan.spec.method, self.plan.spec.mix, self.plan.mix.size)
        files = (self.place.folder / WEIGHTS, self.place.folder / MAPS)
        predict_mix(self.places, what, files, (set_up(self.options), progress))
        self._note({"predict_s": round(time.monotonic() - start, 3)})
        self.place.finish(MAPS, self.maps_code)

    def _score(self, progress: Progress) -> None:
        from benchmark.evaluation.score import score_maps, write_scores

        maps, prepared = self.place.folder / MAPS, self.places.prepared(self.plan.spec.mix)
        frame = score_maps(maps, prepared, self.params.threshold, progress)
        write_scores(self.place.folder / SCORES, frame)
        self.place.finish(SCORES, self.score_code)

    def _note(self, times: dict[str, float]) -> None:
        path = self.place.folder / RECORD
        record = read_json(path)
        record["times"].update(times)
        write_json(path, record)
        self.place.finish(RECORD, self.plan.identity.run)

    def _about(self) -> dict[str, Any]:
        plan = self.plan
        card, identity = plan.card, asdict(plan.identity)
        asked, files = identity.pop("asked"), identity.pop("weights")
        return {
            "schema": 1,
            "method": card.name,
            "title": card.title,
            "mix": plan.spec.mix,
            "group": card.group,
            "seed": plan.spec.seed,
            "prompt": card.prompt,
            "pretrained_on": sorted(card.pretrained_on) if files else [],
            "weights": {"asked": asked, "files": files},
            "recipe": plan.recipe.fields(),
            "departures": plan.departures(),
            "why": card.recipe.why,
            "identity": identity,
            "commit": commit(self.places.root),
        }

    def _publish(self) -> None:
        spec, group = self.plan.spec, self.plan.card.group
        results = self.places.run(spec.mix, group, spec.method, spec.seed)
        artefacts = self.places.artefacts(spec.mix, spec.method, spec.seed)
        folder = self.place.folder
        for name, to in (
            (HISTORY, results / HISTORY),
            (SCORES, results / SCORES),
            (WEIGHTS, artefacts / WEIGHTS),
            (MAPS, artefacts / MAPS),
        ):
            publish(folder / name, to)
        record = {**read_json(folder / RECORD), "evaluation_code": self.score_code}
        write_json(results / "run.json", record)


def evaluation_digests(root: Path) -> tuple[str, str]:
    """Digests of the code that writes maps, and of the code that scores them with the threshold."""
    maps, scores = discover.evaluation_code_files(root)
    threshold = load_params(root).threshold
    return discover.code_digest(maps), f"{discover.code_digest([*maps, *scores])}-{threshold}"
