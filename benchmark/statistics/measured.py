"""The measured.csv files of an analysis, read without the code that measures or shows them.

**Conventions**

1. A unit lies in results/<mix>/analyses/<name>/<unit>/: `measured.csv` and `record.json`. A unit
   whose measured.csv is not as its record lists it is left out, and named. A unit that takes no
   part has a record with the reason, and no measured.csv.
2. A row is of a case; rows with an empty `case` are of a whole set, pooled over its cases.
3. The value of a case is the mean over the lines that are chosen (over severities, for example).
   A case without a value in one seed is left out of all seeds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.core.digests import digest_of
from benchmark.core.errors import MixSegError
from benchmark.core.files import read_json

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "analyses"  # in results/<mix>, beside the groups of methods
MEASURED, RECORD = "measured.csv", "record.json"
TEXT = {"dataset": str, "modality": str, "case": str, "group": str}
LEFT_OUT = "left_out"  # the key of a record whose unit takes no part: the reason
MANY = -1  # in the place of the seed, for what is measured on several seeds together


def units(folder: Path) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """The record of each unit of an analysis by its place, and the places that were edited.

    Args:
        folder: of the analysis, results/<mix>/analyses/<name>.
    """
    records, edited = {}, []
    for path in sorted(folder.glob(f"**/{RECORD}")):
        place, record = path.parent.relative_to(folder).as_posix(), read_record(path.parent)
        if record is None:
            edited.append(place)
        else:
            records[place] = record
    return records, edited


def read_record(folder: Path) -> Mapping[str, Any] | None:
    """The record of a unit; None where there is none, or its measured.csv is not as it lists."""
    try:
        record: Mapping[str, Any] = read_json(folder / RECORD)
        if record.get(LEFT_OUT):
            return record
        same = record["files"][MEASURED] == digest_of(folder / MEASURED)
        return record if same else None
    except (MixSegError, OSError, AttributeError, KeyError, TypeError):
        return None


def read_unit(folder: Path, record: Mapping[str, Any], seed: int) -> "pd.DataFrame":
    """The rows of a unit: method, seed, then the columns of the analysis; text is never NaN.

    Args:
        folder: of the unit.
    """
    import pandas as pd

    table = pd.read_csv(folder / MEASURED, dtype=TEXT)
    table[list(TEXT)] = table[list(TEXT)].fillna("")
    table.insert(0, "method", record["method"])
    table.insert(1, "seed", seed)
    return table


def read_measured(folder: Path) -> "pd.DataFrame | None":
    """All rows of an analysis on a mix; None where nothing was measured.

    Args:
        folder: of the analysis.
    """
    if not folder.is_dir():
        return None
    import pandas as pd

    tables = [
        read_unit(folder / place, record, _seed(record))
        for place, record in units(folder)[0].items()
        if not record.get(LEFT_OUT)
    ]
    return pd.concat(tables, ignore_index=True) if tables else None


def _seed(record: Mapping[str, Any]) -> int:
    seeds = record["seeds"]
    return int(seeds[0]) if len(seeds) == 1 else MANY


def chosen(table: "pd.DataFrame", lines: Mapping[str, tuple[object, ...]]) -> "pd.DataFrame":
    """The rows of single cases in which other columns have one of the given values.

    Args:
        lines: values by column.
    """
    kept = table["case"] != ""
    for column, values in lines.items():
        kept &= table[column].isin(values) if column in table else False
    return table[kept]


def matrix(table: "pd.DataFrame", column: str) -> "pd.DataFrame":
    """The value of each case, a line a seed (Conventions, 3); empty where there is none."""
    if column not in table or table.empty:
        return table.iloc[:0, :0]
    values = table.assign(**{column: table[column].astype(float)})
    found = values.pivot_table(index="seed", columns="case", values=column, aggfunc="mean")
    return found.loc[:, np.asarray(found.notna().all())]
