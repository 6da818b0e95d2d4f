"""The gallery of a mix: its data, and where the best method succeeds, fails and is disputed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.data.contact_sheet import by_size, contact_sheet, outlined
from benchmark.reports.figures.panels import Array, data_uri, judged, side_by_side
from benchmark.reports.page.render import render
from benchmark.reports.study import Study
from benchmark.reports.tables.compared import best_of, comparable
from benchmark.reports.tables.grid import number
from benchmark.statistics.schema import DSC
from benchmark.statistics.table import Run

if TYPE_CHECKING:
    from benchmark.data.cases import Cases
    from benchmark.evaluation.maps import MapFile

EACH = 4  # best, middle and worst cases
DISPUTED = 3
METHODS = 6  # shown side by side in a dispute

Case = tuple[str, str]  # test set and case


@dataclass(frozen=True)
class Picture:
    """A picture with its caption, and its alternative in words; links lead to its `anchor`."""

    uri: str
    caption: str
    alt: str
    anchor: str = ""


@dataclass(frozen=True)
class Row:
    """Pictures under one heading; `narrow` ones are square."""

    title: str
    pictures: tuple[Picture, ...]
    narrow: bool = False


@dataclass(frozen=True)
class Chapter:
    """A modality: its contact sheet and its rows."""

    modality: str
    sheet: Picture | None
    rows: tuple[Row, ...]


@dataclass
class Source:
    """Images, references and stored maps, opened when they are wanted."""

    study: Study
    stack: ExitStack
    cases: "Cases | None" = None
    absent: str = ""
    _maps: dict[tuple[str, int], "MapFile | None"] = field(default_factory=dict)
    _rows: dict[Case, int] = field(default_factory=dict)

    def open(self) -> None:
        """Opens the prepared data, or notes that it is absent."""
        from benchmark.data.cases import load_cases
        from benchmark.data.manifest import data_digest

        prepared = self.study.paths.prepared(self.study.name)
        makes = f"`mixseg prepare --mix {self.study.name}` makes them."
        try:
            if data_digest(prepared) != self.study.data.get("content"):
                self.absent = f"The prepared images are not those of these results: {makes}"
                return
            self.cases = load_cases(prepared, ("train", "val", "test"))
        except MissingDataError:
            self.absent = f"The images are not here: {makes}"
            return
        except StoreError as error:
            self.absent = f"The prepared images cannot be used: {error}"
            return
        table = self.cases.table
        keys = zip(table["dataset"], table["case"], strict=True)
        self._rows = {key: i for i, key in enumerate(keys)}

    def pixels(self, case: Case) -> tuple[Array, Array] | None:
        """Image (H, W, 3) and reference (H, W) of a case; None where they are absent."""
        if self.cases is None or case not in self._rows:
            return None
        images, masks = self.cases.pixels(np.array([self._rows[case]]))
        return images[0], masks[0]

    def maps(self, run: Run) -> "MapFile | None":
        """The stored maps of a run; None where they are absent."""
        from benchmark.evaluation.maps import read_maps

        folder = self.study.paths.artefacts(self.study.name, run.entry.name, run.seed)
        path, key = folder / "probs.npz", (run.entry.key, run.seed)
        if key not in self._maps:
            here = path.is_file()
            self._maps[key] = self.stack.enter_context(read_maps(path)) if here else None
        return self._maps[key]

    def mask(self, run: Run, case: Case) -> Array | None:
        """What a run predicted, bool (H, W), first draw; None where it is absent."""
        from benchmark.evaluation.metrics import first_level

        maps = self.maps(run)
        if maps is None or case[0] not in maps or case[1] not in maps[case[0]].cases:
            return None
        found = maps[case[0]]
        first = first_level(self.study.params.threshold)
        mask: Array = found[found.cases.index(case[1])][0] >= first
        return mask


def gallery(study: Study) -> str:
    """The page gallery.html; it shows images of the datasets.

    Args:
        study: the headline.

    Raises: StoreError if a file of maps or of prepared data is broken.
    """
    from benchmark.evaluation.overlays import FALSE, MISSED, TRUE

    best = best_run(study)
    with ExitStack() as stack:
        source = Source(study, stack)
        source.open()
        missing = _missing(source, best)
        chapters = [_chapter(source, modality, best) for modality in _modalities(study)]
    return render(
        "gallery.html",
        study=study,
        best=best,
        missing=missing,
        chapters=[each for each in chapters if each.sheet or each.rows],
        key=[("found", TRUE), ("missed", MISSED), ("false", FALSE)],
    )


def best_run(study: Study) -> Run | None:
    """The first seed of the ranked unprompted method with the highest mean DSC."""
    best = best_of(study, comparable(study))
    return study.table.runs_of(best)[0] if best else None


def _modalities(study: Study) -> list[str]:
    return list(dict.fromkeys(study.modality(each) for each in study.table.sets))


def _missing(source: Source, best: Run | None) -> list[str]:
    """What is not here, and how to get it."""
    missing = [source.absent] if source.absent else []
    if best is None:
        missing.append("No ranked method has all its runs, so there is no best one to show.")
    elif source.maps(best) is None:
        missing.append(
            f"The maps of {best.entry.title}, seed {best.seed}, are not here. `mixseg run` "
            "makes them. `mixseg pull` fetches them if a remote is set."
        )
    return missing


def _chapter(source: Source, modality: str, best: Run | None) -> Chapter:
    rows: list[Row] = []
    if source.cases is not None and best is not None and source.maps(best) is not None:
        rows += _ranked(source, modality, best)
        rows += _disputed(source, modality)
    return Chapter(modality, _sheet(source, modality), tuple(rows))


def _sheet(source: Source, modality: str) -> Picture | None:
    """Images of a modality: the smallest masks, some between, the largest."""
    if source.cases is None:
        return None
    cases = source.cases.where((source.cases.table["modality"] == modality).to_numpy())
    if not len(cases):
        return None
    rows = zip(cases.table["dataset"], cases.table["row"], strict=True)
    chosen = by_size(np.array([np.count_nonzero(cases.masks[name][row]) for name, row in rows]))
    images, masks = cases.pixels(chosen)
    caption = (
        f"{len(chosen)} of {len(cases):,} images with the contour of their reference: the smallest"
        " first, the largest last."
    )
    alt = f"Contact sheet of {len(chosen)} {modality} images, each with a yellow contour."
    return Picture(data_uri(contact_sheet(list(images), list(masks))), caption, alt)


def scored(study: Study, run: Run, modality: str) -> dict[Case, float]:
    """DSC of every test case of a modality."""
    return {
        (each.name, case): float(dsc)
        for each in study.table.sets
        if study.modality(each) == modality
        and each.name in run.scores
        and DSC in run.scores[each.name].values
        for case, dsc in zip(
            run.scores[each.name].cases, run.scores[each.name].values[DSC], strict=True
        )
    }


def chosen(scores: Mapping[Case, float]) -> dict[str, list[Case]]:
    """Best, middle and worst cases of a modality, each case once."""
    order = sorted(scores, key=lambda case: (-scores[case], case))
    k = min(EACH, max(1, len(order) // 3))
    start = max(k, (len(order) - k) // 2)
    parts = {"Best": order[:k], "Middle": order[start : start + k][: len(order) - 2 * k]}
    return {**parts, "Worst": order[max(k, len(order) - k) :]}


def pictured(study: Study) -> dict[Case, str]:
    """The cases that the gallery shows by their scores, each with its anchor there."""
    best = best_run(study)
    if best is None:
        return {}
    every = [chosen(scored(study, best, modality)) for modality in _modalities(study)]
    return {case: anchor(case) for parts in every for cases in parts.values() for case in cases}


def anchor(case: Case) -> str:
    """The anchor of a case in the gallery."""
    return "case-" + "-".join(re.sub(r"[^\w.-]", "_", part) for part in case)


def _ranked(source: Source, modality: str, run: Run) -> Iterator[Row]:
    scores = scored(source.study, run, modality)
    for title, cases in chosen(scores).items():
        pictures = [_pair(source, run, case, scores[case]) for case in cases]
        found = tuple(picture for picture in pictures if picture is not None)
        if found:
            yield Row(title, found)


def _pair(source: Source, run: Run, case: Case, dsc: float) -> Picture | None:
    pixels, mask = source.pixels(case), source.mask(run, case)
    if pixels is None or mask is None:
        return None
    return Picture(
        data_uri(side_by_side(pixels[0], mask, pixels[1])),
        f"{case[1]}: DSC {number(dsc, 3)}",
        f"{case[1]} of {source.study.set_title(case[0])}: the image, and beside it the found,"
        f" missed and false area of {run.entry.title}, DSC {number(dsc, 3)}.",
        anchor(case),
    )


def _disputed(source: Source, modality: str) -> Iterator[Row]:
    """The cases on which the main methods differ most, with what each of them made."""
    study = source.study
    firsts = [study.table.runs_of(entry)[:1] for entry in comparable(study)]
    runs = [run for first in firsts for run in first if source.maps(run) is not None]
    scores = [scored(study, run, modality) for run in runs]
    if len(runs) < 2:
        return
    common = sorted(set.intersection(*(set(each) for each in scores)))
    spread = {case: float(np.std([each[case] for each in scores])) for case in common}
    for case in sorted(common, key=lambda case: (-spread[case], case))[:DISPUTED]:
        pixels = source.pixels(case)
        if pixels is None:
            continue
        first = Picture(
            data_uri(outlined(*pixels)), "Reference", f"{case[1]} with its reference's contour."
        )
        order = sorted(range(len(runs)), key=lambda i: -scores[i][case])
        shown = [_judged(source, runs[i], case, scores[i][case]) for i in order[:METHODS]]
        pictures = (first, *(picture for picture in shown if picture is not None))
        yield Row(f"Disputed: {case[1]} ({study.set_title(case[0])})", pictures, narrow=True)


def _judged(source: Source, run: Run, case: Case, dsc: float) -> Picture | None:
    pixels, mask = source.pixels(case), source.mask(run, case)
    if pixels is None or mask is None:
        return None
    caption = f"{run.entry.title}, seed {run.seed}: DSC {number(dsc, 3)}"
    return Picture(
        data_uri(judged(pixels[0], mask, pixels[1])),
        caption,
        f"{case[1]}: found, missed and false area of {caption}.",
    )
