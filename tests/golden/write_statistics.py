"""Writes golden/statistics/oracles.json: what statsmodels, scikit-posthocs and baycomp give.

Nothing of ours is imported. Run it from the root, with these three installed:
`python tests/golden/write_statistics.py`; it writes the same bytes each time.
"""

import json
from pathlib import Path
from typing import Any

import baycomp
import numpy as np
import scikit_posthocs
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

HERE = Path(__file__).parent / "statistics"
DIFFERENCES = (
    [0.021, 0.019, 0.023, 0.018, 0.022, 0.020, 0.017, 0.024],  # 2 points better everywhere
    [0.012, 0.004, -0.003, 0.021, 0.008, 0.015, -0.006, 0.011],  # around the border
    [0.03, -0.04, 0.002, -0.001, 0.015, -0.022],  # anything
    [0.002, -0.003, 0.001, 0.004],  # equal
    [-0.05, -0.02, -0.013, 0.001],  # worse, four test sets
    [0.01, 0.01, -0.01, 0.03],  # on the border
)


def digits(value: Any) -> Any:
    """Numbers in ten significant digits."""
    return json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.10g}"))


def holm(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for count in (1, 2, 5, 13):
        p = np.round(rng.random(count) ** 3, 5)
        if count == 5:
            p[1] = p[3]  # a tie
        found.append({"p": p.tolist(), "holm": multipletests(p, method="holm")[1].tolist()})
    return found


def nemenyi(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for sets, rows, ties in ((8, 11, False), (4, 5, False), (6, 4, True)):
        scores = np.round(rng.normal(0.8, 0.02, (sets, rows)) + 0.01 * np.arange(rows), 4)
        scores = np.round(scores, 2) if ties else scores
        p = scikit_posthocs.posthoc_nemenyi_friedman(-scores).to_numpy()
        found.append({"scores": scores.tolist(), "p": p.tolist()})
    return found


def clusters(rng: np.random.Generator) -> dict[str, Any]:
    """The mean of clusters of unequal size, and its cluster-robust standard error."""
    groups = [f"g{i}" for i, size in enumerate((1, 4, 2, 7, 3, 3)) for _ in range(size)]
    values = np.round(rng.normal(0.8, 0.1, len(groups)), 4)
    codes = np.array([int(group[1:]) for group in groups])
    fit = OLS(values, np.ones((len(values), 1))).fit(
        cov_type="cluster", cov_kwds={"groups": codes}, use_t=True
    )
    numbers = {"mean": float(fit.params[0]), "se": float(fit.bse[0]), "p": float(fit.pvalues[0])}
    return {"groups": groups, "values": values.tolist(), **numbers}


def signed_rank() -> list[dict[str, Any]]:
    found = []
    for z in DIFFERENCES:
        difference = np.array(z)
        p = baycomp.SignedRankTest.probs(
            np.zeros(len(z)), difference, rope=0.01, nsamples=200_000, random_state=1
        )
        found.append({"differences": z, "probabilities": [float(each) for each in p]})
    return found


def main() -> None:
    rng = np.random.default_rng(7)
    found = {
        "holm, statsmodels": holm(rng),
        "clusters, statsmodels": clusters(rng),
        "nemenyi, scikit-posthocs": nemenyi(rng),
        "signed rank, baycomp": signed_rank(),
    }
    HERE.mkdir(exist_ok=True)
    parts = [f" {json.dumps(name)}: {json.dumps(each)}" for name, each in digits(found).items()]
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    (HERE / "oracles.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
