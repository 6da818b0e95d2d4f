"""The gallery of a mix: its data, and where the best method succeeds, fails and is disputed."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.core.errors import MissingDataError
from benchmark.core.files import write_text
from benchmark.reports.figures.panels import (
    Array,
    beside,
    contact_sheet,
    data_uri,
    judged,
    outlined,
)
from benchmark.reports.page.document import render
from benchmark.reports.study import Cards, Study, load_study
from benchmark.reports.tables.grid import number
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.table import Entry, Run

if TYPE_CHECKING:
    from benchmark.core.files import Places
    from benchmark.core.params import Params
    from benchmark.data.cases import Cases
    from benchmark.evaluation.maps import MapFile

SHEET = 24  # images of a contact sheet
EACH = 4  # best, middle and worst cases
DISPUTED = 3
METHODS = 6  # shown side by side in a dispute

Case = tuple[str, str]  # test set and case


@dataclass(frozen=True)
class Picture:
    """A picture with its caption, and its alternative in words."""

    uri: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Row:
    """Pictures under one heading; `narrow` ones are square."""

    title: str
    pictures: tuple[Picture, ...]
    narrow: bool = False


@dataclass(frozen=True)
class Chapter:
    """A modality: its contact sheet, its rows, and what is not here."""

    modality: str
    sheet: Picture | None
    rows: tuple[Row, ...]
    missing: tuple[str, ...] = ()


@dataclass
class Source:
    """Images, references and stored maps, opened when they are wanted."""

    study: Study
    places: "Places"
    threshold: float
    stack: ExitStack
    cases: "Cases | None" = None
    absent: str = ""
    _maps: dict[str, "MapFile | None"] = field(default_factory=dict)
    _rows: dict[Case, int] = field(default_factory=dict)

    def open(self) -> None:
        """Opens the prepared data, or notes that it is absent."""
        from benchmark.data.cases import load_cases

        try:
            self.cases = load_cases(self.places.prepared(self.study.name), ("train", "val", "test"))
        except MissingDataError:
            self.absent = (
                f"The images are not here: `mixseg prepare --mix {self.study.name}` makes them."
            )
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

        path = self.places.artefacts(self.study.name, run.entry.name, run.seed) / "probs.npz"
        if run.entry.key not in self._maps:
            here = path.is_file()
            self._maps[run.entry.key] = self.stack.enter_context(read_maps(path)) if here else None
        return self._maps[run.entry.key]

    def mask(self, run: Run, case: Case) -> Array | None:
        """What a run predicted, bool (H, W), first draw; None where it is absent."""
        from benchmark.evaluation.metrics import first_level

        maps = self.maps(run)
        if maps is None or case[0] not in maps or case[1] not in maps[case[0]].cases:
            return None
        found = maps[case[0]]
        mask: Array = found[found.cases.index(case[1])][0] >= first_level(self.threshold)
        return mask


def write_gallery(mix: str, params: "Params", cards: Cards, places: "Places", to: Path) -> None:
    """Writes gallery.html; it shows images of the datasets.

    Args:
        cards: the content of every card.json.
        to: the folder of the report, reports/<mix>.

    Raises: ParamsError for an unknown mix, ScoreTableError or StoreError if a file is broken.
    """
    from benchmark.evaluation.overlays import FALSE, MISSED, TRUE

    means_alone = params.model_copy(update={"resamples": 0})
    study = load_study(mix, means_alone, cards, places)
    best = best_run(study)
    with ExitStack() as stack:
        source = Source(study, places, params.threshold, stack)
        source.open()
        chapters = [_chapter(source, modality, best) for modality in _modalities(study)]
    page = render(
        "gallery.html",
        study=study,
        best=best,
        chapters=chapters,
        key=[("found", TRUE), ("missed", MISSED), ("false", FALSE)],
    )
    write_text(to / "gallery.html", page)


def best_run(study: Study) -> Run | None:
    """The first seed of the main method with the highest mean DSC over modalities."""
    scored = {
        entry: study.cells[entry.key, MEAN, "dsc"].mean
        for entry in study.table.rows(("main",))
        if entry.prompt == "none" and (entry.key, MEAN, "dsc") in study.cells
    }
    if not scored:
        return None
    return study.table.runs_of(max(scored, key=lambda entry: scored[entry]))[0]


def _modalities(study: Study) -> list[str]:
    return list(dict.fromkeys(study.modality(each) for each in study.table.sets))


def _chapter(source: Source, modality: str, best: Run | None) -> Chapter:
    rows: list[Row] = []
    missing = [source.absent] if source.absent else []
    if best is None:
        missing.append("No method has all its runs: there is no best one to show.")
    elif source.maps(best) is None:
        missing.append(
            f"The maps of {best.entry.title}, seed {best.seed}, are not here: `dvc pull` fetches"
            " them, `mixseg run` makes them."
        )
    elif source.cases is not None:
        rows += _ranked(source, modality, best)
        rows += _disputed(source, modality)
    return Chapter(modality, _sheet(source, modality), tuple(rows), tuple(missing))


def _sheet(source: Source, modality: str) -> Picture | None:
    """Images spread evenly over all that the mix holds of a modality."""
    if source.cases is None:
        return None
    index = np.flatnonzero((source.cases.table["modality"] == modality).to_numpy())
    if not len(index):
        return None
    chosen = index[np.linspace(0, len(index) - 1, min(SHEET, len(index))).round().astype(int)]
    images, masks = source.cases.pixels(chosen)
    caption = f"{len(chosen)} of {len(index):,} images with the contour of their reference."
    alt = f"Contact sheet of {len(chosen)} {modality} images, each with a yellow contour."
    return Picture(data_uri(contact_sheet(list(images), list(masks))), caption, alt)


def _scored(study: Study, run: Run, modality: str) -> dict[Case, float]:
    """DSC of every test case of a modality."""
    return {
        (each.name, case): float(dsc)
        for each in study.table.sets
        if study.modality(each) == modality and each.name in run.scores
        for case, dsc in zip(
            run.scores[each.name].cases, run.scores[each.name].values["dsc"], strict=True
        )
    }


def _ranked(source: Source, modality: str, run: Run) -> Iterator[Row]:
    """Best, middle and worst cases, each case once."""
    scores = _scored(source.study, run, modality)
    order = sorted(scores, key=lambda case: (-scores[case], case))
    k = min(EACH, max(1, len(order) // 3))
    start = max(k, (len(order) - k) // 2)
    parts = {"Best": order[:k], "Middle": order[start : start + k][: len(order) - 2 * k]}
    parts["Worst"] = order[max(k, len(order) - k) :]
    for title, cases in parts.items():
        pictures = [_pair(source, run, case, scores[case]) for case in cases]
        found = tuple(picture for picture in pictures if picture is not None)
        if found:
            yield Row(title, found)


def _pair(source: Source, run: Run, case: Case, dsc: float) -> Picture | None:
    pixels, mask = source.pixels(case), source.mask(run, case)
    if pixels is None or mask is None:
        return None
    return Picture(
        data_uri(beside(pixels[0], mask, pixels[1])),
        f"{case[1]}: DSC {number(dsc, 3)}",
        f"{case[1]} of {source.study.set_title(case[0])}: the image, and beside it the found,"
        f" missed and false area of {run.entry.title}, DSC {number(dsc, 3)}.",
    )


def _disputed(source: Source, modality: str) -> Iterator[Row]:
    """The cases on which the main methods differ most, with what each of them made."""
    study = source.study
    firsts = [study.table.runs_of(entry)[:1] for entry in _main(study)]
    runs = [run for first in firsts for run in first if source.maps(run) is not None]
    scores = [_scored(study, run, modality) for run in runs]
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
        shown = [_alone(source, runs[i], case, scores[i][case]) for i in order[:METHODS]]
        pictures = (first, *(picture for picture in shown if picture is not None))
        yield Row(f"Disputed: {case[1]} ({study.set_title(case[0])})", pictures, narrow=True)


def _main(study: Study) -> Sequence[Entry]:
    return [entry for entry in study.table.rows(("main",)) if entry.prompt == "none"]


def _alone(source: Source, run: Run, case: Case, dsc: float) -> Picture | None:
    pixels, mask = source.pixels(case), source.mask(run, case)
    if pixels is None or mask is None:
        return None
    caption = f"{run.entry.title}, seed {run.seed}: DSC {number(dsc, 3)}"
    return Picture(
        data_uri(judged(pixels[0], mask, pixels[1])),
        caption,
        f"{case[1]}: found, missed and false area of {caption}.",
    )
