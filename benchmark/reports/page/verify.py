"""How a reader checks a number of the report: commands, each with what it needs."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmark.reports.study import Study
from benchmark.reports.tables.grid import number
from benchmark.statistics.results import NO_CARD

# Reads nothing but the files, with nothing of ours.
BY_HAND = """\
python3 - <<'END'
import csv, statistics
def mean(seed):
    with open(f"results/{mix}/{key}/seed-{{seed}}/scores.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "{dataset}"]
    return statistics.mean(float(row["dsc"]) for row in rows)
print(f"{{statistics.mean(mean(seed) for seed in {seeds}):.3f}}")
END"""


@dataclass(frozen=True)
class Check:
    """One way to check.

    Attributes:
        needs: what must be there.
        command: what is typed in the project's folder.
    """

    title: str
    needs: str
    command: str


def checks(study: Study) -> Iterator[Check]:
    """From the cheapest to the whole way."""
    mix = study.name
    by_hand = _by_hand(study)
    if by_hand:
        yield by_hand
    yield Check(
        "All tables and this page again, from the scores of each case",
        "The committed results; no data, no GPU; seconds.",
        f"mixseg report --mix {mix}",
    )
    yield Check(
        "The scores again, from the stored probability maps",
        "The maps (mixseg pull, where a remote is set) and the prepared data; no GPU. It names the"
        " files that changed.",
        f"mixseg score --mix {mix}",
    )
    yield Check(
        "The maps again, from the stored weights, and their scores",
        "The weights (mixseg pull --weights, where a remote is set) and the prepared data. Another"
        " machine may differ in the last bits; the command prints the largest difference in DSC.",
        f"mixseg score --mix {mix} --start-from weights",
    )
    methods = [entry for entry in study.table.entries if entry.seeds and entry.group not in NO_CARD]
    if methods:
        entry = methods[0]
        yield Check(
            "One run again, from the raw data",
            "The raw data. Without the store and results of this copy it trains anew.",
            f"mixseg prepare --mix {mix}\n"
            f"mixseg run --method {entry.name} --mix {mix} --seed {entry.seeds[0]}",
        )
    yield Check(
        "Everything of this mix again, as far as anything changed",
        "The raw data, and the time of all trainings that are not there yet.",
        f"dvc repro report@{mix}",
    )


def _by_hand(study: Study) -> Check | None:
    """The first number of the main table without any code of ours."""
    for entry in study.table.rows(("main", "prompted")):
        for each in study.table.sets:
            score = study.cells.get((entry.key, each.name, "dsc"))
            if score:
                return Check(
                    f"One cell by hand: DSC of {entry.title} on {study.set_title(each.name)},"
                    f" printed as {number(score.mean, 3)}",
                    "Python, and the committed results.",
                    BY_HAND.format(
                        mix=study.name, key=entry.key, dataset=each.name, seeds=list(entry.seeds)
                    ),
                )
    return None
