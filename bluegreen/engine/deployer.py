"""The verbs of sc-deploy that change a stack: run, resume, abort, hold, continue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bluegreen.contract import Contract
from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import Header, open_header
from bluegreen.domain.lease import Holder
from bluegreen.domain.plan import Intent, Plan, StepKind
from bluegreen.domain.reports import HoldAnswer, Result
from bluegreen.engine import rolling_back
from bluegreen.engine.accepting import Wanted, accepted
from bluegreen.engine.attesting import NOBODY, attestations
from bluegreen.engine.deployment import hold as holding
from bluegreen.engine.deployment.follow import follow
from bluegreen.engine.deployment.open import Opener, not_finished
from bluegreen.engine.deployment.take_over import LeaseWatch, acquire, give_back, take_over
from bluegreen.engine.notices import Notices, unresolved
from bluegreen.engine.outcome import conduct, roll_back
from bluegreen.engine.recorder import Subscriber
from bluegreen.engine.run import Run
from bluegreen.errors import CloudUnavailable, DeployError, Locked, Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports

Note = Callable[[str], None]


def _silent(_words: str) -> None:
    """For callers that show nothing beside the journal."""


class Deployer:
    """What the command line calls. `subscribers` hear every journal entry once it is durable."""

    def __init__(
        self,
        *,
        contract: Contract,
        policy: Policy,
        ports: Ports,
        owner: str,
        subscribers: Sequence[Subscriber] = (),
    ) -> None:
        self._contract, self._policy, self._ports = contract, policy, ports
        self._owner, self._subscribers = owner, tuple(subscribers)
        self._run: Run | None = None
        self._interrupted = False

    def run(self, plan: Plan, *, attested: Mapping[str, str] = NOBODY, note: Note = _silent) -> Result:
        """Carry out a plan. Raises Locked, Refused (nothing changed), LeaseLost.

        `attested`: who answers for each item of the before-checklist that the policy asks people for.

        `note` gets what is waited for: a lease that its holder has let run out.
        """
        said = attestations(plan, self._policy, attested, operator=self._owner)
        for ban in plan.bans:
            # First: whatever becomes of the rollback, nobody releases it again.
            self._ports.bans.add(replace(ban, by=self._owner, at=self._ports.clock.now()))
        header = self._ports.journal.header(plan.number)
        if plan.intent is Intent.ROLLBACK and header is not None and header.ending.open:
            return self.abort(plan.number, reason=plan.reason, down=plan.has(StepKind.MIGRATE_DOWN))
        why = f"{plan.intent} {plan.release.version if plan.release else ''}".strip()
        try:
            holder = self._acquire(plan.number, why)
        except Locked:
            held = self._ports.lease.holder()
            if held is not None and held.expires > self._ports.clock.now():
                raise
            holder = self._take(plan.number, why, note)

        def begin() -> Run:
            unfinished = open_header(self._ports.journal.history(limit=5))
            if unfinished:
                raise not_finished(unfinished)
            run = self._opener(holder).create(plan, self._contract, self._policy)
            for event in said:
                run.note(event)
            return run

        return self._conduct(holder, begin, conduct)

    def resume(
        self,
        number: int | None = None,
        *,
        skip_down: bool = False,
        accept: Sequence[Wanted] = (),
        reason: str = "",
        note: Note = _silent,
    ) -> Result:
        """Continue an unfinished deployment, from any machine; waits out a dead deployer's lease.

        With `skip_down` its down migration is not run: a human ran it, or does not want it. What `accept`
        names counts as passed from now on, because of `reason`, unless there is evidence against green.
        `note` gets what is waited for, in words. Raises Refused, Locked (its deployer lives), LeaseLost.
        """
        header = self.unfinished(number)
        entries = self._ports.journal.entries(header.number) if accept else ()
        decided = accepted(entries, accept, operator=self._owner, reason=reason)
        holder = self._take(header.number, "resume", note)

        def reopened() -> Run:
            run = self._opener(holder).reopen(header)
            if skip_down:
                rolling_back.skip_down(run)
            for event in decided:
                run.note(event)
            return run

        return self._conduct(holder, reopened, conduct)

    def abort(
        self, number: int | None = None, *, reason: str = "", down: bool = False, note: Note = _silent
    ) -> Result:
        """Roll back an unfinished deployment, with `down` its migration too (R8).

        Where another process drives it, ask that one to. Raises Refused: nothing is unfinished, or its
        down migration cannot run; Locked, LeaseLost.
        """
        header = self.unfinished(number)
        if down:
            rolling_back.plan_open_rollback(self._ports, header, reason=reason, down=True)
        words = reason or f"abort by {self._owner}"
        acquire = partial(self._acquire, header.number, "abort")
        try:
            holder = acquire()
        except Locked:
            watch = LeaseWatch(self._ports)
            if self._ports.lease.request_stop(words, down=down) is not None:
                note("another process runs this deployment; it was asked to roll it back")
                result = follow(header, self._contract, self._ports, self._subscribers, watch)
                if result is not None:
                    if down and not rolling_back.ran_down(self._ports, header.number):
                        note("the down migration has not run; `sc-deploy history` shows why")
                    return result
                note("that process no longer answers; this one takes over")
            holder = acquire(watch.holder)
        return self._conduct(
            holder,
            partial(self._opener(holder).reopen, header),
            partial(roll_back, reason=words, down=down, asked=True),
        )

    def hold(
        self,
        number: int | None = None,
        *,
        reason: str = "",
        seconds: float | None = None,
        note: Note = _silent,
    ) -> HoldAnswer:
        """Ask whoever runs the deployment to begin no further step; for `seconds`, or as the policy says.

        Raises Refused where nothing is unfinished, it is being rolled back, or ends before it could hold.
        """
        header = self.unfinished(number)
        wanted = Hold(
            deployment=header.number,
            by=self._owner,
            why=reason,
            at=self._ports.clock.now(),
            seconds=seconds,
        )
        return holding.hold(self._ports, header, wanted, note=note)

    def let_continue(self, hold: Hold, *, reason: str = "") -> HoldAnswer:
        """Lift exactly the hold that the person was shown. Raises Refused."""
        header = self.unfinished(hold.deployment)
        return holding.let_continue(self._ports, header, hold, by=self._owner, why=reason)

    def held(self, number: int | None = None) -> Hold:
        """The hold in force on the unfinished deployment; raises Refused where there is none."""
        return holding.in_force(self._ports, self.unfinished(number))

    def take_over_unfinished(self, number: int, *, reason: str, note: Note = _silent) -> Result:
        """Roll back what a dead deployer left, for another release to begin.

        For pipelines, where nobody is there to resume or abort by hand. A deployer that lives is left alone:
        raises Locked, after its lease has been watched for as long as a dead one's takes to run out.
        """
        header = self.unfinished(number)
        holder = self._take(header.number, "take over", note)
        back = partial(roll_back, reason=reason, asked=True)
        return self._conduct(holder, partial(self._opener(holder).reopen, header), back)

    def interrupt(self) -> None:
        """Stop at the next safe point; callable from a signal handler."""
        self._interrupted = True
        if self._run:
            self._run.heartbeat.interrupt()

    def _take(self, number: int, why: str, note: Note) -> Holder:
        """The lease, waited for where its holder may be dead. Raises Locked (it lives), Interrupted."""
        return take_over(
            partial(self._acquire, number, why),
            ports=self._ports,
            note=note,
            interrupted=lambda: self._interrupted,
        )

    def _acquire(self, number: int, why: str, dead: Holder | None = None) -> Holder:
        return acquire(self._ports, self._policy, owner=self._owner, why=why, deployment=number, dead=dead)

    def unfinished(self, number: int | None = None) -> Header:
        """The deployment that is open, by default the only one; raises Refused where it is not."""
        if number is None:
            found = open_header(self._ports.journal.history(limit=5))
            number = found.number if found else None
        header = self._ports.journal.header(number) if number is not None else None
        if header is None or not header.ending.open:
            what = f"deployment #{number} is {header.ending if header else 'unknown'}" if number else ""
            raise Refused(
                what or "no deployment is unfinished", next_step="`sc-deploy history` lists the deployments"
            )
        header.check_schema()
        return header

    def _opener(self, holder: Holder) -> Opener:
        # Whoever only follows another process's deployment tells nobody: that process does.
        notices = Notices(self._ports.pager, self._earlier())
        told: tuple[Subscriber, ...] = (*self._subscribers, notices)
        return Opener(ports=self._ports, holder=holder, subscribers=told)

    def _earlier(self) -> tuple[int, ...]:
        """The deployments whose incidents a good end closes."""
        # No reason to keep a deployment from running: they stay open then.
        with suppress(DeployError):
            return unresolved(self._ports.journal.history())
        return ()

    def _conduct(self, holder: Holder, begin: Callable[[], Run], how: Callable[[Run], Result]) -> Result:
        # A crash leaves the lease to expire by itself: whoever comes next must know that nobody
        # finished this. Every planned ending gives it back at once.
        try:
            self._run = begin()
            if self._interrupted:
                self._run.heartbeat.interrupt()
            result = how(self._run)
        except (Refused, CloudUnavailable):
            give_back(self._ports, holder)
            raise
        give_back(self._ports, self._run.heartbeat.holder)
        return result
