from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.loaders import create_loader

from bluegreen.lab.api.control import ControlServer
from bluegreen.lab.cloud.schedules import MODIFY_RULE
from bluegreen.lab.cloud.settings import HealthSource, Settings
from bluegreen.lab.machine import Late
from tests.world.control import control_server

LOADER = create_loader()
FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[ControlServer]:
    settings = Settings(health=HealthSource.REPORTED, pending_seconds=0.1, rule_propagation_seconds=0.1)
    # Old counts are posted here, which must not slow the clock of the other tests.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bluegreen.lab.machine._LOOK_SECONDS", 3600)
        with control_server(tmp_path_factory.mktemp("control"), settings) as made:
            yield made


@pytest.fixture(autouse=True)
def _no_faults(server: ControlServer) -> Iterator[None]:
    yield
    httpx.delete(f"{server.url}/_lab/faults")


def client(
    server: ControlServer, name: str, *, attempts: int = 1, key: str = "lab", timeout: float = 60
) -> Any:
    core = botocore.session.Session()
    core.register_component("data_loader", LOADER)
    core.set_credentials(key, "secret")
    session = boto3.Session(botocore_session=core, region_name="ap-northeast-1")
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=timeout)
    return session.client(name, endpoint_url=server.url, config=config)


def fault(server: ControlServer, **given: Any) -> None:
    httpx.post(f"{server.url}/_lab/faults", json=given).raise_for_status()


@pytest.fixture(scope="module")
def front(server: ControlServer) -> dict[str, str]:
    """A balancer, a target group in use, and a running instance in it."""
    elb, asg, ec2 = (client(server, name) for name in ("elbv2", "autoscaling", "ec2"))
    made = elb.create_load_balancer(Name="front", Subnets=["subnet-1"])
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    made = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=FIXED)
    listener = made["Listeners"][0]["ListenerArn"]
    made = elb.create_target_group(Name="blue", Protocol="HTTP", Port=8080, VpcId="vpc-1")
    group = made["TargetGroups"][0]["TargetGroupArn"]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group, "Weight": 7}]}}
    made = elb.create_rule(
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}],
        Actions=[action],
        Tags=[{"Key": "managed-by", "Value": "sc-deploy"}],
    )
    template = ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData={"ImageId": "ami-1"})
    version = {"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
    asg.create_auto_scaling_group(
        AutoScalingGroupName="blue",
        MinSize=1,
        MaxSize=2,
        LaunchTemplate=version,
        TargetGroupARNs=[group],
        VPCZoneIdentifier="subnet-1",
        Tags=[{"Key": "sportcoach:release", "Value": "v1", "PropagateAtLaunch": True}],
    )
    while not elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]:
        time.sleep(0.05)
    return {
        "balancer": balancer,
        "listener": listener,
        "group": group,
        "rule": made["Rules"][0]["RuleArn"],
        "template": version["LaunchTemplateId"],
    }


def test_elb_over_the_query_protocol(server: ControlServer, front: dict[str, str]) -> None:
    elb = client(server, "elbv2")
    shown = elb.describe_rules(RuleArns=[front["rule"]])["Rules"][0]
    groups = shown["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert groups == [{"TargetGroupArn": front["group"], "Weight": 7}]
    assert shown["Conditions"][0]["PathPatternConfig"] == {"Values": ["/*"]}
    tags = elb.describe_tags(ResourceArns=[front["rule"]])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "managed-by", "Value": "sc-deploy"}]
    with pytest.raises(elb.exceptions.ResourceInUseException):
        elb.delete_target_group(TargetGroupArn=front["group"])
    with pytest.raises(elb.exceptions.RuleNotFoundException):
        elb.describe_rules(RuleArns=["arn:none"])


def test_auto_scaling_and_ec2_agree(server: ControlServer, front: dict[str, str]) -> None:
    shown = client(server, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert shown["Tags"][0]["PropagateAtLaunch"] is True
    instance = shown["Instances"][0]["InstanceId"]
    found = client(server, "ec2").describe_instances(InstanceIds=[instance])
    tags = {one["Key"]: one["Value"] for one in found["Reservations"][0]["Instances"][0]["Tags"]}
    assert tags["sportcoach:release"] == "v1"
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        client(server, "ec2").describe_instances(InstanceIds=["i-0"])


def test_the_data_plane_reports_health_and_polls_what_changed(
    server: ControlServer, front: dict[str, str]
) -> None:
    shown = httpx.get(f"{server.url}/_lab/snapshot").json()
    target = shown["groups"][front["group"]]["targets"][0]
    assert target["state"] == "initial"
    assert shown["rules"][0]["action"]["groups"] == [{"arn": front["group"], "weight": 7}]
    again = httpx.get(f"{server.url}/_lab/snapshot", params={"version": shown["version"]})
    assert again.status_code == 304
    elb = client(server, "elbv2")
    for state, reason in [("unhealthy", "Target.Timeout"), ("healthy", "")]:
        one = {"group": front["group"], "id": target["id"], "port": 8080, "state": state, "reason": reason}
        httpx.post(f"{server.url}/_lab/health", json={"targets": [one]}).raise_for_status()
        told = elb.describe_target_health(TargetGroupArn=front["group"])["TargetHealthDescriptions"][0]
        assert told["TargetHealth"]["State"] == state
        assert told["TargetHealth"].get("Reason", "") == reason
    assert httpx.post(f"{server.url}/_lab/health", json={"targets": [{}]}).status_code == 400


def _dimensions(front: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"Name": "LoadBalancer", "Value": front["balancer"].partition(":loadbalancer/")[2]},
        {"Name": "TargetGroup", "Value": front["group"].rpartition(":")[2]},
    ]


def _ingest(server: ControlServer, front: dict[str, str], age: int) -> datetime:
    at = int(time.time()) - age
    counters = {"requests": 50, "2xx": 49, "5xx": 1, "latency": [[0.1, 49], [2.0, 1]], "healthy": 1}
    document = {"at": at, "groups": {front["group"]: counters}, "elb": {"requests": 50}}
    httpx.post(f"{server.url}/_lab/metrics", json=document).raise_for_status()
    return datetime.fromtimestamp(at, tz=UTC)


@pytest.mark.parametrize(("protocol", "age"), [("smithy-rpc-v2-cbor", 100), ("json", 200), ("query", 300)])
def test_cloudwatch_speaks_its_three_protocols(
    server: ControlServer, front: dict[str, str], protocol: str, age: int
) -> None:
    core = botocore.session.Session()
    core.register_component("data_loader", _Only(protocol))
    core.set_credentials("lab", "secret")
    session = boto3.Session(botocore_session=core, region_name="ap-northeast-1")
    cloudwatch = session.client("cloudwatch", endpoint_url=server.url)
    assert cloudwatch.meta.service_model.resolved_protocol == protocol
    at = _ingest(server, front, age)
    metric = {"Namespace": "AWS/ApplicationELB", "Dimensions": _dimensions(front)}

    def stat(key: str, name: str, kind: str) -> dict[str, Any]:
        what = {"Metric": {**metric, "MetricName": name}, "Period": 1, "Stat": kind}
        return {"Id": key, "MetricStat": what}

    queries = [
        stat("n", "RequestCount", "Sum"),
        stat("f", "HTTPCode_Target_5XX_Count", "Sum"),
        stat("p", "TargetResponseTime", "p99"),
    ]
    asked = {"StartTime": at, "EndTime": at + timedelta(seconds=1), "MetricDataQueries": queries}
    found = {one["Id"]: one for one in cloudwatch.get_metric_data(**asked)["MetricDataResults"]}
    values = {key: one["Values"] for key, one in found.items()}
    assert values == {"n": [50.0], "f": [1.0], "p": [2.0]}
    assert found["n"]["Timestamps"] == [at]
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_metric_data(Namespace="AWS/X", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_a_schedule_fires_in_real_time(server: ControlServer, front: dict[str, str]) -> None:
    scheduler, elb = client(server, "scheduler"), client(server, "elbv2")
    soon = datetime.now(tz=UTC) + timedelta(seconds=1)
    action = {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": front["group"], "Weight": 9}]},
    }
    scheduler.create_schedule(
        Name="watchdog",
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": MODIFY_RULE,
            "RoleArn": "arn:aws:iam::123456789012:role/watchdog",
            "Input": json.dumps({"RuleArn": front["rule"], "Actions": [action]}),
        },
    )
    deadline = time.monotonic() + 60
    weight = 0
    while weight != 9 and time.monotonic() < deadline:
        time.sleep(0.1)
        shown = elb.describe_rules(RuleArns=[front["rule"]])["Rules"][0]["Actions"][0]
        weight = shown["ForwardConfig"]["TargetGroups"][0]["Weight"]
    elb.modify_rule(RuleArn=front["rule"], Actions=[{"Type": "forward", "TargetGroupArn": front["group"]}])
    assert weight == 9
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.get_schedule(Name="watchdog")


def test_a_command_really_runs(server: ControlServer, front: dict[str, str]) -> None:
    ssm = client(server, "ssm")
    groups = client(server, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    instance = next(one for group in groups for one in group["Instances"])
    asked = {"CommandId": "", "InstanceId": instance["InstanceId"]}
    sent = ssm.send_command(
        InstanceIds=[instance["InstanceId"]],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["echo migrated", "exit 0"]},
    )
    asked["CommandId"] = sent["Command"]["CommandId"]
    deadline = time.monotonic() + 60
    while (shown := ssm.get_command_invocation(**asked))["Status"] in ("Pending", "InProgress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (shown["Status"], shown["StandardOutputContent"]) == ("Success", "migrated\n")


def test_moto_answers_the_rest(server: ControlServer) -> None:
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket="models", Key="models/v1/model.bin", Body=b"x" * 100_000)
    assert len(s3.get_object(Bucket="models", Key="models/v1/model.bin")["Body"].read()) == 100_000
    ssm = client(server, "ssm")
    ssm.put_parameter(Name="/a/b", Value="é", Type="String")
    assert ssm.get_parameter(Name="/a/b")["Parameter"]["Value"] == "é"
    assert client(server, "sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("elbv2", "describe_target_groups", "Throttling"),
        ("autoscaling", "describe_auto_scaling_groups", "Throttling"),
        ("cloudwatch", "list_metrics", "Throttling"),
        ("scheduler", "list_schedules", "ThrottlingException"),
        ("ssm", "describe_parameters", "ThrottlingException"),
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("s3", "list_buckets", "SlowDown"),
        ("dynamodb", "list_tables", "ThrottlingException"),
    ],
)
def test_a_throttle_is_told_in_each_protocol_and_retried(
    server: ControlServer, service: str, call: str, code: str
) -> None:
    fault(server, effect="throttle", times=2)
    with pytest.raises(ClientError) as caught:
        getattr(client(server, service), call)()
    assert caught.value.response["Error"]["Code"] == code
    answer = getattr(client(server, service, attempts=3), call)()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dropped_answer_of_a_modelled_call(server: ControlServer, when: str) -> None:
    elb, name = client(server, "elbv2"), f"dropped-{when}"
    fault(server, service="elbv2", action="CreateTargetGroup", effect="drop", when=when)
    with pytest.raises(ConnectionClosedError):
        elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1")
    names = [one["TargetGroupName"] for one in elb.describe_target_groups()["TargetGroups"]]
    assert (name in names) is (when == "after")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dropped_answer_of_a_moto_call(server: ControlServer, when: str) -> None:
    ssm, name = client(server, "ssm"), f"/dropped/{when}"
    fault(server, service="ssm", action="PutParameter", effect="drop", when=when)
    with pytest.raises(ConnectionClosedError):
        ssm.put_parameter(Name=name, Value="1", Type="String")
    names = [one["Name"] for one in ssm.describe_parameters()["Parameters"]]
    assert (name in names) is (when == "after")


def test_slow_calls_overlap(
    server: ControlServer, front: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is delayed until all six are: one that waited for another would break the barrier."""
    elb, together, asked = client(server, "elbv2"), threading.Barrier(6), list[float]()

    def pause(seconds: float) -> None:
        asked.append(seconds)
        together.wait(60)

    monkeypatch.setattr("bluegreen.lab.api.control.sleep", pause)
    fault(server, effect="latency", seconds=0.5, times=0)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: elb.describe_rules(RuleArns=[front["rule"]]), range(6)))
    assert asked == [0.5] * 6


def test_with_the_control_plane_down_the_side_door_still_works(server: ControlServer) -> None:
    fault(server, effect="drop", times=0)
    with pytest.raises(ConnectionClosedError):
        client(server, "sts").get_caller_identity()
    faults = httpx.get(f"{server.url}/_lab/faults").json()["faults"]
    assert [one["struck"] for one in faults] == [1]
    httpx.delete(f"{server.url}/_lab/faults")
    assert client(server, "sts").get_caller_identity()["Account"] == "123456789012"


def test_bad_faults_and_unknown_doors_are_refused(server: ControlServer) -> None:
    answer = httpx.post(f"{server.url}/_lab/faults", json={"effect": "sulk"})
    assert answer.status_code == 400
    assert "sulk" in answer.json()["error"]
    assert httpx.get(f"{server.url}/_lab/nothing").status_code == 404
    assert httpx.get(f"{server.url}/_lab/ready").json() == {"ready": True}
    assert "instances" in httpx.get(f"{server.url}/_lab/state").json()


def test_real_credentials_and_bad_parameters_are_refused(server: ControlServer) -> None:
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client(server, "elbv2", key="AKIAIOSFODNN7EXAMPLE").describe_target_groups()
    body = "Action=CreateTargetGroup&Version=2015-12-01"
    scope = "AWS4-HMAC-SHA256 Credential=lab/20260101/ap-northeast-1/elasticloadbalancing/aws4_request"
    headers = {"Authorization": scope, "Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(server.url, content=body, headers=headers)
    assert answer.status_code == 400
    assert "<Code>ValidationError</Code>" in answer.text


class _Only:
    """A loader whose CloudWatch speaks one protocol alone, as an older SDK does."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(LOADER, name)

    def load_service_model(self, service: str, kind: str, api_version: str | None = None) -> Any:
        model = LOADER.load_service_model(service, kind, api_version)
        if kind != "service-2" or service != "cloudwatch":
            return model
        spoken = {"protocol": self._protocol, "protocols": [self._protocol]}
        return {**model, "metadata": {**model["metadata"], **spoken}}


def test_what_comes_late_is_measured_and_slows_the_clock(
    server: ControlServer, front: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: dict[Late, float] = {}
    monkeypatch.setattr(server.gauge, "late", noted.__setitem__)
    document = {"at": int(time.time()) - 31, "groups": {}, "elb": {"requests": 0, "5xx": 0, "503": 0}}
    httpx.post(f"{server.url}/_lab/metrics", json=document).raise_for_status()
    assert 30 <= noted[Late.COUNTS] < 90
    while Late.TIMER not in noted:
        time.sleep(0.01)

    def interval() -> int:
        snapshot = httpx.get(f"{server.url}/_lab/snapshot").json()
        return int(snapshot["groups"][front["group"]]["health_check"]["interval"])

    usual, before = interval(), server.gauge.stretch
    server.gauge.stretch = 10
    server._slow()
    assert interval() == usual * 10 / before
    assert "slows its clock by 10" in httpx.get(f"{server.url}/_lab/machine").json()["words"]
    server.gauge.stretch = before
    server._slow()
