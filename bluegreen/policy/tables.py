"""The tables of deploy.toml but for the metrics: what each key means, its default and its bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bluegreen.contract import RUN_COMMAND, TASK_PATTERN, Tier
from bluegreen.policy.checks import Alarms, OwnCheck
from bluegreen.policy.metrics import MetricsPolicy
from bluegreen.policy.security import Security
from bluegreen.policy.units import Duration, Fraction, RampPercent, Rate, Section


class Rollout(Section):
    """The ramp: which share of the traffic green gets, and for how long each step is watched."""

    ramp: tuple[RampPercent, ...] = (5, 25, 50, 95)
    """Green's share at each step before 100 %; the last one keeps blue as the control."""
    bake: Duration = 300.0
    """Planned watch at each ramp step."""
    min_bake: Duration = 120.0
    """A step never ends sooner, however good the evidence."""
    extension: Duration = 900.0
    """A step without a verdict is watched this much longer, then the operator is asked."""
    final_bake: Duration = 300.0
    """Watch at 100 %, before blue is retired."""
    dwell: Duration = 60.0
    """Time a rule change may take to reach every balancer node; AWS publishes no bound."""
    shorten: bool = False
    """End a step early when every metric has passed; off, because late defects then meet more users."""
    tick: Duration = 15.0
    """How often a step is judged."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.ramp) != sorted(set(self.ramp)):
            raise ValueError(f"ramp must rise, got {list(self.ramp)}")
        if self.min_bake > self.bake:
            raise ValueError(f"min_bake {self.min_bake:g}s is longer than bake {self.bake:g}s")
        if self.tick < 0.2:
            raise ValueError("tick must be at least 200ms")
        return self


class Judging(Section):
    """Limits (what must never be passed) and acceptable levels (what must not be punished), R2-R4."""

    error_limit: Annotated[Fraction, Field(gt=0, le=0.5)] = 0.01
    error_acceptable: Annotated[Fraction, Field(gt=0, le=0.5)] = 0.005
    latency_limit: Annotated[Fraction, Field(gt=0, le=9)] = 0.30
    """Relative rise against blue."""
    latency_acceptable: Annotated[Fraction, Field(gt=0, le=9)] = 0.20
    latency_floor: Annotated[Duration, Field(le=10)] = 0.050
    """Green is not slow where fewer than 5 % of its requests take longer; 0 for no floor."""
    accuracy_drop_limit: Annotated[Fraction, Field(gt=0, le=0.9)] = 0.10
    accuracy_drop_acceptable: Annotated[Fraction, Field(gt=0, le=0.9)] = 0.05
    false_alarm: Annotated[Fraction, Field(gt=0, le=0.5)] = 0.01
    """Chance that a good deployment is rolled back by chance alone."""
    burst: Annotated[Duration, Field(gt=0, le=600)] = 15.0
    """One disturbance of up to this length never decides alone."""
    cold_start: Annotated[Duration, Field(le=600)] = 150.0
    """Latency is not judged for this long after the first request of new instances of green."""
    least_healthy: Annotated[Fraction, Field(gt=0, le=1)] = 0.5
    """A sick target fails the release at once where fewer than this part of the targets that green's share
    of the traffic needs is left; otherwise the step waits until the fleet has healed."""
    without_traffic: Literal["ask", "probes"] = "ask"
    """A step with too little user traffic for a verdict by its deadline: halt and ask, or let the key
    functions' probes decide. Our own requests are not user traffic."""
    without_accuracy: Literal["refuse", "warn"] = "warn"
    """An AI tier with neither a golden set nor a source of labelled answers: nothing would judge its
    answers (R4), so refuse the release, or let `doctor` say so."""
    period: Annotated[Duration, Field(ge=1, le=300)] = 60.0
    """Length of a CloudWatch period; one minute on AWS."""
    settle: Annotated[Duration, Field(le=1800)] = 180.0
    """A period is settled (used for promotion) this long after its end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        pairs = (
            ("error", self.error_acceptable, self.error_limit),
            ("latency", self.latency_acceptable, self.latency_limit),
            ("accuracy_drop", self.accuracy_drop_acceptable, self.accuracy_drop_limit),
        )
        wrong = [
            f"{n}_acceptable {a:.3%} is not below {n}_limit {x:.3%}" for n, a, x in pairs if not 0 < a < x
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class HealthPolicy(Section):
    """How long green may take to become healthy, and how often it is asked."""

    deadline: Duration = 900.0
    poll: Duration = 5.0


class SmokeStep(Section):
    """One request and what its answer must be. `{name}` inserts a value saved by an earlier step."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    path: Annotated[str, Field(pattern=r"^/")]
    headers: Mapping[str, str] = {}
    body: str = ""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    json_: Mapping[str, Any] = Field(default={}, alias="json")
    """Dotted path in the JSON answer -> the value it must have."""
    text: str = ""
    """Text the answer must contain."""
    max_latency: Duration = 5.0
    save: Mapping[str, str] = {}
    """Name -> dotted path whose value later steps may insert."""


class SmokeTest(Section):
    """A key function of the platform, as its users use it (P5, R1)."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    tier: Tier
    key: bool = True
    """A key function is probed all through the shift; its failure rolls back (R1)."""
    steps: Annotated[tuple[SmokeStep, ...], Field(min_length=1)]


class Probes(Section):
    """The prober: own requests through the front door."""

    interval: Duration = 5.0
    timeout: Duration = 5.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """A smoke test passes when one of these attempts passes; each failure is reported."""
    synthetic: Rate = 0.0
    """Requests of the key functions, per tier, sent to green and again through the front door while a
    step has too little traffic; none by default."""


class GoldenRow(Section):
    """One question whose answer is known."""

    input: Any
    label: Any


class GoldenSet(Section):
    """AI validation (P5, R4): questions with known answers, sent to green and to blue before 5 %."""

    file: str
    """JSON lines beside deploy.toml: {"input": ..., "label": ...}."""
    path: Annotated[str, Field(pattern=r"^/")]
    answer: str = "label"
    """Dotted path of the answer in the response."""
    minimum: Annotated[int, Field(ge=20)] = 100
    rows: tuple[GoldenRow, ...] = ()
    """Read from `file` when the policy is loaded, so that a resumed run asks the same questions."""


class Migration(Section):
    """The expand migration of a release (P4, P8) and its down migration (R8)."""

    run: Literal["ssm", "local"] = "ssm"
    """In a container on an app host, through SSM Run Command, or as a local command."""
    check: str = ""
    """Runs before `command`; its failure stops the release."""
    command: str
    """Run once, on blue's app host before green is built; `{image}` and `{version}` are the release's."""
    down: str = ""
    """Run once, by `--down` alone: on an app host of the release that is rolled back, while it exists."""
    timeout: Duration = 1800.0

    @model_validator(mode="after")
    def _tasks(self) -> Self:
        """What runs on a host runs in the release's own image: the container there is another release's."""
        texts = {"check": self.check, "command": self.command, "down": self.down}
        wrong = [
            f"{name} {task_fault(text)}, got {text!r}" for name, text in texts.items() if task_fault(text)
        ]
        if self.run == "ssm" and wrong:
            raise ValueError("; ".join(wrong))
        return self


def task_fault(text: str) -> str:
    """What is wrong with a command for a host; empty where nothing is."""
    allowed = f'"{RUN_COMMAND} {{image}} -- npm run migrate"'
    if text and "{image}" not in text:
        return f"does not name {{image}}, so it would run the previous release's code; write {allowed}"
    if text and not re.fullmatch(
        rf"{RUN_COMMAND} \{{image\}} -- {TASK_PATTERN}", text.replace("{version}", "v")
    ):
        return f"must be like {allowed}, of letters, digits, spaces and _.:/=@,+- (no shell reads it)"
    return ""


class Backup(Section):
    """A snapshot of the database before anything changes (P8)."""

    snapshot: bool = True
    timeout: Duration = 3600.0


class Retire(Section):
    """When blue may go."""

    keep_blue: Duration | Literal["until-next"] = 0.0
    """The announced rollback window after 100 %; "until-next" leaves blue to the next release."""
    quiet: Duration = 60.0
    """Blue's request count must have stayed zero for this long, past drain and stickiness."""
    deadline: Duration = 1800.0


class LeasePolicy(Section):
    """One deployer per stack; the lease is renewed every third of `ttl`."""

    ttl: Annotated[Duration, Field(ge=3)] = 90.0
    """Shorter ones run out between two renewals of a deployer that lives."""
    patience: Duration = 300.0
    """How long AWS may be unreachable before the run halts."""


class Freeze(Section):
    """No release may start between `start` and `end` (ISO 8601 with offset)."""

    start: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2}|Z)$")]
    end: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2}|Z)$")]
    reason: str


class Policy(Section):
    """How releases of one stack are made."""

    rollout: Rollout = Rollout()
    judge: Judging = Judging()
    health: HealthPolicy = HealthPolicy()
    metrics: MetricsPolicy = MetricsPolicy()
    check: tuple[OwnCheck, ...] = ()
    alarms: Alarms = Alarms()
    probes: Probes = Probes()
    smoke: tuple[SmokeTest, ...] = ()
    golden: GoldenSet | None = None
    migration: Migration | None = None
    backup: Backup = Backup()
    retire: Retire = Retire()
    lease: LeasePolicy = LeasePolicy()
    security: Security = Security()
    freeze: tuple[Freeze, ...] = ()
    checklist: tuple[str, ...] = ()
    """Points of the before-checklist (C1) that only a person can confirm."""

    @property
    def watches(self) -> bool:
        """Whether anything is watched besides the judge's own metrics."""
        return bool(self.check or self.alarms.all)

    @model_validator(mode="after")
    def _watchable(self) -> Self:
        """What the judge looks past must be shorter than a step; the defaults shrink with it."""
        bake, default = self.rollout.bake, Judging()
        wrong = [
            f"judge.{name} {value:g}s is not below rollout.bake {bake:g}s: a step would show nothing"
            for name in ("burst", "cold_start")
            if (value := getattr(self.judge, name)) >= bake and value != getattr(default, name)
        ]
        names = [one.name for one in self.check]
        wrong += [f"check {name!r} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
