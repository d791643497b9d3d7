"""A client-side share of ELBv2's API rate, with a reserve that only urgent calls may use.

AWS throttles ELBv2 per account and region with token buckets: about 20 calls at once and 3 per second
for the calls that modify, 200 and 50 for those that describe. Whoever empties the modify bucket with
tags and deletions has no call left to put the traffic back, so the last tokens are kept for that.
"""

from __future__ import annotations

import threading
from typing import Any

from bluegreen.adapters.aws.failures import is_throttle
from bluegreen.ports import Clock

_ROUNDING = 1e-3
"""Tokens; a double holds epoch seconds to a quarter of a microsecond, so a wait may end that much short."""


class TokenBucket:
    """`capacity` tokens that refill at `rate` per second; thread-safe.

    Normal calls wait until more than `reserve` tokens are there, urgent ones take any token.
    """

    def __init__(self, *, capacity: float, rate: float, reserve: float, clock: Clock) -> None:
        self._capacity, self._rate, self._reserve, self._clock = capacity, rate, reserve, clock
        self._tokens = capacity
        self._filled_at = clock.now()
        self._lock = threading.Lock()

    def take(self, *, urgent: bool = False) -> None:
        """Return when the call may go out."""
        floor = 0.0 if urgent else self._reserve
        while True:
            with self._lock:
                self._refill()
                missing = floor + 1.0 - self._tokens
                if missing <= _ROUNDING:
                    self._tokens -= 1.0
                    return
            wait = missing / self._rate
            before = self._clock.now()
            self._clock.sleep(wait)
            if self._clock.now() - before < wait / 2:
                # The run was interrupted: what it still does is its way to a safe point. AWS decides.
                return

    def drain(self) -> None:
        """AWS throttled a call: others use the same bucket, and ours is emptier than we thought."""
        with self._lock:
            self._refill()
            self._tokens = min(self._tokens, 0.0)

    @property
    def tokens(self) -> float:
        """What is left now."""
        with self._lock:
            self._refill()
            return self._tokens

    def _refill(self) -> None:
        now = self._clock.now()
        # A wall clock may jump back; that must not take tokens away.
        elapsed = max(0.0, now - self._filled_at)
        self._tokens = min(self._capacity, self._tokens + elapsed * self._rate)
        self._filled_at = now


class ApiBudget:
    """The buckets of ELBv2's call families.

    Sizes: the limits that AWS documents for ELBv2 (modify 20 and 3/s, describe 200 and 50/s).
    """

    def __init__(self, clock: Clock) -> None:
        self._modify = TokenBucket(capacity=20, rate=3, reserve=6, clock=clock)
        self._describe = TokenBucket(capacity=200, rate=50, reserve=20, clock=clock)

    def take(self, operation: str, *, urgent: bool = False) -> None:
        """Return when `operation` (e.g. `ModifyRule` or `modify_rule`) may go out."""
        self.bucket(operation).take(urgent=urgent)

    def bucket(self, operation: str) -> TokenBucket:
        """The bucket that `operation` draws from."""
        return self._describe if operation.lower().startswith("describe") else self._modify

    def watch(self, client: Any) -> None:
        """Drain a bucket whenever an answer to `client` is a throttling one, retried or not."""

        def on_attempt(response: Any = None, operation: Any = None, **_: object) -> None:
            code = "" if response is None else str(response[1].get("Error", {}).get("Code", ""))
            if is_throttle(code):
                self.bucket(operation.name).drain()

        client.meta.events.register("needs-retry.elastic-load-balancing-v2", on_attempt)
