"""How many AWS round trips of a promotion follow one another, with three tiers and with one.

Every AWS call takes 100 ms more than the simulated cloud needs, in real time and real threads. The
longest chain of calls of which each began after the one before had ended is what an operator waits
for; it must not grow with the tiers.

    python -m benchmarks.round_trips
"""

from __future__ import annotations

import threading
import time

from bluegreen.adapters.threads import parallel
from bluegreen.lab.cloud.clock import SystemClock
from tools.world import POLICY, World

LATENCY = 0.1
QUICK = POLICY.replace('"10s"', '"4s"').replace('"30s"', '"8s"').replace('"20s"', '"8s"')


class Calls:
    """When each call began and ended."""

    def __init__(self) -> None:
        self.counted = False
        self.spans: list[tuple[float, float]] = []
        self._lock = threading.Lock()

    def __call__(self, _service: str, _operation: str) -> None:
        began = time.monotonic()
        if self.counted:
            time.sleep(LATENCY)
            with self._lock:
                self.spans.append((began, time.monotonic()))

    def longest_chain(self) -> int:
        """The most calls that cannot have overlapped: greedy by end time, as in interval scheduling."""
        count, free = 0, 0.0
        for began, ended in sorted(self.spans, key=lambda span: span[1]):
            if began >= free:
                count, free = count + 1, ended
        return count


def measure(tiers: tuple[str, ...]) -> tuple[int, int, float]:
    """(longest chain, calls, seconds) of a promotion over a live blue."""
    calls = Calls()
    world = World(tiers=tiers, policy=QUICK, clock=SystemClock(), parallel=parallel, on_call=calls)
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.0.0"))
    world.load(600)
    time.sleep(2)
    calls.counted = True
    began = time.monotonic()
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    if result.exit_code:
        raise SystemExit(f"the promotion ended {result.ending}: {result.words}")
    return calls.longest_chain(), len(calls.spans), time.monotonic() - began


def main() -> None:
    one = measure(("app",))
    three = measure(("web", "app", "ai"))
    print(f"{'':12}{'sequential':>12}{'calls':>8}{'seconds':>10}")
    for name, (chain, count, seconds) in (("one tier", one), ("three tiers", three)):
        print(f"{name:12}{chain:12}{count:8}{seconds:10.1f}")
    print(f"ratio three/one: sequential {three[0] / one[0]:.2f}, seconds {three[2] / one[2]:.2f}")


if __name__ == "__main__":
    main()
