"""The state of a deployment, and the events that set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from bluegreen.contract import Tier
from bluegreen.domain.returning import Return


class Ending(StrEnum):
    """The state of a deployment: still open, or how it ended."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    HALTED = "halted"
    RELEASED = "released"
    ROLLED_BACK = "rolled-back"
    ABORTED = "aborted"
    TORN_DOWN = "torn-down"

    @property
    def open(self) -> bool:
        """Whether `resume` has something to continue with."""
        return self in (Ending.RUNNING, Ending.INTERRUPTED, Ending.HALTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopped:
    """What all endings of a process share: the deployment's state, and where the traffic is."""

    ending: Ending
    words: str
    traffic: tuple[str, ...]
    next: str = ""
    returns: Mapping[Tier, Return] = field(default_factory=dict)
    """What the armed watchdogs will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(RunStopped):
    """The run stopped at a safe point."""

    kind: Literal["interrupted"] = "interrupted"
    ending: Ending = Ending.INTERRUPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHalted(RunStopped):
    """A human is needed."""

    kind: Literal["halted"] = "halted"
    ending: Ending = Ending.HALTED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(RunStopped):
    """The deployment is over."""

    kind: Literal["run-ended"] = "run-ended"
    exit_code: int
