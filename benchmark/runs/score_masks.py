"""Scores masks or probability maps that were made elsewhere, as a row that stands apart.

**Conventions**

1. The files go the way of every run: maps are written, read back and scored. The maps are
   temporary, for the files can be read again at any time.
2. Binary masks have no error of soft maps: scores.csv then has no column `mae`, and every protocol
   that reads more than the mask at the threshold is an empty cell.
3. A case without a file counts only where that is allowed, and then as wrong as DSC knows: an
   empty prediction, or a full one where the reference is empty too. Both score 0.
4. Nobody here saw the training. The record says so, and the report ranks no such row.
"""

import platform
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.digests import digest_of
from benchmark.core.errors import ImageError, MissingDataError, ParamsError
from benchmark.core.files import Paths, digest, read_json, write_json
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.core.recorded import note
from benchmark.core.spreadsheet import is_formula
from benchmark.data import supplied
from benchmark.data.answers import require
from benchmark.data.cases import Cases, load_cases
from benchmark.data.manifest import data_digest
from benchmark.evaluation.maps import MapWriter
from benchmark.evaluation.protocols import PROTOCOLS
from benchmark.evaluation.score import score_maps, write_scores
from benchmark.methods import discover
from benchmark.runs.identity import evaluation_code
from benchmark.runs.settings import RUN, SCORES

GROUP = "supplied"
LONGEST = 60  # characters of a name
# The protocols that read nothing of a map but its mask at the threshold.
OF_MASKS = ("mae_binary", "dsc_fgbg", "iou_fgbg")


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        masks: the folder of the files.
        name: what tables call the row.
        allow_missing: scores cases without a file as wrong, where they are refused else.
    """

    mix: str
    masks: Path
    name: str
    seed: int = 0
    allow_missing: bool = False


@dataclass(frozen=True)
class _Found:
    """The files, all of which can be used.

    Attributes:
        resized: how many have not the size of the mix.
        missing: cases without a file, by dataset.
    """

    files: Mapping[supplied.Key, Path]
    kind: supplied.Kind
    resized: int
    missing: Mapping[str, int]


def score_masks(paths: Paths, request: Request, progress: Progress) -> str:
    """Writes results/<mix>/supplied/<name>/seed-<seed>/{scores.csv, run.json}.

    Returns: what was scored, and what a reader must know of it.
    Raises: ParamsError for an unknown mix or a name that cannot be used, MissingDataError if the
        mix is not prepared or there is no such folder, StaleDataError if the prepared data are not
        those of params.yaml, ImageError that lists what is wrong with the files. Nothing is
        written then.
    """
    params = load_params(paths.root)
    about, slug = params.mix(request.mix), _slug(paths, request)
    require(paths, request.mix, about)
    prepared = paths.prepared(request.mix)
    cases = load_cases(prepared, ("test",))
    found = _find(request, cases, paths.raw, progress)
    _check_new(paths, request, slug, found)
    with tempfile.TemporaryDirectory(prefix="mixseg-supplied-") as folder:
        maps = Path(folder) / "probs.npz"
        _write(maps, found, cases, progress)
        scores = score_maps(maps, prepared, params.threshold, progress)
    out = paths.run(request.mix, GROUP, slug, request.seed)
    write_scores(out / SCORES, _without_soft(scores) if found.kind == "masks" else scores)
    record = _record(request, slug, found, cases, data=data_digest(prepared))
    record["scoring_code"] = evaluation_code(paths.root).scoring
    record["files"] = {SCORES: digest_of(out / SCORES)}
    write_json(out / RUN, record)
    note(paths, request.mix, out / RUN)
    means = ", ".join(
        f"{name} {of['dsc'].mean():.3f}" for name, of in scores.groupby("dataset", sort=False)
    )
    return (
        f"{_told(found, len(cases))}\nmean DSC: {means}\nwrote {out.relative_to(paths.root)}\n"
        f"next: mixseg report --mix {request.mix} (the row has a table of its own)"
    )


def _slug(paths: Paths, request: Request) -> str:
    """The name of the row's folder.

    Raises: ParamsError.
    """
    name = request.name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    where, do = f"--name {name!r}", "Give it another name."
    if "/" in name or "\\" in name or not name.isprintable() or is_formula(name):
        raise ParamsError(where, "a path, a formula or signs that are not printed", "a title", do)
    if not slug or len(name) > LONGEST:
        expected = f"at most {LONGEST} characters, with a letter from a to z or a digit"
        raise ParamsError(where, f"{len(name)} characters", expected, do)
    for card in discover.cards(paths.root):
        if slug == card.name or name.casefold() == card.title.casefold():
            expected = "a name that no method has"
            raise ParamsError(where, f"the name of the method {card.name}", expected, do)
    for path in sorted((paths.results(request.mix) / GROUP / slug).glob(f"seed-*/{RUN}")):
        title = read_json(path).get("title")
        if title != name:
            expected = f"{title!r}, whose results lie in {path.parent.parent}"
            raise ParamsError(where, "another name of the same folder", expected, do)
    return slug


def _find(request: Request, cases: Cases, raw: Path, progress: Progress) -> _Found:
    """Pairs the files with the test cases, and looks at each."""
    folder = request.masks
    if not folder.is_dir():
        do = "Give the folder that holds the masks or maps."
        raise MissingDataError(folder, "no folder", "a folder of pictures", do)
    names = {str(name): list(of) for name, of in cases.table.groupby("dataset", sort=False)["case"]}
    faults = supplied.Faults()
    files = supplied.pair(folder, names, faults)
    looks = _look(folder, files, faults, progress)
    _check_sizes(files, looks, cases.size, raw=raw, faults=faults)
    gone = Counter(name for name, of in names.items() for c in of if (name, c) not in files)
    if request.allow_missing and files:
        faults.found["missing"] = []
    if lines := faults.lines():
        do = "Rename the files, take them away or add them; nothing was scored."
        allow = faults.found["missing"] and files
        more = " With --allow-missing, cases without a file score 0." if allow else ""
        each = "".join(f"\n  {line}" for line in lines)
        raise ImageError(
            folder,
            "the files do not fit the test cases",
            f"a file for each of {len(cases)} cases",
            f"{do}{more} The faults:{each}",
        )
    resized = sum(each.size != (cases.size, cases.size) for each in looks.values())
    kind = supplied.kind_of({files[key]: look for key, look in looks.items()})
    return _Found(files, kind, resized, dict(gone))


def _digest(found: _Found) -> str:
    """The names and the bytes of the files."""
    return digest([[*key, digest_of(path)] for key, path in sorted(found.files.items())])


def _check_new(paths: Paths, request: Request, slug: str, found: _Found) -> None:
    """Raises: ParamsError for the files of another seed: twice the same is no second training."""
    files = _digest(found)
    for path in sorted((paths.results(request.mix) / GROUP / slug).glob(f"seed-*/{RUN}")):
        record = read_json(path)
        if record["seed"] != request.seed and record["supplied"]["digest"] == files:
            do = "Give the masks of that training, or use the --seed that they had."
            same = f"the same files as seed {record['seed']}"
            raise ParamsError(f"--seed {request.seed}", same, "masks of another training", do)


def _look(
    folder: Path, files: Mapping[supplied.Key, Path], faults: supplied.Faults, progress: Progress
) -> dict[supplied.Key, supplied.Look]:
    looks = {}
    with progress.task(f"look at {folder.name}", len(files), "files") as task:
        for key, path in files.items():
            try:
                looks[key] = supplied.look_at(path)
            except ImageError as error:
                faults.add("unfit", error.problem.removeprefix(f"{folder}/").rstrip("."))
            task.advance()
    return looks


def _check_sizes(
    files: Mapping[supplied.Key, Path],
    looks: Mapping[supplied.Key, supplied.Look],
    size: int,
    *,
    raw: Path,
    faults: supplied.Faults,
) -> None:
    """Adds the files that have neither the size of the mix nor that of their original."""
    others: dict[str, list[str]] = {}
    for (dataset, case), look in looks.items():
        if look.size != (size, size):
            others.setdefault(dataset, []).append(case)
    for dataset, names in others.items():
        sizes = supplied.original_sizes(dataset, raw, names)
        for case in names:
            found, original = looks[dataset, case].size, sizes.get(case)
            if found != original:
                known = _shown(original) if original else "that of the original, which is not here"
                place = f"{dataset}/{files[dataset, case].name}"
                expected = f"{_shown((size, size))} or {known}"
                faults.add("size", f"{place} is {_shown(found)}, expected {expected}")


def _shown(size: supplied.Size) -> str:
    return f"{size[0]} x {size[1]}"


def _write(path: Path, found: _Found, cases: Cases, progress: Progress) -> None:
    table = cases.table
    with (
        MapWriter(path) as writer,
        progress.task(f"read {len(found.files)} {found.kind}", len(cases), "cases") as task,
    ):
        for dataset, case, row in zip(table["dataset"], table["case"], table["row"], strict=True):
            file = found.files.get((dataset, case))
            if file is not None:
                prob = supplied.read_prob(file, found.kind, cases.size)
            else:
                empty = not cases.masks[dataset][row].any()
                prob = np.full((cases.size, cases.size), float(empty))
            writer.add(dataset, case, prob)
            task.advance()


def _without_soft(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores of binary masks (Conventions, 2)."""
    of_maps = {name: np.nan for name in PROTOCOLS if name not in OF_MASKS}
    return scores.assign(**of_maps).drop(columns="mae")


def _told(found: _Found, cases: int) -> str:
    lines = [f"{len(found.files)} {found.kind} for {cases} test cases"]
    if found.resized:
        how = "nearest neighbour" if found.kind == "masks" else "bilinear, with antialiasing"
        lines.append(f"{found.resized} of the size of the original were reduced ({how})")
    if found.kind == "masks":
        lines.append("no MAE: the files are binary masks")
    if found.missing:
        gone = ", ".join(f"{name} {count}" for name, count in found.missing.items())
        lines.append(f"{sum(found.missing.values())} missing, scored 0 ({gone})")
    return "\n".join(lines)


def _record(
    request: Request, slug: str, found: _Found, cases: Cases, *, data: str
) -> dict[str, Any]:
    files = _digest(found)
    counts = Counter(cases.table["dataset"])
    return {
        "schema": 2,
        "method": slug,
        "title": request.name,
        "mix": request.mix,
        "group": GROUP,
        "seed": request.seed,
        "size": cases.size,
        "prompt": "none",
        "pretrained_on": [],
        "initialisation": "none",
        "weights": {},
        "recipe": {},
        "deviations": {},
        "why": "predictions supplied, training not verified",
        "supplied": {
            "kind": found.kind,
            "files": len(found.files),
            "digest": files,
            "resized": found.resized,
            "missing": dict(found.missing),
        },
        "identity": {
            "run": digest({"supplied": files, "data": data, "seed": request.seed}),
            "method_code": "none",
            "training_code": "none",
            "data": data,
        },
        "prediction_code": "none",
        "scoring_code": "none",
        "parameters": {},
        "data": {"train": 0, "test": dict(counts)},
        "hardware": {"device": "cpu"},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "commit": None,
    }
