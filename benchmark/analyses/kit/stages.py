"""Renders the DVC stages of the analyses, one a mix and analysis; equal input, equal bytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.find import analyses
from benchmark.analyses.kit.units import FOLDER, LEAKS, chosen_rows, code_of, rows_of
from benchmark.core.errors import MixSegError, ParamsError
from benchmark.core.files import digest, write_text
from benchmark.core.params import Mix, Params, load_params
from benchmark.methods.code import code_digest
from benchmark.methods.declaration import Card, nearest
from benchmark.methods.discover import folders

PLACE = Path("benchmark") / "analyses"
HEAD = "# Written by `mixseg sync`. Which analyses a mix has stands in params.yaml.\n"


def planned(params: Params, mix: str) -> list[Analysis]:
    """The analyses of a mix.

    Raises: ParamsError if `analyses.names` holds an unknown one.
    """
    asked, known = params.mix(mix).analyses, analyses()
    if asked is None:
        return []
    for name in asked.names or ():
        if name not in known:
            hint = nearest(name, known).removeprefix("; ").capitalize()
            where = f"params.yaml: mixes.{mix}.analyses.names"
            expected = f"some of {', '.join(known)}"
            raise ParamsError(where, f"no analysis {name!r}", expected, hint or "Take it out.")
    return [each for name, each in known.items() if asked.names is None or name in asked.names]


def sync(root: Path) -> list[Path]:
    """Writes the file of stages where it has changed.

    Raises: ParamsError if a mix names an unknown analysis or row.
    """
    params, path = load_params(root), root / PLACE / "dvc.yaml"
    stages = dict(_stages(root, params))
    if not path.parent.is_dir():
        return []
    text = HEAD + yaml.safe_dump(
        {"stages": stages}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000
    )
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return []
    write_text(path, text)
    return [path]


def _stages(root: Path, params: Params) -> Iterator[tuple[str, dict[str, Any]]]:
    for mix in params.mixes:
        for analysis in planned(params, mix):
            if not analysis.pieces(mix, params.mix(mix)):
                continue
            cards = rows_of(root, params, mix)
            rows = [] if analysis.unit == "mix" else chosen_rows(analysis, params.mix(mix), cards)
            yield f"{analysis.name}-on-{mix}", _stage(analysis, mix, rows)


def _stage(analysis: Analysis, mix: str, rows: Sequence[Card]) -> dict[str, Any]:
    """A stage, which waits for the groups of its rows: a list of all rows would be long."""
    folder = f"results/{mix}"
    deps = [f"{folder}/{group}" for group in dict.fromkeys(card.group for card in rows)]
    digests = [f"analyses.{analysis.name}", f"analysed.{mix}"]
    out = f"{folder}/{FOLDER}/{analysis.name}"
    return {
        "wdir": "/".join(".." for _ in PLACE.parts),
        "cmd": f"mixseg analyse {analysis.name} --mix {mix}",
        "deps": [*deps, *([f"{folder}/{LEAKS}"] if "leaks" in analysis.needs else [])],
        "params": [{"data/code.json": digests}, {f"{folder}/data.json": ["content"]}],
        "outs": [{out: {"cache": False, "persist": True}}],
    }


def record(root: Path) -> dict[str, Any]:
    """What data/code.json holds of the analyses: digests of the measuring code and of the words."""
    shown = [path for name in ("*.py", "kit/*.py") for path in sorted((root / PLACE).glob(name))]
    return {
        "analyses": {name: _digest(root, each) for name, each in analyses().items()},
        "analysed": {name: _settings(mix) for name, mix in load_params(root).mixes.items()},
        "additions": code_digest(shown)[:16],
    }


def _settings(mix: Mix) -> str:
    asked = mix.analyses.model_dump() if mix.analyses else None
    return digest([asked, mix.unseen, mix.compare])[:16]


def _digest(root: Path, analysis: Analysis) -> str:
    try:
        cards = (card for folder in folders(root) for card in folder.cards)
        declared = {card.name: read for card in cards if (read := analysis.reads(card))}
        own = code_of(root, analysis)
        return (digest([own, declared]) if declared else own)[:16]
    except MixSegError as error:
        return str(error)
