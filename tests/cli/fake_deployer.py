"""A deployer that tells a prepared timeline, behind the real verbs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bluegreen.commands._connect import Stack
from bluegreen.domain.forecast import ReleaseForecast
from bluegreen.domain.journal import Ending, Entry, Header
from bluegreen.domain.plan import Plan
from bluegreen.domain.stack import StackState
from bluegreen.engine.checks.doctor import Check
from bluegreen.engine.outcome import Result
from bluegreen.engine.status import Status
from bluegreen.errors import DeployError, ExitCode
from tests.ui.samples import BLUE, HEALTH, Script, contract, promotion, state, take_back

Subscriber = Callable[[Header, Entry], None]
CODES = {
    Ending.RELEASED: ExitCode.RELEASED,
    Ending.ROLLED_BACK: ExitCode.ROLLED_BACK,
    Ending.INTERRUPTED: ExitCode.INTERRUPTED,
    Ending.HALTED: ExitCode.HALTED,
}


@dataclass
class FakeDeployer:
    """Answers the verbs; `fail` makes any of them raise, `hold` makes `run` wait for an interrupt."""

    script: Script = field(default_factory=lambda: Script().released())
    fail: dict[str, Exception] = field(default_factory=dict)
    headers: tuple[Header, ...] = ()
    checks: tuple[Check, ...] = ()
    hold: bool = False
    linger: float = 0.0
    """Seconds that finishing takes after an interrupt."""
    nothing: bool = False
    seen: ReleaseForecast = field(default_factory=ReleaseForecast)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    subscribers: Sequence[Subscriber] = ()
    waiting: threading.Event = field(default_factory=threading.Event)
    interrupted: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)

    def _called(self, name: str, what: Any) -> None:
        self.calls.append((name, what))
        if name in self.fail:
            raise self.fail[name]

    def plan_promotion(self, version: str, **options: Any) -> Plan:
        self._called("plan_promotion", (version, options))
        return promotion(version=version, reason=options["reason"])

    def plan_rollback(self, *, to: str | None = None, reason: str = "", down: bool = False) -> Plan:
        self._called("plan_rollback", (to, reason, *(["down"] if down else [])))
        return take_back(promotion(), reason=reason)

    def forecast(self, plan: Plan) -> ReleaseForecast:
        return self.seen

    def plan_teardown(self, *, everything: bool) -> Plan:
        self._called("plan_teardown", everything)
        from bluegreen.domain.rollback import plan_teardown

        found = state() if self.nothing else BLUE
        return plan_teardown(contract(), found, number=4, everything=not self.nothing, reason="")

    def run(self, plan: Plan) -> Result:
        self._called("run", plan)
        return self._tell()

    def resume(
        self, number: int | None = None, *, skip_down: bool = False, note: Callable[[str], None]
    ) -> Result:
        self._called("resume", (number, "skip-down") if skip_down else number)
        note("waiting for the lease")
        return self._tell()

    def abort(
        self,
        number: int | None = None,
        *,
        reason: str = "",
        down: bool = False,
        note: Callable[[str], None],
    ) -> Result:
        self._called("abort", (number, reason, *(["down"] if down else [])))
        return self._tell()

    def _tell(self) -> Result:
        for entry in self.script.entries:
            for subscriber in self.subscribers:
                subscriber(self.script.header, entry)
        if self.hold:
            self.waiting.set()
            assert self.interrupted.wait(60), "nobody interrupted"
            self.finished.wait(self.linger)
        last = self.script.entries[-1].data
        ending = Ending.INTERRUPTED if self.hold else Ending(last.get("ending", "halted"))
        return Result(
            ending=ending,
            exit_code=CODES[ending],
            header=self.script.header,
            words=str(last.get("words", "stopped")),
            next_step="sc-deploy resume" if self.hold else "",
            traffic=tuple(last.get("traffic", ("web: 75 % on v1.0.0",))),
        )

    def interrupt(self) -> None:
        self.interrupted.set()

    def history(self, limit: int) -> tuple[Header, ...]:
        self._called("history", limit)
        return self.headers[:limit]

    def doctor(self) -> tuple[Check, ...]:
        self._called("doctor", None)
        return self.checks

    def observe(self) -> StackState:
        return BLUE

    def status(self) -> Status:
        self._called("status", None)
        groups = [f.target_group.arn for tier in BLUE.tiers for f in tier.fleets if f.target_group]
        return Status(
            state=BLUE,
            health=dict.fromkeys(groups, HEALTH),
            holder=None,
            open=None,
            watchdogs=(),
            traffic=("web, app, ai: 100 % on v1.0.0",),
            next_step="",
        )


@dataclass
class FakeJournal:
    """One deployment that can be read back."""

    script: Script
    fail: DeployError | None = None

    def header(self, number: int) -> Header | None:
        if self.fail:
            raise self.fail
        return self.script.header if number == self.script.header.number else None

    def entries(self, number: int, *, after: int = 0) -> tuple[Entry, ...]:
        assert number == self.script.header.number
        return tuple(entry for entry in self.script.entries if entry.seq > after)


def stack_of(deployer: FakeDeployer, journal: FakeJournal, subscribers: Sequence[Subscriber]) -> Stack:
    deployer.subscribers = subscribers
    return Stack(deployer=deployer, journal=journal)  # type: ignore[arg-type]  # fakes with the same calls
