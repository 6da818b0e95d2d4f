"""What each column of a table is, by its title and by what stands in it.

**Conventions**

1. A column whose title names a metric and whose cells are mostly words is no metric; nor is one
   that holds the differences of two others, or whole numbers among fractions (counts).
2. F1 is DSC under another name where the table has no DSC; beside DSC it is a column of its own, as
   is mIoU beside IoU, recall beside sensitivity. Only one of them is held against other metrics.
3. Titles that are repeated as a group («Dice, IoU, Dice, IoU») belong to data sets without a name.
4. Columns without a known name whose mean is a metric's column (organs behind «DSC») are its parts;
   so are short names that are metrics elsewhere (SP, PC).
   In a table without any metric all columns of numbers are data sets of one score.
5. The method is the first column of words where no title says so; it holds data sets where one of
   them is an average. A table whose first column names the metrics is turned round.
6. «Val Dice» beside «Precision» names no data set: the word is dropped where no other split and no
   other column of that metric stands in the table.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from statistics import median

from benchmark.audit.cells import Cell, cell_of, is_nothing, unmarked
from benchmark.audit.forms import Line, Sheet
from benchmark.audit.metrics import CHANGING, Column, clean, column_of, letters

AVERAGES = {"average", "mean", "avg", "ave", "overall", "macroaverage", "averageoverdatasets",
            "meansd", "meanstd", "avgstd", "averagestd", "total", "all", "overallmean",
            "overallaverage", "meanall", "averageall", "allmean", "allaverage",
            "macromean", "macroavg", "moyenne", "media", "promedio", "mittelwert", "durchschnitt",
            "平均", "平均值", "среднее"}  # fmt: skip
LOOSE = {"overall", "total", "all"}  # averages that may be weighed, or of pooled pixels
NO_SCORES = ("param", "flop", "fps", "time", "year", "epoch", "size", "lr", "memory", "speed",
             "latency", "mac", "gflop", "mflop",
             "gpu", "batch", "psnr", "ssim", "fold", "seed")  # fmt: skip
SPLITS = {"val", "valid", "validation", "validating", "dev", "hard", "set"}
CORNERS = {
    "best",
    "worst",
    "final",
    "last",
    "max",
    "min",
    "maximum",
    "minimum",
    "highest",
    "lowest",
}
OTHER_SPLITS = re.compile(r"\b(?:test|train|internal|external|easy)\w*", re.I)
FRACTION = re.compile(r"[^\w.]*\d*\.\d")
METRIC_TITLES = ("metric", "measure", "指标", "score", "criteri", "index")
NAMED_OTHERWISE = ("loss", "experiment", "config", "setting", "variant", "run")
TINY = 1e-9  # rounding of floating-point sums
COARSER = 10 * (1 + TINY)  # a part of a mean may be printed with a digit less
WIDE = 3  # fewest columns without a known name that may be parts of a metric

Cells = Sequence[Cell | None]


@dataclass(frozen=True)
class Body:
    """A sheet whose columns are known."""

    sheet: Sheet
    columns: tuple[Column, ...]

    def cells(self, place: int) -> list[Cell | None]:
        """The numbers of a column."""
        return [cell_of(line.cells[place], self.sheet.comma) for line in self.sheet.lines]

    def numeric(self, place: int) -> bool:
        """Whether most cells of a column that hold something are numbers."""
        filled = [line.cells[place] for line in self.sheet.lines]
        filled = [text for text in filled if not is_nothing(text)]
        numbers = sum(cell_of(text, self.sheet.comma) is not None for text in filled)
        return 2 * numbers > len(filled) > 0

    def empty(self, place: int) -> bool:
        """Whether no cell of a column holds anything."""
        return all(is_nothing(line.cells[place]) for line in self.sheet.lines)

    def put(self, changed: dict[int, Column]) -> "Body":
        """The same with some other columns."""
        kept = enumerate(self.columns)
        return replace(self, columns=tuple(changed.get(k, column) for k, column in kept))

    def places(self, kind: str) -> list[int]:
        """The columns of a kind."""
        return [k for k, column in enumerate(self.columns) if column.kind == kind]


def body_of(sheet: Sheet) -> Body:
    """A sheet with its columns (Conventions)."""
    body = Body(sheet, tuple(column_of(title) for title in sheet.header))
    if _lies(body):
        sheet = _turned(sheet)
        body = Body(sheet, tuple(column_of(title) for title in sheet.header))
    steps: Sequence[Callable[[Body], Body]] = (
        _by_content, _splits, _repeated, _doubled, _f1, _averages, _parts, _unnamed, _rows_named,
    )  # fmt: skip
    for step in steps:
        body = step(body)
    return body


def is_mean(name: str) -> bool:
    """Whether a row's name says that it is an average: «Mean», «Mean Dice»; no «Mean Teacher»."""
    words = [word for word in name.split() if column_of(word).kind != "metric"]
    return letters("".join(words)) in AVERAGES


def _lies(body: Body) -> bool:
    """Whether the first column names metrics, and the header does not (Conventions, 5)."""
    head = letters(clean(body.sheet.header[0]))
    titles = [line.cells[0] for line in body.sheet.lines if line.cells[0]]
    found = sum(column_of(title).kind == "metric" for title in titles)
    if any(word in head for word in METRIC_TITLES):
        return found > len(body.places("metric"))
    named = body.columns[0].kind in ("method", "dataset") or head.startswith(NAMED_OTHERWISE)
    return not named and not body.places("metric") and found > 1 and 3 * found >= len(titles)


def _turned(sheet: Sheet) -> Sheet:
    """Rows as columns and columns as rows."""
    rows = [sheet.header, *(line.cells for line in sheet.lines)]
    header, *turned = zip(*rows, strict=True)
    first = header[0] if column_of(header[0]).kind == "method" else "method"
    lines = tuple(Line(k, cells) for k, cells in enumerate(turned, 2))
    return replace(sheet, header=(first, *header[1:]), lines=lines)


def _by_content(body: Body) -> Body:
    """Columns whose cells are not what the title says (Conventions, 1); keys that occur twice."""
    changed = {}
    for k, column in enumerate(body.columns):
        words = not body.numeric(k) and not body.empty(k)
        first = body.places(column.kind)[0]
        fractions = any("." in cell.text for cell in body.cells(k) if cell)
        if (
            (column.kind in ("metric", "rank", "n") and words)
            or (column.kind in ("method", "n") and first != k)
            or (column.kind == "dataset" and (_measured(body, k) if words else fractions))
            or (column.share and (_mostly_signed(body, k) or _difference(body, k)))
            or (column.share and _counts(body, k))
        ):
            changed[k] = Column(column.title, "other", letters(column.title))
    return body.put(changed)


def _measured(body: Body, place: int) -> bool:
    """Whether most cells hold fractions in words: «> 0.80», «0.80-0.84»."""
    texts = [line.cells[place] for line in body.sheet.lines if not is_nothing(line.cells[place])]
    return 2 * sum(bool(FRACTION.match(unmarked(text)[0])) for text in texts) > len(texts)


def _splits(body: Body) -> Body:
    """Splits that tell no columns apart (Conventions, 6)."""
    metrics = [(k, body.columns[k]) for k in body.places("metric")]
    found = [(k, column) for k, column in metrics
             if column.dataset and set(map(letters, column.dataset.split())) <= SPLITS]  # fmt: skip
    names = [column.metric for _, column in metrics]
    several = len({letters(column.dataset) for _, column in found}) > 1
    if several or any(names.count(column.metric) > 1 for _, column in found):
        return body
    others = (OTHER_SPLITS.subn(" ", column.title) for column in body.columns)
    if any(cut and column_of(title).kind == "metric" for title, cut in others):
        return body
    return body.put({k: replace(column, dataset="") for k, column in found})


def _mostly_signed(body: Body, place: int) -> bool:
    """Whether most numbers of a column have a sign: gains and gaps, no shares."""
    cells = [cell for cell in body.cells(place) if cell]
    return 2 * sum(cell.signed for cell in cells) > len(cells)


def _counts(body: Body, place: int) -> bool:
    """Whether whole numbers, some above 1, stand among fractions: cases, no percentages."""
    mine = [cell for cell in body.cells(place) if cell]
    whole = all("." not in cell.text and cell.scale == 1 for cell in mine)
    above = any(cell.value > 1 for cell in mine)
    if "%" in body.columns[place].title or not (whole and above):
        return False
    shares = [k for k in body.places("metric") if k != place and body.columns[k].share]
    shares = [k for k in shares if body.columns[k].metric != "mae"]  # small beside percentages
    others = [c.value for k in shares for c in body.cells(k) if c and "." in c.text]
    return len(others) > 0 and 2 * sum(value <= 1 for value in others) > len(others)


def _difference(body: Body, place: int) -> bool:
    """Whether a column with a minus is one column less another in every row: «B-A Dice»."""
    mine = body.cells(place)
    if not any(cell and cell.value < 0 for cell in mine):
        return False
    columns = [(k, column) for k, column in enumerate(body.columns) if k != place and column.share]
    others = [body.cells(k) for k, column in columns if column.metric == body.columns[place].metric]
    return any(_less(mine, one, other) for one, other in permutations(others, 2))


def _less(mine: Cells, one: Cells, other: Cells) -> bool:
    """Whether the numbers are those of one column less those of another, within rounding."""
    rows = [(m, a, b) for m, a, b in zip(mine, one, other, strict=True) if m and a and b]
    return len(rows) > 1 and all(
        abs(a.value - b.value - m.value) <= (a.half + b.half + m.half) * (1 + TINY) + TINY
        for m, a, b in rows
    )


def _groups(body: Body) -> list[list[int]]:
    """Metric columns that name the same metric of the same data set."""
    found: dict[tuple[str, str], list[int]] = {}
    for k in body.places("metric"):
        found.setdefault((body.columns[k].metric, letters(body.columns[k].dataset)), []).append(k)
    return [group for group in found.values() if len(group) > 1]


def _repeated(body: Body) -> Body:
    """Groups of titles that recur (Conventions, 3)."""
    changed = {}
    for group in _groups(body):
        same = len({letters(clean(body.columns[k].title)) for k in group}) == 1
        for number, k in enumerate(group if same else (), 1):
            name = f"{body.columns[k].dataset} set {number}".strip()
            changed[k] = replace(body.columns[k], dataset=name)
    return body.put(changed)


def _doubled(body: Body) -> Body:
    """Other names of a metric that the table has already (Conventions, 2)."""
    changed = {}
    for group in _groups(body):
        names = {k: letters(body.columns[k].title) for k in group}
        spreads = {k for k in group if names[k].endswith(("std", "sd"))}  # «Dice (std)»
        main = min(group, key=lambda k: (k in spreads, body.columns[k].macro, k))
        for k in group:
            if k != main and k in spreads:
                changed[k] = Column(body.columns[k].title, "other", names[k])
            elif k != main:
                changed[k] = replace(body.columns[k], metric=names[k])
    return body.put(changed)


def _f1(body: Body) -> Body:
    """F1 is DSC where there is no DSC."""
    if any(body.columns[k].metric == "dsc" for k in body.places("metric")):
        return body
    metrics = ((k, body.columns[k]) for k in body.places("metric"))
    return body.put({k: replace(c, metric="dsc") for k, c in metrics if c.metric == "f1"})


def _averages(body: Body) -> Body:
    """The mean beside columns of data sets: «Avg DSC» beside «Liver DSC»."""
    changed = {}
    for k in body.places("metric"):
        column = body.columns[k]
        parts = [j for j in body.places("metric") if body.columns[j].metric == column.metric
                 and _is_set(body.columns[j].dataset)]  # fmt: skip
        if column.dataset or len(parts) < 2:
            continue
        words = {letters(word) for word in column.title.split()}
        if column.macro or words & AVERAGES or _is_mean(body, k, parts):
            changed[k] = replace(column, dataset="average")
    for k in body.places("metric") if changed else ():
        column = body.columns[k]
        if column.macro and not column.dataset:  # mIoU beside an average of DSC
            changed[k] = replace(column, dataset="average")
    return body.put(changed)


def _is_set(place: str) -> bool:
    """Whether a title's place may be one of several data sets: no «best», no «final val»."""
    return not {letters(word) for word in place.split()} <= CORNERS | SPLITS


def _is_mean(body: Body, whole: int, parts: Sequence[int]) -> bool:
    """Whether a column is the mean of others in most rows that have all of them."""
    fits = []
    for stated, *cells in zip(*(body.cells(k) for k in (whole, *parts)), strict=True):
        known = [cell for cell in cells if cell]
        if stated and len(known) == len(cells):
            mean = sum(cell.value for cell in known) / len(known)
            fits.append(abs(mean - stated.value) <= 2 * stated.half + max(c.half for c in known))
    return len(fits) > 0 and 2 * sum(fits) > len(fits)


def _parts(body: Body) -> Body:
    """Columns without a known name whose mean is a metric's column (Conventions, 4)."""
    unknown = [k for k in body.places("other") if _may_be_score(body, k)]
    shares = [k for k in body.places("metric") if body.columns[k].share]
    short = [k for k in shares if len(letters(body.columns[k].title)) < 3]
    tried = [(k, unknown) for k in body.places("metric")]
    tried += [(k, sorted({*unknown, *short} - {k})) for k in body.places("metric") if short]
    for k, unknown in tried:
        column = body.columns[k]
        if column.share and not column.dataset:
            unknown = [j for j in unknown if _as_fine(body, j, k)]
            if len(unknown) < WIDE or not _is_mean(body, k, unknown):
                continue
            titles = {j: body.columns[j].title for j in unknown}
            parts = {
                j: replace(column, title=title, dataset=unmarked(title)[0])
                for j, title in titles.items()
            }
            whole = ((j, body.columns[j]) for j in body.places("metric"))
            means = {j: replace(c, dataset="average") for j, c in whole if not c.dataset}
            return body.put({**means, **parts})
    return body


def _as_fine(body: Body, part: int, whole: int) -> bool:
    """Whether a column is printed as finely as its mean, or with a digit less.

    A mean of counts fits any share: the rounding of 5 is a half.
    """
    mine, mean = ([c.half for c in body.cells(k) if c] for k in (part, whole))
    return bool(mine and mean) and median(mine) <= COARSER * median(mean)


def _may_be_score(body: Body, place: int) -> bool:
    words = [letters(word) for word in re.split(r"[\s/()_\-#]+", clean(body.columns[place].title))]
    values = [cell.value for cell in body.cells(place) if cell]
    known = any(word.startswith(NO_SCORES) or word in CHANGING | CORNERS for word in words)
    named = bool(letters(body.columns[place].title))
    return (
        named and body.numeric(place) and not known and all(0 <= value <= 100 for value in values)
    )


def _unnamed(body: Body) -> Body:
    """A table without a metric: its columns of numbers are data sets (Conventions, 4)."""
    if body.places("metric"):
        return body
    found = [k for k in body.places("other") if _may_be_score(body, k)]
    if len(found) < 2:
        return body
    columns = ((k, body.columns[k]) for k in found)
    return body.put({
        k: Column(c.title, "metric", "score", unmarked(c.title)[0], share=True) for k, c in columns
    })  # fmt: skip


def _rows_named(body: Body) -> Body:
    """The column that names the rows (Conventions, 5)."""
    if body.places("method"):
        return body
    first = min(body.places("metric"), default=len(body.columns))
    before = [k for k in body.places("other") if not body.empty(k)]
    words = [k for k in before if not body.numeric(k)]
    numbers = [k for k in before if k < first] if not body.places("dataset") else []
    chosen = [*(k for k in words if k < first), *numbers]
    if not chosen:
        return body
    column, cells = body.columns[chosen[0]], [line.cells[chosen[0]] for line in body.sheet.lines]
    mean = any(is_mean(unmarked(text)[0]) for text in cells) and not body.places("dataset")
    return body.put({chosen[0]: Column(column.title, "dataset" if mean else "method")})
