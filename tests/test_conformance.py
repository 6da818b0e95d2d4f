"""The conformance kit over every method found; a method that is left out everywhere fails.

Once a network: methods whose state has the same names and shapes are variants of one network, and
the first of them stands for all; so are methods with a `base`, which stands for them. The others,
large networks, and a kill for each network are `-m slow`.
"""

import pytest
from support import ROOT

from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods.conformance.kit import RESUMES, RULES, Subject, check
from benchmark.methods.conformance.subject import DoesNotApply
from benchmark.methods.conformance.training_rules import kind_of_state
from benchmark.methods.discover import cards, discover, method_entry, not_synced

SYNCED = sorted(cards(ROOT), key=lambda card: card.parameters.total)  # the smallest is killed
NAMES = [card.name for card in SYNCED]
WHOLE = [card for card in SYNCED if not card.base]
STRUCTURES = [card.structure for card in WHOLE]
UNLIKE = [card for k, card in enumerate(WHOLE) if STRUCTURES[k] not in STRUCTURES[:k]]
LARGE = 25_000_000  # parameters; from there on the rules take 10 to 50 s of a core
FIRST = [card.name for card in UNLIKE if card.parameters.total < LARGE]
OTHERS = [name for name in NAMES if name not in FIRST]
killed: dict[tuple[str, ...], str] = {}  # kind of state to the method that stands for it
applied: dict[str, set[str]] = {}  # method to the rules that had a meaning for it


def kind(name: str) -> tuple[str, ...]:
    """What a checkpoint of the method holds; empty for one that takes no steps."""
    try:
        return kind_of_state(Subject(ROOT, load_params(ROOT), method_entry(ROOT, name)))
    except DoesNotApply:
        return ()


def test_methods_are_found_and_none_is_broken() -> None:
    found = discover(ROOT)
    assert found.broken == []
    assert found.methods


def test_every_folder_is_synced() -> None:
    assert not_synced(ROOT) == []
    assert set(discover(ROOT).methods) == set(NAMES)


@pytest.mark.parametrize(
    "name", [*FIRST, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)]
)
def test_conformance(name: str) -> None:
    once = killed.setdefault(kind(name), name) == name
    results = check(ROOT, name, Silent(), set(RULES) if once else set(RULES) - {RESUMES})
    assert [f"{result.name}: {result.detail}" for result in results if not result.ok] == []
    applied[name] = {result.name for result in results if result.applies}


@pytest.mark.slow
@pytest.mark.parametrize("name", [card.name for card in UNLIKE])
def test_kill_and_resume(name: str) -> None:
    assert [
        result.detail for result in check(ROOT, name, Silent(), {RESUMES}) if not result.ok
    ] == []


def test_no_rule_and_no_network_is_left_out_everywhere() -> None:
    """Counts what ran above, so that rules which never apply cannot pass unseen."""
    if not set(FIRST) <= set(applied):
        pytest.skip("only a part of the conformance tests was run, or one failed")
    assert set.union(*applied.values()) == set(RULES)
    assert all(len(rules) > len(RULES) // 2 for rules in applied.values())
