"""The catalog: what each dataset is, where it comes from and on what terms."""

import difflib
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from benchmark.core.errors import CatalogError, MissingDataError
from benchmark.core.files import Paths, project_root
from benchmark.core.recipe import Name
from benchmark.core.text import did_you_mean
from benchmark.core.yaml_files import read_yaml
from benchmark.data.mask_rules import ListedCodes
from benchmark.data.own import OWN, Lists, OwnFiles, Seeded

CATALOG = Path(__file__).with_name("catalog.yaml")
DRAWN = "drawn"
IN_FOLDER = "own"  # layout of a dataset.yaml

Modality = Literal["fundus", "colonoscopy", "ultrasound", "dermoscopy"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Source(BaseModel):
    """One file of a dataset and the addresses that give it.

    Attributes:
        urls: mirrors, tried in this order; empty where only a person can fetch it.
        file: the name it is saved under.
        sha256, md5: as published, or as read in public code (the row's note says which); without
            them the sum is recorded when the file is first seen.
        bytes: exact size, where known.
        unpack: whether it is an archive to be unpacked.
        keep: patterns of the members to unpack; empty for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    urls: list[str] = []
    sha256: Sha256 | None = None
    md5: Md5 | None = None
    bytes: int | None = Field(None, gt=0)
    unpack: bool = True
    keep: list[str] = []

    @field_validator("urls")
    @classmethod
    def _web(cls, urls: list[str]) -> list[str]:
        odd = [url for url in urls if not re.match(r"https?://[^/\s]+/\S*$", url)]
        if odd:
            raise ValueError(f"only http and https addresses can be fetched, not {odd[0]!r}")
        return urls


class Counts(BaseModel):
    """Cases that a complete copy gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(ge=0)
    test: int = Field(ge=0)

    @property
    def total(self) -> int:
        """Cases of both splits."""
        return self.train + self.test


class Dataset(BaseModel):
    """A row of the catalog.

    Attributes:
        layout: a key of benchmark.data.layouts.LAYOUTS, or "drawn".
        raw: its folder below data/raw; two rows may share one.
        access: plain (fetched by one command) or account (a person must click or register).
        how: what to click and where to drop it, for the day on which no address answers too.
        counts: cases a complete copy gives.
        note: what is uncertain.
        lesion_codes, background_codes: every value of its masks, where the layout's rule does not
            fit; both or neither.
        own: the files of a dataset of a person's own, which no row of catalog.yaml has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str
    modality: Modality
    layout: str
    raw: Name
    access: Literal["plain", "account"]
    sources: list[Source] = []
    how: str
    licence: str
    citation: str
    homepage: str
    counts: Counts
    note: str = ""
    lesion_codes: list[int] = []
    background_codes: list[int] = []
    own: OwnFiles | None = None

    @property
    def codes(self) -> ListedCodes | None:
        """How its masks are read where the row lists their codes; else the layout's rule holds."""
        if not self.lesion_codes and not self.background_codes:
            return None
        return ListedCodes(tuple(self.lesion_codes), tuple(self.background_codes))

    @property
    def drawn(self) -> bool:
        """Whether MixSeg draws it itself."""
        return self.layout == DRAWN

    @model_validator(mode="after")
    def _whole(self) -> Self:
        reachable = [source for source in self.sources if source.urls]
        if self.drawn and self.sources:
            raise ValueError("a drawn dataset has no sources")
        if not self.drawn and self.access == "plain" and len(reachable) < max(len(self.sources), 1):
            raise ValueError("access is plain, but a source has no address")
        if not self.drawn and not self.counts.total:
            raise ValueError("no counts")
        _ = self.codes  # raises ValueError if the two lists cannot be told apart
        return self


def load_catalog(path: Path | None = None) -> dict[str, Dataset]:
    """All rows by name, in the order of the file.

    Args:
        path: a file of rows; without it those of catalog.yaml, then the own datasets of the project
            that the process works in, less those of `broken_own`.

    Raises: CatalogError naming the row and the key at fault.
    """
    rows = _rows(path or CATALOG)
    return rows if path else {**rows, **_own_rows()[0]}


def broken_own() -> dict[str, CatalogError]:
    """Own datasets that cannot be used, with the cause; they stop no mix without them."""
    return _own_rows()[1]


def read_own(path: Path, shown: Path | None = None) -> Dataset:
    """The row that a dataset.yaml makes; it is named like its folder.

    Args:
        shown: its place in messages, where that is another.

    Raises: CatalogError naming the key at fault, with the nearest known one.
    """
    given = _mapping(path, "the keys of a dataset")
    files = {key: given.pop(key) for key in OwnFiles.model_fields if key in given and key != "at"}
    shown = shown or path
    name = path.parent.name  # no folder of this machine: `how` goes into data cards
    how = f"Its {OWN} says where it is; `mixseg new-dataset {name}` looks at it again."
    fixed = {"layout": IN_FOLDER, "access": "account", "how": how}
    given = {"title": name, "citation": "not stated", "homepage": "", **given}
    free = Dataset.model_fields.keys() - {"raw", "sources", "name", "own", *fixed}
    if over := sorted(given.keys() - free):
        raise _unknown(shown, over[0])
    if isinstance(split := files.get("split"), dict):
        # Told apart here: of a union, pydantic would name a key of the other kind.
        lists = any(isinstance(split.get(part), str) for part in Lists.model_fields)
        files["split"] = _valid(shown, Lists if lists else Seeded, split, "split.")
    own = _valid(shown, OwnFiles, {**files, "at": path})
    return _valid(shown, Dataset, {**given, **fixed, "own": own, "name": name, "raw": name})


def _own_rows() -> tuple[dict[str, Dataset], dict[str, CatalogError]]:
    rows, broken = dict[str, Dataset](), dict[str, CatalogError]()
    try:
        folder = Paths(project_root()).own
    except MissingDataError:
        return rows, broken
    for path in sorted(folder.glob(f"*/{OWN}")):
        name, stamp = path.parent.name, path.stat()
        try:
            if name in _rows(CATALOG):
                do = f"Rename the folder {path.parent}."
                raise CatalogError(path, f"the name {name}", "one that the catalog has not", do)
            rows[name] = _read_own(path.absolute(), stamp.st_mtime_ns, stamp.st_size)
        except CatalogError as error:
            broken[name] = error
    return rows, broken


@cache
def _read_own(path: Path, *stamp: int) -> Dataset:
    return read_own(path)


@cache
def _rows(path: Path) -> dict[str, Dataset]:
    rows = _mapping(path, "rows by name")
    return {str(name): _row(path, str(name), row) for name, row in rows.items()}


def _mapping(path: Path, expected: str) -> dict[Any, Any]:
    try:
        rows = read_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        unique = "plain YAML without repeated keys"
        raise CatalogError(path, f"unreadable ({problem})", unique, "Mend the file.") from error
    if not isinstance(rows, dict):
        raise CatalogError(path, "no mapping", expected, "Mend the file.")
    return rows


def _row(path: Path, name: str, row: object) -> Dataset:
    if not isinstance(row, dict):
        raise CatalogError(f"{path.name}: {name}", "no mapping", "a row", "Mend the row.")
    try:
        return Dataset.model_validate({"raw": name, **row, "name": name, "own": None})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the row"
        raise CatalogError(
            f"{path.name}: {name}: {key}",
            first["msg"][0].lower() + first["msg"][1:],
            "a valid value",
            "Correct that key.",
        ) from error


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def _valid(path: Path, model: type[AnyModel], values: dict[str, Any], before: str = "") -> AnyModel:
    """A model of the keys of a dataset.yaml."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # A key that is too much is the typo; the key that is then missing only follows from it.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        key = before + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise _unknown(path, key) from error
        found = first["msg"].removeprefix("Value error, ")
        found = found[0].lower() + found[1:]
        where = f"{path}: {key}" if key else path
        raise CatalogError(where, found, "a valid value", "Correct that key.") from error


def _unknown(path: Path, key: str) -> CatalogError:
    models = (Dataset, OwnFiles, Seeded, Lists)
    known = {field for model in models for field in model.model_fields}
    known -= {"at", "own", "raw", "sources", "name", "layout", "access", "how"}
    near = difflib.get_close_matches(key.rpartition(".")[2], sorted(known), n=1)
    expected = repr(near[0]) if near else f"one of {', '.join(sorted(known))}"
    return CatalogError(f"{path}: {key}", "an unknown key", expected, "Correct that key.")


def dataset(name: str) -> Dataset:
    """A row by name.

    Raises: CatalogError with the nearest name, or with what is wrong with an own dataset.
    """
    catalog, broken = load_catalog(), broken_own()
    if name in broken:
        raise broken[name]
    if name in catalog:
        return catalog[name]
    hint = did_you_mean(name.lower(), catalog) or "Name one of these."
    raise CatalogError(CATALOG.name, f"no dataset {name!r}", f"one of {', '.join(catalog)}", hint)
