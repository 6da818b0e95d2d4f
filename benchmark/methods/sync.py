"""Renders card.json and dvc.yaml in each method folder; the same input gives the same bytes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.core.errors import MethodError, MixSegError, ParamsError
from benchmark.core.files import digest, write_text
from benchmark.core.params import Params, load_params
from benchmark.core.text import did_you_mean
from benchmark.methods.declaration import DECLARATION, Card
from benchmark.methods.discover import (
    SCHEMA,
    STAGES_FILE,
    Folder,
    MethodEntry,
    folders,
    load_folder,
    rendered,
    unknown_name,
)

if TYPE_CHECKING:
    from benchmark.methods.method import Method

SIZES = (352, 384, 256, 224, 320, 512, 1024, 128, 96, 64)  # tried in this order

# The same in every folder but for the way up to the root. A stage is a row on a mix: all its seeds,
# and its cost. Digests come as values from data/code.json, which the stage `code` writes.
STAGES = """\
# Written by `mixseg sync`; the same in every folder. The rows stand in method.yaml.
vars:
  - card.json:runs
stages:
  run:
    foreach: ${{runs}}
    do:
      wdir: {up}
      cmd: mixseg run --method ${{item.method}} --mix ${{item.mix}}
      params:
        - data/code.json:
            - rows.${{item.method}}
            - mixes.${{item.mix}}
            - training
            - prediction
            - scoring
            - cost
        - results/${{item.mix}}/data.json:
            - content
      outs:
        - results/${{item.mix}}/${{item.group}}/${{item.method}}:
            cache: false
            persist: true
        - artefacts/${{item.mix}}/${{item.method}}:
            persist: true
"""


def sync(root: Path, name: str | None = None) -> list[Path]:
    """Renders the files of one method or folder, or of all, and gives those that changed.

    A broken folder stops no other; it is told at the end.

    Raises: MethodError for a broken folder or an unknown name; ParamsError for a mix's argument
        that no row declares.
    """
    params, changed = load_params(root), list[Path]()
    _check_mix_arguments(root, params)
    failed: list[MixSegError] = []
    for folder in _chosen(root, name):
        try:
            texts = render(folder, params)
        except MixSegError as error:
            failed.append(error)
            continue
        for path, text in texts.items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                write_text(path, text)
                changed.append(path)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        found = "\n".join(["these problems:", *(str(error) for error in failed)])
        raise MethodError(f"{len(failed)} folders", found, "none", "All others are in sync.")
    return changed


def _check_mix_arguments(root: Path, params: Params) -> None:
    """Finds misspelt arguments of mixes; the row that declares one may be in a broken folder."""
    known = folders(root)
    if any(folder.problem for folder in known):
        return
    declared = {name for folder in known for card in folder.cards for name in card.arguments}
    for name, mix in params.mixes.items():
        for key in mix.arguments:
            if key not in declared:
                where, found = f"params.yaml: mixes.{name}.arguments", f"no row declares {key!r}"
                do = did_you_mean(key, declared) or "Correct the name, or take it out."
                raise ParamsError(where, found, "arguments that rows declare", do)


def _chosen(root: Path, name: str | None) -> list[Folder]:
    known = folders(root)
    if name is None:
        return known
    chosen = [f for f in known if Path(f.name).name == name or name in {c.name for c in f.cards}]
    if not chosen:
        names = [card.name for folder in known for card in folder.cards]
        raise unknown_name(name, [*names, *(Path(folder.name).name for folder in known)])
    return chosen


def render(folder: Folder, params: Params) -> dict[Path, str]:
    """The text of each rendered file of one folder.

    A network is built only if its row is new, or its code or declaration has changed.

    Raises: MethodError if the folder is broken, or a row names an unknown mix or base.
    """
    if folder.problem:
        raise folder.problem
    for card in folder.cards:
        _check_names(folder, card, params)
    source, kept = folder.source(), rendered(folder)
    if kept is not None and kept.source == source:
        rows = {name: entry.model_dump() for name, entry in kept.rows.items()}
    else:
        rows = {entry.card.name: _measured(entry) for entry in load_folder(folder)}
    about = {"schema_version": SCHEMA, "source": source, "rows": rows, "runs": runs(folder, params)}
    about |= {"digest": digest(about)}
    up = "/".join(".." for _ in folder.name.split("/"))
    return {
        folder.rendered_path: json.dumps(about, indent=1, ensure_ascii=False) + "\n",
        folder.plugin.with_name(STAGES_FILE): STAGES.format(up=up),
    }


def runs(folder: Folder, params: Params) -> dict[str, dict[str, str]]:
    """The runs of a folder that DVC makes stages of, by the name of the stage."""
    return {
        f"{card.name}-on-{mix}": {"method": card.name, "mix": mix, "group": card.group}
        for card in folder.cards
        for mix in params.mixes_of(card)
    }


def _check_names(folder: Folder, card: Card, params: Params) -> None:
    where = f"{folder.name}/{DECLARATION}: row {card.name!r}"
    for mix in card.mixes:
        if mix not in params.mixes:
            raise MethodError(
                where, f"no mix {mix!r}", f"some of {', '.join(params.mixes)}",
                did_you_mean(mix, params.mixes) or "Name one that params.yaml has.",
            )  # fmt: skip
    if card.base is not None:
        names = [other.name for each in folders(folder.root) for other in each.cards]
        if card.base not in names:
            raise MethodError(
                where, f"no row {card.base!r}, which it names as its base", "a row that there is",
                did_you_mean(card.base, names) or "Correct `base:`.",
            )  # fmt: skip


def _measured(entry: MethodEntry) -> dict[str, object]:
    from benchmark.methods.layers import count_parameters

    method = build_anywhere(entry)
    return {"parameters": count_parameters(method), "structure": structure(method)}


def build_anywhere(entry: MethodEntry) -> "Method":
    """The method with random weights at 352, or at the first other size that it accepts.

    Raises: MethodError with what stopped it at 352.
    """
    first: Exception | None = None
    for size in SIZES:
        try:
            return entry.build(size)
        except Exception as error:
            first = first or error
    raise MethodError(
        f"{entry.folder}: {entry.cls.__name__}(size={SIZES[0]}), row {entry.card.name!r}",
        f"{type(first).__name__}: {' '.join(str(first).split())}",
        "a network with random weights, built without internet access",
        "Correct __init__(), or the row's arguments.",
    ) from first


def structure(method: "Method") -> str:
    """A digest of the names and shapes of a method's state, 16 hex digits."""
    return digest({key: list(value.shape) for key, value in method.state_dict().items()})[:16]
