"""The workflows, as GitHub would read them: pinned, bounded, and no text from outside in a shell."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from bluegreen.policy import item_of, load_policy
from cli import app
from infra.components.delivery import LONGEST_RELEASE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / "pipeline" / "workflows").glob("*.yml"))
WORKFLOWS = [*OURS, *TEMPLATES]
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
RELEASES = {"promote", "rollback", "abort"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def jobs_of(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from read(path)["jobs"].items()


def steps_of(path: Path) -> list[Mapping[str, Any]]:
    document = read(path)
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job.get("steps", ())]


def triggers(path: Path) -> Any:
    return read(path)[True]  # YAML 1.1 reads the key `on` as a boolean


def releasing(path: Path) -> list[Mapping[str, Any]]:
    return [step for step in steps_of(path) if step.get("with", {}).get("command") in RELEASES]


def test_the_pipeline_of_the_strategy_is_there() -> None:
    names = {path.stem for path in OURS}
    assert names == {"feature", "test", "production", "infra", "rollback", "abort"}
    assert {path.stem for path in TEMPLATES} == {"feature", "develop", "production", "rollback", "abort"}


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=name_of)
def test_actions_of_others_are_pinned_by_commit(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        used = re.search(r"\buses: (\S+)(.*)", line)
        if used and not used[1].startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", used[1]), line
            assert re.match(r" # (v\d+\.\d+|replace: )", used[2]), line  # what the commit is, for people


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=name_of)
def test_no_text_from_outside_is_read_by_a_shell(path: Path) -> None:
    """An expression in a script is pasted into it: a branch's name would be a command."""
    for step in steps_of(path):
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_every_job_is_bounded_and_may_do_what_it_needs(path: Path) -> None:
    allowed = read(path)["permissions"]
    assert "write-all" not in str(allowed)
    assert {scope for scope, right in allowed.items() if right == "write"} <= {"id-token"}
    for name, job in jobs_of(path):
        assert "uses" in job or job["timeout-minutes"] <= 300, name


@pytest.mark.parametrize("path", [path for path in OURS if releasing(path)], ids=name_of)
def test_the_next_release_never_cancels_the_one_that_runs(path: Path) -> None:
    assert read(path)["concurrency"]["cancel-in-progress"] is False


def test_a_way_back_does_not_queue_behind_a_release() -> None:
    groups = {path.stem: read(path)["concurrency"]["group"] for path in OURS if releasing(path)}
    assert groups["rollback"] == groups["abort"]
    assert groups["rollback"].split("${{")[0] not in {groups["test"], groups["production"]}
    assert not groups["test"].startswith(groups["rollback"].split("${{")[0])


@pytest.mark.parametrize("stem", ["test", "production"])
def test_what_a_cancelled_job_left_is_taken_back(stem: str) -> None:
    (path,) = (path for path in OURS if path.stem == stem)
    after = [step["with"]["command"] for step in releasing(path)]
    assert after == ["promote", "abort"]
    assert releasing(path)[1]["if"] == "cancelled()"


def test_a_session_lasts_as_long_as_the_role_allows() -> None:
    action = read(ROOT / ".github" / "actions" / "sc-deploy" / "action.yml")
    assert int(action["inputs"]["session-seconds"]["default"]) == LONGEST_RELEASE_SECONDS


def test_prod_releases_exactly_the_plan_that_was_agreed_to() -> None:
    (path,) = (path for path in OURS if path.stem == "production")
    jobs = dict(jobs_of(path))
    assert jobs["plan"]["environment"] == "production-plan"
    assert jobs["promote"]["environment"] == "production"
    assert jobs["promote"]["needs"] == "plan"
    plan, promote = (
        next(s for s in job["steps"] if s.get("with", {}).get("command") == command)
        for job, command in ((jobs["plan"], "plan"), (jobs["promote"], "promote"))
    )
    assert plan["with"]["role"] == "${{ vars.SC_DEPLOY_PLAN_ROLE }}"
    lines = promote["with"]["arguments"].splitlines()
    assert lines[0] == "--plan-id=${{ needs.plan.outputs.fingerprint }}"
    assert lines[1:] == plan["with"]["arguments"].splitlines()


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_every_option_is_one_of_the_command(path: Path) -> None:
    group = typer.main.get_command(app)
    for step in steps_of(path):
        if not step.get("uses", "").endswith("actions/sc-deploy"):
            continue
        command = group.commands[step["with"]["command"]]  # type: ignore[attr-defined]
        known = {name for parameter in command.params for name in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", step["with"].get("arguments", ""))) <= known


def test_production_answers_for_what_the_shipped_policy_asks_people() -> None:
    shipped = load_policy(ROOT / "deploy.toml", stack="prod")
    (template,) = (path for path in TEMPLATES if path.stem == "production")
    (release,) = (job for _, job in jobs_of(template) if "attest" in job.get("with", {}))
    answered = {line.split("=")[0] for line in release["with"]["attest"].splitlines()}
    assert answered == {item_of(point).id for point in shipped.checklist}


def test_production_builds_nothing() -> None:
    (template,) = (path for path in TEMPLATES if path.stem == "production")
    used = template.read_text(encoding="utf-8")
    assert "build-push-action" not in used
    assert "docker build" not in used
    assert triggers(template)["push"]["tags"] == ["v[0-9]+.[0-9]+.[0-9]+"]


@pytest.mark.parametrize(
    "path", [p for p in TEMPLATES if "sportcoach/sc-deploy" in p.read_text()], ids=name_of
)
def test_templates_pass_what_the_called_workflow_asks_for(path: Path) -> None:
    for name, job in jobs_of(path):
        if "sportcoach/sc-deploy" not in job.get("uses", ""):
            continue
        called = ROOT / job["uses"].split("@")[0].removeprefix("sportcoach/sc-deploy/")
        inputs = triggers(called)["workflow_call"]["inputs"]
        assert set(job["with"]) <= set(inputs), name
        assert {key for key, one in inputs.items() if one.get("required")} <= set(job["with"]), name


@pytest.mark.parametrize(
    "folder", [ROOT / ".github" / "workflows", ROOT / "pipeline" / "workflows"], ids=name_of
)
def test_actionlint_finds_nothing(folder: Path, tmp_path: Path) -> None:
    program = shutil.which("actionlint")
    if program is None:
        pytest.skip("actionlint is not on PATH")
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    shutil.copytree(folder, tmp_path / ".github" / "workflows", dirs_exist_ok=True)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    found = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)
