"""Reads PyTorch's pickled checkpoints; no class or function that a file names is ever called.

`torch.load(weights_only=True)` builds tensors and plain containers. Many projects keep a few more
objects beside their weights, a NumPy number for example. Each name of the lists below is read as a
stand-in, an empty object of this module; what it stands for is neither imported nor run.
"""

import pickle
import pickletools
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

OBJECTS = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core")
      for name in ("scalar", "_reconstruct")),
    *("numpy.dtype", "numpy.ndarray"),
    *("argparse.Namespace", "types.SimpleNamespace", "collections.deque"),
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "frozenset", "int", "list", "range",
                                      "slice", "str", "tuple")),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local")
      for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *("omegaconf.base.ContainerMetadata", "omegaconf.base.Metadata", "typing.Any"),
    *("omegaconf.dictconfig.DictConfig", "omegaconf.listconfig.ListConfig"),
    *(f"omegaconf.nodes.{kind}Node" for kind in ("Any", "Boolean", "Float", "Integer", "String")),
    *(f"pytorch_lightning.callbacks.{name}" for name in ("early_stopping.EarlyStopping",
                                                         "model_checkpoint.ModelCheckpoint")),
    "torch.torch_version.TorchVersion",
)  # fmt: skip
DICTIONARIES = (
    *("addict.addict.Dict", "collections.defaultdict", "easydict.EasyDict", "yacs.config.CfgNode"),
    *("lightning.fabric.utilities.data.AttributeDict",
      "lightning_fabric.utilities.data.AttributeDict",
      "lightning.pytorch.utilities.parsing.AttributeDict",
      "pytorch_lightning.utilities.parsing.AttributeDict"),
    *("mmcv.utils.config.ConfigDict", "mmengine.config.config.ConfigDict"),
)  # fmt: skip
_REFUSED = re.compile(r"GLOBAL (\S+)")
TORCHSCRIPT = "torch.jit"  # the name of what is refused in an archive of TorchScript
MODULE = {"_modules", "_parameters"}  # attributes of every `nn.Module`
DEEPEST = 3  # levels of dictionaries in which a pickled model is looked for


class Refused(Exception):
    """A checkpoint names a class or a function that is not read.

    Attributes:
        name: of the first one, with its module.
        held: the checkpoint with stand-ins for all such objects; None if it cannot be read so.
        model: whether there is a pickled `nn.Module` in it.
        dictionary: whether it is a dictionary.
    """

    def __init__(
        self, name: str, held: Any = None, model: bool = False, dictionary: bool = False
    ) -> None:
        super().__init__(f"the global {name} is not read")
        self.name, self.held, self.model, self.dictionary = name, held, model, dictionary


class StandIn(list[Any]):  # torch's reader appends to lists alone
    """Takes what a file gives to an object of another class, and does nothing with it.

    Attributes:
        name: of that class, with its module.
        state: its attributes, as the file holds them.
    """

    name = ""
    state: Any = None

    def __new__(cls, *_: Any) -> "StandIn":
        """An empty one, whatever it is called with."""
        return super().__new__(cls)

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __hash__(self) -> int:  # type: ignore[override]  # a list has none
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class _Dictionary:
    """Stands for a class of dictionaries; torch's reader fills an OrderedDict."""

    def __new__(cls, *_: Any) -> OrderedDict[Any, Any]:  # type: ignore[misc]
        return OrderedDict()


def load_pickled(path: Path) -> Any:
    """What a checkpoint holds: tensors on the CPU, plain containers, and stand-ins.

    Raises: Refused if it names anything else; what torch raises for a damaged file.
    """
    if any(name.endswith("constants.pkl") for name in members(path)):
        raise Refused(TORCHSCRIPT)
    try:
        return _load(path, OBJECTS, DICTIONARIES)
    except pickle.UnpicklingError as error:
        found = _REFUSED.search(str(error))
        if not found:
            raise
        name = found[1] if "." in found[1] else f"builtins.{found[1]}"
        raise _refused(path, printable(name)) from error


def _refused(path: Path, name: str) -> Refused:
    try:
        listed = _listed(path)
    except Exception:  # no checkpoint at all
        return Refused(name)
    names = [str(value).replace(" ", ".", 1) for kind, value in listed if kind == "GLOBAL"]
    texts = {value for _, value in listed if isinstance(value, str)}
    kinds = [kind for kind, _ in listed[1:2]]
    return Refused(name, _held(path, names), texts >= MODULE, kinds == ["EMPTY_DICT"])


def members(path: Path) -> list[str]:
    """The names in a file that is a ZIP archive, as checkpoints are since torch 1.6; else none."""
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as packed:
        return packed.namelist()


def modules(held: Any, trail: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys that lead to each pickled `nn.Module`, and the name of its class."""
    if isinstance(held, StandIn) and isinstance(held.state, Mapping):
        if set(held.state) >= MODULE:
            yield trail, printable(held.name)
    elif isinstance(held, Mapping) and len(trail) < DEEPEST:
        for key, value in held.items():
            if isinstance(key, str):
                yield from modules(value, (*trail, key))


def _load(path: Path, objects: Iterable[str], dictionaries: Iterable[str] = ()) -> Any:
    import torch

    stands: list[Any] = [(type("StandIn", (StandIn,), {"name": name}), name) for name in objects]
    stands += [(_Dictionary, name) for name in dictionaries]
    with torch.serialization.safe_globals(stands), warnings.catch_warnings(), path.open("rb") as f:
        warnings.simplefilter("ignore")  # of a pickle protocol that is read all the same
        return torch.load(f, map_location="cpu", weights_only=True)


def _held(path: Path, names: Iterable[str]) -> Any:
    """A checkpoint with a stand-in for all that it names; None if it cannot be read so."""
    try:
        return _load(path, set(names) - {*DICTIONARIES}, DICTIONARIES)
    except Exception:  # it only serves to say more about a file that is refused anyway
        return None


def _listed(path: Path) -> list[tuple[str, Any]]:
    """The operations of a checkpoint's pickle with their values; none is carried out."""
    for name in members(path):
        if name.endswith("data.pkl"):
            with zipfile.ZipFile(path) as packed, packed.open(name) as file:
                return _operations(file)
    with path.open("rb") as file:
        # Magic number, protocol and system, each a pickle; then what was saved.
        return [_operations(file) for _ in range(4)][-1]


def _operations(file: Any) -> list[tuple[str, Any]]:
    return [(operation.name, value) for operation, value, _ in pickletools.genops(file)]


def printable(text: str) -> str:
    """A text of a file as it may be shown: in one line, without codes for the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
