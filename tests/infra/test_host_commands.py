"""A host lets itself into service once it serves, and runs tasks that a release asks for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.machine import REGISTRY, Machine, machine

IMAGE = f"{REGISTRY}/sportcoach-platform@sha256:{'b' * 64}"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


def completed(host: Machine) -> list[str]:
    return [call for call in host.calls("aws") if "complete-lifecycle-action" in call]


def test_it_enters_service_once_it_serves(host: Machine) -> None:
    host.start_seconds = 200
    done = host.boot()
    assert (done.returncode, host.now) == (0, 200)
    (call,) = completed(host)
    for part in ("-name sc-launch", "-group-name sc-prod-ai-42", "i-0123456789abcdef0", "-result CONTINUE"):
        assert part in call


def test_a_reboot_has_no_hook_to_complete(host: Machine) -> None:
    host.boot()
    (host.stubs / "hook-down").touch()
    assert host.reboot().returncode == 0
    assert len(completed(host)) == 1


@pytest.mark.parametrize(("state", "ends"), [("InService", 0), ("Pending:Wait", 1)])
def test_an_instance_that_was_let_in_already_is_in_service(host: Machine, state: str, ends: int) -> None:
    """The answer was lost, or a person was faster; else the host tries for as long as its budget lasts."""
    host.budget = 30
    (host.stubs / "hook-down").touch()
    (host.stubs / "lifecycle").write_text(f"{state}\n")
    assert host.boot().returncode == ends
    assert host.now == (30 if ends else 0)
    assert host.running


def task(host: Machine, *words: str) -> tuple[int, str]:
    done = host.run(str(host.root / "usr/local/bin/sportcoach-run"), *words)
    return done.returncode, done.stdout


def test_a_task_runs_in_the_given_image_with_what_the_application_has(host: Machine) -> None:
    host.boot()
    before = host.calls("docker")
    code, output = task(host, IMAGE, "--", "npm", "run", "migrate")
    assert (code, output.splitlines()[-1]) == (0, "task output")
    pull, run = (call for call in host.calls("docker")[-3:] if call.startswith(("pull", "run")))
    assert pull == f"pull --quiet {IMAGE}"
    assert run.startswith("run --rm --init ")
    assert run.endswith(f"--env PORT= {IMAGE} npm run migrate")
    assert f"--env-file {host.root}/run/sportcoach/environment" in run
    assert f"--volume {host.root}/run/sportcoach/secrets:/run/secrets:ro" in run
    assert "--read-only" in run
    assert "mode=non-blocking" in run
    # The application is left alone.
    assert host.running
    touched = [call for call in host.calls("docker")[len(before) :] if call.startswith(("rm", "stop"))]
    assert all(name_of(run) in call for call in touched)
    assert "--detach" not in run
    assert "--publish" not in run


def name_of(run: str) -> str:
    """The container's name in the arguments of `docker run`."""
    name = run.partition(" --name ")[2].split()[0]
    assert name.startswith("sportcoach-task-")
    return name


def test_no_container_outlives_a_task_that_was_cancelled(host: Machine) -> None:
    """Cancelling kills the whole process group and with it docker's client; the container lives on."""
    host.boot()
    (host.stubs / "task-cancelled").touch()
    run = str(host.root / "usr/local/bin/sportcoach-run")
    host.run("setsid", "--wait", run, IMAGE, "--", "npm", "run", "migrate")
    (started,) = (call for call in host.calls("docker") if call.startswith("run --rm "))
    wanted = f"rm --force {name_of(started)}"
    deadline = time.monotonic() + 60
    while wanted not in host.calls("docker"):
        assert time.monotonic() < deadline, host.calls("docker")
        time.sleep(0.02)
    assert host.running


def test_a_task_waits_for_a_host_that_still_boots(host: Machine) -> None:
    host.budget = 30
    host.boot()
    (host.root / "run/sportcoach/ready").unlink()
    code, output = task(host, IMAGE, "--", "true")
    assert code == 1
    assert "this host to be ready: gave up" in output
    assert host.now == 30


def test_a_task_without_image_or_command_is_refused(host: Machine) -> None:
    host.boot()
    for words in ((), (IMAGE,), (IMAGE, "--"), (IMAGE, "true", "--")):
        code, output = task(host, *words)
        assert code == 1
        assert "usage: sportcoach-run IMAGE -- COMMAND..." in output
