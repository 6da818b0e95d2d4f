"""What the titles of a printed table mean: the metric, which way is better, methods, data sets.

**Conventions**

1. A title is read without its marks, unit, arrow and notes. It names a metric as a whole («Jaccard
   Index»), or a metric and a data set («Kvasir mDice», «HD95 (LV)», «Kvasir/dsc»).
2. A word that makes another number of a metric (median, std, loss, gain, boundary) makes the column
   one that is passed over.
3. A long name with a slip of the pen is read as the nearest one.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmark.audit.cells import DASHES, unmarked

# Metric: whether it is a share (0 to 1, or per cent), whether more is better, its names in letters.
METRICS: dict[str, tuple[bool, bool, str]] = {
    "dsc": (True, True, "dsc dice dic dc dcs di sdc dicesimilarity sorensendice dicesorensen"
            " sørensendice dsi"),
    "f1": (True, True, "f1 f1measure"),
    "iou": (True, True, "iou jaccard jacc jac ja js jc ji jsi jsc jaccardsimilarity iu"
            " intersectionoverunion intersectionoverunionjaccard"),
    "mae": (True, False, "mae meanabsoluteerror"),
    "sensitivity": (True, True, "sensitivity sen sens se sn recall rec re tpr truepositive"),
    "specificity": (True, True, "specificity spec spe sp spc tnr truenegative"),
    "precision": (True, True, "precision prec pre pr pc ppv positivepredictive"),
    "accuracy": (True, True, "accuracy acc ac oa pa pixelacc pixelaccuracy overallacc"
                 " overallaccuracy pixacc pixelwiseaccuracy aacc globalaccuracy globalacc voxelacc"
                 " voxelaccuracy voxelwiseaccuracy"),
    "hd95": (False, False, "hd95 95hd hd95th 95thhd p95hd hdp95 hausdorff95 95hausdorff"
             " hausdorffdistance95 95hausdorffdistance 95thpercentilehausdorffdistance"
             " hd95percentile 95percentilehausdorffdistance hausdorffdistance95th hdf95"),
    "hd": (False, False, "hd hausdorff hausdorffdistance hdmax maxhd"),
    "assd": (False, False, "assd averagesymmetricsurfacedistance masd"),
    "asd": (False, False, "asd averagesurfacedistance msd"),
    "nsd": (True, True, "nsd surfacedice normalizedsurfacedice normalisedsurfacedice"
            " normalizedsurfacedistance"),
    "auc": (True, True, "auc auroc rocauc aucroc"),
    "s-measure": (True, True, "smeasure sm sα salpha structuremeasure"),
    "max e-measure": (True, True, "maxe maxem emax eφmax ephimax maxeφ maxeϕ maxeξ maxephi"
                      " maxemeasure"),
    "mean e-measure": (True, True, "me em meanem emean eφmean meφ meϕ mephi memeasure"),
    "weighted f-measure": (True, True, "fwβ fωβ fβω fβw fbw fwb fbetaw fwbeta weightedfmeasure"
                           " weightedf wfm wfmeasure wf wfb wfβ wfbeta"),
    "max f-measure": (True, True, "maxf maxfm fmax maxfmeasure maxfβ maxfb maxfbeta fβmax fbmax"
                      " fbetamax fmβ"),
    "mean f-measure": (True, True, "avef avgf meanfm favg fmean meanfmeasure avgfmeasure meanfβ"
                       " meanfb meanfbeta fβmean fbmean fbetamean mfβ"),
}  # fmt: skip
NAMES = {name: metric for metric, (_, _, names) in METRICS.items() for name in names.split()}
LONG = [name for name in NAMES if len(name) > 6]
MACRO = ("mean", "macro", "average", "avg", "m")
ENDINGS = ("scores", "score", "values", "value", "coefficients", "coefficient", "coeffs", "coeff",
           "coefs", "coef", "index", "indices", "metric", "rate", "ratio", "measure",
           "percent", "pct")  # fmt: skip
NEUTRAL = {"mean", "avg", "average", "ave", "test", "testing", "score", "scores", "coefficient",
           "coef", "coeff", "index", "value", "values", "the", "of", "on", "for", "in", "per",
           "case", "image", "images", "macro", "m", "percent", "overall", "total", "metric",
           "and", "with", "similarity", "sd", "std", "±", "mm", "cm", "px", "pixels",
           "voxels"}  # fmt: skip
CHANGING = {"median", "std", "sd", "stdev", "deviation", "dev", "var", "variance", "loss", "gain",
            "gains", "drop", "delta", "δ", "diff", "difference", "improvement", "improv", "change",
            "boundary", "surface", "edge", "contour", "soft", "center", "centerline", "cl", "ci",
            "p", "iqr", "threshold", "error", "vs", "ratio",
            "relative", "rel", "abs", "detection", "bbox", "box", "map", "ap", "ref", "weighted",
            "fw", "frequency", "epoch", "time", "train", "training", "increase", "decrease",
            "confidence", "interval", "variation", "calibration", "lower", "upper", "count",
            "number", "n", "samples", "gap", "minus", "thresh", "thresholded",
            "lesionwise", "objectwise", "bce", "ce", "focal", "tversky", "improved", "worsened",
            "wins", "uplift", "quantile", "percentile"}  # fmt: skip
SPREADS = {"median", "std", "sd", "stdev", "deviation", "variance", "ci", "iqr", "interval", "δ",
           "delta", "diff", "difference", "gain", "gains", "improvement", "gap"}  # fmt: skip
KEYS: dict[str, str] = {
    "n": "n cases images testcases testimages samples count noofimages numberofimages nimages num"
         " nocases numberofcases testsamples samplesn imagesn casesn testset# # support subjects"
         " patients ncases nimg",
    "dataset": "dataset datasets data 数据集 类别 testset testsets testdata"
               " testingset set evalset"
               " evaluationset evaluationdata benchmark modality split subset domain class classes"
               " organ organs structure structures region regions tissue roi fold folds view plane"
               " site centre center hospital scanner task sequence lesion target"
               " case patient subject video eval evaluation anatomy testdataset testdomain",
    "method": "method methods model models network networks net architecture architectures approach"
              " approaches algorithm algorithms name team teams technique techniques framework"
              " system participant modelname methodname author authors 方法 模型",
}  # fmt: skip
ALIASES = {name: kind for kind, names in KEYS.items() for name in names.split()}
INNER = ("dsc", "iou", "nsd", "hd95", "assd")  # whose names may stand inside a title
SPREAD = re.compile(r"(?:±|\+/-|\+-)\s*(?:std|sd|s\.d\.?)\b(?:\s*dev\w*\.?)?", re.I)
COUNTS = re.compile(  # of pixels, objects or cases: «true positives» is no true positive rate
    r"\b(?:true|false)[ -]?(?:positive|negative)s?\b(?!.*(?:rate|ratio|fraction))", re.I
)
UP, DOWN = "↑⬆▲⇑", "↓⬇▼⇓"
UNITS = re.compile(
    r"[(\[]\s*(?:%|mm2?|cm|px|pixels?|voxels?|vox|in %|±?\s*(?:sd|std)|mean\s*±\s*(?:sd|std)"
    r"|m\s*±\s*sd|95\s*%?\s*ci|[↑↓⬆⬇]+|higher is better|lower is better|n\s*=\s*\d+)\s*[)\]]",
    re.I,
)


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes:
        title: as printed.
        kind: "method", "dataset", "n", "metric", "rank" or "other".
        metric: the metric, or the metric whose rank it states.
        dataset: the data set that the title names, else "".
        share: whether it lies between 0 and 1 (or 0 and 100 per cent).
        better: 1 where more is better, -1 where less is, 0 where that is not known.
        macro: whether the title says that it is a mean: mDice, mean IoU.
    """

    title: str
    kind: str
    metric: str = ""
    dataset: str = ""
    share: bool = False
    better: int = 0
    macro: bool = False


@lru_cache(maxsize=4096)
def column_of(title: str) -> Column:
    """What a column is, by its title alone."""
    bare = clean(title)
    key = ALIASES.get(letters(bare))
    if any(s in title for s in UP) and any(s in title for s in DOWN):
        return Column(title, "other", letters(bare))
    if key or re.fullmatch(r"# ?(images|cases|samples)", bare, re.I):
        return Column(title, key or "n")
    if re.search(r"rank(ing)?\b", bare, re.I):
        return _rank(title, bare)
    dataset, slash, name = _slashes(bare).rpartition("/")
    metric, place = _metric_and_dataset(name.strip(), dataset.strip())
    if slash and metric and metric_named(letters(dataset)):  # Dice/F1; Dice/HD95 is two numbers
        same = {metric, metric_named(letters(dataset))} in ({"dsc", "f1"}, {metric})
        metric, place = (metric_named(letters(dataset)), "") if same else ("", place)
    elif not metric and dataset:
        metric, place = _metric_and_dataset(bare.replace("/", " "), "")
    if SPREADS & {letters(word) for word in dataset.split()}:  # a sub-title of the metric
        return Column(title, "other", letters(bare))
    if metric:
        share, more, _ = METRICS[metric]
        macro = letters(name).startswith(MACRO) and letters(name) not in NAMES
        return Column(title, "metric", metric, place, share, 1 if more else -1, macro)
    arrow = any(sign in title for sign in UP) - any(sign in title for sign in DOWN)
    if not arrow:
        return Column(title, _of_words(bare) or "other", letters(bare))
    return Column(title, "metric", letters(name), dataset.strip(), share=False, better=arrow)


def _slashes(bare: str) -> str:
    """A title whose slashes part a data set from a metric: none in brackets, «(Wh/epoch)»."""
    bare = re.sub(r"(?<=[(\[]w)/", "", bare)
    return re.sub(r"[(\[][^()\[\]]*[)\]]", lambda found: found[0].replace("/", " "), bare)


def _rank(title: str, bare: str) -> Column:
    """A column of ranks: «rank», «iou_rank», «Rank (Dice)», «Kvasir/rank»."""
    dataset, _, name = bare.rpartition("/")
    words = [word for word in re.split(r"[\s_()\-]+", name) if letters(word)]
    rest = letters("".join(word for word in words if "rank" not in letters(word)))
    joined = letters(name).removesuffix("ing").removesuffix("rank")
    word = rest or ("" if joined == letters(name) else joined)
    return Column(title, "rank", metric_named(word) or word, dataset.strip())


def clean(title: str) -> str:
    """A title without marks, unit, arrow and notes, in one line."""
    title = re.sub(r"<sub>(.*?)</sub>|<sup>(\D*?)</sup>", _lowered, title, flags=re.I)
    bare = unicodedata.normalize("NFKC", unmarked(title)[0].translate(DASHES))
    bare = SPREAD.sub(" ", UNITS.sub(" ", bare))
    bare = bare.replace("_", " ") if "/" not in bare else bare
    bare = re.sub(r"%|[↑↓⬆⬇▲▼⇑⇓†‡*§]|\[\d+\]|\.\d+$", " ", bare)
    return " ".join(bare.split())


def _lowered(found: re.Match[str]) -> str:
    """What is lowered or raised in a title, as a part of it: HD95, Fβw, «Dice max»."""
    text = str(found[1] or found[2] or "")
    return f" {text}" if len(letters(text)) > 2 else text


def letters(text: str) -> str:
    """Letters and digits in lower case: «ISIC 2018» is isic2018."""
    return "".join(char for char in text.casefold() if char.isalnum())


def metric_named(word: str) -> str:
    """The metric of a whole name in letters; "" for none."""
    if word in NAMES:
        return NAMES[word]
    for stem in _stems(word):
        if stem in NAMES:
            return NAMES[stem]
    for stem in (word, *_stems(word)):
        near = difflib.get_close_matches(stem, LONG, 1, 0.85) if len(stem) > 6 else []
        if near:
            return NAMES[near[0]]
    return ""


def _stems(word: str) -> Iterator[str]:
    """The word without what stands before and behind a metric's name."""
    bare = word
    for ending in ENDINGS:
        bare = bare.removesuffix(ending)
    yield bare
    for start in MACRO:
        if bare.startswith(start) and len(bare) > len(start) + 2:  # MSE is no mean of SE
            yield bare.removeprefix(start)


def _of_words(bare: str) -> str:
    """What the last word of a title says, or the first before a slash or a bracket."""
    words = [letters(word) for word in re.split(r"[\s_/\\\-]+", bare)]
    last = ALIASES.get(words[-1], "")
    apart = re.match(r"\w+\s*[(\[/\\]|\w+\s+name$", bare)
    found = last if last in ("method", "dataset") else ALIASES.get(words[0], "") if apart else ""
    return found if found in ("method", "dataset") else ""


def _metric_and_dataset(name: str, dataset: str) -> tuple[str, str]:
    """The metric of a title and its data set; "" where it names no metric."""
    if COUNTS.search(name):
        return "", dataset
    metric = "" if _labelled(name) else metric_named(letters(name))
    if metric or not name or re.search(r"[<>@=#]", name):
        return metric, dataset
    brackets = re.fullmatch(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*(.*)", name)
    inner = metric_named(letters(brackets[2])) if brackets else ""
    if brackets and inner and metric_named(letters(brackets[1] + brackets[3])) == inner:
        return inner, dataset
    words = [word for word in re.split(r"[\s_\-–:·|,()\[\]]+", name) if word]
    return _part(words, dataset)


def _labelled(name: str) -> bool:
    """Whether a long name of a metric has a short one beside it: «Hausdorff TC» is no misprint."""
    words = [letters(word) for word in name.split()]
    other = [word for word in words if word not in LONG]
    known = "".join(words) in NAMES or any(stem in NAMES for stem in _stems("".join(words)))
    return len(other) == 1 < len(words) and len(other[0]) < 4 and not known


def _part(words: Sequence[str], dataset: str) -> tuple[str, str]:
    """The metric at one end of a title, or inside it, and what else the title says."""
    for length in range(min(4, len(words) - 1), 0, -1):
        for start in {0, len(words) - length}:
            part = letters("".join(words[start : start + length]))
            metric = metric_named(part) if len(part) > 2 or part in ("f1", "hd") else ""
            rest = [*words[:start], *words[start + length :]]
            if metric:
                return _placed(metric, rest, dataset)
    for k, word in enumerate(words[1:-1], 1):  # taskA dice (final)
        metric = metric_named(letters(word))
        if metric in INNER:
            return _placed(metric, [*words[:k], *words[k + 1 :]], dataset)
    return "", dataset


def _placed(metric: str, rest: Sequence[str], dataset: str) -> tuple[str, str]:
    if any(letters(word) in CHANGING or word in ("Δ", "±") for word in rest):
        return "", dataset
    if metric == "f1" and [letters(word) for word in rest] == ["b"]:  # boundary F1
        return "", dataset
    if {"w", "with", "incl", "including"} & {letters(word) for word in rest}:
        return metric, dataset  # with the background
    place = " ".join(word for word in rest if letters(word) not in NEUTRAL)
    return metric, f"{dataset} {place}".strip()
