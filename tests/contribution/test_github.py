"""What GitHub reads: the forms are valid, and the workflow that runs strangers' code is closed."""

import re
from typing import Any

import pytest
import yaml
from support import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "new-rows.yml"
FORMS = ["bug.yml", "new-row.yml"]
FIELDS = {"input", "textarea", "dropdown", "checkboxes"}


def read(path: Any) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", FORMS)
def test_an_issue_form_is_valid(name: str) -> None:
    form = read(ROOT / ".github" / "ISSUE_TEMPLATE" / name)
    assert set(form) <= {"name", "description", "title", "labels", "body"}
    assert all(form[key] for key in ("name", "description", "body"))
    names = [field["id"] for field in form["body"]]
    assert len(set(names)) == len(names)
    for field in form["body"]:
        assert field["type"] in FIELDS
        assert field["attributes"]["label"]
        if field["type"] in ("dropdown", "checkboxes"):
            assert field["attributes"]["options"]
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_the_workflow_reads_alone_and_knows_no_secret() -> None:
    workflow, text = read(WORKFLOW), WORKFLOW.read_text(encoding="utf-8")
    triggers = workflow[True]  # YAML reads the key `on` as true
    assert list(triggers) == ["pull_request"]
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert "secrets." not in text
    assert "github.token" not in text
    code = re.sub(r"#.*", "", text)
    assert "pull_request_target" not in code


def test_actions_are_pinned_and_leave_no_token() -> None:
    steps = read(WORKFLOW)["jobs"]["check"]["steps"]
    used = [step for step in steps if "uses" in step]
    assert len(used) == 3
    for step in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        if step["uses"].startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_the_request_runs_without_network_rights_or_its_own_checker() -> None:
    steps = read(WORKFLOW)["jobs"]["check"]["steps"]
    shell = [step for step in steps if "run" in step]
    # Texts of the request reach a shell through variables alone.
    assert all("${{" not in step["run"] for step in shell)
    *before, last = shell
    assert "check --pr" in last["run"]
    for word in ("unshare --net", "--no-new-privs", "--clear-groups", "--reuid=nobody", "env -i",
                 "PYTHONSAFEPATH=1", "checker/.venv/bin/mixseg"):  # fmt: skip
        assert word in last["run"]
    assert not any("request/.venv" in step["run"] or "-C request setup" in step["run"]
                   for step in before)  # fmt: skip
