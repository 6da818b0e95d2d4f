"""Reads the two files of one run, run.json and scores.csv, and refuses what cannot be right.

**Conventions**

1. A row of scores.csv is one case and prompt draw. Draws of a case are averaged before all else.
2. Some metrics and all named protocols may be undefined: an empty cell, NaN here. `schema` says
   which, and what each column may hold. A column of a metric may be absent; it was not scored then.
3. A case whose reference and prediction are both empty, or only one of them, is counted. DSC and
   IoU must agree with the counts in their own row: DSC = 2 tp / (2 tp + fp + fn), IoU = tp / (tp +
   fp + fn), and 1 where both masks are empty.

**Sources** Maier-Hein et al., Nat. Methods 2024 (overlap and boundary metrics).
"""

import contextlib
import csv
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.errors import ScoreTableError
from benchmark.statistics.schema import COUNTS, KEYS, METRICS, Array, may_be_undefined

SCHEMA = 2
NAMES = KEYS[:4]  # columns of text
OBJECTS = ("weights", "deviations", "identity")
RECORD = ("schema", "method", "title", "mix", "group", "seed", "initialisation", *OBJECTS)
INITIALISATIONS = ("pretrained", "random", "none")
AGAIN = "Delete the file and run its stage again."
PLAIN = b"0123456789.-"  # of the numbers that we write
SHEET = f"A spreadsheet may have saved it. {AGAIN}"


@dataclass(frozen=True)
class SetScores:
    """What one run scored on one test set, draws averaged.

    Attributes:
        cases, groups: names, sorted by case.
        values: column name to (cases,); NaN where undefined.
        both_empty, one_empty: rows of the file with such masks.
        rows: rows of the file.
        draws: prompt draws a case.
        draw_sd: column name to the standard deviation over draws of the mean over cases; empty
            for one draw.
    """

    modality: str
    cases: tuple[str, ...]
    groups: tuple[str, ...]
    values: dict[str, Array]
    both_empty: int
    one_empty: int
    rows: int
    draws: int = 1
    draw_sd: dict[str, float] = field(default_factory=dict)


def read_record(path: Path, expected: tuple[str, str, int]) -> dict[str, Any]:
    """Reads a run.json and checks that it belongs where it lies.

    Args:
        expected: group, method and seed, as its folder says.

    Raises: ScoreTableError.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScoreTableError(path, f"unreadable ({error})", "a whole JSON file", AGAIN) from error
    if not isinstance(record, dict):
        raise ScoreTableError(path, type(record).__name__, "a JSON object", AGAIN)
    _check_values(path, record)
    found = (record["group"], record["method"], record["seed"])
    if found != expected:
        raise ScoreTableError(
            path,
            f"the record of {found[0]}/{found[1]}, seed {found[2]}",
            f"that of {expected[0]}/{expected[1]}, seed {expected[2]}",
            "It was copied here by hand; delete the folder and run its stage again.",
        )
    return record


def _check_values(path: Path, record: dict[str, Any]) -> None:
    schema = record.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise ScoreTableError(path, f"schema {schema!r}", f"schema {SCHEMA}", AGAIN)
    missing = [key for key in RECORD if key not in record]
    if missing:
        raise ScoreTableError(path, f"no {', '.join(missing)}", "a whole record", AGAIN)
    flat = [key for key in OBJECTS if not isinstance(record[key], dict)]
    if flat:
        raise ScoreTableError(path, f"{flat[0]} is {record[flat[0]]!r}", "an object", AGAIN)
    if record["initialisation"] not in INITIALISATIONS:
        found, expected = record["initialisation"], ", ".join(INITIALISATIONS)
        raise ScoreTableError(path, f"initialisation is {found!r}", f"one of {expected}", AGAIN)


def read_scores(path: Path) -> dict[str, SetScores]:
    """Reads and checks one scores.csv, by test set.

    Raises: ScoreTableError naming the file, and the line or the case.
    """
    text = _read_columns(path)
    numbers = {name: _numbers(path, name, text[name]) for name in text if name not in NAMES}
    _check_counts(path, numbers)
    lines_of: dict[str, list[int]] = {}
    for line, dataset in enumerate(text["dataset"]):
        lines_of.setdefault(dataset, []).append(line)
    return {
        dataset: _one_set(
            f"{path}: {dataset}",
            {name: [text[name][line] for line in lines] for name in KEYS},
            {name: column[lines] for name, column in numbers.items()},
        )
        for dataset, lines in lines_of.items()
    }


def _read_columns(path: Path) -> dict[str, list[str]]:
    """The cells of the file by column."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file, strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScoreTableError(path, f"unreadable ({error})", "a CSV file", AGAIN) from error
    _check_header(path, header)
    if not rows:
        raise ScoreTableError(path, "no rows", "a row a case", AGAIN)
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise ScoreTableError(_line(path, i), f"{len(row)} cells", f"{len(header)}", AGAIN)
    columns = dict(zip(header, (list(cells) for cells in zip(*rows, strict=True)), strict=True))
    for name in NAMES:
        if "" in columns[name]:
            where = _line(path, columns[name].index(""))
            raise ScoreTableError(where, f"no {name}", "a name", AGAIN)
    return columns


def _check_header(path: Path, header: list[str]) -> None:
    """The header must be one that we write; what a spreadsheet did to it is named."""
    first = header[0] if header else ""
    if first.startswith("\ufeff"):
        raise ScoreTableError(path, "a byte-order mark", "UTF-8 text without one", SHEET)
    if len(header) == 1 and max(first.count(";"), first.count("\t")) > 0:
        sign = "semicolons" if ";" in first else "tabs"
        raise ScoreTableError(path, f"{sign} between the columns", "commas", SHEET)
    missing = [name for name in (*KEYS, *COUNTS) if name not in header]
    if missing:
        found = f"no column {', '.join(missing)}"
        raise ScoreTableError(path, found, "UTF-8 text with commas and a header", AGAIN)
    twice = [name for name, n in Counter(header).items() if n > 1]
    if twice:
        raise ScoreTableError(path, f"column {twice[0]} twice", "one of each", AGAIN)


def _line(path: Path, row: int) -> str:
    return f"{path}, line {row + 2}"  # counted from 1, after the header


def _numbers(path: Path, name: str, cells: list[str]) -> Array:
    """A column as floats; an empty cell is NaN where it may be (Conventions, 2)."""
    optional = may_be_undefined(name)
    values = _at_once(cells, optional)
    if values is None:  # something is wrong, or unusual: cell by cell, to name the line
        values = np.full(len(cells), math.nan)
        for i, cell in enumerate(cells):
            if optional and not cell:
                continue
            with contextlib.suppress(ValueError):
                values[i] = float(cell) if cell.isascii() and "_" not in cell else math.nan
            if not math.isfinite(values[i]):
                kind = "a number or nothing" if optional else "a number"
                raise ScoreTableError(_line(path, i), f"{name} is {cell!r}", kind, AGAIN)
    _check_range(path, name, values)
    return values


def _at_once(cells: list[str], optional: bool) -> Array | None:
    """A column of plain numbers; None where any cell is something else."""
    if "".join(cells).encode(errors="surrogatepass").translate(None, PLAIN):
        return None
    try:
        values = np.array([float(cell) if cell or not optional else math.nan for cell in cells])
    except ValueError:
        return None
    return None if np.isinf(values).any() else values


def _check_range(path: Path, name: str, values: Array) -> None:
    """Metrics lie in the range of their row in the schema; counts and draws are whole."""
    if name in METRICS:
        low, high = METRICS[name].low, METRICS[name].high
        wrong = (values < low) | (values > high)
        kind = f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"
    elif name in (*KEYS, *COUNTS):
        wrong, kind = (values < 0) | (values % 1 != 0), "a whole number, 0 or more"
    else:
        return  # a named protocol has the range that its tool gives it
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ScoreTableError(_line(path, i), f"{name} is {values[i]:g}", kind, AGAIN)


def _check_counts(path: Path, numbers: dict[str, Array]) -> None:
    """DSC and IoU must be what the counts in the same row say (Conventions, 3)."""
    tp, wrong = numbers["tp"], numbers["fp"] + numbers["fn"]
    for name, weight in (("dsc", 2.0), ("iou", 1.0)):
        if name not in numbers:
            continue
        union = weight * tp + wrong
        said = np.where(union > 0, weight * tp / np.maximum(union, 1), 1.0)
        off = np.abs(said - numbers[name]) > 2e-6  # six digits are written
        if off.any():
            i = int(np.flatnonzero(off)[0])
            found = f"{name} is {numbers[name][i]:.6f}"
            raise ScoreTableError(_line(path, i), found, f"{said[i]:.6f} by tp, fp and fn", AGAIN)


def _one_set(where: str, keys: dict[str, list[str]], numbers: dict[str, Array]) -> SetScores:
    """The rows of one test set, one value a case."""
    _check_keys(where, keys)
    about = dict(zip(keys["case"], keys["group"], strict=True))
    cases = tuple(sorted(about))
    position = {case: i for i, case in enumerate(cases)}
    index = np.array([position[case] for case in keys["case"]])
    reference_empty = numbers["tp"] + numbers["fn"] == 0
    prediction_empty = numbers["tp"] + numbers["fp"] == 0
    _, draw = np.unique(numbers["draw"], return_inverse=True)
    draws = int(draw.max()) + 1
    return SetScores(
        modality=keys["modality"][0],
        cases=cases,
        groups=tuple(about[case] for case in cases),
        values={
            name: _mean_by(index, column, len(cases))
            for name, column in numbers.items()
            if name != "draw"
        },
        both_empty=int((reference_empty & prediction_empty).sum()),
        one_empty=int((reference_empty ^ prediction_empty).sum()),
        rows=len(index),
        draws=draws,
        draw_sd={
            name: float(np.std(_mean_by(draw, column, draws), ddof=1))
            for name, column in numbers.items()
            if name != "draw" and draws > 1
        },
    )


def _check_keys(where: str, keys: dict[str, list[str]]) -> None:
    """Each case and draw once; one group a case, one modality a set, the same draws for all."""
    draws: dict[str, set[int]] = {}
    group_of: dict[str, str] = {}
    for case, group, draw in zip(keys["case"], keys["group"], keys["draw"], strict=True):
        if int(float(draw)) in draws.setdefault(case, set()):
            raise ScoreTableError(where, f"case {case!r}, draw {draw} twice", "one row", AGAIN)
        draws[case].add(int(float(draw)))
        if group_of.setdefault(case, group) != group:
            raise ScoreTableError(where, f"case {case!r} in two groups", "one", AGAIN)
    if len(set(keys["modality"])) > 1:
        found = " and ".join(sorted(set(keys["modality"])))
        raise ScoreTableError(where, f"the modalities {found}", "one", AGAIN)
    common = Counter(frozenset(d) for d in draws.values()).most_common(1)[0][0]
    odd = next((case for case, d in draws.items() if d != common), None)
    if odd is not None:
        found, expected = f"{len(draws[odd])} draws of {odd!r}", f"{len(common)} as of the others"
        raise ScoreTableError(where, found, expected, AGAIN)


def _mean_by(index: Array, values: Array, n: int) -> Array:
    """Mean of the values of each of n indices, the draws of a case say, where they are defined."""
    if n == len(index):  # one draw
        ordered = np.empty(n)
        ordered[index] = values
        return ordered
    known = ~np.isnan(values)
    count = np.bincount(index[known], minlength=n)
    total = np.bincount(index[known], values[known], minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
