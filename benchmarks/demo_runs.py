"""Fresh runs of `sc-deploy demo`, one after the other, beside processes that do nothing but use the machine.

Every run has an empty home, a temporary directory and, with --cold, a bytecode cache of its own. Prints how
long each took and why one failed; ends with 1 where one failed, left a process behind, or took too long.

    python -m benchmarks.demo_runs [--runs 10] [--busy 4] [--cold] [--within 90]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bluegreen.errors import ExitCode

ROOT = Path(__file__).parent.parent
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Uses one core until it is ended, or until its starter is gone."""
MOST_SECONDS = 1800.0
"""A run that takes longer hangs."""
SHOWN_LINES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one demo went."""

    code: int
    seconds: float
    said: str
    """Its stderr."""
    document: dict[str, Any]
    """Its last line; empty where it printed none."""
    left: tuple[str, ...]
    """Command lines of processes that outlived it."""

    def reasons(self, within: float) -> list[str]:
        """Why it did not go well; empty where it did."""
        failed = [f"{one['name']}: {one['words']}" for one in self.document.get("facts", ()) if not one["ok"]]
        if self.code and not failed:
            failed = self.said.splitlines()[-SHOWN_LINES:] or ["it said nothing"]
        if self.code:
            failed.insert(0, f"exit {self.code}")
        failed += [f"left running: {words}" for words in self.left]
        return failed + ([f"took longer than {within:g} s"] if self.seconds > within else [])

    @property
    def told(self) -> str:
        """What it said about the machine."""
        return "; ".join(line for line in self.said.splitlines() if line.startswith("this machine"))


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Within it `number` processes use the machine; they are ended however it is left."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(number)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def running(place: str) -> tuple[str, ...]:
    """The command lines that name the directory `place`."""
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return tuple(line for line in shown.splitlines() if place in line)


def demo(*, cold: bool) -> Run:
    with tempfile.TemporaryDirectory(prefix="sc-deploy-demo-run-") as place:
        environment = {**os.environ, "HOME": place, "TMPDIR": place, "PYTHONPATH": str(ROOT)}
        if cold:
            environment["PYTHONPYCACHEPREFIX"] = f"{place}/bytecode"
        command = [sys.executable, "-c", "import cli; cli.main()", "demo", "--output", "json"]
        began = time.monotonic()
        try:
            done = subprocess.run(
                command,
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Run(code=-9, seconds=MOST_SECONDS, said="it hung", document={}, left=running(place))
        seconds = time.monotonic() - began
        lines = done.stdout.splitlines()
        last = json.loads(lines[-1]) if lines else {}
        return Run(
            code=done.returncode,
            seconds=seconds,
            said=done.stderr,
            document=last if last.get("event") == "demo" else {},
            left=running(place),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument(
        "--busy", type=int, default=0, help="processes that use one core each, beside the demo"
    )
    parser.add_argument("--cold", action="store_true", help="no bytecode of an earlier run")
    parser.add_argument("--within", type=float, default=MOST_SECONDS, help="seconds that a run may take")
    given = parser.parse_args()
    print(f"{given.runs} runs on {os.cpu_count()} cores beside {given.busy} busy processes", flush=True)
    went_well, seconds = 0, []
    with busy(given.busy):
        for number in range(1, given.runs + 1):
            run = demo(cold=given.cold)
            reasons = run.reasons(given.within)
            went_well += not reasons
            seconds.append(run.seconds)
            print(f"{'NO' if reasons else 'ok':3} {number:3}  {run.seconds:6.1f} s  {run.told}", flush=True)
            for reason in reasons:
                print(f"           {reason}", flush=True)
    middle = statistics.median(seconds)
    print(f"{went_well} of {given.runs} went well; median {middle:.1f} s, slowest {max(seconds):.1f} s")
    sys.exit(int(ExitCode.RELEASED if went_well == given.runs else ExitCode.BUG))


if __name__ == "__main__":
    main()
