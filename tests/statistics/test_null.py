"""Two identical methods: the headline test keeps its level, common practice does not."""

import re

import numpy as np
import pytest
from made_tables import table_of
from support import ROOT

from benchmark.statistics.complete_rows import complete_rows
from benchmark.statistics.null import Setting, simulate
from benchmark.statistics.ranking import told_apart

ALLOWED = 0.06
PAGE = ROOT / "docs" / "statistics.md"
QUICK = [
    Setting(60, 3, 1.0, 60),
    Setting(100, 5, 0.3, 100),
    Setting(1000, 3, 0.6, 1000),
    Setting(100, 3, 0.6, 100, 5.0),
    Setting(65, 3, 0.6, 13, 3.0),
    Setting(65, 5, 0.3, 13, 3.0),
]
ALL = [
    *(Setting(n, s, sd, n) for n in (60, 100, 600, 1000) for s in (3, 5) for sd in (0.3, 0.6, 1.0)),
    *(Setting(n, s, 0.6, n, 5.0) for n in (60, 1000) for s in (3, 5)),
    *(Setting(65, s, sd, 13, 3.0) for s in (3, 5) for sd in (0.3, 0.6, 1.0)),
]


def label(setting: Setting) -> str:
    return f"{setting.cases}-{setting.groups}-{setting.seeds}-{setting.seed_sd}"


@pytest.mark.parametrize("setting", QUICK, ids=label)
def test_identical_methods_are_told_apart_at_most_nominally(setting: Setting) -> None:
    rates = simulate(setting, 3000, 1, common_practice=False)
    assert rates.bound <= ALLOWED
    assert rates.coverage >= 0.94
    assert rates.coverage + rates.crossed == pytest.approx(1)
    assert rates.power > 2 * rates.crossed


def test_groups_are_needed_where_cases_come_in_groups() -> None:
    rates = simulate(Setting(65, 5, 0.3, 13, 3.0), 3000, 1, common_practice=False)
    assert rates.ungrouped > 0.1


def test_common_practice_fails_where_seeds_vary() -> None:
    rates = simulate(Setting(600, 3, 0.6, 600), 1500, 1)
    assert min(rates.one_seed, rates.averaged) > 0.4
    assert rates.bootstrap > ALLOWED


def test_an_interval_over_cases_alone_finds_differences_between_identical_methods() -> None:
    """What the tables of ablations and of mixing once printed, beside what they print now."""
    rates = simulate(Setting(600, 3, 0.6, 600), 1500, 1, common_practice=False)
    assert rates.over_cases > 0.4
    assert rates.crossed < ALLOWED


def test_the_wilcoxon_is_right_about_what_it_tests() -> None:
    rates = simulate(Setting(100, 3, 0.0, 100), 2000, 1)
    assert rates.one_seed == pytest.approx(0.05, abs=0.015)


def rows_of_the_page() -> list[list[float]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [re.findall(r"[\d.]+", line) for line in lines if re.match(r"\| \d+ \|", line)]
    return [[float(cell) for cell in row] for row in rows]


def test_the_table_in_the_docs_says_the_same() -> None:
    rows = rows_of_the_page()
    assert len(rows) == 24 + 8 + 6
    for row in rows:
        assert row[4] <= ALLOWED, row  # rate + 2 SE
        assert row[5] >= 0.94, row
    common = np.array([row[8:10] for row in rows])
    assert (common > ALLOWED).all()
    assert max(row[10] for row in rows) > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("setting", ALL, ids=label)
def test_all_settings_keep_the_level_and_common_practice_fails(setting: Setting) -> None:
    rates = simulate(setting, 10_000, 2)
    assert rates.bound <= ALLOWED
    assert rates.coverage >= 0.94
    assert min(rates.one_seed, rates.averaged) > ALLOWED
    if setting.cases >= 600 and setting.seed_sd >= 0.6 and setting.seeds == 3:
        assert rates.bootstrap > ALLOWED
    if setting.groups == 13:
        assert rates.ungrouped > ALLOWED


@pytest.mark.slow
def test_of_many_identical_rows_none_is_told_apart_most_of_the_time() -> None:
    """Eight rows, 28 pairs, 800 tables: any pair at all in 5 %, and two standard errors (0.016)."""
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(800):
        level = rng.beta(5, 1, (1, 100))
        values = {
            f"m{i}": {
                "a": level + rng.normal(0, 0.006, (5, 1)) + rng.normal(0, 0.03, (5, 100)),
            }
            for i in range(8)
        }
        whole = complete_rows({"x": table_of(values)}, [f"main/m{i}" for i in range(8)])
        wrong += told_apart(whole, np.array([1.0])).any()
    assert wrong / 800 <= 0.05 + 0.016
