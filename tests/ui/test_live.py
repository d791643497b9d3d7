"""The live view on a terminal that is a string."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from bluegreen.domain.journal import Ending, Entry
from bluegreen.errors import ExitCode
from bluegreen.ui import live
from bluegreen.ui.live import LiveView
from bluegreen.ui.summary import summary
from bluegreen.ui.timeline_fold import told
from tests.ui.samples import Script, broken_verdict, result

RESULT = result(next_step="look at `sc-deploy history 2`")


def terminal(**more: Any) -> Console:
    options: dict[str, Any] = {
        "file": io.StringIO(),
        "force_terminal": True,
        "width": 100,
        "height": 40,
        "record": True,
    }
    return Console(**{**options, **more})


def shown(view: LiveView, console: Console) -> str:
    with console.capture() as capture:
        console.print(view.draw())
    return capture.get()


def test_the_summary_stays() -> None:
    console, script = terminal(), Script().rolled_back()
    with LiveView(console, clock=lambda: script.at) as view:
        for entry in script.entries:
            view(script.header, entry)
        view.close(RESULT)
    text = console.export_text()
    tail = text[text.index("✗ rolled-back") :].splitlines()
    assert tail[0] == "✗ rolled-back  lab · promotion v1.0.0 → v1.1.0 · deployment 2 in 35s"
    assert "v1.1.0 was rolled back" in tail[1]
    assert any(line.strip().startswith("traffic") for line in tail)
    assert any("history 2" in line for line in tail)


@pytest.mark.parametrize(
    ("ending", "code", "label"),
    [
        (Ending.ROLLED_BACK, ExitCode.ROLLED_BACK, "✗ rolled-back"),
        (Ending.ROLLED_BACK, ExitCode.RELEASED, "✓ rolled-back"),
        (Ending.RELEASED, ExitCode.RELEASED, "✓ released"),
        (Ending.HALTED, ExitCode.HALTED, "✗ halted"),
    ],
)
def test_what_did_what_it_was_asked_for_went_well(ending: Ending, code: ExitCode, label: str) -> None:
    lines = summary(None, result(ending=ending, exit_code=code))
    assert lines[0].plain.startswith(label)


def test_the_screen_shows_notes_and_the_story_so_far() -> None:
    console, script = terminal(), Script().until("judge-25")
    view = LiveView(console, clock=lambda: script.at)
    assert "starting" in shown(view, console)
    view.recall(told(script.header, script.entries))
    view.note("SIGINT: stopping at the next safe point")
    text = shown(view, console)
    assert "Judge green at 25 %" in text
    assert "SIGINT: stopping" in text


def test_an_event_that_cannot_be_shown_is_a_note() -> None:
    console, script = terminal(), Script().start()
    view = LiveView(console)
    view(script.header, script.entries[0])
    view(script.header, Entry(seq=9, at=script.at, event=broken_verdict()))
    assert "cannot be shown: verdict" in shown(view, console)


def test_a_screen_that_cannot_be_drawn_does_not_break_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    console, script = terminal(), Script().start()
    view = LiveView(console)
    view(script.header, script.entries[0])
    monkeypatch.setattr(live, "screen", lambda *_args, **_more: 1 / 0)
    assert "the deployment continues" in shown(view, console)


class Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError("terminal is gone")


def test_a_terminal_that_is_gone_does_not_break_the_run() -> None:
    script = Script().rolled_back()
    with LiveView(terminal(file=Gone(), record=False)) as view:
        for entry in script.entries:
            view(script.header, entry)
        view.close(RESULT)


def test_what_is_said_after_the_end_stays_on_the_terminal() -> None:
    console = terminal()
    with LiveView(console) as view:
        view.close(RESULT)
        view.note("not everybody was told")
    assert "not everybody was told" in console.export_text()


def test_the_time_left_follows_earlier_deployments_where_they_can_be_read() -> None:
    console, script = terminal(), Script().until("judge-25")
    view = LiveView(console, clock=lambda: script.at)
    view.recall(told(script.header, script.entries))
    view.usual(lambda: 1 / 0)  # type: ignore[arg-type,return-value]  # on purpose
    assert "about 4m" in shown(view, console)
    view.usual(lambda: {stage.name: 1.0 for stage in script.plan.stages})
    assert "about 13s left" in shown(view, console)


@pytest.mark.parametrize("colors", [None, "1"])
def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, colors: str | None) -> None:
    if colors:
        monkeypatch.setenv("NO_COLOR", colors)
    console, script = terminal(color_system="standard", record=False), Script().until("judge-25")
    view = LiveView(console, clock=lambda: script.at)
    view.recall(told(script.header, script.entries))
    assert ("\x1b[34m" in shown(view, console)) is (colors is None)
