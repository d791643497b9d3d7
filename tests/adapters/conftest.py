"""A stack in the simulated cloud behind ordinary boto3 clients; calls can be made to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from bluegreen.adapters.aws.elb.calls import ElbCalls
from bluegreen.adapters.aws.session import Session
from bluegreen.contract import MANAGED_BY, Contract, Tag
from bluegreen.domain.plan import FleetSpec
from bluegreen.domain.release import Image
from bluegreen.lab.api.inprocess import attach
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.commands import Outcome, ShellRunner, Stop, run_shell
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.instances import Instance
from bluegreen.lab.cloud.settings import Settings

REGION = "ap-northeast-1"


@dataclass
class Fault:
    """What goes wrong at a call: refused before it takes effect, or its answer lost after it did."""

    operation: str
    error: Exception
    after: bool = False
    times: int = 1


@dataclass
class Region:
    """Stands between boto3 and the cloud of the present test; counts calls and injects faults."""

    cloud: Cloud | None = None
    calls: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    before: Callable[[str, dict[str, Any]], None] | None = None
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered by every call of the modelled services."""

    def handles(self, service: str, operation: str) -> bool:
        assert self.cloud is not None
        if not self.cloud.handles(service, operation):
            self.meet(operation, after=False)  # moto answers: refuse in its place
            return False
        return True

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self.cloud is not None
        self.meet(operation, after=False)
        if self.before:
            self.before(operation, params)
        with self.around():
            answer = self.cloud.call(service, operation, params)
        self.meet(operation, after=True)
        return answer

    def meet(self, operation: str, *, after: bool) -> None:
        if not after:
            self.calls.append(operation)
        for fault in self.faults:
            if fault.operation == operation and fault.after == after and fault.times > 0:
                fault.times -= 1
                raise fault.error

    def count(self) -> Counter[str]:
        return Counter(self.calls)


def refused(code: str, message: str = "no", status: int = 400) -> CloudError:
    return CloudError(code, message, status)


def lost() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://aws.example")


class Stack:
    """A stack named `test` with an app tier, empty."""

    def __init__(self, region: Region, session: Session, clock: ManualClock, settings: Settings) -> None:
        self.region, self.session, self.clock = region, session, clock
        self.shell: ShellRunner = run_shell
        self.cloud = region.cloud = Cloud(clock, settings, runner=self._run)
        region.calls.clear()
        region.faults.clear()
        region.before = None
        region.around = nullcontext
        elb = self.raw("elbv2")
        balancer = elb.create_load_balancer(Name="test", Subnets=["subnet-a", "subnet-c"])
        self.balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        listener = elb.create_listener(
            LoadBalancerArn=self.balancer_arn,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}],
        )
        template = self.raw("ec2").create_launch_template(
            LaunchTemplateName="app", LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.medium"}
        )
        self.template_id = template["LaunchTemplate"]["LaunchTemplateId"]
        self.contract = self.contract_of(listener["Listeners"][0]["ListenerArn"])
        region.calls.clear()

    def _run(self, host: Instance, script: str, seconds: float, stop: Stop) -> Outcome:
        return self.shell(host, script, seconds, stop)  # looked up late: a test sets it

    def contract_of(self, listener_arn: str, **tier: Any) -> Contract:
        app = {
            "name": "app",
            "path_patterns": ["/*"],
            "rule_priority": 100,
            "preview_priority": 10,
            "port": 8080,
            "version_path": "/version",
            "launch_template_id": self.template_id,
            "subnet_ids": ["subnet-a", "subnet-c"],
            "fleet": {"minimum": 1, "desired": 2, "maximum": 4},
            "image_repository": "sportcoach-platform",
        }
        document = {
            "stack": "test",
            "account_id": "123456789012",
            "region": REGION,
            "vpc_id": "vpc-0abc",
            "base_url": "http://127.0.0.1:1",
            "load_balancer_arn": self.balancer_arn,
            "listener_arn": listener_arn,
            "state_table": "sportcoach-test-state",
            "buckets": {"assets": "a", "models": "m", "training_data": "t", "logs": "l"},
            "alerts": {
                "critical_topic_arn": f"arn:aws:sns:{REGION}:123456789012:critical",
                "warning_topic_arn": f"arn:aws:sns:{REGION}:123456789012:warning",
            },
            "watchdog": {
                "role_arn": "arn:aws:iam::123456789012:role/dog",
                "schedule_group": "sportcoach-test",
            },
            "tiers": [app | tier],
        }
        return Contract.model_validate(document)

    def with_tier(self, **tier: Any) -> Contract:
        return self.contract_of(self.contract.listener_arn, **tier)

    def raw(self, service: str) -> Any:
        return self.session.service(service).client

    def elb(self) -> ElbCalls:
        return ElbCalls(self.session, stack=self.contract.stack, clock=self.clock)

    def fault(self, operation: str, error: Exception, *, after: bool = False, times: int = 1) -> None:
        self.region.faults.append(Fault(operation, error, after, times))


def tags(number: int = 1, **more: str) -> dict[str, str]:
    own = {
        str(Tag.MANAGED_BY): MANAGED_BY,
        str(Tag.STACK): "test",
        str(Tag.TIER): "app",
        str(Tag.DEPLOYMENT): str(number),
    }
    return own | more


def spec(number: int = 1, **more: Any) -> FleetSpec:
    values: dict[str, Any] = {
        "name": f"sc-test-app-{number}",
        "version": "v1.0.0",
        "image": Image(repository="r", tag="v1.0.0", digest="sha256:0", uri="r@sha256:0"),
        "model": None,
        "launch_template_version": 1,
        "minimum": 2,
        "desired": 2,
        "maximum": 4,
    }
    return FleetSpec(**(values | more))


@pytest.fixture(scope="session")
def region() -> Region:
    return Region()


@pytest.fixture(scope="session")
def session(region: Region) -> Iterator[Session]:
    """One for all tests: making clients is slow, and the region behind them is exchanged."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        made = Session(region=REGION, read_timeout=5)
        attach(made.boto3, region, moto=True)  # type: ignore[arg-type]  # hands on to the cloud of the test
        yield made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def stack(region: Region, session: Session, clock: ManualClock) -> Stack:
    from bluegreen.lab.api import moto_backend

    moto_backend.reset()
    return Stack(region, session, clock, Settings(pending_seconds=1, boot_seconds=1))
