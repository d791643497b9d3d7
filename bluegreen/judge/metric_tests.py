"""The tests of each metric: what "worse than acceptable" and "better than the limit" mean in counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt

from bluegreen.domain.measurement import Metric
from bluegreen.judge.batches import Batch
from bluegreen.judge.comparison import Comparison
from bluegreen.judge.criteria import BLUE_ERROR_RATIO, latency_floor_ms, needed_to_fail
from bluegreen.judge.eprocess import FailProcess, PassProcess
from bluegreen.judge.evidence import Counts, OneArm, Test, TwoArms
from bluegreen.judge.floor import Floor
from bluegreen.judge.latency import LatencyCounts
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
_SLOWER = (1.4, 1.8, 2.5, 5.0, 12.0)
"""From the limit on: at +30 % against +20 % a lognormal tail with sigma 0.5 has 1.41 times the exceedances,
and less than that only tells how the fleets drift."""
_DRIFT = 1.25
"""Latency drifts from fleet to fleet: exceedances vary by so much more than counting noise."""
_SMALLER = tuple(1 / factor for factor in (1.25, 1.6, 2.5, 4.0))
_WRONG = (1.15, 1.3, 1.6, 2.2, 3.0)
_FEWER_WRONG = tuple(1 / factor for factor in (1.15, 1.3, 1.6, 2.2))
_ENOUGH_LABELS = 100
"""Of blue, before its share of wrong answers says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueShares:
    """Blue's shares before green had all the traffic: slower than its p95, and wrong answers."""

    slow: float = TAIL
    wrong: float | None = None


def comparison(
    metric: Metric, limits: Judging, latency: LatencyCounts | None, *, controlled: bool, shares: BlueShares
) -> Comparison:
    """The tests of `metric`; without a control, against blue's shares before, at the limit."""
    if metric is Metric.ERRORS:
        return _errors(limits, controlled=controlled)
    if metric is Metric.LATENCY:
        assert latency is not None
        return _latency(limits, latency, controlled=controlled, shares=shares)
    return _accuracy(limits, controlled=controlled, shares=shares)


def fail_tests(metric: Metric, limits: Judging) -> tuple[Test, ...]:
    """The tests against concurrent blue all of which must find against green before it fails."""
    if metric is Metric.ERRORS:
        return (OneArm(limits.error_acceptable, _rates(limits)), TwoArms(BLUE_ERROR_RATIO, _RATIOS))
    if metric is Metric.LATENCY:
        return (TwoArms(1.0, _SLOWER, dispersion=_DRIFT),)
    return (TwoArms(1.0, _WRONG, thinning=limits.accuracy_drop_acceptable),)


def pass_test(metric: Metric, limits: Judging) -> Test:
    """The test that must show green to be better than the limit; errors are limited absolutely."""
    if metric is Metric.ERRORS:
        return OneArm(limits.error_limit, [limits.error_limit * part for part in _ERRORS_BELOW])
    if metric is Metric.LATENCY:
        return TwoArms(1.0, _SMALLER)
    return TwoArms(1.0, _FEWER_WRONG, thinning=limits.accuracy_drop_limit)


def _errors(limits: Judging, *, controlled: bool) -> Comparison:
    absolute = OneArm(limits.error_acceptable, _rates(limits))
    tests = fail_tests(Metric.ERRORS, limits) if controlled else (absolute,)
    return Comparison(
        fails=tuple(FailProcess(test, needed=needed_to_fail(limits)) for test in tests),
        passes=PassProcess(pass_test(Metric.ERRORS, limits)),
        health=FailProcess(absolute, needed=BLUE_SICK) if controlled else None,
        fail_counts=_error_counts,
        pass_counts=_error_counts,
        health_counts=_blue_errors,
    )


def _rates(limits: Judging) -> list[float]:
    # Distinct and below 1 also where a stack sets a high limit.
    return sorted({min(limits.error_limit * factor, 0.9) for factor in _ERRORS})


def _error_counts(batch: Batch) -> Counts | None:
    green, blue = batch.green, batch.blue
    if green is None or not green.requests or not green.counts_errors:
        return None
    if blue is None:
        return Counts(green.errors, green.requests)
    if not blue.counts_errors:
        return None
    return Counts(green.errors, green.requests, blue.errors, blue.requests)


def _blue_errors(batch: Batch) -> Counts | None:
    blue = batch.blue
    return Counts(blue.errors, blue.requests) if blue and blue.counts_errors else None


def _latency(limits: Judging, latency: LatencyCounts, *, controlled: bool, shares: BlueShares) -> Comparison:
    health = FailProcess(OneArm(TAIL, _above(TAIL, _RATIOS)), needed=BLUE_SICK)
    if controlled:
        (fail,) = fail_tests(Metric.LATENCY, limits)
        better = pass_test(Metric.LATENCY, limits)
    else:
        fail = OneArm(shares.slow, _above(shares.slow, _RATIOS))
        better = OneArm(shares.slow, [shares.slow * factor for factor in _SMALLER])
    return Comparison(
        fails=(FailProcess(fail, needed=needed_to_fail(limits)),),
        passes=PassProcess(better),
        health=health if controlled else None,
        fail_counts=latency.fail,
        pass_counts=latency.better,
        health_counts=latency.health,
        latency=latency,
        floor=Floor(limits) if latency_floor_ms(limits) else None,
    )


def _above(null: float, factors: tuple[float, ...]) -> list[float]:
    return sorted({min(null * factor, (1 + null) / 2) for factor in factors})


def _accuracy(limits: Judging, *, controlled: bool, shares: BlueShares) -> Comparison:
    steady = None
    if controlled:
        (fail,) = fail_tests(Metric.ACCURACY, limits)
        better = pass_test(Metric.ACCURACY, limits)
        steady = partial(_steady, limits)
    else:
        null = _thinned(shares.wrong or 0.0, limits)
        fail = OneArm(null, _above(null, _WRONG))
        better = OneArm(null, [null * factor for factor in _FEWER_WRONG])
    return Comparison(
        fails=(FailProcess(fail, needed=needed_to_fail(limits)),),
        passes=PassProcess(better),
        whole=PassProcess(better),
        steady_test=steady,
        health=None,
        fail_counts=_label_counts,
        pass_counts=_label_counts,
        health_counts=_no_counts,
    )


def _steady(limits: Judging, wrong: int, labels: int) -> OneArm | None:
    """Green at the limit, as blue's labels before the step put it: few blue labels, a stricter limit."""
    if labels < _ENOUGH_LABELS:
        return None
    share = wrong / labels
    null = _thinned(max(0.0, share - 2 * sqrt(share * (1 - share) / labels)), limits)
    return OneArm(null, [null * factor for factor in _FEWER_WRONG])


def _thinned(wrong: float, limits: Judging) -> float:
    # Accuracy (1 - drop)(1 - wrong), said of the wrong answers.
    return wrong + limits.accuracy_drop_limit * (1 - wrong)


def _label_counts(batch: Batch) -> Counts | None:
    green, blue = batch.green, batch.blue
    if green is None or not (green.labels or (blue and blue.labels)):
        return None
    if blue is None:
        return Counts(green.wrong, green.labels)
    return Counts(green.wrong, green.labels, blue.wrong, blue.labels)


def _no_counts(_batch: Batch) -> None:
    """Blue's labels are too few to say by themselves that it is sick."""


def availability(limits: Judging, *, needed: float) -> FailProcess:
    """A key function under probes: few and decisive, so not capped; three failures in a row fail it."""
    return FailProcess(OneArm(limits.error_acceptable, (0.5, 0.95)), needed=needed, capped=False)
