"""The units of an analysis on a mix, and what the numbers of each depend on; no torch.

**Conventions** A unit lies in results/<mix>/analyses/<name>/<unit>/: `measured.csv` and
`record.json`. The record holds the identity: the code of the measuring module, its settings, the
prepared data, and the digests of the files that it needs, as run.json lists those of a run. A unit
whose identity is the present one is not measured again. One that takes no part has no measured.csv,
and a record with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.core.digests import digest_of
from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths, digest, read_json
from benchmark.core.params import Mix, Params
from benchmark.core.recorded import RUN, files_of
from benchmark.data.manifest import data_digest
from benchmark.methods import code
from benchmark.methods.declaration import Card, nearest
from benchmark.methods.discover import folders
from benchmark.runs.settings import ARTEFACTS, MAPS, SCORES, WEIGHTS
from benchmark.statistics import measured

FOLDER, MEASURED, RECORD = measured.FOLDER, measured.MEASURED, measured.RECORD
LEAKS = "leaks.csv"  # in results/<mix>
FILES = {"maps": MAPS, "weights": WEIGHTS, "scores": SCORES, "leaks": LEAKS}


@dataclass(frozen=True)
class Unit:
    """What is measured into one file.

    Attributes:
        method: empty where the unit is the whole mix.
        seeds: the runs that it reads.
        why: the reason why it cannot be measured; empty if it can.
        ran: whether all of its runs have results.
        group: of the row, which is a part of the path of its results.
        declared: what the analysis reads of the row's declaration.
    """

    analysis: Analysis
    mix: str
    method: str
    seeds: tuple[int, ...]
    why: str = ""
    ran: bool = True
    group: str = ""
    declared: object = None

    @property
    def place(self) -> str:
        """Its folder below results/<mix>/analyses/<name>."""
        if not self.method:
            return "mix"
        return f"{self.method}/seed-{self.seeds[0]}" if self.analysis.unit == "run" else self.method

    def folder(self, paths: Paths) -> Path:
        """Where its results lie."""
        return paths.results(self.mix) / FOLDER / self.analysis.name / self.place

    def __str__(self) -> str:
        of = f" of {self.method}" if self.method else ""
        seed = f", seed {self.seeds[0]}" if self.analysis.unit == "run" else ""
        return f"{self.analysis.name}{of} on {self.mix}{seed}"


def rows_of(root: Path, params: Params, mix: str) -> list[Card]:
    """The rows that run on a mix."""
    cards = [card for folder in folders(root) for card in folder.cards]
    return [card for card in cards if mix in params.mixes_of(card)]


def chosen_rows(analysis: Analysis, mix: Mix, cards: Sequence[Card]) -> list[Card]:
    """The rows that an analysis is measured on, by `analyses.methods` of the mix.

    Raises: ParamsError if that names a row which does not run on the mix.
    """
    asked = mix.analyses.methods if mix.analyses else None
    names = [card.name for card in cards]
    for name in asked or ():
        if name not in names:
            found = f"the row {name!r}, which does not run on {mix.title}"
            hint = nearest(name, names).removeprefix("; ").capitalize()
            raise ParamsError(
                "params.yaml: analyses.methods", found, "rows of the mix", hint or "Take it out."
            )
    chosen = [card for card in cards if asked is None or card.name in asked]
    return [card for card in chosen if not analysis.leaves_out(card)]


def units(
    paths: Paths, analysis: Analysis, name: str, params: Params, cards: Sequence[Card]
) -> list[Unit]:
    """The units of an analysis on a mix, in the order of the rows.

    Args:
        cards: of the rows that run on the mix.
    """
    mix = params.mix(name)
    if analysis.unit == "mix":
        return [Unit(analysis, name, "", ())]
    found = []
    for card in chosen_rows(analysis, mix, cards):
        seeds = tuple(seed for seed in mix.seeds_of(card) if _asked(mix, seed))
        if analysis.unit == "run":
            found += [_unit(paths, analysis, name, card, (seed,)) for seed in seeds]
        else:
            found.append(_unit(paths, analysis, name, card, seeds))
    return found


def _asked(mix: Mix, seed: int) -> bool:
    return mix.analyses is None or mix.analyses.seeds is None or seed in mix.analyses.seeds


def _unit(paths: Paths, analysis: Analysis, mix: str, card: Card, seeds: tuple[int, ...]) -> Unit:
    records = {seed: paths.run(mix, card.group, card.name, seed) / RUN for seed in seeds}
    declared = analysis.reads(card)
    missing = [seed for seed, record in records.items() if not record.is_file()]
    if missing:
        why = f"left out, seed {missing[0]} has not run"
        return Unit(analysis, mix, card.name, seeds, why, ran=False, group=card.group)
    gone = [
        f"left out, the {need} of {'the mix' if need == 'leaks' else f'seed {seed}'} are not here"
        for seed in seeds
        for need in analysis.needs
        if not _place(paths, mix, card, seed, FILES[need]).is_file()
    ]
    why = gone[0] if gone else ""
    return Unit(analysis, mix, card.name, seeds, why, group=card.group, declared=declared)


def _place(paths: Paths, mix: str, card: Card, seed: int, name: str) -> Path:
    """Where a file that an analysis needs lies."""
    if name == LEAKS:
        return paths.results(mix) / name
    artefacts = paths.artefacts(mix, card.name, seed)
    return (artefacts if name in ARTEFACTS else paths.run(mix, card.group, card.name, seed)) / name


def identity(paths: Paths, unit: Unit, params: Params) -> dict[str, Any]:
    """What the numbers of a unit depend on; empty where its runs are not done.

    Raises: MissingDataError if the mix is not prepared.
    """
    if not unit.ran:
        return {}
    analysis, mix, inputs = unit.analysis, params.mix(unit.mix), {}
    for seed in unit.seeds:
        written = files_of(read_json(paths.run(unit.mix, unit.group, unit.method, seed) / RUN))
        for need in analysis.needs:
            if need == "leaks":
                inputs[LEAKS] = _digest(paths.results(unit.mix) / LEAKS)
            else:
                inputs[f"{seed}/{FILES[need]}"] = written.get(FILES[need], "")
    parts = analysis.pieces(unit.mix, mix)
    apart = {name: data_digest(paths.prepared(name)) for name in parts} if analysis.idle else {}
    return {
        "code": code_of(paths.root, analysis),
        "parts": parts,
        "settings": dict(analysis.settings(mix)),
        "cases": analysis.limit(mix),
        "threshold": params.threshold,
        "data": data_digest(paths.prepared(unit.mix)),
        "inputs": inputs,
        **({"declared": unit.declared} if unit.declared else {}),
        **({"apart": apart} if apart else {}),
    }


def _digest(path: Path) -> str:
    return digest_of(path) if path.is_file() else ""


def code_of(root: Path, analysis: Analysis) -> str:
    """The digest of the code that measures."""
    package = Path(__file__).parents[3]
    names = (analysis.module, *analysis.uses)
    files = [root / name if (root / name).is_file() else package / name for name in names]
    return code.code_digest(code.closure(root, files))


def settled(folder: Path, wanted: dict[str, Any]) -> str:
    """Why a unit need not be measured; empty if it must be.

    It was measured with this identity and its file is as it was written, or it takes no part.
    """
    record = measured.read_record(folder)
    if record is None or digest(record.get("identity")) != digest(wanted):
        return ""
    why = record.get(measured.LEFT_OUT)
    return f"left out, {why}" if why else "measured already"
