"""Finds methods: reads their declarations without torch; a broken folder stops no other."""

import functools
import importlib.util
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.core.errors import MethodError, MixSegError
from benchmark.core.files import digest, read_json
from benchmark.core.text import did_you_mean
from benchmark.methods.code import PLUGIN, code_digest, method_files, plugin_files
from benchmark.methods.declaration import DECLARATION, Card, nearest, read_cards
from benchmark.methods.importing import import_plugin

if TYPE_CHECKING:
    from benchmark.methods.method import Method

CARD_FILE, STAGES_FILE = "card.json", "dvc.yaml"
SCHEMA = 3


class Parameters(BaseModel):
    """Counts of a network's parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    total: int
    trainable: int


class Rendered(BaseModel):
    """What `mixseg sync` found out about one row by building it.

    Attributes:
        parameters: how many the network has.
        structure: digest of the names and shapes of its state; equal for variants of one network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Parameters
    structure: str


class RenderedFile(BaseModel):
    """card.json of one folder.

    Attributes:
        source: digest of the declarations and of the code that it was rendered from.
        rows: by name.
        runs: the runs of the folder's rows that dvc.yaml makes stages of.
        digest: of all the others; it finds a number that was edited.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int
    source: str
    rows: dict[str, Rendered]
    runs: dict[str, dict[str, str]]
    digest: str


class SyncedCard(Card):
    """A row with what `mixseg sync` found out about it.

    Attributes:
        folder: where the plugin lies, relative to the root.
        parameters, structure: see `Rendered`.
    """

    folder: str
    parameters: Parameters
    structure: str


@dataclass(frozen=True)
class Folder:
    """The folder of one plugin.

    Attributes:
        name: its path relative to the root, with slashes.
        cards: its rows; empty where its declaration is broken.
        problem: why its declaration cannot be used; None where it can.
    """

    root: Path
    name: str
    cards: tuple[Card, ...]
    problem: MixSegError | None = None

    @property
    def plugin(self) -> Path:
        """Its plugin.py."""
        return self.root / self.name / PLUGIN

    @property
    def rendered_path(self) -> Path:
        """Its card.json."""
        return self.root / self.name / CARD_FILE

    def files(self) -> list[Path]:
        """The code of its methods: plugin.py and what it imports of the project."""
        return method_files(self.root, self.plugin)

    def source(self) -> str:
        """Digest of what card.json is rendered from, without the mixes of params.yaml."""
        return digest([[card.said() for card in self.cards], code_digest(self.files())])


@dataclass(frozen=True)
class NotSynced:
    """A folder whose rendered files are missing or out of date, and the command that helps."""

    folder: str
    cause: str
    command: str


@dataclass(frozen=True)
class MethodEntry:
    """A row whose class could be imported.

    Attributes:
        folder: where its plugin lies, relative to the root.
        files: the code of its class, relative to the root.
    """

    cls: "type[Method]"
    card: Card
    folder: str
    files: tuple[str, ...]

    def build(self, size: int, arguments: Mapping[str, Any] | None = None) -> "Method":
        """The network with random weights for images of this size in pixels.

        Args:
            arguments: of the class; None is those of the row.
        """
        given = self.card.arguments if arguments is None else arguments
        method = self.cls(size=size, **given)
        method.card = self.card
        return method


@dataclass(frozen=True)
class Broken:
    """A folder, or one of its rows, that cannot be used, and why."""

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


def folders(root: Path) -> list[Folder]:
    """Every folder with a plugin.py, with its declared rows; imports no method and no torch."""
    found, holders = list[Folder](), dict[str, str]()
    for plugin in plugin_files(root):
        name = folder_of(root, plugin)
        try:
            cards = _cards(root, plugin.with_name(DECLARATION))
            for card in cards:
                if holders.setdefault(card.name, name) != name:
                    raise name_taken(name, card.name, holders[card.name])
        except MixSegError as error:
            found.append(Folder(root, name, (), error))
            continue
        found.append(Folder(root, name, cards))
    return found


def _cards(root: Path, path: Path) -> tuple[Card, ...]:
    """The rows of a declaration, read again only when its file has changed."""
    return _read_cards(root, path, path.stat().st_mtime_ns if path.is_file() else 0)


@functools.cache
def _read_cards(root: Path, path: Path, mtime_ns: int) -> tuple[Card, ...]:
    return tuple(read_cards(root, path))


def declared(root: Path) -> dict[str, Folder]:
    """The folder of every declared row, by the row's name, in folder order."""
    return {card.name: folder for folder in folders(root) for card in folder.cards}


def card_of(root: Path, name: str) -> Card:
    """The declared row of this name.

    Raises: MethodError with the nearest name, or with what is wrong with its folder.
    """
    return _known(root, name)[1]


def _known(root: Path, name: str) -> tuple[Folder, Card]:
    known = folders(root)
    for folder in known:
        for card in folder.cards:
            if card.name == name:
                return folder, card
    for folder in known:
        if folder.problem and Path(folder.name).name == name:
            raise folder.problem
    raise unknown_name(name, [card.name for folder in known for card in folder.cards])


def rendered(folder: Folder) -> RenderedFile | None:
    """card.json of a folder, or None where it is missing or not what `mixseg sync` wrote."""
    return _rendered(folder)[0]


def _rendered(folder: Folder) -> tuple[RenderedFile | None, str]:
    """card.json of a folder, or None and what is wrong with it."""
    if not folder.rendered_path.is_file():
        return None, f"{CARD_FILE} is missing"
    try:
        about = RenderedFile.model_validate(read_json(folder.rendered_path))
    except (MixSegError, ValidationError):
        return None, f"{CARD_FILE} is unreadable"
    if about.digest != digest(about.model_dump(exclude={"digest"})):
        return None, f"{CARD_FILE} was edited since it was written"
    return about, ""


def damaged_cards(root: Path) -> list[NotSynced]:
    """The folders whose card.json cannot be used; imports no method and no torch."""
    told = [(folder.name, _rendered(folder)[1]) for folder in folders(root) if folder.cards]
    return [NotSynced(name, cause, _command(name)) for name, cause in told if cause]


def _command(folder: str) -> str:
    return f"mixseg sync {Path(folder).name}"


def cards(root: Path) -> list[SyncedCard]:
    """All rows that are synced, in folder order; imports no method and no torch.

    Rows without a readable entry in card.json are left out; `not_synced` names their folders.
    """
    found = []
    for folder in folders(root):
        about = rendered(folder)
        for card in folder.cards:
            entry = about.rows.get(card.name) if about else None
            if entry is not None:
                values = card.model_dump(by_alias=True)
                found.append(SyncedCard(**values, folder=folder.name, **dict(entry)))
    return found


def not_synced(root: Path) -> list[NotSynced]:
    """The folders whose declaration is broken, or whose rendered files are missing or older.

    A folder that is not synced is imported, so that what stops its import is told.
    """
    told = []
    for folder in folders(root):
        cause = str(folder.problem) if folder.problem else _lag(folder)
        if cause:
            told.append(NotSynced(folder.name, cause, _command(folder.name)))
    return told


def _lag(folder: Folder) -> str:
    """Why the rendered files of a folder are not those of its declaration and code; or empty."""
    about, damage = _rendered(folder)
    try:
        missing = missing_packages(folder)
        if missing:
            return missing
        if about is not None and about.source == folder.source():
            stages = folder.plugin.with_name(STAGES_FILE)
            return "" if stages.is_file() else f"no {STAGES_FILE}"
        load_folder(folder)
    except MixSegError as error:
        return str(error)
    return damage or "its declaration or its code has changed since it was synced"


def missing_packages(folder: Folder) -> str:
    """The packages that the rows of a folder require and that are not installed, in a sentence."""
    wanted = dict.fromkeys(name for card in folder.cards for name in card.requires)
    absent = [name for name in wanted if importlib.util.find_spec(name.replace("-", "_")) is None]
    if not absent:
        return ""
    return f"needs {', '.join(absent)}, not installed; run `pip install {' '.join(absent)}`"


def discover(root: Path) -> Found:
    """Imports every plugin; what is broken is told and stops nobody else."""
    methods: dict[str, MethodEntry] = {}
    broken: list[Broken] = []
    for folder in folders(root):
        try:
            entries = load_folder(folder)
        except MixSegError as error:
            broken.append(Broken(folder.name, str(error)))
            continue
        methods.update({entry.card.name: entry for entry in entries})
    return Found(methods, broken)


_PINNED: dict[tuple[Path, str], MethodEntry] = {}


def pin(root: Path, name: str) -> MethodEntry:
    """One method, which this process then keeps: a run ends with the code that it began with."""
    return _PINNED.setdefault((root, name), method_entry(root, name))


def method_entry(root: Path, name: str) -> MethodEntry:
    """One row with its class; imports its folder alone.

    Raises: MethodError with the nearest name, or with what is wrong with its folder.
    """
    if (root, name) in _PINNED:
        return _PINNED[root, name]
    folder, card = _known(root, name)
    return _entry(folder, card, _classes(folder))


def unknown_name(name: str, known: Iterable[str]) -> MethodError:
    """The error that names the methods nearest to `name`."""
    names = sorted(known)
    hint = did_you_mean(name, names) or "`mixseg list` shows all."
    expected = f"one of {len(names)} methods" if names else "a method, and there is none yet"
    return MethodError("methods", f"no method {name!r}", expected, hint)


def name_taken(folder: str, name: str, holder: str) -> MethodError:
    """The error for a second row of one name; `holder` is the folder of the first."""
    return MethodError(
        f"{folder}/{DECLARATION}", f"row {name!r}, which {holder}/{DECLARATION} has taken",
        "a name of its own", "Rename one of the two.",
    )  # fmt: skip


def load_folder(folder: Folder) -> list[MethodEntry]:
    """The rows of one folder with their classes, in the order of the declaration.

    Raises: MethodError if its declaration is broken, its plugin cannot be imported, or a row names
        a class or an argument that is not there.
    """
    if folder.problem:
        raise folder.problem
    classes = _classes(folder)
    return [_entry(folder, card, classes) for card in folder.cards]


def _classes(folder: Folder) -> "dict[str, type[Method]]":
    """The Method classes that a plugin.py defines, by name."""
    from benchmark.methods.method import Method

    missing = missing_packages(folder)
    if missing:
        raise MethodError(folder.name, missing, "its packages", "Install them.")
    module = import_plugin(folder.root, folder.plugin, folder.files())
    found = {
        name: cls
        for name, cls in vars(module).items()
        if isinstance(cls, type) and issubclass(cls, Method) and cls.__module__ == module.__name__
    }
    if not found:
        expected = "a class derived from Method"
        raise MethodError(f"{folder.name}/{PLUGIN}", "no method", expected, "Write one.")
    return found


def _entry(folder: Folder, card: Card, classes: "dict[str, type[Method]]") -> MethodEntry:
    where = f"{folder.name}/{DECLARATION}: row {card.name!r}"
    if not card.class_name and len(classes) > 1:
        raise MethodError(where, f"no class, and {PLUGIN} has {', '.join(classes)}",
                          "one of them", "Name it as `class:`.")  # fmt: skip
    name = card.class_name or next(iter(classes))
    if name not in classes:
        raise MethodError(where, f"no class {name!r} in {PLUGIN}{nearest(name, classes)}",
                          f"one of {', '.join(classes)}", "Correct `class:`.")  # fmt: skip
    cls = classes[name]
    _check_arguments(where, cls, card)
    files = tuple(file.relative_to(folder.root).as_posix() for file in folder.files()
                  if folder.root in file.parents)  # fmt: skip
    return MethodEntry(cls, card, folder.name, files)


def _check_arguments(where: str, cls: "type[Method]", card: Card) -> None:
    """Compares the declared arguments with the parameters of __init__."""
    known = inspect.signature(cls.__init__).parameters
    names = [name for name in known if name not in ("self", "size")]
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
        return
    for name in card.arguments:
        if name not in names:
            hint = nearest(name, names)
            expected = f"one of {', '.join(names)}" if names else "no arguments"
            raise MethodError(where, f"unknown argument {name!r}{hint}", expected,
                              f"Correct `arguments:`, or {cls.__name__}.__init__().")  # fmt: skip
    for name in names:
        parameter = known[name]
        plain = parameter.kind is not inspect.Parameter.VAR_POSITIONAL
        if parameter.default is inspect.Parameter.empty and plain and name not in card.arguments:
            raise MethodError(where, f"no argument {name!r}", f"one, which {cls.__name__} needs",
                              "Add it to `arguments:`.")  # fmt: skip
