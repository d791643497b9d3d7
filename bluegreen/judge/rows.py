"""A comparison in an operator's figures: green, blue, the limit, and how far both bars have come."""

from __future__ import annotations

from math import log

from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import Row
from bluegreen.judge.comparison import Comparison
from bluegreen.judge.criteria import NEEDED_TO_PASS, needed_to_fail
from bluegreen.policy import Judging


def row(metric: Metric, one: Comparison, limits: Judging, *, evidence: float, passed: bool) -> Row:
    """The row of one metric, from the source that decides."""
    to_pass = 1.0 if passed else _part(one.pass_evidence / log(NEEDED_TO_PASS))
    to_fail = _part(log(max(evidence, 1.0)) / log(needed_to_fail(limits)))
    if metric is Metric.LATENCY and one.latency is not None:
        green, blue = one.latency.p95_ms()
        if one.lopsided and blue is not None:
            blue = max(blue, one.latency.busy_ms or 0.0)
        return Row(
            unit="ms", green=green, blue=blue if one.blue else None, limit=limits.latency_limit,
            relative=True, to_pass=to_pass, to_fail=to_fail,
        )  # fmt: skip
    green, blue = _share(one.green_bad, one.green), _share(one.blue_bad, one.blue)
    if metric is Metric.ACCURACY:
        right = [None if share is None else 1 - share for share in (green, blue)]
        return Row(
            unit="share", green=right[0], blue=right[1], limit=-limits.accuracy_drop_limit,
            relative=True, to_pass=to_pass, to_fail=to_fail,
        )  # fmt: skip
    return Row(
        unit="share", green=green, blue=blue, limit=limits.error_limit,
        relative=False, to_pass=to_pass, to_fail=to_fail,
    )  # fmt: skip


def _share(bad: int, total: int) -> float | None:
    return bad / total if total else None


def _part(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 3)
