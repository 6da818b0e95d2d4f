"""Renders card.json and dvc.yaml beside each plugin; the same plugin gives the same bytes."""

import difflib
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.core.errors import MethodError, MixSegError
from benchmark.core.files import digest, write_text
from benchmark.core.params import Params, load_params
from benchmark.methods.code import PLUGIN
from benchmark.methods.declaration import Card
from benchmark.methods.discover import (
    CARD_FILE,
    STAGES_FILE,
    MethodEntry,
    cards,
    code_digest,
    evaluation_code_files,
    folder_of,
    load_plugin,
    name_taken,
    plugin_files,
    training_code_files,
    unknown_name,
)
from benchmark.runs.measure_cost import cost_code_files

if TYPE_CHECKING:
    from benchmark.methods.method import Method

SCHEMA = 1
SIZES = (352, 384, 256, 224, 320, 512, 1024, 128, 96, 64)  # tried in this order


def sync(root: Path, name: str | None = None) -> list[Path]:
    """Renders the files of one method or folder, or of all, and gives those that changed.

    A broken folder stops no other; it is told at the end.

    Raises: MethodError for a broken folder or an unknown name.
    """
    params, changed = load_params(root), list[Path]()
    failed: list[MixSegError] = []
    for plugin in _chosen(root, name):
        try:
            texts = render(root, plugin, params)
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
        found = "; ".join(str(error) for error in failed)
        raise MethodError(f"{len(failed)} folders", found, "none", "All others are in sync.")
    return changed


def _chosen(root: Path, name: str | None) -> list[Path]:
    plugins = plugin_files(root)
    if name is None:
        return plugins
    folders = {card.folder for card in cards(root) if card.name == name}
    chosen = [plugin for plugin in plugins if folder_of(root, plugin) in folders]
    chosen = chosen or [plugin for plugin in plugins if plugin.parent.name == name]
    if not chosen:
        known = {card.name for card in cards(root)} | {plugin.parent.name for plugin in plugins}
        raise unknown_name(name, known)
    return chosen


def render(root: Path, plugin: Path, params: Params) -> dict[Path, str]:
    """The text of each rendered file of one folder.

    Raises: MethodError if its plugin is broken, names an unknown mix or takes a taken name.
    """
    entries = load_plugin(root, plugin)
    _check_names(root, entries)
    for entry in entries:
        _check_mixes(entry, params)
    code = code_digest(root / file for file in entries[0].files)
    methods = [_synced(entry, code) for entry in entries]
    texts = json.dumps({"schema": SCHEMA, "methods": methods}, indent=2, ensure_ascii=False)
    stages = "\n".join(_stages(root, entries, params))
    return {
        plugin.with_name(CARD_FILE): texts + "\n",
        plugin.with_name(STAGES_FILE): stages + "\n",
    }


def _check_names(root: Path, entries: list[MethodEntry]) -> None:
    holders = {card.name: card.folder for card in cards(root)}
    for entry in entries:
        holder = holders.get(entry.card.name, entry.folder)
        if holder != entry.folder:
            raise name_taken(entry, holder)


def _check_mixes(entry: MethodEntry, params: Params) -> None:
    for mix in entry.card.mixes:
        if mix not in params.mixes:
            near = difflib.get_close_matches(mix, params.mixes, n=1)
            raise MethodError(
                f"{entry.folder}/{PLUGIN}: {entry.cls.__name__}.card.mixes",
                f"no mix {mix!r}",
                f"some of {', '.join(params.mixes)}",
                f"Did you mean {near[0]}?" if near else "Name one that params.yaml has.",
            )


def _synced(entry: MethodEntry, code: str) -> dict[str, object]:
    from benchmark.methods.layers import count_parameters

    method = build_anywhere(entry)
    return {
        **_card(entry.card),
        "parameters": count_parameters(method),
        "structure": structure(method),
        "folder": entry.folder,
        "class_name": entry.cls.__name__,
        "files": list(entry.files),
        "code_digest": code,
    }


def _card(card: Card) -> dict[str, object]:
    told: dict[str, object] = card.model_dump(mode="json")
    told["pretrained_on"] = sorted(card.pretrained_on)
    told["recipe"] = {key: v for key, v in card.recipe.model_dump().items() if v not in (None, "")}
    return told


def build_anywhere(entry: MethodEntry) -> "Method":
    """The method with random weights at 352, or at the first other size that it accepts.

    Raises: MethodError with what stopped it at 352.
    """
    first: Exception | None = None
    for size in SIZES:
        try:
            return entry.cls(size=size)
        except Exception as error:
            first = first or error
    raise MethodError(
        f"{entry.folder}/{PLUGIN}: {entry.cls.__name__}(size={SIZES[0]})",
        f"{type(first).__name__}: {' '.join(str(first).split())}",
        "a network with random weights, built without the network",
        "Mend __init__().",
    ) from first


def structure(method: "Method") -> str:
    """A digest of the names and shapes of a method's state, 16 hex digits."""
    return digest({key: list(value.shape) for key, value in method.state_dict().items()})[:16]


def _stages(root: Path, entries: list[MethodEntry], params: Params) -> Iterator[str]:
    """dvc.yaml in block style: DVC does not parse ${...} in flow lists."""
    up = "/".join(".." for _ in entries[0].folder.split("/"))
    yield f"# Rendered by `mixseg sync` from {PLUGIN}; edit that."
    yield from ("vars:", f"  - {up}/params.yaml:mixes", "stages:")
    files = [*entries[0].files, *_shared_code(root)]
    for (mix, group, once), members in groupby(sorted(_cells(entries, params)), lambda c: c[:3]):
        run = "${item.method}/seed-${item.seed}"
        yield from (f"  {mix}-{group}{'-once' if once else ''}:", "    matrix:", "      method:")
        yield from (f'        - "{name}"' for *_, name in members)
        if once:  # a method that does not train has no use for a second seed
            yield from ("      seed:", f"        - ${{mixes.{mix}.seeds[0]}}")
        else:
            yield f"      seed: ${{mixes.{mix}.seeds}}"
        yield f"    wdir: {up}"
        yield f"    cmd: mixseg run --method ${{item.method}} --mix {mix} --seed ${{item.seed}}"
        yield "    deps:"
        yield from (f"      - {path}" for path in [*files, f"data/prepared/{mix}/manifest.json"])
        yield from ("    params:", f"      - mixes.{mix}", "      - threshold", "    outs:")
        yield from (f"      - results/{mix}/{group}/{run}:", "          cache: false")
        yield f"      - artefacts/{mix}/{run}"
    yield from _cost_stages(root, entries, up)


def _cost_stages(root: Path, entries: list[MethodEntry], up: str) -> Iterator[str]:
    """What an image costs needs no data and no seed: one stage a mix and group.

    A method of the group single is its base trained on less, and costs the same.
    """
    files = [*entries[0].files, *_below(root, cost_code_files(root))]
    costed = [entry for entry in entries if entry.card.group != "single"]
    cells = {(mix, e.card.group, e.card.name) for e in costed for mix in e.card.mixes}
    for (mix, group), members in groupby(sorted(cells), lambda cell: cell[:2]):
        yield from (f"  {mix}-{group}-cost:", "    matrix:", "      method:")
        yield from (f'        - "{name}"' for *_, name in members)
        yield f"    wdir: {up}"
        yield f"    cmd: mixseg cost --method ${{item.method}} --mix {mix}"
        yield "    deps:"
        yield from (f"      - {path}" for path in files)
        yield from ("    params:", f"      - mixes.{mix}.size", "    outs:")
        yield f"      - results/{mix}/{group}/${{item.method}}/cost:"
        # It stays while the stage runs, which measures again only if code or machine changed.
        yield from ("          cache: false", "          persist: true")


def _cells(entries: list[MethodEntry], params: Params) -> Iterator[tuple[str, str, bool, str]]:
    """(mix, group, whether it runs once, name) of every method on each of its mixes."""
    for entry in entries:
        for mix in entry.card.mixes:
            once = params.mixes[mix].recipe_of(entry.card).epochs == 0
            yield mix, entry.card.group, once, entry.card.name


def _shared_code(root: Path) -> list[str]:
    """What every run depends on: a change of what trains it, or of what scores it."""
    maps, scores = evaluation_code_files(root)
    return _below(root, sorted([*training_code_files(root), *maps, *scores]))


def _below(root: Path, files: list[Path]) -> list[str]:
    """The files of the project itself, relative to the root."""
    return [path.relative_to(root).as_posix() for path in files if root in path.parents]
