"""SSM Run Command: a shell script or a task on an instance, its state and its output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bluegreen.contract import RUN_COMMAND, TASK_PATTERN, run_document
from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.instances import Instance, Instances, InstanceState
from bluegreen.lab.cloud.world import Document, World, api, page

_MOST_OUTPUT = 24_000
"""What GetCommandInvocation shows of each stream, in characters."""
_RUNNING = ("Pending", "InProgress", "Cancelling")
_LOOK = 0.1
"""Seconds between two looks at a real process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a script ended; `code` None: it was stopped at its time limit."""

    code: int | None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    """How long it takes, where it is not run in real time."""


class Stop(threading.Event):
    """Set when a command is cancelled."""


ShellRunner = Callable[[Instance, str, float, Stop], Outcome]
"""Runs a script for an instance within so many seconds, or until it is cancelled."""


def run_shell(_: Instance, script: str, seconds: float, stop: Stop) -> Outcome:
    """Run `script` with sh in an empty directory of its own, without the caller's credentials.

    There are no containers here: of a task, the command is run.
    """
    script = re.sub(rf"^{RUN_COMMAND} \S+ -- ", "", script)
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="lab-command-") as place:
        out, err = Path(place) / ".stdout", Path(place) / ".stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            child = subprocess.Popen(
                ["/bin/sh", "-c", script],
                cwd=place,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": place},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            while child.poll() is None and not stop.wait(_LOOK) and time.monotonic() < ends:
                pass
            stopped = child.poll() is None
            if stopped:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        shown = [one.read_text(errors="replace") for one in (out, err)]
    return Outcome(code=None if stopped else child.returncode, stdout=shown[0], stderr=shown[1])


def _script(document: str, given: Document) -> str:
    """What runs on the instance; the parameters of a task must match the patterns of its document."""
    if document == "AWS-RunShellScript":
        return "\n".join(given.get("commands") or ())
    if not re.fullmatch(run_document(".+"), document):
        raise CloudError("InvalidDocument", f"Document {document} is not modelled")
    (image,), (command,) = given["image"], given["command"]
    if not re.fullmatch(r"\S+@sha256:[0-9a-f]+", image) or not re.fullmatch(TASK_PATTERN, command):
        raise CloudError("InvalidParameters", "Parameter does not match the allowedPattern of the document")
    return f"{RUN_COMMAND} {image} -- {command}"


@dataclass(slots=True, kw_only=True)
class _Invocation:
    instance: Instance
    status: str = "Pending"
    outcome: Outcome | None = None
    begun: float = 0.0
    stop: Stop = field(default_factory=Stop)


@dataclass(slots=True, kw_only=True)
class _Command:
    id: str
    document: str
    script: str
    seconds: float
    comment: str
    asked: float
    invocations: dict[str, _Invocation] = field(default_factory=dict)


class Commands:
    """SendCommand, GetCommandInvocation, ListCommandInvocations, CancelCommand.

    A script starts at the first tick after it was sent. With `threaded` it runs beside the
    cloud, in real time; else its outcome is there when it has taken its `seconds`.
    """

    def __init__(self, world: World, instances: Instances, runner: ShellRunner, *, threaded: bool) -> None:
        self._world = world
        self._instances = instances
        self._runner = runner
        self._threaded = threaded
        self._commands: dict[str, _Command] = {}

    @api
    def send_command(self, params: Document) -> Document:
        name, given = params["DocumentName"], params.get("Parameters") or {}
        found = [self._instances.all.get(one) for one in self._asked(params)]
        if not found or any(one is None or one.state is not InstanceState.RUNNING for one in found):
            raise CloudError("InvalidInstanceId", "Instances not in a valid state for account")
        command = _Command(
            id=f"{self._world.hex_id(8)}-0000-4000-8000-{self._world.hex_id(12)}",
            document=name,
            script=_script(name, given),
            seconds=float((given.get("executionTimeout") or ["3600"])[0]),
            comment=params.get("Comment", ""),
            asked=self._world.at,
            invocations={one.id: _Invocation(instance=one) for one in found if one is not None},
        )
        self._commands[command.id] = command
        return {"Command": self._document(command)}

    def _asked(self, params: Document) -> list[str]:
        wanted = list(params.get("InstanceIds") or ())
        for target in params.get("Targets") or ():
            key, values = target["Key"].removeprefix("tag:"), target["Values"]
            if target["Key"] == "InstanceIds":
                wanted += values
                continue
            wanted += [
                one.id
                for one in self._instances.all.values()
                if one.tags.get(key) in values and one.state is InstanceState.RUNNING
            ]
        return wanted

    @api
    def get_command_invocation(self, params: Document) -> Document:
        command = self._commands.get(params["CommandId"])
        invocation = command.invocations.get(params["InstanceId"]) if command else None
        if command is None or invocation is None:
            raise CloudError("InvocationDoesNotExist", "")
        outcome = (None if invocation.status in _RUNNING else invocation.outcome) or Outcome(code=-1)
        return {
            "CommandId": command.id,
            "InstanceId": params["InstanceId"],
            "Comment": command.comment,
            "DocumentName": command.document,
            "ResponseCode": -1 if outcome.code is None else outcome.code,
            "Status": invocation.status,
            "StatusDetails": invocation.status,
            "StandardOutputContent": outcome.stdout[:_MOST_OUTPUT],
            "StandardErrorContent": outcome.stderr[:_MOST_OUTPUT],
        }

    @api
    def list_command_invocations(self, params: Document) -> Document:
        asked = params.get("CommandId")
        if asked and asked not in self._commands:
            raise CloudError("InvalidCommandId", f"No command {asked}")
        found = [
            {
                "CommandId": command.id,
                "InstanceId": instance_id,
                "Comment": command.comment,
                "DocumentName": command.document,
                "RequestedDateTime": as_datetime(command.asked),
                "Status": one.status,
                "StatusDetails": one.status,
                "CommandPlugins": [],
            }
            for command in self._commands.values()
            if asked in (None, command.id)
            for instance_id, one in command.invocations.items()
            if params.get("InstanceId") in (None, instance_id)
        ]
        shown, token = page(found, size=params.get("MaxResults") or 50, token=params.get("NextToken"))
        return {"CommandInvocations": shown} | ({"NextToken": token} if token else {})

    @api
    def cancel_command(self, params: Document) -> Document:
        command = self._commands.get(params["CommandId"])
        if command is None:
            raise CloudError("InvalidCommandId", f"No command {params['CommandId']}")
        for instance_id in params.get("InstanceIds") or list(command.invocations):
            one = command.invocations.get(instance_id)
            if one is None:
                raise CloudError("InvalidInstanceId", f"{instance_id} was not sent this command")
            if one.status == "Pending":
                one.status = "Cancelled"
            elif one.status in _RUNNING:
                one.status = "Cancelling"
            one.stop.set()
        return {}

    def tick(self) -> None:
        for command in self._commands.values():
            for invocation in command.invocations.values():
                if invocation.status == "Pending" and self._world.at > command.asked:
                    self._start(command, invocation)
                elif invocation.status in _RUNNING:
                    self._go_on(command, invocation)

    def _start(self, command: _Command, invocation: _Invocation) -> None:
        invocation.status, invocation.begun = "InProgress", self._world.at
        if self._threaded:
            threading.Thread(target=self._run, args=(command, invocation), daemon=True).start()
        else:
            self._run(command, invocation)
            self._go_on(command, invocation)

    def _run(self, command: _Command, invocation: _Invocation) -> None:
        invocation.outcome = self._runner(
            invocation.instance, command.script, command.seconds, invocation.stop
        )

    def _go_on(self, command: _Command, invocation: _Invocation) -> None:
        """Ends it when it has taken its time, was cancelled, or SSM gives it up."""
        outcome, passed = invocation.outcome, self._world.at - invocation.begun
        if outcome is None:
            return  # its process runs
        if invocation.status == "Cancelling":
            invocation.status, invocation.outcome = "Cancelled", replace(outcome, code=None)
        elif outcome.code is None or (outcome.seconds >= command.seconds and passed >= command.seconds):
            invocation.status, invocation.outcome = "TimedOut", replace(outcome, code=None)
        elif passed >= outcome.seconds:
            invocation.status = "Success" if outcome.code == 0 else "Failed"

    def _document(self, command: _Command) -> Document:
        return {
            "CommandId": command.id,
            "DocumentName": command.document,
            "Comment": command.comment,
            "RequestedDateTime": as_datetime(command.asked),
            "InstanceIds": list(command.invocations),
            "Status": "Pending",
            "StatusDetails": "Pending",
            "TargetCount": len(command.invocations),
        }
