"""The units of an analysis on a mix, and what the numbers of each depend on; no torch.

**Conventions** A unit lies in results/<mix>/analyses/<name>/<unit>/: `measured.csv` and
`record.json`. The record holds the identity: the code of the measuring module, its settings, the
prepared data, and the digests of the maps or weights, as run.json lists them. A unit whose identity
is the present one is not measured again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.core.digests import digest_of
from benchmark.core.errors import MixSegError, ParamsError
from benchmark.core.files import Paths, digest, read_json
from benchmark.core.params import Mix, Params
from benchmark.core.recorded import RUN, files_of
from benchmark.data.manifest import data_digest
from benchmark.methods import code
from benchmark.methods.declaration import Card, nearest
from benchmark.runs.settings import MAPS, WEIGHTS

FOLDER = "analyses"  # in results/<mix>, beside the groups of methods
MEASURED, RECORD = "measured.csv", "record.json"
FILES = {"maps": MAPS, "weights": WEIGHTS}


@dataclass(frozen=True)
class Unit:
    """What is measured into one file.

    Attributes:
        method: empty where the unit is the whole mix.
        seeds: the runs that it reads.
        why: the reason why it cannot be measured; empty if it can.
        ran: whether all of its runs have results.
    """

    analysis: Analysis
    mix: str
    method: str
    seeds: tuple[int, ...]
    why: str = ""
    ran: bool = True

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
    missing = [seed for seed, record in records.items() if not record.is_file()]
    if missing:
        return Unit(
            analysis, mix, card.name, seeds, f"left out, seed {missing[0]} has not run", ran=False
        )
    gone = [
        f"left out, the {need} of seed {seed} are not here"
        for seed in seeds
        for need in analysis.needs
        if not (paths.artefacts(mix, card.name, seed) / FILES[need]).is_file()
    ]
    return Unit(analysis, mix, card.name, seeds, gone[0] if gone else "")


def identity(paths: Paths, unit: Unit, mix: Mix, group: str) -> dict[str, Any]:
    """What the numbers of a unit depend on.

    Raises: MissingDataError if the mix is not prepared.
    """
    analysis = unit.analysis
    inputs = {}
    for seed in unit.seeds:
        written = files_of(read_json(paths.run(unit.mix, group, unit.method, seed) / RUN))
        for need in analysis.needs:
            inputs[f"{seed}/{FILES[need]}"] = written.get(FILES[need], "")
    limit = mix.analyses.cases if analysis.limited and mix.analyses else None
    return {
        "code": code_of(paths.root, analysis),
        "parts": list(analysis.parts(mix)),
        "cases": limit,
        "data": data_digest(paths.prepared(unit.mix)),
        "inputs": inputs,
    }


def code_of(root: Path, analysis: Analysis) -> str:
    """The digest of the code that measures."""
    own = root / analysis.module
    file = own if own.is_file() else Path(__file__).parents[3] / analysis.module
    return code.code_digest(code.closure(root, [file]))


def finished(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether a unit was measured with this identity, and its file is as it was written."""
    try:
        record = read_json(folder / RECORD)
        return bool(
            digest(record["identity"]) == digest(wanted)
            and record["files"][MEASURED] == digest_of(folder / MEASURED)
        )
    except (MixSegError, OSError, KeyError, TypeError):
        return False
