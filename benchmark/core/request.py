"""In what prepared data or results differ from the data that params.yaml asks for."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import read_json

if TYPE_CHECKING:  # pydantic is slow to import, and the mix is handed in
    from benchmark.core.params import Mix

DATA = "data.json"  # in results/<mix>: the manifest of the prepared data, with the catalog's words
RAW = "raw.json"  # in results/<mix>: the record of the raw data


def differences(about: Mapping[str, Any], mix: "Mix", results: Path) -> list[str]:
    """In what data differ from what is asked for, in phrases; empty where they answer it.

    Args:
        about: a manifest, or the data.json of results; that of earlier code tells its size alone.
        mix: what params.yaml asks for.
        results: the folder of results that holds the record of the raw data.
    """
    wanted, had = mix.request(), about.get("request") or about
    found = [
        f"{key}: prepared {'at' if key == 'size' else 'with'} {_shown(had[key])}, "
        f"params.yaml asks for {_shown(value)}"
        for key, value in wanted.items()
        if key in had and had[key] != value
    ]
    return found or _raw(about, results)


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
