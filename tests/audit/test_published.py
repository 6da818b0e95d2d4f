"""Tables that were published: they are read as printed, and what is found in them holds."""

from accuracy import findings, misread, right, rows
from planted import KINDS, recall

# Of 12 tables: hard findings, findings of any level.
FLOORS = {
    "wrong bold": (0.7, 1.0),
    "wrong second": (0.7, 1.0),
    "wrong rank": (0.4, 1.0),
    "percent slip": (1.0, 1.0),
    "DSC and IoU exchanged, columns": (1.0, 1.0),
    "DSC and IoU exchanged, one row": (1.0, 1.0),
    "wrong mean": (0.9, 0.9),
    "row named twice": (0.8, 1.0),
    "two cells exchanged": (0.6, 0.7),
    "first digit": (0.6, 0.75),
}


def test_every_table_is_read_as_printed() -> None:
    assert len(rows("read.csv")) == 41
    assert list(misread()) == []


def test_every_hard_finding_was_judged_and_is_right() -> None:
    found, judged = findings(), right()
    assert len(found) == 26
    assert set(found) == judged


def test_planted_errors_are_found_and_correct_tables_raise_no_alarm() -> None:
    found = recall(tuple(KINDS), 12, seed=3)
    assert found["none"][1] == 0
    for kind, (hard, some) in FLOORS.items():
        planted, surely, at_all = found[kind]
        assert planted > 2
        assert surely >= hard * planted, kind
        assert at_all >= some * planted, kind
