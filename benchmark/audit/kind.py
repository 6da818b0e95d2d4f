"""Whether a table is one of results: a row a method, a column a metric with a known definition.

**Conventions**

1. The rules assume that rows are methods over the same cases and that averages, ranks and best
   marks are over the printed rows. Files of another kind show what they are: a running number of
   epochs, a row a case, the statistics of a data frame, settings in place of names.
2. A row a case is a table of results where a column says that n is 1: then each row is exact.
3. A word in a title alone is no evidence: the cells have to say the same.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from benchmark.audit.cells import is_nothing, unmarked
from benchmark.audit.columns import Body
from benchmark.audit.metrics import clean, letters

RUNNING = 4  # rows whose numbers run on, that make a log or an index
SETTINGS = 2  # columns of settings that make a grid
TIMES = {"epoch", "epochs", "step", "steps", "iter", "iters", "iteration", "iterations"}
CASES = {"case", "cases", "caseid", "patient", "patientid", "subject", "subjectid", "image",
         "imageid", "imagename", "imgname", "filename", "file", "fname", "sample", "sampleid",
         "slice", "sliceid", "id", "scan", "scanid", "volume", "study", "studyid"}  # fmt: skip
STATISTICS = {"count", "mean", "std", "min", "25", "50", "75", "max"}
REPORT = {"accuracy", "macroavg", "weightedavg", "microavg", "samplesavg"}
SETTING = re.compile(
    r"^(?:lr|learning ?rate|batch(?: ?size)?|weight ?decay|dropout|seed|threshold|epochs?|momentum"
    r"|alpha|beta|gamma|lambda|temperature|num ?layers|depth|width|filters|img ?size|patch ?size)$",
    re.I,
)
FILE = re.compile(r"\S+\.(?:png|jpe?g|tiff?|bmp|nii(?:\.gz)?|npy|npz|dcm|mha|nrrd|h5)", re.I)
NUMBERED = re.compile(r"^(.*?)(\d+)\D{0,4}$")
INSIST = "so no finding counts as an error; --treat-as results takes it as one"


def no_results(body: Body) -> str:
    """What was seen where a table is none of results; "" where nothing speaks against it."""
    tests: Sequence[Callable[[Body], str]] = (_log, _statistics, _report, _cases, _frame, _grid)
    return next((found for test in tests if (found := test(body))), "")


def _titles(body: Body) -> list[str]:
    return [letters(clean(title)) for title in body.sheet.header]


def _texts(body: Body, place: int) -> list[str]:
    return [unmarked(line.cells[place])[0] for line in body.sheet.lines]


def _runs(texts: Sequence[str]) -> bool:
    """Whether whole numbers rise by one step throughout."""
    numbers = [int(text) for text in texts if re.fullmatch(r"\d+", text)]
    steps = {b - a for a, b in pairwise(numbers)}
    return len(numbers) == len(texts) >= RUNNING and len(steps) == 1 and min(steps) > 0


def _rises(texts: Sequence[str]) -> bool:
    """Whether whole numbers rise throughout: some epochs of a log."""
    numbers = [int(text) for text in texts if re.fullmatch(r"\d+", text)]
    rising = all(a < b for a, b in pairwise(numbers))
    return len(numbers) == len(texts) >= RUNNING and rising


def _log(body: Body) -> str:
    for k, title in enumerate(_titles(body)):
        texts = _texts(body, k)
        if title in TIMES and (_runs(texts) or (k == 0 and _rises(texts))):
            return f"the rows are a log (column {body.sheet.header[k]!r} counts {_some(body, k)})"
    return ""


def _statistics(body: Body) -> str:
    names = {letters(text) for text in _texts(body, 0)}
    if len(names & STATISTICS) > len(STATISTICS) // 2 and {"std", "mean"} <= names:
        return f"the rows are statistics of one set of numbers ({_some(body, 0)})"
    return ""


def _report(body: Body) -> str:
    names = {letters(text) for text in _texts(body, 0)}
    if len(names & REPORT) > 1 and "support" in _titles(body):
        return f"the rows are a report on a classification ({_some(body, 0)})"
    return ""


def _cases(body: Body) -> str:
    if body.places("n"):
        return ""  # Conventions, 2
    for k, title in enumerate(_titles(body)):
        texts = [text for text in _texts(body, k) if not is_nothing(text)]
        if len(texts) < RUNNING or len(set(texts)) < len(texts) - 1 or body.columns[k].share:
            continue
        files = sum(bool(FILE.fullmatch(text)) for text in texts)
        if 2 * files > len(texts) or (title in CASES and 2 * _numbered(texts) > len(texts)):
            return f"the rows are single cases (column {body.sheet.header[k]!r}: {_some(body, k)})"
    return ""


def _numbered(texts: Sequence[str]) -> int:
    """How many texts are one stem with a number."""
    found = [match[1] for text in texts if (match := NUMBERED.match(text))]
    return max((found.count(stem) for stem in set(found)), default=0)


def _frame(body: Body) -> str:
    title, texts = _titles(body)[0], _texts(body, 0)
    named = any(not body.numeric(k) and not body.empty(k) for k in range(len(body.columns)))
    index = title in ("", "index", "unnamed0") and _runs(texts) and texts[0] == "0"
    if index and not named:
        return f"the rows have an index and no names (first column: {_some(body, 0)})"
    return ""


def _grid(body: Body) -> str:
    places = range(len(body.columns))
    named = any(not body.numeric(k) and not body.empty(k) for k in places)
    found = [body.sheet.header[k] for k in places if SETTING.match(clean(body.sheet.header[k]))]
    if len(found) >= SETTINGS and not named:
        return f"the rows are settings without names ({', '.join(found)})"
    return ""


def _some(body: Body, place: int) -> str:
    *shown, last = _texts(body, place)[:3]
    return f"{', '.join([*shown, last])} …"
