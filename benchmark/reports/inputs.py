"""What reports are made from: parameters, cards, folders."""

from typing import Any

from benchmark.core.errors import MissingDataError
from benchmark.core.files import Places
from benchmark.core.params import Params, load_params
from benchmark.methods import discover

ReportInputs = tuple[Params, list[dict[str, Any]], Places]


def report_inputs(places: Places, mix: str | None) -> list[tuple[str, ReportInputs]]:
    """The mixes to report on, each with its inputs.

    Args:
        mix: one mix, or None for all that have results.

    Raises: ParamsError for an unknown mix, MissingDataError if there are no results at all.
    """
    params = load_params(places.root)
    if mix is not None:
        params.mix(mix)
    names = [name for name in params.mixes if mix in (None, name)]
    found = [name for name in names if places.results(name).is_dir()]
    if not found:
        raise MissingDataError(
            places.results(names[0]).parent,
            "no results",
            f"a folder {' or '.join(names)}",
            "Run `mixseg run --all --mix MIX`, or name another folder with --from.",
        )
    cards = [card.model_dump(mode="json") for card in discover.cards(places.root)]
    return [(name, (params, cards, places)) for name in found]
