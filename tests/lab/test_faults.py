from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.api.moto_backend import reset
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Call, Cloud
from bluegreen.lab.faults import Crashed, Effect, Fault, FaultPlan, When

GROUP = {"Name": "blue", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"}


@pytest.fixture(autouse=True)
def _fresh_moto() -> None:
    reset()


def client(name: str, *faults: Fault, attempts: int = 1) -> tuple[Any, Cloud]:
    cloud, plan = Cloud(ManualClock()), FaultPlan()
    for fault in faults:
        plan.add(fault)
    return connect(cloud, faults=plan, attempts=attempts).client(name), cloud


def names(elb: Any) -> list[str]:
    return [one["TargetGroupName"] for one in elb.describe_target_groups()["TargetGroups"]]


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize(
    ("effect", "raised"),
    [
        (Effect.THROTTLE, ClientError),
        (Effect.ERROR, ClientError),
        (Effect.TIMEOUT, ReadTimeoutError),
        (Effect.DROP, ConnectionClosedError),
        (Effect.CRASH, Crashed),
    ],
)
def test_a_call_that_fails_before_did_nothing_and_after_did_everything(
    effect: Effect, raised: type[BaseException], when: When
) -> None:
    elb, _ = client("elbv2", Fault(service="elbv2", action="CreateTargetGroup", effect=effect, when=when))
    with pytest.raises(raised):
        elb.create_target_group(**GROUP)
    assert names(elb) == (["blue"] if when is When.AFTER else [])


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("effect", [Effect.ERROR, Effect.DROP, Effect.CRASH])
def test_the_same_holds_for_what_moto_answers(effect: Effect, when: When) -> None:
    ssm, _ = client("ssm", Fault(service="ssm", action="PutParameter", effect=effect, when=when))
    with pytest.raises((ClientError, ConnectionClosedError, Crashed)):
        ssm.put_parameter(Name="/a", Value="1", Type="String")
    assert len(ssm.describe_parameters()["Parameters"]) == (when is When.AFTER)


def test_the_nth_call_and_so_many_after_it_are_struck() -> None:
    elb, _ = client("elbv2", Fault(action="Describe*", effect=Effect.THROTTLE, nth=3, times=2))
    told = []
    for _ in range(6):
        try:
            elb.describe_target_groups()
            told.append("")
        except ClientError as error:
            told.append(error.response["Error"]["Code"])
    assert told == ["", "", "Throttling", "Throttling", "", ""]


def test_attempts_stand_in_for_botocore_and_a_lost_answer_is_sent_again() -> None:
    """The repeated create meets its own group: the client must recognise it as its own."""
    lost = Fault(service="auto-scaling", action="Create*", effect=Effect.DROP, when=When.AFTER)
    cloud, plan = Cloud(ManualClock()), FaultPlan()
    plan.add(lost)
    session = connect(cloud, faults=plan, attempts=3)
    template = session.client("ec2").create_launch_template(LaunchTemplateName="t", LaunchTemplateData={})
    version = {"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
    with pytest.raises(ClientError, match="AlreadyExists"):
        session.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="blue", MinSize=1, MaxSize=1, LaunchTemplate=version
        )
    assert list(cloud.scaling.groups) == ["blue"]


def test_throttles_within_the_attempts_succeed_and_cost_time() -> None:
    elb, cloud = client("elbv2", Fault(effect=Effect.THROTTLE, times=2), attempts=4)
    before = cloud.clock.now()
    assert names(elb) == []
    assert cloud.clock.now() - before == pytest.approx(0.3)


def test_latency_is_slept_outside_every_lock() -> None:
    """Eight calls, each slowed by the same barrier, can only end if all are slow at once."""
    barrier = threading.Barrier(8, timeout=60)

    class Meeting(ManualClock):
        def sleep(self, seconds: float) -> None:
            barrier.wait()

    plan = FaultPlan()
    plan.add(Fault(effect=Effect.LATENCY, times=8, seconds=0.1))
    elb = connect(Cloud(Meeting()), faults=plan).client("elbv2")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: names(elb), range(8)))
    assert answers == [[]] * 8


def test_hooks_see_every_call_and_its_error() -> None:
    elb, cloud = client("elbv2")
    seen: list[Call] = []
    cloud.after_call.append(seen.append)
    elb.create_target_group(**GROUP)
    with pytest.raises(ClientError):
        elb.create_target_group(**{**GROUP, "Port": 81})
    assert [(one.operation, one.error.code if one.error else "") for one in seen] == [
        ("CreateTargetGroup", ""),
        ("CreateTargetGroup", "DuplicateTargetGroupName"),
    ]


@pytest.mark.parametrize(
    "document",
    [{"effect": "sulk"}, {}, {"effect": "error", "nth": 0}, {"effect": "error", "color": "blue"}],
)
def test_a_bad_fault_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Fault.from_document(document)


def test_a_rate_strikes_its_share() -> None:
    plan = FaultPlan()
    plan.add(Fault(effect=Effect.ERROR, rate=0.25, times=0))
    struck = sum(plan.strike("ssm", "GetParameter") is not None for _ in range(4000))
    assert 900 < struck < 1100


def test_one_of_many_conditional_writes_wins() -> None:
    session = connect(Cloud(ManualClock()))
    table = session.client("dynamodb")
    table.create_table(
        TableName="state",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    barrier = threading.Barrier(32)

    def put(number: int) -> bool:
        barrier.wait()
        try:
            table.put_item(
                TableName="state",
                Item={"pk": {"S": "lease"}, "owner": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except table.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(put, range(32))) == 1


def test_an_image_digest_is_the_digest_of_its_manifest() -> None:
    ecr, _ = client("ecr")
    ecr.create_repository(repositoryName="app")
    layers = '"layers":[{"digest":"sha256:' + "0" * 64 + '","size":1}]'
    digests = {
        ecr.put_image(
            repositoryName="app",
            imageTag=tag,
            imageManifest='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","annotations":{"lab.version":"'
            + tag
            + '"},'
            + layers
            + "}",
        )["image"]["imageId"]["imageDigest"]
        for tag in ("v1.0.0", "v1.1.0")
    }
    assert len(digests) == 2
