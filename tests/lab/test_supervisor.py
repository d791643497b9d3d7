from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bluegreen.contract import LAUNCH_HOOK, Tag
from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.api.moto_backend import reset
from bluegreen.lab.cloud.asg.state import Lifecycle
from bluegreen.lab.cloud.clock import SystemClock
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.instances import Instance
from bluegreen.lab.cloud.settings import HealthSource, Settings
from bluegreen.lab.instances.supervisor import Supervisor
from bluegreen.lab.instances.userdata import BootFailed, app_arguments
from bluegreen.lab.machine import Late
from bluegreen.lab.starting import Child

SERVER = """
import http.server, pathlib, sys
class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
pathlib.Path(sys.argv[1]).write_text(str(server.server_port))
server.serve_forever()
"""
QUICK = Settings(
    health=HealthSource.REPORTED,
    pending_seconds=0.05,
    boot_seconds=0.05,
    shutdown_seconds=0.05,
    host_check_seconds=0.2,
)
HOOK = {"LifecycleHookName": LAUNCH_HOOK, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}


class _Trivial:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.broken = False
        self.well: set[str] | None = None
        """The instances whose health check passes; None: all."""

    def launch(self, instance: Instance) -> Child:
        if self.broken:
            raise BootFailed("no such image")
        port_file = self.place / instance.id
        command = [sys.executable, "-c", SERVER, str(port_file)]
        return Child.start(command, log=port_file.with_suffix(".log"), port_file=port_file)

    def serves(self, instance: Instance, port: int) -> bool:
        return instance.id in self.well if self.well is not None else bool(port)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[Cloud, Supervisor, _Trivial, Callable[[Callable[[], Any]], Any]]]:
    cloud, launcher = Cloud(SystemClock(), QUICK), _Trivial(tmp_path)
    supervisor = Supervisor(cloud, launcher)

    def until(condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 60
        while not (found := condition()):
            assert time.monotonic() < deadline
            cloud.advance()
            supervisor.tick()
            time.sleep(0.02)
        return found

    yield cloud, supervisor, launcher, until
    supervisor.stop()
    assert supervisor.pids() == {}


def fleet(cloud: Cloud, size: int, **given: Any) -> Any:
    session = connect(cloud, moto=False)
    template = session.client("ec2").create_launch_template(LaunchTemplateName="t", LaunchTemplateData={})
    version = {"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
    asg = session.client("autoscaling")
    asg.create_auto_scaling_group(
        AutoScalingGroupName="g", MinSize=0, MaxSize=4, DesiredCapacity=size, LaunchTemplate=version, **given
    )
    return asg


def serving(cloud: Cloud) -> list[Instance]:
    return [one for one in cloud.instances.all.values() if one.address and one.alive]


def test_a_process_lives_as_long_as_its_instance(lab: Any) -> None:
    cloud, supervisor, _, until = lab
    asg = fleet(cloud, 2)
    until(lambda: len(serving(cloud)) == 2)
    assert supervisor.gauge._late[Late.INSTANCE] > 0
    assert len(supervisor.pids()) == 2
    asg.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=0)
    until(lambda: not supervisor.pids())
    assert not serving(cloud)


def test_a_process_starts_after_the_boot_and_completes_the_launch_hook(lab: Any) -> None:
    cloud, supervisor, _, until = lab
    fleet(cloud, 1, LifecycleHookSpecificationList=[HOOK])
    (member,) = cloud.scaling.groups["g"].members.values()
    boots, member.instance.boots_at = member.instance.boots_at, cloud.clock.now() + 1000
    until(lambda: member.lifecycle is Lifecycle.PENDING_WAIT)
    supervisor.tick()
    assert supervisor.pids() == {}, "it still boots"
    member.instance.boots_at = boots
    until(lambda: member.lifecycle is Lifecycle.IN_SERVICE)
    assert serving(cloud)


@pytest.mark.parametrize("how", ["killed", "lost"])
def test_a_killed_process_is_a_dead_host_and_is_replaced(lab: Any, how: str) -> None:
    cloud, supervisor, _, until = lab
    fleet(cloud, 1)
    first = until(lambda: serving(cloud))[0]
    if how == "killed":
        os.kill(supervisor.pids()[first.id], signal.SIGKILL)
    else:
        process = supervisor._hosts[first.id].popen
        cloud.instances.lose(first)
        supervisor.tick()
        assert process.wait(60) == -signal.SIGKILL, "nothing is drained on a host that is gone"
    until(lambda: first.id not in supervisor.pids())
    assert first.address is not None, "nobody has noticed yet: requests run into a closed port"
    assert until(lambda: [one for one in serving(cloud) if one.id != first.id])


def test_an_instance_that_cannot_boot_says_why_and_never_serves(lab: Any) -> None:
    cloud, supervisor, launcher, until = lab
    launcher.broken = True
    fleet(cloud, 1)
    assert until(lambda: supervisor.failures) == {next(iter(cloud.instances.all)): "no such image"}
    assert serving(cloud) == []


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("bluegreen.lab.starting._PATIENCE_SECONDS", 0.2)
    ready = tmp_path / "ready"
    deaf = (
        "import pathlib, signal, sys, time; signal.signal(15, signal.SIG_IGN); "
        "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    )
    host = Child.start([sys.executable, "-c", deaf, str(ready)], log=tmp_path / "log")
    while not ready.exists():
        time.sleep(0.01)
    while not host.ended():
        time.sleep(0.02)
    assert host.popen.returncode == -signal.SIGKILL


CONTRACT = {
    "schema_version": 1,
    "stack": "lab",
    "account_id": "123456789012",
    "region": "ap-northeast-1",
    "vpc_id": "vpc-1",
    "base_url": "http://127.0.0.1",
    "load_balancer_arn": "arn:aws:elasticloadbalancing:x:loadbalancer/app/a/b",
    "listener_arn": "arn:aws:elasticloadbalancing:x:listener/app/a/b/c",
    "state_table": "state",
    "buckets": dict.fromkeys(("assets", "models", "training_data", "logs"), "models"),
    "alerts": {"critical_topic_arn": "arn:c", "warning_topic_arn": "arn:w"},
    "watchdog": {"role_arn": "arn:aws:iam::123456789012:role/w", "schedule_group": "default"},
    "tiers": [
        {
            "name": "ai",
            "path_patterns": ["/ai/*"],
            "rule_priority": 200,
            "preview_priority": 100,
            "port": 8080,
            "version_path": "/ai/version",
            "launch_template_id": "lt-0",
            "subnet_ids": ["subnet-1"],
            "fleet": {"minimum": 1, "desired": 1, "maximum": 2},
            "image_repository": "sportcoach-ai",
            "model": {"bucket": "models", "pointer_parameter": "/model"},
        }
    ],
}


@pytest.fixture
def stocked() -> tuple[Any, dict[str, str]]:
    """A session whose ECR, S3 and SSM hold a release, and the tags of an instance of it."""
    reset()
    session = connect(Cloud(SystemClock(), QUICK))
    session.client("ssm").put_parameter(
        Name="/sportcoach/lab/contract", Value=json.dumps(CONTRACT), Type="String"
    )
    session.client("ecr").create_repository(repositoryName="sportcoach-ai")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "layers": [],
        "annotations": {
            "lab.version": "v1.2.0",
            "lab.errors": "0.02",
            "lab.latency": "1.6",
            "lab.accuracy": "0.65",
            "lab.broken": "/ai/plan,/ai/x",
            "lab.healthy": "false",
        },
    }
    made = session.client("ecr").put_image(
        repositoryName="sportcoach-ai", imageManifest=json.dumps(manifest), imageTag="v1.2.0"
    )
    digest = made["image"]["imageId"]["imageDigest"]
    s3 = session.client("s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket="models", Key="models/m7/model.bin", Body=b"weights")
    tags = {
        "aws:autoscaling:groupName": "sportcoach-lab-ai-3",
        Tag.STACK: "lab",
        Tag.TIER: "ai",
        Tag.RELEASE: "v1.2.0",
        Tag.IMAGE: f"123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/sportcoach-ai@{digest}",
        Tag.MODEL: "m7",
        Tag.MODEL_SHA256: hashlib.sha256(b"weights").hexdigest(),
    }
    return session, {str(key): value for key, value in tags.items()}


def test_user_data_turns_tags_and_annotations_into_the_behaviour(stocked: Any) -> None:
    session, tags = stocked
    arguments = app_arguments("i-1", tags, session)
    assert arguments == [
        *("--tier", "ai", "--instance", "i-1", "--version", "v1.2.0"),
        *("--health-path", "/healthz", "--version-path", "/ai/version"),
        *("--errors", "0.02", "--latency-factor", "1.6", "--accuracy", "0.65"),
        *("--label", "fleet=sportcoach-lab-ai-3", "--label", "stack=lab"),
        *("--broken", "/ai/plan", "--broken", "/ai/x", "--unhealthy", "--model", "m7"),
    ]


@pytest.mark.parametrize(
    ("tag", "value", "why"),
    [
        (Tag.IMAGE, "registry/sportcoach-ai@sha256:" + "0" * 64, "no image"),
        (Tag.IMAGE, "registry/other@sha256:" + "0" * 64, "RepositoryNotFound"),
        (Tag.MODEL_SHA256, "0" * 64, "SHA-256"),
        (Tag.MODEL, "m8", "NoSuchKey"),
        (Tag.STACK, "prod", "ParameterNotFound"),
        (Tag.TIER, "web", "web"),
        (Tag.TIER, "db", "db"),
    ],
)
def test_an_instance_with_a_wrong_tag_does_not_boot(stocked: Any, tag: Tag, value: str, why: str) -> None:
    session, tags = stocked
    with pytest.raises(BootFailed, match=why):
        app_arguments("i-1", {**tags, str(tag): value}, session)
