"""What the columns of a printed table are called, and which way is better."""

from dataclasses import dataclass

KEYS = ("method", "dataset", "n")
ALIASES = {
    "method": ("method", "methods", "model", "network", "name"),
    "dataset": ("dataset", "data", "testset", "set", "modality"),
    "n": ("n", "cases", "images", "testcases", "testimages"),
}
# Metric: whether it is a share (0 to 1, or percent), whether more is better, its other names.
METRICS: dict[str, tuple[bool, bool, tuple[str, ...]]] = {
    "dsc": (True, True, ("dice", "mdice", "meandice", "meandic", "mdic", "mdsc", "f1", "f1score",
                         "dicescore", "dicecoefficient")),
    "iou": (True, True, ("miou", "meaniou", "jaccard", "jac", "jc", "ji")),
    "mae": (True, False, ()),
    "sensitivity": (True, True, ("recall", "sen", "se", "sens")),
    "specificity": (True, True, ("spe", "sp", "spec")),
    "precision": (True, True, ("pre", "prec", "ppv")),
    "accuracy": (True, True, ("acc",)),
    "hd95": (False, False, ("hd95px", "hd95mm", "hd", "95hd")),
    "assd": (False, False, ("assdpx", "assdmm", "asd")),
}  # fmt: skip
NAMES = {alias: metric for metric, (_, _, more) in METRICS.items() for alias in (metric, *more)}
UP, DOWN = "↑", "↓"


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes:
        title: as printed.
        kind: "method", "dataset", "n", "metric", "rank" or "other".
        metric: the metric, or the metric whose rank it states.
        dataset: in the wide form, else "".
        share: whether it lies between 0 and 1 (or 0 and 100 per cent).
        better: 1 where more is better, -1 where less is, 0 where that is not known.
    """

    title: str
    kind: str
    metric: str = ""
    dataset: str = ""
    share: bool = False
    better: int = 0


def column_of(title: str) -> Column:
    """What a column is, by its title."""
    dataset, _, name = title.rpartition("/")
    dataset = dataset.strip()
    word = _letters(name)
    if not dataset:
        for kind, names in ALIASES.items():
            if word in names:
                return Column(title, kind)
    if word.endswith("rank"):
        metric = word.removesuffix("rank") or "dsc"
        return Column(title, "rank", NAMES.get(metric, metric), dataset)
    if word in NAMES:
        metric = NAMES[word]
        share, more, _ = METRICS[metric]
        return Column(title, "metric", metric, dataset, share, 1 if more else -1)
    arrow = (UP in name) - (DOWN in name)
    if not arrow:
        return Column(title, "other", word, dataset)
    return Column(title, "metric", word, dataset, share=False, better=arrow)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
