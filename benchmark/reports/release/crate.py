"""RO-Crate 1.1 metadata of a bundle: what each file is, which code made it, from which data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.reports.study import Study

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "https://w3id.org/ro/crate/1.1"
APACHE = "https://spdx.org/licenses/Apache-2.0"
FORMATS = {".csv": "text/csv", ".json": "application/json", ".md": "text/markdown",
           ".html": "text/html", ".svg": "image/svg+xml", ".tex": "application/x-tex",
           ".yaml": "application/yaml", ".lock": "text/plain"}  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file of the bundle."""

    name: str
    sha256: str
    size: int


def crate(study: Study, files: Sequence[File], code: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ro-crate-metadata.json; says the day of the last run, not that of today.

    Args:
        code: commit, whether it was changed, and the version of the project.
    """
    datasets = [_dataset(name, about) for name, about in study.datasets.items()]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"MixSeg results: {study.mix.title}",
        "description": "Scores of every case, tables, report and code state of one mix of the"
        " MixSeg benchmark; weights by digest.",
        "datePublished": last_day(study),
        "license": {"@id": APACHE},
        "hasPart": [{"@id": file.name} for file in files],
        "isBasedOn": [{"@id": each["@id"]} for each in datasets],
        "mainEntity": {"@id": "#code"},
    }
    about = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": PROFILE},
        "about": {"@id": "./"},
    }
    software = {
        "@id": "#code",
        "@type": "SoftwareSourceCode",
        "name": "MixSeg",
        "version": f"{code['commit'] or 'unknown'}{' (changed)' if code['dirty'] else ''}",
        "programmingLanguage": "Python",
        "license": {"@id": APACHE},
    }
    licence = {"@id": APACHE, "@type": "CreativeWork", "name": "Apache License 2.0"}
    parts = [_file(file) for file in files]
    return {"@context": CONTEXT, "@graph": [about, root, software, licence, *datasets, *parts]}


def last_day(study: Study) -> str:
    """The day on which the last run was finished, YYYY-MM-DD."""
    days = [str(run.record.get("finished") or "")[:10] for run in study.runs()]
    return max((day for day in days if day), default="1970-01-01")


def _dataset(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "@id": f"#data-{name}",
        "@type": "Dataset",
        "name": about.get("title") or name,
        "url": about.get("homepage"),
        "citation": about.get("citation"),
        "usageInfo": about.get("licence"),
        "identifier": about.get("digest"),
    }
    return {key: value for key, value in told.items() if value}


def _file(file: File) -> dict[str, Any]:
    suffix = f".{file.name.rpartition('.')[2]}"
    return {
        "@id": file.name,
        "@type": "File",
        "encodingFormat": FORMATS.get(suffix, "text/plain"),
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }
