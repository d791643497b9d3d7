"""A stack, a plan and a journal as they really look, for everything that shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bluegreen.contract import MANAGED_BY, Contract, Tag, Tier
from bluegreen.domain.forecast import ExpectedTraffic, ReleaseForecast
from bluegreen.domain.journal import (
    Decided,
    Documents,
    Ending,
    Entry,
    Event,
    Header,
    Measured,
    RunEnded,
    RunStarted,
    StageStarted,
    StepDone,
    VerdictGiven,
    WatchdogArmed,
    WeightsSet,
)
from bluegreen.domain.measurement import Period
from bluegreen.domain.plan import Plan, Step, StepKind
from bluegreen.domain.promotion import PromotionRequest, plan_promotion
from bluegreen.domain.release import Color, Image, Release, TierRelease
from bluegreen.domain.reports import Result, Status
from bluegreen.domain.rollback import plan_rollback_of_open
from bluegreen.domain.stack import Fleet, Group, Health, Rule, StackState, TargetGroup, TierState
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.engine.watch.forecast import tier_forecasts
from bluegreen.errors import ExitCode
from bluegreen.policy import MetricsPolicy, Policy, Rollout, Source

SameAs = Callable[[str, str], None]
START = 1_785_758_400.0
"""2026-08-03 12:00:00 UTC."""
POLICY = Policy.model_validate(
    {"rollout": {"bake": "20s", "min_bake": "10s", "dwell": "5s", "final_bake": "20s"}}
)


def contract(stack: str = "lab") -> Contract:
    base = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012"
    tiers = [
        {
            "name": name,
            "path_patterns": [path],
            "rule_priority": 100 + index,
            "preview_priority": 10 + index,
            "port": 8080,
            "version_path": f"/{name}/version",
            "launch_template_id": "lt-0123456789abcdef0",
            "subnet_ids": ["subnet-1"],
            "fleet": {"minimum": 2, "desired": 2, "maximum": 4},
            "image_repository": "sportcoach-ai" if name == "ai" else "sportcoach-platform",
        }
        for index, (name, path) in enumerate([("web", "/*"), ("app", "/api/*"), ("ai", "/ai/*")])
    ]
    return Contract.model_validate(
        {
            "stack": stack,
            "account_id": "123456789012",
            "region": "ap-northeast-1",
            "vpc_id": "vpc-0123456789abcdef0",
            "base_url": "http://127.0.0.1:8000",
            "load_balancer_arn": f"{base}:loadbalancer/app/sc/1",
            "listener_arn": f"{base}:listener/app/sc/1/2",
            "state_table": "state",
            "buckets": {"assets": "a", "models": "m", "training_data": "t", "logs": "l"},
            "alerts": {"critical_topic_arn": "arn:aws:sns:x:1:c", "warning_topic_arn": "arn:aws:sns:x:1:w"},
            "watchdog": {"role_arn": "arn:aws:iam::1:role/w", "schedule_group": "g"},
            "tiers": tiers,
        }
    )


def image(version: str) -> Image:
    digest = "sha256:" + version.encode().hex().ljust(64, "0")
    return Image(repository="sportcoach-platform", tag=version, digest=digest, uri=f"r/p@{digest}")


def fleet(tier: Tier, number: int, version: str, color: str) -> Fleet:
    name = f"sc-lab-{tier}-{number}"
    tags = {Tag.MANAGED_BY.value: MANAGED_BY, Tag.STACK.value: "lab"}
    return Fleet(
        tier=tier,
        deployment=number,
        version=version,
        image=image(version),
        color=color,
        target_group=TargetGroup(arn=f"arn:tg:{name}", name=name, tags=tags),
        group=Group(name=name, minimum=2, desired=2, maximum=4, instances=("i-1", "i-2"), in_service=2),
    )


def state(*fleets: tuple[int, str, str, int]) -> StackState:
    """Every tier with fleets of (deployment, version, color, weight)."""
    tiers = []
    for tier in Tier:
        made = [fleet(tier, number, version, color) for number, version, color, _ in fleets]
        weights = {f"arn:tg:sc-lab-{tier}-{number}": weight for number, _, _, weight in fleets}
        rule = Rule(arn=f"arn:rule:{tier}", priority=100, weights=weights) if fleets else None
        tiers.append(TierState(tier=tier, rule=rule, fleets=tuple(made)))
    return StackState(stack="lab", tiers=tuple(tiers))


BLUE = state((1, "v1.0.0", "blue", 100))


def order(
    version: str = "v1.1.0", number: int = 2, tiers: Sequence[Tier] = tuple(Tier), reason: str = ""
) -> PromotionRequest:
    parts = tuple(TierRelease(tier=tier, version=version, image=image(version)) for tier in tiers)
    release = Release(version=version, tiers=parts)
    return PromotionRequest(
        release=release, number=number, launch_templates=dict.fromkeys(Tier, 3), reason=reason
    )


def promotion(stack: StackState = BLUE, **options: Any) -> Plan:
    return plan_promotion(order(**options), contract(), POLICY, stack)


def roll_back(plan: Plan, reason: str = "errors: 41 of 2,000 on green") -> Plan:
    both = state((1, "v1.0.0", "blue", 75), (2, "v1.1.0", "green", 25))
    return plan_rollback_of_open(plan, contract(), POLICY, both, shifted=True, reason=reason)


def header(plan: Plan | None = None, **more: Any) -> Header:
    plan = plan or promotion()
    fields: dict[str, Any] = {
        "number": plan.number,
        "stack": plan.stack,
        "intent": str(plan.intent),
        "version": "v1.1.0",
        "operator": "anna@desk:41",
        "started_at": START,
        "fingerprint": plan.fingerprint,
        "documents": Documents(plan=plan, policy=POLICY, contract=contract(), preview_token="SECRET-TOKEN"),
    }
    return Header(**{**fields, **more})


def period(
    tier: Tier, arm: Color, second: int, *, requests: int, errors: int = 0, p95: float = 12.0
) -> Period:
    return Period(
        source="cloudwatch",
        tier=tier,
        arm=arm,
        start=START + second,
        seconds=1.0,
        requests=requests,
        errors=errors,
        p95_ms=p95,
    )


def left_behind(step: Step) -> WeightsSet | WatchdogArmed | None:
    if step.kind is StepKind.WATCHDOG:
        return WatchdogArmed(at=START + 180)
    if step.kind is not StepKind.WEIGHTS or step.percent is None:
        return None
    return WeightsSet(rule_arn=f"arn:rule:{step.tier}", green_percent=step.percent)


def measured(*periods: Period) -> Measured:
    return Measured(stage="judge-25", percent=25, periods=periods)


def broken_verdict() -> VerdictGiven:
    """An event that no display can show."""
    return VerdictGiven(stage="", step=judging(), percent=25, verdict=None, next="", next_at=None)  # type: ignore[arg-type]  # on purpose


def judging(percent: int = 25) -> Step:
    return Step(kind=StepKind.JUDGE, percent=percent)


def proving(kind: StepKind, tier: Tier = Tier.WEB) -> Step:
    return Step(kind=kind, tier=tier, fleet=Color.GREEN)


class Script:
    """Writes a journal entry by entry, a second apart unless told otherwise."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or promotion()
        self.header = header(self.plan)
        self.entries: list[Entry] = []
        self.at = START

    def say(self, event: Event, *, after: float = 1.0) -> Entry:
        self.at += after
        entry = Entry(seq=len(self.entries) + 1, at=self.at, event=event)
        self.entries.append(entry)
        return entry

    def start(self) -> Script:
        self.say(RunStarted(plan=self.plan, operator="anna@desk:41"), after=0)
        return self

    def through(self, plan: Plan, stages: Iterable[str]) -> Script:
        """Run the named stages of `plan` to their end."""
        names = list(stages)
        for index, stage in enumerate(plan.stages, start=1):
            if stage.name not in names:
                continue
            self.open(plan, stage.name, index)
            for step in stage.steps:
                words = f"{step.kind} done"
                done = StepDone(stage=stage.name, step=step, words=words, result=left_behind(step))
                self.say(done, after=0.2)
        return self

    def open(self, plan: Plan, name: str, index: int = 1) -> Script:
        stage = next(stage for stage in plan.stages if stage.name == name)
        self.say(
            StageStarted(
                stage=name,
                title=stage.title,
                expected_seconds=stage.expected_seconds,
                index=index,
                count=len(plan.stages),
                percent=stage.percent,
            )
        )
        return self

    def until(self, name: str) -> Script:
        """Everything before stage `name`, and that stage begun."""
        names = [stage.name for stage in self.plan.stages]
        self.start().through(self.plan, names[: names.index(name)])
        return self.open(self.plan, name, names.index(name) + 1)

    def measured(self, second: int, *, green_errors: int = 0) -> Script:
        periods = [
            period(tier, arm, second, requests=n, errors=e, p95=ms)
            for tier in Tier
            for arm, n, e, ms in ((Color.BLUE, 375, 0, 12.0), (Color.GREEN, 125, green_errors, 14.0))
        ]
        self.say(measured(*periods), after=0.5)
        return self

    def verdict(
        self,
        outcome: str,
        percent: int,
        reason: str,
        *,
        after: float = 0.5,
        hold: bool = False,
        next: str = "Send 50 % of the traffic to green",  # noqa: A002  (the field of the event)
        **next_at: float | None,
    ) -> Script:
        event = VerdictGiven(
            stage=f"judge-{percent}",
            step=judging(percent),
            percent=percent,
            verdict=Verdict(outcome=Outcome(outcome), reason=reason, hold=hold),
            next=next,
            next_at=next_at.get("next_at", self.at + 12.0),
        )
        self.say(event, after=after)
        return self

    def rolled_back(self) -> Script:
        """A FAIL at 25 %, and the whole way back."""
        self.until("judge-25").measured(30, green_errors=3)
        self.verdict(
            "fail", 25, "errors: 41 of 2,000 on green, 1 of 6,000 on blue", next="Roll back", next_at=None
        )
        back = roll_back(self.plan)
        self.say(Decided(decision="roll back", reason="errors at 25 %", plan=back))
        self.through(back, [stage.name for stage in back.stages])
        traffic = ("web, app, ai: 100 % on v1.0.0 (blue)",)
        self.say(
            RunEnded(ending=Ending.ROLLED_BACK, words="v1.1.0 was rolled back", traffic=traffic, exit_code=5)
        )
        return self

    def released(self) -> Script:
        self.start().through(self.plan, [stage.name for stage in self.plan.stages])
        traffic = ("web, app, ai: 100 % on v1.1.0",)
        self.say(RunEnded(ending=Ending.RELEASED, words="v1.1.0 serves", traffic=traffic, exit_code=0))
        return self


def release_forecast(*, rate: float = 80.0, troubles: tuple[str, ...] = ()) -> ReleaseForecast:
    """What a stack with `rate` requests a second on each tier, and labels on one, would show."""
    policy = POLICY.model_copy(
        update={
            "rollout": Rollout(),
            "metrics": MetricsPolicy(accuracy=(Source.PROMETHEUS,)),
        }
    )
    expected = [
        ExpectedTraffic(tier=Tier.APP, requests_per_second=rate, error_rate=0.001),
        ExpectedTraffic(
            tier=Tier.AI, requests_per_second=rate / 200, error_rate=0.001, labels_per_second=rate / 400
        ),
    ]
    return ReleaseForecast(tiers=tier_forecasts(expected, (5, 25, 50, 95), policy), troubles=troubles)


def result(**more: Any) -> Result:
    """A promotion that was rolled back."""
    fields: dict[str, Any] = {
        "ending": Ending.ROLLED_BACK,
        "exit_code": ExitCode.ROLLED_BACK,
        "header": header(),
        "words": "v1.1.0 was rolled back",
        "next_step": "",
        "traffic": ("web, app, ai: 100 % on v1.0.0 (blue)",),
    }
    return Result(**{**fields, **more})


SHIFTING = state((1, "v1.0.0", "blue", 75), (2, "v1.1.0", "green", 25))


def status(stack: StackState = SHIFTING, **more: Any) -> Status:
    """A stack in the middle of a shift, every fleet healthy."""
    groups = [f.target_group.arn for tier in stack.tiers for f in tier.fleets if f.target_group]
    fields: dict[str, Any] = {
        "state": stack,
        "health": dict.fromkeys(groups, Health(healthy=2)),
        "holder": None,
        "open": None,
        "watchdogs": (),
        "traffic": ("web, app, ai: 75 % on v1.0.0, 25 % on v1.1.0",),
        "next_step": "",
    }
    return Status(**{**fields, **more})
