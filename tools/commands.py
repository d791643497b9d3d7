"""`sc-deploy` as a process of its own: its JSON events, its exit code, and its sudden death."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bluegreen.domain.journal import Decided, Entry, ShareWatched, StageStarted
from bluegreen.domain.plan import Step, StepKind
from bluegreen.lab.lifecycle import UNSET, LabInfo

__all__ = ["Done", "sc_deploy"]

Event = Mapping[str, Any]


@dataclass(slots=True)
class Done:
    """How a command went."""

    words: tuple[str, ...]
    code: int = 0
    began: float = 0.0
    ended: float = 0.0
    events: list[Event] = field(default_factory=list)
    stderr: str = ""

    @property
    def entries(self) -> list[Entry]:
        """Of the journal what tells when which share was watched."""
        return [entry for event in self.events if (entry := _entry(event)) is not None]


def _entry(event: Event) -> Entry | None:
    said: Decided | ShareWatched | StageStarted
    match event["event"]:
        case "stage-started":
            names = ("stage", "title", "expected_seconds", "index", "count", "percent")
            said = StageStarted(**{name: event[name] for name in names})
        case "share-watched":
            names = ("stage", "words", "percent", "since")
            step = Step(kind=StepKind.JUDGE, percent=event["percent"])
            said = ShareWatched(step=step, **{name: event[name] for name in names})
        case "decided":
            said = Decided(decision=event["decision"])
        case _:
            return None
    return Entry(seq=int(event["seq"]), at=datetime.fromisoformat(event["at"]).timestamp(), event=said)


def sc_deploy(
    lab: LabInfo,
    *words: str,
    kill_when: Callable[[Event], bool] | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Done:
    """Run `sc-deploy WORDS --output json` against the lab; `on_event` hears each event as it comes.

    At the first event for which `kill_when` is true the process is killed (SIGKILL), as by a power cut.
    """
    environment = {name: value for name, value in os.environ.items() if name not in UNSET} | lab.env
    done = Done(words=words, began=time.time())
    command: Sequence[str] = (sys.executable, "-c", "import cli; cli.main()", *words, "--output", "json")
    with subprocess.Popen(  # noqa: S603  # the words are our own
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            done.events.append(json.loads(line))
            if on_event is not None:
                on_event(done.events[-1])
            if kill_when is not None and kill_when(done.events[-1]):
                process.kill()
        done.stderr = process.stderr.read()
    done.code, done.ended = process.returncode, time.time()
    return done
