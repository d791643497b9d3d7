"""The tests of each metric: what "worse than acceptable" and "better than the limit" mean in counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt

from bluegreen.domain.measurement import Metric
from bluegreen.judge.comparison import Comparison, Suspicion
from bluegreen.judge.criteria import ALONE, BLUE_ERROR_RATIO, latency_floor_ms, needed_to_fail
from bluegreen.judge.eprocess import FailProcess, Onsets, PassProcess
from bluegreen.judge.evidence import KnownShare, OneArm, Rates, Test, TwoArms
from bluegreen.judge.floor import Floor
from bluegreen.judge.latency import LEVELS, LatencyCounts
from bluegreen.judge.readers import Errors, Labels, Reader
from bluegreen.judge.tail import TAIL
from bluegreen.policy import Judging

BLUE_SICK = 100.0
"""Evidence against blue's own health that holds the release."""
BLUE_PROBES_SICK = 20.0
"""The same for blue's probes; lower, because they are few and never capped."""
_ERRORS = (1.0, 2.0, 5.0, 15.0, 40.0)
"""Alternatives as multiples of the error limit: from just bad to an outage."""
_ERRORS_BELOW = (0.05, 0.1, 0.2, 0.5)
_RATIOS = (1.25, 1.6, 2.5, 5.0, 12.0)
_SLOWER = (1.085, 1.155, 1.25, 1.5, 1.85)
"""Of latency, as multiples of the acceptable one: with 20 % from +30 % to +122 %. What that makes of the
counts follows the slope of blue's tail."""
_CALM = {1.085: 10.0, 1.155: 7.0, 1.25: 2.5}
"""Fleets drift apart by so much for a few minutes and come back: a small difference must last."""
_CALM_OF_FEW = {1.085: 3.0, 1.155: 3.0, 1.25: 2.0}
"""The same where one request in a hundred is slow: so few take as long to add up by themselves."""
_SMALLER = tuple(1 / factor for factor in (1.25, 1.6, 2.5, 4.0))
_WRONG = (1.15, 1.3, 1.6, 2.2, 3.0)
_FEWER_WRONG = tuple(1 / factor for factor in (1.15, 1.3, 1.6, 2.2))
_ENOUGH_LABELS = 100
"""Of blue, before its share of wrong answers says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueShares:
    """Blue's wrong answers: (wrong, labels) before the release, and in its ramp."""

    before: tuple[int, int] = (0, 0)
    ramp: tuple[int, int] = (0, 0)


def comparison(
    metric: Metric, limits: Judging, reader: Reader | None, *, controlled: bool, shares: BlueShares
) -> Comparison:
    """The tests of `metric`; without a control, against fixed rates.

    A `reader` of errors or latency stays when blue has no traffic any more, with what it has learned of it.
    """
    if metric is Metric.ERRORS:
        assert isinstance(reader, Errors)
        return _errors(limits, reader, controlled=controlled)
    if metric is Metric.LATENCY:
        assert isinstance(reader, LatencyCounts)
        return _latency(limits, reader, controlled=controlled)
    return _accuracy(limits, controlled=controlled, shares=shares)


def fail_tests(metric: Metric, limits: Judging) -> tuple[Test, ...]:
    """The tests against concurrent blue all of which must find against green before it fails."""
    if metric is Metric.ERRORS:
        return (OneArm(limits.error_acceptable, _rates(limits)), TwoArms(BLUE_ERROR_RATIO, _RATIOS))
    if metric is Metric.LATENCY:
        return (slower(TAIL),)
    return (TwoArms(1.0, _WRONG, thinning=limits.accuracy_drop_acceptable),)


def slower(share: float) -> TwoArms:
    """Green over the threshold that `share` of blue's requests exceed, against blue."""
    return TwoArms(1.0, _SLOWER, calm=_CALM if share >= TAIL else _CALM_OF_FEW)


def pass_test(metric: Metric, limits: Judging) -> Test:
    """The test that must show green to be better than the limit; errors are limited absolutely."""
    if metric is Metric.ERRORS:
        return OneArm(limits.error_limit, [limits.error_limit * part for part in _ERRORS_BELOW])
    if metric is Metric.LATENCY:
        return TwoArms(1.0, _SMALLER)
    return TwoArms(1.0, _FEWER_WRONG, thinning=limits.accuracy_drop_limit)


def _errors(limits: Judging, reader: Errors, *, controlled: bool) -> Comparison:
    needed = _needed(limits, controlled=controlled)
    absolute = OneArm(limits.error_acceptable, _rates(limits))
    tests = fail_tests(Metric.ERRORS, limits) if controlled else (absolute,)
    better = pass_test(Metric.ERRORS, limits)
    return Comparison(
        reader=reader,
        fails=tuple(Suspicion(process=FailProcess(test, needed=needed), read=reader.of) for test in tests),
        passes=PassProcess(better),
        whole=PassProcess(better),
        pass_counts=reader.of,
        health=FailProcess(absolute, needed=BLUE_SICK) if controlled else None,
        health_counts=reader.blue,
    )


def _needed(limits: Judging, *, controlled: bool) -> float:
    # What green shows alone has a small weight, so its evidence must be able to grow as much larger.
    return needed_to_fail(limits) / (1 if controlled else ALONE)


def _rates(limits: Judging) -> list[float]:
    # Distinct and below 1 also where a stack sets a high limit.
    return sorted({min(limits.error_limit * factor, 0.9) for factor in _ERRORS})


def _latency(limits: Judging, latency: LatencyCounts, *, controlled: bool) -> Comparison:
    slow, needed = OneArm(TAIL, _above(TAIL, _RATIOS)), _needed(limits, controlled=controlled)
    busy: tuple[Suspicion, ...] = ()
    if controlled:
        fails = tuple(
            Suspicion(
                process=FailProcess(slower(share), needed=needed / weight),
                read=partial(latency.over, share=share),
                weight=weight,
            )
            for share, weight in LEVELS
        )
        busy = tuple(
            Suspicion(
                process=FailProcess(KnownShare(_RATIOS), needed=needed / weight),
                read=partial(latency.over_busy, share=share),
                weight=weight,
            )
            for share, weight in LEVELS
        )
        better = pass_test(Metric.LATENCY, limits)
    else:
        fails = (Suspicion(process=FailProcess(KnownShare(_RATIOS), needed=needed), read=latency.far),)
        better = KnownShare(_SMALLER)
    return Comparison(
        reader=latency,
        fails=fails,
        busy=busy,
        all_needed=False,
        passes=PassProcess(better),
        whole=PassProcess(better),
        alike=PassProcess(better) if controlled else None,
        pass_counts=latency.better if controlled else latency.far,
        health=FailProcess(slow, needed=BLUE_SICK) if controlled else None,
        health_counts=latency.health,
        steady_tail=PassProcess(KnownShare(_SMALLER)) if controlled else None,
        floor=Floor(needed) if latency_floor_ms(limits) else None,
    )


def _above(null: float, factors: tuple[float, ...]) -> list[float]:
    return sorted({min(null * factor, (1 + null) / 2) for factor in factors})


def _accuracy(limits: Judging, *, controlled: bool, shares: BlueShares) -> Comparison:
    reader, steady = Labels(), None
    health = None
    if controlled:
        (fail,) = fail_tests(Metric.ACCURACY, limits)
        better = pass_test(Metric.ACCURACY, limits)
        steady = partial(_steady, limits)
        if shares.before[1] >= _ENOUGH_LABELS:
            usual = _thinned(_bound(shares.before, 2.0), limits)
            health = FailProcess(OneArm(usual, _above(usual, _WRONG)), needed=BLUE_SICK)
    else:
        null = _thinned(_bound(shares.ramp, 2.0), limits)
        fail = OneArm(null, _above(null, _WRONG))
        better = OneArm(null, [null * factor for factor in _FEWER_WRONG])
    needed = _needed(limits, controlled=controlled)
    return Comparison(
        reader=reader,
        fails=(Suspicion(process=FailProcess(fail, needed=needed), read=reader.of),),
        passes=PassProcess(better),
        whole=PassProcess(better),
        pass_counts=reader.of,
        health=health,
        health_counts=reader.blue,
        steady_test=steady,
    )


def _steady(limits: Judging, wrong: int, labels: int) -> OneArm | None:
    """Green at the limit, as blue's labels before the step put it: few blue labels, a stricter limit."""
    if labels < _ENOUGH_LABELS:
        return None
    null = _thinned(_bound((wrong, labels), -2.0), limits)
    return OneArm(null, [null * factor for factor in _FEWER_WRONG])


def _bound(counted: tuple[int, int], deviations: float) -> float:
    """Blue's share, so many standard deviations up or down."""
    share = counted[0] / counted[1]
    return min(1.0, max(0.0, share + deviations * sqrt(share * (1 - share) / counted[1])))


def _thinned(wrong: float, limits: Judging) -> float:
    # Accuracy (1 - drop)(1 - wrong), said of the wrong answers; below 1, where nothing could be told.
    return min(0.99, wrong + limits.accuracy_drop_limit * (1 - wrong))


PROBES_LOST = 0.007
"""Of a key function's probes that may fail without being the release's fault."""
_OUTAGES = (0.5, 0.95)
_AT_ANY_TIME = Onsets(first=0.03, step=0.03, rest=0.8)
"""So neither the first two probes that fail nor two of three are enough, and three in a row always are."""


def key_function(*, needed: float) -> FailProcess:
    """Green's key function under probes: few and decisive, so not capped; three failures in a row fail it."""
    return FailProcess(Rates(_OUTAGES), needed=needed, capped=False, onsets=_AT_ANY_TIME)


def blue_function(limits: Judging) -> FailProcess:
    """The same function on blue, where one failed probe is enough to hold the release."""
    test = OneArm(limits.error_acceptable, _OUTAGES)
    return FailProcess(test, needed=BLUE_PROBES_SICK, capped=False)
