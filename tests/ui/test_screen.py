"""The live screen at the widths and heights that people have."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from bluegreen.domain.journal import StepProgress, Warned
from bluegreen.ui.glyphs import ASCII, UNICODE, for_encoding
from bluegreen.ui.screen import screen
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import begin, told
from tests.ui.samples import START, SameAs, Script, header, judging, promotion, state


def shifting() -> Timeline:
    script = Script().until("judge-25").measured(30).measured(31, green_errors=1)
    words = "errors: 1 of 250 on green, 0 of 750 on blue; evidence 3 of 400 needed"
    script.verdict("inconclusive", 25, words)
    script.say(Warned(words="web: one smoke attempt of 3 failed (status 502)"))
    script.say(StepProgress(stage="judge-25", step=judging(), words="watched 6 s of 20 s"))
    return told(script.header, script.entries)


def drawn(timeline: Timeline, *, width: int, height: int, **more: Any) -> str:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    for line in screen(timeline, now=START + 24.0, width=width, height=height, **more):
        console.print(line)
    return console.export_text()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 50), (80, 12)])
def test_a_shift(width: int, height: int, same_as: SameAs) -> None:
    same_as(f"shift-{width}x{height}", drawn(shifting(), width=width, height=height))


@pytest.mark.parametrize("width", [80, 140])
def test_a_rollback(width: int, same_as: SameAs) -> None:
    script = Script().rolled_back()
    same_as(f"rollback-{width}", drawn(told(script.header, script.entries), width=width, height=40))


def test_a_first_deployment(same_as: SameAs) -> None:
    script = Script(promotion(state())).until("healthy")
    same_as("first-80", drawn(told(script.header, script.entries), width=80, height=30))


@pytest.mark.parametrize("width", [20, 40, 80, 140, 250])
@pytest.mark.parametrize("height", [3, 8, 12, 16, 24, 60])
def test_no_line_is_too_wide_and_no_screen_too_high(width: int, height: int) -> None:
    lines = screen(shifting(), now=START + 24.0, width=width, height=height)
    assert len(lines) <= height
    assert max(line.cell_len for line in lines) <= width


@pytest.mark.parametrize("height", [10, 14, 24, 60])
def test_the_running_stage_is_always_there(height: int) -> None:
    assert "Judge green at 25 %" in drawn(shifting(), width=80, height=height)


def test_the_screen_says_without_color_what_it_says_with() -> None:
    text = drawn(shifting(), width=80, height=40)
    for words in (
        "▸ Judge green at 25 %",
        "✓ Preflight checks",
        "· Send 50 %",
        "blue  v1.0.0       75 %",
        "inconclusive at 25 %",
    ):
        assert words in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert for_encoding("latin-1") is ASCII
    assert for_encoding("UTF-8") is UNICODE
    text = drawn(shifting(), width=80, height=50, glyphs=ASCII)
    assert text.encode("ascii")


def test_time_over_the_expected_does_not_overflow_the_bar() -> None:
    lines = screen(begin(header()), now=START + 9_999.0, width=80, height=40)
    assert lines[1].cell_len <= 80


def test_a_note_is_shown() -> None:
    assert "SIGINT: stopping" in drawn(shifting(), width=80, height=40, note="SIGINT: stopping")
