"""Scores of a trained network on corrupted pictures of the test cases.

**Conventions**
1. A picture is corrupted at the size of the mix, in [0, 1], before the method normalises it; the
   reference and what a prompted method is shown are those of the clean picture, first draw.
2. The network runs as in evaluation: batches of 8, float32, maps rounded to 16 bits, the same
   threshold. So severity 0 gives the stored scores again; `stored` holds the DSC of scores.csv.
3. Foreground ECE: 15 equal-width bins of p over all pixels of a picture,
   sum over bins of n_b / N |mean p - mean y|.

**Source** of the error: Guo et al., ICML 2017, for one class over pixels.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures.corruption_sets import CLEAN, CORRUPTIONS, asked, corrupted
from benchmark.analyses.measures.networks import network
from benchmark.core.errors import MethodError, MissingDataError, StaleDataError
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.data.prompting import prompts_of
from benchmark.evaluation.maps import TOP, quantise
from benchmark.evaluation.metrics import first_level, tally
from benchmark.evaluation.predict import CASES_AT_ONCE, probabilities
from benchmark.methods.method import Inputs, Method

BINS = 15
FAR = 1e-3  # a clean DSC that is farther from the stored one is of another network
ABOUT = ("dataset", "modality", "case", "group")
COLUMNS = (*ABOUT, "corruption", "severity", "dsc", "sensitivity", "ece", "stored")


def measure(job: Job, part: str) -> pd.DataFrame:
    """Scores of one run under one corruption, or on the clean pictures.

    Args:
        part: the name of a corruption, or `CLEAN`.

    Returns: a row a case and severity: COLUMNS; none where the corruption applies to no test set.
    Raises: StaleDataError if the clean DSC of a case is not the stored one, MissingDataError if
        there are no stored scores; as `restored`.
    """
    plan = planned(job, part)
    if not any(len(cases) for _, cases in plan):
        return pd.DataFrame(columns=COLUMNS)
    method = network(job, plan[0][1].size)
    rows = [
        row for severity, cases in plan for row in _severity(job, method, cases, part, severity)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return _beside_stored(job, table) if part == CLEAN else table


def planned(job: Job, part: str) -> list[tuple[int, Cases]]:
    """The severities of a part, each with the cases that it applies to."""
    cases = job.cases()
    if part == CLEAN:
        return [(0, cases)]
    kinds = cases.table["modality"]
    levels = {kind: asked(job.mix, CORRUPTIONS[part].of(kind)) for kind in set(kinds)}
    severities = sorted({severity for found in levels.values() for severity in found})
    return [
        (severity, cases.where(np.array([severity in levels[kind] for kind in kinds], bool)))
        for severity in severities
    ]


def ece(prob: np.ndarray, reference: np.ndarray) -> float:
    """Expected calibration error of the foreground in one picture.

    Args:
        prob: (H, W) in [0, 1].
        reference: bool (H, W).
    """
    bins = np.minimum((prob * BINS).astype(int), BINS - 1).ravel()
    gap = np.bincount(bins, (prob - reference).ravel(), BINS)
    return float(np.abs(gap).sum() / prob.size)


def _severity(
    job: Job, method: Method, cases: Cases, part: str, severity: int
) -> Iterator[dict[str, object]]:
    first = first_level(job.threshold)
    keys, table = cases.keys(), cases.table
    title = f"{part} {severity}"
    with job.progress.task(title, len(cases), "cases") as task:
        for start in range(0, len(cases), CASES_AT_ONCE):
            rows = np.arange(start, min(start + CASES_AT_ONCE, len(cases)))
            images, masks = cases.pixels(rows)
            image, mask = to_float(*(torch.from_numpy(p).to(job.device) for p in (images, masks)))
            about = [
                dict(zip(ABOUT, each, strict=True))
                for each in table.iloc[rows][[*ABOUT]].to_numpy()
            ]
            if severity:
                image = _corrupted(images, about, part, severity).to(job.device)
            prompts = prompts_of(method.card.prompt, mask, keys[rows], 0)
            shown = Inputs(image, features=_embedded(method, image), **prompts)
            prob = probabilities(method, shown)
            for each, one, reference in zip(about, prob, masks != 0, strict=True):
                scores = _scores(one, reference, first)
                yield {**each, "corruption": part, "severity": severity, **scores}
            task.advance(len(rows))


def _corrupted(
    images: np.ndarray, about: list[dict[str, str]], part: str, severity: int
) -> torch.Tensor:
    """Corrupted pictures, float (b, 3, H, W), in memory as `to_float` lays them out."""
    pictures = [
        corrupted(
            image, part, severity,
            modality=each["modality"], dataset=each["dataset"], case=each["case"],
        )
        for image, each in zip(images, about, strict=True)
    ]  # fmt: skip
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


@torch.inference_mode()
def _embedded(method: Method, image: torch.Tensor) -> torch.Tensor | None:
    """What `embed` gives, picture by picture: evaluation's cache holds it in that way too."""
    if type(method).embed is Method.embed:
        return None
    method.eval()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = [method.embed(image[k : k + 1]) for k in range(len(image))]
    kept = [each for each in found if each is not None]
    if len(kept) < len(found):
        raise MethodError(
            f"{method.card.name}: embed()", "None", "a tensor", "Return the embedding."
        )
    return torch.cat(kept)


def _scores(prob: np.ndarray, reference: np.ndarray, first: int) -> dict[str, float]:
    levels = quantise(prob)
    counts = tally(levels, reference, first).counts
    return {
        "dsc": float(counts.dsc()),
        "sensitivity": float(counts.sensitivity()),
        "ece": ece(levels / TOP, reference),
    }


def _beside_stored(job: Job, table: pd.DataFrame) -> pd.DataFrame:
    """The clean scores with the stored DSC; both at the six digits of scores.csv."""
    path = job.run(job.seeds[0]) / "scores.csv"
    if not path.is_file():
        raise MissingDataError(path, "no file", "the scores of the run", "Run `mixseg run`.")
    scores = pd.read_csv(path, dtype={"dataset": str, "case": str}, keep_default_na=False)
    first = scores[scores["draw"] == 0]
    known = {(d, c): float(v) for d, c, v in first[["dataset", "case", "dsc"]].to_numpy()}
    names = list(zip(table["dataset"], table["case"], strict=True))
    stored = np.array([known.get(name, np.nan) for name in names])
    apart = np.abs(table["dsc"].round(6).to_numpy() - stored)
    worst = int(np.nanargmax(np.where(np.isnan(apart), np.inf, apart)))
    if not apart[worst] <= FAR:
        where = "/".join(names[worst])
        raise StaleDataError(
            path, f"a DSC of {stored[worst]:.6f} for {where}",
            f"{table['dsc'].iloc[worst]:.6f} within {FAR:g}, as the stored weights give",
            "Make maps and scores again with `mixseg run`.",
        )  # fmt: skip
    return table.assign(stored=stored)
