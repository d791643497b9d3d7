"""Watches one ramp step until the judge decides, a fast signal fails it, or its deadline passes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile, islice
from math import inf

from bluegreen.contract import Tier
from bluegreen.domain.journal import Measured, ShareWatched, VerdictGiven, WeightsSet
from bluegreen.domain.measurement import Period
from bluegreen.domain.plan import Step
from bluegreen.domain.release import FULL, Color
from bluegreen.domain.stack import Rule
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.engine.arms import arms_of, expected_weights
from bluegreen.engine.limits import thresholds
from bluegreen.engine.run import Run
from bluegreen.engine.watch.baseline import freeze_baseline
from bluegreen.engine.watch.key_functions import KeyFunctions
from bluegreen.engine.watch.life_stages import LifeStages
from bluegreen.engine.watch.look import Observer, Seen
from bluegreen.errors import Halted, StepFailed
from bluegreen.judge.judge import judge
from bluegreen.judge.probed import decided_by_probes
from bluegreen.judge.settings import Baseline, Look, StepMark
from bluegreen.judge.tail import asked_for


class Watch:
    """The loop of one judge step."""

    def __init__(self, run: Run, step: Step) -> None:
        self._run, self._step, self._percent = run, step, step.percent or FULL
        self._stage = run.stage(step)
        self._arms = arms_of(run)
        self._thresholds = thresholds(run.policy.judge)
        self._known = {(period.stream, period.start): period for period in run.periods}
        self._functions = KeyFunctions(run, self._arms, self._percent)
        self._observer = Observer(run, self._arms, self._functions)
        self._stages = {one.tier: LifeStages(run.contract.tier(one.tier)) for one in self._arms}
        self._sick: dict[Tier, tuple[str, ...]] = {}
        self._frozen_at, self._unfrozen = -inf, ""
        self._troubles: tuple[str, ...] = ()
        self._said: tuple[object, ...] = ()

    def until_decided(self) -> Verdict:
        """PASS is returned; FAIL raises StepFailed, an undecided deadline Halted."""
        run, clock = self._run, self._run.ports.clock
        began = clock.now() + run.policy.rollout.dwell
        run.marks.append((began, self._percent))
        words = f"watching {self._percent} %"
        run.recorder.write(
            ShareWatched(stage=self._stage, step=self._step, words=words, percent=self._percent, since=began)
        )
        while True:
            run.heartbeat.beat()
            seen = self._see()
            self._take_in(seen)
            verdict = self._verdict(began, seen)
            if verdict.outcome is Outcome.PASS and seen.slow and clock.now() >= began:
                return verdict
            self._decide(verdict)
            if seen.slow:
                self._functions.synthetic(run.baseline.thin if run.baseline else ())
            run.heartbeat.wait(self._observer.pause)

    def _decide(self, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.FAIL:
            raise StepFailed(verdict.reason)
        if verdict.ask:
            raise Halted(
                f"undecided at {self._percent} %: {verdict.reason}",
                next_step="`sc-deploy resume` watches this step anew, `sc-deploy abort` takes it back",
            )

    def _see(self) -> Seen:
        """One look; blue's figures are frozen first, and nothing advances without them."""
        now = self._run.ports.clock.now()
        if now - self._frozen_at >= self._run.policy.rollout.tick:
            self._frozen_at = now
            self._unfrozen = freeze_baseline(self._run, self._step, self._arms)
        seen = self._observer.look(self._slow_ms())
        return replace(seen, troubles=(self._unfrozen, *seen.troubles)) if self._unfrozen else seen

    def _slow_ms(self) -> dict[Tier, Sequence[float]]:
        known = self._p95_ms
        return {
            arms.tier: asked_for(known[arms.tier], self._thresholds)
            for arms in self._arms
            if arms.tier in known
        }

    @property
    def _p95_ms(self) -> Mapping[Tier, float]:
        """Blue's frozen p95, of the tiers where it is known."""
        return self._run.baseline.p95_ms if self._run.baseline else {}

    def _take_in(self, seen: Seen) -> None:
        """Journal what is new; raise for what needs no judge."""
        run = self._run
        # The same trouble with other figures is no news.
        gist = tuple(re.sub(r"[\d.,]+", "#", words) for words in seen.troubles)
        if gist != self._troubles:
            self._troubles = gist
            if seen.troubles:
                words = "; ".join(seen.troubles)
                run.warn(f"measurements are missing, holding at {self._percent} %: {words}")
        if seen.rules is not None:
            self._compare(seen.rules)
        fresh = [p for p in seen.periods if self._known.get((p.stream, p.start)) != p]
        if fresh:
            self._tell_revisions(fresh)
            run.recorder.write(Measured(stage=self._stage, percent=self._percent, periods=tuple(fresh)))
            run.periods.extend(fresh)
            self._known.update({(p.stream, p.start): p for p in fresh})
        sick = {
            tier: self._stages[tier].sick(health, run.ports.clock.now())
            for tier, health in seen.health.items()
        }
        if sick != self._sick and (any(sick.values()) or any(self._sick.values())):
            run.recorder.write(Measured(stage=self._stage, percent=self._percent, sick=sick))
        self._sick = sick
        for tier, health in seen.health.items():
            if not health.healthy:
                raise StepFailed(f"{tier}: green has no healthy target ({health})")

    def _tell_revisions(self, fresh: Sequence[Period]) -> None:
        """A source may count a period anew; the judge keeps to what it used, people are told."""
        for period in fresh:
            before = self._known.get((period.stream, period.start))
            if before is not None:
                counts = (f"{p.errors} of {p.requests}" for p in (before, period))
                self._run.progress(
                    self._step, f"{period.name} was revised from {' to '.join(counts)} failed requests"
                )

    def _compare(self, rules: tuple[Rule, ...]) -> None:
        """Nobody else may have moved the weights; the watchdog may."""
        run = self._run
        found = {rule.arn: rule for rule in rules}
        for arms in self._arms:
            plan = run.plan.tier(arms.tier)
            arn = run.result(WeightsSet, arms.tier).rule_arn
            wanted = {a: w for a, w in expected_weights(plan, arms.green.arn, self._percent).items() if w}
            rule = found.get(arn)
            now = {a: w for a, w in rule.weights.items() if w} if rule else {}
            if now == wanted:
                continue
            if arms.blue and list(now) == [arms.blue.arn]:
                raise StepFailed(f"{arms.tier}: all traffic was put back to blue from outside this run")
            raise Halted(
                f"{arms.tier}: the live rule was changed by someone else (now "
                f"{_shares(now) if rule else 'gone'}; expected {_shares(wanted)}); nothing was overwritten",
                next_step="find out who did it, then `sc-deploy resume` or `sc-deploy abort`",
            )

    def _verdict(self, began: float, seen: Seen) -> Verdict:
        run, rollout, now = self._run, self._run.policy.rollout, self._run.ports.clock.now()
        full = self._percent == FULL
        planned = rollout.final_bake if full else rollout.bake
        ramp = [step.percent for step in run.plan.steps if step.kind == self._step.kind]
        look = Look(
            now=now,
            tiers=tuple(arms.tier for arms in self._arms),
            labelled=(Tier.AI,) if run.policy.metrics.accuracy else (),
            min_bake_seconds=min(rollout.min_bake, planned),
            planned_seconds=planned,
            deadline_seconds=planned + rollout.extension,
            last_before_full=not full and ramp[-2:-1] == [self._percent],
            full=full,
            shorten=rollout.shorten,
            unhealthy={tier: len(names) for tier, names in self._sick.items()},
            unhealthy_names=self._sick,
        )
        verdict = judge(
            run.periods,
            thresholds=self._thresholds,
            baseline=Baseline(
                p95_ms={a.tier: self._p95_ms[a.tier] for a in self._arms if a.tier in self._p95_ms}
            ),
            steps=[
                StepMark(started_at=at, percent=percent, planned_seconds=planned) for at, percent in run.marks
            ],
            look=look,
        )
        verdict = self._settled(verdict, seen, late=now >= began + look.deadline_seconds)
        verdict = self._on_probes_alone(verdict)
        self._say(verdict, always=seen.slow, next_at=max(began + planned, now))
        return verdict

    def _say(self, verdict: Verdict, *, always: bool, next_at: float) -> None:
        """Journal the verdict; a look of the fast clock only where it changes something."""
        gist = (verdict.outcome, verdict.hold, verdict.ask)
        if not always and gist == self._said:
            return
        self._said = gist
        self._run.recorder.write(
            VerdictGiven(
                stage=self._stage,
                step=self._step,
                percent=self._percent,
                verdict=verdict,
                next=self._next(),
                next_at=next_at,
            )
        )

    def _settled(self, verdict: Verdict, seen: Seen, *, late: bool) -> Verdict:
        """Promotion needs every source, and settled data of each; a failed one never fails a release.

        A FAIL stands: what the other sources and the fast signals show counts as it is.
        """
        if verdict.outcome is Outcome.FAIL:
            return verdict
        if seen.troubles:
            reason = f"hold: {'; '.join(seen.troubles)}; meanwhile: {verdict.reason}"
            return replace(verdict, outcome=Outcome.ERROR, reason=reason, hold=True, ask=verdict.ask or late)
        silent = self._silent() if verdict.outcome is Outcome.PASS else ()
        if silent:
            reason = f"extended: no settled data of this step yet from {', '.join(silent)}"
            return replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=reason, ask=late)
        return verdict

    def _silent(self) -> tuple[str, ...]:
        """Sources of errors or latency that have not counted green within this step."""
        begun, metrics = self._run.marks[-1][0], self._run.policy.metrics
        heard = {
            (p.tier, p.source) for p in self._run.periods if p.arm is Color.GREEN and p.start >= begun - 1e-6
        }
        wanted = dict.fromkeys((*metrics.errors, *metrics.latency))
        return tuple(
            f"{source} ({arms.tier})"
            for source in wanted
            for arms in self._arms
            if (arms.tier, source.value) not in heard
        )

    def _on_probes_alone(self, verdict: Verdict) -> Verdict:
        """A stack with few users may say in its policy that the key functions' probes decide.

        Every source counts our own requests, so one that counted nothing at all does not work.
        """
        run = self._run
        if run.policy.judge.without_traffic != "probes" or (verdict.ask and self._silent()):
            return verdict
        began, percent = run.marks[-1]
        step = StepMark(started_at=began, percent=percent)
        return decided_by_probes(verdict, run.periods, step=step, limits=self._thresholds)

    def _next(self) -> str:
        later = dropwhile(lambda stage: self._step not in stage.steps, self._run.plan.stages)
        return next((stage.title for stage in islice(later, 1, None)), "Finish")


def _shares(weights: Mapping[str, int]) -> str:
    """Weights by the names of their target groups, as the console shows them."""
    return ", ".join(f"{weight} on {arn.split('/')[-2]}" for arn, weight in weights.items()) or "no weight"
