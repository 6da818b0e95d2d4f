"""The manifest of a prepared mix: the request that it answers, and digests of the files beside it.

**Conventions** `files` of a dataset holds the SHA-256 of each of its files. `digest` of a dataset
covers its modality, its arrays, and name, group and split of each case. `content` covers the size
and the datasets in their order; the identity of a run holds it. `digest` of the manifest covers all
other keys. These digests find accidents, not forgery: whoever changes a file on purpose can change
its digest too.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmark.core.digests import KeptDigests, digest_of
from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import Paths, digest, read_json, shown

MANIFEST = "manifest.json"
IMAGES, MASKS, CASES = FILES = ("images.npy", "masks.npy", "cases.csv")
SHORT = 16  # digits of a digest in messages


def sealed(about: Mapping[str, Any], prepared: Path) -> dict[str, Any]:
    """A manifest with the digests of the files as they lie in a folder.

    Args:
        about: the manifest without digests: at least size and datasets, each with its modality.
        prepared: the folder, which holds a folder with `FILES` for each dataset.
    """
    datasets = {}
    for name, entry in about["datasets"].items():
        files = {file: digest_of(prepared / name / file) for file in FILES}
        covered = [entry["modality"], files[IMAGES], files[MASKS], _cases(prepared / name / CASES)]
        datasets[name] = {**entry, "files": files, "digest": digest(covered)}
    each = [[name, entry["digest"]] for name, entry in datasets.items()]
    content = digest({"size": about["size"], "datasets": each})
    return with_digest({**about, "datasets": datasets, "content": content})


def with_digest(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with the digest of its other keys under `digest`."""
    rest = {key: item for key, item in value.items() if key != "digest"}
    return {**rest, "digest": digest(rest)}


def read_manifest(prepared: Path) -> dict[str, Any]:
    """The manifest of a prepared mix; a file that has not changed is read once.

    Raises: MissingDataError if the mix is not prepared, StoreError if the manifest is not what was
        written.
    """
    path = prepared / MANIFEST
    if not path.is_file():
        raise MissingDataError(shown(path), "no file", "a prepared mix", _again(prepared))
    stat = path.stat()
    stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if path not in _READ or _READ[path][0] != stamp:
        _READ[path] = stamp, _checked(path)
    return _READ[path][1]


_READ: dict[Path, tuple[tuple[int, ...], dict[str, Any]]] = {}


def _checked(path: Path) -> dict[str, Any]:
    again = _again(path.parent)
    try:
        manifest = read_json(path)
    except StoreError as error:
        raise StoreError(path, "no JSON", "what `mixseg prepare` wrote", again) from error
    if not isinstance(manifest, dict) or not {"request", "content", "digest"} <= set(manifest):
        found = "no request or no digests: it was changed, or earlier code wrote it"
        raise StoreError(path, found, "what `mixseg prepare` writes", again)
    wanted, found = manifest["digest"], with_digest(manifest)["digest"]
    if found != wanted:
        raise _changed(path, str(found), str(wanted))
    return manifest


def data_digest(prepared: Path) -> str:
    """The digest of all arrays, cases and splits of a prepared mix; raises as `read_manifest`."""
    return str(read_manifest(prepared)["content"])


def check_files(prepared: Path) -> dict[str, Any]:
    """Compares the prepared files of a mix with the digests in its manifest.

    Only files that have changed since the last look are read.

    Returns: the manifest.
    Raises: as `read_manifest`, and StoreError naming the first file that is gone or changed.
    """
    manifest = read_manifest(prepared)
    wanted = _wanted(prepared, manifest)
    cache = Paths(prepared.parents[2]).digests / f"prepared-{prepared.name}.json"
    _compare(wanted, KeptDigests(cache, digest_of).of(list(wanted)))
    return manifest


def check(prepared: Path) -> dict[str, Any]:
    """Reads every prepared file of a mix and compares all digests, `content` too.

    Returns: the manifest.
    Raises: as `check_files`.
    """
    manifest = read_manifest(prepared)
    wanted = _wanted(prepared, manifest)
    found = sealed(manifest, prepared)
    _compare(wanted, _wanted(prepared, found).values())
    if found["content"] != manifest["content"]:
        raise _changed(prepared / MANIFEST, found["content"], manifest["content"])
    return manifest


def _wanted(prepared: Path, manifest: Mapping[str, Any]) -> dict[Path, str]:
    """The digest of each prepared file by a manifest.

    Raises: StoreError if one is not there.
    """
    wanted = {
        prepared / name / file: str(sha256)
        for name, entry in manifest["datasets"].items()
        for file, sha256 in entry["files"].items()
    }
    for path in wanted:
        if not path.is_file():
            raise StoreError(path, "no file", "a prepared file", _again(prepared))
    return wanted


def _compare(wanted: Mapping[Path, str], found: Iterable[str]) -> None:
    for (path, sha256), now in zip(wanted.items(), found, strict=True):
        if now != sha256:
            raise _changed(path, now, sha256)


def _changed(path: Path, found: str, wanted: str) -> StoreError:
    prepared = path.parent if path.name == MANIFEST else path.parents[1]
    return StoreError(
        path,
        f"a file of digest {found[:SHORT]}, which was changed or damaged after it was prepared",
        f"digest {wanted[:SHORT]} of {MANIFEST}",
        _again(prepared),
    )


def _again(prepared: Path) -> str:
    return f"Run `mixseg prepare --mix {prepared.name}`."


def _cases(path: Path) -> list[list[str]]:
    """Name, group and split of each case, in order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [[row["case"], row["group"], row["split"]] for row in csv.DictReader(file)]
