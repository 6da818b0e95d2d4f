"""Across mixes: the test sets of other mixes, predicted with this mix's weights at its size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.analyses._elsewhere import Apart, Words, analysis

if TYPE_CHECKING:
    from benchmark.core.params import Mix


def _apart(name: str, mix: "Mix") -> Sequence[str]:
    return [f"{name}.{other}" for other in mix.compare if other != name]


def _lead(apart: Apart) -> str:
    measured, results = apart.measured, apart.measured.results
    others = ", ".join(results.params.mix(other).title for other in results.mix.compare)
    known = [apart.title(name) for name in measured.sets() if name not in apart.new()]
    told = (
        f"The test sets of {others} are predicted with the weights of this mix. {apart.removed()}"
    )
    if known:
        told += f" The mix is trained on other cases of {len(known)} of them: {', '.join(known)}."
    return told


WORDS = Words(
    name="cross-mix",
    title="Test sets of other mixes",
    short="Other mixes",
    about="test sets of the mixes that `compare` names",
    where="the test sets of other mixes",
    remark="«In domain»: the mix is trained on other cases of this set, whose scores say nothing of"
    " other data. All sets have the size of this mix, and enter none of its means and rankings.",
)
ANALYSIS = analysis(WORDS, _apart, "the mix names no other mix in `compare`", _lead)
