"""What is installed where no image was baked: pinned, under apt's lock, held, and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.machine import Machine, machine


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


def test_apt_waits_for_whoever_holds_its_lock(host: Machine) -> None:
    (host.stubs / "locked").touch()
    assert (host.boot().returncode, host.now) == (0, 0)


def test_an_archive_out_of_reach_is_tried_as_long_as_the_boot_may_take(host: Machine) -> None:
    host.budget = 30
    (host.stubs / "archive-down").touch()
    done = host.boot()
    assert done.returncode == 1
    assert "package lists: gave up" in done.stdout
    assert host.now == 30


def test_every_package_is_pinned_to_a_series(host: Machine) -> None:
    host.boot()
    (install,) = (call for call in host.calls("apt-get") if " install " in call)
    names = install.partition("--no-install-recommends ")[2].split()
    pins = (host.root / "etc/apt/preferences.d/sportcoach").read_text(encoding="utf-8")
    pinned = {
        stanza.splitlines()[0].removeprefix("Package: "): stanza.splitlines()[1]
        for stanza in pins.strip().split("\n\n")
    }
    assert list(pinned) == names
    assert pinned["docker.io"] == "Pin: version 28.*"


def test_a_version_that_is_not_the_pinned_one_is_told_and_taken(host: Machine) -> None:
    (host.stubs / "version-docker.io").write_text("29.0.1-0ubuntu1")
    done = host.boot()
    assert (done.returncode, host.running) == (0, True)
    assert "WARNING: docker.io is 29.0.1-0ubuntu1, pinned 28.*" in done.stdout


def test_nothing_upgrades_what_runs_the_containers(host: Machine) -> None:
    """`hold` stops apt and the patch baseline, the black list the daily upgrades."""
    host.boot()
    assert host.calls("apt-mark") == ["hold docker.io containerd runc"]
    rules = (host.root / "etc/apt/apt.conf.d/52sportcoach").read_text(encoding="utf-8")
    assert 'Package-Blacklist { "^docker.io$"; "^containerd$"; "^runc$"; };' in rules
    daemon = json.loads((host.root / "etc/docker/daemon.json").read_text(encoding="utf-8"))
    assert daemon == {"live-restore": True}


def without_agent(host: Machine) -> None:
    (host.stubs / "amazon-cloudwatch-agent-ctl").unlink()


def test_the_cloudwatch_agent_is_a_version_with_a_checksum(host: Machine) -> None:
    without_agent(host)
    host.boot()
    (fetched,) = (call for call in host.calls("curl") if "amazoncloudwatch-agent" in call)
    assert "/ubuntu/amd64/1." in fetched
    assert "latest" not in fetched
    assert any(call.startswith("--install") for call in host.calls("dpkg"))


@pytest.mark.parametrize("fault", ["agent-gone", "agent.deb"])
def test_without_the_cloudwatch_agent_the_application_serves(host: Machine, fault: str) -> None:
    """Its store is away, or what it gives is not what was pinned."""
    (host.stubs / fault).write_text("tampered with")
    without_agent(host)
    done = host.boot()
    assert (done.returncode, host.running) == (0, True)
    assert "the CloudWatch agent could not be installed" in done.stdout
    assert host.calls("dpkg") == []


def test_packages_are_installed_once_for_each_host(host: Machine) -> None:
    host.boot()
    asked = len(host.calls("apt-get"))
    host.reboot()
    assert len(host.calls("apt-get")) == asked
