"""Tasks on an instance of a fleet, through SSM Run Command and the stack's own document."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import partial

from bluegreen.adapters.aws.failures import AwsRefusal, AwsUnavailable, Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.contract import RUN_COMMAND, TASK_PATTERN
from bluegreen.errors import CloudUnavailable, HostNotReady, Refused
from bluegreen.masking import mask
from bluegreen.ports import Clock
from bluegreen.ports.wait import until

_DELIVERY_SECONDS = 120
"""An instance that has not picked the command up by then never runs it (SendCommand TimeoutSeconds)."""
_LONGEST_SECONDS = 172_800
"""SSM ends a command by itself after 48 hours at the latest (plugin aws:runShellScript, timeoutSeconds).

Our patience is shorter, and its end stops nothing: a person decides.
"""
_RUNNING = ("Pending", "InProgress", "Delayed", "Cancelling")
_TAIL = 4000
"""Characters of output that are shown: the end says why it failed."""
_IMAGE = "[A-Za-z0-9][A-Za-z0-9._:/@-]*"
"""The signs of an image's name; none of them ends a word of a shell."""
_FIRST_LOOK, _LOOKS = 0.5, (1.0, 2.0)
"""Seconds before the first look for a command whose answer was lost, and between the others."""


class RemoteCommands:
    """Run Command for one stack; the comment of a command carries its token.

    SendCommand has no idempotency token of its own, so it is sent once at most, and what was sent is
    looked for by the comment first.
    """

    def __init__(self, session: Session, clock: Clock, *, document: str) -> None:
        self._session, self._clock, self._document = session, clock, document
        self._service = partial(session.service, "ssm")

    def start(self, instance_id: str, command: str, *, token: str) -> str:
        """The handle of the command that `token` began, here or in an earlier process.

        `command` is `sportcoach-run IMAGE -- COMMAND`; raises Refused for another one.
        """
        comment, task = _comment(token), _parameters(command)
        found = self._sent(comment)
        if found:
            return found
        try:
            answer = self._session.service("ssm", retries=False).call(
                "send_command",
                about=f"instance {instance_id}",
                InstanceIds=[instance_id],
                DocumentName=self._document,
                Comment=comment,
                TimeoutSeconds=_DELIVERY_SECONDS,
                Parameters={**task, "executionTimeout": [str(_LONGEST_SECONDS)]},
            )
        except AwsUnavailable as error:
            return self._after_silence(comment, error)
        except AwsRefusal as error:
            if error.code == "InvalidInstanceId":
                raise HostNotReady(
                    f"instance {instance_id} does not take commands: {error.what}",
                    next_step="check its SSM agent and that its role allows AmazonSSMManagedInstanceCore",
                ) from error
            raise
        return _handle(answer["Command"]["CommandId"], instance_id)

    def _after_silence(self, comment: str, error: AwsUnavailable) -> str:
        """The answer was lost: look whether the command runs; never send it twice."""
        self._clock.sleep(_FIRST_LOOK)
        found = until(lambda: self._sent(comment), _LOOKS, self._clock.sleep)
        if found:
            return found
        raise CloudUnavailable(
            f"{error.what}; no command of that name has begun",
            next_step="`sc-deploy resume` looks for it again before it sends anything",
        ) from error

    def find(self, token: str) -> str | None:
        return self._sent(_comment(token))

    def _sent(self, comment: str) -> str | None:
        same = (one for one in self._invocations() if one.get("Comment") == comment)
        return next((_handle(one["CommandId"], one["InstanceId"]) for one in same), None)

    def _invocations(self) -> Iterable[Json]:
        return self._service().pages(
            "list_command_invocations",
            "CommandInvocations",
            Filters=[{"key": "DocumentName", "value": self._document}],
        )

    def running(self) -> tuple[str, ...]:
        return tuple(
            f"SSM command {one['CommandId']} on {one['InstanceId']}"
            f" ({one.get('Comment') or 'without a comment'}): {one['Status']}"
            for one in self._invocations()
            if one["Status"] in _RUNNING
        )

    def cancel(self, handle: str) -> None:
        """CancelCommand: there is no guarantee that the process stops, so `poll` has the last word."""
        _, command_id, instance_id = handle.split("|")
        with Tolerated("InvalidCommandId", "InvalidInstanceId"):  # over, or its host is gone
            self._service().call(
                "cancel_command", about=handle, CommandId=command_id, InstanceIds=[instance_id]
            )

    def poll(self, handle: str) -> tuple[bool | None, str]:
        _, command_id, instance_id = handle.split("|")
        with Tolerated("InvocationDoesNotExist"):
            found = self._service().call(
                "get_command_invocation", about=handle, CommandId=command_id, InstanceId=instance_id
            )
            return _success(found), _output(found)
        return None, ""  # it was sent a moment ago


def _parameters(command: str) -> dict[str, list[str]]:
    found = re.fullmatch(rf"{RUN_COMMAND} ({_IMAGE}) -- ({TASK_PATTERN})", command)
    if found is None:
        raise Refused(
            f"hosts run tasks only, and this is none: {command}",
            next_step=f"write `{RUN_COMMAND} {{image}} -- command` in deploy.toml",
        )
    return {"image": [found[1]], "command": [found[2]]}


def _comment(token: str) -> str:
    """The comment that marks a command; SSM takes 100 characters."""
    text = f"sc-deploy {token}"
    return text if len(text) <= 100 else f"sc-deploy {hashlib.sha256(token.encode()).hexdigest()}"


def _handle(command_id: str, instance_id: str) -> str:
    return f"ssm|{command_id}|{instance_id}"


def _success(invocation: Json) -> bool | None:
    status = invocation["Status"]
    return None if status in _RUNNING else status == "Success"


def _output(invocation: Json) -> str:
    parts = [invocation.get("StandardOutputContent", ""), invocation.get("StandardErrorContent", "")]
    if _success(invocation) is False:
        parts.append(
            f"{invocation.get('StatusDetails', '')}, exit code {invocation.get('ResponseCode', '?')}"
        )
    return mask("\n".join(part.strip() for part in parts if part.strip()))[-_TAIL:]
