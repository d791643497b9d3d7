"""Watches one ramp step until the judge decides, a fast signal fails it, or its deadline passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bluegreen.contract import Tier
from bluegreen.domain.fleet import Health, Rule, TargetGroup
from bluegreen.domain.journal import EntryKind
from bluegreen.domain.measurement import Arm, Period, periods_to_json
from bluegreen.domain.plan import Step, TierPlan
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.domain.weights import FULL, Weights
from bluegreen.engine import probes
from bluegreen.engine.judge.judge import judge
from bluegreen.engine.judge.settings import Baseline, Look, StepMark, Thresholds
from bluegreen.engine.run import Run
from bluegreen.errors import CloudUnavailable, Halted, StepFailed
from bluegreen.policy import Judging
from bluegreen.ports import Arms

__all__ = ["Watch", "expected_weights", "thresholds"]

_LATENCY_MEMORY = 3600.0
"""Seconds of blue's past that give its frozen p95."""


def thresholds(judging: Judging) -> Thresholds:
    """The judge's thresholds out of the policy."""
    return Thresholds(
        error_limit=judging.error_limit,
        error_acceptable=judging.error_acceptable,
        latency_limit=1 + judging.latency_limit,
        latency_acceptable=1 + judging.latency_acceptable,
        accuracy_drop_limit=judging.accuracy_drop_limit,
        accuracy_drop_acceptable=judging.accuracy_drop_acceptable,
        alpha=judging.false_alarm,
        burst_seconds=judging.burst,
        cold_start_seconds=judging.cold_start,
        unhealthy_hosts=judging.unhealthy_hosts,
    )


def expected_weights(plan: TierPlan, green_arn: str, percent: int) -> dict[str, int]:
    """What the live rule must say at `percent`; without blue, green has everything."""
    if plan.blue is None:
        return {green_arn: FULL}
    weights = Weights.at(percent)
    return {plan.blue.target_group_arn: weights.blue, green_arn: weights.green}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    rules: tuple[Rule, ...]
    health: Mapping[Tier, Health]
    measured: tuple[Period, ...]
    probed: tuple[Period, ...]


class Watch:
    """The loop of one judge step."""

    def __init__(self, run: Run, step: Step) -> None:
        self._run, self._step, self._percent = run, step, step.percent or FULL
        self._arms = tuple(self._arms_of(plan) for plan in run.plan.tiers)
        self._thresholds = thresholds(run.policy.judge)
        self._known = {(period.stream, period.start): period for period in run.periods}
        self._probed_at = 0.0
        self._trouble = ""

    def _arms_of(self, plan: TierPlan) -> Arms:
        arn = str(self._run.results[f"target-group.{plan.tier}.green"]["arn"])
        name = plan.green.name if plan.green else ""
        blue = plan.blue
        control = TargetGroup(arn=blue.target_group_arn, name=blue.target_group_name) if blue else None
        return Arms(tier=plan.tier, green=TargetGroup(arn=arn, name=name), blue=control)

    def until_decided(self) -> Verdict:
        """PASS is returned; FAIL raises StepFailed, an undecided deadline Halted."""
        run, clock = self._run, self._run.ports.clock
        self._freeze_baseline()
        began = clock.now() + run.policy.rollout.dwell
        run.marks.append((began, self._percent))
        run.progress(self._step, f"watching {self._percent} %", mark=began, percent=self._percent)
        while True:
            run.keeper.beat()
            verdict = self._look(began)
            if verdict is not None:
                if verdict.outcome is Outcome.PASS and clock.now() >= began:
                    return verdict
                self._decide(verdict)
            run.keeper.wait(run.policy.rollout.tick)

    def _decide(self, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.FAIL:
            raise StepFailed(verdict.reason)
        if verdict.ask:
            raise Halted(
                f"undecided at {self._percent} %: {verdict.reason}",
                next_step="`sc-deploy resume` watches this step anew, `sc-deploy abort` takes it back",
            )

    def _freeze_baseline(self) -> None:
        if self._run.baseline:
            return
        run, now = self._run, self._run.ports.clock.now()
        with_blue = [arms for arms in self._arms if arms.blue]
        figures = run.ports.parallel(
            [
                partial(run.ports.metrics.p95_ms, arms.blue, since=now - _LATENCY_MEMORY, until=now)
                for arms in with_blue
                if arms.blue
            ]
        )
        pairs = zip(with_blue, figures, strict=True)
        run.baseline.update({str(arms.tier): p95 for arms, p95 in pairs if p95 is not None})
        run.baseline.setdefault("at", now)
        words = ", ".join(f"{tier} {p95:.0f} ms" for tier, p95 in run.baseline.items() if tier != "at")
        run.progress(self._step, f"blue's p95: {words or 'no traffic yet'}", baseline=dict(run.baseline))

    def _look(self, began: float) -> Verdict | None:
        """One look; None where AWS did not answer: the step holds, it neither passes nor fails."""
        run = self._run
        try:
            seen = self._see()
        except CloudUnavailable as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                run.warn(f"measurements are missing, holding at {self._percent} %: {error.what}")
            return self._verdict(began, {})
        self._trouble = ""
        self._compare(seen.rules)
        fresh = [p for p in (*seen.measured, *seen.probed) if self._known.get((p.stream, p.start)) != p]
        if fresh:
            run.recorder.say(
                EntryKind.MEASURED, stage=f"judge-{self._percent}", periods=periods_to_json(fresh)
            )
            run.periods.extend(fresh)
            self._known.update({(p.stream, p.start): p for p in fresh})
        unhealthy = {tier: health.unhealthy for tier, health in seen.health.items()}
        return self._verdict(began, unhealthy)

    def _see(self) -> _Seen:
        """Everything one look needs, asked for at the same time."""
        run, now = self._run, self._run.ports.clock.now()
        judging = run.policy.judge
        since = max(run.marks[0][0] - run.policy.rollout.dwell, now - judging.settle - 10 * judging.period)
        slow = {
            arms.tier: self._thresholds.latency_thresholds(run.baseline[arms.tier])
            for arms in self._arms
            if arms.tier in run.baseline
        }
        calls: list[Any] = [
            run.ports.balancer.rules,
            partial(run.ports.metrics.collect, self._arms, since=since, until=now, slow_ms=slow),
            self._probe,
        ]
        calls += [partial(run.ports.balancer.health, arms.green.arn) for arms in self._arms]
        rules, measured, probed, *healths = run.ports.parallel(calls)
        health = {arms.tier: found for arms, found in zip(self._arms, healths, strict=True)}
        return _Seen(rules=rules, health=health, measured=measured, probed=probed)

    def _probe(self) -> tuple[Period, ...]:
        """The key functions, through the preview rule, every `probes.interval` (R1)."""
        run, now = self._run, self._run.ports.clock.now()
        policy = run.policy.probes
        if now - self._probed_at < policy.interval:
            return ()
        self._probed_at = now
        tiers = {arms.tier for arms in self._arms}
        found = []
        for test in run.policy.smoke:
            if test.key and test.tier in tiers:
                fault = probes.run_smoke(test, run.ports.prober, run.preview_headers(), policy.timeout)
                found.append(
                    Period(
                        source="probes",
                        tier=test.tier,
                        arm=Arm.GREEN,
                        start=now,
                        seconds=min(policy.interval, 1.0),
                        requests=0,
                        errors=0,
                        probes=1,
                        probes_failed=1 if fault else 0,
                        key=test.name,
                    )
                )
        return tuple(found)

    def _compare(self, rules: tuple[Rule, ...]) -> None:
        """Nobody else may have moved the weights; the watchdog may."""
        run = self._run
        found = {rule.arn: rule for rule in rules}
        for arms in self._arms:
            plan = run.plan.tier(arms.tier)
            arn = str(run.results[f"weights.{arms.tier}.green.{self._percent}"]["rule"])
            wanted = {a: w for a, w in expected_weights(plan, arms.green.arn, self._percent).items() if w}
            rule = found.get(arn)
            now = {a: w for a, w in rule.weights.items() if w} if rule else {}
            if now == wanted:
                continue
            if arms.blue and list(now) == [arms.blue.arn]:
                raise StepFailed(f"{arms.tier}: all traffic was put back to blue from outside this run")
            raise Halted(
                f"{arms.tier}: the live rule was changed by someone else (now {now or 'gone'}, "
                f"expected {wanted}); nothing was overwritten",
                next_step="find out who did it, then `sc-deploy resume` or `sc-deploy abort`",
            )

    def _verdict(self, began: float, unhealthy: Mapping[Tier, int]) -> Verdict:
        run, rollout, now = self._run, self._run.policy.rollout, self._run.ports.clock.now()
        full = self._percent == FULL
        planned = rollout.final_bake if full else rollout.bake
        ramp = [step.percent for step in run.plan.steps if step.kind == self._step.kind]
        verdict = judge(
            run.periods,
            thresholds=self._thresholds,
            baseline=Baseline(
                p95_ms={a.tier: run.baseline[a.tier] for a in self._arms if a.tier in run.baseline}
            ),
            steps=[
                StepMark(started_at=at, percent=percent, planned_seconds=planned) for at, percent in run.marks
            ],
            look=Look(
                now=now,
                tiers=tuple(arms.tier for arms in self._arms),
                min_bake_seconds=min(rollout.min_bake, planned),
                planned_seconds=planned,
                deadline_seconds=planned + rollout.extension,
                last_before_full=not full and ramp[-2:-1] == [self._percent],
                full=full,
                shorten=rollout.shorten,
                unhealthy=unhealthy,
            ),
        )
        verdict = self._on_probes_alone(verdict)
        run.recorder.say(
            EntryKind.VERDICT,
            stage=f"judge-{self._percent}",
            step=self._step.id,
            percent=self._percent,
            **verdict.to_json(),
            next=self._next(),
            next_at=max(began + planned, now),
        )
        return verdict

    def _on_probes_alone(self, verdict: Verdict) -> Verdict:
        """A stack without users may say in its policy that the key functions' probes decide."""
        if not verdict.ask or self._run.policy.judge.without_traffic != "probes":
            return verdict
        mine = [p for p in self._run.periods if p.start >= self._run.marks[-1][0] and p.arm is Arm.GREEN]
        probed = sum(p.probes for p in mine)
        if sum(p.requests for p in mine) or not probed or any(p.probes_failed for p in mine):
            return verdict
        words = f"no user traffic; {probed} probes of the key functions passed (judge.without_traffic)"
        return Verdict(outcome=Outcome.PASS, reason=words, findings=verdict.findings, at=verdict.at)

    def _next(self) -> str:
        stages = self._run.plan.stages
        names = [stage.name for stage in stages]
        mine = names.index(f"judge-{self._percent}")
        return stages[mine + 1].title if mine + 1 < len(stages) else "Finish"
