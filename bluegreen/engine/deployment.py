"""Opens a deployment: a new one, or one that another process left behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bluegreen.contract import Contract
from bluegreen.domain.journal import Entry, EntryKind, Header, RunState, fold
from bluegreen.domain.lease import Holder
from bluegreen.domain.plan import Plan, StepKind, TierPlan
from bluegreen.domain.returning import journalled
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
    token = secrets.token_hex(8)
    documents: dict[str, Any] = {
        "plan": plan.to_document(),
        "policy": policy.model_dump(mode="json", by_alias=True),
        "contract": contract.model_dump(mode="json"),
        "preview": token,
    }
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
    run = _run(
        header,
        RunState(),
        plan=plan,
        contract=contract,
        policy=policy,
        ports=ports,
        holder=holder,
        subscribers=subscribers,
    )
    run.recorder.say(EntryKind.RUN_STARTED, plan=documents["plan"], operator=holder.owner)
    return run


def reopen(
    header: Header, *, ports: Ports, holder: Holder, subscribers: Sequence[Subscriber], operator: str
) -> Run:
    """Continue a deployment from its journal, on any machine, with the documents it began with."""
    entries = ports.journal.entries(header.number)
    state = fold(entries)
    document = state.current or header.documents.get("plan")
    if document is None:
        raise Refused(f"deployment #{header.number} has no plan to go on with", next_step="sc-deploy status")
    contract = Contract.model_validate(header.documents["contract"])
    policy = Policy.model_validate(header.documents["policy"])
    plan = Plan.from_document(dict(document))
    stands = again(lambda: observe(contract, ports), clock=ports.clock, patience=policy.lease.patience)
    run = _run(
        header,
        state,
        plan=plan,
        contract=contract,
        policy=policy,
        ports=ports,
        holder=holder,
        subscribers=subscribers,
    )
    run.results.update(_still_valid(plan, state.done))
    run.started.update({*state.done, *state.undone})
    _remember(run, entries)
    green = {str(item.tier): _green_share(item, plan.number, stands) for item in plan.tiers}
    run.recorder.say(EntryKind.RUN_RESUMED, operator=operator, plan=document, green=green)
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
        for tier, one in journalled(entries).items()
        if any(one.done(found) for found in state.tiers if found.tier == tier)
    }
    if back:
        words = ", ".join(f"{tier} to {one.version}" for tier, one in back.items())
        returned = {str(tier): one.version for tier, one in back.items()}
        run.warn(
            f"while this deployment stood still, the watchdog put all traffic back: {words}",
            returned=returned,
        )


def _run(
    header: Header,
    state: RunState,
    *,
    plan: Plan,
    contract: Contract,
    policy: Policy,
    ports: Ports,
    holder: Holder,
    subscribers: Sequence[Subscriber],
) -> Run:
    recorder = Recorder(
        journal=ports.journal,
        clock=ports.clock,
        header=header,
        token=holder.token,
        last_seq=state.last_seq,
        patience=policy.lease.patience,
        subscribers=subscribers,
    )
    heartbeat = Heartbeat(ports, holder=holder, ttl=policy.lease.ttl)
    ports.fence.close(heartbeat.must_hold)
    return Run(
        contract=contract,
        policy=policy,
        ports=ports,
        plan=plan,
        recorder=recorder,
        heartbeat=heartbeat,
        preview_token=str(header.documents["preview"]),
    )


def _still_valid(plan: Plan, done: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What need not be done again.

    Until green is accepted the world may have moved on without us: the watchdog may have put blue
    back, green may have fallen ill. So health, watchdog and the last weights are made true anew (all of
    them are harmless where they still are). The watchdog above all: it was armed by a process that is
    gone, and fires in the middle of this one unless this one keeps pushing it forward.
    """
    disarmed = [step.id in done for step in plan.steps if step.kind is StepKind.STAND_DOWN]
    if disarmed and all(disarmed):
        return dict(done)
    # Where only some tiers are disarmed, the others' watchdogs may have acted: all of it once more.
    kinds = (StepKind.HEALTHY, StepKind.WATCHDOG, StepKind.STAND_DOWN)
    again = {step.id for step in plan.steps if step.kind in kinds}
    shifts = [step for step in plan.steps if step.kind is StepKind.WEIGHTS and step.id in done]
    again |= {step.id for step in shifts if step.percent == shifts[-1].percent}
    return {step_id: data for step_id, data in done.items() if step_id not in again}


def _remember(run: Run, entries: Iterable[Entry]) -> None:
    """What was measured, when the weights moved and how far the down migration is, as journalled."""
    for entry in entries:
        run.record.add(entry)
        if entry.kind is EntryKind.STEP_PROGRESS and "down" in entry.data:
            run.down = dict(entry.data["down"])
