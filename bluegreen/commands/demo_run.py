"""Carries the demo out: a lab and a load of its own, the deployments through the commands' own code."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bluegreen.commands import terminal, wiring
from bluegreen.commands.demo_facts import Act, Seen
from bluegreen.commands.running import Run
from bluegreen.commands.settings import Output, Settings
from bluegreen.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from bluegreen.domain.journal import Entry, Header
    from bluegreen.lab.lifecycle import LabInfo
    from bluegreen.lab.load.child import LoadProcess

__all__ = ["Demo", "terminated_as_interrupt"]

STACK = "lab"
_MOST_SECONDS = 300.0
"""The load ends by itself after this long, whatever becomes of this process."""


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

    def __init__(self, *, output: Output, rate: float, connections: int) -> None:
        self._rate, self._connections = rate, connections
        self._directory = Path(tempfile.mkdtemp(prefix="sc-deploy-demo-"))
        self._policy = self._directory / "lab" / "deploy.toml"
        self._out = self._directory / "load.jsonl"
        self._settings = Settings(stack=STACK, policy=self._policy, yes=True, output=output)
        self._load: LoadProcess | None = None
        self._lab: LabInfo | None = None
        self._environment: dict[str, str | None] = {}
        self.keep = False
        """Leave the logs where they are when it ends."""

    def __enter__(self) -> Self:
        from bluegreen.lab import lifecycle

        try:
            self._lab = lifecycle.up(self._directory / "lab", stack=STACK, owner_pid=os.getpid())
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

    def deploy(self, version: str, *, before: str = "") -> Act:
        """Promote `version` and return what happened; raises Interrupted when it was stopped."""
        act = Act(version=version, before=before, began=time.time())

        def listen(_header: Header, entry: Entry) -> None:
            act.entries.append(entry)

        run = Run(self._settings, listeners=(listen,))
        plan = run.deployer.plan_promotion(version, reason="demo")
        result = run.complete(lambda deployer: deployer.run(plan))
        if result.exit_code is ExitCode.INTERRUPTED:
            raise Interrupted("the demo was stopped")
        act.ending, act.ended = result.ending, time.time()
        return act

    def start_load(self) -> None:
        """Begin the load."""
        from bluegreen.lab.load.child import LoadProcess

        assert self._lab is not None
        self._load = LoadProcess(
            self._lab.front_url,
            self._directory,
            rate=self._rate,
            connections=self._connections,
            seconds=_MOST_SECONDS,
        )

    def stop_load(self) -> Seen:
        """End the load and return what it counted; raises DeployError where it counted nothing."""
        assert self._load is not None
        seconds, report = self._load.figures()
        return Seen(seconds=seconds, report=report)

    def leftovers(self) -> list[str]:
        """Fleets that stand without serving."""
        state = wiring.open_stack(self._settings).deployer.observe()
        found = [(tier.tier, fleet) for tier in state.tiers for fleet in tier.leftovers]
        return [f"{tier}: {fleet.version} of deployment {fleet.deployment}" for tier, fleet in found]

    def _stop(self) -> None:
        """Stop the load, then the lab; a second Ctrl-C must not leave processes behind."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._load is not None:
                self._load.end()
            from bluegreen.lab import lifecycle

            lifecycle.down(self._directory / "lab")
        finally:
            for name, value in self._environment.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
            for number, handler in before.items():
                signal.signal(number, handler)
            if not self.keep:
                shutil.rmtree(self._directory, ignore_errors=True)
            else:
                terminal.say(f"logs: {self._directory}")
