"""Opens a deployment: a new one, or one that another process left behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bluegreen.contract import Contract
from bluegreen.domain.journal import (
    CommandBegun,
    Documents,
    DownMigrationTried,
    Entry,
    Header,
    RunResumed,
    RunStarted,
    RunState,
    StepResult,
    Warned,
    fold,
    left_behind,
    open_header,
)
from bluegreen.domain.lease import Holder
from bluegreen.domain.plan import Plan, Step, StepKind, TierPlan
from bluegreen.domain.stack import StackState
from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.engine.holding import Holding
from bluegreen.engine.recorder import Recorder, Subscriber
from bluegreen.engine.run import Run
from bluegreen.engine.status import observe
from bluegreen.errors import Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports
from bluegreen.ports.wait import patiently


def not_finished(header: Header) -> Refused:
    """Why nothing else may begin while deployment `header` is open."""
    return Refused(
        f"deployment #{header.number} is not finished: {header.ending}",
        next_step="`sc-deploy resume` continues it, `sc-deploy abort` rolls it back",
    )


def refuse_open(headers: Iterable[Header], *, stack: str, ports: Ports) -> None:
    """Raises Refused while a deployment is open, and Locked where its deployer lives."""
    found = open_header(headers)
    if found is None:
        return
    holder, now = ports.lease.holder(), ports.clock.now()
    if holder is not None and holder.expires > now:
        raise holder.locked(stack, now=now)
    raise not_finished(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Opens a deployment under the lease that `holder` shows."""

    ports: Ports
    holder: Holder
    subscribers: Sequence[Subscriber]

    def create(self, plan: Plan, contract: Contract, policy: Policy) -> Run:
        """A new deployment; Refused when its number is taken: the plan is stale."""
        journal, clock, holder = self.ports.journal, self.ports.clock, self.holder
        header = Header(
            number=plan.number,
            stack=plan.stack,
            intent=plan.intent,
            version=plan.release.version if plan.release else "",
            operator=holder.owner,
            started_at=clock.now(),
            reason=plan.reason,
            fingerprint=plan.fingerprint,
            documents=Documents(
                plan=plan, policy=policy, contract=contract, preview_token=secrets.token_hex(8)
            ),
        )
        create = partial(journal.create, header, token=holder.token)
        patiently(create, clock=clock, patience=policy.lease.patience)
        run = self._run(header, RunState())
        run.recorder.write(RunStarted(plan=plan, operator=holder.owner))
        return run

    def reopen(self, header: Header) -> Run:
        """An unfinished deployment, continued from its journal with the documents it began with."""
        entries = self.ports.journal.entries(header.number)
        state = fold(entries)
        run = self._run(header, state)
        look = partial(observe, run.contract, self.ports)
        found = patiently(look, clock=self.ports.clock, patience=run.policy.lease.patience)
        run.done.update(_still_valid(run.plan, state.done))
        run.started.update({*state.done, *state.undone})
        run.left_undone.update(state.undone)
        _remember(run, entries)
        shares = {item.tier: _green_share(item, run.plan.number, found) for item in run.plan.tiers}
        run.recorder.write(RunResumed(operator=self.holder.owner, shares=shares))
        _tell_returned(run, entries, found)
        return run

    def _run(self, header: Header, state: RunState) -> Run:
        documents, ports = header.began_with, self.ports
        lease = documents.policy.lease
        recorder = Recorder(
            journal=ports.journal,
            clock=ports.clock,
            header=header,
            token=self.holder.token,
            last_seq=state.last_seq,
            patience=lease.patience,
            subscribers=self.subscribers,
        )
        heartbeat = Heartbeat(ports, holder=self.holder, ttl=lease.ttl)
        ports.fence.close(heartbeat.must_hold)
        return Run(
            contract=documents.contract,
            policy=documents.policy,
            ports=ports,
            plan=state.current or documents.plan,
            recorder=recorder,
            heartbeat=heartbeat,
            holding=Holding(
                recorder=recorder, heartbeat=heartbeat, policy=documents.policy.hold, clock=ports.clock
            ),
            preview_token=documents.preview_token,
        )


def _green_share(item: TierPlan, number: int, state: StackState) -> int:
    """The percentage that the live rule gives green now, or the fleet that is removed."""
    tier = state.of(item.tier)
    fleet = tier.fleet(item.failed.deployment if item.failed else number)
    return tier.percent(fleet) if fleet else 0


def _tell_returned(run: Run, entries: Sequence[Entry], state: StackState) -> None:
    """Journal what the watchdog did while nobody was there to do so."""
    back = {
        tier: one
        for tier, one in left_behind(entries).items()
        if any(one.done(found) for found in state.tiers if found.tier == tier)
    }
    if back:
        words = ", ".join(f"{tier} to {one.version}" for tier, one in back.items())
        told = f"while no process ran this deployment, the watchdog put all traffic back: {words}"
        run.recorder.write(Warned(words=told, returned=tuple(back)))


def _still_valid(plan: Plan, done: Mapping[Step, StepResult | None]) -> dict[Step, StepResult | None]:
    """What need not be done again.

    Until green is accepted the stack may have changed without us: the watchdog may have put blue
    back, green may be unhealthy. So health, watchdog and the last weights are made true again (which is
    harmless where they still are). The watchdog above all: it was armed by a process that is
    gone, and fires in the middle of this one unless this one keeps pushing it forward.

    What is in no rule any more stays out: weights written again would name it, and nobody takes it out twice.
    """
    disarmed = [step in done for step in plan.steps if step.kind is StepKind.STAND_DOWN]
    if disarmed and all(disarmed):
        return dict(done)
    # Where only some tiers are disarmed, the others' watchdogs may have acted: all of it once more.
    kinds = (StepKind.HEALTHY, StepKind.WATCHDOG, StepKind.STAND_DOWN)
    again = {step for step in plan.steps if step.kind in kinds}
    shifts = [step for step in plan.steps if step.kind is StepKind.WEIGHTS and step in done]
    again |= {step for step in shifts if step.percent == shifts[-1].percent}
    over = {step.tier for step in done if step.kind is StepKind.DETACH and step.deployment is None}
    return {step: result for step, result in done.items() if step not in again or step.tier in over}


def _remember(run: Run, entries: Iterable[Entry]) -> None:
    """What was measured, when the weights moved and how far the migrations are, as journalled."""
    for entry in entries:
        run.record.add(entry.event, entry.at)
        run.holding.remember(entry.event)
        if isinstance(entry.event, DownMigrationTried):
            run.down = entry.event.attempt
        elif isinstance(entry.event, CommandBegun):
            run.commands[entry.event.name] = entry.event.handle
