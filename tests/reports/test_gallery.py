"""The gallery: which cases it shows, how, and what it says where something is absent."""

import base64
import io
import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from make_results import CARDS, MIX, Made, Plan, make
from PIL import Image

from benchmark.data.contact_sheet import GAP, SIDE, TILE, contact_sheet, outlined
from benchmark.evaluation.overlays import FALSE, MISSED, TRUE
from benchmark.reports.figures.panels import data_uri, side_by_side
from benchmark.reports.page.gallery import Source, best_run, gallery

PLAN = Plan(cases=7, size=24, maps=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"), PLAN)


@pytest.fixture(scope="module")
def page(made: Made) -> str:
    return gallery(made.study())


def captions(page: str, title: str) -> list[str]:
    """The captions of a row of the first modality."""
    row = re.search(rf"<h3>{title}.*?</div>", page, re.DOTALL)
    assert row is not None
    return re.findall(r"<figcaption>(.*?)</figcaption>", row.group())


def test_best_middle_and_worst_are_those_of_the_scores(made: Made, page: str) -> None:
    study = made.study()
    run = best_run(study)
    assert run is not None
    assert run.entry.name == "mmsnet"  # the least error in what was made
    scores = run.scores["phantom-fundus"]
    ranked = sorted(zip(-scores.values["dsc"], scores.cases, strict=True))
    shown = [f"{case}: DSC {-dsc:.3f}" for dsc, case in ranked]
    assert captions(page, "Best") == shown[:2]  # a third of seven cases
    assert captions(page, "Middle") == shown[2:4]
    assert captions(page, "Worst") == shown[-2:]


def test_most_disputed_cases_show_every_main_method(page: str) -> None:
    assert page.count("<h3>Disputed: ") == 3 * 4
    row = captions(page, "Disputed")
    assert row[0] == "Reference"
    titles = sorted(caption.split(",")[0] for caption in row[1:])
    assert titles == ["MMSNet", "U-Net", "U-Net++"]


def test_one_method_has_no_disputes(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=4, size=24, maps=True, cards=CARDS[:1]))
    page = gallery(made.study())
    assert "Disputed" not in page
    assert "Best" in page


def test_pictures_are_inside_the_page_and_have_words(page: str) -> None:
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == 4 * (1 + 6 + 3 * 4)
    for image in images:
        assert 'src="data:image/jpeg;base64,' in image
        assert re.search(r'alt="[^"]{20,}"', image)
    assert not re.search(r"https?://", page)


def test_the_same_bytes_twice(made: Made, page: str) -> None:
    assert gallery(made.study()) == page


def test_every_seed_has_maps_of_its_own(made: Made) -> None:
    study = made.study()
    first, second = study.table.runs_of(study.table.rows(("main",))[0])[:2]
    case = ("phantom-fundus", "fundus-000")
    with ExitStack() as stack:
        source = Source(study, stack)
        masks = [source.mask(run, case) for run in (first, second, first)]
    assert all(mask is not None for mask in masks)
    assert not np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0], masks[2])


def test_absent_maps_are_told(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=4, size=24))
    page = gallery(made.study())
    assert "The maps of MMSNet, seed 0, are not here" in page
    assert page.count("<img") == 4  # the contact sheets


def test_absent_data_are_told(tmp_path: Path) -> None:
    made = make(tmp_path / "made", PLAN)
    shutil.rmtree(made.paths.prepared(MIX))
    page = gallery(made.study())
    told = "The images are not here: <code>mixseg prepare --mix mix0</code> makes them."
    assert page.count(told) == 1
    assert "<img" not in page
    assert "<h2" not in page  # no empty chapters


def test_no_results_are_told(tmp_path: Path) -> None:
    made = make(tmp_path / "made", PLAN)
    shutil.rmtree(made.paths.results(MIX) / "main")
    assert "No ranked method has all its runs" in gallery(made.study())


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    tint = (np.array(colour) + 100) / 2
    return bool(np.abs(pixel - tint).max() <= 1)


def test_true_missed_and_false_area_have_their_colours() -> None:
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    mask, reference = np.zeros((2, SIDE, SIDE), bool)
    mask[:, :120], reference[:, 60:180] = True, True
    picture = side_by_side(image, mask, reference)
    assert picture.shape == (SIDE, 2 * SIDE + GAP, 3)
    judged = picture[:, SIDE + GAP :].astype(float)
    assert near(judged[100, 30], FALSE)
    assert near(judged[100, 90], TRUE)
    assert near(judged[100, 150], MISSED)
    assert (judged[100, 200] == 100).all()
    assert (picture[:, :SIDE] == 100).all()


def test_outline_runs_around_the_reference() -> None:
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    reference = np.zeros((SIDE, SIDE), np.uint8)
    reference[50:100, 50:100] = 1
    picture = outlined(image, reference)
    assert (picture[60:90, 60:90] == 100).all()
    assert tuple(picture[75, 49]) == (240, 228, 66)
    assert tuple(picture[75, 48]) == (0, 0, 0)


def test_contact_sheet_and_its_address() -> None:
    images = [np.full((10, 10, 3), 20 * k, np.uint8) for k in range(12)]
    masks = [np.zeros((10, 10), np.uint8)] * 12
    sheet = contact_sheet(images, masks)
    assert sheet.shape == (2 * TILE + GAP, 6 * (TILE + GAP) - GAP, 3)
    uri = data_uri(sheet)
    assert uri == data_uri(sheet)
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(data)).size == sheet.shape[1::-1]
