from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmark.core.errors import CatalogError, MissingDataError
from benchmark.core.files import sha256_bytes
from benchmark.data.catalog import Counts, load_catalog
from benchmark.data.folders import RawCase
from benchmark.data.splits import LISTS, SplitList, assign, draw_val, read_list

LISTED = sorted(path.stem for path in LISTS.glob("*.csv"))
# Their file names are not published in a list, or sorted by their folders and file names alone.
BY_FOLDER = {
    "origa",
    "origa-ab",
    "refuge",
    "refuge-official",
    "tn3k",
    "isic2018",
    "cvc-colondb",
    "etis",
}


def listed(name: str) -> SplitList:
    found = read_list(name)
    assert found is not None
    return found


def test_every_dataset_has_a_list_or_published_folders() -> None:
    kept = {name for name, row in load_catalog().items() if not row.drawn}
    assert set(LISTED) | BY_FOLDER == kept
    assert not set(LISTED) & BY_FOLDER


@pytest.mark.parametrize("name", LISTED)
def test_counts_are_those_of_the_catalog(name: str) -> None:
    found = Counter(listed(name).split.values())
    counts = load_catalog()[name].counts
    assert found["train"] + found["val"] == counts.train
    assert found["test"] == counts.test


@pytest.mark.parametrize("name", LISTED)
def test_no_group_is_in_two_splits(name: str) -> None:
    splits = defaultdict(set)
    for case, group in listed(name).group.items():
        splits[group].add(listed(name).split[case])
    both = {group for group, found in splits.items() if len(found) > 1}
    if name == "cvc-clinicdb":
        # PraNet drew single frames: 26 of the 29 sequences are in training and in the test set.
        assert len(both) == 26
        assert all("test" in splits[group] for group in both)
        assert not any({"train", "val"} <= found for found in splits.values())
    else:
        assert not both


@pytest.mark.parametrize("name", LISTED)
def test_the_committed_val_is_what_the_rule_draws(name: str) -> None:
    rows = listed(name)
    train = {case: rows.group[case] for case, split in rows.split.items() if split != "test"}
    assert {case for case, split in rows.split.items() if split == "val"} == draw_val(name, train)


@pytest.mark.parametrize("name", LISTED)
def test_each_list_says_where_it_comes_from(name: str) -> None:
    origin = listed(name).origin
    assert len(origin) > 60
    assert origin.startswith("OURS") == (name in {"busi", "ddti"})


def test_busi_is_stratified() -> None:
    test = [case for case, split in listed("busi").split.items() if split == "test"]
    assert Counter(case.split()[0] for case in test) == {"benign": 68, "malignant": 32}
    assert not any(group.startswith("near") for group in map(listed("busi").group.get, test))
    pair = listed("busi").group["benign (433)"], listed("busi").group["malignant (145)"]
    assert pair[0] == pair[1]


def test_clinicdb_has_its_29_sequences() -> None:
    groups = listed("cvc-clinicdb").group
    assert len(set(groups.values())) == 29
    frames = sorted(groups, key=int)
    assert frames == [str(k) for k in range(1, 613)]
    assert [groups[frame] for frame in frames] == sorted(groups[frame] for frame in frames)
    assert groups["25"] != groups["26"]


def test_val_holds_whole_groups_up_to_a_tenth() -> None:
    groups = {f"c{k}": f"g{k // 4}" for k in range(100)}
    val = draw_val("set", groups)
    assert len(val) == 12  # three groups of four: 8 cases are fewer than a tenth
    order = sorted(set(groups.values()), key=lambda g: sha256_bytes(f"set/{g}".encode()))
    assert {groups[case] for case in val} == set(order[:3])
    assert draw_val("set", dict(reversed(groups.items()))) == val
    assert draw_val("other", groups) != val
    assert draw_val("set", {}) == set()


def test_one_group_is_left_to_train_on() -> None:
    assert draw_val("set", {"a": "patient", "b": "patient"}) == set()
    assert len(draw_val("set", {"a": "one", "b": "two"})) == 1
    uneven = {"a": "one"} | {f"b{k}": "two" for k in range(30)}
    assert draw_val("set", uneven) in ({"a"}, {f"b{k}" for k in range(30)})


def raw(case: str, split: str | None = None) -> RawCase:
    return RawCase(case, Path(f"{case}.png"), (Path(f"{case}_mask.png"),), case, split)


def test_folders_give_the_split_where_there_is_no_list() -> None:
    cases = [raw(f"c{k:02d}", "train") for k in range(20)] + [raw("t", "test"), raw("v")]
    used, left_out = assign("unlisted", Counts(train=20, test=1), cases)
    assert Counter(case.split for case in used) == {"train": 18, "val": 2, "test": 1}
    assert [case.case for case in left_out] == ["v"]


def test_the_list_gives_split_and_group_and_leaves_the_rest_out() -> None:
    rows = listed("cvc-300")
    cases = [raw(case) for case in (*rows.split, "1", "2")]
    used, left_out = assign("cvc-300", Counts(train=0, test=60), cases)
    assert {case.case for case in used} == set(rows.split)
    assert [case.case for case in left_out] == ["1", "2"]


def test_missing_cases_are_counted_and_named() -> None:
    rows = listed("cvc-300")
    cases = [raw(case) for case in list(rows.split)[4:]]
    with pytest.raises(
        MissingDataError, match=r"cvc-300: 4 of 60 cases are missing \(149, 150, 151 \.\.\.\)"
    ):
        assign("cvc-300", Counts(train=0, test=60), cases)


@pytest.mark.parametrize("train", [18, 21])
def test_other_counts_than_the_catalogs_are_refused(train: int) -> None:
    cases = [raw(f"c{k:02d}", "train") for k in range(20)]
    with pytest.raises(MissingDataError, match=f"20 cases for training and 0 .*expected {train} "):
        assign("unlisted", Counts(train=train, test=0), cases)


def test_pictures_of_unknown_split_are_refused() -> None:
    with pytest.raises(MissingDataError, match="whose split is not known"):
        assign("unlisted", Counts(train=1, test=0), [raw("a")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,split,group\na,train,a\n", "other columns"),
        ("# origin: x\ncase,group,split\na,a,train\n", "other columns"),
        ("# origin: x\ncase,split,group\n", "other columns"),
        ("# origin: x\ncase,split,group\na,train,a\na,test,a\n", "a case twice"),
        ("# origin: x\ncase,split,group\na,training,a\n", "unknown split"),
    ],
)
def test_a_broken_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "broken.csv").write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_list("broken", tmp_path)
