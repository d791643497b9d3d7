"""Everything that people, AWS and sc-deploy do to one stack, in any order that Hypothesis thinks of.

The world checks its invariants after every call. After every operation this machine checks that its ending
is true (what it says, what the journal says and where the traffic is), that it ended in bounded time, and
that no user lost a request by it. In the end nobody hurts the stack any more: one verb after the other, as
their own words say, it must come back to a release that serves and to nothing left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bluegreen.domain.journal import Ending, Entry
from bluegreen.domain.reports import Result
from bluegreen.errors import DeployError, ExitCode, LeaseLost, Locked, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.cloud import Call
from bluegreen.lab.cloud.traffic import Outcome
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from tests.world import hands
from tests.world.calls import threadless
from tests.world.releasing import QUICK, loaded
from tools.world import LATENCY, World

__all__ = ["AnyOrder", "counted"]

GOOD, BAD = "v1.1.0", "v1.2.0"
VERSIONS = ("v1.0.0", GOOD, BAD)
TTL = 4.0
LONGEST = 3600.0
"""Virtual seconds within which every operation ends."""
LATE = TTL + 60.0
"""The watchdog has acted by then."""
POLICY = QUICK.replace('ttl = "30s"', f'ttl = "{TTL:.0f}s"').replace("[retire]", '[retire]\ndeadline = "60s"')
READS = ("Describe", "Get", "List", "Query", "Head", "BatchGet", "Scan")
NOT_BY_THE_RELEASE = (Outcome.UNHEALTHY, Outcome.NO_CONNECTION, Outcome.NO_TARGET, Outcome.FIXED)

counted: Counter[str] = Counter()
"""How many sequences and operations the machines of this process have done."""


class Verb(StrEnum):
    GOOD = "promote the good one"
    BAD = "promote the bad one"
    FIRST = "promote the first one again"
    DESPITE = "promote despite"
    TAKE_OVER = "take over"
    RESUME = "resume"
    ABORT = "abort"
    ROLLBACK = "rollback"
    TEARDOWN = "teardown"
    TEARDOWN_ALL = "teardown --all"


BESIDE = (Verb.GOOD, Verb.TAKE_OVER, Verb.RESUME, Verb.TEARDOWN, Verb.TEARDOWN_ALL)
"""Typed beside a running one; an abort or rollback would ask that one to stop, and wait for it."""
CRASHES = st.builds(
    Fault,
    effect=st.just(Effect.CRASH),
    when=st.sampled_from(When),
    nth=st.integers(1, 250),
)
FAULTS = st.builds(
    Fault,
    effect=st.sampled_from((Effect.THROTTLE, Effect.ERROR, Effect.DROP, Effect.TIMEOUT)),
    when=st.sampled_from(When),
    nth=st.integers(1, 250),
    times=st.integers(1, 6),
)
UPSETS = st.tuples(st.integers(1, 60), st.sampled_from(hands.UPSETS))
"""At which entry of the journal, and what happens then."""


class AnyOrder(RuleBasedStateMachine):
    """One stack, its operators, and what befalls it."""

    @initialize(
        keep=st.sampled_from(('"0s"', '"15s"', '"until-next"')),
        tiers=st.sampled_from((("app",), ("app",), ("web", "app"))),
    )
    def begin(self, keep: str, tiers: tuple[str, ...]) -> None:
        counted["sequences"] += 1
        policy = POLICY.replace("[retire]", f"[retire]\nkeep_blue = {keep}")
        self.world = World(policy=policy, tiers=tiers)
        self.world.behaviours[BAD] = Behaviour(error_rate=0.05, latency=LATENCY)
        self.said: list[str] = [f"keep {keep}, {tiers}"]
        self.hurt = False
        """Somebody has taken hosts or traffic away from users, and it has not healed yet."""
        self.lost = 0
        self.operators = 0
        self.changed: list[str] = []
        self.broken: list[str] = []
        """Found by a subscriber, whose exceptions break no run."""
        self.overtaken: int | None = None
        """How much had been changed when another deployer had taken over from the one that runs."""
        self.world.cloud.after_call.append(self._hear)
        with threadless():
            loaded(self.world, "v1.0.0")

    def _hear(self, call: Call) -> None:
        if not call.error and not call.operation.startswith(READS):
            self.changed.append(call.operation)

    @rule(verb=st.sampled_from(Verb), crash=st.none() | CRASHES)
    def operate(self, verb: Verb, crash: Fault | None) -> None:
        self.do(verb, fault=crash)

    @rule(verb=st.sampled_from(Verb), fault=FAULTS)
    def operate_while_aws_fails(self, verb: Verb, fault: Fault) -> None:
        self.do(verb, fault=fault)

    @rule(verb=st.sampled_from(Verb), upset=UPSETS, crash=st.none() | CRASHES)
    def operate_while_something_happens(
        self, verb: Verb, upset: tuple[int, hands.Upset], crash: Fault | None
    ) -> None:
        self.do(verb, fault=crash, upset=upset)

    @rule(verb=st.sampled_from(Verb), at=st.integers(1, 60))
    def interrupt(self, verb: Verb, at: int) -> None:
        self.do(verb, interrupt=at)

    @rule(verb=st.sampled_from(Verb), at=st.integers(1, 60), second=st.sampled_from(BESIDE))
    def operate_twice(self, verb: Verb, at: int, second: Verb) -> None:
        """Somebody types a second command while the first one runs."""
        self.do(verb, second=(at, second))

    @rule(upset=st.sampled_from(hands.UPSETS))
    def happen(self, upset: hands.Upset) -> None:
        self.upset(upset)

    @rule(seconds=st.sampled_from((1, 5, 20, 90)))
    def wait(self, seconds: float) -> None:
        self.said.append(f"wait {seconds}")
        self.world.clock.sleep(seconds)
        self.world.cloud.advance()
        self._check_users()
        self.hurt = self.hurt and not (seconds >= 20 and self._whole())

    @rule(seconds=st.sampled_from((0.0, 4.0, 30.0, 120.0)))
    def boots_take_longer(self, seconds: float) -> None:
        self.said.append(f"boot {seconds}")
        self.world.cloud.world.conditions.set({"boot_extra_seconds": seconds})

    @precondition(lambda self: not self.hurt)
    @rule()
    def nobody_does_anything(self) -> None:
        """Whatever died or halted has left no user between two releases, once the watchdog was due."""
        self.said.append("nobody")
        self.world.clock.sleep(LATE)
        self.world.cloud.advance()
        self._check_users()
        for tier, shares in self.world.weights().items():
            assert len(shares) <= 1, self.told(f"{tier} is left between {shares}")

    # One operation ---------------------------------------------------------------------------------

    def do(
        self,
        verb: Verb,
        *,
        fault: Fault | None = None,
        upset: tuple[int, hands.Upset] | None = None,
        interrupt: int = 0,
        second: tuple[int, Verb] | None = None,
    ) -> Result | DeployError | None:
        """The verb, from another machine than all before; None where its deployer died."""
        counted["operations"] += 1
        self.operators += 1
        self.hurt |= verb is Verb.TEARDOWN_ALL  # that is what it is for
        self.said.append(f"{verb} ({fault} {upset} {interrupt or ''} {second or ''})")
        deployer = self.world.deployer(f"operator@host:{self.operators}")
        entries = 0

        def listen(_entry: Entry) -> None:
            nonlocal entries
            entries += 1
            if upset and entries == upset[0]:
                self.upset(upset[1])
            if entries == interrupt:
                deployer.interrupt()
            if second and entries == second[0]:
                self._type_meanwhile(second[1])

        self.world.listeners.append(listen)
        if fault:
            self.world.faults.add(fault)
        began, before = self.world.clock.now(), len(self.changed)
        outcome: Result | DeployError | None = None
        try:
            with threadless():
                outcome = _carry_out(verb, deployer, self.world)
        except Crashed:
            self.said.append("  died")
        except DeployError as error:
            outcome = error
        finally:
            self.world.faults.clear()
            self.world.listeners.remove(listen)
        took = self.world.clock.now() - began
        assert took <= LONGEST, self.told(f"{verb} took {took:.0f} s")
        assert not self.broken, self.told(self.broken[0])
        if self.overtaken is not None:
            since, self.overtaken = self.changed[self.overtaken :], None
            assert since == [], self.told(f"overtaken, and changed {since}")
        self._check_outcome(outcome, self.changed[before:] if not upset and not second else [])
        self._check_users()
        return outcome

    def _type_meanwhile(self, verb: Verb) -> None:
        """A second operator, while the first process stands still: it is refused, or it takes over."""
        listeners, self.world.listeners[:] = list(self.world.listeners), []
        before, second = len(self.changed), self.world.deployer("second@host:2")
        try:
            outcome = _carry_out(verb, second, self.world)
            self.said.append(f"  {verb} took over: {outcome.ending}")
            self.overtaken = len(self.changed)
        except DeployError as error:
            self.said.append(f"  {verb} beside it: {type(error).__name__}: {error.what}")
            if self.changed[before:]:
                self.broken.append(f"{verb} was refused and changed {self.changed[before:]}")
        finally:
            self.world.listeners[:] = listeners

    def upset(self, upset: hands.Upset) -> None:
        """It happens; what it breaks itself is no fault of sc-deploy."""
        before = len(self.world.violations)
        done = upset(self.world)
        self.said.append(f"  {upset.__name__}: {'done' if done else 'nothing to do'}")
        del self.world.violations[before:]
        self.hurt |= done and upset in hands.HURTING

    # What must hold --------------------------------------------------------------------------------

    def _check_outcome(self, outcome: Result | DeployError | None, changed: list[str]) -> None:
        if isinstance(outcome, DeployError):
            self.said.append(f"  {type(outcome).__name__}: {outcome.what}")
            assert outcome.exit_code is not ExitCode.BUG, self.told(f"a bug: {outcome!r}")
            if isinstance(outcome, Refused | Locked) and not isinstance(outcome, LeaseLost):
                assert changed == [], self.told(f"refused, and changed {changed}")
        elif outcome is not None:
            self.said.append(f"  {outcome.ending}: {outcome.words} / {outcome.traffic} / {outcome.next_step}")
            self._check_ending(outcome)
        self._check_invariants()

    def _check_invariants(self) -> None:
        """Where somebody has taken all hosts of a fleet away, weight stands on nobody, whatever is done."""
        found = [one for one in self.world.violations if not (self.hurt and "no target is healthy" in one)]
        self.world.violations.clear()
        assert found == [], self.told("; ".join(found))

    def _check_ending(self, result: Result) -> None:
        header = self.world.ports().journal.header(result.header.number)
        assert header is not None
        assert header.ending is result.ending, self.told(f"{result.ending}, journalled as {header.ending}")
        assert result.traffic, self.told("an ending that does not say where the traffic is")
        weights = self.world.weights()
        for line in result.traffic:
            tier, _, words = line.partition(": ")
            for version in weights.get(tier, {}):
                assert version in words, self.told(f"{weights}, told as {words}")
        if result.ending in (Ending.RELEASED, Ending.ROLLED_BACK, Ending.ABORTED) and not self.hurt:
            for tier, shares in weights.items():
                assert len(shares) == 1, self.told(f"{result.ending} with {shares} on {tier}")
        if result.ending in (Ending.HALTED, Ending.INTERRUPTED):
            assert result.next_step, self.told("a halt that says nothing about what to do")

    def _check_users(self) -> None:
        """Nobody's request was lost, unless somebody else took the hosts away."""
        ledger = self.world.cloud.traffic.ledger
        lost = sum(n for (_, what), n in ledger.items() if what in NOT_BY_THE_RELEASE)
        if not self.hurt:
            assert lost == self.lost, self.told(f"{lost - self.lost} requests were lost")
        self.lost = lost
        self._check_invariants()

    def _whole(self) -> bool:
        """One release serves on every tier, and all its hosts do."""
        tiers = self.world.deployer().observe().tiers
        fleets = [tier.live for tier in tiers if len(self.world.weights()[tier.tier]) == 1]
        health = self.world.ports().balancer.health
        return len(fleets) == len(tiers) and all(
            fleet is not None
            and fleet.target_group is not None
            and fleet.group is not None
            and health(fleet.target_group.arn).healthy >= fleet.group.desired
            for fleet in fleets
        )

    def teardown(self) -> None:
        """All is quiet: with the verbs alone, back to a release that serves and nothing left over."""
        if not hasattr(self, "world"):
            return
        self.said.append("-- all is quiet")
        self.world.cloud.world.conditions.clear()
        hands.stickiness_is_switched_off(self.world)
        self.world.clock.sleep(LATE)
        self._finish_what_is_open()
        self.hurt = True  # what was hurt before is healed now, and users notice that too
        last = self.do(Verb.DESPITE)
        assert isinstance(last, Result), self.told("nothing can be promoted any more")
        assert last.ending is Ending.RELEASED, self.told("a good release is not released any more")
        for tier, shares in self.world.weights().items():
            assert shares == {GOOD: 100}, self.told(f"{tier} has {shares}")
        self.do(Verb.TEARDOWN)
        assert self.world.orphans() == [], self.told(f"left over: {self.world.orphans()}")
        self.hurt = False
        self.lost = sum(n for (_, w), n in self.world.cloud.traffic.ledger.items() if w in NOT_BY_THE_RELEASE)
        self.wait(60)

    def _finish_what_is_open(self) -> None:
        """Resume, and where a person is asked: abort; then nothing is open."""
        for verb in (Verb.RESUME, Verb.ABORT, Verb.ABORT):
            if not any(header.ending.open for header in self.world.deployer().history(5)):
                return
            self.do(verb)
        still = [header for header in self.world.deployer().history(5) if header.ending.open]
        assert not still, self.told("a deployment that no verb ends")

    def told(self, what: str) -> str:
        """`what`, and how it came to it."""
        return "\n".join([what, *self.said, self.world.story()])


def _carry_out(verb: Verb, deployer: Any, world: World) -> Result:
    """What the command of that name does."""
    acts: dict[Verb, Callable[[], Result]] = {
        Verb.GOOD: lambda: deployer.run(deployer.plan_promotion(GOOD)),
        Verb.BAD: lambda: deployer.run(deployer.plan_promotion(BAD)),
        Verb.FIRST: lambda: deployer.run(deployer.plan_promotion("v1.0.0")),
        Verb.DESPITE: lambda: deployer.run(deployer.plan_promotion(GOOD, despite="it must go out")),
        Verb.TAKE_OVER: lambda: deployer.take_over_unfinished(deployer.unfinished().number, reason="again"),
        Verb.RESUME: deployer.resume,
        Verb.ABORT: deployer.abort,
        Verb.ROLLBACK: lambda: deployer.run(deployer.plan_rollback(reason="by hand")),
        Verb.TEARDOWN: lambda: deployer.run(deployer.plan_teardown(everything=False)),
        Verb.TEARDOWN_ALL: lambda: deployer.run(deployer.plan_teardown(everything=True)),
    }
    return acts[verb]()
