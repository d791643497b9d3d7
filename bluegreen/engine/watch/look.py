"""One look at a ramp step: everything it needs is asked for at the same time, and what does not
answer is named instead of hiding what the others say.

There are two clocks. The fast one (`probes.interval`) asks for the health of green's targets and for the
key functions: what it sees may only roll back. The slow one (`rollout.tick`) also collects the metrics,
looks at blue's targets and compares the live rules; only a look of the slow clock may advance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.readings import Readings
from bluegreen.domain.stack import Health, Rule
from bluegreen.engine.run import Run
from bluegreen.engine.watch.key_functions import KeyFunctions
from bluegreen.errors import CloudUnavailable, LoggedOut
from bluegreen.ports import Arms, Collected

_ROUNDING = 1e-6
_MOMENT = 2.0
"""Seconds that a look waits for metrics, which are seldom later."""
_PATIENCE = 45.0
"""Seconds without any metrics after which nothing may be promoted and people are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one look found."""

    slow: bool
    """A look of the slow clock: metrics and rules were asked for."""
    rules: tuple[Rule, ...] | None = None
    """None where they were not asked for, or did not answer."""
    health: Mapping[Tier, Health] = field(default_factory=dict)
    """Of green's targets."""
    blue: Mapping[Tier, Health] = field(default_factory=dict)
    """Of blue's, where they were asked for and answered."""
    periods: tuple[Period, ...] = ()
    troubles: tuple[str, ...] = ()
    """What did not answer, and what the metric sources object to."""
    readings: Readings | None = None
    """What own checks and watched alarms show; None where they were not asked."""


class Observer:
    """Looks at the fleets of one ramp step."""

    def __init__(
        self, run: Run, arms: Sequence[Arms], functions: KeyFunctions, *, beside: bool = True
    ) -> None:
        self._run, self._arms, self._functions = run, tuple(arms), functions
        self._beside = beside
        """Blue serves beside green: where it has no share, nobody needs its hosts."""
        self._asked_at = -inf
        self._pending: Callable[[float], Any] | None = None
        self._objections: tuple[str, ...] = ()

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return min(self._run.policy.rollout.tick, self._run.policy.probes.interval)

    def look(self, slow_ms: Mapping[Tier, Sequence[float]]) -> Observation:
        """One look; the slow clock's questions are asked when they are due.

        The metrics are collected aside: a source that hangs must not keep the fast clock waiting. The look
        at which they arrive is the slow one.
        """
        run, now = self._run, self._run.ports.clock.now()
        due = self._pending is None and now - self._asked_at >= run.policy.rollout.tick - _ROUNDING
        if due:
            self._asked_at = now
            self._pending = run.ports.aside(partial(self._collect, now, slow_ms))
        calls: list[Callable[[], Any]] = [self._functions.probe]
        greens = {one.tier: one.green.arn for one in self._arms}
        blues = {one.tier: one.blue.arn for one in self._arms if one.blue} if due and self._beside else {}
        calls += [partial(run.ports.balancer.health, arn) for arn in (*greens.values(), *blues.values())]
        calls += [run.ports.balancer.rules] if due else []
        answers = run.ports.parallel([partial(_tried, call) for call in calls])
        troubles = [answer.what for answer in answers if isinstance(answer, CloudUnavailable)]
        probed, *others = (None if isinstance(one, CloudUnavailable) else one for one in answers)
        of_blue = others[len(greens) : len(greens) + len(blues)]
        collected = self._arrived(now)
        return Observation(
            slow=collected is not None,
            rules=others[-1] if due else None,
            health=_answered(greens, others),
            blue=_answered(blues, of_blue),
            periods=(*(collected.periods if collected else ()), *(probed or ())),
            troubles=(*troubles, *self._objections),
            readings=collected.readings if collected else None,
        )

    def _arrived(self, now: float) -> Collected | None:
        """What was collected, once it is there; a source that failed has no periods and is named."""
        if self._pending is None:
            return None
        try:
            collected: Collected = self._pending(min(self.pause, _MOMENT))
        except TimeoutError:
            if now - self._asked_at >= _PATIENCE:
                # The same words at every look: each change of a trouble is journalled.
                self._objections = (f"metrics broken: no answer for more than {_PATIENCE:.0f} s",)
            return None
        self._pending = None
        self._objections = collected.troubles
        return collected

    def _collect(self, now: float, slow_ms: Mapping[Tier, Sequence[float]]) -> Collected:
        """Counts and own checks; a source that fails has none and is named."""
        run, judging = self._run, self._run.policy.judge
        since = max(
            run.record.marks[0][0] - run.policy.rollout.dwell, now - judging.settle - 10 * judging.period
        )
        asked = partial(run.ports.metrics.collect, self._arms, since=since, until=now, slow_ms=slow_ms)
        calls = [partial(_tried, asked), partial(run.ports.checks.read, self._arms)]
        counted, checked = run.ports.parallel(calls)
        if isinstance(counted, CloudUnavailable):
            counted = Collected(troubles=(counted.what,))
        troubles = (*counted.troubles, *checked.troubles)
        return Collected(periods=counted.periods, troubles=troubles, readings=checked.readings)


def _answered(asked: Iterable[Tier], answers: Sequence[Health | None]) -> dict[Tier, Health]:
    return {tier: found for tier, found in zip(asked, answers, strict=False) if found is not None}


def _tried(call: Callable[[], Any]) -> Any:
    """What `call` returns, or what kept AWS from answering; a session that has ended ends the look."""
    try:
        return call()
    except LoggedOut:
        raise
    except CloudUnavailable as error:
        return error
