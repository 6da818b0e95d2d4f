"""Plants one error of each kind into correct tables, and prints how many of them the audit finds.

    python tests/audit/planted.py [TABLES]    (300 unless told)

**Conventions**

1. A table is made from confusion counts of single cases, so that every number in it is right. It
   has DSC and IoU. Whether it has further metrics, ranks by DSC, best marks, second marks and
   averages over its test sets is drawn for each table.
2. Each kind of error changes one thing. An error that leaves the printed table as it was (two equal
   cells exchanged) is drawn again.
3. `hard` is the share of errors that give a new finding which ends with exit status 1, `any` the
   share that gives a new finding of any level. Findings on small leads do not count.
"""

import csv
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.audit.audit import Known, audit_file
from benchmark.core.errors import ScoreTableError

METHODS = ("U-Net", "U-Net++", "PraNet", "TransUNet", "UACANet", "M2SNet", "DCSAU-Net", "Ours")
SETS = ("Kvasir", "BUSI", "ISIC 2018", "REFUGE")
SHARES = ("dsc", "iou", "sensitivity", "precision", "specificity", "accuracy", "mae")
HARD = ("cannot be", "does not agree")
MARKS = {1: "**{}**", 2: "__{}__"}
Generator = np.random.Generator


@dataclass
class Made:
    """A printed table.

    Attributes:
        rows: one dictionary a row: method, dataset, n, rank and the metrics, all as text.
        marks: 1 for best and 2 for second, by row and metric.
    """

    metrics: tuple[str, ...]
    rows: list[dict[str, str]]
    marks: dict[tuple[int, str], int] = field(default_factory=dict)

    def copy(self) -> "Made":
        """A table of its own to change."""
        return Made(self.metrics, [dict(row) for row in self.rows], dict(self.marks))

    def text(self) -> str:
        """The table as CSV."""
        header = ("method", "dataset", "n", *self.metrics, "rank")
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        for k, row in enumerate(self.rows):
            writer.writerow(
                MARKS.get(self.marks.get((k, name), 0), "{}").format(row[name]) for name in header
            )
        return out.getvalue()


# ---- correct tables


def _cases(rng: Generator, n: int, skill: float) -> dict[str, float]:
    """Means of the metrics over n cases of a method, from counts."""
    p = rng.beta(2, 9, n).clip(0.01, 0.8)
    hit = rng.beta(1 + 6 * skill, 1.2, n).clip(0.02, 1)
    extra = rng.beta(1.2, 2 + 6 * skill, n).clip(0.0, 0.9) * p
    tp, fn, fp = hit * p, (1 - hit) * p, np.minimum(extra, (1 - p) * 0.9)
    tn = 1 - tp - fn - fp
    found = {
        "dsc": 2 * tp / (2 * tp + fp + fn),
        "iou": tp / (tp + fp + fn),
        "sensitivity": tp / p,
        "precision": tp / (tp + fp),
        "specificity": tn / (tn + fp),
        "accuracy": tp + tn,
        "mae": (fp + fn) * rng.uniform(0.75, 1.2, n),
    }
    return {name: float(values.mean()) for name, values in found.items()}


def made(rng: Generator) -> Made:
    """A correct table."""
    sets, methods = SETS[: rng.integers(1, 5)], METHODS[: rng.integers(4, 9)]
    metrics = (*SHARES[:2], *(name for name in SHARES[2:] if rng.random() < 0.45))
    percent, digits = rng.random() < 0.5, int(rng.integers(3, 5))
    scale, decimals = (100, digits - 2) if percent else (1, digits)
    sizes = {name: int(rng.integers(20, 200)) for name in sets}
    skills = rng.uniform(0.5, 3, len(methods))
    values = {
        (method, name): _cases(rng, sizes[name], skill)
        for name in sets
        for method, skill in zip(methods, skills, strict=True)
    }
    if len(sets) > 1 and rng.random() < 0.6:
        for method in methods:
            parts = [values[method, name] for name in sets]
            values[method, "average"] = {m: float(np.mean([p[m] for p in parts])) for m in metrics}
    rows = [
        {"method": method, "dataset": name, "n": str(sizes.get(name, "")), "rank": ""}
        | {m: f"{found[m] * scale:.{decimals}f}" for m in metrics}
        for (method, name), found in values.items()
    ]
    table = Made(metrics, rows)
    _rank_and_mark(table, rng.random() < 0.4, int(rng.choice([0, 1, 2], p=[0.2, 0.4, 0.4])))
    return table


def _order(table: Made, dataset: str, metric: str) -> list[tuple[float, int]]:
    """Value and row, best first."""
    sign = 1 if metric == "mae" else -1
    rows = [k for k, row in enumerate(table.rows) if row["dataset"] == dataset]
    return sorted((sign * float(table.rows[k][metric]), k) for k in rows)


def _rank_and_mark(table: Made, ranked: bool, marked: int) -> None:
    """Ranks, and marks of the best (1) and of the second too (2)."""
    for dataset in dict.fromkeys(row["dataset"] for row in table.rows):
        for metric in table.metrics:
            order = _order(table, dataset, metric)
            levels = sorted({value for value, _ in order})
            for value, k in order:
                if ranked and metric == "dsc":
                    table.rows[k]["rank"] = str(1 + sum(other < value for other, _ in order))
                if levels.index(value) < marked:
                    table.marks[k, metric] = levels.index(value) + 1


# ---- errors


def _row(rng: Generator, table: Made) -> int:
    return int(rng.integers(len(table.rows)))


def _cell(rng: Generator, table: Made) -> tuple[dict[str, str], str]:
    return table.rows[_row(rng, table)], str(rng.choice(table.metrics))


def wrong_bold(rng: Generator, table: Made) -> None:
    """The best mark stands on another row, which is behind."""
    dataset, metric = table.rows[_row(rng, table)]["dataset"], str(rng.choice(table.metrics))
    order = _order(table, dataset, metric)
    best = {k for k in dict(table.marks) if table.marks[k] == 1 and k[1] == metric}
    mine = [k for value, k in order if (k, metric) in best]
    behind = [k for _, k in order if k not in mine]
    if not mine or not behind:
        return
    for k in mine:
        del table.marks[k, metric]
    table.marks[int(rng.choice(behind)), metric] = 1


def wrong_second(rng: Generator, table: Made) -> None:
    """The second mark stands on the third row or on one behind it."""
    dataset, metric = table.rows[_row(rng, table)]["dataset"], str(rng.choice(table.metrics))
    order = _order(table, dataset, metric)
    behind = [k for _, k in order if (k, metric) not in table.marks]
    second = [k for _, k in order if table.marks.get((k, metric)) == 2]
    if not second or not behind:
        return
    for k in second:
        del table.marks[k, metric]
    table.marks[int(rng.choice(behind)), metric] = 2


def wrong_rank(rng: Generator, table: Made) -> None:
    """The ranks of two rows of a test set are exchanged."""
    dataset = table.rows[_row(rng, table)]["dataset"]
    rows = [row for row in table.rows if row["dataset"] == dataset]
    one, other = rng.choice(len(rows), 2, replace=False)
    rows[one]["rank"], rows[other]["rank"] = rows[other]["rank"], rows[one]["rank"]


def percent_slip(rng: Generator, table: Made) -> None:
    """A percentage among fractions, or a fraction among percentages."""
    row, _ = _cell(rng, table)
    metric = str(rng.choice([m for m in table.metrics if m != "mae"]))
    value, digits = float(row[metric]), len(row[metric].partition(".")[2])
    fraction = value <= 1 and "." in row[metric] and digits > 2
    row[metric] = f"{value * 100:.{digits - 2}f}" if fraction else f"{value / 100:.{digits + 2}f}"


def columns_exchanged(rng: Generator, table: Made) -> None:
    """DSC and IoU stand under each other's heading in the whole table."""
    for row in table.rows:
        row["dsc"], row["iou"] = row["iou"], row["dsc"]
    for k in range(len(table.rows)):
        one, other = table.marks.pop((k, "dsc"), 0), table.marks.pop((k, "iou"), 0)
        table.marks |= {key: m for key, m in (((k, "dsc"), other), ((k, "iou"), one)) if m}


def pair_exchanged(rng: Generator, table: Made) -> None:
    """DSC and IoU are exchanged in one row."""
    row = table.rows[_row(rng, table)]
    row["dsc"], row["iou"] = row["iou"], row["dsc"]


def wrong_mean(rng: Generator, table: Made) -> None:
    """A stated average is off by 2 to 40 units of its last digit but one."""
    stated = [row for row in table.rows if row["dataset"] == "average"]
    if stated:
        row, metric = stated[rng.integers(len(stated))], str(rng.choice(table.metrics))
        digits = len(row[metric].partition(".")[2])
        shift = int(rng.integers(2, 41)) * (1 if rng.random() < 0.5 else -1)
        row[metric] = f"{abs(float(row[metric]) + shift * 10.0**-digits):.{digits}f}"


def cells_exchanged(rng: Generator, table: Made) -> None:
    """Two cells of one column and test set are exchanged."""
    _, metric = _cell(rng, table)
    dataset = table.rows[_row(rng, table)]["dataset"]
    rows = [row for row in table.rows if row["dataset"] == dataset]
    one, other = rng.choice(len(rows), 2, replace=False)
    rows[one][metric], rows[other][metric] = rows[other][metric], rows[one][metric]


def cell_copied(rng: Generator, table: Made) -> None:
    """A cell holds the number of the row above."""
    _, metric = _cell(rng, table)
    k = int(rng.integers(1, len(table.rows)))
    table.rows[k][metric] = table.rows[k - 1][metric]


def point_slipped(rng: Generator, table: Made) -> None:
    """The decimal point stands one place too far left."""
    row, metric = _cell(rng, table)
    digits = len(row[metric].partition(".")[2])
    row[metric] = f"{float(row[metric]) / 10:.{digits + 1}f}"


def digits_exchanged(rng: Generator, table: Made) -> None:
    """Two neighbouring digits of a number are exchanged."""
    row, metric = _cell(rng, table)
    places = _digits(row[metric])
    if len(places) > 1:
        k = int(rng.integers(len(places) - 1))
        text = list(row[metric])
        one, other = places[k], places[k + 1]
        text[one], text[other] = text[other], text[one]
        row[metric] = "".join(text)


def _digits(text: str) -> list[int]:
    """Where the digits stand that carry a value: no zero before the point."""
    start = 2 if text.startswith("0.") else 0
    return [k for k, char in enumerate(text) if k >= start and char.isdecimal()]


def digit(place: int) -> Callable[[Generator, Made], None]:
    """Changes one digit of a cell, counted from 0."""

    def change(rng: Generator, table: Made) -> None:
        row, metric = _cell(rng, table)
        places = _digits(row[metric])
        if place < len(places):
            at = places[place]
            others = [d for d in "0123456789" if d != row[metric][at]]
            row[metric] = row[metric][:at] + str(rng.choice(others)) + row[metric][at + 1 :]

    return change


def row_twice(rng: Generator, table: Made) -> None:
    """A row carries the name of the row above."""
    k = int(rng.integers(1, len(table.rows)))
    same = [j for j in range(k) if table.rows[j]["dataset"] == table.rows[k]["dataset"]]
    if same:
        table.rows[k]["method"] = table.rows[same[-1]]["method"]


KINDS: dict[str, Callable[[Generator, Made], None]] = {
    "wrong bold": wrong_bold,
    "wrong second": wrong_second,
    "wrong rank": wrong_rank,
    "percent slip": percent_slip,
    "DSC and IoU exchanged, columns": columns_exchanged,
    "DSC and IoU exchanged, one row": pair_exchanged,
    "wrong mean": wrong_mean,
    "two cells exchanged": cells_exchanged,
    "cell of the row above": cell_copied,
    "decimal point": point_slipped,
    "two digits exchanged": digits_exchanged,
    "first digit": digit(0),
    "second digit": digit(1),
    "third digit": digit(2),
    "row named twice": row_twice,
}


# ---- recall


def findings(text: str, folder: Path) -> set[tuple[str, str, str, str]]:
    """Rule, level, place and sentence of each finding, small leads aside."""
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    try:
        found = audit_file(path, Known()).findings()
    except ScoreTableError as error:  # a number that cannot be read as a share
        return {("units", "cannot be", error.where.removeprefix(str(path)), str(error))}
    return {(f.rule, f.level, f.where, f.what) for f in found if f.rule != "differences"}


def recall(kinds: Sequence[str], tables: int, seed: int = 0) -> dict[str, tuple[int, int, int]]:
    """How many errors of each kind were planted, found by a hard finding, found at all.

    The kind «none» counts tables without an error, and findings on them.
    """
    rng = np.random.default_rng(seed)
    counts = {kind: [0, 0, 0] for kind in ("none", *kinds)}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(tables):
            table = made(rng)
            before = findings(table.text(), Path(name))
            _count(counts["none"], before)
            for kind in kinds:
                broken = _planted(rng, table, kind)
                if broken:
                    _count(counts[kind], findings(broken, Path(name)) - before)
    return {kind: (planted, hard, found) for kind, (planted, hard, found) in counts.items()}


def _planted(rng: Generator, table: Made, kind: str) -> str:
    """The table with an error; empty where this kind has no place in it."""
    for _ in range(20):
        broken = table.copy()
        KINDS[kind](rng, broken)
        if broken.text() != table.text():
            return broken.text()
    return ""


def _count(counts: list[int], found: set[tuple[str, str, str, str]]) -> None:
    counts[0] += 1
    counts[1] += any(level in HARD for _, level, _, _ in found)
    counts[2] += bool(found)


def main() -> None:
    """Prints the recall by kind."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"{'kind':32}{'planted':>8}{'hard':>8}{'any':>8}")
    for kind, (planted, hard, found) in recall(tuple(KINDS), tables).items():
        print(f"{kind:32}{planted:8}{hard / planted:8.2f}{found / planted:8.2f}")


if __name__ == "__main__":
    main()
