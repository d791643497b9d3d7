"""The fold of a journal: from every prefix the same state, however the entries were cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.domain.journal import Ending, Entry, EntryKind, Header, RunState, fold
from tests.ui.samples import Script

STEPS = ("check", "weights.app.green.5", "judge.5", "weights.app.blue.0")


def entry(kind: EntryKind, seq: int = 1, *, step: str = "", stage: str = "", **data: Any) -> Entry:
    return Entry(seq=seq, at=float(seq), kind=kind, step=step, stage=stage, data=data)


def numbered(*entries: Entry) -> list[Entry]:
    return [Entry(seq=n, at=float(n), kind=e.kind, stage=e.stage, step=e.step, data=e.data)
            for n, e in enumerate(entries, start=1)]  # fmt: skip


def test_an_empty_journal_is_a_run_that_has_not_begun() -> None:
    state = fold([])
    assert state == RunState()
    assert (state.current, state.ending, state.last_seq) == (None, Ending.RUNNING, 0)


def test_a_step_is_undone_between_its_beginning_and_its_end() -> None:
    begun = fold([entry(EntryKind.STEP_STARTED, step="check")])
    assert (begun.undone, begun.done) == (frozenset({"check"}), {})
    ended = fold([entry(EntryKind.STEP_DONE, 2, step="check", words="good")], begun)
    assert (ended.undone, ended.done) == (frozenset(), {"check": {"words": "good"}})
    failed = fold([entry(EntryKind.STEP_FAILED, 2, step="check", words="bad")], begun)
    assert failed.undone == {"check"}, "a failed step was begun, and is not done"


def test_a_step_that_is_done_again_has_its_last_results() -> None:
    twice = numbered(
        entry(EntryKind.STEP_DONE, step="fleet.app.green", desired=2),
        entry(EntryKind.STEP_STARTED, step="fleet.app.green"),
        entry(EntryKind.STEP_DONE, step="fleet.app.green", desired=3),
    )
    assert fold(twice).done == {"fleet.app.green": {"desired": 3}}


def test_a_rollback_takes_over_with_nothing_done() -> None:
    before = fold(
        numbered(
            entry(EntryKind.RUN_STARTED, plan={"number": 1}, operator="anna"),
            entry(EntryKind.STEP_DONE, step="check"),
            entry(EntryKind.STEP_STARTED, step="judge.5"),
        )
    )
    assert before.current == {"number": 1}
    back = fold(
        [entry(EntryKind.DECIDED, 4, decision="rollback", reason="errors", plan={"number": 2})], before
    )
    assert (back.plan, back.rollback, back.current) == ({"number": 1}, {"number": 2}, {"number": 2})
    assert (back.rollback_reason, back.done, back.undone) == ("errors", {}, frozenset())


def test_a_decision_without_a_plan_changes_nothing_but_the_place() -> None:
    before = fold([entry(EntryKind.STEP_DONE, step="check")])
    after = fold([entry(EntryKind.DECIDED, 2, decision="go on")], before)
    assert (after.done, after.rollback, after.last_seq) == (before.done, None, 2)


@pytest.mark.parametrize(
    ("kind", "data", "ending", "is_open"),
    [
        (EntryKind.INTERRUPTED, {}, Ending.INTERRUPTED, True),
        (EntryKind.HALTED, {}, Ending.HALTED, True),
        (EntryKind.RUN_ENDED, {"ending": "released"}, Ending.RELEASED, False),
        (EntryKind.RUN_ENDED, {"ending": "rolled-back"}, Ending.ROLLED_BACK, False),
        (EntryKind.RUN_ENDED, {"ending": "aborted"}, Ending.ABORTED, False),
        (EntryKind.RUN_ENDED, {"ending": "torn-down"}, Ending.TORN_DOWN, False),
    ],
)
def test_how_a_run_stands_and_whether_it_can_go_on(
    kind: EntryKind, data: dict[str, str], ending: Ending, *, is_open: bool
) -> None:
    state = fold([entry(kind, **data)])
    assert (state.ending, state.ending.open) == (ending, is_open)
    assert fold([entry(EntryKind.RUN_RESUMED, 2)], state).ending is Ending.RUNNING


@pytest.mark.parametrize(
    "kind", [EntryKind.STEP_PROGRESS, EntryKind.MEASURED, EntryKind.VERDICT, EntryKind.WARNING]
)
def test_what_only_tells_changes_nothing_but_the_place(kind: EntryKind) -> None:
    before = fold([entry(EntryKind.STAGE_STARTED, stage="judge-5")])
    assert before.stage == "judge-5"
    assert fold([entry(kind, 9, step="check")], before) == RunState(stage="judge-5", last_seq=9)


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
    assert state.rollback["intent"] == "rollback"
    assert state.rollback_reason == "errors at 25 %"
    assert "weights.app.blue.0" in state.done
    assert "weights.app.green.25" not in state.done, "of the plan that is no more in force"
    assert state.stage == "remove-groups"


entries = st.lists(
    st.one_of(
        st.builds(
            entry,
            st.sampled_from([EntryKind.STEP_STARTED, EntryKind.STEP_DONE, EntryKind.STEP_FAILED]),
            step=st.sampled_from(STEPS),
            words=st.text(max_size=3),
        ),
        st.builds(entry, st.just(EntryKind.STAGE_STARTED), stage=st.sampled_from(["a", "b"])),
        st.builds(entry, st.just(EntryKind.DECIDED), plan=st.sampled_from([None, {"number": 2}])),
        st.builds(entry, st.sampled_from([EntryKind.RUN_RESUMED, EntryKind.HALTED, EntryKind.MEASURED])),
    ),
    max_size=25,
)


@given(found=entries, cut=st.integers(0, 25))
def test_a_fold_may_be_cut_anywhere(found: list[Entry], cut: int) -> None:
    found = numbered(*found)
    whole = fold(found)
    assert fold(found[cut:], fold(found[:cut])) == whole
    assert whole.last_seq == len(found)
    in_force = found
    for index, one in enumerate(found):
        if one.kind is EntryKind.DECIDED and one.data["plan"]:
            in_force = found[index + 1 :]
    finished = {one.step for one in in_force if one.kind is EntryKind.STEP_DONE}
    assert set(whole.done) == finished


def test_a_header_is_open_until_it_says_otherwise() -> None:
    header = Header(number=1, stack="lab", intent="promotion", version="v1", operator="a", started_at=0.0)
    assert header.ending.open
    assert (header.proven, header.documents, header.ended_at) == (False, {}, None)
