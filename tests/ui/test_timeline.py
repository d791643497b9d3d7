"""The fold from the journal to the timeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import (
    Ending,
    Event,
    GoldenCompared,
    RunHalted,
    RunResumed,
    StageStarted,
    StepDone,
    StepFailed,
    StepProgress,
)
from bluegreen.domain.plan import StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Outcome
from bluegreen.ui.figures import figures
from bluegreen.ui.timeline import Progress, Timeline
from bluegreen.ui.timeline_fold import begin, tell, told
from tests.domain.events import EVERY
from tests.ui.samples import START, Script, header, measured, period, promotion, proving, state


def states(timeline: Timeline) -> dict[str, Progress]:
    return {stage.name: stage.state for stage in timeline.stages if not stage.back}


def test_the_plan_of_the_header_is_there_before_the_first_entry() -> None:
    timeline = begin(header())
    assert timeline.stages[0].name == "preflight"
    assert {stage.state for stage in timeline.stages} == {Progress.WAITING}
    assert [(tier.tier, tier.blue, tier.green, tier.percent) for tier in timeline.tiers] == [
        (tier, "v1.0.0", "v1.1.0", 0) for tier in Tier
    ]
    assert timeline.expected_seconds == pytest.approx(promotion().expected_seconds)


def test_a_stage_that_begins_ends_the_ones_before() -> None:
    script = Script().until("judge-25")
    timeline = told(script.header, script.entries)
    found = states(timeline)
    assert found["shift-25"] is Progress.DONE
    assert found["judge-25"] is Progress.RUNNING
    assert found["shift-50"] is Progress.WAITING
    assert timeline.current is not None
    assert timeline.current.name == "judge-25"
    assert {tier.percent for tier in timeline.tiers} == {25}


def test_telling_twice_changes_nothing() -> None:
    script = Script().until("judge-25").measured(30)
    once = told(script.header, script.entries)
    again = once
    for entry in script.entries:
        again = tell(again, script.header, entry)
    assert again is once


def test_another_deployment_begins_another_story() -> None:
    script = Script().until("judge-25")
    timeline = told(script.header, script.entries)
    other = header(promotion(number=3), number=3)
    assert tell(timeline, other, replace(script.entries[0], seq=1)).number == 3


def test_expected_time_follows_what_stages_really_took() -> None:
    script = Script().until("judge-5")
    timeline = told(script.header, script.entries)
    took = sum(s.elapsed(s.ended_at) for s in timeline.stages if s.ended_at)
    left = sum(s.expected_seconds for s in timeline.stages if not s.ended_at)
    assert timeline.expected_seconds == pytest.approx(took + left)


def test_figures_come_from_the_last_half_minute_and_count_each_period_once() -> None:
    script = Script().until("judge-25")
    for second in range(20, 60):
        script.measured(second)
    script.measured(59)  # a repeated period
    timeline = told(script.header, script.entries)
    found = figures(timeline.periods, Tier.APP, Color.GREEN)
    assert found is not None
    assert found.seconds == 30.0
    assert found.requests == 30 * 125
    assert found.rate == 125.0
    assert found.p95_ms == pytest.approx(14.0)
    assert figures(timeline.periods[:0], Tier.APP, Color.GREEN) is None


def test_figures_begin_anew_with_each_weight() -> None:
    script = Script().until("judge-25").measured(30)
    old = period(Tier.APP, Color.BLUE, 3, requests=500)  # before the present weights, arriving late
    script.say(measured(old))
    found = figures(told(script.header, script.entries).periods, Tier.APP, Color.BLUE)
    assert found is not None
    assert found.requests == 375
    script.through(script.plan, ["shift-50"])
    assert told(script.header, script.entries).periods == ()


def test_late_metrics_are_shown_beside_fresh_probes() -> None:
    script = Script().until("judge-25").measured(30)
    probe = replace(period(Tier.APP, Color.GREEN, 300, requests=0), source="probes", key="login", probes=1)
    script.say(measured(probe))
    found = figures(told(script.header, script.entries).periods, Tier.APP, Color.GREEN)
    assert found is not None
    assert found.requests == 125


def test_two_sources_of_the_same_requests_are_not_added() -> None:
    script = Script().until("judge-25").measured(30)
    timeline = told(script.header, script.entries)
    slow = [replace(p, source="prometheus", seconds=15.0, requests=9_999) for p in timeline.periods]
    found = figures((*timeline.periods, *slow), Tier.APP, Color.GREEN)
    assert found is not None
    assert found.requests == 125


def test_the_verdict_says_what_comes_next_and_when() -> None:
    script = Script().until("judge-25").verdict("inconclusive", 25, "too little traffic", hold=True)
    timeline = told(script.header, script.entries)
    assert timeline.verdict is not None
    assert (timeline.verdict.outcome, timeline.verdict.hold) == (Outcome.INCONCLUSIVE, True)
    assert timeline.upcoming() == ("Send 50 % of the traffic to green", timeline.verdict.next_at)


def test_without_a_verdict_the_next_stage_comes_when_this_one_is_expected_to_end() -> None:
    script = Script().until("judge-25")
    timeline = told(script.header, script.entries)
    assert timeline.upcoming() == ("Send 50 % of the traffic to green", script.at + 25.0)


def test_an_old_verdict_does_not_announce_the_next_step() -> None:
    script = Script().until("judge-25").verdict("pass", 25, "good")
    script.open(script.plan, "shift-50")
    assert told(script.header, script.entries).upcoming()[0] == "Judge green at 50 %"


def test_a_rollback_drops_what_was_not_reached_and_begins_the_way_back() -> None:
    script = Script().rolled_back()
    timeline = told(script.header, script.entries)
    found = states(timeline)
    assert found["judge-25"] is Progress.FAILED
    assert found["shift-50"] is Progress.DROPPED
    back = [stage for stage in timeline.stages if stage.back]
    assert [stage.name for stage in back][:2] == ["prove-blue", "shift-back"]
    assert {stage.state for stage in back} == {Progress.DONE}
    assert {tier.percent for tier in timeline.tiers} == {0}
    assert timeline.ending is Ending.ROLLED_BACK
    assert timeline.decision == "roll back: errors at 25 %"
    assert timeline.from_versions == ("v1.0.0",)
    assert timeline.periods == ()


def test_stages_of_the_way_back_with_known_names_are_its_own() -> None:
    script = Script().rolled_back()
    timeline = told(script.header, script.entries)
    verify = [stage.state for stage in timeline.stages if stage.name == "verify"]
    assert verify == [Progress.DROPPED, Progress.DONE]


def test_a_failed_step_fails_its_stage_and_a_resume_runs_it_again() -> None:
    script = Script().until("healthy")
    step = proving(StepKind.HEALTHY)
    script.say(StepFailed(stage="healthy", step=step, words="1 of 2", next="fix it"))
    script.say(RunHalted(words="a human is needed", next="look", traffic=("web: 100 % on v1.0.0",)))
    timeline = told(script.header, script.entries)
    assert states(timeline)["healthy"] is Progress.FAILED
    assert (timeline.ending, timeline.next_step) == (Ending.HALTED, "look")
    script.say(RunResumed(operator="ben@ci"))
    script.open(script.plan, "healthy")
    timeline = told(script.header, script.entries)
    assert timeline.ending is Ending.RUNNING
    assert timeline.operator == "ben@ci"
    assert states(timeline)["healthy"] is Progress.RUNNING
    assert timeline.next_step == ""


def test_words_of_a_step_stay_when_it_ends_without_any() -> None:
    script = Script().until("healthy")
    healthy = proving(StepKind.HEALTHY)
    script.say(StepProgress(stage="healthy", step=healthy, words="1 of 2 healthy"))
    script.say(StepDone(stage="healthy", step=healthy, words=""))
    timeline = told(script.header, script.entries)
    assert timeline.current is not None
    step = timeline.current.steps[healthy]
    assert (step.state, step.tier, step.words) == (Progress.DONE, "web", "1 of 2 healthy")


def test_only_weights_move_the_shares() -> None:
    script = Script().until("prove")
    golden = proving(StepKind.GOLDEN, Tier.AI)
    result = GoldenCompared(green=0.97, blue=None)
    script.say(StepDone(stage="prove", step=golden, words="accuracy 97.0%", result=result))
    assert {tier.percent for tier in told(script.header, script.entries).tiers} == {0}


def test_a_stage_that_the_plan_does_not_know_is_added() -> None:
    script = Script().start()
    script.say(StageStarted(stage="extra", title="Something new", expected_seconds=3.0, index=1, count=2))
    timeline = told(script.header, script.entries)
    assert timeline.stages[-1].title == "Something new"
    assert timeline.stages[-1].state is Progress.RUNNING


def test_a_first_deployment_has_no_blue() -> None:
    script = Script(promotion(state())).start()
    timeline = told(script.header, script.entries)
    assert {(tier.blue, tier.percent) for tier in timeline.tiers} == {("", None)}
    assert timeline.from_versions == ()


def test_a_story_without_a_plan_in_its_header_takes_it_from_the_first_entry() -> None:
    script = Script().released()
    bare = replace(script.header, documents=None)
    timeline = told(bare, script.entries)
    assert timeline.ending is Ending.RELEASED
    assert {stage.state for stage in timeline.stages} == {Progress.DONE}
    assert timeline.ended_at is not None
    assert timeline.ended_at > START
    assert {tier.percent for tier in timeline.tiers} == {100}


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.kind)
def test_every_kind_of_event_is_folded(event: Event) -> None:
    script = Script().until("judge-25")
    script.say(event)
    assert told(script.header, script.entries).last_seq == script.entries[-1].seq
