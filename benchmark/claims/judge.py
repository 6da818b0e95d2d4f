"""Judges claims by the scores of a mix: supported, contradicted, undecided or not run.

**Conventions**

1. One method is better than another on a test set where the 95 % method-level interval of the
   difference (other trainings and other cases together, `statistics.compare`) excludes 0; that
   needs three seeds of what is trained. An interval that holds 0 decides nothing.
2. «No better» is supported where the interval ends below a margin that would matter (0.01 of DSC
   unless told), contradicted where it lies above 0, and undecided else: that a gain was not seen
   does not show that there is none.
3. A claim of several parts is supported where all parts are, not run where none was, undecided
   where some were not. It is contradicted where one part is, and still is after Holm's correction
   over the parts: of twenty parts in which nothing differs one is against by chance now and then.
   What rests on more than half of the parts is decided by that half.
4. Scores of two test sets, or of two parts of one, are compared through both intervals, taken as
   independent (MOVER). A shared training makes that wider than needed, never narrower.
5. On a mix that asks for pretrained weights, a row that began from random ones because its weights
   were not at hand is not compared with one that began from pretrained weights: not run.
6. A verdict that rests on a stand-in (`rows`) says so, and is counted apart from the others.

**Sources** Zou and Donner, Statistics in Medicine 2008 (MOVER).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmark.claims.predicates import Judge
from benchmark.claims.quantity import ORDER, Quantity, combined
from benchmark.claims.rows import Rows
from benchmark.claims.spec import MODALITY, Claim, Verdict
from benchmark.statistics.results import MixResults

FOR_STAND_IN = ", for the stand-in, at this scale"


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        reads: the verdict as it is printed.
        why: one sentence.
        scope: empty on a mix that the claim was made on; else what the verdict speaks of.
        stand_ins: the rows that it rests on in the place of others, in words.
    """

    claim: Claim
    verdict: Verdict
    reads: str
    why: str
    scope: str
    quantities: tuple[Quantity, ...]
    stand_ins: tuple[str, ...] = ()


def judge(claims: Iterable[Claim], results: MixResults) -> tuple[Judged, ...]:
    """Judges every claim by the scores of one mix, in their order."""
    judging = Judge(results)
    return tuple(_judge(claim, judging) for claim in claims)


def _judge(claim: Claim, judging: Judge) -> Judged:
    found = [judging.part(predicate, claim.seeds) for predicate in claim.predicates]
    quantities = tuple(quantity for each in found for quantity in each.quantities)
    verdict = combined([each.verdict for each in found])
    reads = next((each.reads for each in found if each.reads), "")
    why = next((each.why for each in found if each.reads), "")
    why = why or _unplanned(claim, verdict, judging.results) or _why(verdict, quantities)
    used = () if verdict == "not run" else (e for each in quantities for e in each.stand_ins)
    stand_ins = tuple(dict.fromkeys(used))
    scope = "" if verdict == "not run" else _scope(claim, judging.rows, stand_ins)
    reads = reads or f"{verdict}{FOR_STAND_IN if stand_ins else ''}"
    return Judged(claim, verdict, reads, why, scope, quantities, stand_ins)


def _unplanned(claim: Claim, verdict: Verdict, results: MixResults) -> str:
    """Why nothing was run, where this mix does not plan what the claim needs."""
    if verdict != "not run" or not claim.needs_scores:
        return ""
    names = [
        name.replace(MODALITY, modality)
        for name in claim.methods
        for modality in (results.modalities() if MODALITY in name else [""])
    ]
    gone = [results.title(name) for name in names if results.standing_for(name) is None]
    verb = "is" if len(gone) == 1 else "are"
    return f"Not run: {'; '.join(gone)} {verb} not planned on this mix." if gone else ""


def _why(verdict: Verdict, quantities: Sequence[Quantity]) -> str:
    counts = Counter(quantity.verdict for quantity in quantities)
    if verdict == "not run":
        notes = list(dict.fromkeys(quantity.note for quantity in quantities))
        more = f" and {len(notes) - 3} more" if len(notes) > 3 else ""
        return f"Not run: {'; '.join(notes[:3])}{more}."
    parts = [f"{counts[name]} {name}" for name in ORDER if counts[name]]
    noun = "part" if len(quantities) == 1 else "parts"
    return f"Of {len(quantities)} {noun}: {', '.join(parts)}."


def _scope(claim: Claim, found: Rows, stand_ins: Sequence[str]) -> str:
    results = found.results
    if not claim.needs_scores or not results.table.runs:
        return ""
    parts = []
    if results.synthetic:
        parts.append("on synthetic images, which show nothing about the paper")
    elif claim.mixes and results.name not in claim.mixes:
        parts.append("on other data than the paper's")
    ran = [entry for entry in found.entries(claim.methods) if results.table.runs_of(entry)]
    if any(results.initialisation(entry) == "random" for entry in ran):
        parts.append("from random weights")
    parts += stand_ins
    return "; ".join(parts)


def quantity_rows(judged: Iterable[Judged]) -> list[dict[str, object]]:
    """Every quantity in long form, a row each; one row for a claim without any."""
    empty = Quantity("", "", "", None, None, None, "not run", "")
    return [
        {
            "claim": each.claim.id,
            "paper": each.claim.paper,
            "sentence": each.claim.sentence,
            "source": each.claim.source,
            "verdict": each.verdict,
            "reads": each.reads,
            "scope": each.scope,
            "stand_in": bool(each.stand_ins),
            "what": quantity.what,
            "where": quantity.where,
            "metric": quantity.metric,
            "value": _blank(quantity.value),
            "low": _blank(quantity.low),
            "high": _blank(quantity.high),
            "part": quantity.verdict if quantity is not empty else each.verdict,
            "note": quantity.note,
        }
        for each in judged
        for quantity in (each.quantities or (empty,))
    ]


def _blank(value: float | None) -> float | str:
    return "" if value is None or math.isnan(value) else value


def summary(judged: Iterable[Judged], stand_ins: bool = False) -> dict[str, int]:
    """How many claims have each verdict.

    Args:
        stand_ins: of the verdicts that rest on a stand-in, or of all others.
    """
    counts = Counter(each.verdict for each in judged if bool(each.stand_ins) == stand_ins)
    return {name: counts[name] for name in ORDER}
