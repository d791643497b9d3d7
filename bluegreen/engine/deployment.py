"""Opens a deployment: a new one, or one that another process left behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

from bluegreen.contract import Contract
from bluegreen.domain.journal import (
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
)
from bluegreen.domain.lease import Holder
from bluegreen.domain.plan import Plan, Step, StepKind, TierPlan
from bluegreen.domain.stack import StackState
from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.engine.observe import observe
from bluegreen.engine.recorder import Recorder, Subscriber
from bluegreen.engine.run import Run
from bluegreen.engine.wait import again
from bluegreen.errors import Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports


def open_header(headers: Iterable[Header]) -> Header | None:
    """The deployment that has not ended, if there is one."""
    return next((header for header in headers if header.ending.open), None)


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


def create(
    plan: Plan,
    *,
    contract: Contract,
    policy: Policy,
    ports: Ports,
    holder: Holder,
    subscribers: Sequence[Subscriber],
) -> Run:
    """Open a new deployment under the lease; Refused when its number is taken: the plan is stale."""
    documents = Documents(plan=plan, policy=policy, contract=contract, preview_token=secrets.token_hex(8))
    header = Header(
        number=plan.number,
        stack=plan.stack,
        intent=plan.intent,
        version=plan.release.version if plan.release else "",
        operator=holder.owner,
        started_at=ports.clock.now(),
        reason=plan.reason,
        fingerprint=plan.fingerprint,
        documents=documents,
    )
    again(
        lambda: ports.journal.create(header, token=holder.token),
        clock=ports.clock,
        patience=policy.lease.patience,
    )
    run = _run(header, RunState(), ports=ports, holder=holder, subscribers=subscribers)
    run.recorder.write(RunStarted(plan=plan, operator=holder.owner))
    return run


def reopen(
    header: Header, *, ports: Ports, holder: Holder, subscribers: Sequence[Subscriber], operator: str
) -> Run:
    """Continue a deployment from its journal, on any machine, with the documents it began with."""
    entries = ports.journal.entries(header.number)
    state = fold(entries)
    run = _run(header, state, ports=ports, holder=holder, subscribers=subscribers)
    patience = run.policy.lease.patience
    stands = again(lambda: observe(run.contract, ports), clock=ports.clock, patience=patience)
    run.done.update(_still_valid(run.plan, state.done))
    run.started.update({*state.done, *state.undone})
    _remember(run, entries)
    shares = {item.tier: _green_share(item, run.plan.number, stands) for item in run.plan.tiers}
    run.recorder.write(RunResumed(operator=operator, shares=shares))
    _tell_returned(run, entries, stands)
    return run


def _green_share(item: TierPlan, number: int, state: StackState) -> int:
    """The percentage that the live rule gives green now, or the fleet that is taken out."""
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
        told = f"while this deployment stood still, the watchdog put all traffic back: {words}"
        run.recorder.write(Warned(words=told, returned=tuple(back)))


def _run(
    header: Header, state: RunState, *, ports: Ports, holder: Holder, subscribers: Sequence[Subscriber]
) -> Run:
    documents = header.began_with
    lease = documents.policy.lease
    recorder = Recorder(
        journal=ports.journal,
        clock=ports.clock,
        header=header,
        token=holder.token,
        last_seq=state.last_seq,
        patience=lease.patience,
        subscribers=subscribers,
    )
    heartbeat = Heartbeat(ports, holder=holder, ttl=lease.ttl)
    ports.fence.close(heartbeat.must_hold)
    return Run(
        contract=documents.contract,
        policy=documents.policy,
        ports=ports,
        plan=state.current or documents.plan,
        recorder=recorder,
        heartbeat=heartbeat,
        preview_token=documents.preview_token,
    )


def _still_valid(plan: Plan, done: Mapping[Step, StepResult | None]) -> dict[Step, StepResult | None]:
    """What need not be done again.

    Until green is accepted the world may have moved on without us: the watchdog may have put blue
    back, green may have fallen ill. So health, watchdog and the last weights are made true anew (all of
    them are harmless where they still are). The watchdog above all: it was armed by a process that is
    gone, and fires in the middle of this one unless this one keeps pushing it forward.
    """
    disarmed = [step in done for step in plan.steps if step.kind is StepKind.STAND_DOWN]
    if disarmed and all(disarmed):
        return dict(done)
    # Where only some tiers are disarmed, the others' watchdogs may have acted: all of it once more.
    kinds = (StepKind.HEALTHY, StepKind.WATCHDOG, StepKind.STAND_DOWN)
    again = {step for step in plan.steps if step.kind in kinds}
    shifts = [step for step in plan.steps if step.kind is StepKind.WEIGHTS and step in done]
    again |= {step for step in shifts if step.percent == shifts[-1].percent}
    return {step: result for step, result in done.items() if step not in again}


def _remember(run: Run, entries: Iterable[Entry]) -> None:
    """What was measured, when the weights moved and how far the down migration is, as journalled."""
    for entry in entries:
        run.record.add(entry.event)
        if isinstance(entry.event, DownMigrationTried):
            run.down = entry.event.attempt
