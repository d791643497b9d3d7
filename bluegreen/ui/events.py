"""The JSON view: one event a line, for programs; the last line is the result."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TextIO

from bluegreen.domain.document import to_document
from bluegreen.domain.journal import (
    Entry,
    Header,
    Measured,
    RunStopped,
    StepDone,
    StepEvent,
    VerdictGiven,
)
from bluegreen.domain.reports import Result
from bluegreen.errors import DeployError
from bluegreen.masking import mask
from bluegreen.ui.format import iso
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.view import View

_FOREIGN = re.compile(r"[^\n -~]")


def json_line(document: Mapping[str, Any]) -> str:
    """One JSON document on one line; times and enums as text."""
    return printable_json(document, separators=(", ", ": "))


def printable_json(document: object, **how: Any) -> str:
    """JSON that holds no character which a terminal obeys or nobody sees: each is escaped instead."""
    text = json.dumps(document, default=str, ensure_ascii=False, **how)
    return _FOREIGN.sub(_seen, text)


def _seen(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def event(header: Header, entry: Entry) -> dict[str, Any]:
    """An entry as programs read it: its fields beside `event`, `at`, `deployment`, `stack`, `seq`.

    Steps are named by their id; what a step left behind and a verdict stand among the other fields.
    """
    data = to_document(entry.event)
    known = {
        "event": data.pop("kind"),
        "at": iso(entry.at),
        "deployment": header.number,
        "stack": header.stack,
        "seq": entry.seq,
    }
    match entry.event:
        case StepEvent(step=step):
            data |= {"step": step.id, "tier": step.tier}
        case Measured(periods=periods):
            data["periods"] = [asdict(period) for period in periods]
        case VerdictGiven(step=step, next_at=next_at):
            data |= {"step": step.id, "next_at": next_at if next_at is None else iso(next_at)}
            data |= data.pop("verdict")
        case RunStopped(returns=returns):
            data["returns"] = {
                tier: {"version": one.version, "deployment": one.deployment, "at": one.at and iso(one.at)}
                for tier, one in returns.items()
            }
        case _:
            pass
    if isinstance(entry.event, StepDone):
        result = data.pop("result") or {}
        data |= {key: value for key, value in result.items() if key != "kind"}
    return {**known, **{key: value for key, value in data.items() if key not in known}}


def error_document(error: BaseException, exit_code: int) -> dict[str, Any]:
    """An error as the last line of any command."""
    if not isinstance(error, DeployError):
        error = DeployError(mask(f"{type(error).__name__}: {error}"), next_step="repeat with --debug")
    return {
        "event": "error",
        "exit_code": exit_code,
        "error": type(error).__name__,
        "words": error.what,
        "faults": [str(fault) for fault in error.faults],
        "next_step": error.next_step,
    }


def result_document(result: Result) -> dict[str, Any]:
    """How a run ended, as its last line."""
    return {
        "event": "result",
        "deployment": result.header.number,
        "stack": result.header.stack,
        "ending": str(result.ending),
        "exit_code": int(result.exit_code),
        "words": result.words,
        "next_step": result.next_step,
        "traffic": list(result.traffic),
    }


class JsonView(View):
    """Writes each event as one line; a reader that goes away ends the output, not the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def recall(self, timeline: Timeline) -> None:
        """Programs read earlier events with `history NUMBER`."""

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            document = event(header, entry)
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            document = {"event": entry.event.kind, "deployment": header.number, "broken": str(error)}
        self._write(document)

    def note(self, words: str) -> None:
        """An event of its own kind."""
        self._write({"event": "note", "words": words})

    def close(self, result: Result) -> None:
        """The result."""
        self._write(result_document(result))

    def _write(self, document: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(json_line(document) + "\n")
            self._stream.flush()
