"""Finds methods, keeps broken ones aside with their cause, and reads cards without torch."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.core.errors import MethodError, MixSegError
from benchmark.core.files import read_json
from benchmark.methods.code import (
    PLUGIN,
    code_digest,
    code_files,
    evaluation_code_files,
    plugin_files,
    training_code_files,
)
from benchmark.methods.declaration import Card
from benchmark.methods.importing import import_plugin

if TYPE_CHECKING:
    from benchmark.methods.method import Method

__all__ = [
    "Broken",
    "Found",
    "MethodEntry",
    "NotSynced",
    "Parameters",
    "SyncedCard",
    "cards",
    "code_digest",
    "code_files",
    "discover",
    "evaluation_code_files",
    "load_plugin",
    "method_class",
    "method_entry",
    "not_synced",
    "plugin_files",
    "training_code_files",
]

CARD_FILE, STAGES_FILE = "card.json", "dvc.yaml"


class Parameters(BaseModel):
    """Counts of a network's parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    total: int
    trainable: int


class SyncedCard(Card):
    """A card as it stands in card.json, with what `mixseg sync` found out.

    Attributes:
        parameters: how many the network has.
        structure: digest of names and shapes of its state; equal for variants of one network.
        folder: where the plugin lies, relative to the root.
        class_name: name of the class in plugin.py.
        files: the method's own code, relative to the root.
        code_digest: digest of that code.
    """

    parameters: Parameters
    structure: str
    folder: str
    class_name: str
    files: tuple[str, ...]
    code_digest: str


@dataclass(frozen=True)
class NotSynced:
    """A folder whose rendered files are missing or out of date, and the command that helps."""

    folder: str
    cause: str
    command: str


@dataclass(frozen=True)
class MethodEntry:
    """A method that could be imported.

    Attributes:
        folder: where its plugin lies, relative to the root.
        files: its own code, relative to the root.
    """

    cls: "type[Method]"
    card: Card
    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """A folder, or one of its methods, that cannot be used, and why."""

    folder: str
    cause: str


@dataclass(frozen=True)
class Found:
    """All methods of a project by name, and what is broken."""

    methods: dict[str, MethodEntry]
    broken: list[Broken]


def folder_of(root: Path, plugin: Path) -> str:
    """The plugin's folder relative to the root, with slashes."""
    return plugin.parent.relative_to(root).as_posix()


def cards(root: Path) -> list[SyncedCard]:
    """All cards that `mixseg sync` has written, in folder order; imports no method and no torch.

    Folders without readable cards are left out; `not_synced` names them.
    """
    return [card for _, found in _card_files(root) if isinstance(found, list) for card in found]


def not_synced(root: Path) -> list[NotSynced]:
    """The folders whose files are missing, unreadable or older than their code."""
    told = []
    for plugin, found in _card_files(root):
        folder = folder_of(root, plugin)
        cause = _lag(root, plugin, found) if isinstance(found, list) else found
        if cause:
            told.append(NotSynced(folder, cause, f"mixseg sync {Path(folder).name}"))
    return told


def _card_files(root: Path) -> list[tuple[Path, list[SyncedCard] | str]]:
    """Each plugin with its cards, or with the reason why there are none."""
    read: list[tuple[Path, list[SyncedCard] | str]] = []
    holders: dict[str, str] = {}
    for plugin in plugin_files(root):
        folder, path = folder_of(root, plugin), plugin.with_name(CARD_FILE)
        try:
            found = [SyncedCard.model_validate(item) for item in read_json(path)["methods"]]
        except (MixSegError, ValidationError, KeyError, TypeError):
            read.append((plugin, "no card.json" if not path.is_file() else "card.json unreadable"))
            continue
        taken = next((card.name for card in found if card.name in holders), None)
        if taken:
            read.append((plugin, f"its name {taken!r} is taken by {holders[taken]}"))
            continue
        holders.update({card.name: folder for card in found})
        read.append((plugin, found))
    return read


def _lag(root: Path, plugin: Path, found: list[SyncedCard]) -> str:
    if not plugin.with_name(STAGES_FILE).is_file():
        return "no dvc.yaml"
    try:
        code = code_digest(code_files(plugin, root))
    except MethodError as error:
        return str(error)
    return "" if all(card.code_digest == code for card in found) else "its code has changed since"


def discover(root: Path) -> Found:
    """Imports every plugin; what is broken is told and stops nobody else."""
    methods: dict[str, MethodEntry] = {}
    broken: list[Broken] = []
    for plugin in plugin_files(root):
        folder = folder_of(root, plugin)
        try:
            entries = load_plugin(root, plugin)
        except MethodError as error:
            broken.append(Broken(folder, str(error)))
            continue
        for entry in entries:
            holder = methods.setdefault(entry.card.name, entry)
            if holder is not entry:
                broken.append(Broken(folder, str(name_taken(entry, holder.folder))))
    return Found(methods, broken)


_PINNED: dict[tuple[Path, str], MethodEntry] = {}


def pin(root: Path, name: str) -> MethodEntry:
    """One method, which this process then keeps: a run ends with the code that it began with."""
    return _PINNED.setdefault((root, name), method_entry(root, name))


def method_entry(root: Path, name: str) -> MethodEntry:
    """One method; imports its folder alone where card.json tells which that is.

    Raises: MethodError with the nearest name, or with what is wrong with its plugin.
    """
    if (root, name) in _PINNED:
        return _PINNED[root, name]
    told = {card.name: card.folder for card in cards(root)}
    if name in told:
        entries = load_plugin(root, root / told[name] / PLUGIN)
        chosen = next((entry for entry in entries if entry.card.name == name), None)
        if chosen is not None:
            return chosen
    found = discover(root)
    if name in found.methods:
        return found.methods[name]
    for item in found.broken:
        if Path(item.folder).name == name:
            load_plugin(root, root / item.folder / PLUGIN)  # raises its cause
    raise unknown_name(name, found.methods)


def method_class(root: Path, name: str) -> "type[Method]":
    """The class of one method; see `method_entry`."""
    return method_entry(root, name).cls


def unknown_name(name: str, known: Iterable[str]) -> MethodError:
    """The error that names the method nearest to `name`."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else "`mixseg list` shows all."
    listed = f"one of {', '.join(names)}" if names else "a method, and there is none yet"
    return MethodError("methods", f"no method {name!r}", listed, hint)


def name_taken(entry: MethodEntry, holder: str) -> MethodError:
    """The error for a second method of one name; `holder` is the folder of the first."""
    return MethodError(
        f"{entry.folder}/{PLUGIN}: {entry.cls.__name__}.card.name",
        f"{entry.card.name!r}, which {holder}/{PLUGIN} has taken",
        "a name of its own",
        "Rename one of the two.",
    )


def load_plugin(root: Path, plugin: Path) -> list[MethodEntry]:
    """The methods that one plugin.py defines, in the order of the file.

    Raises: MethodError if it cannot be imported, has a bad card or defines no method.
    """
    from benchmark.methods.method import Method

    files = code_files(plugin, root)
    module = import_plugin(root, plugin, files)
    folder = folder_of(root, plugin)
    relative = tuple(file.relative_to(root).as_posix() for file in files)
    entries: dict[str, MethodEntry] = {}
    for cls in vars(module).values():
        ours = isinstance(cls, type) and issubclass(cls, Method)
        if not ours or cls.__module__ != module.__name__ or "card" not in vars(cls):
            continue
        if not isinstance(cls.card, Card):
            where = f"{folder}/{PLUGIN}: {cls.__name__}.card"
            raise MethodError(where, f"a {type(cls.card).__name__}", "a Card", "Write Card(...).")
        entry = MethodEntry(cls, cls.card, folder, relative)
        if entries.setdefault(cls.card.name, entry).cls is not cls:
            raise name_taken(entry, folder)
    if not entries:
        expected = "a Method class with a card of its own"
        raise MethodError(f"{folder}/{PLUGIN}", "no method", expected, "Write one.")
    return list(entries.values())
