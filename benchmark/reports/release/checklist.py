"""Reporting checklists (CLAIM 2024, NeurIPS, MICCAI), filled from the records of the runs."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.reports.study import Study, start_of, usual_recipe
from benchmark.reports.tables.grid import Grid
from benchmark.reports.tables.markup import md
from benchmark.statistics.results import ABLATIONS, RANKED

ITEMS = Path(__file__).parents[1] / "page" / "templates" / "checklist.yaml"
AUTHORS = "authors:"
NOTHING = "not recorded"
LIMITS = (
    "2-D images reduced to one size; published splits, where patients are mostly unknown; "
    "one recipe for all; intervals cover other seeds and cases, not other hospitals."
)


def checklist(study: Study, ablations: Study, grids: Mapping[str, Grid]) -> str:
    """The checklists of a mix as Markdown.

    Args:
        grids: the tables of the report; some answers count their lines.
    """
    facts = {**_of_data(study), **_of_runs(study, ablations), **_of_tables(study, grids)}
    parts = [
        f"# Reporting checklists: {md(study.mix.title)}",
        "Items in our words. Answers are filled from the records of the runs and of the data;"
        " _For the authors_ marks what no record can answer.",
        *map(md, study.warnings()),
    ]
    for each in _lists():
        rows = [
            f"| {item} | {md(asked)} | {_answer(answer, facts)} |"
            for item, asked, answer in each["items"]
        ]
        table = "\n".join(["| Item | Asked | Answer |", "| :--- | :--- | :--- |", *rows])
        parts.append(f"## {each['title']}\n\n{table}")
    return "\n\n".join(parts) + "\n"


@cache
def _lists() -> list[dict[str, Any]]:
    from benchmark.core.yaml_files import read_yaml

    found: list[dict[str, Any]] = read_yaml(ITEMS)
    return found


def _answer(text: str, facts: Mapping[str, str]) -> str:
    told = md(text.removeprefix(AUTHORS).strip().format_map(facts))
    return f"_For the authors:_ {told}" if text.startswith(AUTHORS) else told


def _of_data(study: Study) -> dict[str, str]:
    """What data.json says."""
    about = study.datasets

    def each(key: str) -> str:
        told = (f"{study.set_title(name)}: {_bare(one.get(key))}" for name, one in about.items())
        return _sentence(told)

    roles = {
        role: [study.set_title(n.name) for n in study.table.sets
               if about.get(n.name, {}).get("role") == role]
        for role in ("seen", "unseen")
    }  # fmt: skip
    counts = (
        f"{study.set_title(name)}: {one.get('train', 0)} train, {one.get('val', 0)} val,"
        f" {one.get('test', 0)} test, {one.get('left_out', 0)} not used"
        for name, one in about.items()
    )
    left = (
        f"{study.set_title(name)}: {one['left_out']} cases that no split uses"
        for name, one in about.items()
        if one.get("left_out")
    )
    return {
        "sources": each("homepage"),
        "citations": each("citation"),
        "licences": each("licence"),
        "notes": each("note"),
        "splits": each("split"),
        "counts": _sentence(counts),
        "left_out": _sentence(left) if about else NOTHING,
        "seen": ", ".join(roles["seen"]) or "none",
        "unseen": ", ".join(roles["unseen"]) or "none",
        "synthetic": "Drawn by our own code, with exact masks." if study.synthetic else "None.",
        "access": "synthetic data need none." if study.synthetic else f"data at {each('homepage')}",
        "disjoint": "As under 19; splits of ours keep whole groups (patients, videos) together.",
        "size": str(study.size() or NOTHING),
        "sets": str(len(study.table.sets)),
        "cases": f"{sum(len(s.cases) for s in study.table.sets):,}",
        "mix": study.name,
    }


def _of_runs(study: Study, ablations: Study) -> dict[str, str]:
    """What the records of the runs say."""
    parts = (study, ablations.only(ABLATIONS))
    entries = [e for part in parts for e in part.table.rows(RANKED)]
    runs = [run for part in parts for e in part.table.rows(RANKED) for run in part.table.runs_of(e)]
    records = [run.record for run in runs]
    gone = sum(len(part.table.missing) for part in parts)
    hours = sum(float(r.get("times", {}).get("train_s") or 0) for r in records) / 3600
    machines = _different(
        ", ".join(str(r.get("hardware", {}).get(key)) for key in ("device", "cpu")) for r in records
    )
    starts = _different(f"{text} ({why})" if why else text for text, why in map(start_of, records))
    seeds = ", ".join(map(str, study.seeds()))
    cards = [study.cards[entry.name] for entry in entries]
    return {
        "methods": str(len(entries)),
        "missing": f"{gone} in this mix" if gone else "none in this mix",
        "runs": f"{len(runs)} of {sum(len(e.seeds) for e in entries)} planned; seeds {seeds}.",
        "seeds": f"Seeds {seeds}; below three no claim about a method is made.",
        "versions": _sentence(_different(
            ", ".join(f"{k} {v}" for k, v in r.get("versions", {}).items()) for r in records)),
        "weights": f"Weights at the start: {'; '.join(starts) or NOTHING}. run.json names the"
        " files by digest; every table marks random weights.",
        "recipe": _listed(usual_recipe(study)),
        "hardware": _sentence(machines),
        "compute": f"{hours:.1f} hours of training in all runs together, on {_sentence(machines)}",
        "folders": ", ".join(_different(card.folder for card in cards)) or NOTHING,
        "method_licences": _sentence(_different(
            f"{card.title}: {_bare(card.licence)}" for card in cards)),
        "limits": LIMITS,
    }  # fmt: skip


def _of_tables(study: Study, grids: Mapping[str, Grid]) -> dict[str, str]:
    """What the tables of the report say."""

    def lines(name: str) -> int:
        return len(grids[name].lines()) if name in grids else 0

    deviating = lines("deviations") + lines("ablation-deviations")
    looked = f"{lines('leaks')} kinds of pairs listed" if "leaks" in grids else "not searched"
    return {
        "claims": str(lines("claims")),
        "deviations": f"{deviating} fields, each with its reason" if deviating else "none",
        "ablations": f"{lines('ablation')} rows" if lines("ablation") else "none on this mix",
        "leaks": looked,
    }


def _listed(recipe: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in recipe.items()) + "."


def _different(texts: Iterable[str]) -> Sequence[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _sentence(texts: Iterable[str]) -> str:
    return "; ".join(texts) or NOTHING


def _bare(value: Any) -> str:
    return str(value or NOTHING).rstrip(".")
