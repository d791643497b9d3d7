"""The after-checklist (C3) against what serves now: the strategy's verify-deployment. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from bluegreen.contract import Contract, Tier
from bluegreen.domain.checklist import Established, ItemOutcome
from bluegreen.domain.stack import Fleet, StackState
from bluegreen.engine import probes
from bluegreen.engine.arms import serving
from bluegreen.engine.checks.liveness import monitoring, paging
from bluegreen.engine.status import observe
from bluegreen.errors import DeployError
from bluegreen.policy import Item, Phase, Policy, SmokeTest, items_of
from bluegreen.ports import Ports, Request

RECENT = 900.0
"""Seconds whose requests say whether performance is normal."""
_FEW = 100
"""Requests below which a share of errors says little."""
_ATTEMPTS = 3

Found = tuple[ItemOutcome, str]


def verify(contract: Contract, policy: Policy, ports: Ports) -> tuple[Established, ...]:
    """Every item of the after-checklist, at the same time; raises CloudUnavailable, LoggedOut."""
    state = observe(contract, ports)
    looks: Mapping[str, Callable[[], Found]] = {
        "services": partial(_services, state, ports),
        "functions": partial(_functions, policy, ports),
        "ai-functions": partial(_ai, contract, policy, ports),
        "figures": partial(_figures, state, policy, ports),
        "monitoring": partial(_monitoring, contract, ports),
        "alerting": partial(_alerting, ports),
        "access": partial(_access, contract, policy, state, ports),
    }
    items = items_of(Phase.AFTER)
    found: list[Established] = ports.parallel([partial(_guarded, one, looks[one.id], ports) for one in items])
    return tuple(found)


def _guarded(item: Item, look: Callable[[], Found], ports: Ports) -> Established:
    try:
        outcome, evidence = look()
    except DeployError as error:
        outcome, evidence = ItemOutcome.OPEN, f"could not be asked: {error.what}"
    return Established(item=item, outcome=outcome, evidence=evidence, at=ports.clock.now())


def _together(faults: Iterable[str], good: str) -> Found:
    words = "; ".join(faults)
    return (ItemOutcome.FAILED, words) if words else (ItemOutcome.HOLDS, good)


def _lives(state: StackState) -> list[Fleet]:
    return [one.live for one in state.tiers if one.live is not None]


def _services(state: StackState, ports: Ports) -> Found:
    """Each tier's live fleet has all its targets in service, and carries the traffic."""
    faults: list[str] = []
    told: list[str] = []
    for tier in state.tiers:
        live = tier.live
        if live is None or live.target_group is None:
            faults.append(f"{tier.tier}: nothing is live")
            continue
        health, wanted = ports.balancer.health(live.target_group.arn), live.group.desired if live.group else 1
        words = f"{tier.tier}: {health.healthy} of {max(wanted, 1)} targets of {live.version} healthy"
        (told if health.healthy >= max(wanted, 1) else faults).append(words)
    return _together(faults, "; ".join(told))


def _functions(policy: Policy, ports: Ports) -> Found:
    if not policy.smoke:
        return ItemOutcome.OPEN, "no smoke test is declared: [[smoke]] in deploy.toml"
    faults = ports.parallel([partial(_smoke, test, policy, ports) for test in policy.smoke])
    return _together(filter(None, faults), f"{len(policy.smoke)} smoke tests pass")


def _smoke(test: SmokeTest, policy: Policy, ports: Ports) -> str:
    """What is wrong with it at the last of a few attempts: one lost packet is no outage."""
    fault = None
    for _ in range(_ATTEMPTS):
        fault = probes.run_smoke(test, ports.prober, {}, policy.probes.timeout)
        if fault is None:
            return ""
    return f"{test.name}: {fault}"


def _ai(contract: Contract, policy: Policy, ports: Ports) -> Found:
    if all(tier.name is not Tier.AI for tier in contract.tiers):
        return ItemOutcome.NOT_APPLICABLE, "the stack has no ai tier"
    faults: list[str] = []
    told = []
    tests = [test for test in policy.smoke if test.tier == Tier.AI]
    if tests:
        found = ports.parallel([partial(_smoke, test, policy, ports) for test in tests])
        faults += filter(None, found)
        told.append(f"{len(tests)} smoke tests pass")
    if policy.golden is not None:
        score = probes.ask_golden(
            policy.golden, ports, headers={}, beat=lambda: None, timeout=policy.probes.timeout
        )
        limit = policy.judge.accuracy_drop_limit
        if fault := probes.golden_fault(score, None, limit, who="the ai tier", than="the known answers"):
            faults.append(fault)
        told.append(f"right on {score.right} of {score.asked} questions of the golden set")
    if not told:
        return ItemOutcome.OPEN, "neither a golden set nor a smoke test of the ai tier is declared"
    return _together(faults, "; ".join(told))


def _figures(state: StackState, policy: Policy, ports: Ports) -> Found:
    """Errors of the last quarter of an hour below the limit of a release, and no alarm."""
    firing, arms = ports.environment.alarms_firing(), serving(state)
    faults = [f"alarm {one}" for one in firing]
    if not arms:
        return (
            _together(faults, "") if faults else (ItemOutcome.OPEN, "nothing is live that could be measured")
        )
    now = ports.clock.now()
    found = ports.metrics.collect(arms, since=now - RECENT, until=now, slow_ms={})
    requests: Counter[Tier] = Counter()
    errors: Counter[Tier] = Counter()
    source = {one.tier: one.source for one in reversed(found.periods) if one.counts_errors}
    for one in found.periods:
        if one.counts_errors and one.source == source[one.tier]:
            requests[one.tier] += one.requests
            errors[one.tier] += one.errors
    told = [_told(arm.tier, requests[arm.tier], errors[arm.tier]) for arm in arms]
    faults += [
        words
        for arm, words in zip(arms, told, strict=True)
        if requests[arm.tier] >= _FEW and errors[arm.tier] > policy.judge.error_limit * requests[arm.tier]
    ]
    if found.troubles and not faults:
        return ItemOutcome.OPEN, "; ".join(found.troubles)
    return _together(faults, f"no alarm; in the last {RECENT / 60:.0f} minutes {'; '.join(told)}")


def _told(tier: Tier, requests: int, errors: int) -> str:
    if not requests:
        return f"{tier}: no request"
    return f"{tier}: {errors:,} of {requests:,} requests failed"


def _monitoring(contract: Contract, ports: Ports) -> Found:
    ok, words, _ = monitoring(contract, ports)
    return {True: ItemOutcome.HOLDS, False: ItemOutcome.FAILED, None: ItemOutcome.OPEN}[ok], words


def _alerting(ports: Ports) -> Found:
    rows = paging(ports)
    if not rows:
        return ItemOutcome.OPEN, "the stack pages nobody"
    bad = [f"{one.name}: {one.words}" for one in rows if one.ok is False]
    return _together(bad, f"{len(rows)} channels have what they need; `sc-deploy notify test` tries them")


def _access(contract: Contract, policy: Policy, state: StackState, ports: Ports) -> Found:
    """Whether the front door, by the name that users know, leads to what is live."""
    lives = {one.tier: one for one in _lives(state)}
    if not lives:
        return ItemOutcome.FAILED, "nothing is live"
    faults, through = [], set[str]()
    for tier in contract.tiers:
        if (live := lives.get(tier.name)) is None:
            continue
        answer = ports.prober.send(Request(url_path=tier.version_path, timeout=policy.probes.timeout))
        model = live.model.version if live.model else None
        _, fault = probes.version_fault(answer, live.version, model)
        if fault:
            faults.append(f"{tier.name}: {fault}")
        elif probes.through_cdn(answer):
            through.add("CloudFront")
    behind = f" through {', '.join(through)}" if through else ""
    return _together(faults, f"{contract.base_url} answers{behind} with what is live")


def failed(found: Sequence[Established]) -> tuple[Established, ...]:
    """The items that do not hold."""
    return tuple(one for one in found if one.outcome is ItemOutcome.FAILED)
