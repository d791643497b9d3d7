"""An ending with an armed watchdog says when the traffic goes back, and who looks later sees that it did."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Entry, RunHalted, RunInterrupted, RunResumed, Warned
from bluegreen.domain.page import Page
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.reports import Result
from bluegreen.engine.run import Done, Run
from bluegreen.engine.status import look
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.errors import Halted, Interrupted
from bluegreen.ui.events import event
from bluegreen.ui.timeline_fold import told
from tests.engine.test_crash_matrix import prepared
from tests.world import World

HALTED = Halted("paused at 50 %")


def stopped(monkeypatch: pytest.MonkeyPatch, error: Exception) -> tuple[World, Result, list[Page], Entry]:
    """A world whose run ended in the judge step at 50 %: its result, its pages and the ending's entry."""

    def ends(_run: Run, _step: Step) -> Done:
        raise error

    world, pages = prepared(bad=False), list[Page]()
    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, StepKind.JUDGE, ends)  # type: ignore[arg-type]  # a dict behind Mapping
        patch.setattr(
            "bluegreen.adapters.pager.pager.ChannelPager.send", lambda _self, page: pages.append(page)
        )
        deployer = world.deployer()
        result = deployer.run(deployer.plan_promotion("v1.2.0"))
    ending = next(e for _, e in reversed(world.entries) if isinstance(e.event, RunHalted | RunInterrupted))
    return world, result, pages, ending


def line(at: float) -> str:
    when = datetime.fromtimestamp(at, UTC)
    return f"app: 50 % v1.0.0 (#1), 50 % v1.2.0 (#2); returns to v1.0.0 at {when:%H:%M:%S} UTC unless resumed"


@pytest.mark.parametrize(
    "error", [HALTED, Interrupted("interrupted"), TypeError("a bug")], ids=["halted", "interrupted", "bug"]
)
def test_every_ending_says_when_the_watchdog_acts(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    world, result, pages, ending = stopped(monkeypatch, error)
    assert world.ports().watchdog.armed() == ("sc-sim-app-2",), "named by this deployment, not by blue's"
    assert isinstance(ending.event, RunHalted | RunInterrupted)
    told_at = ending.event.returns[Tier.APP].at
    assert told_at is not None
    assert result.traffic == ending.event.traffic == (line(told_at),)
    assert event(world.entries[-1][0], ending)["returns"]["app"]["at"].endswith("Z")
    if not isinstance(error, Interrupted):
        assert f"Traffic now:\n{line(told_at)}" in pages[-1].text
    assert look(world.contract, world.ports()).traffic == (line(told_at),)
    world.clock.sleep(told_at - world.clock.now() - 1)
    assert world.weights() == {"app": {"v1.0.0": 50, "v1.2.0": 50}}
    world.clock.sleep(3)
    assert world.weights() == {"app": {"v1.0.0": 100}}, "what was said came true"
    assert look(world.contract, world.ports()).traffic == (
        "app: 100 % v1.0.0 (#1); put back to v1.0.0 by the watchdog",
    )


@pytest.mark.parametrize("way", ["resume", "abort"])
def test_who_takes_up_the_run_journals_what_the_watchdog_did(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    world, *_ = stopped(monkeypatch, HALTED)
    world.clock.sleep(60)
    before = len(world.entries)
    getattr(world.deployer("other@host:2"), way)()
    fresh = [entry for _, entry in world.entries[before:]]
    (warning,) = [entry.event for entry in fresh if isinstance(entry.event, Warned)]
    assert warning.returned == (Tier.APP,)
    assert "the watchdog put all traffic back: app to v1.0.0" in warning.words
    resumed = next(entry for entry in fresh if isinstance(entry.event, RunResumed))
    assert isinstance(resumed.event, RunResumed)
    assert resumed.event.shares == {Tier.APP: 0}
    header = world.entries[-1][0]
    story = told(header, [entry for _, entry in world.entries if entry.seq <= resumed.seq])
    (tier,) = story.tiers
    assert (tier.tier, tier.percent) == (Tier.APP, 0), "the live view begins with what is so"
    assert story.verdict is None
    assert story.periods == ()


def test_resumed_in_time_nothing_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    world, *_ = stopped(monkeypatch, HALTED)
    world.deployer("other@host:2").resume()
    events = [entry.event for _, entry in world.entries]
    assert [event for event in events if isinstance(event, Warned)] == []
    resumed = next(event for event in events if isinstance(event, RunResumed))
    assert resumed.shares == {Tier.APP: 50}


def test_status_of_a_dead_deployer_s_run_says_that_traffic_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_run: Run, _step: Step) -> Done:
        raise SystemExit(9)

    world = prepared(bad=False)
    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, StepKind.JUDGE, dies)  # type: ignore[arg-type]  # a dict behind Mapping
        deployer = world.deployer()
        with pytest.raises(SystemExit):
            deployer.run(deployer.plan_promotion("v1.2.0"))
    world.clock.sleep(5)
    assert look(world.contract, world.ports()).traffic[0].endswith("; returns to v1.0.0 unless resumed")
