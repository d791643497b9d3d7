"""The keys of the live view: pages, requests, and an abort that is asked about first."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bluegreen.ui.keys import Action, Keys, Page
from bluegreen.ui.live import LiveView
from bluegreen.ui.timeline_fold import told
from tests.ui.samples import Script


def test_hold_and_continue_are_asked_at_once() -> None:
    keys = Keys(acts=True)
    assert [keys.press(one) for one in "hc"] == [Action.HOLD, Action.CONTINUE]


@pytest.mark.parametrize(("typed", "asked"), [("ay", [None, Action.ABORT]), ("an", [None, None]),
                                              ("ahy", [None, None, None]), ("y", [None]),
                                              ("ayy", [None, Action.ABORT, None])])  # fmt: skip
def test_an_abort_is_confirmed_by_the_very_next_key(typed: str, asked: list[Action | None]) -> None:
    keys = Keys(acts=True)
    assert [keys.press(one) for one in typed] == asked


def test_the_question_is_on_the_screen_until_it_is_answered() -> None:
    keys = Keys(acts=True)
    keys.press("l")
    keys.press("a")
    assert keys.page is Page.VIEW, "nobody confirms what stands behind another page"
    assert keys.words.startswith("abort: all traffic returns to blue")
    keys.press("x")
    assert keys.words.startswith("keys      h hold")


def test_pages_go_there_and_back() -> None:
    keys, seen = Keys(acts=True), []
    for one in "ll??l?l":
        keys.press(one)
        seen.append(keys.page)
    assert seen == [Page.LOG, Page.VIEW, Page.HELP, Page.VIEW, Page.LOG, Page.HELP, Page.LOG]


def test_whoever_watches_only_turns_pages() -> None:
    keys = Keys(acts=False)
    assert [keys.press(one) for one in "hcay"] == [None] * 4
    assert "hold" not in keys.words
    keys.press("?")
    assert keys.page is Page.HELP
    assert "the deployment continues" in " ".join(keys.help)


class TestOnTheScreen:
    def view(self, **more: object) -> tuple[LiveView, Console]:
        console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, **more)  # type: ignore[arg-type]
        script = Script().until("judge-25").measured(30)
        view = LiveView(console, clock=lambda: script.at, keys=Keys(acts=True))
        for entry in script.entries:
            view(script.header, entry)
        return view, console

    def shown(self, view: LiveView, console: Console) -> list[str]:
        with console.capture() as capture:
            console.print(view.draw())
        return capture.get().splitlines()

    def test_a_page_is_shown_at_once_and_fits(self) -> None:
        view, console = self.view()
        assert any("h hold   c continue   a abort" in one for one in self.shown(view, console))
        view.press("l")
        log = self.shown(view, console)
        assert any("[9/" in one or "Judge green at 25 %" in one for one in log)
        assert len(log) <= 23
        assert "l back" in log[-1]
        view.press("?")
        assert any("hold: no further step begins" in one for one in self.shown(view, console))

    @pytest.mark.parametrize("height", [4, 8, 12, 24])
    def test_the_question_is_there_on_the_smallest_screen(self, height: int) -> None:
        script = Script().until("judge-25").measured(30)
        console = Console(file=io.StringIO(), force_terminal=True, width=80, height=height)
        view = LiveView(console, clock=lambda: script.at, keys=Keys(acts=True))
        view.recall(told(script.header, script.entries))
        view.press("a")
        lines = self.shown(view, console)
        assert len(lines) <= height - 1
        assert "y: do it" in lines[-1]

    def test_a_view_that_came_late_has_the_log_from_then_on(self) -> None:
        view, console = self.view()
        script = Script().until("judge-25")
        late = LiveView(console, clock=lambda: script.at, keys=Keys(acts=True))
        late.recall(told(script.header, script.entries))
        late.press("l")
        assert "l back" in self.shown(late, console)[-1]
        assert view.interactive

    def test_without_a_keyboard_there_are_no_keys(self) -> None:
        script = Script().until("judge-25")
        console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
        view = LiveView(console, clock=lambda: script.at)
        view.recall(told(script.header, script.entries))
        assert not view.interactive
        assert view.press("h") is None
        assert not any("keys" in one for one in self.shown(view, console))
