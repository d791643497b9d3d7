"""What this machine gives the lab, and by how much the lab slows its clock for it.

Nothing that decides a release may depend on the speed of the machine. So the lab measures which share of a
core a busy process gets and how late things come, and multiplies its durations by one factor, the *stretch*:
deploy.toml, health checks, grace and drains. It is measured before the lab starts and all
the while it runs; a release keeps the deploy.toml with which it began.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any

STRETCHES = (1, 2, 5, 10)
"""Factors whose multiples of a second are periods of CloudWatch, or can be made of them."""
STARVED = 100
"""The factor that is needed where none of STRETCHES is enough."""
_ALONE, _BESIDE = 0.45, 0.2
"""The share that a busy process needs at the usual pace: before the lab runs, and beside the lab's own."""
_LOOK_SECONDS = 3.0
_SPIN_SECONDS = 0.05
"""CPU time of one look's measurement: less than 2 % of a core."""
_LOOKS_TO_RAISE, _LOOKS_TO_LOWER = 2, 20
"""One look may be a hiccup; a minute of calm is no accident."""
_MOST_WALL_SECONDS = 4.0
_BLOCK = bytes(1 << 18)


class Late(StrEnum):
    """What can come late; the value begins a sentence that ends with the figure."""

    TIMER = "timers fire"
    COUNTS = "the load balancer's counts arrive"
    INSTANCE = "an instance answers"


_BEARABLE: Mapping[Late, float] = MappingProxyType({Late.TIMER: 1.0, Late.COUNTS: 1.0, Late.INSTANCE: 8.0})
"""Seconds at stretch 1. deploy.toml waits 2 s for counts, the contract gives an instance 40 s to boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One measurement."""

    share: float
    """Of a core, that one busy process gets: 0 to 1."""
    late: Mapping[Late, float] = field(default_factory=dict)
    """Seconds by which the latest of each kind came late."""
    wanted: float = _ALONE
    """The share that is enough at the usual pace; with a stretch, so many times less is."""

    @property
    def needed(self) -> int:
        """The smallest of STRETCHES with which the lab works on such a machine, or STARVED."""
        return next((one for one in STRETCHES if self._bears(one)), STARVED)

    def _bears(self, stretch: int) -> bool:
        in_time = all(late <= _BEARABLE[what] * stretch for what, late in self.late.items())
        return self.share * stretch >= self.wanted and in_time

    def words(self, stretch: int) -> str:
        """What the machine gives and what the lab makes of it: a sentence without its full stop."""
        what = max(self.late, key=lambda one: self.late[one] / _BEARABLE[one], default=None)
        late = f"; {what} {self.late[what]:.1f} s late" if what and self.late[what] >= 0.1 else ""
        slowed = f"; the lab slows its clock by {stretch}" if stretch > 1 else ""
        if self.needed == STARVED:
            slowed = f"{slowed}, and even that may be too little"
        return f"this machine gives the lab {self.share:.2f} of a core{late}{slowed}"


def share_of_a_core(cpu_seconds: float) -> float:
    """CPU time over time of a busy thread, measured until it has had `cpu_seconds`, or for 4 s.

    Hashing gives up Python's global lock, so the other threads of this process do not count.
    """
    began, used = time.perf_counter(), time.thread_time()
    while True:
        sha256(_BLOCK)
        spent, passed = time.thread_time() - used, time.perf_counter() - began
        if spent >= cpu_seconds or passed >= _MOST_WALL_SECONDS:
            return min(1.0, spent / passed)


def measured() -> Machine:
    """What the machine gives before a lab starts; takes 0.2 s where nothing else runs."""
    return Machine(share=share_of_a_core(0.2))


class Gauge:
    """Follows the machine while the lab runs: `late` from any thread, `look` now and then."""

    def __init__(self, stretch: int) -> None:
        self.stretch = stretch
        self._lock = threading.Lock()
        self._late: dict[Late, float] = {}
        self._looks: deque[Machine] = deque(maxlen=_LOOKS_TO_LOWER)

    def late(self, what: Late, seconds: float) -> None:
        """Note that something came `seconds` late."""
        with self._lock:
            self._late[what] = max(seconds, self._late.get(what, 0.0))

    def look(self, share: float) -> bool:
        """End a look; whether the stretch is another one now."""
        with self._lock:
            self._looks.append(Machine(share=share, late=self._late, wanted=_BESIDE))
            self._late = {}
            before, self.stretch = self.stretch, min(self._wanted(), STRETCHES[-1])
            return self.stretch != before

    @property
    def machine(self) -> Machine:
        """The better of the newest looks, which is what the stretch is chosen for."""
        newest = list(self._looks)[-_LOOKS_TO_RAISE:]
        return min(newest, key=lambda one: one.needed, default=Machine(share=1.0))

    @property
    def starved(self) -> bool:
        """Whether no stretch is enough: what the lab shows now says nothing about a release."""
        return len(self._looks) >= _LOOKS_TO_RAISE and self.machine.needed == STARVED

    def document(self) -> dict[str, Any]:
        """For people and for the demo."""
        machine = self.machine
        return {
            "stretch": self.stretch,
            "needed": machine.needed,
            "starved": self.starved,
            "share": round(machine.share, 3),
            "late": {what.name.lower(): round(seconds, 3) for what, seconds in machine.late.items()},
            "words": machine.words(self.stretch),
        }

    def _wanted(self) -> int:
        needs = [one.needed for one in self._looks]
        if len(needs) >= _LOOKS_TO_RAISE and (least := min(needs[-_LOOKS_TO_RAISE:])) > self.stretch:
            return least
        if len(needs) == _LOOKS_TO_LOWER and (most := max(needs)) < self.stretch:
            return most
        return self.stretch


def follow(gauge: Gauge, changed: Callable[[], None], stopping: threading.Event) -> None:
    """Look at the machine until `stopping`; `changed` hears of every other stretch."""
    while not stopping.wait(_LOOK_SECONDS):
        if gauge.look(share_of_a_core(_SPIN_SECONDS)):
            changed()
