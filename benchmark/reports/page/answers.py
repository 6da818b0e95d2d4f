"""What a report answers first, in sentences that are made from its numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark.reports.study import Study, run_counts
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.compared import best_of, comparable
from benchmark.reports.tables.comparisons import dataset_title
from benchmark.reports.tables.grid import number
from benchmark.reports.tables.verdicts import Verdicts
from benchmark.statistics.compare import ALPHA, Comparison, comparisons
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.schema import DSC
from benchmark.statistics.table import Entry, Run

DIGITS = 3
NAMED = 5  # claims of one verdict that are named; of more only the count is told
OUTCOMES: Mapping[str, str] = {
    "better": "it is better on {}",
    "worse": "it is worse on {}",
    "undecided": "the order is undecided on {}",
    "no claim": "we make no claim on {}",
    "missing": "runs are missing on {}",
}


@dataclass(frozen=True)
class Answer:
    """One point of the summary.

    Attributes:
        question: what it answers, in a few words.
        sentences: the answer.
        link: the anchor of the section with more.
    """

    question: str
    sentences: tuple[str, ...]
    link: str


def answers(study: Study, ablations: Study, found: Verdicts) -> tuple[Answer, ...]:
    """The answers of a mix.

    Args:
        study: the headline.
        ablations: the ablations, without the rows that they are variants of.
    """
    return (
        Answer("Best method", tuple(best(study)), "results"),
        Answer("Claims of the papers", tuple(_claims(found)), "claims"),
        Answer("Missing", (missing(study, ablations),), "missing"),
        Answer("Scale of the training", (scale(study),), "runs"),
    )


def best(study: Study) -> Iterator[str]:
    """The best unprompted row, and its lead over the second."""
    rows = comparable(study)
    first = best_of(study, rows)
    if first is None:
        yield "No comparable unprompted method has all its runs yet."
        return
    place = MEAN if len(study.table.sets) > 1 else study.table.sets[0].name
    where = dataset_title(study, place)
    where = where[:1].lower() + where[1:] if place == MEAN else where
    yield (
        f"{first.title} has the highest DSC of the unprompted methods:"
        f" {_with_interval(study, first, place)} ({where})."
    )
    others = [row for row in rows if row.key != first.key]
    second = best_of(study, others)
    if second is None:
        yield "No other unprompted method has all its runs, so its lead is unknown."
    else:
        told = comparisons(study.table, first, others, common_practice=False)
        yield from _lead(study, [one for one in told if one.other.key == second.key], place)
    absent = sum(study.cells.get((row.key, place, DSC)) is None for row in rows)
    if absent:
        verb = "is" if absent == 1 else "are"
        yield f"{absent} of {len(rows)} such methods {verb} incomplete, and not in this comparison."


def _with_interval(study: Study, entry: Entry, place: str) -> str:
    score = study.cells[entry.key, place, DSC]
    found = study.methods.get((entry.key, place, DSC))
    text = number(score.mean, DIGITS)
    if found is None or math.isnan(found.low):
        return text
    return f"{text}, 95 % interval {number(found.low, DIGITS)} to {number(found.high, DIGITS)}"


def _lead(study: Study, found: Sequence[Comparison], place: str) -> Iterator[str]:
    """The lead over one row, at `place` and test set by test set."""
    whole = next((one for one in found if one.dataset == place), None)
    if whole is None or math.isnan(whole.value):
        return
    text = f"Its lead over the second best, {whole.other.title}, is {signed(whole.value)}"
    if math.isnan(whole.low):
        yield f"{text}. There are too few seeds for an interval, so we make no claim."
    else:
        verdict = (
            f"The lead is significant (p = {_p(whole)} after Holm's correction)."
            if whole.verdict == "better"
            else f"The order is undecided (p = {_p(whole)} after Holm's correction, not below "
            f"{ALPHA:g})."
        )
        yield f"{text} (95 % interval {signed(whole.low)} to {signed(whole.high)}). {verdict}"
    sets = [one for one in found if one.dataset != MEAN]
    if len(sets) > 1:
        parts = []
        for outcome, words in OUTCOMES.items():
            names = [study.set_title(one.dataset) for one in sets if one.verdict == outcome]
            parts += [words.format(_listed(names))] if names else []
        yield f"Test set by test set, against {whole.other.title}: {'; '.join(parts)}."
    yield "The same scores chose the best method, so its lead is slightly overstated."


def _p(one: Comparison) -> str:
    return "under 0.001" if one.p_holm < 0.001 else number(one.p_holm, DIGITS)


def _claims(found: Verdicts) -> Iterator[str]:
    yield found.counts()
    for verdict in ("supported", "contradicted"):
        said = [
            one.claim.sentence.rstrip(".")
            for one in found.judged
            if one.verdict == verdict and not one.stand_ins
        ]
        if 0 < len(said) <= NAMED:
            yield f"{verdict.capitalize()}: {'; '.join(said)}."


def missing(*parts: Study) -> str:
    """How many planned runs of some parts are missing, and how many results are ignored."""
    done, planned = run_counts(parts)
    gone = planned - done
    ignored = sum(len(part.table.ignored) for part in parts)
    verb = "is" if gone == 1 else "are"
    text = (
        f"{gone} of {planned} planned runs {verb} missing" if gone else "No planned run is missing"
    )
    more = "1 result is ignored" if ignored == 1 else f"{ignored} results are ignored"
    return f"{text}; {more}." if ignored else f"{text}."


def scale(study: Study) -> str:
    """Size, epochs, images, seeds and device of the trainings that are there."""
    runs = [run for run in study.runs() if run.record.get("recipe", {}).get("epochs")]
    if not runs:
        return "No method has been trained yet."
    size, seeds = study.size(), {run.seed for run in runs}
    epochs = _range([run.record["recipe"]["epochs"] for run in runs], "epoch")
    counts = [n for run in runs if (n := run.record.get("data", {}).get("train"))]
    images = _range(counts, "training image")
    devices = dict.fromkeys(d for run in runs if (d := _device(run)))
    parts = [
        *([f"{size} × {size} pixels"] if size else []),
        epochs,
        *([images] if images else []),
        f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}",
        *([f"on {_listed(list(devices))}"] if devices else []),
    ]
    return f"{', '.join(parts)}."


def _range(values: Sequence[int], noun: str) -> str:
    """The smallest and the largest of some counts; empty for none."""
    if not values:
        return ""
    low, high = min(values), max(values)
    text = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{text} {noun}{'' if high == 1 else 's'}"


def _device(run: Run) -> str:
    machine = run.record.get("hardware", {})
    device = str(machine.get("device", ""))
    return f"{device} ({machine['cpu']})" if device == "cpu" and machine.get("cpu") else device


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
