"""Which files a pull request with new rows may change, and what a row's folder must hold."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from benchmark.contribution.changes import Changes, Finding, text_before
from benchmark.core.files import PARAMS
from benchmark.core.yaml_files import read_yaml
from benchmark.methods.code import PLUGIN
from benchmark.methods.declaration import DECLARATION, Card
from benchmark.methods.discover import CARD_FILE, STAGES_FILE, Folder, folders, rendered

OF_A_ROW = (DECLARATION, CARD_FILE, STAGES_FILE, "dvc.lock", "reported.csv")
LARGEST = 1_000_000  # bytes of a file in a method's folder
WEIGHTS = (".pt", ".pth", ".ckpt", ".npz", ".npy", ".safetensors", ".onnx", ".bin", ".pkl", ".h5")
TEXTS = ("CHANGELOG.md", "docs/")
BLANKS = {"source": "who published it, where, when", "licence": "licence of the official code"}
DIGESTS = "digests.csv"


@dataclass(frozen=True)
class Rows:
    """The rows before a request and after it.

    Attributes:
        old, new: folder and card by the name of the row; new are those that the request adds.
        kept: the present card of each old row that is still there.
        old_folders, folders: by their path relative to the root.
    """

    old: Mapping[str, tuple[Folder, Card]]
    new: Mapping[str, tuple[Folder, Card]]
    kept: Mapping[str, Card]
    old_folders: Mapping[str, Folder]
    folders: Mapping[str, Folder]

    @classmethod
    def read(cls, root: Path, past: Path) -> "Rows":
        """Reads both declarations; imports no method."""
        now, then = folders(root), folders(past)
        old, present = _by_name(then), _by_name(now)
        return cls(
            old,
            {name: found for name, found in present.items() if name not in old},
            {name: card for name, (_, card) in present.items() if name in old},
            {folder.name: folder for folder in then},
            {folder.name: folder for folder in now},
        )


def _by_name(found: list[Folder]) -> dict[str, tuple[Folder, Card]]:
    return {card.name: (folder, card) for folder in found for card in folder.cards}


def file_findings(root: Path, changes: Changes, rows: Rows) -> Iterator[Finding]:
    """What is wrong with the changed files, one by one."""
    for path in changes.uncommitted:
        yield Finding(path, "not committed; the request does not hold it. Commit or delete it")
    for path, status in sorted(changes.status.items()):
        if path in changes.odd:
            yield Finding(path, f"{changes.odd[path]}; put a plain file there")
        what = _what(root, path, status, rows)
        if what:
            yield Finding(path, what)
    if rows.new and PARAMS in changes.status:
        what = _params(root, changes.start, set(rows.new))
        if what:
            yield Finding(PARAMS, what)


def _what(root: Path, path: str, status: str, rows: Rows) -> str:
    """What is wrong with the change of one file; empty if nothing is."""
    if path.startswith("results/"):
        return _of_results(path, rows)
    if not rows.new:  # without a new row this check has nothing to say of code and texts
        return ""
    folder = next((name for name in rows.folders if path.startswith(f"{name}/")), None)
    if folder is not None and folder not in rows.old_folders:
        return _own_file(root / path)
    if folder is not None:
        added = any(found.name == folder for found, _ in rows.new.values())
        if added and path.removeprefix(f"{folder}/") in OF_A_ROW and status != "D":
            return ""
        return "belongs to rows that were there before; put new code into a folder of its own"
    free = path == PARAMS or path.startswith(TEXTS)
    if free or (path.startswith("tests/") and status == "A"):
        return ""
    if path.startswith("reports/"):
        return "reports are written after the merge; take it out of the request"
    return "changed beside a new row; make it a pull request of its own"


def _own_file(path: Path) -> str:
    if path.suffix.lower() in WEIGHTS:
        return "weights and arrays are not kept in the repository; name them under `weights:`"
    if path.is_file() and path.stat().st_size > LARGEST:
        return f"{path.stat().st_size:,} bytes, at most {LARGEST:,} are taken"
    return ""


def _of_results(path: str, rows: Rows) -> str:
    """Results may be of new rows alone: results/MIX/GROUP/ROW/... or .../analyses/NAME/ROW/..."""
    parts = PurePosixPath(path).parts
    if len(parts) == 3 and parts[2] == DIGESTS:
        return ""  # compared line by line
    place = 4 if parts[2:3] == ("analyses",) else 3
    row = parts[place] if len(parts) > place + 1 else ""
    if row in rows.new:
        group = rows.new[row][1].group
        if parts[2] in (group, "analyses"):
            return ""
        return f"the row's group is {group}; its results belong there"
    if row in rows.old:
        return f"results of {row}, a row that was there before; a request brings those of its own"
    return "no result of a new row; take it out of the request"


def _params(root: Path, start: str, new: set[str]) -> str:
    """params.yaml may only gain the names of new rows in the lists `rows`."""
    import yaml

    try:
        then = yaml.safe_load(text_before(root, start, PARAMS))
        now = read_yaml(root / PARAMS)
    except (OSError, ValueError, yaml.YAMLError) as error:
        return f"unreadable ({error})"
    if _without(now, new) == _without(then, new):
        return ""
    return "only names of new rows may be added under `rows:`; other changes need their own request"


def _without(params: Any, new: set[str]) -> Any:
    left = copy.deepcopy(params)
    for mix in (left or {}).get("mixes", {}).values():
        if isinstance(mix, dict) and mix.get("rows"):
            mix["rows"] = [name for name in mix["rows"] if name not in new]
    return left


def folder_findings(root: Path, changes: Changes, rows: Rows) -> Iterator[Finding]:
    """What the folders of new rows lack, and what became of the rows that were there before."""
    seen = {path for path, status in changes.status.items() if status != "D"}
    yield from _without_plugin(seen, rows)
    with_new = {folder.name for folder, _ in rows.new.values()}
    for name in sorted(rows.folders):
        folder, new = rows.folders[name], name not in rows.old_folders or name in with_new
        if not any(path.startswith(f"{name}/") for path in seen):
            continue
        if folder.problem:
            yield Finding(f"{name}/{DECLARATION}", str(folder.problem))
        elif new:
            yield from _complete(folder)
    for name, (folder, card) in rows.new.items():
        yield from _filled(name, folder, card)
    if rows.new:
        yield from _old_rows(rows)


def _without_plugin(seen: set[str], rows: Rows) -> Iterator[Finding]:
    """New folders that hold no plugin.py, so that nothing finds them."""
    below = {path.split("/")[1] for path in seen
             if path.startswith("baselines/") and path.count("/") > 1}  # fmt: skip
    for name in sorted(below):
        if not name.startswith("_") and f"baselines/{name}" not in rows.folders:
            yield Finding(f"baselines/{name}/{PLUGIN}", "no such file; every method needs it")


def _old_rows(rows: Rows) -> Iterator[Finding]:
    for name, (folder, card) in rows.old.items():
        where = f"{folder.name}/{DECLARATION}"
        if name not in rows.kept:
            yield Finding(where, f"the row {name} is gone or unreadable; restore it")
        elif rows.kept[name].said() != card.said():
            what = f"the row {name} was there before and is declared in another way; restore it"
            yield Finding(where, what)


def _complete(folder: Folder) -> Iterator[Finding]:
    sync = f"run `mixseg sync {Path(folder.name).name}` and commit it"
    place = folder.plugin.parent
    for name in (CARD_FILE, STAGES_FILE):
        if not (place / name).is_file():
            yield Finding(f"{folder.name}/{name}", f"no such file; {sync}")
    if not (place / CARD_FILE).is_file():
        return
    about = rendered(folder)
    if about is None or about.source != folder.source():
        yield Finding(
            f"{folder.name}/{CARD_FILE}", f"not of the present declaration and code; {sync}"
        )


def _filled(name: str, folder: Folder, card: Card) -> Iterator[Finding]:
    for key, blank in BLANKS.items():
        value = getattr(card, key).strip()
        if value in ("", blank):
            what = f"row {name}: `{key}` is not filled in"
            yield Finding(f"{folder.name}/{DECLARATION}", what)
