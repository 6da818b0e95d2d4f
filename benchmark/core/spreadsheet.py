"""Text in CSV files that a spreadsheet would run as a formula.

Tables for people get an apostrophe before such text. Names that connect one file with another are
refused where they are first read, so that every file holds them as they are.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

STARTS = "=+-@\t\r＝＋－＠"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may run a cell of this text; numbers and a lone sign are harmless."""
    if not text.startswith(tuple(STARTS)) or len(text) == 1:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def as_text(value: Any) -> Any:
    """A cell for a CSV file that people open: an apostrophe stands before a formula."""
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value


def as_texts(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table for a CSV file that people open; columns of numbers stay as they are."""
    texts = frame.select_dtypes(include=["object", "string"]).columns
    return frame.assign(**{str(name): frame[name].map(as_text) for name in texts})
