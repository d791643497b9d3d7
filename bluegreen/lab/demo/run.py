"""Runs the demo: a lab and a load of its own; the command line makes the deployments."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Protocol, Self

from bluegreen.domain.journal import Ending, Entry, Header
from bluegreen.errors import DeployError, Interrupted, Starved
from bluegreen.lab import lifecycle
from bluegreen.lab.demo.facts import Act, Seen
from bluegreen.lab.demo.witness import Witness
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.load.child import WRITES, LoadProcess, carried
from bluegreen.lab.load.writes import seen_in

STACK = "lab"
CEILING = 700.0
"""Requests per second at most, where nobody asks for another rate."""
LEAST = 60.0
"""With fewer the judge needs longer for a verdict than deploy.toml gives it."""
_USED = 0.5
"""Share of what the machine carries: the rest is for two fleets, the deployer and a machine that changes."""
_MOST_SECONDS = 3600.0
"""The load ends by itself after this long, whatever happens to this process."""


TRY_AGAIN = "stop what else runs on this machine, and run the demo again; no release was at fault"


class Promote(Protocol):
    """A promotion as the command line makes one; how it ended. Raises Interrupted when it was stopped."""

    def __call__(self, version: str, policy: Path, listen: Callable[[Header, Entry], None]) -> Ending: ...


@contextlib.contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """Within it SIGTERM raises KeyboardInterrupt, so that everything that was started is stopped."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Demo:
    """A lab, a load and a command line; leaving it stops whatever it started."""

    def __init__(
        self, promote: Promote, say: Callable[[str], None], *, rate: float | None, connections: int
    ) -> None:
        """Without a `rate` it is found out."""
        self._promote, self._say, self._rate, self._connections = promote, say, rate, connections
        self.directory = Path(tempfile.mkdtemp(prefix="sc-deploy-demo-"))
        """Where the logs are."""
        self._load: LoadProcess | None = None
        self._lab: LabInfo | None = None
        self._witness: Witness | None = None
        self.stretch = 1
        """How many times slower than usual the lab's clock ran when the newest release began."""
        self._told = 1
        self._short = ""
        self._environment: dict[str, str | None] = {}
        self.keep = False
        """Keep the logs when it ends."""

    def __enter__(self) -> Self:
        try:
            self._lab = lifecycle.up(self.directory / "lab", stack=STACK, owner_pid=os.getpid())
        except BaseException:
            self._stop()
            raise
        self._environment = {name: os.environ.get(name) for name in (*self._lab.env, *lifecycle.UNSET)}
        for name in lifecycle.UNSET:
            os.environ.pop(name, None)
        os.environ.update(self._lab.env)
        self._witness = Witness(self._lab.endpoint_url).__enter__()
        self.stretch = self._lab.stretch
        self._tell(self._lab.stretch, self._lab.machine)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt | Interrupted):
            self.keep = False
        blamed = self._blamed(error)
        self._stop()
        if blamed:
            raise Starved(blamed, next_step=TRY_AGAIN) from error

    def _blamed(self, error: BaseException | None) -> str:
        """The machine, in words, where it and no release is to blame for `error`."""
        if error is None or self._witness is None:
            return ""
        own = isinstance(error, DeployError) and not isinstance(error, Interrupted | Starved)
        return self._witness.starved or (self.outgrown() if own else "")

    @property
    def policy(self) -> Path:
        """The deploy.toml of its lab."""
        assert self._lab is not None
        return self._lab.policy

    @property
    def rate(self) -> float:
        """Requests per second of the load."""
        return self._rate or 0.0

    def _tell(self, stretch: int, words: str) -> None:
        """Say where the lab's clock runs at another speed now."""
        if stretch != self._told:
            self._say(words)
        self._told = stretch

    def outgrown(self) -> str:
        """Where the machine gave a release less than the lab had slowed its clock for: how much, in words."""
        assert self._witness is not None
        self._short = self._short or self._witness.outgrown(self.stretch)
        return self._short

    def deploy(self, version: str, *, before: str = "") -> Act:
        """Promote `version` and return what happened; raises Interrupted when it was stopped."""
        assert self._witness is not None
        if machine := self._witness.renewed():
            self.stretch = machine["stretch"]
            self._tell(self.stretch, machine["words"])
        act = Act(version=version, before=before, began=time.time())
        act.ending = self._promote(version, self.policy, lambda _header, entry: act.entries.append(entry))
        act.ended = time.time()
        self.outgrown()
        if machine := self._witness.now():
            self._tell(machine["stretch"], machine["words"])
        return act

    def start_load(self) -> None:
        """Begin the load at a rate that this machine carries; raises Starved where that is too little."""
        assert self._lab is not None
        if self._rate is None:
            most = carried(self._lab.front_url)
            self._rate = min(CEILING, most * _USED)
            words = f"this machine carries {most:,.0f} requests/s beside the lab"
            if self._rate < LEAST:
                raise Starved(f"{words}; the demo needs {LEAST / _USED:.0f}", next_step=TRY_AGAIN)
            self._say(f"{words}; the load uses {self._rate:.0f}")
        self._load = LoadProcess(
            self._lab.front_url,
            self.directory,
            rate=self._rate,
            connections=self._connections,
            seconds=_MOST_SECONDS,
            writes=WRITES if self._lab.database_url else 0.0,
        )

    def stop_load(self) -> Seen:
        """End the load and return what it counted; raises DeployError where it counted nothing."""
        assert self._load is not None
        assert self._lab is not None
        seconds, report = self._load.figures()
        return Seen(seconds=seconds, report=report, writes=seen_in(self._lab.database_url, report))

    def _stop(self) -> None:
        """Stop the load, then the lab; a second Ctrl-C must not leave processes behind."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._witness is not None:
                self._witness.__exit__()
            if self._load is not None:
                self._load.end()
            lifecycle.down(self.directory / "lab")
        finally:
            for name, value in self._environment.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
            for number, handler in before.items():
                signal.signal(number, handler)
            if not self.keep:
                shutil.rmtree(self.directory, ignore_errors=True)
