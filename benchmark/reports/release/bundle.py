"""A release of one mix in a folder or a ZIP file: results, report, cards, code state, digests."""

import csv
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.environment import git
from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import sha256_file, write_atomic, write_json, write_text
from benchmark.evaluation.maps import EPOCH
from benchmark.reports.page.document import write_report
from benchmark.reports.page.sections import Addition
from benchmark.reports.release import croissant
from benchmark.reports.release.cards import write_cards
from benchmark.reports.release.crate import File, crate
from benchmark.reports.study import Study, study_of
from benchmark.statistics.results import ABLATIONS, MixResults

METADATA = "ro-crate-metadata.json"
SUMS = "SHA256SUMS"
PROJECT = ("params.yaml", "dvc.yaml", "dvc.lock", "requirements.lock", "pyproject.toml",
           "CITATION.cff", "LICENSE", "README.md", "CHANGELOG.md")  # fmt: skip


def write_bundle(results: MixResults, to: Path, additions: Sequence[Addition] = ()) -> int:
    """Writes the bundle of a mix, whole or not at all; how many files it holds.

    Args:
        to: a folder that is not there yet or was a bundle, or a file that ends in .zip.
        additions: sections of the report that other parts hand in.

    Raises: MissingDataError without results, StoreError where something else lies at `to`, a link
        leads out of the results, or a file of them was edited.
    """
    _check_target(to)
    if not results.folder.is_dir():
        expected, do = "results of the mix", f"Run `mixseg run --all --mix {results.name}` first."
        raise MissingDataError(results.folder, "no folder", expected, do)
    for each in results.edited():
        do = "Restore it, or delete it and run its stage again; nothing was written."
        raise StoreError(each.path, str(each), "files as they were written", do)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        files = _fill(results, folder, additions)
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


def _fill(results: MixResults, folder: Path, additions: Sequence[Addition]) -> int:
    headline, rest = study_of(results), study_of(results, "ablations").only(ABLATIONS)
    root, tree = results.paths.root, results.folder
    shutil.copytree(
        tree,
        folder / "results" / results.name,
        ignore=lambda inside, names: _skipped(inside, names, tree),
    )
    for name in PROJECT:
        if (root / name).is_file():
            _check_plain(root / name, root)
            shutil.copyfile(root / name, folder / name)
    to = folder / "reports" / results.name
    write_report(results, to, with_images=False, additions=additions)
    _write_cards(folder / "cards", headline, rest)
    code = code_state(root)
    write_json(folder / "code.json", code)
    write_json(folder / "weights.json", [*_weights(headline), *_weights(rest)])
    _write_croissant(folder, headline)
    write_json(folder / METADATA, crate(headline, [*_files(folder)], code))
    lines = [f"{file.sha256}  {file.name}\n" for file in _files(folder)]
    write_text(folder / SUMS, "".join(lines))
    return len(lines) + 1


def _skipped(folder: str, names: list[str], tree: Path) -> set[str]:
    """What is not copied of a folder: files that a killed writer left.

    Raises: StoreError for a link out of the tree, and for what is neither a file nor a folder.
    """
    skipped = {name for name in names if name.endswith(".tmp")}
    for name in set(names) - skipped:
        _check_plain(Path(folder) / name, tree)
    return skipped


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


def _write_cards(to: Path, headline: Study, rest: Study) -> None:
    """Cards of the methods and datasets of the mix."""
    from benchmark.data.catalog import load_catalog

    wanted = {*headline.trained_on(), *(each.name for each in headline.table.sets)}
    datasets = [one for name, one in load_catalog().items() if name in wanted]
    names = {entry.name for study in (headline, rest) for entry in study.table.entries}
    cards = [card for name, card in headline.cards.items() if name in names]
    write_cards(to, cards, datasets, [(headline, rest)])
    croissant.write_datasets(to / "data", datasets)


def _write_croissant(folder: Path, study: Study) -> None:
    """Describes the scores of each run; nothing where mlcroissant is not installed."""
    if not croissant.available():
        return
    runs = folder.glob("results/*/*/*/seed-*/scores.csv")
    scores = [_file(folder, path) for path in sorted(runs)]
    headers = [_header(folder / file.name) for file in scores]
    text = croissant.text(croissant.of_results(study, scores, headers))
    write_text(folder / croissant.ENDING, text)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def code_state(root: Path) -> dict[str, Any]:
    """The commit that is checked out, and the tracked files that differ from it."""
    commit = git(root, "rev-parse", "HEAD").strip()
    changed = [line[3:] for line in git(root, "status", "--porcelain", "-uno").splitlines()]
    return {"commit": commit or None, "dirty": bool(changed), "changed": changed}


def _weights(study: Study) -> Iterator[Mapping[str, Any]]:
    """Every run with the digests of what it began from and of what it became."""
    paths, locked = study.paths, _locked(study.paths.root)
    for run in study.runs():
        name, seed = run.entry.name, run.seed
        artefacts = paths.artefacts(study.name, name, seed)
        path = artefacts / "weights.safetensors"
        relative = artefacts.relative_to(paths.root).as_posix()
        yield {
            "method": name,
            "group": run.entry.group,
            "seed": seed,
            "run": run.record["identity"].get("run"),
            "began_from": run.record["weights"],
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
        yield _file(folder, path)


def _file(folder: Path, path: Path) -> File:
    return File(path.relative_to(folder).as_posix(), sha256_file(path), path.stat().st_size)


def _zip(folder: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, path.read_bytes())
