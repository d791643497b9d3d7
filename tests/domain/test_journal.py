"""The fold of a journal: from every prefix the same state, however the entries were cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.contract import Tier
from bluegreen.domain.journal import (
    Decided,
    Ending,
    Entry,
    Event,
    FleetMade,
    Header,
    RunEnded,
    RunHalted,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunState,
    ShareWatched,
    StageStarted,
    StepDone,
    StepFailed,
    StepProgress,
    StepStarted,
    VerdictGiven,
    Warned,
    fold,
)
from bluegreen.domain.plan import Intent, Step, StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.errors import Refused
from tests.ui.samples import Script, judging, measured, promotion, proving

CHECK = Step(kind=StepKind.CHECK)
FLEET = proving(StepKind.FLEET, Tier.APP)
BACK = Step(kind=StepKind.WEIGHTS, tier=Tier.APP, fleet=Color.BLUE, percent=0, urgent=True)
STEPS = (CHECK, FLEET, judging(5), BACK)
ONE, TWO = promotion(number=2), promotion(number=3)
JUDGE = StageStarted(stage="judge-5", title="", expected_seconds=0.0, index=1, count=1, percent=5)
VERDICT = VerdictGiven(
    stage="judge-5",
    step=judging(5),
    percent=5,
    verdict=Verdict(outcome=Outcome.PASS, reason=""),
    next="",
    next_at=None,
)


def started(step: Step) -> StepStarted:
    return StepStarted(stage="s", step=step, words="")


def done(step: Step, size: int | None = None) -> StepDone:
    result = None if size is None else FleetMade(group="g", desired=size)
    return StepDone(stage="s", step=step, words="good", result=result)


def failed(step: Step) -> StepFailed:
    return StepFailed(stage="s", step=step, words="bad", next="")


def ended(ending: Ending) -> RunEnded:
    return RunEnded(ending=ending, words="", traffic=(), exit_code=0)


def numbered(*events: Event, after: int = 0) -> list[Entry]:
    return [Entry(seq=n, at=float(n), event=event) for n, event in enumerate(events, start=after + 1)]


def test_an_empty_journal_is_a_run_that_has_not_begun() -> None:
    state = fold([])
    assert state == RunState()
    assert (state.current, state.ending, state.last_seq) == (None, Ending.RUNNING, 0)


def test_a_step_is_undone_between_its_beginning_and_its_end() -> None:
    begun = fold(numbered(started(FLEET)))
    assert (begun.undone, begun.done) == (frozenset({FLEET}), {})
    finished = fold(numbered(done(FLEET, 2), after=1), begun)
    assert (finished.undone, finished.done) == (frozenset(), {FLEET: FleetMade(group="g", desired=2)})
    bad = fold(numbered(failed(FLEET), after=1), begun)
    assert bad.undone == {FLEET}, "a failed step was begun, and is not done"


def test_a_step_that_is_done_again_has_its_last_results() -> None:
    twice = numbered(done(FLEET, 2), started(FLEET), done(FLEET, 3))
    assert fold(twice).done == {FLEET: FleetMade(group="g", desired=3)}


def test_a_rollback_takes_over_with_nothing_done() -> None:
    first = (RunStarted(plan=ONE, operator="anna"), done(CHECK), started(judging(5)))
    before = fold(numbered(*first))
    assert before.current == ONE
    back = fold(numbered(Decided(decision="rollback", reason="errors", plan=TWO), after=3), before)
    assert (back.plan, back.rollback, back.current) == (ONE, TWO, TWO)
    assert (back.done, back.undone) == ({}, frozenset())


def test_a_decision_without_a_plan_changes_nothing_but_the_place() -> None:
    before = fold(numbered(done(CHECK)))
    after = fold(numbered(Decided(decision="continue"), after=1), before)
    assert (after.done, after.rollback, after.last_seq) == (before.done, None, 2)


@pytest.mark.parametrize(
    ("event", "ending", "is_open"),
    [
        (RunInterrupted(words="", traffic=(), next=""), Ending.INTERRUPTED, True),
        (RunHalted(words="", traffic=(), next=""), Ending.HALTED, True),
        (ended(Ending.RELEASED), Ending.RELEASED, False),
        (ended(Ending.ROLLED_BACK), Ending.ROLLED_BACK, False),
        (ended(Ending.ABORTED), Ending.ABORTED, False),
        (ended(Ending.TORN_DOWN), Ending.TORN_DOWN, False),
    ],
)
def test_how_a_run_stands_and_whether_it_can_go_on(event: Event, ending: Ending, *, is_open: bool) -> None:
    state = fold(numbered(event))
    assert (state.ending, state.ending.open) == (ending, is_open)
    assert fold(numbered(RunResumed(operator="ben"), after=1), state).ending is Ending.RUNNING


@pytest.mark.parametrize(
    "event",
    [
        StepProgress(stage="s", step=CHECK, words="w"),
        ShareWatched(stage="s", step=CHECK, words="w", percent=5, since=1.0),
        measured(),
        VERDICT,
        Warned(words="w"),
    ],
    ids=lambda event: event.kind,
)
def test_what_only_tells_changes_nothing_but_the_place(event: Event) -> None:
    before = fold(numbered(JUDGE))
    assert before.stage == "judge-5"
    assert fold(numbered(event, after=8), before) == RunState(stage="judge-5", last_seq=9)


def test_from_every_prefix_of_a_real_journal_the_rest_leads_to_the_same_end() -> None:
    for script in (Script().released(), Script().rolled_back()):
        whole = fold(script.entries)
        for cut in range(len(script.entries) + 1):
            first = fold(script.entries[:cut])
            assert fold(script.entries[cut:], first) == whole
            assert set(first.done).isdisjoint(first.undone)
            assert first.last_seq == cut


def test_a_real_journal_folds_to_what_happened() -> None:
    script = Script().rolled_back()
    state = fold(script.entries)
    assert state.ending is Ending.ROLLED_BACK
    assert state.rollback
    assert state.rollback.intent is Intent.ROLLBACK
    assert BACK in state.done
    shifted = Step(kind=StepKind.WEIGHTS, tier=Tier.APP, fleet=Color.GREEN, percent=25)
    assert shifted in script.plan.steps
    assert shifted not in state.done, "of the plan that is no more in force"
    assert state.stage == "remove-groups"


events = st.lists(
    st.one_of(
        st.builds(started, st.sampled_from(STEPS)),
        st.builds(done, st.sampled_from(STEPS), st.none() | st.integers(1, 9)),
        st.builds(failed, st.sampled_from(STEPS)),
        st.just(JUDGE),
        st.builds(Decided, decision=st.just("rollback"), plan=st.sampled_from([None, TWO])),
        st.sampled_from([RunResumed(operator="ben"), RunHalted(words="", traffic=(), next=""), measured()]),
    ),
    max_size=25,
)


@given(told=events, cut=st.integers(0, 25))
def test_a_fold_may_be_cut_anywhere(told: list[Event], cut: int) -> None:
    found = numbered(*told)
    whole = fold(found)
    assert fold(found[cut:], fold(found[:cut])) == whole
    assert whole.last_seq == len(found)
    in_force = told
    for index, event in enumerate(told):
        if isinstance(event, Decided) and event.plan:
            in_force = told[index + 1 :]
    finished = {event.step for event in in_force if isinstance(event, StepDone)}
    assert set(whole.done) == finished


def test_a_header_is_open_until_it_says_otherwise() -> None:
    header = Header(number=1, stack="lab", intent="promotion", version="v1", operator="a", started_at=0.0)
    assert header.ending.open
    assert (header.proven, header.documents, header.ended_at) == (False, None, None)
    with pytest.raises(
        Refused, match=r"deployment #1 was written by another version .*its plan, policy or contract"
    ):
        _ = header.began_with
