"""The API budget: what it lets through, what it keeps back."""

from __future__ import annotations

import threading

import pytest

from bluegreen.adapters.aws.budget import ApiBudget, TokenBucket
from bluegreen.lab.cloud.clock import ManualClock


def bucket(clock: ManualClock, **more: float) -> TokenBucket:
    values = {"capacity": 20.0, "rate": 3.0, "reserve": 6.0} | more
    return TokenBucket(clock=clock, **values)


def take(tokens: TokenBucket, times: int, *, urgent: bool = False) -> None:
    for _ in range(times):
        tokens.take(urgent=urgent)


def test_burst_then_rate() -> None:
    clock = ManualClock()
    tokens, begun = bucket(clock), clock.now()
    take(tokens, 14)
    assert clock.now() == begun
    take(tokens, 9)
    assert clock.now() - begun == pytest.approx(3)


def test_reserve_is_for_urgent_calls() -> None:
    clock = ManualClock()
    tokens, begun = bucket(clock), clock.now()
    take(tokens, 14)
    take(tokens, 6, urgent=True)
    assert clock.now() == begun
    take(tokens, 3, urgent=True)
    assert clock.now() - begun == pytest.approx(1)


def test_throttled_answer_empties_it() -> None:
    clock = ManualClock()
    tokens, begun = bucket(clock), clock.now()
    tokens.drain()
    take(tokens, 1, urgent=True)
    assert clock.now() - begun == pytest.approx(1 / 3)
    take(tokens, 1)
    assert clock.now() - begun == pytest.approx((1 + 6 + 1) / 3)


def test_never_fuller_than_full_nor_emptied_by_a_clock_that_jumps_back() -> None:
    clock = ManualClock()
    tokens = bucket(clock)
    clock.sleep(1000)
    assert tokens.tokens == 20
    clock._now -= 500
    assert tokens.tokens == 20
    clock.sleep(10)
    take(tokens, 14)
    assert tokens.tokens == pytest.approx(6)


class Standing(ManualClock):
    def sleep(self, seconds: float) -> None:
        """Returns at once, and no time has passed."""


def test_a_clock_that_stands_does_not_make_a_run_hang() -> None:
    tokens = bucket(Standing())
    take(tokens, 100)


def test_threads_share_it() -> None:
    class Frozen(ManualClock):
        waits = 0
        granted = threading.Lock()

        def sleep(self, seconds: float) -> None:
            with self.granted:
                self.waits += 1

    clock = Frozen()
    tokens = bucket(clock, reserve=0.0)
    threads = [threading.Thread(target=take, args=(tokens, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.waits == 20, "40 calls and 20 tokens: 20 had to wait"


def test_families() -> None:
    budget = ApiBudget(ManualClock())
    assert budget.bucket("describe_rules") is budget.bucket("DescribeTags")
    assert budget.bucket("ModifyRule") is budget.bucket("add_tags")
    assert budget.bucket("ModifyRule") is not budget.bucket("DescribeRules")
