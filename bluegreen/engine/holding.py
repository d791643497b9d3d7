"""A hold that a person has asked for, on the deployer's side: seen, journalled, obeyed, lifted."""

from __future__ import annotations

import threading

from bluegreen.domain.holding import Hold, because
from bluegreen.domain.journal import Continued, Event, Held, HoldOverdue
from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.engine.recorder import Recorder
from bluegreen.errors import StepFailed
from bluegreen.policy import HoldPolicy
from bluegreen.ports import Clock

_PAUSE = 2.0
"""Seconds between looks at a hold where nothing is measured meanwhile."""


class Holding:
    """Whether this run is on hold; thread-safe. The journal knows it, so that whoever resumes does too."""

    def __init__(self, *, recorder: Recorder, heartbeat: Heartbeat, policy: HoldPolicy, clock: Clock) -> None:
        self._recorder, self._heartbeat, self._policy, self._clock = recorder, heartbeat, policy, clock
        self._held: Held | None = None
        self._overdue = False
        self._lock = threading.Lock()

    def remember(self, event: Event) -> None:
        """Take in what an earlier process has journalled."""
        match event:
            case Held():
                self._held, self._overdue = event, False
            case HoldOverdue():
                self._overdue = True
            case Continued():
                self._held = None

    def look(self) -> Held | None:
        """The hold in force by the newest renewal of the lease; what is new of it is journalled.

        None while traffic returns to blue: a rollback is finished, and held by nobody.
        """
        if self._heartbeat.returns_traffic:
            return None
        asked = self._heartbeat.holder.hold
        with self._lock:
            if asked is not None and asked.in_force:
                if self._held is None or (self._held.by, self._held.asked_at) != asked.name:
                    self._take(asked)
            elif self._held is not None:
                # A request that vanished with the state table holds nobody for ever.
                by, why = (asked.lifted_by, asked.lifted_why) if asked else ("nobody", "the request is gone")
                self._recorder.write(Continued(by=by, why=why))
                self._held = None
            return self._held

    def _take(self, asked: Hold) -> None:
        seconds = self._policy.deadline if asked.seconds is None else asked.seconds
        held = Held(
            by=asked.by,
            why=asked.why,
            asked_at=asked.at,
            until=self._clock.now() + seconds,
            rolls_back=self._policy.then == "rollback",
        )
        self._recorder.write(held)
        self._held, self._overdue = held, False

    def mind_deadline(self) -> None:
        """Call while waiting in a hold. Raises StepFailed where its deadline rolls the deployment back."""
        held = self._held
        if held is None or self._clock.now() < held.until:
            return
        words = f"on hold {because(held.by, held.why)}; nobody let it continue before the deadline"
        if held.rolls_back:
            raise StepFailed(words)
        with self._lock:
            if self._overdue:
                return
            self._recorder.write(HoldOverdue(words=f"{words}: it stays on hold"))
            self._overdue = True

    def wait(self) -> None:
        """Return once nothing holds this run; alive meanwhile. Raises what `heartbeat.beat` raises."""
        while self.look():
            self.mind_deadline()
            self._heartbeat.wait(_PAUSE)
