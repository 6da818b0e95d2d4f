"""Writes the tables of docs/statistics.md: what each test says of two identical methods.

`python docs/simulate_null.py` draws 10,000 experiments a row; it writes the same numbers each time.
"""

import zlib
from pathlib import Path

from benchmark.core.files import write_atomic
from benchmark.statistics.null import Rates, Setting, simulate

PAGE = Path(__file__).with_name("statistics.md")
DRAWS = 10_000
CASES, SEEDS, SEED_SDS = (60, 100, 600, 1000), (3, 5), (0.3, 0.6, 1.0)
ALONE = [Setting(n, s, sd, n) for n in CASES for s in SEEDS for sd in SEED_SDS]
CROSSED = [Setting(n, s, 0.6, n, 5.0) for n in CASES for s in SEEDS]
GROUPED = [Setting(65, s, sd, 13, 3.0) for s in SEEDS for sd in SEED_SDS]
TABLES = {"alone": ALONE, "crossed": CROSSED, "grouped": GROUPED}
COLUMNS = (
    "crossed t", "+ 2 SE", "coverage", "power, 2 points", "cases as if independent",
    "Wilcoxon, one run each", "Wilcoxon, means over seeds", "plain bootstrap",
    "interval over cases", "cell coverage",
)  # fmt: skip


def seed_of(setting: Setting) -> int:
    """A seed of its own for each row."""
    return zlib.crc32(repr(setting).encode())


def row(setting: Setting, rates: Rates) -> str:
    """A line of the table; what is above 0.06 is bold."""
    tests = [rates.ungrouped, rates.one_seed, rates.averaged, rates.bootstrap, rates.over_cases]
    marked = [f"**{rate:.3f}**" if rate > 0.06 else f"{rate:.3f}" for rate in tests]
    own = (
        f"{rates.crossed:.3f}",
        f"{rates.bound:.3f}",
        f"{rates.coverage:.3f}",
        f"{rates.power:.2f}",
    )
    about = str(setting.cases), str(setting.seeds), f"{setting.seed_sd:.1f}"
    return "| " + " | ".join((*about, *own, *marked, f"{rates.cell:.3f}")) + " |"


def main() -> None:
    """One table a kind of setting, between its two marks on the page."""
    text = PAGE.read_text(encoding="utf-8")
    head = "| " + " | ".join(("cases", "seeds", "seed SD", *COLUMNS)) + " |"
    rule = "|" + " ---: |" * (3 + len(COLUMNS))
    for name, settings in TABLES.items():
        rows = [row(setting, simulate(setting, DRAWS, seed_of(setting))) for setting in settings]
        start, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
        before, rest = text.split(start)
        after = rest.split(end)[1]
        text = before + start + "\n".join([head, rule, *rows]) + "\n" + end + after
    with write_atomic(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
