"""A release of one mix in a folder or a ZIP file: results, report, cards, code state, digests."""

import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import sha256_file, write_atomic, write_json, write_text
from benchmark.reports.page.document import write_report
from benchmark.reports.release.cards import write_cards
from benchmark.reports.release.crate import File, crate
from benchmark.reports.study import ABLATIONS, Study, load_study

if TYPE_CHECKING:
    from benchmark.core.files import Places
    from benchmark.reports.inputs import ReportInputs

METADATA = "ro-crate-metadata.json"
SUMS = "SHA256SUMS"
PROJECT = ("params.yaml", "dvc.yaml", "dvc.lock", "requirements.lock", "pyproject.toml",
           "CITATION.cff", "LICENSE", "README.md", "CHANGELOG.md")  # fmt: skip
EPOCH = (1980, 1, 1, 0, 0, 0)  # the day of every member of a ZIP file: the same bytes every time


def write_bundle(mix: str, inputs: "ReportInputs", to: Path) -> int:
    """Writes the bundle of a mix, whole or not at all; how many files it holds.

    Args:
        to: a folder that is not there yet or was a bundle, or a file that ends in .zip.

    Raises: ParamsError for an unknown mix, MissingDataError without results, StoreError where
        something else lies at `to` or a link leads out of the results, ScoreTableError if a file of
        results is broken.
    """
    _check_target(to)
    results = inputs[2].results(mix)
    if not results.is_dir():
        expected, do = "results of the mix", f"Run `mixseg run --all --mix {mix}` first."
        raise MissingDataError(results, "no folder", expected, do)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        files = _fill(mix, inputs, folder)
        with write_atomic(to) as temporary:
            if to.suffix == ".zip":
                _zip(folder, temporary)
            else:
                shutil.copytree(folder, temporary)
    return files


def _check_target(to: Path) -> None:
    """Nothing but an older bundle is replaced."""
    is_zip = to.suffix == ".zip"
    if not to.exists() or (is_zip and to.is_file()):
        return
    if not is_zip and (to / METADATA).is_file():
        return
    found = "a folder" if to.is_dir() else "a file"
    expected = "nothing there, or an older bundle"
    raise StoreError(to, found, expected, "Name another place with --to; nothing was written.")


def _fill(mix: str, inputs: "ReportInputs", folder: Path) -> int:
    params, cards, places = inputs
    studies = [load_study(mix, *inputs), load_study(mix, *inputs, "ablations")]
    headline, rest = studies[0], studies[1].only(ABLATIONS)
    results = places.results(mix)
    shutil.copytree(
        results, folder / "results" / mix, ignore=lambda at, names: _left(at, names, results)
    )
    for name in PROJECT:
        if (places.root / name).is_file():
            _check_plain(places.root / name, places.root)
            shutil.copyfile(places.root / name, folder / name)
    write_report(mix, params, cards, places, folder / "reports" / mix)
    _write_cards(folder / "cards", cards, headline, rest)
    code = code_state(places.root)
    write_json(folder / "code.json", code)
    write_json(folder / "weights.json", [*_weights(places, headline), *_weights(places, rest)])
    write_json(folder / METADATA, crate(headline, [*_files(folder)], code))
    lines = [f"{file.sha256}  {file.name}\n" for file in _files(folder)]
    write_text(folder / SUMS, "".join(lines))
    return len(lines) + 1


def _left(folder: str, names: list[str], tree: Path) -> set[str]:
    """What is not copied of a folder: files that a killed writer left.

    Raises: StoreError for a link out of the tree, and for what is neither a file nor a folder.
    """
    left = {name for name in names if name.endswith(".tmp")}
    for name in set(names) - left:
        _check_plain(Path(folder) / name, tree)
    return left


def _check_plain(path: Path, tree: Path) -> None:
    """A link may only name a file of the tree: others could bring any file of this machine."""
    to, link = path.resolve(), path.is_symlink()
    inside = to.is_file() and to.is_relative_to(tree.resolve())
    if link and not inside:
        found = f"a link to {to}"
    elif not (to.is_file() or to.is_dir()):
        found = "neither a file nor a folder"
    else:
        return
    do = "Put a copy in its place, or take it away; nothing was written."
    raise StoreError(path, found, f"files and folders of {tree}", do)


def _write_cards(to: Path, cards: list[dict[str, Any]], headline: Study, rest: Study) -> None:
    """Cards of the methods and datasets of the mix."""
    from benchmark.data.catalog import load_catalog

    names = {e.name for study in (headline, rest) for e in study.table.entries}
    wanted = dict.fromkeys([*headline.mix.train, *headline.mix.test])
    datasets = [one for name, one in load_catalog().items() if name in wanted]
    for studies, group in ((headline, True), (rest, False)):
        mine = [c for c in cards if c["name"] in names and (c["group"] in ABLATIONS) != group]
        write_cards(to, mine, datasets if group else (), [studies])


def code_state(root: Path) -> dict[str, Any]:
    """The commit that is checked out, and the tracked files that differ from it."""
    commit = _git(root, "rev-parse", "HEAD").strip()
    changed = [line[3:] for line in _git(root, "status", "--porcelain", "-uno").splitlines()]
    return {"commit": commit or None, "dirty": bool(changed), "changed": changed}


def _git(root: Path, *words: str) -> str:
    """What git says; nothing outside of a repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True,
                              check=True, timeout=30)  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _weights(places: "Places", study: Study) -> Iterator[Mapping[str, Any]]:
    """Every run with the digests of what it began from and of what it became."""
    locked = _locked(places.root)
    for run in study.runs():
        name, seed = run.entry.name, run.seed
        artefacts = places.artefacts(study.name, name, seed)
        path = artefacts / "weights.safetensors"
        relative = artefacts.relative_to(places.root).as_posix()
        yield {
            "method": name,
            "group": run.entry.group,
            "seed": seed,
            "run": run.record["identity"].get("run"),
            "began_from": run.record["weights"].get("files", {}),
            "path": f"{relative}/weights.safetensors",
            "sha256": sha256_file(path) if path.is_file() else None,
            "dvc_md5": locked.get(relative),
        }


def _locked(root: Path) -> dict[str, str]:
    """Digest by path of every folder of artefacts that a dvc.lock holds."""
    from yaml import YAMLError

    from benchmark.core.yaml_files import read_yaml

    found: dict[str, str] = {}
    for path in sorted([*root.glob("baselines/*/dvc.lock"), *root.glob("mmsnet/**/dvc.lock")]):
        try:
            lock = read_yaml(path) or {}
        except (UnicodeDecodeError, YAMLError) as error:
            problem = f"unreadable ({' '.join(str(error).split())})"
            raise StoreError(path, problem, "a lock of DVC", "Restore it from Git.") from error
        for stage in (lock.get("stages") or {}).values():
            outs = stage.get("outs") or ()
            found |= {one["path"]: one["md5"] for one in outs if one.get("md5")}
    return {name: md5 for name, md5 in found.items() if name.startswith("artefacts/")}


def _files(folder: Path) -> Iterator[File]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield File(name, sha256_file(path), path.stat().st_size)


def _zip(folder: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, path.read_bytes())
