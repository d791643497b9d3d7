"""The plain lines: the same timeline for pipes and logs."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from bluegreen.domain.journal import Ending, Entry, RunResumed, StepFailed, StepProgress
from bluegreen.domain.plan import Step, StepKind
from bluegreen.ui.lines import Lines
from bluegreen.ui.plain import PlainView
from bluegreen.ui.timeline_fold import told
from tests.ui.samples import SameAs, Script, broken_verdict, proving, result

CHECK = Step(kind=StepKind.CHECK)


def lines(script: Script) -> list[str]:
    printer = Lines()
    return [line for entry in script.entries for line in printer.of(script.header, entry)]


def test_a_rolled_back_run(same_as: SameAs) -> None:
    same_as("lines-rollback", "\n".join(lines(Script().rolled_back())))


def test_a_verdict_that_repeats_itself_is_printed_every_15_seconds() -> None:
    script = Script().until("judge-25")
    for _ in range(60):
        script.verdict("inconclusive", 25, f"evidence after {script.at}", next_at=None)
    said = [line for line in lines(script) if "verdict" in line]
    assert len(said) == 2  # 60 verdicts, half a second apart


def test_a_verdict_that_changes_is_printed_at_once() -> None:
    script = Script().until("judge-25")
    script.verdict("inconclusive", 25, "little data").verdict("pass", 25, "good")
    assert [line.split("verdict ")[1] for line in lines(script) if "verdict" in line] == [
        "at 25 %: inconclusive: little data; next: Send 50 % of the traffic to green at 12:00:27",
        "at 25 %: pass: good; next: Send 50 % of the traffic to green at 12:00:28",
    ]


def test_the_same_words_of_a_step_are_printed_once() -> None:
    script = Script().until("healthy")
    for words in ("1 of 2 healthy", "1 of 2 healthy", "2 of 2 healthy"):
        script.say(StepProgress(stage="healthy", step=proving(StepKind.HEALTHY), words=words))
    assert [line[13:] for line in lines(script)[-2:]] == ["web: 1 of 2 healthy", "web: 2 of 2 healthy"]


def test_a_refused_release_names_every_fault() -> None:
    script = Script().start()
    faults = ("images: no v1.1.0", "alarms: cpu is firing")
    script.say(
        StepFailed(stage="preflight", step=CHECK, words="this release may not start", next="", faults=faults)
    )
    assert [line[9:] for line in lines(script)[-3:]] == [
        "    FAILED: this release may not start",
        "      - images: no v1.1.0",
        "      - alarms: cpu is firing",
    ]


def test_a_rollback_that_built_the_release_again_is_not_called_a_release() -> None:
    script = Script().released()
    script.header = replace(script.header, intent="rollback")
    assert any(line.endswith("rolled-back: v1.1.0 serves") for line in lines(script))
    out = io.StringIO()
    PlainView(out).close(result(header=script.header, ending=Ending.RELEASED, words="v1.0.0 is live"))
    assert out.getvalue().startswith("rolled-back: v1.0.0 is live")


def test_a_view_that_joins_late_does_not_repeat_what_was() -> None:
    script = Script().until("judge-25")
    out = io.StringIO()
    view = PlainView(out)
    view.recall(told(script.header, script.entries))
    for entry in script.entries:
        view(script.header, entry)
    assert out.getvalue() == ""
    view(script.header, script.say(RunResumed(operator="ben@ci")))
    assert out.getvalue().endswith("resumed by ben@ci\n")


def test_the_closing_repeats_nothing_that_the_journal_said() -> None:
    script = Script().rolled_back()
    out = io.StringIO()
    view = PlainView(out)
    for entry in script.entries:
        view(script.header, entry)
    before = out.getvalue()
    view.close(result())
    assert out.getvalue() == before
    view.close(result(next_step="look at `sc-deploy history 2`"))
    assert out.getvalue() == before + "    next: look at `sc-deploy history 2`\n"


def test_a_closing_without_a_story_says_everything() -> None:
    out = io.StringIO()
    PlainView(out).close(result(next_step="rest"))
    assert out.getvalue().splitlines() == [
        "rolled-back: v1.1.0 was rolled back",
        "    traffic: web, app, ai: 100 % on v1.0.0 (blue)",
        "    next: rest",
    ]


class Broken(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [Broken(), io.StringIO()])
def test_no_reader_and_no_broken_event_breaks_the_run(stream: io.StringIO) -> None:
    script = Script().until("judge-25")
    with PlainView(stream) as view:
        for entry in script.entries:
            view(script.header, entry)
        view(script.header, Entry(seq=99, at=script.at, event=broken_verdict()))
        view.note("hello")
        view.close(result())


def test_a_broken_event_is_named() -> None:
    script = Script().start()
    out = io.StringIO()
    PlainView(out)(script.header, Entry(seq=9, at=script.at, event=broken_verdict()))
    assert "cannot be shown: verdict" in out.getvalue()
