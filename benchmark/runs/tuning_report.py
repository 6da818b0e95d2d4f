"""What tuning found: the table, the best value with its lead, and the record in results/."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.core.files import Paths, write_json
from benchmark.core.text import columns
from benchmark.runs.candidates import SCORED_ON, TRAINED_ON
from benchmark.runs.identity import Plan
from benchmark.runs.tuning import Tried

FOLDER = "tuning"  # in results/<mix>, beside the groups of methods
SCHEMA = 1


@dataclass(frozen=True)
class Best:
    """The value of the highest mean, and the next one.

    Attributes:
        tried: the best.
        second: the next; None where only one value was scored.
        by: how much higher its mean over modalities is.
        error: standard error of that over the cases, which are the same in both; None if unknown.
    """

    tried: Tried
    second: Tried | None
    by: float
    error: float | None


def by_dataset(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a dataset: dataset, modality, n, dsc."""
    grouped = scores.groupby(["dataset", "modality"], sort=False)["dsc"]
    return grouped.agg(n="size", dsc="mean").reset_index()


def mean_over_modalities(scores: pd.DataFrame) -> float:
    """Mean of the modalities, each the mean of its datasets, each the mean of its cases."""
    return float(by_dataset(scores).groupby("modality")["dsc"].mean().mean())


def best_of(tried: list[Tried]) -> Best:
    """The best value; of equal ones the first that was given."""
    found = [(mean_over_modalities(t.scores), t) for t in tried if t.scores is not None]
    found.sort(key=lambda pair: -pair[0])
    (top, first), rest = found[0], found[1:]
    if not rest:
        return Best(first, None, math.nan, None)
    low, second = rest[0]
    return Best(first, second, top - low, _error(first, second))


def _error(first: Tried, second: Tried) -> float | None:
    """Standard error of a difference of means over modalities, by the differences of the cases."""
    assert first.scores is not None
    assert second.scores is not None
    apart = first.scores.assign(dsc=first.scores["dsc"] - second.scores["dsc"])
    total, modalities = 0.0, apart.groupby("modality")
    for _, of in modalities:
        sets = of.groupby("dataset")["dsc"]
        total += float((sets.var() / sets.size()).sum(skipna=False)) / len(sets) ** 2
    error = math.sqrt(total) / len(modalities)
    return None if math.isnan(error) else error


def text(plan: Plan, tried: list[Tried]) -> str:
    """The table, which value is best and by how much, and what to do with it."""
    field, best = tried[0].candidate.field, best_of(tried)
    scored = [t for t in tried if t.scores is not None]
    sets = list(dict.fromkeys(scored[0].scores["dataset"])) if scored else []  # type: ignore[index]
    rows = []
    for each in tried:
        if each.scores is None:
            rows.append((each.candidate.value, *["failed"] * len(sets), "failed", ""))
            continue
        means = by_dataset(each.scores).set_index("dataset")["dsc"]
        cells = [f"{means[name]:.4f}" for name in sets]
        mean = f"{mean_over_modalities(each.scores):.4f}"
        rows.append((each.candidate.value, *cells, mean, f"{each.record['train_s']:.0f}"))
    counts = by_dataset(best.tried.scores).set_index("dataset")["n"]  # type: ignore[arg-type]
    header = (field, *(f"{name} ({counts[name]})" for name in sets), "mean over modalities", "s")
    head = f"{plan.spec}: DSC on {SCORED_ON} (cases), trained on {TRAINED_ON}"
    return "\n".join((head, columns(header, rows), *_failures(tried), _advice(plan, best)))


def _failures(tried: list[Tried]) -> list[str]:
    return [f"FAILED  {t.candidate}: {t.record['failed']}" for t in tried if t.scores is None]


def _advice(plan: Plan, best: Best) -> str:
    chosen = best.tried.candidate
    if best.second is None:
        return f"only {chosen} was scored; nothing to compare it with"
    error = "unknown" if best.error is None else f"{best.error:.4f}"
    lead = f"{best.by:.4f} (standard error over cases {error}; one seed)"
    name, value = plan.spec.method, repr(chosen.value)
    what = "arguments" if chosen.declared else "recipe"
    now = getattr(plan.recipe, chosen.field, None)
    said = f"best: {chosen}, {lead} above {best.second.candidate}"
    if not chosen.declared and now == chosen.value:
        return f"{said}; {name} has it already"
    return f"{said}; write it into the {what} of {name} in method.yaml: {chosen.field}: {value}"


def write(paths: Paths, plan: Plan, tried: list[Tried]) -> Path:
    """Writes results/<mix>/tuning/<method>-<field>.json, which holds the values of this choice.

    Another seed than the mix's first is in the name.
    """
    card, field, seed = plan.card, tried[0].candidate.field, plan.spec.seed
    best = best_of(tried)
    identity = asdict(plan.identity)
    lead = {
        "value": best.tried.candidate.value,
        "above": best.second.candidate.value if best.second else None,
        "by": round(best.by, 6) if best.second else None,
        "standard_error": None if best.error is None else round(best.error, 6),
    }
    told = {
        "schema": SCHEMA,
        "method": card.name,
        "title": card.title,
        "mix": plan.spec.mix,
        "group": card.group,
        "seed": seed,
        "field": field,
        "trained_on": TRAINED_ON,
        "scored_on": SCORED_ON,
        "recipe": plan.recipe.fields(),
        "deviations": plan.deviations(),
        "identity": identity,
        "best": lead,
        "values": [_told(each) for each in tried],
    }
    more = "" if seed == plan.mix.seeds[0] else f"-seed-{seed}"
    path = paths.results(plan.spec.mix) / FOLDER / f"{card.name}-{field}{more}.json"
    write_json(path, told)
    return path


def _told(tried: Tried) -> dict[str, Any]:
    value = {"value": tried.candidate.value, "run": tried.candidate.plan.identity.run}
    if tried.scores is None:
        return {**value, **tried.record}
    sets = by_dataset(tried.scores).round({"dsc": 6}).to_dict("records")
    mean = round(mean_over_modalities(tried.scores), 6)
    return {**value, "mean_over_modalities": mean, "datasets": sets, **tried.record}
