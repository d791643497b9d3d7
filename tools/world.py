"""A whole stack in the simulated cloud, on a manual clock: the product's own adapters and engine run
against it, and the invariants of a cutover are checked after every call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from math import exp
from statistics import NormalDist
from typing import Any

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.connect import connect
from bluegreen.adapters.pager.channels import channels
from bluegreen.adapters.pager.pager import ChannelPager
from bluegreen.contract import Contract, Tag
from bluegreen.domain.journal import Entry, Header, StepDone
from bluegreen.domain.plan import StepKind
from bluegreen.engine.deployer import Deployer
from bluegreen.engine.recorder import Subscriber
from bluegreen.lab.api.inprocess import attach
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.clock import Clock, ManualClock
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.commands import Outcome, Stop
from bluegreen.lab.cloud.instances import Instance
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.faults import FaultPlan
from bluegreen.policy import Policy, parse_policy
from bluegreen.ports import Answer, Ports, Request, at_once
from bluegreen.ui.lines import Lines
from tools.invariants import ByHand, Watch
from tools.replaying import Journals, ReplayedDeployer
from tools.stored import stand

REGION = "ap-northeast-1"
ACCOUNT = "123456789012"
PATHS = {"web": "/*", "app": "/api/*", "ai": "/ai/*"}
PROBED = {"web": "/", "app": "/api/login", "ai": "/ai/classify"}


Latencies = tuple[tuple[float, float], ...]
"""(seconds, share of the requests)"""


def lognormal(factor: float = 1.0, *, parts: int = 40) -> Latencies:
    """A lognormal latency with a median of 30 ms, in equal parts: 40 are enough for a p95."""
    normal = NormalDist()
    return tuple(
        (round(0.03 * factor * exp(0.5 * normal.inv_cdf((i + 0.5) / parts)), 5), 1 / parts)
        for i in range(parts)
    )


LATENCY = lognormal()

POLICY = """
[rollout]
ramp = ["10%", "50%"]
bake = "30s"
min_bake = "10s"
extension = "60s"
final_bake = "20s"
dwell = "2s"
tick = "2s"
[judge]
period = "1s"
settle = "3s"
burst = "5s"
cold_start = "1s"
[health]
deadline = "60s"
poll = "2s"
[probes]
interval = "2s"
timeout = "2s"
[retire]
quiet = "5s"
deadline = "120s"
[lease]
ttl = "30s"
patience = "60s"
[backup]
snapshot = false
"""


Parallel = Callable[[Sequence[Callable[[], Any]]], list[Any]]


class _Exchange:
    """What boto3 is attached to: the cloud and the faults of the present test."""

    def __init__(self) -> None:
        self.cloud = Cloud(ManualClock())
        self.on_call: Callable[[str, str], None] = lambda _service, _operation: None

    def handles(self, service: str, operation: str) -> bool:
        self.on_call(service, operation)
        return self.cloud.handles(service, operation)

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.cloud.call(service, operation, params)

    @property
    def clock(self) -> Any:
        return self.cloud.clock


@cache
def shared() -> tuple[_Exchange, Session, FaultPlan]:
    """One boto3 session for all worlds: making clients is slow, the cloud behind them is exchanged."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        os.environ.pop(name, None)
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    os.environ |= {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    exchange, faults = _Exchange(), FaultPlan()
    session = Session(region=REGION, read_timeout=5)
    attach(session.boto3, exchange, moto=True, faults=faults, attempts=3)  # type: ignore[arg-type]  # stands for the cloud
    return exchange, session, faults


def in_turn(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """`parallel` without threads: all calls are made, then the first error is raised."""
    results: list[Any] = []
    first: Exception | None = None
    for call in calls:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (as the threads do: raised after all have ended)
            first = first or error
            results.append(None)
    if first:
        raise first
    return results


class RoutedProber:
    """Answers probes as the simulated data plane would."""

    def __init__(self, cloud: Cloud, accuracy: Callable[[Instance], float]) -> None:
        self._cloud, self._accuracy = cloud, accuracy

    def send(self, request: Request) -> Answer:
        self._cloud.advance()
        route = self._cloud.traffic.route(request.url_path, request.headers)
        if route.instance is None or route.status != 200:
            return Answer(status=route.status, body=route.body)
        tags = route.instance.tags
        body: dict[str, Any] = {"version": tags.get(Tag.RELEASE), "instance": route.instance.id, "ok": True}
        if Tag.MODEL in tags:
            body["model"] = tags[Tag.MODEL]
        if request.method == "POST":
            question = int(json.loads(request.body)["input"])
            body["label"] = "yes" if question % 100 < 100 * self._accuracy(route.instance) else "no"
        return Answer(status=200, body=json.dumps(body), seconds=0.01)


class World:
    """A provisioned stack named `sim` and everything to release into it."""

    def __init__(
        self,
        *,
        tiers: Iterable[str] = ("app",),
        policy: str = POLICY,
        settings: Settings | None = None,
        clock: Clock | None = None,
        parallel: Parallel | None = None,
        latency: Latencies = LATENCY,
        on_call: Callable[[str, str], None] = lambda _service, _operation: None,
    ) -> None:
        exchange, self.session, self.faults = shared()
        exchange.on_call = on_call
        self._parallel: Parallel = parallel or in_turn
        self._latency = latency
        self.faults.clear()
        self.behaviours: dict[str, Behaviour] = {}
        self.accuracy: dict[str, float] = {}
        self.shell: Callable[[Instance, str, float], Outcome] = lambda *_: Outcome(code=0, stdout="ok")
        self.clock: Clock = clock or ManualClock()
        self.cloud = exchange.cloud = Cloud(
            self.clock, settings or Settings(), behaviour=self._behaviour, runner=self._run
        )
        self.watch = Watch(self.cloud)
        self.contract = self._provision(tuple(tiers))
        self.policy: Policy = parse_policy(policy, stack="sim", source="deploy.toml")
        self.entries: list[tuple[Header, Entry]] = []
        self.listeners: list[Callable[[Entry], None]] = []
        self._journals = Journals()

    def _behaviour(self, instance: Instance) -> Behaviour:
        return self.behaviours.get(instance.tags.get(Tag.RELEASE, ""), Behaviour(latency=self._latency))

    def _run(self, host: Instance, command: str, timeout: float, _stop: Stop) -> Outcome:
        return self.shell(host, command, timeout)

    @property
    def violations(self) -> list[str]:
        """What sc-deploy did that must never be true; what a test does by hand is not held against it."""
        return self.watch.violations

    def raw(self, service: str) -> Any:
        """A client for a person's own hands."""
        return ByHand(self.session.service(service).client, self.watch)

    def _provision(self, tiers: tuple[str, ...]) -> Contract:
        elb, ec2 = self.raw("elbv2"), self.raw("ec2")
        arn = elb.create_load_balancer(Name="sim", Subnets=["subnet-a", "subnet-c"])["LoadBalancers"][0][
            "LoadBalancerArn"
        ]
        answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
        listener = elb.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[answer]
        )["Listeners"][0]["ListenerArn"]
        template = ec2.create_launch_template(
            LaunchTemplateName="sim", LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.medium"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.topic = stand(ACCOUNT, REGION)
        self.raw("scheduler").create_schedule_group(Name="sportcoach-sim")
        order = sorted(tiers, key=list(PATHS).index, reverse=True)
        documents = [self._tier(name, 10 * (order.index(name) + 1), template) for name in tiers]
        return Contract.model_validate(
            {
                "stack": "sim",
                "account_id": ACCOUNT,
                "region": REGION,
                "vpc_id": "vpc-0abc",
                "base_url": "http://127.0.0.1:1",
                "load_balancer_arn": arn,
                "listener_arn": listener,
                "state_table": "sim-state",
                "buckets": {"assets": "a", "models": "sim-models", "training_data": "t", "logs": "l"},
                "alerts": {"critical_topic_arn": self.topic, "warning_topic_arn": self.topic},
                "watchdog": {
                    "role_arn": f"arn:aws:iam::{ACCOUNT}:role/dog",
                    "schedule_group": "sportcoach-sim",
                },
                "tiers": documents,
            }
        )

    def _tier(self, name: str, priority: int, template: str) -> dict[str, Any]:
        document = {
            "name": name,
            "path_patterns": [PATHS[name]],
            "rule_priority": 100 + priority,
            "preview_priority": priority,
            "port": 8080,
            "version_path": PATHS[name].replace("*", "version"),
            "health_check": {"interval_seconds": 5, "timeout_seconds": 2},
            "deregistration_delay_seconds": 5,
            "launch_template_id": template,
            "subnet_ids": ["subnet-a", "subnet-c"],
            "fleet": {"minimum": 1, "desired": 2, "maximum": 4},
            "scaling": [{"kind": "cpu", "target_percent": 60}],
            "warmup_seconds": 1,
            "boot_budget_seconds": 5,
            "image_repository": "sportcoach-ai" if name == "ai" else "sportcoach-platform",
        }
        if name == "ai":
            document["model"] = {"bucket": "sim-models", "pointer_parameter": "/sportcoach/sim/model"}
        return document

    def ports(self) -> Ports:
        made = connect(
            self.contract, self.policy, session=self.session, clock=self.clock, owner="test@host:1"
        )
        accuracy = lambda i: self.accuracy.get(i.tags.get(Tag.RELEASE, ""), 0.95)  # noqa: E731
        return replace(
            made,
            prober=RoutedProber(self.cloud, accuracy),
            parallel=self._parallel,
            aside=at_once,
            pager=ChannelPager(channels(self.session, self.contract, owner="test@host:1"), at_once=True),
            journal=self._journals.over(made.journal),
        )

    def deployer(self, owner: str = "test@host:1", subscribers: Iterable[Subscriber] = ()) -> Deployer:
        """One whose verdicts are held against a replay of its journal whenever it has ended a run."""
        return ReplayedDeployer(
            self._journals,
            contract=self.contract,
            policy=self.policy,
            ports=self.ports(),
            owner=owner,
            subscribers=[*subscribers, self._hear],
        )

    def _hear(self, header: Header, entry: Entry) -> None:
        self.watch.told(entry.event)
        self._journals.hear(header, entry)
        self.entries.append((header, entry))
        for listener in self.listeners:
            listener(entry)

    def after_first(self, kind: StepKind, act: Callable[[], Any]) -> None:
        """Call `act` once, when the first step of `kind` is done."""
        done: list[Entry] = []

        def listen(entry: Entry) -> None:
            if not done and isinstance(entry.event, StepDone) and entry.event.step.kind is kind:
                done.append(entry)
                act()

        self.listeners.append(listen)

    def load(self, rate: float = 200.0) -> None:
        """Virtual users on every tier from now on."""
        self.cloud.advance()
        self.cloud.traffic.rates = {PROBED[tier.name]: rate for tier in self.contract.tiers}

    def story(self) -> str:
        printer = Lines()
        return "\n".join(line for header, entry in self.entries for line in printer.of(header, entry))

    def weights(self) -> dict[str, dict[str, int]]:
        """Tier -> release -> weight, as the live rules say."""
        state = self.deployer().observe()
        return {
            tier.tier: {fleet.version: tier.weight(fleet) for fleet in tier.fleets if tier.weight(fleet)}
            for tier in state.tiers
        }

    def orphans(self) -> list[str]:
        """What stands without serving: fleets, target groups, preview rules, schedules."""
        state = self.deployer().observe()
        found = [f"{t.tier} #{f.deployment}" for t in state.tiers for f in t.leftovers]
        found += [rule.arn for tier in state.tiers for rule in tier.previews]
        return found + list(self.ports().watchdog.armed())
