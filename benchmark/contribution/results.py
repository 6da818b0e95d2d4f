"""Whether the committed results of new rows are of their code, recipe and data; trains nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.contribution.changes import Changes, Finding, text_before
from benchmark.contribution.files import DIGESTS, Rows
from benchmark.core.errors import MixSegError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import Mix, Params, load_params
from benchmark.core.recorded import edited, files_of, listed, listed_in, run_path
from benchmark.methods.declaration import Card
from benchmark.methods.discover import Folder
from benchmark.runs.identity import (
    Identity,
    evaluation_code,
    method_code,
    run_digest,
    training_code,
)
from benchmark.runs.settings import ARTEFACTS, RUN, SCORES
from benchmark.runs.why import reasons
from benchmark.statistics.scores import SetScores, read_record, read_scores

PROVENANCE = ("commit", "finished", "hardware", "versions")
AGAIN = "make the run again with `mixseg run`"
Scores = Mapping[str, SetScores]


def result_findings(root: Path, changes: Changes, rows: Rows) -> Iterator[Finding]:
    """What is wrong with the results of the new rows, and with the lists of digests."""
    paths, params = Paths(root), load_params(root)
    for mix in sorted(path.name for path in (root / "results").glob("*") if path.is_dir()):
        yield from _digest_lines(root, changes, rows, mix)
        known: Scores | None = None
        for name, (folder, card) in rows.new.items():
            for place in sorted(paths.results(mix).glob(f"{card.group}/{name}/seed-*")):
                if known is None:
                    known = _others(paths.results(mix), rows)
                yield from _Run(paths, params, mix, folder, card, place).findings(known)


def _digest_lines(root: Path, changes: Changes, rows: Rows, mix: str) -> Iterator[Finding]:
    """The lines of digests.csv that are not of new rows must stay as they were."""
    path = f"results/{mix}/{DIGESTS}"
    if path not in changes.status:
        return
    then = listed_in(text_before(root, changes.start, path))
    now = listed(root / "results" / mix)
    for line in sorted({*then, *now}):
        of_new = line.count("/") > 1 and line.split("/")[1] in rows.new
        if then.get(line) != now.get(line) and not of_new:
            yield Finding(path, f"the line of {line} is changed; restore it")


def _others(results: Path, rows: Rows) -> Scores:
    """The scores of one run that was there before, or of a control; none where there is none."""
    for path in sorted(results.glob(f"*/*/seed-*/{SCORES}")):
        if path.parts[-3] not in rows.new and path.parts[-4] != "supplied":
            try:
                return read_scores(path)
            except MixSegError:
                continue
    return {}


class _Run:
    """The committed results of one run of a new row."""

    def __init__(
        self, paths: Paths, params: Params, mix: str, folder: Folder, card: Card, place: Path
    ) -> None:
        self.paths, self.params, self.mix = paths, params, mix
        self.folder, self.card, self.place = folder, card, place
        self.seed = place.name.removeprefix("seed-")
        self.shown = place.relative_to(paths.root).as_posix()

    def findings(self, known: Scores) -> Iterator[Finding]:
        """All that is wrong, from the files to the numbers."""
        about = self._planned()
        if isinstance(about, str):
            yield Finding(self.shown, about)
            return
        try:
            expected = (self.card.group, self.card.name, int(self.seed))
            record = read_record(self.place / RUN, expected)
            scores = read_scores(self.place / SCORES)
        except MixSegError as error:
            yield Finding(self.shown, self._short(error))
            return
        yield from self._files(record)
        try:
            yield from self._identity(record, about)
        except (MixSegError, TypeError) as error:
            yield Finding(f"{self.shown}/{RUN}", f"cannot be compared with the code: {error}")
        yield from self._provenance(record, about)
        yield from self._cases(scores, known, about)

    def _short(self, error: MixSegError) -> str:
        return str(error).replace(f"{self.place}/", "")

    def _planned(self) -> Mix | str:
        """The mix; or why it does not plan this run."""
        if self.mix not in self.params.mixes:
            return f"params.yaml has no mix {self.mix}"
        about = self.params.mix(self.mix)
        if self.mix not in self.params.mixes_of(self.card):
            return f"the row does not run on {self.mix} by params.yaml"
        if not self.seed.isdigit() or int(self.seed) not in about.seeds_of(self.card):
            return f"{self.mix} plans the seeds {about.seeds_of(self.card)}, not {self.seed}"
        return about

    def _files(self, record: Mapping[str, Any]) -> Iterator[Finding]:
        """Every file that the record lists, no other, each with its digest."""
        name = run_path(self.card.group, self.card.name, self.seed)
        sha256 = listed(self.paths.results(self.mix)).get(name)
        if sha256 is None:
            yield Finding(f"{self.shown}/{RUN}", f"not listed in results/{self.mix}/{DIGESTS}")
        wanted = {k: v for k, v in files_of(record).items() if k not in ARTEFACTS}
        for file, digest in {RUN: sha256, SCORES: None, **wanted}.items():
            if file == SCORES and file not in wanted:
                yield Finding(f"{self.shown}/{RUN}", f"holds no digest of {SCORES}; {AGAIN}")
            elif not (self.place / file).is_file():
                yield Finding(f"{self.shown}/{file}", "no such file, and the record lists it")
            elif found := edited(self.place / file, digest):
                yield Finding(f"{self.shown}/{file}", f"{found}; {AGAIN}")
        for path in sorted(self.place.iterdir()):
            if path.name not in (RUN, *wanted):
                yield Finding(f"{self.shown}/{path.name}", "the record does not list it")

    def _identity(self, record: Mapping[str, Any], about: Mix) -> Iterator[Finding]:
        """The parts of the identity as code, declaration and params.yaml give them now."""
        card = about.card_of(self.card)
        recipe = about.recipe_of(card)
        kept = record["identity"]
        data = self.paths.results(self.mix) / "data.json"
        content = read_json(data).get("content") if data.is_file() else None
        parts: dict[str, Any] = {
            "method_code": method_code(self.folder),
            "training_code": training_code(self.paths.root, recipe),
            "declared": card.identity(),
            # The steps of `equal_steps` are counted from prepared data, which are not here.
            "recipe": kept.get("recipe") if recipe.equal_steps else recipe.identity(),
            "data": content or kept.get("data"),
            "weights": kept.get("weights"),
            "initialisation": about.weights_of(card),
            "seed": int(self.seed),
        }
        # Without its digest, so that every part is compared.
        told = {"identity": {**kept, "run": ""}}
        changed = reasons(told, Identity(run=run_digest(parts), **parts))
        where = f"{self.shown}/{RUN}"
        if changed:
            yield Finding(where, f"not of this code: {', '.join(changed)} differs; {AGAIN}")
        elif kept.get("run") != run_digest({key: kept.get(key) for key in parts}):
            yield Finding(where, f"the digest of the run is not that of its parts; {AGAIN}")
        names = (
            {each.name for each in card.weights}
            if parts["initialisation"] == "pretrained"
            else set()
        )
        if set(kept.get("weights") or {}) != names:
            found = ", ".join(sorted(kept.get("weights") or {})) or "none"
            yield Finding(
                where, f"pretrained weights {found}, declared are {sorted(names) or 'none'}"
            )
        now = evaluation_code(self.paths.root)
        for key, code in (("prediction_code", now.prediction), ("scoring_code", now.scoring)):
            if record.get(key) != code:
                words = key.replace("_", " ")
                yield Finding(where, f"the {words} differs; run `mixseg score --mix {self.mix}`")

    def _provenance(self, record: Mapping[str, Any], about: Mix) -> Iterator[Finding]:
        where = f"{self.shown}/{RUN}"
        for key in PROVENANCE:
            if not record.get(key):
                yield Finding(where, f"does not say `{key}`; {AGAIN}")
        recipe = about.recipe_of(about.card_of(self.card))
        told = {"mix": self.mix, "size": about.size, "prompt": self.card.prompt}
        if not recipe.equal_steps:
            told["recipe"] = recipe.fields()
        for key, value in told.items():
            if _plain(record.get(key)) != _plain(value):
                yield Finding(where, f"`{key}` is not that of params.yaml and of the row; {AGAIN}")

    def _cases(self, scores: Scores, known: Scores, about: Mix) -> Iterator[Finding]:
        """The test cases, and the size of each reference, must be those of the other rows."""
        where = f"{self.shown}/{SCORES}"
        for name in about.test:
            if name not in scores:
                yield Finding(where, f"not scored on {name}")
        for name in sorted(set(scores) - set(about.test)):
            yield Finding(where, f"{name} is no test set of {self.mix}")
        for name in sorted(set(scores) & set(known)):
            own, other = scores[name], known[name]
            if own.cases != other.cases:
                yield Finding(where, f"{name}: its cases are not those of the other rows")
            elif not np.allclose(_reference(own), _reference(other)):
                yield Finding(where, f"{name}: its references are not those of the other rows")


def _reference(scores: SetScores) -> np.ndarray:
    """The pixels of each reference (cases,)."""
    values: np.ndarray = scores.values["tp"] + scores.values["fn"]
    return values


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
