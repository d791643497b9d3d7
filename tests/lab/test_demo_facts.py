"""The demo's verdict on itself: every way in which it could have gone wrong makes it fail."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.domain.journal import Decided, Ending, Entry, Event, ShareWatched, StageStarted, VerdictGiven
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.lab.demo.facts import Act, Seen, WeightSeen, facts, figures, weights_seen

FIRST = Act(version="v1.0.0", began=100.0, ended=110.0, ending=Ending.RELEASED)


def entry(seq: int, at: float, event: Event) -> Entry:
    return Entry(seq=seq, at=at, event=event)


def began(stage: str, percent: int | None = None) -> StageStarted:
    return StageStarted(stage=stage, title=stage, expected_seconds=1.0, index=1, count=9, percent=percent)


def watched(percent: int, since: float) -> ShareWatched:
    step = Step(kind=StepKind.JUDGE, percent=percent)
    return ShareWatched(stage=f"judge-{percent}", step=step, words="", percent=percent, since=since)


FAILED = VerdictGiven(
    stage="judge-10",
    step=Step(kind=StepKind.JUDGE, percent=10),
    percent=10,
    verdict=Verdict(outcome=Outcome.FAIL, reason="errors: 11 of 550 on green"),
    next="",
    next_at=None,
)


def good() -> Act:
    return Act(
        version="v1.1.0",
        before="v1.0.0",
        began=110.0,
        ended=140.0,
        ending=Ending.RELEASED,
        entries=[
            entry(1, 110.5, began("preflight")),
            entry(2, 111.0, began("shift-10", 10)),
            entry(3, 112.0, began("judge-10", 10)),
            entry(4, 112.0, watched(10, 113.0)),
            entry(5, 120.0, began("shift-100", 100)),
            entry(6, 121.0, began("judge-100", 100)),
            entry(7, 121.0, watched(100, 122.0)),
            entry(8, 130.0, began("verify")),
        ],
    )


def bad() -> Act:
    return Act(
        version="v1.2.0",
        before="v1.1.0",
        began=140.0,
        ended=160.0,
        ending=Ending.ROLLED_BACK,
        entries=[
            entry(1, 141.0, began("preflight")),
            entry(2, 142.0, began("shift-10", 10)),
            entry(3, 143.0, began("judge-10", 10)),
            entry(4, 143.0, watched(10, 144.0)),
            entry(5, 148.5, FAILED),
            entry(6, 148.5, Decided(decision="rollback")),
            entry(7, 149.0, began("shift-back")),
            entry(8, 150.0, began("verify")),
        ],
    )


def second(at: int, **more: Any) -> dict[str, Any]:
    versions = {"v1.0.0": 500} if at < 112 else {"v1.1.0": 500}
    if 112 <= at < 120:
        versions = {"v1.0.0": 450, "v1.1.0": 50}
    failed: dict[str, int] = {}
    if 143 <= at < 150:
        versions, failed = {"v1.1.0": 450, "v1.2.0": 50}, {"v1.2.0": 1}
    document = {
        "at": at,
        "requests": sum(versions.values()),
        "failed": sum(failed.values()),
        "versions": versions,
        "failed_by_version": failed,
        "failed_by_cause": dict.fromkeys(["500"] * bool(failed), 1),
    }
    return {**document, **more}


def seen(**changes: Any) -> Seen:
    """165 seconds at 500 requests a second; `changes` by second, `s130={...}`."""
    seconds = [second(at, **changes.get(f"s{at}", {})) for at in range(105, 165)]
    failed: dict[str, int] = {}
    versions: dict[str, int] = {}
    for one in seconds:
        for name, n in one["failed_by_version"].items():
            failed[name] = failed.get(name, 0) + n
        for name, n in one["versions"].items():
            versions[name] = versions.get(name, 0) + n
    report = {
        "requests": sum(one["requests"] for one in seconds),
        "failed": sum(failed.values()),
        "failed_by_version": failed,
        "versions": versions,
        "p95_ms": 9.0,
    }
    return Seen(seconds=seconds, report=report)


def wrong(first: Act, second: Act, third: Act, load: Seen, leftovers: tuple[str, ...] = ()) -> list[str]:
    return [fact.name for fact in facts(first, second, third, load, leftovers=leftovers) if not fact.ok]


def test_a_demo_that_went_well() -> None:
    assert wrong(FIRST, good(), bad(), seen()) == []
    found = figures(good(), bad(), seen())
    assert found["promotion_requests"] == 30 * 500
    assert found["promotion_failed"] == 0
    assert found["harmed"] == 7
    assert found["seconds_to_detect"] == 6.5
    assert found["seconds_to_go_back"] == 1.5


def test_weights_are_counted_in_whole_seconds_after_they_settled() -> None:
    found = weights_seen(good(), seen())
    assert [(w.asked, w.observed, w.requests) for w in found] == [(10, 10.0, 3500), (100, 100.0, 4000)]


def test_few_requests_miss_a_weight_by_chance_and_many_do_not() -> None:
    def ok(observed: float, requests: int) -> bool:
        return WeightSeen(asked=25, observed=observed, requests=requests).ok

    assert ok(33.0, 400)
    assert not ok(34.0, 400)
    assert ok(26.4, 20_000)
    assert not ok(26.6, 20_000)
    assert not ok(25.0, 0)


LOST = {"failed": 1, "failed_by_version": {"v1.0.0": 1}, "failed_by_cause": {"502": 1}}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"s115": LOST}, ["no request lost", "only v1.2.0 failed requests"]),
        ({"s155": LOST}, ["only v1.2.0 failed requests"]),
        ({"s162": {"versions": {"v1.1.0": 499, "v1.2.0": 1}}}, ["everything is back on v1.1.0"]),
        ({"s125": {"versions": {"v1.0.0": 400, "v1.1.0": 100}}}, ["clients saw the weights"]),
    ],
)
def test_what_the_load_counted_decides(changes: dict[str, Any], names: list[str]) -> None:
    assert wrong(FIRST, good(), bad(), seen(**changes)) == names


def test_without_load_nothing_is_shown() -> None:
    empty = Seen(
        seconds=[],
        report={"requests": 0, "failed": 0, "failed_by_version": {}, "versions": {}, "p95_ms": 0.0},
    )
    assert wrong(FIRST, good(), bad(), empty) == [
        "no request lost",
        "clients saw the weights",
        "only v1.2.0 failed requests",
        "everything is back on v1.1.0",
    ]


def test_endings_count() -> None:
    first, second, third = Act(version="v1.0.0"), good(), bad()
    second.ending, third.ending = Ending.ROLLED_BACK, Ending.RELEASED
    assert wrong(first, second, third, seen()) == [
        "v1.0.0 onto the empty stack",
        "v1.1.0 under load",
        "v1.2.0 rolled back automatically",
    ]


def test_a_rollback_without_a_verdict_is_not_the_judges() -> None:
    third = bad()
    third.entries = [e for e in third.entries if not isinstance(e.event, VerdictGiven)]
    assert wrong(FIRST, good(), third, seen()) == ["the judge failed v1.2.0"]


def test_leftovers_are_named() -> None:
    assert wrong(FIRST, good(), bad(), seen(), ("sc-lab-web-3",)) == ["nothing left behind"]
