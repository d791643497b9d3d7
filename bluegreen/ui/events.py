"""The JSON view: one event a line, for programs; the last line is the result."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self, TextIO

from bluegreen.domain.journal import Entry, EntryKind, Header
from bluegreen.domain.measurement import periods_from_json
from bluegreen.domain.reports import Result
from bluegreen.errors import DeployError
from bluegreen.ui.format import iso
from bluegreen.ui.timeline import Timeline


def json_line(document: Mapping[str, Any]) -> str:
    """One JSON document on one line; times and enums as text."""
    return json.dumps(document, default=str, separators=(", ", ": "), ensure_ascii=False)


def event(header: Header, entry: Entry) -> dict[str, Any]:
    """An entry as programs read it: its data beside `event`, `at`, `deployment`, `stack`, `seq`."""
    data = dict(entry.data)
    if entry.kind is EntryKind.MEASURED:
        data["periods"] = [asdict(period) for period in periods_from_json(data.get("periods", ()))]
    if data.get("next_at") is not None:
        data["next_at"] = iso(data["next_at"])
    if data.get("returns"):
        data["returns"] = {tier: {**one, "at": iso(one["at"])} for tier, one in data["returns"].items()}
    place = {key: value for key, value in (("stage", entry.stage), ("step", entry.step)) if value}
    known = {
        "event": str(entry.kind),
        "at": iso(entry.at),
        "deployment": header.number,
        "stack": header.stack,
        "seq": entry.seq,
    }
    return {**known, **place, **{key: value for key, value in data.items() if key not in known}}


def error_document(error: BaseException, exit_code: int) -> dict[str, Any]:
    """An error as the last line of any command."""
    if not isinstance(error, DeployError):
        error = DeployError(f"{type(error).__name__}: {error}", next_step="repeat with --debug")
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


class JsonView:
    """Writes each event as one line; a reader that goes away ends the output, not the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def recall(self, timeline: Timeline) -> None:
        """Programs read earlier events with `history NUMBER`."""

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            document = event(header, entry)
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            document = {"event": str(entry.kind), "deployment": header.number, "broken": str(error)}
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
