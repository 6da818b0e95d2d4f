"""Imports one plugin as a package of its own, and says what stopped it."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from benchmark.core.errors import MethodError
from benchmark.core.files import sha256_bytes
from benchmark.methods.code import code_digest, plugin_files

PACKAGE = Path(__file__).parents[1]
_on_path: list[str] = []  # what stands on sys.path because of us: the root used last
_parked: list[tuple[str, ModuleType, Path]] = []  # modules of roots used before, and their places


def import_plugin(root: Path, plugin: Path, files: list[Path]) -> ModuleType:
    """Imports a plugin as a package under a private name; `from .network import X` works in it.

    Args:
        files: the plugin's code files; the same module is given again until their code changes.

    Raises: MethodError naming the file, the line and the cause.
    """
    place = sha256_bytes(str(plugin.parent).encode())[:16]
    name = f"_mixseg_{plugin.parent.name.replace('-', '_')}_{place}"
    code, known = code_digest(files), sys.modules.get(name)
    if known is not None and vars(known).get("_code_digest") == code:
        if _on_path != [str(root)]:
            _use(root)  # for what the plugin imports when it runs
        return known
    if known is not None:
        # Not the benchmark's own modules: others in this process hold them already.
        shared = {file for file in files if PACKAGE not in file.parents}
        _forget(lambda key, module: key.startswith(f"{name}.") or _place(module) in shared)
    _use(root)
    spec = importlib.util.spec_from_file_location(
        name, plugin, submodule_search_locations=[str(plugin.parent)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _forget(lambda key, _: key == name or key.startswith(f"{name}."))
        raise _import_error(root, plugin, error) from error
    vars(module)["_code_digest"] = code
    return module


def import_beside(root: Path, plugin: Path, name: str) -> ModuleType:
    """Imports another module of a plugin's folder.

    Raises: MethodError naming the file, the line and the cause.
    """
    _use(root)
    folder = plugin.parent.relative_to(root).parts
    try:
        return importlib.import_module(".".join([*folder, name]))
    except (Exception, SystemExit) as error:
        raise _import_error(root, plugin.with_name(f"{name}.py"), error) from error


def _use(root: Path) -> None:
    """Puts the root first on sys.path, so that methods can import one another's modules.

    Modules of another root that bear the same names are set aside; they come back, the same
    objects, when that root is used again.
    """
    ours = {plugin.relative_to(root).parts[0] for plugin in plugin_files(root)}
    # All are looked at before one goes: a namespace package asks its parent where it lies.
    named = [
        (key, m, _place(m)) for key, m in list(sys.modules.items()) if key.split(".")[0] in ours
    ]
    away = [each for each in named if root not in each[2].parents]
    for key, _, _ in away:
        del sys.modules[key]
    back = [each for each in _parked if root in each[2].parents]
    _parked[:] = [*(each for each in _parked if each not in back), *away]
    for key, module, _ in back:
        sys.modules.setdefault(key, module)
    if _on_path and _on_path[0] in sys.path:
        sys.path.remove(_on_path[0])  # the first of that name; one that stood there before us stays
    sys.path.insert(0, str(root))
    _on_path[:] = [str(root)]


def _forget(chosen: Callable[[str, object], bool]) -> None:
    # All are looked at before one goes: a namespace package asks its parent where it lies.
    for key in [key for key, module in list(sys.modules.items()) if chosen(key, module)]:
        del sys.modules[key]


def _place(module: object) -> Path:
    """Where a module lies; an empty path for one that does not say."""
    told = getattr(module, "__dict__", {})  # modules may make up any other attribute
    try:
        places = [told.get("__file__"), *(told.get("__path__") or [])]
    except KeyError:  # a namespace package whose parent somebody else dropped
        return Path()
    return next((Path(place) for place in places if place), Path())


def own_line(root: Path, error: BaseException) -> str:
    """The last line of a method's own code that led to an error, as file:line; "" if none did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if root in Path(frame.filename).parents]
    own = [frame for frame in own if root / "benchmark" not in Path(frame.filename).parents]
    return f"{Path(own[-1].filename).relative_to(root).as_posix()}:{own[-1].lineno}" if own else ""


def _import_error(root: Path, plugin: Path, error: BaseException) -> MethodError:
    """What stopped an import: the last line of the project's own code, and the cause."""
    where = own_line(root, error) or plugin.relative_to(root).as_posix()
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        key = ".".join([error.title, *(str(part) for part in first["loc"])])
        found = f"{key} is {first.get('input')!r} ({first['msg']})"
        return MethodError(where, found, "a valid value", "Give that field a value of this kind.")
    problem = " ".join(str(error).split())
    return MethodError(
        where,
        f"{type(error).__name__}: {problem}",
        "a plugin that can be imported",
        "Correct this line, or install the package that it names.",
    )
