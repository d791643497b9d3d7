"""The time left, by the plan and by what earlier deployments took."""

from __future__ import annotations

from bluegreen.domain.journal import RunHalted, RunResumed
from bluegreen.ui.time_left import seconds_left, usual
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import told
from tests.ui.samples import Script


def timeline(script: Script) -> Timeline:
    return told(script.header, script.entries)


def waiting(script: Script) -> float:
    names = [stage.name for stage in script.plan.stages]
    return sum(stage.expected_seconds for stage in script.plan.stages[names.index("judge-25") + 1 :])


def test_a_stage_that_overruns_takes_nothing_from_those_that_wait() -> None:
    script = Script().until("judge-25")
    found = timeline(script)
    assert seconds_left(found, script.at + 10.0, {}) == waiting(script) + 25.0 - 10.0
    assert seconds_left(found, script.at + 9_999.0, {}) == waiting(script)


def test_what_earlier_deployments_took_goes_before_the_plan() -> None:
    before = Script().released()
    pace = usual([(before.header, before.entries)])
    script = Script().until("judge-25")
    assert pace["judge-25"] < 5.0
    assert seconds_left(timeline(script), script.at, pace) < 60.0 < waiting(script)


def test_one_slow_deployment_of_three_changes_nothing() -> None:
    quick, slow = Script().released(), Script()
    for entry in quick.entries:
        slow.say(entry.event, after=300.0)
    journals = [(one.header, one.entries) for one in (quick, slow, quick)]
    assert usual(journals) == usual([(quick.header, quick.entries)])


def test_a_rollback_teaches_nothing_about_a_promotion() -> None:
    script = Script().rolled_back()
    names = {stage.name for stage in timeline(script).stages if stage.back}
    assert not names & set(usual([(script.header, script.entries)]))


def test_the_time_for_which_it_was_halted_is_no_work() -> None:
    script = Script().until("judge-25")
    script.say(RunHalted(words="no decision", traffic=()), after=10.0)
    script.say(RunResumed(operator="ben@ci"), after=3_600.0)
    script.open(script.plan, "judge-25")
    assert seconds_left(timeline(script), script.at, {}) == waiting(script) + 15.0
