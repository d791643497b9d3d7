"""What a promotion takes with 100 ms a call to AWS, against the waits that it must make; and a rollback.

In virtual time, so that no machine's speed is in the figures: every call takes 100 ms more than the
simulated cloud needs, and calls that are made at the same time pass at the same time. The cloud has the
pace of AWS, the policy the shipped waits. The mandated waits (boot, health, bake, data that settles, drain,
window) are what the same promotion takes when calls take no time.

    python -m benchmarks.round_trips
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from types import TracebackType
from typing import Any, Self

from bluegreen.adapters import threads
from bluegreen.domain.journal import Decided, Ending, Entry, StepFailed
from bluegreen.errors import ExitCode
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Call
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.faults import Effect, Fault
from bluegreen.ports import Ports
from tools.world import LATENCY, World

SECONDS = 0.1
"""What a call takes."""
MOST = 1.1
"""The whole promotion against its mandated waits."""
MOST_BACK = 1.5
"""Round trips from the verdict to the last ModifyRule, for three tiers."""
ONE, THREE = ("app",), ("web", "app", "ai")
POLICY = """
[rollout]
ramp = ["5%", "25%", "50%", "95%"]
bake = "5m"
final_bake = "5m"
[retire]
keep_blue = "15m"
[judge]
without_accuracy = "warn"
"""
SHIPPED = {"boot_budget_seconds": 420, "warmup_seconds": 60, "deregistration_delay_seconds": 60}


class VirtualClock(ManualClock):
    """Also goes back: to where other calls began at the same time."""

    def at(self, seconds: float) -> None:
        with self._lock:
            self._now = seconds


class AtOnce:
    """`ThreadPoolExecutor` in virtual time: every call begins when the first one does."""

    clock = VirtualClock()

    def __init__(self, *, max_workers: int) -> None:  # noqa: ARG002  (as the real one)
        self._began = self._ended = self.clock.now()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clock.at(self._ended)

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.clock.at(self._began)
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001  (a future keeps whatever was raised)
            future.set_exception(error)
        self._ended = max(self._ended, self.clock.now())
        return future


def aside(call: Callable[[], Any]) -> Callable[[float], Any]:
    """As `threads.aside`: whoever asks for the result waits until it is there."""
    clock, began = AtOnce.clock, AtOnce.clock.now()
    future = AtOnce(max_workers=1).submit(call)
    there = clock.now()
    clock.at(began)

    def result(_seconds: float) -> Any:
        clock.at(max(clock.now(), there))
        return future.result()

    return result


@dataclass(slots=True)
class Seen:
    """The calls of a run, and when the weights were acknowledged."""

    calls: Counter[str] = field(default_factory=Counter)
    weights: list[float] = field(default_factory=list)


class Timed(World):
    """Tiers with the shipped waits, whose calls take `seconds`; v1.0.0 serves."""

    def __init__(self, tiers: Sequence[str], seconds: float) -> None:
        self.seen = Seen()
        self.seconds = 0.0
        AtOnce.clock = VirtualClock()
        super().__init__(
            tiers=tiers,
            policy=POLICY,
            settings=replace(Settings().realistic(), throttling=False),
            clock=AtOnce.clock,
            parallel=threads.parallel,
            latency=LATENCY,
            on_call=self._called,
        )
        shipped = tuple(tier.model_copy(update=SHIPPED) for tier in self.contract.tiers)
        self.contract = self.contract.model_copy(update={"tiers": shipped})
        self.cloud.after_call.append(self._answered)
        deployer = self.deployer()
        deployer.run(deployer.plan_promotion("v1.0.0"))
        self.load(600)
        self.clock.sleep(3600)
        self.seconds = seconds
        self.seen.calls.clear()
        self.entries.clear()

    def _called(self, service: str, _operation: str) -> None:
        self.seen.calls[service] += 1
        self.clock.sleep(self.seconds)

    def _answered(self, call: Call) -> None:
        if call.operation == "ModifyRule" and not call.error:
            self.seen.weights.append(self.clock.now())

    def ports(self) -> Ports:
        return replace(super().ports(), aside=aside)


def promotion(tiers: Sequence[str], seconds: float) -> tuple[float, Counter[str]]:
    """(seconds, calls by service) of a promotion over a live blue."""
    world = Timed(tiers, seconds)
    began, deployer = world.clock.now(), world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    if result.ending is not Ending.RELEASED:
        raise SystemExit(f"the promotion ended {result.ending}: {result.words}")
    return world.clock.now() - began, world.seen.calls


def rollback(tiers: Sequence[str], *, throttled: bool) -> float:
    """Round trips from the verdict against a bad release to the last ModifyRule of its rollback."""
    world = Timed(tiers, SECONDS)
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
    verdict: list[float] = []

    def listen(entry: Entry) -> None:
        # The first word of it: what is written after that is on the way of the rollback.
        if isinstance(entry.event, StepFailed | Decided) and not verdict:
            verdict.append(entry.at)
            world.seen.weights.clear()
            if throttled:
                for service in ("elastic-load-balancing-v2", "auto-scaling", "ec2"):
                    fault = Fault(effect=Effect.THROTTLE, service=service, action="Describe*", times=0)
                    world.faults.add(fault)

    world.listeners.append(listen)
    deployer = world.deployer()
    try:
        deployer.run(deployer.plan_promotion("v1.1.0"))
    finally:
        world.faults.clear()
    if len(world.seen.weights) < len(tiers):
        return inf
    return (sorted(world.seen.weights)[len(tiers) - 1] - verdict[0]) / SECONDS


def main() -> None:
    threads.ThreadPoolExecutor = AtOnce  # type: ignore[misc,assignment]  # stands for it, in virtual time
    holds = True
    print(f"{'':12}{'mandated':>10}{'whole':>10}{'ratio':>8}  calls by service")
    for name, tiers in (("one tier", ONE), ("three tiers", THREE)):
        waits, _ = promotion(tiers, 0.0)
        whole, calls = promotion(tiers, SECONDS)
        holds &= whole <= MOST * waits
        told = ", ".join(f"{service} {count:,}" for service, count in calls.most_common())
        print(f"{name:12}{waits:9.1f}s{whole:9.1f}s{whole / waits:8.3f}  {told}", flush=True)
    for name, tiers in (("one tier", ONE), ("three tiers", THREE)):
        for throttled in (False, True):
            trips = rollback(tiers, throttled=throttled)
            holds &= trips <= MOST_BACK
            beside = ", every read throttled" if throttled else ""
            told = f"{trips:.1f} round trips" if isfinite(trips) else "not by the deployer"
            shown = "ok" if trips <= MOST_BACK else "NO"
            print(f"{shown:3} verdict to last ModifyRule, {name}{beside}: {told}", flush=True)
    sys.exit(int(ExitCode.RELEASED if holds else ExitCode.BUG))


if __name__ == "__main__":
    main()
