"""The live screen at the widths and heights that people have."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from bluegreen.contract import Tier
from bluegreen.domain.journal import Continued, Held, Measured, RunResumed, StepProgress, VerdictGiven, Warned
from bluegreen.domain.measurement import Metric
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Finding, Outcome, Row, Verdict
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


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (100, 30), (140, 50), (80, 12)])
def test_a_shift(width: int, height: int, same_as: SameAs) -> None:
    same_as(f"shift-{width}x{height}", drawn(shifting(), width=width, height=height))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (60, 12)])
def test_on_hold(width: int, height: int, same_as: SameAs) -> None:
    """Who, why, until when, and what happens then; it stays on the smallest screen."""
    script = Script().until("judge-25").measured(30)
    script.verdict("pass", 25, "good")
    script.say(
        Held(by="ben@desk", why="support sees complaints", asked_at=1.0, until=START + 600, rolls_back=True)
    )
    timeline = told(script.header, script.entries)
    same_as(f"on-hold-{width}x{height}", drawn(timeline, width=width, height=height))
    script.say(Continued(by="ben@desk", why=""))
    assert "hold" not in drawn(told(script.header, script.entries), width=width, height=height)


def test_a_rollback_ends_a_hold() -> None:
    script = Script().until("judge-25")
    script.say(Held(by="ben", why="complaints", asked_at=1.0, until=START + 600, rolls_back=False))
    script.rolled_back()
    timeline = told(script.header, script.entries)
    assert timeline.hold is None


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
        "✓ 5 % 3s",
        "▸ 25 % 10s of 27s",
        "· 50 %",
        "blue  v1.0.0       75 %",
        "inconclusive at 25 %",
    ):
        assert words in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert for_encoding("latin-1") is ASCII
    assert for_encoding("UTF-8") is UNICODE
    text = drawn(shifting(), width=80, height=50, glyphs=ASCII)
    assert text.encode("ascii")


def test_a_stage_that_overruns_says_so() -> None:
    console = Console(width=100, file=io.StringIO(), record=True)
    for line in screen(shifting(), now=START + 90.0, width=100, height=30):
        console.print(line)
    text = console.export_text()
    assert "▸ 25 % 1m 16s, expected 27s" in text
    assert "1m 14s, expected 25s" in text


def test_time_over_the_expected_does_not_overflow_the_bar() -> None:
    lines = screen(begin(header()), now=START + 9_999.0, width=80, height=40)
    assert lines[1].cell_len <= 80


def breach(*, hold: bool = False, outcome: Outcome = Outcome.INCONCLUSIVE) -> Timeline:
    """2.11 % errors against a limit of 1 %, and not enough evidence yet."""
    script = Script().until("judge-25").measured(30, green_errors=3)
    row = Row(unit="share", green=0.0211, blue=0.0, limit=0.01, relative=False, to_pass=0.0, to_fail=0.5)
    one = Finding(metric=Metric.ERRORS, tier=Tier.WEB, outcome=outcome, words="errors", row=row)
    verdict = Verdict(outcome=outcome, reason="little data", findings=(one,), hold=hold, deadline=START + 600)
    script.say(
        VerdictGiven(
            stage="judge-25",
            step=judging(),
            percent=25,
            verdict=verdict,
            next="Send 50 % of the traffic to green",
            next_at=START + 40,
        )
    )
    return told(script.header, script.entries)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_breach_is_said_in_words_and_in_color(width: int) -> None:
    lines = screen(breach(), now=START + 24.0, width=width, height=40)
    (green,) = [line for line in lines if "2.40 %" in line.plain and "over limit" in line.plain]
    assert any("red" in str(span.style) for span in green.spans)
    (row,) = [line for line in lines if line.plain.startswith("web errors")]
    assert "(limit 1.00 %)" in row.plain
    assert "over the limit" in row.plain
    assert "red" in str(row.style)
    told = [line for line in lines if "over limit" in line.plain or "over the limit" in line.plain]
    assert len(told) == 2, "blue has no limit, and other tiers no breach"


def test_it_says_by_when_it_is_decided() -> None:
    text = drawn(breach(), width=140, height=40)
    assert (
        "next      Send 50 % of the traffic to green, at 12:00:40 (in 16s), if all checks pass; decides by"
        in text
    )


def test_traffic_is_said_with_what_happens_if_this_deployer_dies() -> None:
    text = drawn(shifting(), width=100, height=30)
    assert "traffic   75 % v1.0.0, 25 % v1.1.0; if this deployer dies: back to v1.0.0 within 3m 00s" in text
    assert "dies" not in drawn(begin(header()), width=100, height=30), "nothing is armed yet"
    script = Script().rolled_back()
    over = drawn(told(script.header, script.entries), width=100, height=40)
    assert "traffic   100 % v1.0.0" in over
    assert "dies" not in over


def test_tiers_with_other_shares_are_told_apart() -> None:
    script = Script().until("judge-25")
    script.say(RunResumed(operator="ben@ci", shares={Tier.WEB: 0}))
    text = drawn(told(script.header, script.entries), width=140, height=40)
    assert "web: 100 % v1.0.0; app, ai: 75 % v1.0.0, 25 % v1.1.0" in text


def test_a_rollback_shows_no_verdict_of_what_was_before() -> None:
    script = Script().rolled_back()
    assert "verdict" not in drawn(told(script.header, script.entries), width=100, height=40)


def test_hosts_are_signs_and_many_are_a_number() -> None:
    script = Script().until("judge-25")
    well = {Tier.WEB: {Color.BLUE: ("i-1", "i-2"), Color.GREEN: tuple(f"i-{n}" for n in range(9))}}
    script.say(Measured(stage="judge-25", percent=25, well=well))
    text = drawn(told(script.header, script.entries), width=100, height=40)
    assert [line for line in text.splitlines() if "web  blue" in line and " ●●  " in line]
    assert "● x 9" in text
    assert "o x 9" in drawn(told(script.header, script.entries), width=100, height=40, glyphs=ASCII)


def test_words_from_outside_move_no_cursor() -> None:
    script = Script().until("judge-25")
    script.say(StepProgress(stage="judge-25", step=judging(), words="a\x1b[2Jb\nc"))
    script.say(Warned(words="d\x1b]0;x\x07e\nf"))
    text = drawn(told(script.header, script.entries), width=100, height=40)
    assert "ab c" in text
    assert "de f" in text


@pytest.mark.parametrize("height", [8, 10, 12, 16])
def test_what_comes_next_is_on_a_small_screen_too(height: int) -> None:
    assert "next " in drawn(shifting(), width=60, height=height)


def test_a_note_is_shown() -> None:
    assert "SIGINT: stopping" in drawn(shifting(), width=80, height=40, note="SIGINT: stopping")
