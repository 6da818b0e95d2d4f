"""Names in a file of published numbers: metrics, data sets and methods, as others write them.

**Conventions**

1. A metric is a column of scores.csv, or a published one that we do not have (accuracy, HD95 in
   mm). Other names of it are understood as in the audit of tables: Dice, mDice and F1 are dsc.
2. A data set is one of the catalog, by its name or title, whatever the case and the signs between
   the letters, or one of `OTHER_SETS`. A method is known by its name or its title.
3. An unknown name is an error that names the nearest known one.
"""

import difflib
from collections.abc import Collection, Mapping
from functools import partial

from benchmark.audit.metrics import letters, metric_named
from benchmark.core.errors import ScoreTableError
from benchmark.statistics.schema import METRICS, scored

# Published metrics that scores.csv does not have, with their units; a new one is added here.
OTHER_METRICS = {"specificity": "share", "accuracy": "share", "hd95_mm": "mm", "assd_mm": "mm"}
KNOWN = (*scored(), *OTHER_METRICS)
SAME = {"f1": "dsc"}
WHERE = {
    "metric": f"known are {', '.join(KNOWN)}",
    "dataset": "`mixseg data` lists them",
    "method": "`mixseg list` lists them",
}
# Published test sets that the catalog does not have; a new one is added here.
OTHER_SETS = ("synapse", "acdc", "refuge-cup", "sam-med2d-test")
SET_ALIASES = {"kvasir": "kvasir-seg", "clinicdb": "cvc-clinicdb", "cvc612": "cvc-clinicdb",
               "cvct": "cvc-300", "endoscene": "cvc-300", "isic18": "isic2018",
               "isic17": "isic2017"}  # fmt: skip


def understood(
    where: str, row: Mapping[str, str], methods: Mapping[str, str] | None
) -> dict[str, str]:
    """The metric, data set and method of a row under our names.

    Args:
        methods: title by name; None leaves unknown names as they are.

    Raises: ScoreTableError with the nearest for an unknown name, where `methods` is given.
    """
    found = {}
    for key, named in (
        ("metric", known_metric),
        ("dataset", known_dataset),
        ("method", partial(known_method, known=methods or {})),
    ):
        try:
            found[key] = named(where, row[key])
        except ScoreTableError:
            if methods is not None:
                raise
    return found


def unit_of(metric: str) -> str:
    """The unit of a known metric, "share" for numbers from 0 to 1; empty for an unknown one."""
    return METRICS[metric].unit if metric in METRICS else OTHER_METRICS.get(metric, "")


def known_metric(where: str, word: str) -> str:
    """The metric of ours that a name stands for.

    Raises: ScoreTableError with the nearest where there is none.
    """
    if word in KNOWN:
        return word
    lower = {letters(name): name for name in KNOWN}
    found = metric_named(letters(word))
    found = lower.get(letters(word)) or SAME.get(found, found)
    if found in KNOWN:
        return found
    if found in ("hd95", "assd"):
        expected = f"its unit too: {found}_px or {found}_mm"
        raise ScoreTableError(where, f"metric is {word!r}", expected, "Add the unit.")
    raise _unknown(where, "metric", word, KNOWN)


def known_dataset(where: str, word: str) -> str:
    """The data set that a name stands for.

    Raises: ScoreTableError with the nearest where there is none.
    """
    from benchmark.data.catalog import load_catalog  # pydantic is slow to import

    known = {name: row.title for name, row in load_catalog().items()}
    known |= {name: name for name in OTHER_SETS}
    found = _named(word, known) or SET_ALIASES.get(letters(word), "")
    if not found:
        raise _unknown(where, "dataset", word, known)
    return found


def known_method(where: str, word: str, known: Mapping[str, str]) -> str:
    """The method that a name or a title stands for.

    Args:
        known: title by name.

    Raises: ScoreTableError with the nearest where there is none.
    """
    titles = {title.casefold(): name for name, title in known.items()}
    found = word if word in known else titles.get(word.casefold()) or _named(word, known)
    if not found:
        raise _unknown(where, "method", word, known)
    return found


def _named(word: str, known: Mapping[str, str]) -> str:
    """The one name whose own letters or title are those of a word; "" for none or several."""
    if word in known:
        return word
    wanted = letters(word)
    found = [name for name in known if letters(name) == wanted]
    found = found or [name for name, title in known.items() if letters(title) == wanted]
    return found[0] if len(found) == 1 else ""


def _unknown(where: str, kind: str, word: str, known: Collection[str]) -> ScoreTableError:
    (near,) = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.0) or ("none",)
    return ScoreTableError(
        where, f"{kind} is {word!r}", f"a known {kind}", f"The nearest is {near}; {WHERE[kind]}."
    )
