"""Pairs of code digests that were shown to give the same bytes; identities follow them."""

from pathlib import Path
from typing import Any

from benchmark.core.errors import MixSegError
from benchmark.core.files import read_json, write_json

FILE = "adoptions.json"  # in results/, committed with its proofs

_READ: dict[Path, tuple[int, dict[tuple[str, str], str]]] = {}


def canonical(root: Path, kind: str, digest: str) -> str:
    """The earliest digest of code that gives the same numbers; the digest itself without a proof.

    Args:
        kind: "method", "training", "prediction" or "scoring".
    """
    path = root / "results" / FILE
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    if path not in _READ or _READ[path][0] != stamp:
        pairs = {(each["kind"], each["new"]): each["old"] for each in read_adoptions(root)}
        _READ[path] = (stamp, pairs)
    pairs, seen = _READ[path][1], {digest}
    while (kind, digest) in pairs and pairs[kind, digest] not in seen:
        digest = pairs[kind, digest]
        seen.add(digest)
    return digest


def read_adoptions(root: Path) -> list[dict[str, Any]]:
    """Every committed pair, with its proof.

    Raises: StoreError if the file is no JSON.
    """
    path = root / "results" / FILE
    if not path.is_file():
        return []
    found = read_json(path)
    if not isinstance(found, list):
        raise MixSegError(path, "no list", "a list of pairs", "Restore it from Git.")
    return found


def add_adoptions(root: Path, pairs: list[dict[str, Any]]) -> Path:
    """Adds pairs to the committed file, and gives its path."""
    path = root / "results" / FILE
    write_json(path, [*read_adoptions(root), *pairs])
    return path
