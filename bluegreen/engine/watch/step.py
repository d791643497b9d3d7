"""Watches one ramp step until the judge decides, a fast signal fails it, or its deadline passes.

Here is measured, asked, journalled and obeyed; what is decided, and from what, is the judge's alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import dropwhile, islice
from math import inf

from bluegreen.contract import Tier
from bluegreen.domain.journal import Measured, ShareWatched, VerdictGiven
from bluegreen.domain.measurement import Period
from bluegreen.domain.plan import Step
from bluegreen.domain.release import FULL
from bluegreen.domain.stack import Health
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.engine import capacity
from bluegreen.engine.accepting import acceptable
from bluegreen.engine.arms import arms_of
from bluegreen.engine.run import Run
from bluegreen.engine.watch import live_rules
from bluegreen.engine.watch.baseline import measure_baseline
from bluegreen.engine.watch.hosts import HostNews, Hosts
from bluegreen.engine.watch.key_functions import KeyFunctions
from bluegreen.engine.watch.look import Observation, Observer
from bluegreen.engine.watch.stand_in import gone, until_replaced
from bluegreen.errors import Halted, StepFailed
from bluegreen.judge.record import planned_seconds
from bluegreen.judge.replay import verdict_on
from bluegreen.judge.tail import asked_for
from bluegreen.ports import Arms

_MOST_EMPTIED = 4
"""Times in a step that fleets may lose their last host: one that always does is a fault of something."""


class Watch:
    """The loop of one judge step."""

    def __init__(self, run: Run, step: Step) -> None:
        self._run, self._step, self._percent = run, step, step.percent or FULL
        self._stage = run.stage(step)
        self._arms = arms_of(run)
        self._known = {(period.stream, period.start): period for period in run.record.periods}
        self._functions = KeyFunctions(run, self._arms, self._percent)
        self._observer = Observer(run, self._arms, self._functions, beside=self._percent < FULL)
        self._hosts = Hosts(run, self._arms, self._percent)
        self._passed_at, self._lacking = inf, ""
        self._tried_at, self._unmeasured = -inf, ""
        self._warned: tuple[str, ...] = ()
        self._said: tuple[object, ...] = ()
        self._emptied = 0

    def until_decided(self) -> Verdict:
        """PASS is returned; FAIL raises StepFailed, an undecided deadline Halted."""
        run, clock = self._run, self._run.ports.clock
        began = self._begin()
        while True:
            run.heartbeat.beat()
            observed = self._observe()
            if emptied := self._take_in(observed):
                for one in emptied:
                    until_replaced(run, self._step, one, self._percent)
                began = self._begin()
                continue
            verdict = self._verdict(began, always=observed.slow)
            held = run.holding.look() is not None
            over = verdict.outcome is Outcome.PASS and observed.slow and clock.now() >= began
            if over and not held and self._fits():
                return verdict
            self._obey(verdict, held=held)
            if observed.slow:
                self._functions.synthetic(run.record.baseline.thin if run.record.baseline else ())
            run.heartbeat.wait(self._observer.pause)

    def _begin(self) -> float:
        """Green has its share now; the time from which on it is measured."""
        run = self._run
        began = run.ports.clock.now() + run.policy.rollout.dwell
        words = f"watching {self._percent} %"
        run.note(
            ShareWatched(
                stage=self._stage,
                step=self._step,
                words=words,
                percent=self._percent,
                since=began,
                # A loss is seen at the look after the balancer has noticed it, which may be under way then.
                notice=self._hosts.notice + 2 * self._observer.pause,
                blue_notice=self._hosts.notice + 2 * max(run.policy.rollout.tick, self._observer.pause),
            )
        )
        return began

    def _fits(self) -> bool:
        """Whether green can carry the next share: until then this one is watched on.

        Raises Halted where it is not within `health.deadline` of the pass: a host that was lost may take as
        long as a boot to be replaced, and where AWS has none to give, that is no fault of the release.
        """
        run, now = self._run, self._run.ports.clock.now()
        percent = capacity.next_percent(run.plan, self._step)
        if percent is None:
            return True
        found = [capacity.ensure(run, one.tier, percent) for one in self._arms]
        words = "; ".join(one.words for one in found if not one.enough)
        if not words:
            return True
        if words != self._lacking:
            run.progress(self._step, f"holding at {self._percent} %: {words}")
        self._lacking, self._passed_at = words, min(self._passed_at, now)
        if now - self._passed_at >= run.policy.health.deadline:
            raise Halted(
                f"paused at {self._percent} %: green is too small to go on: {words}",
                next_step="`sc-deploy resume` watches this step again, `sc-deploy abort` rolls it back",
            )
        return False

    def _obey(self, verdict: Verdict, *, held: bool) -> None:
        if verdict.outcome is Outcome.FAIL:
            raise StepFailed(verdict.reason)
        if held:  # somebody has it in hand: nobody else is asked
            self._run.holding.mind_deadline()
            return
        if verdict.ask:
            words = "`sc-deploy resume` watches this step again, `sc-deploy abort` rolls it back"
            if may := acceptable(verdict):
                named = " ".join(f"--accept {shlex.quote(one)}" for one in may)
                words += f', `sc-deploy resume {named} --reason "..."` takes it as passed'
            raise Halted(f"paused at {self._percent} %: {verdict.reason}", next_step=words)

    def _observe(self) -> Observation:
        """One look; blue's figures are measured first, and nothing advances without them."""
        now = self._run.ports.clock.now()
        if now - self._tried_at >= self._run.policy.rollout.tick:
            self._tried_at = now
            self._unmeasured = measure_baseline(self._run, self._step, self._arms)
        observed = self._observer.look(self._slow_ms())
        if not self._unmeasured:
            return observed
        return replace(observed, troubles=(self._unmeasured, *observed.troubles))

    def _slow_ms(self) -> dict[Tier, Sequence[float]]:
        known, limits = self._run.record.p95_ms, self._run.policy.judge
        return {arms.tier: asked_for(known[arms.tier], limits) for arms in self._arms if arms.tier in known}

    def _take_in(self, observed: Observation) -> list[Arms]:
        """Journal what is new; the fleets whose last host is gone. Raises for what needs no judge."""
        self._warn(observed.troubles)
        if observed.rules is not None:
            live_rules.compare(self._run, self._arms, self._percent, observed.rules)
            live_rules.keep_previews(self._run, self._arms, observed.rules)
        fresh = [p for p in observed.periods if self._known.get((p.stream, p.start)) != p]
        self._tell_revisions(fresh)
        self._known.update({(p.stream, p.start): p for p in fresh})
        self._journal(fresh, observed, self._hosts.news(observed))
        empty = {tier: health for tier, health in observed.health.items() if not health.healthy}
        single = [
            one for one in self._arms if one.tier in empty and self._replaceable(one.tier, empty[one.tier])
        ]
        if len(empty) > len(single) or self._emptied + len(single) > _MOST_EMPTIED:
            raise StepFailed(
                "; ".join(f"{tier}: green has no healthy target ({health})" for tier, health in empty.items())
            )
        self._emptied += len(single)
        return single

    def _replaceable(self, tier: Tier, health: Health) -> bool:
        """A fleet of one whose host went: more than one host at a time does not go by chance."""
        return gone(health) and capacity.whole(self._run, tier) == 1

    def _warn(self, troubles: tuple[str, ...]) -> None:
        # The same trouble with other figures is no news.
        gist = tuple(re.sub(r"[\d.,]+", "#", words) for words in troubles)
        if gist != self._warned and troubles:
            words = "; ".join(troubles)
            self._run.warn(f"holding at {self._percent} %: {words}")
        self._warned = gist

    def _journal(self, fresh: Sequence[Period], observed: Observation, hosts: HostNews) -> None:
        """All that the verdict of this look is made of, as far as the journal does not have it yet."""
        record = self._run.record
        measured = Measured(
            stage=self._stage,
            percent=self._percent,
            periods=tuple(fresh),
            sick=hosts.sick,
            troubles=observed.troubles if observed.troubles != record.troubles else None,
            joined=hosts.joined,
            readings=observed.readings if observed.readings != record.readings else None,
            lost=hosts.lost,
            short=hosts.short,
            well=hosts.well,
        )
        if measured != Measured(stage=self._stage, percent=self._percent):
            self._run.note(measured)

    def _tell_revisions(self, fresh: Sequence[Period]) -> None:
        """A source may count a period again; the judge keeps to what it used, people are told."""
        for period in fresh:
            before = self._known.get((period.stream, period.start))
            counts = [f"{p.errors} of {p.requests}" for p in (before, period) if p is not None]
            if len(set(counts)) > 1:
                self._run.progress(
                    self._step, f"{period.name} was revised from {' to '.join(counts)} failed requests"
                )

    def _verdict(self, began: float, *, always: bool) -> Verdict:
        run, now = self._run, self._run.ports.clock.now()
        verdict = verdict_on(run.record, plan=run.plan, policy=run.policy, now=now)
        planned = planned_seconds(run.policy.rollout, self._percent)
        self._say(verdict, always=always, next_at=max(began + planned, now))
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

    def _next(self) -> str:
        later = dropwhile(lambda stage: self._step not in stage.steps, self._run.plan.stages)
        return next((stage.title for stage in islice(later, 1, None)), "Finish")
