"""The adapters over real sockets: botocore's own retries repeat calls whose answers were lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.clock import SystemClock
from bluegreen.adapters.connect import connect
from bluegreen.contract import STATE_TABLE_HASH_KEY, STATE_TABLE_RANGE_KEY, Contract, Tier
from bluegreen.domain.journal import Entry, Warned
from bluegreen.domain.lease import Holder
from bluegreen.errors import CloudUnavailable, Locked
from bluegreen.lab.api.control import ControlServer
from bluegreen.lab.cloud.settings import HealthSource, Settings
from bluegreen.policy import Policy
from bluegreen.ports import Ports
from tests.world.control import control_server

from .conftest import REGION, spec, tags


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlServer]:
    settings = Settings(health=HealthSource.REPORTED, pending_seconds=0.1, rule_propagation_seconds=0.1)
    with control_server(tmp_path_factory.mktemp("control"), settings) as made:
        yield made


@pytest.fixture(scope="module")
def session(server: ControlServer) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "lab")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "lab")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        yield Session(region=REGION)


@pytest.fixture(scope="module")
def contract(session: Session) -> Contract:
    elb = session.service("elbv2").client
    balancer = elb.create_load_balancer(Name="http", Subnets=["subnet-1"])["LoadBalancers"][0]
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=fixed
    )
    template = session.service("ec2").client.create_launch_template(
        LaunchTemplateName="http", LaunchTemplateData={"ImageId": "ami-1"}
    )
    keys = {STATE_TABLE_HASH_KEY: "HASH", STATE_TABLE_RANGE_KEY: "RANGE"}
    session.service("dynamodb").client.create_table(
        TableName="http-state",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    session.service("scheduler").client.create_schedule_group(Name="http")
    tier = {
        "name": "app",
        "path_patterns": ["/*"],
        "rule_priority": 100,
        "preview_priority": 10,
        "port": 8080,
        "version_path": "/version",
        "launch_template_id": template["LaunchTemplate"]["LaunchTemplateId"],
        "subnet_ids": ["subnet-1"],
        "fleet": {"minimum": 1, "desired": 2, "maximum": 4},
        "scaling": [{"kind": "cpu", "target_percent": 60}],
        "image_repository": "sportcoach-platform",
    }
    return Contract.model_validate(
        {
            "stack": "test",
            "account_id": "123456789012",
            "region": REGION,
            "vpc_id": "vpc-0abc",
            "base_url": "http://127.0.0.1:9",
            "load_balancer_arn": balancer["LoadBalancerArn"],
            "listener_arn": listener["Listeners"][0]["ListenerArn"],
            "state_table": "http-state",
            "buckets": {"assets": "a", "models": "m", "training_data": "t", "logs": "l"},
            "alerts": {"critical_topic_arn": "arn", "warning_topic_arn": "arn"},
            "watchdog": {"role_arn": "arn:aws:iam::123456789012:role/dog", "schedule_group": "http"},
            "tiers": [tier],
        }
    )


@pytest.fixture
def ports(contract: Contract, session: Session) -> Ports:
    return connect(contract, Policy(), session=session, clock=SystemClock(), owner="me")


@pytest.fixture
def fault(server: ControlServer) -> Iterator[Callable[..., None]]:
    def add(**given: Any) -> None:
        httpx.post(f"{server.url}/_lab/faults", json=given).raise_for_status()

    yield add
    httpx.delete(f"{server.url}/_lab/faults")


def test_thirty_two_deployers_one_winner(ports: Ports) -> None:
    barrier = threading.Barrier(32)

    def race(number: int) -> Holder | None:
        barrier.wait()
        try:
            return ports.lease.acquire(
                owner=f"deployer-{number}", why="race", deployment=1, ttl=90, now=time.time()
            )
        except Locked:
            return None

    with ThreadPoolExecutor(32) as pool:
        winners = [one for one in pool.map(race, range(32)) if one]
    assert len(winners) == 1
    ports.lease.release(winners[0])


@pytest.mark.parametrize("effect", ["drop", "throttle", "error"])
def test_every_change_survives_a_lost_first_answer(
    ports: Ports, contract: Contract, fault: Callable[..., None], effect: str
) -> None:
    """One port call each: the retry inside botocore meets what the lost call had made."""
    tier = contract.tier(Tier.APP)
    number = ["drop", "throttle", "error"].index(effect) + 1
    given = {"effect": effect, "when": "after" if effect == "drop" else "before"}
    for action in ("CreateTargetGroup", "CreateRule", "CreateAutoScalingGroup", "ModifyRule"):
        fault(action=action, **given)
    fault(action="CreateSchedule", **given)
    fault(action="UpdateItem", **given)
    fault(action="TransactWriteItems", **given)

    group = ports.balancer.ensure_target_group(tier, spec(number), tags(number))
    rule = ports.balancer.set_weights(tier, {group.arn: 100}, tags(number))
    assert dict(rule.weights) == {group.arn: 100}
    fleet = ports.fleets.ensure(tier, spec(number), group.arn, tags(number))
    assert fleet.desired == 2
    name = f"sc-test-app-{number}"
    ports.watchdog.arm(rule.arn, {group.arn: 100}, name=name, at=time.time() + 600)
    assert name in ports.watchdog.armed()
    holder = ports.lease.acquire(owner=effect, why="w", deployment=number, ttl=90, now=time.time())
    entry = Entry(seq=1, at=1.5, event=Warned(words="w"))
    ports.journal.append(number, [entry], token=holder.token)
    assert ports.journal.entries(number) == (entry,)

    assert [one.name for one in ports.balancer.target_groups()].count(name) == 1
    assert len(ports.balancer.rules()) == 1
    ports.lease.release(holder)


def test_hanging_aws_is_given_up_after_the_retries(session: Session, contract: Contract, fault: Any) -> None:
    impatient = Session(region=REGION, read_timeout=0.2, attempts=2)
    hanging = connect(contract, Policy(), session=impatient, clock=SystemClock(), owner="me")
    fault(effect="timeout", action="DescribeRules", times=2, seconds=1.0)
    with pytest.raises(CloudUnavailable, match="no usable answer"):
        hanging.balancer.rules()
    patient = connect(contract, Policy(), session=session, clock=SystemClock(), owner="me")
    assert isinstance(patient.balancer.rules(), tuple)


def test_metrics_that_are_not_there_yet(ports: Ports, contract: Contract) -> None:
    tier = contract.tier(Tier.APP)
    group = ports.balancer.ensure_target_group(tier, spec(9), tags(9))
    now = time.time()
    assert ports.metrics.requests(group, since=now - 900, until=now - 600) is None
    assert ports.metrics.p95_ms(group, since=now - 900, until=now) is None
