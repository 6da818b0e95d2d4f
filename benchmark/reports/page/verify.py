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
        "Make all tables and this page again, from the scores of each case",
        "You need the committed results, but no data and no GPU. It takes seconds.",
        f"mixseg report --mix {mix}",
    )
    yield Check(
        "Score again, from the stored probability maps",
        f"You need the maps (`mixseg pull {mix}`, if a remote is set) and the prepared data, "
        "but no GPU. The command names the files that changed.",
        f"mixseg score --mix {mix}",
    )
    yield Check(
        "Predict and score again, from the stored weights",
        f"You need the weights (`mixseg pull {mix} --weights`, if a remote is set) and the "
        "prepared data. On another machine the last bits may differ; the command prints the "
        "largest difference in DSC.",
        f"mixseg score --mix {mix} --start-from weights",
    )
    methods = [entry for entry in study.table.entries if entry.seeds and entry.group not in NO_CARD]
    if methods:
        entry = methods[0]
        yield Check(
            "Make one run again, from the raw data",
            (
                "You need the raw data. The command trains again only if this copy has neither "
                "the stored run nor its result."
            ),
            f"mixseg prepare --mix {mix}\n"
            f"mixseg run --method {entry.name} --mix {mix} --seed {entry.seeds[0]}",
        )
    yield Check(
        "Make everything of this mix again that has changed",
        "You need the raw data, and time for all trainings that are missing.",
        f"dvc repro report@{mix}",
    )


def _by_hand(study: Study) -> Check | None:
    """The first number of the main table without any code of ours."""
    for entry in study.table.rows(("main", "prompted")):
        for each in study.table.sets:
            score = study.cells.get((entry.key, each.name, "dsc"))
            if score:
                return Check(
                    f"Compute one cell by hand: DSC of {entry.title} on "
                    f"{study.set_title(each.name)}, printed as {number(score.mean, 3)}",
                    "You need Python and the committed results.",
                    BY_HAND.format(
                        mix=study.name, key=entry.key, dataset=each.name, seeds=list(entry.seeds)
                    ),
                )
    return None
