"""Sets never trained on: how far the scores and their order carry beyond the mix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.analyses._elsewhere import Apart, Words, analysis
from benchmark.core.params import UNSEEN

if TYPE_CHECKING:
    from benchmark.core.params import Mix


def _apart(name: str, mix: "Mix") -> Sequence[str]:
    return (f"{name}.{UNSEEN}",) if mix.unseen else ()


def _lead(apart: Apart) -> str:
    names = ", ".join(map(apart.title, apart.measured.sets()))
    count = len(apart.measured.table[["dataset", "case"]].drop_duplicates())
    return (
        f"The mix is not trained on {names}: {count} cases, predicted with the weights of the runs."
        f" {apart.removed()}"
    )


WORDS = Words(
    name="unseen",
    title="Sets never trained on",
    short="Unseen sets",
    about="sets that `unseen` of the mix names",
    where="sets never trained on",
    remark="No row was trained on these sets. They enter no mean and no ranking of the mix.",
)
ANALYSIS = analysis(WORDS, _apart, "the mix names no `unseen` sets", _lead)
