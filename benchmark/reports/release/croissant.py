"""Croissant 1.0 metadata, which other tools can read: of each dataset, and of the results of a mix.

**Conventions** A file with an address is listed with it and with its checksum. Where a checksum is
not known, or a dataset has no address at all, the metadata say `isLiveDataset` and the description
gives the reason. The record set of the results reads every scores.csv of a bundle; group, method
and seed of a record come from the path of its file.

**Sources** Akhtar et al., Croissant: a metadata format for ML-ready datasets, NeurIPS 2024; the
package mlcroissant, an extra (`croissant`).
"""

import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import read_json, write_text
from benchmark.data.catalog import Dataset, Source
from benchmark.reports.release.crate import APACHE, File, last_day
from benchmark.reports.study import Study
from benchmark.statistics.schema import COUNTS, KEYS, METRICS, Metric
from benchmark.statistics.scores import NAMES

if TYPE_CHECKING:
    import mlcroissant as mlc

PACKAGE = "mlcroissant"
ENDING = "croissant.json"
HOW = f"without Croissant metadata: `pip install {PACKAGE}` adds them"
SUMS = Path(__file__).parents[2] / "data" / "checksums.json"  # seen when datasets were fetched
WHOLE_FILES = {".zip": "application/zip", ".tar": "application/x-tar", ".gz": "application/gzip"}
# Parts of the path of a scores.csv, each with a pattern that matches from its start.
PLACE = {
    "run_group": (r"results/[^/]+/([^/]+)/", "the block of the report that the row stands in"),
    "method": (r"results/[^/]+/[^/]+/([^/]+)/", "the row"),
    "seed": (r"results/.*/seed-(\d+)/", "the seed of the training"),
}
ABOUT_KEYS = {
    "dataset": "the test set",
    "modality": "the modality of the test set",
    "case": "the image",
    "group": "the patient or video that the case belongs to",
    "draw": "the number of the prompt draw; 0 where nothing is drawn",
}


def available() -> bool:
    """Whether mlcroissant is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def write_datasets(to: Path, datasets: Iterable[Dataset]) -> list[Path]:
    """Writes <name>.croissant.json of each dataset; nothing where mlcroissant is not installed."""
    if not available():
        return []
    written = {to / f"{each.name}.{ENDING}": text(of_dataset(each)) for each in datasets}
    for path, content in written.items():
        write_text(path, content)
    return list(written)


def text(metadata: "mlc.Metadata") -> str:
    """The file of some metadata."""
    return json.dumps(metadata.to_json(), indent=2, ensure_ascii=False) + "\n"


def of_dataset(dataset: Dataset) -> "mlc.Metadata":
    """What the catalog says of a dataset.

    Raises: mlcroissant.ValidationError if that makes no valid metadata.
    """
    import mlcroissant as mlc

    seen = read_json(SUMS)
    sums = {source.file: _sum(source, seen) for source in dataset.sources}
    listed = [source for source in dataset.sources if source.urls]
    why = _live(dataset, [source.file for source in listed if not sums[source.file]])
    context = mlc.Context(is_live_dataset=True) if why else mlc.Context()
    return mlc.Metadata(
        ctx=context,
        name=dataset.title,
        description=_told(dataset, why),
        url=dataset.homepage or None,
        license=[dataset.licence],
        cite_as=dataset.citation,
        keywords=[dataset.modality, "medical image segmentation"],
        distribution=[_archive(context, each, sums[each.file]) for each in listed],
    )


def _sum(source: Source, seen: Mapping[str, Any]) -> dict[str, str]:
    """The checksum of a file, by the name of the sum; empty where none is known."""
    sha256 = source.sha256 or seen.get(source.file, {}).get("sha256")
    if sha256:
        return {"sha256": sha256}
    return {"md5": source.md5} if source.md5 else {}


def _live(dataset: Dataset, without: Sequence[str]) -> str:
    """Why the metadata cannot name exact bytes; empty where they do."""
    if dataset.drawn:
        return "the images are drawn anew by the code of MixSeg, and no file of them is published."
    if without:
        return f"no checksum is known of {', '.join(without)}."
    if not any(source.urls for source in dataset.sources):
        return "its files have no address that a program can fetch."
    return ""


def _told(dataset: Dataset, why: str) -> str:
    counts = f"{dataset.counts.train} cases to train on and {dataset.counts.test} to test on"
    parts = [
        f"{dataset.modality[:1].upper()}{dataset.modality[1:]} images, each with a binary mask.",
        "" if dataset.drawn else f"A complete copy gives {counts}.",
        dataset.note,
        f"How to get it: {dataset.how}",
        f"isLiveDataset is set, as {why}" if why else "",
    ]
    return " ".join(part.strip() for part in parts if part)


def _archive(context: "mlc.Context", source: Source, checksum: Mapping[str, str]) -> Any:
    import mlcroissant as mlc

    mirrors = f"Also at {' '.join(source.urls[1:])}." if source.urls[1:] else None
    suffix = Path(source.file).suffix.lower()
    return mlc.FileObject(
        ctx=context,
        id=source.file,
        name=source.file,
        content_url=source.urls[0],
        content_size=f"{source.bytes} B" if source.bytes else None,
        encoding_formats=[WHOLE_FILES.get(suffix, "application/octet-stream")],
        description=mirrors,
        **checksum,
    )


def of_results(study: Study, files: Sequence[File], headers: Iterable[Sequence[str]]) -> Any:
    """The results of a mix as a bundle holds them.

    Args:
        files: the files scores.csv of the bundle.
        headers: the columns of each; records have those that all share.

    Returns: mlcroissant.Metadata.
    """
    import mlcroissant as mlc

    context = mlc.Context()
    tables = [
        mlc.FileObject(
            ctx=context, id=file.name, name=file.name, content_url=file.name, sha256=file.sha256,
            content_size=f"{file.size} B", encoding_formats=["text/csv"],
        )
        for file in files
    ]  # fmt: skip
    every = mlc.FileSet(
        ctx=context, id="scores", name="scores", includes=["results/*/seed-*/scores.csv"],
        encoding_formats=["text/csv"], description="The scores of each run.",
    )  # fmt: skip
    return mlc.Metadata(
        ctx=context,
        name=f"MixSeg results: {study.mix.title}",
        description="Scores of each case by every row and seed of one mix of MixSeg.",
        license=[APACHE],
        cite_as="The MixSeg authors, MixSeg: a reproducible benchmark of mixed-modality 2-D medical"
        " image segmentation",
        date_published=last_day(study),
        keywords=[*study.modalities(), "medical image segmentation", "benchmark"],
        distribution=[*tables, *([every] if tables else [])],
        record_sets=[_records(context, headers)] if tables else [],
    )


def _records(context: "mlc.Context", headers: Iterable[Sequence[str]]) -> Any:
    import mlcroissant as mlc

    first, *others = headers
    shared = [name for name in first if all(name in other for other in others)]
    place = {
        name: (
            mlc.DataType.INTEGER if name == "seed" else mlc.DataType.TEXT,
            about,
            mlc.Extract(file_property=mlc.FileProperty.fullpath),
            [mlc.Transform(regex=pattern)],
        )
        for name, (pattern, about) in PLACE.items()
    }
    columns: dict[str, Any] = {
        name: (_type(name), _about(name), mlc.Extract(column=name), [])
        for name in shared
        if name in (*KEYS, *METRICS, *COUNTS)
    }
    fields = [
        mlc.Field(
            ctx=context, id=f"records/{name}", name=name, description=about, data_types=[kind],
            source=mlc.Source(ctx=context, file_set="scores", extract=extract, transforms=changes),
        )
        for name, (kind, about, extract, changes) in {**place, **columns}.items()
    ]  # fmt: skip
    description = "One record a run, test case and prompt draw."
    return mlc.RecordSet(
        ctx=context, id="records", name="records", description=description, fields=fields
    )


def _type(name: str) -> Any:
    import mlcroissant as mlc

    if name in NAMES:
        return mlc.DataType.TEXT
    return mlc.DataType.INTEGER if name in (*KEYS, *COUNTS) else mlc.DataType.FLOAT


def _about(name: str) -> str:
    if name in METRICS:
        return _metric(METRICS[name])
    return ABOUT_KEYS.get(name) or f"{name.upper()}: pixels of the case"


def _metric(metric: Metric) -> str:
    better = "" if metric.direction == "none" else f", {metric.direction} is better"
    missing = f"; empty where {metric.missing}" if metric.missing else ""
    return f"{metric.title}, in {metric.unit}{better}{missing}"
