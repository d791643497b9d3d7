"""JSON for programs."""

from __future__ import annotations

import io
import json

from bluegreen.domain.journal import Entry, StepDone, StepProgress, WatchdogArmed, WeightsSet
from bluegreen.domain.plan import StepKind
from bluegreen.errors import ConfigError, Fault
from bluegreen.ui.events import JsonView, error_document, event
from tests.ui.samples import Script, judging, measured, proving, result


def test_each_line_is_a_document_and_the_last_one_the_result() -> None:
    script = Script().rolled_back()
    out = io.StringIO()
    with JsonView(out) as view:
        for entry in script.entries:
            view(script.header, entry)
        view.close(result(traffic=("100 % on v1.0.0",)))
    documents = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [d["event"] for d in documents[:2]] == ["run-started", "stage-started"]
    assert {d["deployment"] for d in documents} == {2}
    assert documents[0]["at"] == "2026-08-03T12:00:00.000Z"
    assert documents[-1]["event"] == "result"
    assert documents[-1]["ending"] == "rolled-back"
    assert documents[-1]["exit_code"] == 5
    assert documents[-1]["traffic"] == ["100 % on v1.0.0"]
    assert "SECRET-TOKEN" not in out.getvalue(), "of the header, that documents hold"


def test_the_preview_token_is_in_no_event() -> None:
    script = Script().rolled_back()
    assert script.header.began_with.preview_token == "SECRET-TOKEN"
    assert "SECRET-TOKEN" not in json.dumps([event(script.header, entry) for entry in script.entries])


def test_measured_periods_have_names() -> None:
    script = Script().until("judge-25").measured(30, green_errors=2)
    found = event(script.header, script.entries[-1])
    assert found["periods"][1]["arm"] == "green"
    assert found["periods"][1]["errors"] == 2


def test_data_cannot_hide_the_event() -> None:
    step = proving(StepKind.WATCHDOG)
    armed = StepDone(stage="watch-over", step=step, words="w", result=WatchdogArmed(at=9.0))
    found = event(Script().header, Entry(seq=1, at=0.0, event=armed))
    assert (found["event"], found["deployment"], found["words"]) == ("step-done", 2, "w")
    assert found["at"] == "1970-01-01T00:00:00.000Z"


def test_a_step_is_named_by_its_id_and_tier_and_what_it_left_stands_beside() -> None:
    script = Script().until("judge-25")
    done = next(
        event(script.header, e)
        for e in script.entries
        if isinstance(e.event, StepDone) and isinstance(e.event.result, WeightsSet)
    )
    assert (done["step"], done["tier"], done["stage"]) == ("weights.web.green.5", "web", "shift-5")
    assert (done["green_percent"], done["rule_arn"]) == (5, "arn:rule:web")
    progress = event(script.header, script.say(StepProgress(stage="judge-25", step=judging(), words="w")))
    assert (progress["step"], progress["tier"]) == ("judge.25", None)


def test_a_verdict_stands_among_the_other_fields() -> None:
    script = Script().until("judge-25").verdict("inconclusive", 25, "little data", hold=True)
    found = event(script.header, script.entries[-1])
    known = {
        "event": "verdict",
        "stage": "judge-25",
        "step": "judge.25",
        "percent": 25,
        "hold": True,
        "ask": False,
    }
    assert (
        found.items()
        >= (known | {"outcome": "inconclusive", "reason": "little data", "findings": []}).items()
    )


def test_times_are_iso() -> None:
    script = Script().until("judge-25").verdict("pass", 25, "good")
    assert event(script.header, script.entries[-1])["next_at"].endswith("Z")


def test_an_event_that_cannot_be_written_is_named_and_breaks_nothing() -> None:
    out = io.StringIO()
    view = JsonView(out)
    view(Script().header, Entry(seq=1, at=0.0, event=measured("x")))  # type: ignore[arg-type]  # broken on purpose
    view.note("a note")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["event"], bool(first["broken"])) == ("measured", True)
    assert second == {"event": "note", "words": "a note"}
    out.close()
    view.note("nobody reads this")


def test_errors_are_documents_too() -> None:
    error = ConfigError(
        "cannot be used", faults=[Fault("deploy.toml", "no unit", "5m")], next_step="correct it"
    )
    assert error_document(error, 2) == {
        "event": "error",
        "exit_code": 2,
        "error": "ConfigError",
        "words": "cannot be used",
        "faults": ["deploy.toml: no unit (allowed: 5m)"],
        "next_step": "correct it",
    }
    assert error_document(KeyError("x"), 1)["words"] == "KeyError: 'x'"
