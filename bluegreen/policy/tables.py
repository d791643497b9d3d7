"""The tables of deploy.toml but for the metrics: what each key means, its default and its bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from bluegreen.contract import RUN_COMMAND, TASK_PATTERN
from bluegreen.policy.checklist import Point, item_of
from bluegreen.policy.checks import Alarms, OwnCheck
from bluegreen.policy.freeze import Freeze
from bluegreen.policy.metrics import MetricsPolicy, period_fault
from bluegreen.policy.rehearsal import Rehearsal
from bluegreen.policy.security import Security
from bluegreen.policy.smoke import GoldenSet, SmokeTest
from bluegreen.policy.units import (
    DAY,
    FROM_FILE,
    HOUR,
    MINUTE,
    Duration,
    Flag,
    Fraction,
    Line,
    RampPercent,
    Rate,
    Section,
    Whole,
    unknown_placeholders,
)

MOST_WATCHED = DAY
"""A run holds its stack; what shall last longer is no step of a release."""
LEAST = 1e-4
"""A smaller share could not be told from none by the traffic of one release."""


class Rollout(Section):
    """The ramp: which share of the traffic green gets, and for how long each step is watched."""

    ramp: Annotated[tuple[RampPercent, ...], Field(min_length=1, max_length=20)] = (5, 25, 50, 95)
    """Green's share at each step before 100 %; the last one keeps blue as the control."""
    bake: Annotated[Duration, Field(ge=1, le=MOST_WATCHED)] = 300.0
    """Planned watch at each ramp step."""
    min_bake: Annotated[Duration, Field(le=MOST_WATCHED)] = 120.0
    """A step never ends sooner, however good the evidence."""
    extension: Annotated[Duration, Field(le=MOST_WATCHED)] = 900.0
    """A step without a verdict is watched this much longer, then the operator is asked."""
    final_bake: Annotated[Duration, Field(le=MOST_WATCHED)] = 300.0
    """Watch at 100 %, before blue is retired."""
    dwell: Annotated[Duration, Field(le=10 * MINUTE)] = 60.0
    """Time a rule change may take to reach every balancer node; AWS publishes no bound."""
    shorten: Flag = False
    """End a step early when every metric has passed; off, because late defects then meet more users."""
    tick: Annotated[Duration, Field(ge=0.2, le=5 * MINUTE)] = 15.0
    """How often a step is judged."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.ramp) != sorted(set(self.ramp)):
            raise ValueError(f"ramp must rise, got {list(self.ramp)}")
        if self.min_bake > self.bake:
            raise ValueError(f"min_bake {self.min_bake:g}s is longer than bake {self.bake:g}s")
        if self.tick > self.bake and self.tick != Rollout.model_fields["tick"].default:
            raise ValueError(f"tick {self.tick:g}s is longer than bake {self.bake:g}s")
        return self


class Judging(Section):
    """Limits (what must never be passed) and acceptable levels (what must not be punished), R2-R4."""

    error_limit: Annotated[Fraction, Field(ge=LEAST, le=0.5)] = 0.01
    """From this share of failed requests on, and twice blue's, green is rolled back."""
    error_acceptable: Annotated[Fraction, Field(ge=LEAST, le=0.5)] = 0.005
    """A share of failed requests up to this is no reason for a rollback."""
    latency_limit: Annotated[Fraction, Field(ge=LEAST, le=9)] = 0.30
    """Relative rise against blue."""
    latency_acceptable: Annotated[Fraction, Field(ge=LEAST, le=9)] = 0.20
    """A rise up to this is no reason for a rollback."""
    latency_floor: Annotated[Duration, Field(le=10)] = 0.050
    """Green is not slow where fewer than 5 % of its requests take longer; 0 for no floor."""
    accuracy_drop_limit: Annotated[Fraction, Field(ge=LEAST, le=0.9)] = 0.10
    """Relative fall of right answers against blue that is rolled back."""
    accuracy_drop_acceptable: Annotated[Fraction, Field(ge=LEAST, le=0.9)] = 0.05
    """A fall up to this is no reason for a rollback."""
    false_alarm: Annotated[Fraction, Field(ge=LEAST, le=0.5)] = 0.01
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
        if fault := period_fault(self.period):
            wrong.append(fault)
        if self.settle < self.period:
            wrong.append(
                f"settle {self.settle:g}s is shorter than period {self.period:g}s: "
                "CloudWatch has no whole period so soon"
            )
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class HealthPolicy(Section):
    """How long green may take to become healthy, and how often it is asked."""

    deadline: Annotated[Duration, Field(ge=1, le=4 * HOUR)] = 900.0
    """From launch on, until all of green's targets are healthy; at least the longest boot budget."""
    poll: Annotated[Duration, Field(ge=0.05, le=5 * MINUTE)] = 5.0
    """How often the targets are looked at."""

    @model_validator(mode="after")
    def _polled(self) -> Self:
        if self.poll > self.deadline:
            raise ValueError(f"poll {self.poll:g}s is longer than deadline {self.deadline:g}s")
        return self


class Probes(Section):
    """The prober: own requests through the front door."""

    interval: Annotated[Duration, Field(ge=0.2, le=5 * MINUTE)] = 5.0
    """How often each key function is probed, and target health looked at."""
    timeout: Annotated[Duration, Field(ge=0.1, le=2 * MINUTE)] = 5.0
    """Of one request, as a whole."""
    attempts: Annotated[Whole, Field(ge=1, le=20)] = 3
    """A smoke test passes when one of these attempts passes; each failure is reported."""
    synthetic: Annotated[Rate, Field(le=100)] = 0.0
    """Requests of the key functions, per tier, sent to green and again through the front door while a
    step has too little traffic; none by default."""


Command = Annotated[Line, Field(max_length=2_000)]
RELEASE_NAMES = ("image", "version")
"""What a command may insert."""


class Migration(Section):
    """The expand migration of a release (P4, P8) and its down migration (R8)."""

    run: Literal["ssm", "local"] = "ssm"
    """In a container on an app host, through SSM Run Command, or as a local command."""
    check: Command = ""
    """Runs before `command`; its failure stops the release."""
    command: Annotated[Command, Field(min_length=1)]
    """Run once, on blue's app host before green is built; `{image}` and `{version}` are the release's."""
    down: Command = ""
    """Run once, by `--down` alone: on an app host of the release that is rolled back, while it exists."""
    timeout: Annotated[Duration, Field(ge=1, le=DAY)] = 1800.0
    """How long it is waited for. On a host it is not stopped then: the run halts, and a person decides.
    A local one is stopped, since nobody could find it again from another machine."""
    repeatable: Flag = False
    """Whether it may run twice, where nobody can tell any more whether it ran."""

    @model_validator(mode="after")
    def _tasks(self) -> Self:
        """What runs on a host runs in the release's own image: the container there is another release's."""
        texts = {"check": self.check, "command": self.command, "down": self.down}
        find = task_fault if self.run == "ssm" else _local_fault
        wrong = [f"{name} {find(text)}, got {text!r}" for name, text in texts.items() if find(text)]
        if wrong:
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


def _local_fault(text: str) -> str:
    fault = unknown_placeholders((text,), RELEASE_NAMES)
    return f"has an {fault}; a word alone in braces is one, so put spaces round the shell's" if fault else ""


class Versions(Section):
    """How a release may be named (P6)."""

    form: Literal["release", "any"] = "release"
    """"release": vX.Y.Z, with or without a pre-release as in v1.4.0-rc.1, as Semantic Versioning has it;
    "any": whatever an image's tag may be. `--any-version` allows it once."""


class Backup(Section):
    """A snapshot of the database before anything changes (P8)."""

    snapshot: Flag = True
    """Whether a release that migrates makes one first."""
    timeout: Annotated[Duration, Field(ge=1, le=DAY)] = 3600.0
    """How long it is waited for; then the run halts, since RDS does not stop."""


class Retire(Section):
    """When blue may go."""

    keep_blue: Annotated[Duration, Field(le=MOST_WATCHED)] | Literal["until-next"] = 0.0
    """The announced rollback window after 100 %; "until-next" leaves blue to the next release."""
    quiet: Annotated[Duration, Field(le=HOUR)] = 60.0
    """Blue's request count must have stayed zero for this long, past drain and stickiness."""
    deadline: Annotated[Duration, Field(ge=1, le=DAY)] = 1800.0
    """How long blue is waited for to have no request; then the run halts, and blue stays."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.quiet > self.deadline:
            raise ValueError(f"quiet {self.quiet:g}s is longer than deadline {self.deadline:g}s")
        return self


class LeasePolicy(Section):
    """One deployer per stack; the lease is renewed every third of `ttl`."""

    ttl: Annotated[Duration, Field(ge=3, le=10 * MINUTE)] = 90.0
    """Shorter ones run out between two renewals of a deployer that lives; after longer ones the watchdog
    comes too late for users."""
    patience: Annotated[Duration, Field(ge=1, le=HOUR)] = 300.0
    """How long AWS may be unreachable before the run halts."""


class HoldPolicy(Section):
    """A person's hold (`sc-deploy hold`): the deployer waits, both fleets stand, green is measured."""

    deadline: Annotated[Duration, Field(ge=MINUTE, le=DAY)] = 4 * HOUR
    """How long it stands unless somebody lets the deployment continue."""
    then: Literal["stay", "rollback"] = "stay"
    """What happens then: it stays on hold and pages, or it is rolled back."""


def hold_seconds(text: str) -> float:
    """A duration as `hold.deadline` takes it; raises ValueError."""
    try:
        return HoldPolicy.model_validate({"deadline": text}, context=FROM_FILE).deadline
    except ValidationError:
        raise ValueError('must be a duration from 1m to 1d, such as "30m"') from None


class Policy(Section):
    """How releases of one stack are made."""

    rollout: Rollout = Rollout()
    judge: Judging = Judging()
    health: HealthPolicy = HealthPolicy()
    metrics: MetricsPolicy = MetricsPolicy()
    check: Annotated[tuple[OwnCheck, ...], Field(max_length=50)] = ()
    alarms: Alarms = Alarms()
    probes: Probes = Probes()
    smoke: Annotated[tuple[SmokeTest, ...], Field(max_length=50)] = ()
    golden: GoldenSet | None = None
    versions: Versions = Versions()
    migration: Migration | None = None
    rehearsal: Rehearsal = Rehearsal()
    backup: Backup = Backup()
    retire: Retire = Retire()
    lease: LeasePolicy = LeasePolicy()
    hold: HoldPolicy = HoldPolicy()
    security: Security = Security()
    freeze: Annotated[tuple[Freeze, ...], Field(max_length=100)] = ()
    checklist: Annotated[tuple[Point, ...], Field(max_length=50)] = ()
    """Items of the before-checklist (C1) that a person answers for before a release."""

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
        wrong += self._twice()
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _twice(self) -> Iterator[str]:
        """A name leads to one thing: in the verdict, on the page, and in what the journal says of it."""
        for kind, names in (
            ("check", [one.name for one in self.check]),
            ("smoke", [one.name for one in self.smoke]),
            ("checklist", [item_of(one).id for one in self.checklist]),
        ):
            yield from (
                f"{kind} {one!r} is there twice" for one in sorted(set(names)) if names.count(one) > 1
            )
