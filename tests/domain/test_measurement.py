import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period, period_of, period_row
from bluegreen.domain.release import Color

GOOD = Period(
    source="cloudwatch",
    tier=Tier.APP,
    arm=Color.GREEN,
    start=1_700_000_000.0,
    seconds=60.0,
    requests=1_000,
    errors=10,
    slow=((200.0, 50), (260.0, 12)),
    p95_ms=201.0,
)
FULL = replace(
    GOOD, counts_errors=False, own=1, undelivered=1, noisiest="i-1", noisiest_errors=1, noisiest_requests=9,
    slowest="i-2", slowest_requests=9, slowest_slow=((200.0, 8), (240.0, 1)),
)  # fmt: skip


def test_a_good_period_has_no_fault() -> None:
    assert GOOD.faults() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": math.nan}, "start nan is not a time"),
        ({"start": -5.0}, "start -5.0 is not a time"),
        ({"seconds": 0.0}, "length of 0.0 seconds"),
        ({"seconds": math.inf}, "length of inf seconds"),
        ({"requests": math.nan}, "requests is nan, not a count"),
        ({"requests": -1}, "requests is -1, not a count"),
        ({"errors": 0.5}, "errors is 0.5, not a count"),
        ({"errors": True}, "errors is True, not a count"),
        ({"errors": 1_001}, "1001 errors of 1000 requests"),
        ({"errors": 2, "undelivered": 3}, "3 undelivered of 2 errors"),
        ({"wrong": 3}, "3 wrong of 0 labels"),
        ({"probes": 1, "probes_failed": 2}, "2 probes_failed of 1 probes"),
        ({"p95_ms": math.nan}, "p95_ms is nan"),
        ({"p95_ms": 0.2, "slow": ((200.0, 80),)}, "the unit has changed"),
        ({"slow": ((200.0, 1_001),)}, "1001 requests over 200 ms of 1000"),
        ({"slow": ((200.0, 5), (260.0, 9))}, "9 requests over 260 ms but only 5 over 200 ms"),
        ({"slow": ((260.0, 9), (200.0, 5))}, "thresholds 260 and 200 ms are not ascending"),
        ({"slow": ((math.nan, 9),)}, "slow requests over nan ms"),
        ({"slow": ((200.0, -9),)}, "slow requests over 200.0 ms are -9"),
    ],
)
def test_broken_counts_are_named(change: dict[str, object], words: str) -> None:
    faults = replace(GOOD, **change).faults()  # type: ignore[arg-type]  # broken on purpose
    assert any(words in str(fault) for fault in faults), faults


def test_every_fault_is_named_at_once() -> None:
    faults = replace(GOOD, seconds=-1.0, errors=2_000, wrong=1, p95_ms=-1.0).faults()
    assert len(faults) == 4


@pytest.mark.parametrize("slow", [((200.0, 10),), ((200.0, -1),), ((200.0, 0.5),)])
def test_an_instance_cannot_be_slower_than_it_answers(slow: tuple[tuple[float, int], ...]) -> None:
    assert FULL.faults() == []
    (fault,) = replace(FULL, slowest_slow=slow).faults()
    assert f"i-2 was slower in [{slow[0][1]}] of 9 requests" in str(fault)


counts = st.integers(min_value=-5, max_value=10**9) | st.floats() | st.none() | st.booleans()


@given(requests=counts, errors=counts, labels=counts, wrong=counts, probes=counts, start=st.floats())
def test_what_has_no_fault_is_arithmetic(
    *, requests: int, errors: int, labels: int, wrong: int, probes: int, start: float
) -> None:
    period = replace(
        GOOD,
        requests=requests,
        errors=errors,
        labels=labels,
        wrong=wrong,
        probes=probes,
        start=start,
        slow=(),
    )
    if not period.faults():
        assert 0 <= period.errors <= period.requests
        assert 0 <= period.wrong <= period.labels
        assert math.isfinite(period.start)


def through_json(period: Period) -> Period:
    return period_of(json.loads(json.dumps(period_row(period))))


def test_periods_survive_the_journal() -> None:
    batch = (GOOD, FULL, replace(GOOD, arm=Color.BLUE, slow=(), p95_ms=None, key="login"))
    assert tuple(map(through_json, batch)) == batch


@pytest.mark.parametrize("item", [[], ["x"] * 14, [*period_row(FULL), 1], {"source": "x"}, None])
def test_a_journal_that_holds_something_else_is_refused(item: object) -> None:
    with pytest.raises(ValueError, match="not a measured period"):
        period_of(item)


def test_a_nan_in_the_journal_is_named_not_hidden() -> None:
    assert through_json(replace(GOOD, errors=math.nan)).faults()  # type: ignore[arg-type]  # broken on purpose


def test_a_source_of_latency_alone_says_so_in_the_journal_too() -> None:
    alone = replace(GOOD, errors=0, counts_errors=False)
    assert through_json(alone) == alone
    assert len(period_row(FULL)) == len(fields(Period))


def test_our_own_requests_survive_the_journal_and_are_counts() -> None:
    sent, both = replace(GOOD, own=7), replace(GOOD, own=7, counts_errors=False)
    assert (through_json(sent), through_json(both)) == (sent, both)
    assert replace(GOOD, own=-1).faults()


def test_a_row_ends_with_the_last_value_that_is_not_the_default() -> None:
    plain = replace(GOOD, slow=(), labels=0, wrong=0, probes=0, probes_failed=0, p95_ms=None, key="")
    assert period_row(plain) == [
        GOOD.source,
        "app",
        "green",
        GOOD.start,
        GOOD.seconds,
        GOOD.requests,
        GOOD.errors,
    ]
    assert through_json(plain) == plain
