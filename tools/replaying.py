"""Holds every verdict of a simulated run against a replay of its journal: whatever a test is about, the
verdicts that it meets must follow from what was journalled before them.
"""

from __future__ import annotations

from typing import Any

from bluegreen.domain.journal import Entry, Header, VerdictGiven
from bluegreen.domain.plan import Plan
from bluegreen.domain.reports import Result
from bluegreen.domain.stack import StackState
from bluegreen.engine import planning
from bluegreen.engine.deployer import Deployer
from bluegreen.engine.status import observe
from bluegreen.judge.replay import replay
from bluegreen.ports import Journal


class Journals:
    """The durable entries of every deployment of a world, as its deployers wrote and read them."""

    def __init__(self) -> None:
        self._headers: dict[int, Header] = {}
        self._entries: dict[int, dict[int, Entry]] = {}
        self._replayed: dict[int, int] = {}

    def hear(self, header: Header, entry: Entry) -> None:
        """An entry is durable."""
        self._headers[header.number] = header
        self._entries.setdefault(header.number, {})[entry.seq] = entry

    def read(self, number: int, entries: tuple[Entry, ...]) -> None:
        """The whole journal of a deployment: a deployer that died had no time to tell of its last entry."""
        self._entries[number] = {entry.seq: entry for entry in entries}

    def over(self, real: Journal) -> Journal:
        """`real`, and what is read from it is known here."""
        return _Overheard(real, self)  # type: ignore[return-value]  # all else is the real one's

    def check(self) -> None:
        """Every verdict since the last check is that of a replay; raises AssertionError."""
        for number, header in self._headers.items():
            entries = [entry for _, entry in sorted(self._entries[number].items())]
            since = self._replayed.get(number, 0)
            self._replayed[number] = entries[-1].seq
            if any(isinstance(entry.event, VerdictGiven) and entry.seq > since for entry in entries):
                _check(header, entries, since)


def _check(header: Header, entries: list[Entry], since: int) -> None:
    plan, policy = header.began_with.plan, header.began_with.policy
    for given, must in replay(entries, plan=plan, policy=policy, wanted=lambda one: one.seq > since):
        assert given.verdict == must, f"a verdict of #{header.number} is not that of its journal:\n{must}"


class _Overheard:
    """A journal whose readings are remembered."""

    def __init__(self, real: Journal, journals: Journals) -> None:
        self._real, self._journals = real, journals

    def entries(self, number: int, *, after: int = 0) -> tuple[Entry, ...]:
        found = self._real.entries(number, after=after)
        if not after:
            self._journals.read(number, found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class ReplayedDeployer(Deployer):
    """A deployer that also plans and looks; its verdicts are replayed once a run of it has ended."""

    def __init__(self, journals: Journals, **rest: Any) -> None:
        super().__init__(**rest)
        self._journals = journals

    def observe(self) -> StackState:
        return observe(self._contract, self._ports)

    def history(self, limit: int) -> tuple[Header, ...]:
        return self._ports.journal.history(limit=limit)

    def plan_promotion(self, version: str, **how: Any) -> Plan:
        return planning.promotion(self._contract, self._policy, self._ports, version=version, **how)

    def plan_rollback(self, *, to: str | None = None, reason: str = "", **how: Any) -> Plan:
        return planning.rollback(self._contract, self._policy, self._ports, to=to, reason=reason, **how)

    def plan_teardown(self, *, everything: bool) -> Plan:
        return planning.teardown(self._contract, self._ports, everything=everything)

    def run(self, plan: Plan, **how: Any) -> Result:
        return self._checked(super().run(plan, **how))

    def resume(self, number: int | None = None, **how: Any) -> Result:
        return self._checked(super().resume(number, **how))

    def abort(self, number: int | None = None, **how: Any) -> Result:
        return self._checked(super().abort(number, **how))

    def _checked(self, result: Result) -> Result:
        self._journals.check()
        return result
