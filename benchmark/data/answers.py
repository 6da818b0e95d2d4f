"""Whether prepared data and results answer what params.yaml asks for now, and if not, in what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.core.errors import StaleDataError
from benchmark.core.files import Places, read_json
from benchmark.core.params import Mix
from benchmark.data.manifest import MANIFEST, check, read_manifest

DATA = "data.json"  # the manifest and what the catalog says, beside the results
RAW = "raw.json"  # the record of the raw data; see benchmark.data.record


def require(places: Places, mix_name: str, mix: Mix) -> None:
    """Refuses prepared data that answer another request than that of params.yaml.

    Without prepared data nothing is refused: what needs them names them.

    Raises: StaleDataError naming each field that differs, StoreError if the manifest was changed.
    """
    path = places.prepared(mix_name) / MANIFEST
    if not path.is_file():
        path = places.results(mix_name) / DATA
    found = stale(places, mix_name, mix)
    if found:
        raise StaleDataError(
            path,
            "; ".join(found),
            "data that answer params.yaml",
            f"Run `mixseg prepare --mix {mix_name}`, or restore params.yaml.",
        )


def check_prepared(places: Places, mix_name: str, mix: Mix) -> dict[str, Any]:
    """Reads every prepared file of a mix, and compares it with its digest and with params.yaml.

    Returns: the manifest.
    Raises: MissingDataError, StoreError, StaleDataError.
    """
    manifest = check(places.prepared(mix_name))
    require(places, mix_name, mix)
    return manifest


def stale(places: Places, mix_name: str, mix: Mix) -> list[str]:
    """In what the prepared data of a mix differ from what params.yaml asks for, in phrases.

    Where nothing is prepared, its results stand for it: the data.json beside them.

    Raises: StoreError if the manifest was changed.
    """
    prepared, results = places.prepared(mix_name), places.results(mix_name)
    if (prepared / MANIFEST).is_file():
        return differences(read_manifest(prepared), mix, results)
    data = results / DATA
    return differences(read_json(data), mix, results) if data.is_file() else []


def differences(about: Mapping[str, Any], mix: Mix, results: Path) -> list[str]:
    """In what data differ from what is asked for, in phrases; empty where they answer it.

    Args:
        about: a manifest, or the data.json of results; of earlier code, it tells its size and its
            datasets alone.
        mix: what params.yaml asks for.
        results: the folder of results that holds the record of the raw data.
    """
    wanted, had = mix.request(), about.get("request") or _told(about)
    found = [
        f"{key}: prepared {'at' if key == 'size' else 'with'} {_shown(had[key])}, "
        f"params.yaml asks for {_shown(value)}"
        for key, value in wanted.items()
        if key in had and had[key] != value
    ]
    return found or _raw(about, results)


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    """What of its request earlier code wrote down: the size, and the datasets with their cases."""
    datasets: Mapping[str, Mapping[str, Any]] = about.get("datasets", {})
    told = {key: about[key] for key in ("size",) if key in about}
    for key in ("train", "test"):
        named = [name for name, entry in datasets.items() if entry.get(key)]
        told |= {key: named} if named else {}
    return told


def _raw(about: Mapping[str, Any], results: Path) -> list[str]:
    """The datasets whose raw data changed after they were prepared."""
    path, had = results / RAW, about.get("raw", {})
    now = read_json(path)["datasets"] if had and path.is_file() else {}
    names = [name for name in had if name in now and now[name]["digest"] != had[name]]
    return [f"raw data: {', '.join(names)} changed after it was prepared"] if names else []


def _shown(value: Any) -> str:
    """A value as params.yaml holds it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "null" if value is None else str(value)
