"""A deployment is watched from elsewhere: its journal, its exit code, and nothing that changes anything."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending, Entry, Header, Held
from bluegreen.domain.plan import StepKind
from bluegreen.domain.reports import Result
from bluegreen.engine.deployment.watching import Watcher
from bluegreen.errors import ExitCode
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Crashed, Effect, Fault
from tests.world import World
from tests.world.releasing import died_at_half, serving


class Watched:
    """What a watcher of deployment 2 tells; `calls` are the changing ones that it made."""

    def __init__(self, world: World, number: int = 2) -> None:
        self.world, self.told, self.notes = world, list[Entry](), list[str]()
        ports = world.ports()
        header = ports.journal.header(number)
        assert header is not None
        self._watcher = Watcher(header, ports, [self._hear])

    def _hear(self, _header: Header, entry: Entry) -> None:
        self.told.append(entry)

    def result(self) -> Result | None:
        return self._watcher.until_over(stopped=lambda: False, note=self.notes.append)


def journal(world: World) -> list[Entry]:
    return list(world.ports().journal.entries(2))


def watched_from(world: World, kind: StepKind) -> Watched:
    """Begins to watch after the first step of `kind`, while the deployer of v1.1.0 goes on to its end."""
    seen: list[Watched] = []

    def begin() -> None:
        one = Watched(world)
        assert one._watcher._look() is None, "it runs"
        seen.append(one)

    world.after_first(kind, begin)
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.1.0"))
    return seen[0]


def test_it_tells_the_whole_journal_and_the_exit_code_of_a_release() -> None:
    world = serving("v1.0.0")
    one = watched_from(world, StepKind.WEIGHTS)
    assert one.told, "what happened before it looked"
    result = one.result()
    assert result is not None
    assert (result.ending, result.exit_code) == (Ending.RELEASED, ExitCode.RELEASED)
    assert one.told == journal(world), "every entry once, in order"


def test_a_release_that_is_rolled_back_ends_it_with_5() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.3)
    result = watched_from(world, StepKind.WEIGHTS).result()
    assert result is not None
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert "v1.0.0" in result.traffic[0]


def test_one_that_was_interrupted_ends_it_with_130_and_the_next_step() -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    deployer.run(deployer.plan_promotion("v1.1.0"))
    result = Watched(world).result()
    assert result is not None
    assert result.exit_code is ExitCode.INTERRUPTED
    assert "resume" in result.next_step


def test_one_that_was_resumed_is_watched_on() -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    deployer.run(deployer.plan_promotion("v1.1.0"))
    looks: list[object] = []
    world.after_first(StepKind.JUDGE, lambda: looks.append(Watched(world)._watcher._look()))
    world.deployer("other@host:2").resume()
    assert looks == [None], "the interruption is over"
    result = Watched(world).result()
    assert result is not None
    assert result.exit_code is ExitCode.RELEASED


def test_a_dead_deployer_is_told_after_its_lease_was_not_renewed() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    before = world.clock.now()
    one = Watched(world)
    result = one.result()
    assert result is not None
    assert result.exit_code is ExitCode.HALTED
    assert "its deployer is gone" in result.words
    assert "`sc-deploy status`" in result.traffic[0], "it died between the weight and its entry"
    assert 30 <= world.clock.now() - before < 35, "a lease that was not renewed for its length, no sooner"


def test_a_dead_deployer_that_had_told_its_weight() -> None:
    world = serving("v1.0.0")

    def die() -> None:
        raise Crashed

    world.after_first(StepKind.WEIGHTS, die)
    deployer = world.deployer()
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    result = Watched(world).result()
    assert result is not None
    assert result.traffic == ("app: green had weight; returns to v1.0.0 unless resumed",)


def test_watching_changes_nothing() -> None:
    """A watcher makes no call that the fence would have to let through."""
    world = serving("v1.0.0")
    died_at_half(world)
    table_before = (world.ports().lease.holder(), journal(world), world.weights())
    calls: list[str] = []
    world.cloud.after_call.append(lambda call: calls.append(call.operation))
    one = Watched(world)
    world.clock.sleep(31)
    one.result()
    changing = [
        name for name in calls if not name.startswith(("Describe", "Get", "Query", "List", "BatchGet"))
    ]
    assert changing == []
    assert table_before[:2] == (world.ports().lease.holder(), journal(world))


def test_while_aws_does_not_answer_it_says_so_once_and_asks_again() -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.1.0"))
    one = Watched(world)
    world.faults.add(Fault(effect=Effect.ERROR, service="dynamodb", action="Query", times=9))
    result = one.result()
    assert result is not None
    assert result.exit_code is ExitCode.RELEASED
    assert len(one.notes) == 1
    assert "asking again" in one.notes[0]


def test_a_hold_is_seen_by_whoever_watches() -> None:
    from bluegreen.domain.holding import Hold

    world = serving("v1.0.0")
    hold = Hold(deployment=2, by="ben", why="look", at=1.0)
    world.after_first(StepKind.WEIGHTS, lambda: world.ports().lease.ask_hold(hold))
    seen: list[Entry] = []

    def listen(entry: Entry) -> None:
        if isinstance(entry.event, Held):
            one = Watched(world)
            one._watcher._look()
            seen.extend(told for told in one.told if told.event == entry.event)
            world.ports().lease.lift_hold(hold, by="ben", why="")

    world.listeners.append(listen)
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.1.0"))
    assert len(seen) == 1


def test_who_stops_watching_gets_no_result() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    assert Watched(world)._watcher.until_over(stopped=lambda: True, note=pytest.fail) is None
