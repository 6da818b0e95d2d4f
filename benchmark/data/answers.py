"""Whether prepared data answer what params.yaml asks for, and whether their files are whole."""

from typing import Any

from benchmark.core.errors import StaleDataError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import Mix
from benchmark.core.request import DATA, differences
from benchmark.data.manifest import MANIFEST, check, read_manifest


def require(paths: Paths, mix_name: str, mix: Mix) -> None:
    """Refuses prepared data that answer another request than that of params.yaml.

    Without prepared data nothing is refused: what needs them names them.

    Raises: StaleDataError naming each field that differs, StoreError if the manifest was changed.
    """
    path = paths.prepared(mix_name) / MANIFEST
    if not path.is_file():
        path = paths.results(mix_name) / DATA
    found = stale(paths, mix_name, mix)
    if found:
        raise StaleDataError(
            path,
            "; ".join(found),
            "data that answer params.yaml",
            f"Run `mixseg prepare --mix {mix_name}`, or restore params.yaml.",
        )


def check_prepared(paths: Paths, mix_name: str, mix: Mix) -> dict[str, Any]:
    """Reads every prepared file of a mix, and compares it with its digest and with params.yaml.

    Returns: the manifest.
    Raises: MissingDataError, StoreError, StaleDataError.
    """
    manifest = check(paths.prepared(mix_name))
    require(paths, mix_name, mix)
    return manifest


def stale(paths: Paths, mix_name: str, mix: Mix) -> list[str]:
    """In what the prepared data of a mix differ from what params.yaml asks for, in phrases.

    Where nothing is prepared, its results stand for it: the data.json beside them.

    Raises: StoreError if the manifest was changed.
    """
    prepared, results = paths.prepared(mix_name), paths.results(mix_name)
    if (prepared / MANIFEST).is_file():
        return differences(read_manifest(prepared), mix, results)
    data = results / DATA
    return differences(read_json(data), mix, results) if data.is_file() else []
