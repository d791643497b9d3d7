"""The step that runs sc-deploy in a job: as a process, with its signals, its summary and what it hides."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bluegreen.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".github" / "actions" / "sc-deploy" / "run.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["run"] = module
    spec.loader.exec_module(module)
    return module


step = load()


def job(tmp_path: Path, program: str, **more: str) -> subprocess.Popen[bytes]:
    """The step with `program` (Python) as sc-deploy beside the interpreter, as in `.venv/bin`."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python").symlink_to(sys.executable)
    (tools / "sc-deploy").write_text(f"#!{sys.executable}\n{program}")
    (tools / "sc-deploy").chmod(0o755)
    environment = os.environ | {
        "COMMAND": "promote",
        "ARGUMENTS": "v1.4.0\n--reason=a b; echo $(id)\n\n",
        "SC_DEPLOY_STACK": "prod",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        **more,
    }
    return subprocess.Popen(
        [str(tools / "python"), SCRIPT], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def outputs(tmp_path: Path) -> dict[str, str]:
    lines = (tmp_path / "output").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_exit_codes_are_those_of_the_product() -> None:
    assert set(step.ENDINGS) == {int(code) for code in ExitCode}
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \| ", table, re.MULTILINE)} == set(step.ENDINGS)
    assert [code for code, one in step.ENDINGS.items() if not one.level] == [0]


def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    with job(tmp_path, "import sys\nprint(sys.argv[1:])\nsys.exit(0)") as process:
        said, _ = process.communicate(timeout=60)
    assert b"['promote', 'v1.4.0', '--reason=a b; echo $(id)']" in said
    assert process.returncode == 0
    kept = Path(outputs(tmp_path)["output-file"]).read_text()
    assert kept == "['promote', 'v1.4.0', '--reason=a b; echo $(id)']\n"
    assert b"::error" not in said


@pytest.mark.parametrize(("code", "title"), [(5, "rolled back"), (6, "a person is needed"), (3, "refused")])
def test_a_bad_end_is_an_annotation_and_the_jobs_end(tmp_path: Path, code: int, title: str) -> None:
    with job(tmp_path, f"import sys\nprint('100 %\\nlast words')\nsys.exit({code})") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert outputs(tmp_path)["exit-code"] == str(code)
    (note,) = re.findall(r"^::error title=(.*)::(.*)$", said.decode(), re.MULTILINE)
    assert title in note[0]
    assert note[1] == "100 %25%0Alast words"
    summary = (tmp_path / "summary.md").read_text()
    assert f"Exit code {code}: " in summary
    assert "last words" in summary


def test_words_from_outside_are_no_workflow_commands(tmp_path: Path) -> None:
    with job(tmp_path, "print('::add-mask::prod')") as process:
        said, _ = process.communicate(timeout=60)
    token, inside = re.findall(
        r"^::stop-commands::(\w{32})\n(.*)\n::\1::$", said.decode(), re.MULTILINE | re.DOTALL
    )[0]
    assert token
    assert "::add-mask::prod" in inside


def test_a_block_of_code_ends_where_the_text_ends() -> None:
    assert step.fenced("a\n```\nb") == "````text\na\n```\nb\n````\n"
    assert len(step.summary("t", 0, "x" * 2_000_000, "").encode()) <= 1_000_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_reaches_the_command_and_waits_for_it(tmp_path: Path, number: signal.Signals) -> None:
    waits = (
        "import signal, sys\n"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, {{{int(number)}}})\n"
        "print('ready', flush=True)\n"
        f"signal.sigwait({{{int(number)}}})\n"
        "print('stopped at a safe point', flush=True)\n"
        "sys.exit(130)"
    )
    with job(tmp_path, waits) as process:
        assert process.stdout
        while process.stdout.readline() != b"ready\n":
            assert process.poll() is None
        process.send_signal(number)
        said = process.stdout.read()
    assert process.returncode == 130
    assert b"stopped at a safe point" in said
    assert b"::warning title=" in said


def test_a_command_that_was_killed_is_told_as_one(tmp_path: Path) -> None:
    with job(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)") as process:
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL


def test_a_deployments_report_is_the_summary(tmp_path: Path) -> None:
    program = "import sys\nprint('# Report' if sys.argv[1:] == ['report', '--markdown'] else 'plain lines')"
    with job(tmp_path, program) as process:
        process.communicate(timeout=60)
    summary = (tmp_path / "summary.md").read_text()
    assert "# Report" in summary
    assert "plain lines" not in summary


def test_the_real_command_is_run(tmp_path: Path) -> None:
    program = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom cli import main\nmain()"
    with job(tmp_path, program, COMMAND="promote", ARGUMENTS="not/a/version") as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == int(ExitCode.USAGE), said
    assert b"::error title=sc-deploy promote on prod - usage or configuration::" in said


def test_who_answers_for_the_checklist_reaches_the_command(tmp_path: Path) -> None:
    program = "import json, sys\nprint(json.dumps(sys.argv[1:]))"
    said = "tests=https://ci.example/runs/7\n\n team=Ben Ito; review=Mei $(id)"
    process = job(tmp_path, program, ATTEST=said)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (
        '["promote", "v1.4.0", "--reason=a b; echo $(id)", "--attest=tests=https://ci.example/runs/7", '
        '"--attest=team=Ben Ito", "--attest=review=Mei $(id)"]'
    ) in shown.decode()
