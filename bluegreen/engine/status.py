"""What exists in the stack, where the traffic is, and what an operator may do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from bluegreen.contract import Contract, Tag, Tier, TierContract
from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import SCHEMA, Header, left_behind, open_header
from bluegreen.domain.lease import Holder
from bluegreen.domain.release import Image, Model
from bluegreen.domain.reports import Status
from bluegreen.domain.returning import Return
from bluegreen.domain.stack import Fleet, Group, Rule, StackState, TargetGroup, TierState, is_ours
from bluegreen.ports import Ports


def observe(contract: Contract, ports: Ports) -> StackState:
    """Everything sc-deploy owns in the stack; three reads at the same time."""
    rules, target_groups, groups = ports.parallel(
        [ports.balancer.rules, ports.balancer.target_groups, ports.fleets.groups]
    )
    return StackState(
        stack=contract.stack,
        tiers=tuple(_tier(contract, tier, rules, target_groups, groups) for tier in contract.tiers),
    )


def _tier(
    contract: Contract,
    tier: TierContract,
    rules: Iterable[Rule],
    target_groups: Iterable[TargetGroup],
    groups: Iterable[Group],
) -> TierState:
    def here(tags: Mapping[str, str]) -> bool:
        return is_ours(tags, contract.stack) and tags.get(Tag.TIER) == tier.name

    ours = [rule for rule in rules if here(rule.tags)]
    parts: dict[int, tuple[TargetGroup | None, Group | None]] = {}
    for target_group in target_groups:
        if here(target_group.tags):
            number = int(target_group.tags.get(Tag.DEPLOYMENT, 0))
            parts[number] = (target_group, parts.get(number, (None, None))[1])
    for group in groups:
        if here(group.tags):
            number = int(group.tags.get(Tag.DEPLOYMENT, 0))
            parts[number] = (parts.get(number, (None, None))[0], group)
    return TierState(
        tier=tier.name,
        rule=next((rule for rule in ours if rule.preview_token is None), None),
        previews=tuple(rule for rule in ours if rule.preview_token is not None),
        fleets=tuple(
            _fleet(tier, number, target_group, group)
            for number, (target_group, group) in sorted(parts.items())
        ),
    )


def _fleet(tier: TierContract, number: int, target_group: TargetGroup | None, group: Group | None) -> Fleet:
    tags: Mapping[str, str] = {**(target_group.tags if target_group else {}), **(group.tags if group else {})}
    version = tags.get(Tag.RELEASE, "")
    uri, model = tags.get(Tag.IMAGE, ""), tags.get(Tag.MODEL)
    digest = uri.partition("@")[2]
    return Fleet(
        tier=tier.name,
        deployment=number,
        version=version,
        image=Image(repository=tier.image_repository, tag=version, digest=digest, uri=uri) if uri else None,
        model=Model(version=model, sha256=tags.get(Tag.MODEL_SHA256, "")) if model else None,
        color=tags.get(Tag.COLOR, ""),
        target_group=target_group,
        group=group,
    )


def traffic_words(
    state: StackState, returns: Mapping[Tier, Return] | None = None, *, now: float = 0.0
) -> tuple[str, ...]:
    """Where the traffic is, one line per tier: what every ending must say.

    With `returns` also when the watchdog moves it, or that it has done so.
    """
    known = returns or {}
    return tuple(
        _tier_words(tier) + (known[tier.tier].words(tier, now=now) if tier.tier in known else "")
        for tier in state.tiers
    )


def _tier_words(tier: TierState) -> str:
    if tier.rule is None:
        return f"{tier.tier}: no rule, visitors see the maintenance page"
    total = sum(tier.rule.weights.values())
    if not total:
        return f"{tier.tier}: the rule gives no target group any weight, visitors get 503"
    names = {fleet.target_group.arn: fleet for fleet in tier.fleets if fleet.target_group}
    shares = []
    for arn, weight in sorted(tier.rule.weights.items(), key=lambda item: -item[1]):
        if weight:
            fleet = names.get(arn)
            what = f"{fleet.version} (#{fleet.deployment})" if fleet else f"unknown target group {arn}"
            shares.append(f"{100 * weight / total:.3g} % {what}")
    return f"{tier.tier}: {', '.join(shares)}"


def look(contract: Contract, ports: Ports) -> Status:
    """The stack now; everything is asked for at the same time, health once the target groups are known."""
    state, holder, headers, watchdogs = ports.parallel(
        [
            partial(observe, contract, ports),
            ports.lease.holder,
            partial(ports.journal.history, limit=5),
            ports.watchdog.armed,
        ]
    )
    groups = [f.target_group.arn for tier in state.tiers for f in tier.fleets if f.target_group]
    found = ports.parallel([partial(ports.balancer.health, arn) for arn in groups])
    unfinished = open_header(headers)
    busy = holder if holder and holder.expires > ports.clock.now() else None
    return Status(
        state=state,
        health=dict(zip(groups, found, strict=True)),
        holder=busy,
        open=unfinished,
        watchdogs=watchdogs,
        traffic=traffic_words(state, _left_behind(ports, unfinished, busy)),
        next_step=_advice(state, busy, unfinished),
        hold=_hold(ports, unfinished),
    )


def _hold(ports: Ports, unfinished: Header | None) -> Hold | None:
    """The hold that is in force on the open deployment."""
    found = ports.lease.hold(unfinished.number) if unfinished else None
    return found if found and found.in_force else None


def _left_behind(ports: Ports, unfinished: Header | None, holder: Holder | None) -> Mapping[Tier, Return]:
    """What the watchdogs of a deployment that nobody drives will do, or have done."""
    if unfinished is None or holder is not None or unfinished.schema != SCHEMA:
        return {}
    return left_behind(ports.journal.entries(unfinished.number))


def _advice(state: StackState, holder: Holder | None, unfinished: Header | None) -> str:
    if holder and unfinished:
        return f"deployment #{unfinished.number} is running; `sc-deploy abort` rolls it back"
    if unfinished:
        return f"#{unfinished.number} is unfinished: `sc-deploy resume` or `sc-deploy abort`"
    if not any(tier.live for tier in state.tiers):
        return "nothing is live yet: `sc-deploy plan VERSION`"
    if any(tier.leftovers for tier in state.tiers):
        return "`sc-deploy rollback` is instant; `sc-deploy teardown` removes fleets without traffic"
    return ""
