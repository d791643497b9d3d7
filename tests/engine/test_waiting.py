"""A step that waits for its goal: what it tells, and what it says when it gives up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bluegreen.domain.plan import Step, StepKind
from bluegreen.engine.run import Run
from bluegreen.errors import StepFailed

STEP = Step(kind=StepKind.CHECK)


class Waiting:
    """A run without a world, whose clock only its waits move."""

    def __init__(self) -> None:
        self.now, self.beats = 0.0, 0
        self.told: list[str] = []
        heartbeat = SimpleNamespace(beat=self.beat, wait=self.wait)
        recorder = SimpleNamespace(write=lambda event: self.told.append(event.words))
        given: dict[str, Any] = {
            "contract": None,
            "policy": None,
            "ports": SimpleNamespace(clock=SimpleNamespace(now=lambda: self.now)),
            "plan": SimpleNamespace(stage_of=lambda _step: None),
            "recorder": recorder,
            "heartbeat": heartbeat,
            "holding": SimpleNamespace(look=lambda: None),
        }
        self.run = Run(preview_token="", **cast("Any", given))

    def beat(self) -> None:
        self.beats += 1

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_it_tells_each_change_until_the_goal_is_reached() -> None:
    waiting, looks = Waiting(), iter([(False, "1 of 3"), (False, "1 of 3"), (False, "2 of 3"), (True, "all")])
    words = waiting.run.until(STEP, lambda: next(looks), goal="3 targets", deadline=60, every=5)
    assert (words, waiting.told) == ("all", ["1 of 3", "2 of 3"])
    assert (waiting.now, waiting.beats) == (15.0, 4), "it renews its lease at every look"


def test_it_gives_up_at_the_deadline_and_says_what_it_waited_for() -> None:
    waiting = Waiting()
    with pytest.raises(StepFailed, match=r"^timed out after 30 s waiting for 3 targets: 1 of 3") as caught:
        waiting.run.until(
            STEP, lambda: (False, "1 of 3"), goal="3 targets", deadline=30, every=5, otherwise="look at it"
        )
    assert caught.value.next_step == "look at it"
    assert (waiting.now, waiting.told) == (30.0, ["1 of 3"])
