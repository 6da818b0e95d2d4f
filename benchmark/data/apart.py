"""Data prepared apart from a mix: its sets never trained on, or the test sets of another mix.

**Conventions** <mix>.unseen and <mix>.<other> lie in data/prepared beside the mix, at its size, and
have manifests of their own. Pictures that the mix is trained on are left out first (`known`), so
data prepared apart answer one content of the mix alone.
"""

from typing import Any

from benchmark.core.errors import StaleDataError
from benchmark.core.files import Paths
from benchmark.core.params import Params
from benchmark.core.progress import Progress
from benchmark.data.answers import check_prepared, require
from benchmark.data.known import Known
from benchmark.data.manifest import MANIFEST, SHORT, data_digest, read_manifest
from benchmark.data.prepare import prepare


def prepare_named(name: str, params: Params, paths: Paths, progress: Progress) -> dict[str, Any]:
    """Writes data/prepared/<name> whole or not at all, and says what was removed.

    Args:
        name: of a mix, or <mix>.unseen, or <mix>.<other>.

    Returns: the manifest.
    Raises: as `prepare`. Of data apart also MissingDataError if the mix is not prepared, and
        StaleDataError if it is not prepared as params.yaml asks.
    """
    own, asked = home(name), params.prepared(name)
    if own == name:
        return prepare(name, asked, paths, progress)
    require(paths, own, params.mix(own))
    manifest = prepare(name, asked, paths, progress, Known.read(paths.prepared(own)))
    for line in removed(manifest):
        progress.say(line)
    return manifest


def check_named(name: str, params: Params, paths: Paths) -> dict[str, Any]:
    """Reads every prepared file, and compares it with its digest and with params.yaml.

    Returns: the manifest.
    Raises: MissingDataError, StoreError, StaleDataError.
    """
    manifest = check_prepared(paths, name, params.prepared(name))
    if home(name) != name:
        _check_known(paths, name, manifest)
    return manifest


def require_apart(paths: Paths, params: Params, name: str) -> None:
    """Refuses data prepared apart that answer another request, or other training cases.

    Raises: MissingDataError without them, StoreError if the manifest was changed, StaleDataError.
    """
    manifest = read_manifest(paths.prepared(name))
    require(paths, name, params.prepared(name))
    _check_known(paths, name, manifest)


def home(name: str) -> str:
    """The mix that prepared data of a name belong to."""
    return name.partition(".")[0]


def removed(manifest: dict[str, Any]) -> list[str]:
    """How many pictures each dataset shared with the training sets, in sentences."""
    lines, own = [], manifest["without"]["mix"]
    for name, about in manifest["datasets"].items():
        by, left = about["removed"], about["test"]
        lines.append(
            f"{name}: {sum(by.values())} of {left + sum(by.values())} cases removed, which {own} is"
            f" trained on ({by['id']} by id, {by['pixels']} more by pixels)"
        )
    return lines


def _check_known(paths: Paths, name: str, manifest: dict[str, Any]) -> None:
    own = home(name)
    wanted, found = data_digest(paths.prepared(own)), str(manifest["without"]["content"])
    if found != wanted:
        raise StaleDataError(
            paths.prepared(name) / MANIFEST,
            f"the training cases of {own} with digest {found[:SHORT]} left out",
            f"those with digest {wanted[:SHORT]}, as {own} is prepared now",
            f"Run `mixseg prepare --mix {name}`.",
        )
