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
from bluegreen.errors import Interrupted
from bluegreen.lab import lifecycle
from bluegreen.lab.demo.facts import Act, Seen
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.load.child import WRITES, LoadProcess
from bluegreen.lab.load.writes import seen_in

STACK = "lab"
_MOST_SECONDS = 300.0
"""The load ends by itself after this long, whatever happens to this process."""


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

    def __init__(self, promote: Promote, *, rate: float, connections: int) -> None:
        self._promote, self._rate, self._connections = promote, rate, connections
        self.directory = Path(tempfile.mkdtemp(prefix="sc-deploy-demo-"))
        """Where the logs are."""
        self._load: LoadProcess | None = None
        self._lab: LabInfo | None = None
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
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt | Interrupted):
            self.keep = False
        self._stop()

    @property
    def policy(self) -> Path:
        """The deploy.toml of its lab."""
        assert self._lab is not None
        return self._lab.policy

    def deploy(self, version: str, *, before: str = "") -> Act:
        """Promote `version` and return what happened; raises Interrupted when it was stopped."""
        act = Act(version=version, before=before, began=time.time())
        act.ending = self._promote(version, self.policy, lambda _header, entry: act.entries.append(entry))
        act.ended = time.time()
        return act

    def start_load(self) -> None:
        """Begin the load."""
        assert self._lab is not None
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
