"""A person holds a release: no further step begins, users stay where they are, and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import Continued, Ending, Entry, Held, HoldOverdue, StageStarted, VerdictGiven
from bluegreen.domain.plan import StepKind
from bluegreen.engine.deployer import Deployer
from bluegreen.errors import ExitCode, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Crashed
from bluegreen.policy import HoldPolicy
from tests.world import World
from tests.world.releasing import serving

BY, WHY = "ben@desk:7", "support sees complaints"


def ask(world: World, *, seconds: float | None = None, by: str = BY) -> Hold:
    wanted = Hold(deployment=2, by=by, why=WHY, at=world.clock.now(), seconds=seconds)
    return world.ports().lease.ask_hold(wanted)


def lift(world: World, by: str = "anna@desk:1") -> None:
    found = world.ports().lease.hold(2)
    assert found is not None
    assert world.ports().lease.lift_hold(found, by=by, why="was nothing")


def once(world: World, after: Callable[[Entry], bool], act: Callable[[], object]) -> None:
    """Call `act` at the first entry that `after` is true for."""
    done: list[Entry] = []

    def listen(entry: Entry) -> None:
        if not done and after(entry):
            done.append(entry)
            act()

    world.listeners.append(listen)


def lifted_after(world: World, seconds: float) -> None:
    """Somebody lifts the hold `seconds` after the deployer has taken it."""
    taken: list[float] = []

    def listen(entry: Entry) -> None:
        if isinstance(entry.event, Held):
            taken.append(entry.at)
        if taken and entry.at >= taken[0] + seconds:
            lift(world)
            world.listeners.remove(listen)

    world.listeners.append(listen)


def said(world: World, kind: type) -> list[Entry]:
    return [entry for _, entry in world.entries if isinstance(entry.event, kind)]


def promoted(world: World) -> Callable[[], object]:
    deployer = world.deployer()
    return lambda: deployer.run(deployer.plan_promotion("v1.1.0"))


def test_a_held_release_stays_at_its_weight_is_measured_and_continues() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    weights: list[object] = []
    once(
        world,
        lambda entry: bool(said(world, Held)) and entry.at > said(world, Held)[0].at + 200,
        lambda: weights.append(world.weights()),
    )
    lifted_after(world, 300)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED
    (held,), (continued,) = said(world, Held), said(world, Continued)
    assert weights == [{"app": {"v1.0.0": 50, "v1.1.0": 50}}]
    stages = [one for one in said(world, StageStarted) if held.at < one.at < continued.at]
    assert not stages, "it holds in the step that it was asked in"
    verdicts = [one for one in said(world, VerdictGiven) if held.at + 100 < one.at < continued.at]
    assert verdicts, "it is measured all the time"
    assert continued.at - held.at >= 300
    assert (held.event.by, held.event.why) == (BY, WHY)
    assert continued.event.by == "anna@desk:1"
    assert "people are paged" in world.story()
    assert world.cloud.traffic.failed() == 0


def test_a_bad_green_is_rolled_back_out_of_a_hold() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    once(
        world,
        lambda entry: isinstance(entry.event, Held),
        lambda: world.behaviours.update({"v1.1.0": Behaviour(latency=((0.03, 1.0),), error_rate=0.3)}),
    )
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert said(world, Held)


def test_before_the_first_weight_it_waits_between_two_stages() -> None:
    world = serving("v1.0.0")
    once(world, lambda entry: isinstance(entry.event, StageStarted), lambda: ask(world))
    lifted: list[float] = []
    real = world.clock.sleep

    def sleep(seconds: float) -> None:
        real(seconds)
        held = said(world, Held)
        if held and not lifted and world.clock.now() > held[0].at + 100:
            lifted.append(world.clock.now())
            lift(world)

    world.clock.sleep = sleep  # type: ignore[method-assign]  # nothing else happens while it waits
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.RELEASED
    (held,), (continued,) = said(world, Held), said(world, Continued)
    assert not [one for one in said(world, StageStarted) if held.at < one.at < continued.at]
    assert continued.at - held.at >= 100


@pytest.mark.parametrize("then", ["stay", "rollback"])
def test_at_the_deadline_it_stays_and_pages_or_is_rolled_back(then: str) -> None:
    world = serving("v1.0.0")
    hold = HoldPolicy.model_validate({"deadline": 120, "then": then})
    world.policy = world.policy.model_copy(update={"hold": hold})
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    lifted_after(world, 400)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    overdue = said(world, HoldOverdue)
    if then == "rollback":
        assert result.exit_code is ExitCode.ROLLED_BACK
        assert f"by {BY}: {WHY}; nobody let it continue before the deadline" in result.words
        assert world.weights() == {"app": {"v1.0.0": 100}}
        assert not overdue
    else:
        assert result.ending is Ending.RELEASED
        assert len(overdue) == 1, "it is told once"
        assert overdue[0].at - said(world, Held)[0].at >= 120


def test_the_request_names_its_own_deadline() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world, seconds=77))
    lifted_after(world, 20)
    promoted(world)()
    (held,) = said(world, Held)
    assert held.event.until == held.at + 77


def test_an_interrupted_hold_holds_whoever_resumes() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    first = world.deployer()
    once(world, lambda entry: isinstance(entry.event, Held), first.interrupt)
    assert first.run(first.plan_promotion("v1.1.0")).exit_code is ExitCode.INTERRUPTED
    assert world.ports().lease.holder() is None, "the lease was given back, and the request stayed"
    before = len(world.entries)
    lifted: list[float] = []

    def listen(entry: Entry) -> None:
        if not lifted and entry.at > resumed + 200:
            lifted.append(entry.at)
            lift(world)

    resumed = world.clock.now()
    world.listeners.append(listen)
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED
    events = [entry.event for _, entry in world.entries[before:]]
    assert not any(isinstance(one, Held) for one in events), "the journal knew it"
    (continued,) = said(world, Continued)
    assert continued.at >= resumed + 200


def test_lifted_while_nobody_ran_it() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    first = world.deployer()
    once(world, lambda entry: isinstance(entry.event, Held), first.interrupt)
    first.run(first.plan_promotion("v1.1.0"))
    lift(world)
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED
    assert [one.event.by for one in said(world, Continued)] == ["anna@desk:1"]


@pytest.fixture
def unfinished() -> World:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    deployer.run(deployer.plan_promotion("v1.1.0"))
    return world


@pytest.mark.parametrize("kind", [Held, Continued])
def test_a_deployer_that_dies_as_it_takes_it_loses_nothing(kind: type) -> None:
    """The request is in the table and not in the journal, or in both: whoever resumes obeys it once."""
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    lifted_after(world, 20)

    def die() -> None:
        raise Crashed

    once(world, lambda entry: isinstance(entry.event, kind), die)
    deployer = world.deployer()
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    world.clock.sleep(31)
    if kind is Held:
        lifted_after(world, 60)
        world.listeners.append(lambda entry: None)
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED
    assert len(said(world, Held)) == 1
    assert len(said(world, Continued)) == 1


def test_abort_ends_a_hold() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: ask(world))
    once(
        world,
        lambda entry: isinstance(entry.event, Held),
        lambda: world.ports().lease.request_stop("wrong version"),
    )
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.ROLLED_BACK
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert not said(world, Continued)


def test_a_rollback_is_not_held() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: world.ports().lease.request_stop("wrong version"))
    once(world, lambda entry: entry.event.kind == "decided", lambda: ask(world))
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.ROLLED_BACK
    assert not said(world, Held)


def test_a_hold_of_an_earlier_deployment_holds_no_later_one() -> None:
    world = serving("v1.0.0")
    world.ports().lease.ask_hold(Hold(deployment=1, by=BY, why=WHY, at=1.0))
    promoted(world)()
    assert not said(world, Held)
    assert world.weights() == {"app": {"v1.1.0": 100}}


class TestAsking:
    """`hold` and `continue` from another machine, while the deployer runs or does not."""

    def other(self, world: World) -> Deployer:
        return world.deployer("ben@desk:7")

    def test_nobody_runs_it(self, unfinished: World) -> None:
        answer = self.other(unfinished).hold(reason=WHY)
        assert not answer.obeyed
        assert "nobody runs it now" in answer.words
        again = unfinished.deployer("carl@desk:3").hold(reason="another")
        assert not again.obeyed
        assert "on hold already by ben@desk:7: support sees complaints" in again.words
        found = self.other(unfinished).held()
        done = self.other(unfinished).let_continue(found, reason="was nothing")
        assert "`sc-deploy resume` continues it" in done.words
        with pytest.raises(Refused, match="not on hold; it was lifted by ben@desk:7: was nothing"):
            self.other(unfinished).held()

    def test_a_hold_that_came_meanwhile_is_not_lifted_with_the_other(self, unfinished: World) -> None:
        self.other(unfinished).hold(reason=WHY)
        shown = self.other(unfinished).held()
        lift(unfinished)
        unfinished.clock.sleep(1)
        ask(unfinished, by="carl@desk:3")
        with pytest.raises(Refused, match="put on hold again by carl@desk:3"):
            self.other(unfinished).let_continue(shown)
        assert self.other(unfinished).held().by == "carl@desk:3"

    def test_lifted_by_somebody_else_is_what_was_asked(self, unfinished: World) -> None:
        self.other(unfinished).hold(reason=WHY)
        shown = self.other(unfinished).held()
        lift(unfinished)
        assert "already by anna@desk:1" in self.other(unfinished).let_continue(shown).words

    def test_while_it_is_held_already(self, unfinished: World) -> None:
        runs = unfinished.deployer("other@host:2")
        answers = []

        def asks(entry: Entry) -> None:
            if isinstance(entry.event, Held):
                answers.append(unfinished.deployer("carl@desk:3").hold(reason="the same question"))
                lift(unfinished)

        once(unfinished, lambda entry: entry.event.kind == "stage-started", lambda: ask(unfinished))
        unfinished.listeners.append(asks)
        assert runs.resume().ending is Ending.RELEASED
        assert [(one.obeyed, "on hold already by ben@desk:7" in one.words) for one in answers] == [
            (True, True)
        ]

    def test_the_answer_comes_from_its_journal(self, unfinished: World) -> None:
        """A deployer that lives answers with an entry; it is waited for."""
        runs, lease = unfinished.deployer("runs@host:2"), unfinished.ports().lease
        now = unfinished.clock.now()
        lease.acquire(owner="runs@host:2", why="resume", deployment=2, ttl=30, now=now)
        lifted_after(unfinished, 20)
        told: list[str] = []

        def note(words: str) -> None:
            told.append(words)
            runs.resume()

        answer = self.other(unfinished).hold(reason=WHY, seconds=90, note=note)
        assert len(told) == 1
        assert answer.obeyed
        assert answer.until == said(unfinished, Held)[0].at + 90
        assert "no further step begins" in answer.words

    def test_it_ended_before_it_could_hold(self, unfinished: World) -> None:
        """It was past its last safe point when it was asked."""
        lease, now = unfinished.ports().lease, unfinished.clock.now()
        lease.acquire(owner="runs@host:2", why="resume", deployment=2, ttl=30, now=now)

        def note(_words: str) -> None:
            asked = lease.hold(2)
            assert asked is not None
            lease.lift_hold(asked, by="the test", why="so that it is never seen")
            unfinished.deployer("runs@host:2").resume()

        with pytest.raises(Refused, match="is released: it ended before it could hold"):
            self.other(unfinished).hold(note=note)

    def test_its_deployer_is_dead(self, unfinished: World) -> None:
        lease, now = unfinished.ports().lease, unfinished.clock.now()
        lease.acquire(owner="dead@host:2", why="resume", deployment=2, ttl=30, now=now)
        answer = self.other(unfinished).hold(reason=WHY)
        assert not answer.obeyed
        assert unfinished.clock.now() - now >= 30, "only its silence shows that it is dead"

    def test_what_is_rolled_back_is_not_held(self) -> None:
        world = serving("v1.0.0")
        world.after_first(StepKind.WEIGHTS, lambda: world.ports().lease.request_stop("wrong"))
        refused: list[str] = []

        def asks() -> None:
            with pytest.raises(Refused) as error:
                world.deployer("ben@desk:7").hold()
            refused.append(str(error.value))

        once(world, lambda entry: entry.event.kind == "decided", asks)
        deployer = world.deployer()
        deployer.run(deployer.plan_promotion("v1.1.0"))
        assert len(refused) == 1
        assert "being rolled back" in refused[0]

    def test_without_an_open_deployment(self) -> None:
        world = serving("v1.0.0")
        for call in (self.other(world).hold, self.other(world).held):
            with pytest.raises(Refused, match="no deployment is unfinished"):
                call()


def test_hold_is_told_in_the_status(unfinished: World) -> None:
    from bluegreen.engine.status import look

    asked = ask(unfinished)
    assert look(unfinished.contract, unfinished.ports()).hold == asked
    lift(unfinished)
    assert look(unfinished.contract, unfinished.ports()).hold is None
    assert replace(asked, lifted_by="x").in_force is False
