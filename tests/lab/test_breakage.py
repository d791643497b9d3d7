"""`lab break` and `lab heal`: every kind is explained, takes effect, and is healed, alone or with all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bluegreen.commands._lab_faults import KINDS
from bluegreen.errors import ConfigError
from bluegreen.lab.api.control import ControlServer
from bluegreen.lab.cloud.settings import HealthSource, Settings
from bluegreen.lab.faults import breakage
from bluegreen.lab.faults.breakage import Breakage, break_, heal, kind_of, state
from bluegreen.lab.faults.kinds import API_FAULTS, CONDITIONS, Break
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.starting import Process
from tests.world.control import control_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[ControlServer]:
    """The control plane alone: no instance has a process."""
    settings = Settings(health=HealthSource.REPORTED, pending_seconds=0.0, boot_seconds=0.0)
    with control_server(tmp_path_factory.mktemp("breakage"), settings) as made:
        yield made


@pytest.fixture
def lab(server: ControlServer, tmp_path: Path) -> LabInfo:
    nobody = Process(pid=0, started="")
    return LabInfo(
        state_dir=tmp_path,
        stack="lab",
        realistic=False,
        endpoint_url=server.url,
        front_url=server.url,
        policy=tmp_path / "deploy.toml",
        database_url="",
        without_database="",
        stretch=1,
        machine="",
        control=nobody,
        balancer=nobody,
    )


def client(lab: LabInfo, name: str) -> Any:
    return boto3.client(
        name,
        endpoint_url=lab.endpoint_url,
        region_name="ap-northeast-1",
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
        config=Config(retries={"total_max_attempts": 1}),
    )


def in_force(lab: LabInfo) -> dict[str, Any]:
    found = state(lab)
    return {"faults": found["faults"], "conditions": found["conditions"]}


WELL: dict[str, Any] = {"faults": [], "conditions": {}}


def test_every_kind_has_its_line_in_the_help() -> None:
    assert list(KINDS) == list(Break)


@pytest.mark.parametrize("alone", [True, False])
def test_what_is_wrong_with_aws_is_in_force_until_it_is_healed(lab: LabInfo, *, alone: bool) -> None:
    for kind in [*API_FAULTS, *CONDITIONS]:
        words = break_(lab, Breakage(kind=kind))
        assert words, kind
        assert in_force(lab) != WELL, kind
        heal(lab, kind if alone else None)
        assert in_force(lab) == WELL, kind


def test_healing_one_kind_leaves_the_others(lab: LabInfo) -> None:
    for kind in (Break.THROTTLE, Break.METRICS_DOWN, Break.NO_CAPACITY, Break.READ_LAG):
        break_(lab, Breakage(kind=kind, seconds=7.5))
    heal(lab, Break.METRICS_DOWN)
    heal(lab, Break.NO_CAPACITY)
    left = in_force(lab)
    assert [one["effect"] for one in left["faults"]] == ["throttle"]
    assert left["conditions"] == {"read_lag_seconds": 7.5}
    heal(lab)


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("elbv2", "describe_target_groups", "ExpiredToken"),
        ("autoscaling", "describe_auto_scaling_groups", "ExpiredToken"),
        ("dynamodb", "list_tables", "ExpiredTokenException"),
        ("ec2", "describe_launch_templates", "RequestExpired"),
    ],
)
def test_a_session_that_expired_is_refused_in_the_words_of_each_service(
    lab: LabInfo, service: str, call: str, code: str
) -> None:
    break_(lab, Breakage(kind=Break.CREDENTIALS))
    with pytest.raises(ClientError) as caught:
        getattr(client(lab, service), call)()
    assert caught.value.response["Error"]["Code"] == code
    heal(lab)
    getattr(client(lab, service), call)()


def test_a_database_that_is_down_says_so_and_whoever_runs_it_is_told(
    lab: LabInfo, server: ControlServer
) -> None:
    rds = client(lab, "rds")
    told: list[bool] = []
    rds.create_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t4g.micro", Engine="postgres")
    server.cloud.databases.instances["db"].ready_at = 0.0
    server.cloud.databases.on_power.append(told.append)

    def status() -> str:
        found: str = rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"]
        return found

    assert "db-down" in break_(lab, Breakage(kind=Break.DB_DOWN))
    assert status() == "stopped"
    heal(lab, Break.DB_DOWN)
    assert status() == "available"
    assert told == [False, True]


def test_a_database_may_take_its_time_to_stop(
    lab: LabInfo, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = httpx.Client(timeout=0.01)
    monkeypatch.setattr(breakage, "_client", lambda: impatient)
    server.cloud.databases.on_power.append(lambda _: time.sleep(0.3))
    assert "db-down" in break_(lab, Breakage(kind=Break.DB_DOWN))
    server.cloud.databases.on_power.pop()
    server.cloud.databases.set_power(on=True)


def test_a_demand_scales_the_fleets_of_the_chosen_tier(lab: LabInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {"sportcoach:tier": "app", "sportcoach:release": "v1", "aws:autoscaling:groupName": "app-1"}
    host = {"id": "i-1", "pid": 1, "address": ["127.0.0.1", 1], "tags": tags}
    found = {**state(lab), "instances": [host], "fleets": [{"name": "app-1", "desired": 2}]}
    monkeypatch.setattr("bluegreen.lab.faults.breakage.state", lambda _lab: found)
    assert break_(lab, Breakage(kind=Break.SCALE_OUT)) == "scale-out: app-1 to 3"
    monkeypatch.undo()
    assert state(lab)["conditions"] == {"demand": {"app-1": 3.0}}
    heal(lab, Break.SCALE_OUT)
    assert in_force(lab) == WELL


@pytest.mark.parametrize(
    ("typed", "meant"), [("boot_slow", "boot-slow"), ("az-gone", "az-lost"), ("credential", "credentials")]
)
def test_an_unknown_kind_suggests_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kind_of(typed)
    assert caught.value.next_step == f"did you mean {meant}?"
    assert f"unknown kind '{typed}'" in str(caught.value)


@pytest.mark.parametrize(
    ("service", "call", "given"),
    [
        ("autoscaling", "start_instance_refresh", {"AutoScalingGroupName": "g"}),
        ("elbv2", "describe_ssl_policies", {}),
        ("rds", "describe_account_attributes", {}),
        ("cloudwatch", "describe_anomaly_detectors", {}),
        ("ssm", "describe_ops_items", {}),
    ],
)
def test_an_operation_that_is_not_modelled_is_an_error_that_aws_clients_can_read(
    lab: LabInfo, service: str, call: str, given: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="not modelled"):
        getattr(client(lab, service), call)(**given)
