"""The analyses of stored maps, on made maps: what is measured, and what stops them."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from support import MODALITIES, PARAMS, SIZE, make_prepared

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures import calibration, selective
from benchmark.analyses.measures.reliability import histogram, measures
from benchmark.core.errors import MissingDataError, ShapeError, StoreError
from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.params import Params
from benchmark.data.manifest import sealed
from benchmark.evaluation.maps import read_maps, write_maps

BOTH = [calibration, selective]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Two test cases in each of four sets; the second of the first set has an empty reference."""
    paths = Paths(tmp_path)
    prepared = paths.prepared("tiny")
    make_prepared(prepared)
    path = prepared / "phantom-fundus" / "masks.npy"
    masks = np.load(path)
    masks[-1] = 0
    np.save(path, masks)
    manifest = read_json(prepared / "manifest.json")
    write_json(prepared / "manifest.json", sealed(manifest, prepared))
    mix = Params.model_validate(yaml.safe_load(PARAMS)).mix("tiny")
    made = Job(paths, "tiny", mix, "small", (0,))
    rng, cases = np.random.default_rng(0), made.cases()
    names = {f"phantom-{modality}": [f"{modality}-8", f"{modality}-9"] for modality in MODALITIES}
    assert [c for each in names.values() for c in each] == cases.table["case"].tolist()
    noise = {name: rng.uniform(0, 0.4, (2, SIZE, SIZE)) for name in names}
    probs = {name: 0.6 * cases.masks[name][-2:] + each for name, each in noise.items()}
    write_maps(made.maps(0), probs, names)
    return made


def test_calibration_of_each_image_and_of_each_set(job: Job) -> None:
    table = calibration.measure(job, "all")
    assert table["over"].value_counts().to_dict() == {"image": 8, "set": 4, "bin": 4 * 4 * 15}
    cases = job.cases()
    with read_maps(job.maps(0)) as maps:
        counts = [
            histogram(
                maps["phantom-ultrasound"][i][0], cases.masks["phantom-ultrasound"][8 + i] > 0
            )
            for i in range(2)
        ]
    here = table[table["dataset"] == "phantom-ultrasound"]
    for over, expected in (("image", counts[1]), ("set", counts[0] + counts[1])):
        row = here[here["over"] == over].iloc[-1]
        for name, value in measures(expected).items():
            assert row[f"{name}_all"] == pytest.approx(value), name
    assert (here[here["over"] == "set"]["case"] == "").all()


def test_diagrams_can_be_drawn_from_the_bins(job: Job) -> None:
    table = calibration.measure(job, "all")
    for form in ("foreground_all", "confidence_all", "foreground_box", "confidence_box"):
        chosen = (table["dataset"] == "phantom-dermoscopy") & (table["form"] == form)
        bins, name = table[chosen], "ece_" + form
        assert bins["bin"].tolist() == list(range(15))
        whole = table[(table["dataset"] == "phantom-dermoscopy") & (table["over"] == "set")]
        gaps = (bins["predicted"] - bins["observed"].astype(float)).abs()
        assert gaps.sum() / bins["pixels"].sum() == pytest.approx(whole[name].iloc[0])
    assert bins["pixels"].sum() < 2 * SIZE * SIZE
    assert "pixels,predicted,observed" in table.to_csv(index=False)


def test_an_empty_reference_has_no_box(job: Job) -> None:
    table = calibration.measure(job, "all")
    images = table[table["over"] == "image"]
    empty = images[images["brier_box"].isna()]
    assert empty["case"].tolist() == ["fundus-9"]
    assert empty.filter(like="_box").isna().all(axis=None)
    assert empty.filter(like="_all").notna().all(axis=None)
    sets = table[(table["over"] == "set") & (table["dataset"] == "phantom-fundus")]
    assert sets["brier_box"].iloc[0] == pytest.approx(images["brier_box"].iloc[0])


def test_risk_and_confidence_of_each_image_and_areas_of_each_set(job: Job) -> None:
    table = selective.measure(job, "all")
    assert table["over"].value_counts().to_dict() == {"image": 8, "set": 4}
    images = table[table["over"] == "image"].set_index("case")
    assert images.loc["ultrasound-8", "risk"] == 0  # 0.6 inside and less than 0.4 outside
    assert images.loc["fundus-9", "risk"] == 0  # both empty
    assert images.loc["fundus-9", "sdc"] == 0  # no pixel reaches one half
    whole = table[(table["over"] == "set")]
    assert (whole["excess_sdc"] == 0).all()
    strict = Job(job.paths, "tiny", job.mix, "small", (0,), threshold=0.95)
    risks = selective.measure(strict, "all").set_index("case")["risk"]
    assert risks["ultrasound-8"] > 0.5


def test_a_set_of_one_image_has_its_values(job: Job) -> None:
    one = Job(job.paths, "tiny", job.mix, "small", (0,), limit=1)
    for module in BOTH:
        table = module.measure(one, "all")
        for _, rows in table[table["over"] != "bin"].groupby("dataset"):
            image, whole = (rows[rows["over"] == over] for over in ("image", "set"))
            assert len(image) == len(whole) == 1
            shared = ["risk"] if module is selective else ["ece_foreground_all", "brier_box"]
            for name in shared:
                np.testing.assert_allclose(image[name], whole[name])
    assert (
        table[table["over"] == "set"]["aurc_sdc"] == table[table["over"] == "set"]["risk"]
    ).all()


@pytest.mark.parametrize("module", BOTH)
def test_maps_that_are_missing_cut_short_or_of_other_data_stop_it(job: Job, module) -> None:
    path = job.maps(0)
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(MissingDataError, match="no file"):
        module.measure(job, "all")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="broken or foreign"):
        module.measure(job, "all")
    other = {"phantom-fundus": np.zeros((2, SIZE, SIZE))}
    write_maps(path, other, {"phantom-fundus": ["fundus-0", "fundus-1"]})
    with pytest.raises(ShapeError, match="no map of phantom-fundus/fundus-8"):
        module.measure(job, "all")
    write_maps(path, {"phantom-fundus": np.zeros((1, 16, 16))}, {"phantom-fundus": ["fundus-8"]})
    with pytest.raises(ShapeError, match=r"\(16, 16\)"):
        module.measure(job, "all")
