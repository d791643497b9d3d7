"""Own requests during a ramp step: the key functions on both fleets, and synthetic traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from math import ceil, comb, inf, log

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.engine import probes
from bluegreen.engine.run import Run
from bluegreen.policy import SmokeTest
from bluegreen.ports import Arms

_SOURCE = "probes"
_BY_CHANCE = 1e-6
"""Chance that a healthy blue is taken for a failing one because green answered every repetition."""
_MOST_REPEATS = 30
_ASKED_AGAIN = 12
_BY_A_HOST = 0.01
"""Chance that a lost host alone is taken for a failing key function; three in a row fail a release."""
_MOST_SYNTHETIC = 200
"""Rounds sent at one look, however long the last one is ago."""


def repeats_for_blue(percent: int, requests: int) -> int | None:
    """How many times a test of so many requests must fail at the front door before blue is to blame.

    No rule leads to blue alone; at the front door green answers its share. Only when every repetition
    fails, and green alone would explain that with a chance below a millionth, does blue fail too. None
    where that takes too many: green has too large a share.
    """
    met = 1 - (1 - percent / 100) ** requests
    if met >= 1:
        return None
    repeats = max(1, ceil(log(_BY_CHANCE) / log(met)))
    return repeats if repeats <= _MOST_REPEATS else None


def too_many_for_a_host(targets: int) -> int:
    """How many of the repeated requests fail where it is not one lost host of so many that fails them.

    The balancer takes turns, so a dead host gets its share of them; of a fleet of one, all.
    """
    share, chance = 1 / max(1, targets), 0.0
    for failed in range(_ASKED_AGAIN, 0, -1):
        chance += comb(_ASKED_AGAIN, failed) * share**failed * (1 - share) ** (_ASKED_AGAIN - failed)
        if chance > _BY_A_HOST:
            return min(failed + 1, _ASKED_AGAIN)
    return 1


class KeyFunctions:
    """Probes the key functions of the released tiers every `probes.interval` (R1)."""

    def __init__(self, run: Run, arms: Sequence[Arms], percent: int) -> None:
        self._run, self._percent, self._policy = run, percent, run.policy.probes
        self._tiers = {one.tier: one.blue is not None for one in arms}
        self._tests = [test for test in run.policy.smoke if test.key and test.tier in self._tiers]
        # The step before has just probed: periods that overlap would be broken counts.
        self._probed_at = max(
            (one.start for one in run.record.periods if one.source == _SOURCE), default=-inf
        )
        self._sent_at = -inf
        self._unsaid: Counter[tuple[str, Color]] = Counter()
        """Synthetic requests by test and arm that no period tells of yet."""
        self.failing = False
        """Whether a key function failed when it was last asked for."""

    def probe(self) -> tuple[Period, ...]:
        """A period per key function and fleet, or nothing before the interval is over."""
        now = self._run.ports.clock.now()
        if not self._tests or now - self._probed_at < self._policy.interval:
            return ()
        self._probed_at = now
        calls = [partial(self._asked, test, arm) for test in self._tests for arm in self._arms_of(test)]
        found: list[Period | None] = self._run.ports.parallel(calls)
        periods = tuple(period for period in found if period is not None)
        self.failing = any(period.probes_failed for period in periods)
        return periods

    def _arms_of(self, test: SmokeTest) -> tuple[Color, ...]:
        return (Color.GREEN, Color.BLUE) if self._tiers[test.tier] else (Color.GREEN,)

    def _asked(self, test: SmokeTest, arm: Color) -> Period | None:
        own = self._unsaid.pop((test.name, arm), 0)
        sent = 1
        if arm is Color.GREEN:
            failed, sent = self._fails_beyond_a_host(test)
        else:
            repeats = repeats_for_blue(self._percent, len(test.steps))
            if repeats is None:
                return self._period(test, arm, own=own) if own else None
            failed, sent = self._fails_always(test, repeats)
        return self._period(test, arm, probes=1, probes_failed=int(failed), own=own + sent * len(test.steps))

    def _period(
        self, test: SmokeTest, arm: Color, *, own: int, probes: int = 0, probes_failed: int = 0
    ) -> Period:
        return Period(
            source=_SOURCE,
            tier=test.tier,
            arm=arm,
            start=self._probed_at,
            seconds=min(self._policy.interval, 1.0),
            requests=0,
            errors=0,
            probes=probes,
            probes_failed=probes_failed,
            key=test.name,
            own=own,
        )

    def _fails_beyond_a_host(self, test: SmokeTest) -> tuple[bool, int]:
        """Whether green's key function fails, and how many requests were sent to know it.

        A request that no instance answers says that a host is gone, not that the function is: until the
        balancer's checks have noticed a dead host, its share of all requests ends so. Then green is asked
        again, so often that the other hosts are seen to answer; what the dead one costs users is in the
        counts of requests. A function that hangs or breaks for most requests fails all the same.
        """
        headers = self._run.preview_headers()
        fault = self._send(test, headers)
        if fault is None or not fault.undelivered:
            return fault is not None, 1
        again = self._run.ports.parallel([partial(self._send, test, headers) for _ in range(_ASKED_AGAIN)])
        failed = sum(one is not None for one in again)
        targets = len(self._run.record.well.get((test.tier, Color.GREEN), ()))
        return failed >= too_many_for_a_host(targets), 1 + _ASKED_AGAIN

    def _fails_always(self, test: SmokeTest, repeats: int) -> tuple[bool, int]:
        """Whether every repetition fails, and how many were sent."""
        if self._send(test, {}) is None:
            return False, 1
        again = self._run.ports.parallel([partial(self._send, test, {}) for _ in range(repeats - 1)])
        return all(one is not None for one in again), repeats

    def _send(self, test: SmokeTest, headers: Mapping[str, str]) -> probes.SmokeFault | None:
        return probes.run_smoke(test, self._run.ports.prober, headers, self._policy.timeout)

    def synthetic(self, tiers: Sequence[Tier]) -> None:
        """The key functions of `tiers` again, `probes.synthetic` times a second, to both fleets.

        The load balancer counts these requests as any others: through the preview rule for green, and
        through the front door for whom the weights send them to. Nothing is sent while a probe fails.
        """
        now = self._run.ports.clock.now()
        since, self._sent_at = self._sent_at, now
        if self.failing or since == -inf:
            return
        number = min(_MOST_SYNTHETIC, round(self._policy.synthetic * (now - since)))
        calls = []
        for tier in tiers:
            tests = [test for test in self._tests if test.tier == tier]
            for test in islice(cycle(tests), number):
                calls += [partial(self._send, test, headers) for headers in (self._run.preview_headers(), {})]
                self._unsaid.update({(test.name, arm): len(test.steps) for arm in Color})
        if calls:
            self._run.ports.parallel(calls)
