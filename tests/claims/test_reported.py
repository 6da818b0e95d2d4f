"""Published numbers: the files, what is refused, and how they stand beside ours."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import results_of
from support import ROOT, mixseg

from benchmark.claims.reported import COLUMNS, Checked, Reported, check_reported, read_reported
from benchmark.claims.text import reported_text
from benchmark.core.errors import ScoreTableError
from benchmark.statistics.results import MixResults

HEADER = ",".join(COLUMNS) + "\n"
ONE = HEADER + "a,s,t,busi,dsc,.9,,same\n"


def row(**changes: object) -> Reported:
    about = Reported(
        "a", "a paper", "table 1", "f", "dsc", 0.85, 0.0005, "", "same", "here, line 2"
    )
    return replace(about, **changes)


def check(results: MixResults, reported: Reported) -> Checked:
    (found,) = check_reported([reported], results)
    return found


METHODS = {"a": "A", "unet-resnet50": "U-Net (ResNet-50)", "unetpp": "U-Net++", "unet": "U-Net"}


def read(tmp_path: Path, text: str) -> list[Reported]:
    path = tmp_path / "reported.csv"
    path.write_bytes(text.encode())
    return read_reported(tmp_path, path, METHODS)


# ---- files


def test_percentages_and_digits(tmp_path: Path) -> None:
    first, second, third = read(
        tmp_path,
        HEADER
        + "a,s,t,busi,dsc,90.7,dsc,different\na,s,t,busi,dsc,0.910,,same\n"
        + "a,s,t,busi,hd95_mm,31.69,,same\n",
    )
    assert (first.value, first.rounding) == (pytest.approx(0.907), pytest.approx(0.0005))
    assert (second.value, second.rounding) == (0.91, pytest.approx(0.0005))
    assert (third.value, third.rounding) == (31.69, pytest.approx(0.005))
    assert second.where == "reported.csv, line 3"


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + ONE, ONE.replace("\n", "\r\n"), ONE.replace(",", ";")],
)
def test_spellings_of_one_file(tmp_path: Path, text: str) -> None:
    (found,) = read(tmp_path, text)
    assert (found.method, found.value, found.setting) == ("a", 0.9, "same")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("method,source\na,b\n", "no column table, dataset, metric, value, protocol, setting"),
        (HEADER + "a,s,t,busi,dsc,good,,same\n", "value is 'good'"),
        (HEADER + "a,s,t,busi,dsc,nan,,same\n", "value is 'nan'"),
        (HEADER + "a,s,t,busi,dsc,-1,,same\n", "value is '-1'"),
        (HEADER + "a,s,t,busi,dsc,101,,same\n", "value is 101"),
        (HEADER + "a,s,t,busi,dsc,.9,,alike\n", "setting is 'alike'"),
        (HEADER + "a,s,t,busi,dsc,.9,dsc_minmax256,same\n", "Did you mean 'dsc_minmax'?"),
        (HEADER + "a,,t,busi,dsc,.9,,same\n", "source: empty"),
        (HEADER, "no rows"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(ScoreTableError) as caught:
        read(tmp_path, text)
    assert part in str(caught.value)
    assert "reported.csv" in str(caught.value)


def test_the_files_of_the_project() -> None:
    rows = read_reported(ROOT)
    assert len(rows) > 100
    assert not [each for each in rows if each.method.startswith("mmsnet")]  # none is known
    keys = [(r.method, r.source, r.table, r.dataset, r.metric) for r in rows]
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice
    assert {each.setting for each in rows} == {"different"}  # nobody has trained on these mixes
    pairs: dict[tuple[str, ...], dict[str, float]] = {}
    for each in rows:
        if each.metric in ("dsc", "iou"):
            pairs.setdefault((each.method, each.source, each.table, each.dataset), {})[
                each.metric
            ] = each.value
    both = [pair for pair in pairs.values() if len(pair) == 2]
    assert len(both) > 40
    for pair in both:  # a slip of the pen would break this sooner or later
        assert pair["dsc"] / (2 - pair["dsc"]) - 0.001 <= pair["iou"] <= pair["dsc"]


# ---- beside ours


def test_inside_our_interval_agrees_and_far_outside_does_not() -> None:
    results = results_of({"a": 0.85})
    found = check(results, row())
    assert (found.verdict, found.why) == ("agrees", "in our interval")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.85 < found.high
    far = check(results, row(value=0.7))
    assert (far.verdict, far.protocols) == ("out of tolerance", ())
    assert far.nearest is not None
    assert check(results, row(value=0.7, setting="different")).verdict == "other setting"


def test_a_few_seeds_have_no_interval_and_rounding_still_counts() -> None:
    results = results_of({"a": 0.85}, seeds=1)
    far = check(results, row(value=0.7))
    assert (far.verdict, far.low) == ("no interval", None)
    assert "1 seed" in far.why
    assert far.ours is not None
    near = check(results, row(value=round(far.ours, 3)))
    assert (near.verdict, near.why) == ("agrees", "our number, within rounding")


def test_the_protocols_that_give_a_number() -> None:
    results = results_of({"a": 0.85})
    for run in results.table.runs.values():
        values = run.scores["f"].values
        values["dsc_raw256_mean"] = values["dsc"] - 0.2
        values["dsc_minmax"] = values["dsc"] - 0.1
        values["iou_minmax"] = values["dsc"] - 0.2
        values.update(tp=np.full(40, 30.0), fp=np.full(40, 10.0), fn=np.full(40, 10.0))
    (entry,) = results.table.entries
    ours = results.table.values(entry, "f", "dsc")
    assert ours is not None
    found = check(results, row(value=float(ours.mean()) - 0.2))
    assert [name for name, _ in found.protocols] == ["dsc_raw256_mean"]
    assert found.verdict == "out of tolerance"  # its protocol is not said, the headline is held
    stated = check(results, row(value=float(ours.mean()) - 0.2, protocol="dsc_raw256_mean"))
    assert stated.verdict == "agrees"
    # 2 * 30 / (2 * 30 + 10 + 10) = 0.75 of all pixels together
    assert "dsc_pooled" in dict(check(results, row(value=0.75)).protocols)


def test_a_pooled_protocol_has_no_interval_and_says_so() -> None:
    """It is one number a dataset: no interval can be worked out, so nothing lies outside of it."""
    results = results_of({"a": 0.85})
    found = check(results, row(value=0.9, protocol="dsc_pooled"))
    assert (found.verdict, found.low) == ("no interval", None)
    assert found.why == "no interval for this protocol"
    assert found.ours is not None
    near = check(results, row(value=round(found.ours, 3), protocol="dsc_pooled"))
    assert (near.verdict, near.why) == ("agrees", "our number, within rounding")


def test_rows_without_a_run(tmp_path: Path) -> None:
    results = results_of({"a": 0.85}, missing=tuple(("a", k) for k in range(4)))
    assert check(results, row()).verdict == "no run"
    assert check_reported([row(method="ghost"), row(dataset="etis")], results) == []
    assert "0 of 1 reported" in reported_text("mix1", [check(results, row())], [row()])


def test_undefined_distances_are_no_number() -> None:
    results = results_of({"a": 0.85})
    results.table.runs["main/a", 0].scores["f"].values["assd_px"][0] = np.nan
    assert check(results, row(metric="assd_px", value=1.5)).verdict == "no run"


def test_the_text_shows_both_numbers() -> None:
    results = results_of({"a": 0.85})
    meant = {"dsc_pooled": "Dice of all pixels of the set"}
    told = reported_text("mix1", [check(results, row(value=0.7))], [row()], meant)
    assert "a, f, dsc: 0.7000 reported, 0." in told
    assert "  out of tolerance: " in told
    assert "no convention gives the reported number; the nearest is" in told
    ours = check(results, row(value=0.9, protocol="dsc_pooled"))
    told = reported_text("mix1", [ours], [row()], meant)
    assert "ours is by dsc_pooled (Dice of all pixels of the set)" in told
    same = check(results, row(value=round(ours.ours or 0, 3), protocol="dsc_pooled"))
    assert "the reported number is ours by" in reported_text("mix1", [same], [row()], meant)
    assert max(map(len, told.splitlines())) <= 100


ALIASES = ("dsc", "DSC", "Dice", "mDice", "Dice coefficient", "F1-score")


@pytest.mark.parametrize("metric", ALIASES)
def test_a_metric_is_understood_by_its_other_names(tmp_path: Path, metric: str) -> None:
    (found,) = read(tmp_path, HEADER + f"a,s,t,Kvasir-SEG,{metric},90.7,,same\n")
    assert (found.metric, found.dataset, found.value) == ("dsc", "kvasir-seg", pytest.approx(0.907))


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("Kvasir", "kvasir-seg"), ("ISIC 2018", "isic2018"), ("CVC-612", "cvc-clinicdb"),
     ("CVC ClinicDB", "cvc-clinicdb"), ("EndoScene", "cvc-300"), ("synapse", "synapse")],
)  # fmt: skip
def test_a_data_set_is_understood_by_its_other_names(
    tmp_path: Path, name: str, dataset: str
) -> None:
    assert read(tmp_path, HEADER + f"a,s,t,{name},IoU,.8,,same\n")[0].dataset == dataset


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ("kvasir-seg,dicee", "metric is 'dicee', expected a known metric. The nearest is dsc"),
        ("kvasir-seg,HD95", "metric is 'HD95', expected its unit too: hd95_px or hd95_mm"),
        (
            "kvasirr,dsc",
            "dataset is 'kvasirr', expected a known dataset. The nearest is kvasir-seg",
        ),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest(
    tmp_path: Path, cells: str, part: str
) -> None:
    with pytest.raises(ScoreTableError) as caught:
        read(tmp_path, HEADER + f"a,s,t,{cells},.8,,same\n")
    assert part in str(caught.value)


def test_methods_are_known_by_name_and_title(tmp_path: Path) -> None:
    for word, name in (("U-Net (resnet-50)", "unet-resnet50"), ("U-Net++", "unetpp"),
                       ("UNet", "unet")):  # fmt: skip
        assert read(tmp_path, HEADER + f"{word},s,t,busi,dsc,.8,,same\n")[0].method == name
    with pytest.raises(
        ScoreTableError, match=r"method is 'unet-resnet5'.*nearest is unet-resnet50"
    ):
        read(tmp_path, HEADER + "unet-resnet5,s,t,busi,dsc,.8,,same\n")


def test_a_report_keeps_names_that_are_not_known(tmp_path: Path) -> None:
    folder = tmp_path / "baselines" / "mine"
    folder.mkdir(parents=True)
    text = HEADER + "mine,s,t,my set,dsc,.8,,same\nmine,s,t,Kvasir-SEG,Dice,.8,,same\n"
    (folder / "reported.csv").write_text(text)
    found = [(each.dataset, each.metric) for each in read_reported(tmp_path)]
    assert found == [("my set", "dsc"), ("kvasir-seg", "dsc")]


def test_exit_status_is_of_the_same_setting_alone(tmp_path: Path) -> None:
    rows = "unet-resnet50,s,t,{0},0.1,,{1}\nunet-resnet50,s,t,isic2017,dsc,0.1,,same\n"
    for cells, setting, status in (("kvasir-seg,dsc", "different", 0),
                                   ("Kvasir-SEG,mDice", "same", 1)):  # fmt: skip
        file = tmp_path / f"{setting}.csv"
        file.write_text(HEADER + rows.format(cells, setting))
        done = mixseg(ROOT, "check-reported", str(file), "--mix", "open128")
        assert done.returncode == status, done.stdout + done.stderr
        assert "1 of 2 reported numbers have a run here" in done.stdout
    file.write_text(HEADER + "ghost,s,t,kvasir-seg,dsc,0.1,,same\n")
    done = mixseg(ROOT, "check-reported", str(file), "--mix", "open128")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "method is 'ghost', expected a known method" in done.stderr
