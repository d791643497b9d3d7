"""A whole lab: real processes and sockets, reached by ordinary clients and by the real command line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from bluegreen.contract import parameter_name, parse_contract
from bluegreen.errors import CloudUnavailable, ConfigError, DeployError, Refused
from bluegreen.lab import lifecycle
from bluegreen.lab.database.programs import missing
from bluegreen.lab.database.record import Record
from bluegreen.lab.faults.breakage import Breakage, break_, heal, kind_of, share_of, state
from bluegreen.lab.faults.kinds import Break
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.load.child import LOAD, WRITES, LoadProcess
from bluegreen.lab.load.writes import seen_in
from bluegreen.lab.process import start_time
from bluegreen.lab.starting import Process, recorded
from tools.commands import Done, sc_deploy

if not missing():
    import asyncpg

needs_database = pytest.mark.skipif(bool(missing()), reason=missing())
pytestmark = pytest.mark.timeout(600)
"""A lab on a busy machine slows its clock."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabInfo]:
    place = tmp_path_factory.mktemp("lab")
    yield lifecycle.up(place, owner_pid=os.getpid())
    lifecycle.down(place)


@pytest.fixture(scope="module")
def serving(lab: LabInfo) -> LabInfo:
    """The lab with v1.0.0 released by the command line."""
    done = sc_deploy(lab, "promote", "v1.0.0", "--yes")
    assert done.code == 0, done.stderr
    return lab


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "serving" in request.fixturenames:
        heal(request.getfixturevalue("serving"))


def client(lab: LabInfo, service: str) -> Any:
    keys = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
    return boto3.client(service, endpoint_url=lab.endpoint_url, region_name=lab.env["AWS_REGION"], **keys)


def begun(lab: LabInfo, *words: str) -> subprocess.Popen[str]:
    """`sc-deploy WORDS`, for people, against the lab."""
    command = [sys.executable, "-c", "import cli; cli.main()", *words]
    environment = {**os.environ, **lab.env, "SC_DEPLOY_LAB": str(lab.state_dir)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def line(lab: LabInfo, *words: str) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    running = begun(lab, *words)
    shown, said = running.communicate()
    return subprocess.CompletedProcess(words, running.returncode, shown, said)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_any_aws_client_finds_the_contract_any_user_the_maintenance_page_and_a_load_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "missing", lambda: "no wheel for this platform")
    lab = lifecycle.up(tmp_path, stack="other", owner_pid=os.getpid())
    try:
        assert "none: no wheel for this platform" in line(lab, "lab", "status").stdout
        found = client(lab, "ssm").get_parameter(Name=parameter_name("other"))["Parameter"]["Value"]
        contract = parse_contract(found, source="lab")
        assert contract.base_url == lab.front_url
        assert contract.database is None
        assert [str(tier.name) for tier in contract.tiers] == ["web", "app", "ai"]
        page = httpx.get(lab.front_url)
        assert page.status_code == 503
        assert "being set up" in page.text
        load = begun(lab, "lab", "load", "--rate", "20", "--seconds", "600")
        assert load.stdout is not None
        assert json.loads(load.stdout.readline())["kind"] == "second"
        processes = recorded(tmp_path)
        names = {path.stem.partition("-")[0] for path in processes}
        assert names == {"control", "balancer", "envoy", "load"}
    finally:
        assert lifecycle.down(tmp_path) is True
    assert [one for one in processes.values() if one.alive] == []
    figures, said = load.communicate()
    assert json.loads(figures.splitlines()[-1])["kind"] == "report"
    assert "SIGTERM: the load stops before its end" in said
    assert lifecycle.find(tmp_path) is None
    assert lifecycle.down(tmp_path) is False


def test_a_load_ends_with_the_command_that_runs_it(lab: LabInfo) -> None:
    command = begun(lab, "lab", "load", "--rate", "5", "--seconds", "600")
    assert command.stdout is not None
    command.stdout.readline()
    (load,) = [one for path, one in recorded(lab.state_dir).items() if path.stem.startswith(LOAD)]
    command.kill()
    command.communicate()
    until(lambda: not load.alive)


def test_up_again_is_the_same_lab_and_another_pace_is_refused(lab: LabInfo) -> None:
    assert lifecycle.up(lab.state_dir, owner_pid=os.getpid(), database=False) == lab
    with pytest.raises(Refused, match="a quick lab with stack lab is already running"):
        lifecycle.up(lab.state_dir, realistic=True)


def test_a_lab_ends_with_its_owner(tmp_path: Path) -> None:
    program = "import os, pathlib, sys; from bluegreen.lab import lifecycle as l\n"
    program += "print(l.up(pathlib.Path(sys.argv[1]), owner_pid=os.getpid(), database=False).control.pid)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    deadline = time.monotonic() + 60
    while start_time(int(done.stdout)) is not None or lifecycle.find(tmp_path):
        assert time.monotonic() < deadline, "the control server outlived its owner"
        time.sleep(0.05)


def test_status_tells_addresses_instances_and_releases(serving: LabInfo) -> None:
    shown = line(serving, "lab", "status")
    assert shown.returncode == 0, shown.stderr
    assert serving.front_url in shown.stdout
    assert "this machine gives the lab" in shown.stdout
    assert "2 % of its responses are errors" in shown.stdout
    assert shown.stdout.count("v1.0.0") >= 6
    document = json.loads(line(serving, "lab", "status", "--output", "json").stdout)
    assert document["env"] == serving.env
    assert {one["tags"]["sportcoach:tier"] for one in document["instances"]} == {"web", "app", "ai"}


def test_down_stops_the_server_of_a_lab_that_was_killed_while_it_started(tmp_path: Path) -> None:
    # Not Python: interrupted while it starts, it ends with 1.
    with subprocess.Popen(["sleep", "600"]) as server:
        there = Process(pid=server.pid, started=start_time(server.pid) or "")
        Record(tmp_path).write(tmp_path / "place", [there])
        assert lifecycle.down(tmp_path) is True
        assert server.wait(60) == -signal.SIGINT
    assert lifecycle.down(tmp_path) is False


@needs_database
def test_a_database_that_does_not_start_is_told_in_its_own_words(
    lab: LabInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise DeployError("the database sportcoach-lab is failed")

    monkeypatch.setattr(lifecycle.stack_database, "complete", fail)
    told = {"databases": [{"failure": ""}, {"failure": "initdb: No space left on device"}]}
    monkeypatch.setattr(httpx, "get", lambda _: httpx.Response(200, json=told))
    with pytest.raises(DeployError, match="database did not start: initdb: No space left") as raised:
        lifecycle._database(None, lab, "")
    assert "--no-database" in raised.value.next_step


@needs_database
def test_the_application_keeps_its_rows_in_the_database_and_survives_without(serving: LabInfo) -> None:
    def rows(sql: str) -> Any:
        async def ask() -> Any:
            connection = await asyncpg.connect(serving.database_url, ssl=False)
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return asyncio.run(ask())

    assert serving.database_url in line(serving, "lab", "status").stdout
    assert rows("SELECT count(*) FROM users") == 100
    url, body = f"{serving.front_url}/api/feedback", {"id": "mine", "user": 1, "text": "well done"}
    assert httpx.post(url, json=body).status_code == 201
    assert rows("SELECT version FROM feedback WHERE id = 'mine'") == "v1.0.0"
    switch = f"{serving.endpoint_url}/_lab/database"
    httpx.post(switch, json={"on": False}).raise_for_status()
    assert re.search(r"faults +database \S+ stopped", line(serving, "lab", "status").stdout)
    assert httpx.post(url, json=body).status_code == 503
    assert httpx.get(f"{serving.front_url}/api/sessions").status_code == 200
    httpx.post(switch, json={"on": True}).raise_for_status()
    assert httpx.post(url, json=body).status_code == 201
    assert httpx.get(url, params={"id": "mine"}).json()["rows"] == 2


@pytest.mark.parametrize(
    ("breakage", "status"),
    [
        (Breakage(kind=Break.ERRORS, share=1.0), 500),
        (Breakage(kind=Break.FUNCTION, path="/api/sessions"), 500),
    ],
)
def test_what_is_broken_answers_badly_until_it_is_healed(
    serving: LabInfo, breakage: Breakage, status: int
) -> None:
    url = f"{serving.front_url}/api/sessions"
    assert httpx.get(url).status_code == 200
    assert str(breakage.kind) in break_(serving, breakage)
    assert httpx.get(url).status_code == status
    heal(serving)
    assert httpx.get(url).status_code == 200


def test_a_crashed_instance_is_replaced(serving: LabInfo) -> None:
    before = {one["id"] for one in state(serving)["instances"] if one["pid"]}
    assert "Auto Scaling replaces" in line(serving, "lab", "break", "--kind", "crash").stderr

    def healthy() -> set[str]:
        groups = state(serving)["groups"]
        return {one for group in groups for one, health in group["targets"].items() if health == "healthy"}

    deadline = time.monotonic() + 60
    while len(healthy()) < 6 or healthy() <= before:
        assert time.monotonic() < deadline, state(serving)
        time.sleep(0.05)
    assert len(healthy() - before) == 3


def test_a_control_plane_that_is_down_is_told_and_traffic_flows_on(serving: LabInfo) -> None:
    shown = line(serving, "lab", "break", "--kind", "control-plane-down")
    assert "the AWS API is down" in shown.stderr
    status = line(serving, "status")
    assert status.returncode != 0
    assert "Error: " in status.stderr
    assert httpx.get(serving.front_url).status_code == 200
    assert line(serving, "lab", "heal").returncode == 0
    assert line(serving, "status").returncode == 0


def test_what_cannot_be_broken_is_refused(serving: LabInfo) -> None:
    with pytest.raises(Refused, match=r"no running instance of v9\.9\.9"):
        break_(serving, Breakage(kind=Break.HANG, version="v9.9.9"))
    with pytest.raises(ConfigError, match=r"unknown kind 'fire' \(allowed: errors, latency"):
        kind_of("fire")
    for wrong in ("30", "0.3", "101%", "x%"):
        with pytest.raises(ConfigError, match="is not a percentage"):
            share_of(wrong)


def test_a_verb_without_a_lab_says_how_to_start_one(lab: LabInfo, tmp_path: Path) -> None:
    for words in (("status",), ("heal",), ("break", "--kind", "errors"), ("load",)):
        shown = line(lab, "lab", *words, "--state-dir", str(tmp_path))
        assert shown.returncode == 3
        assert "sc-deploy lab up" in shown.stderr


def test_a_lab_that_does_not_answer_is_an_error_that_names_the_next_step(lab: LabInfo) -> None:
    import dataclasses

    gone = dataclasses.replace(lab, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(CloudUnavailable, match="sc-deploy lab status"):
        state(gone)


def ended(done: Done) -> Any:
    return done.events[-1]


def test_a_bad_release_under_real_traffic_harms_nobody_but_its_own_share(serving: LabInfo) -> None:
    text = serving.policy.read_text(encoding="utf-8").replace('ramp = ["25%", "50%"]', 'ramp = ["50%"]')
    policy = serving.policy.with_name("half.toml")
    policy.write_text(text, encoding="utf-8")
    with LoadProcess(
        serving.front_url,
        serving.state_dir,
        rate=600,
        connections=100,
        seconds=600,
        writes=WRITES if serving.database_url else 0,
    ) as load:
        done = sc_deploy(serving, "promote", "v1.2.0", "--yes", "--policy", str(policy))
        _, report = load.figures()
    assert done.code == 5, done.stderr
    assert "errors: " in ended(done)["words"]
    assert all("100 % v1.0.0" in words for words in ended(done)["traffic"])
    assert report["requests"] > 3000
    writes = seen_in(serving.database_url, report)
    assert writes is None or writes.ok, writes
    assert set(report["failed_by_version"]) <= {"v1.2.0"}
    assert {one["tags"]["sportcoach:release"] for one in state(serving)["instances"] if one["pid"]} == {
        "v1.0.0"
    }


def test_a_lab_whose_control_server_was_killed_says_what_is_lost(lab: LabInfo) -> None:
    """The last of this file: it ends the lab that the others share."""
    processes = recorded(lab.state_dir)
    os.kill(lab.control.pid, signal.SIGKILL)
    until(lambda: not lab.control.alive)
    for words, told in (
        (("lab", "status"), "the stack and its releases, is lost"),
        (("status",), "nothing listens there: if AWS_ENDPOINT_URL was a lab's, `sc-deploy lab status`"),
        (("promote", "v1.1.0", "--yes"), "nothing listens there"),
    ):
        shown = line(lab, *words)
        assert shown.returncode != 0
        assert told in shown.stderr
        assert "Traceback" not in shown.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shown = line(lab, "lab", "up", "--port", str(taken.getsockname()[1]))
    assert "its control server was killed or has crashed" in shown.stderr
    assert [one for one in processes.values() if one.alive] == []
    assert "no lab is running" in line(lab, "lab", "down").stderr
    assert lifecycle.lost(lab.state_dir) == ""
