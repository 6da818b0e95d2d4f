"""`mixseg check --pr` on made repositories: a good new row, and requests with one fault each."""

import json
import shutil
import subprocess
from pathlib import Path
from unittest import mock

import pytest
import yaml
from made_plugins import HEAD, declare, method
from support import DECLARATION, PARAMS, PLUGIN, make_prepared, mixseg

from benchmark.contribution import check
from benchmark.core.files import Paths, sha256_file, write_json
from benchmark.core.progress import Silent
from benchmark.core.recorded import note
from benchmark.data.manifest import data_digest
from benchmark.methods.sync import sync
from benchmark.runs.execute import execute
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions

IGNORED = "/data/\n/work/\n/artefacts/\n__pycache__/\n"
NAME = "fresh"
RUN = f"results/tiny/main/{NAME}/seed-0"


def git(root: Path, *words: str) -> None:
    own = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", root, *own, *words], check=True, capture_output=True)


def commit(root: Path, what: str = "x") -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", what)


def run(root: Path, name: str) -> None:
    execute(Paths(root), RunSpec(name, "tiny", 0), RunOptions("cpu", 1), Silent())


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the row `small` and its results, on a branch `request`."""
    root = tmp_path_factory.mktemp("before")
    (root / "params.yaml").write_text(PARAMS)
    (root / ".gitignore").write_text(IGNORED)
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "method.yaml").write_text(DECLARATION)
    (root / "benchmark").mkdir()
    (root / "benchmark" / "README.md").write_text("the suite\n")
    make_prepared(root / "data" / "prepared" / "tiny")
    git(root, "init", "-q", "-b", "main")
    sync(root)
    commit(root)
    shutil.copytree(Path(__file__).parents[2] / "benchmark", root / "benchmark", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    run(root, "small")
    data = root / "results" / "tiny" / "data.json"
    manifest = json.loads((root / "data/prepared/tiny/manifest.json").read_text())
    write_json(data, {**manifest, "content": data_digest(root / "data/prepared/tiny")})
    commit(root)
    git(root, "checkout", "-q", "-b", "request")
    return root


@pytest.fixture(scope="module")
def with_row(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a good new row and its results, as one commit."""
    root = tmp_path_factory.mktemp("request") / "clone"
    shutil.copytree(before, root)
    folder = root / "baselines" / NAME
    folder.mkdir()
    (folder / "plugin.py").write_text(HEAD + method(NAME))
    declare(root, f"baselines/{NAME}", {NAME: {"title": "Fresh"}})
    sync(root, NAME)
    run(root, NAME)
    commit(root)
    return root


@pytest.fixture
def root(with_row: Path, tmp_path: Path) -> Path:
    shutil.copytree(with_row, tmp_path / "clone")
    return tmp_path / "clone"


@pytest.fixture
def old(before: Path, tmp_path: Path) -> Path:
    shutil.copytree(before, tmp_path / "clone")
    return tmp_path / "clone"


def findings(root: Path, whole: bool = False) -> list[str]:
    """What the check finds after a commit of all.

    Args:
        whole: by the command, with the rules of the contract; else without them, which is faster.
    """
    commit(root)
    if not whole:
        with mock.patch.object(check, "_conformance", return_value=()):
            *found, last = check.check_request(root, "main", Silent())
        lines = [str(each) for each in found]
    else:
        done = mixseg(root, "check", "--pr", "main")
        assert "Traceback" not in done.stderr, done.stderr
        *lines, last = done.stdout.splitlines()
        assert done.returncode == bool(lines), done.stdout + done.stderr
    assert f"{len(lines) or 'no'} finding" in str(last)
    return lines


def test_a_good_new_row_has_no_finding(root: Path) -> None:
    done = mixseg(root, "check", "--pr", "main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"new rows: {NAME}; 8 files changed; no findings\n"


def test_a_request_without_rows_is_let_through(old: Path) -> None:
    (old / "CHANGELOG.md").write_text("x\n")
    commit(old)
    done = mixseg(old, "check", "--pr")  # main is found by itself
    assert (done.returncode, done.stdout) == (0, "no new row; 1 files changed; no findings\n")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("card.json", "card.json: no such file; run `mixseg sync fresh` and commit it"),
        ("dvc.yaml", "dvc.yaml: no such file; run `mixseg sync fresh` and commit it"),
        ("plugin.py", "plugin.py: no such file; every method needs it"),
        ("method.yaml", "method.yaml: baselines/fresh/method.yaml: no file"),
    ],
)
def test_a_row_with_a_missing_file(root: Path, name: str, says: str) -> None:
    (root / "baselines" / NAME / name).unlink()
    found = findings(root)
    assert any(line.startswith(f"baselines/{NAME}/{says}") for line in found), found


def test_results_that_do_not_fit_the_code(root: Path) -> None:
    plugin = root / "baselines" / NAME / "plugin.py"
    plugin.write_text(plugin.read_text().replace("nn.ReLU()", "nn.GELU()"))
    sync(root, NAME)
    assert findings(root, whole=True) == [
        f"{RUN}/run.json: not of this code: the method's code differs; "
        "make the run again with `mixseg run`"
    ]


def test_results_that_do_not_fit_the_recipe(root: Path) -> None:
    declare(root, f"baselines/{NAME}", {NAME: {"title": "F", "recipe": {"lr": 0.02, "why": "w"}}})
    sync(root, NAME)
    found = findings(root)
    assert any("the recipe differs" in line for line in found)
    assert all(line.startswith(f"{RUN}/run.json: ") for line in found)


def change_scores(root: Path) -> Path:
    """Makes the last case of a run perfect, its counts with it."""
    path = root / RUN / "scores.csv"
    header, *rows = path.read_text().splitlines()
    cells = dict(zip(header.split(","), rows[-1].split(","), strict=True))
    whole = str(int(cells["tp"]) + int(cells["fn"]))
    cells |= {"dsc": "1.000000", "iou": "1.000000", "tp": whole, "fp": "0", "fn": "0"}
    path.write_text("\n".join([header, *rows[:-1], ",".join(cells.values()), ""]))
    return path


def test_results_that_were_edited(root: Path) -> None:
    change_scores(root)
    (line,) = findings(root)
    assert line.startswith(f"{RUN}/scores.csv: edited since it was written: scores.csv has digest")


def test_scores_of_other_references(root: Path) -> None:
    path = change_scores(root)
    text = path.read_text().splitlines()
    names = text[0].split(",")
    cells = dict(zip(names, text[-1].split(","), strict=True))
    cells["tp"] = str(int(cells["tp"]) + 5)
    path.write_text("\n".join([*text[:-1], ",".join(cells.values()), ""]))
    record = json.loads((root / RUN / "run.json").read_text())
    record["files"]["scores.csv"] = sha256_file(path)
    write_json(root / RUN / "run.json", record)
    note(Paths(root), "tiny", root / RUN / "run.json")  # digests that fit the edit
    (line,) = findings(root)
    assert line.startswith(f"{RUN}/scores.csv: phantom-")
    assert line.endswith("its references are not those of the other rows")


def test_an_identity_that_was_written_by_hand(root: Path) -> None:
    record = json.loads((root / RUN / "run.json").read_text())
    record["identity"]["data"] = "0" * 64
    record["hardware"] = {}
    write_json(root / RUN / "run.json", record)
    found = findings(root)
    assert any("the prepared data differs" in line for line in found)
    assert any("does not say `hardware`" in line for line in found)
    assert any("edited since it was written: run.json" in line for line in found)


def test_an_edit_of_anothers_results(root: Path) -> None:
    path = root / "results/tiny/main/small/seed-0/run.json"
    record = json.loads(path.read_text())
    write_json(path, {**record, "title": "Smaller"})
    note(Paths(root), "tiny", path)
    assert findings(root) == [
        "results/tiny/main/small/seed-0/run.json: results of small, a row that was there before; "
        "a request brings those of its own",
        "results/tiny/digests.csv: the line of main/small/seed-0/run.json is changed; restore it",
    ]


def test_an_edit_of_anothers_results_without_a_new_row(old: Path) -> None:
    (old / "results/tiny/main/small/seed-0/scores.csv").unlink()
    (line,) = findings(old)
    assert "results of small, a row that was there before" in line


def test_an_edit_of_the_suite_beside_a_row(root: Path) -> None:
    (root / "benchmark" / "README.md").write_text("another\n")
    (root / "tests").mkdir()
    (root / "tests" / "test_fresh.py").write_text("\n")  # a new test is welcome
    assert findings(root) == [
        "benchmark/README.md: changed beside a new row; make it a pull request of its own"
    ]


def test_an_edit_of_anothers_code_and_declaration(root: Path) -> None:
    small = root / "baselines" / "small"
    (small / "plugin.py").write_text(PLUGIN.replace("0.1", "0.2"))
    (small / "method.yaml").write_text(DECLARATION.replace("title: Small", "title: Best"))
    found = findings(root)
    assert any(f.startswith("baselines/small/plugin.py: belongs to rows that were") for f in found)
    assert any("the row small was there before and is declared in another way" in f for f in found)


def test_a_row_of_an_existing_folder_may_be_added(root: Path) -> None:
    declaration = root / "baselines" / "small" / "method.yaml"
    declaration.write_text(DECLARATION + "  small-too: {title: Small too}\n")
    sync(root, "small")
    assert findings(root) == []


def test_params_may_gain_names_alone(root: Path) -> None:
    params = yaml.safe_load(PARAMS)
    params["mixes"]["tiny"]["rows"] = ["small", NAME]
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (line,) = findings(root)  # the list was not there before
    assert line.startswith("params.yaml: only names of new rows may be added under `rows:`")


def test_links_and_weights(root: Path) -> None:
    place = f"baselines/{NAME}"
    (root / place / "net.pth").write_bytes(b"x")
    (root / place / "secret.txt").symlink_to("/etc/hostname")
    assert findings(root) == [
        f"{place}/net.pth: weights and arrays are not kept in the repository; "
        "name them under `weights:`",
        f"{place}/secret.txt: a link; put a plain file there",
    ]


def test_what_is_not_committed(old: Path) -> None:
    (old / "baselines" / "small" / "forgotten.py").write_text("\n")
    done = mixseg(old, "check", "--pr")
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith("baselines/small/forgotten.py: not committed; the request does not")
    assert last == "no new row; 1 files changed; 1 finding"


def test_a_row_that_breaks_a_rule(root: Path) -> None:
    more = "def predict(self, inputs):\n    return self(inputs.image)[..., ::2, ::2]\n"
    (root / "baselines" / NAME / "plugin.py").write_text(HEAD + method(NAME, more=more))
    sync(root, NAME)
    shutil.rmtree(root / RUN)
    found = findings(root, whole=True)
    (line,) = [line for line in found if line.startswith(f"{NAME}: ")]
    assert line.startswith(
        f"{NAME}: the rule «shape and type» is broken: baselines/{NAME}/plugin.py"
    )


@pytest.mark.parametrize(
    "trick",
    [
        "import os\nos._exit(0)\n",
        f"import os\nprint('{NAME}: 13 rules kept, 0 broken', flush=True)\nos._exit(1)\n",
    ],
)
def test_code_that_ends_the_check_is_found(root: Path, trick: str) -> None:
    shutil.rmtree(root / RUN)
    plugin = root / "baselines" / NAME / "plugin.py"
    kept = plugin.read_text()
    plugin.write_text(
        f"if __name__ != 'x':\n    {trick.replace(chr(10), chr(10) + '    ').strip()}\n{kept}"
    )
    found = findings(root, whole=True)
    assert any("did not come to its end" in line for line in found), found


def test_the_template_must_be_filled_in(old: Path) -> None:
    done = mixseg(old, "new", "untouched")
    assert done.returncode == 0, done.stderr
    found = findings(old)
    assert [line for line in found if "filled in" in line] == [
        f"baselines/untouched/method.yaml: row untouched: `{key}` is not filled in"
        for key in ("source", "licence")
    ]


def test_no_repository_and_no_such_base(old: Path, tmp_path: Path) -> None:
    done = mixseg(old, "check", "--pr", "nowhere")
    assert done.returncode == 1
    assert "no common commit with nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    shutil.rmtree(old / ".git")
    done = mixseg(old, "check", "--pr")
    assert done.returncode == 1
    assert "not a git repository" in done.stderr
    done = mixseg(old, "check")
    assert done.returncode == 2
    assert "give a method, or --pr" in done.stderr
