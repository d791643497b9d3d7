"""From what an operator asks for to a plan: resolve versions, look at the stack, plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from bluegreen.contract import Contract, Tier, TierContract
from bluegreen.domain.journal import Header, open_header
from bluegreen.domain.migration import DatabaseRollback, snapshot_name
from bluegreen.domain.plan import Intent, Plan, StepKind
from bluegreen.domain.promotion import PromotionRequest, plan_promotion
from bluegreen.domain.release import Model, Release, TierRelease, is_release_version
from bluegreen.domain.rollback import plan_rollback_to_kept, plan_teardown
from bluegreen.domain.stack import StackState
from bluegreen.engine.deployment.open import refuse_open
from bluegreen.engine.rollback_target import Target, find_target
from bluegreen.engine.rolling_back import plan_open_rollback
from bluegreen.engine.security import refuse_banned
from bluegreen.engine.status import observe
from bluegreen.errors import Fault, Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports

_RECENT = 5
"""Deployments among which an unfinished one is looked for; there is one at most."""
_MEMORY = 50
"""Deployments that are looked through for an earlier good one."""


def promotion(
    contract: Contract,
    policy: Policy,
    ports: Ports,
    *,
    version: str,
    tiers: Sequence[Tier] = (),
    model: str | None = None,
    reason: str = "",
    despite: str = "",
    any_version: bool = False,
) -> Plan:
    """Plan `version` for all tiers, or for `tiers` alone; `model` for the tiers that have one.

    With `despite`, why it continues although the live fleet is sick or gone, alarms fire or releases are
    frozen: where no target of a live fleet is healthy there is no ramp.

    `any_version` allows a name that the policy's form of versions does not (P6).

    Raises Refused: a version of another form, unknown tier, image or model, a plan that cannot be carried
    out, or an unfinished deployment; and Locked where that one runs.
    """
    if policy.versions.form == "release" and not any_version and not is_release_version(version):
        raise Refused(
            f"{version!r} is not a release version: vX.Y.Z, or a pre-release such as v1.4.0-rc.1",
            next_step='tag the images so; `--any-version` allows this name once, and `form = "any"` of'
            " [versions] in deploy.toml always",
        )
    chosen = _chosen(contract, tiers)
    if model is not None and not any(tier.model for tier in chosen):
        raise Refused("--model names a model, but no chosen tier has one", next_step="release the ai tier")
    state, history = _seen(contract, ports, _RECENT)
    refuse_open(history, stack=contract.stack, ports=ports)
    resolves = [partial(_resolve, ports, tier, version, model, state) for tier in chosen]
    bans, *releases = ports.parallel([ports.bans.all, *resolves])
    refuse_banned(bans, version, [one.image for one in releases], stack=contract.stack)
    request = PromotionRequest(
        release=Release(version=version, tiers=tuple(releases)),
        number=_next_number(state, history),
        launch_templates=_templates(ports, chosen),
        reason=reason or (f"despite: {despite}" if despite else ""),
        despite=despite,
        unfit=_unfit(ports, state, chosen) if despite else frozenset(),
    )
    return plan_promotion(request, contract, policy, state)


def _unfit(ports: Ports, state: StackState, tiers: Sequence[TierContract]) -> frozenset[Tier]:
    """The tiers whose live fleet has no healthy target any more."""
    lives = {tier.name: live for tier in tiers if (live := state.of(tier.name).live)}
    groups = {name: live.target_group for name, live in lives.items() if live.target_group}
    healths = ports.parallel([partial(ports.balancer.health, one.arn) for one in groups.values()])
    healthy = dict(zip(groups, (one.healthy for one in healths), strict=True))
    return frozenset(name for name, live in lives.items() if live.group is None or not healthy.get(name))


def _seen(contract: Contract, ports: Ports, limit: int) -> tuple[StackState, tuple[Header, ...]]:
    """The stack, and its newest deployments."""
    state, history = ports.parallel(
        [partial(observe, contract, ports), partial(ports.journal.history, limit=limit)]
    )
    return state, history


def _chosen(contract: Contract, tiers: Sequence[Tier]) -> tuple[TierContract, ...]:
    known = {tier.name for tier in contract.tiers}
    unknown = [tier for tier in tiers if tier not in known]
    if unknown:
        raise Refused(
            f"stack {contract.stack} has no tier {', '.join(unknown)}",
            next_step=f"its tiers are {', '.join(sorted(known))}",
        )
    return tuple(tier for tier in contract.tiers if not tiers or tier.name in tiers)


def _resolve(
    ports: Ports, tier: TierContract, version: str, model: str | None, state: StackState
) -> TierRelease:
    image = ports.images.resolve(tier.image_repository, version)
    return TierRelease(tier=tier.name, version=version, image=image, model=_model(ports, tier, model, state))


def _model(ports: Ports, tier: TierContract, asked: str | None, state: StackState) -> Model | None:
    """The requested model, else the live one, else the one the pointer parameter names."""
    if tier.model is None:
        return None
    live = state.of(tier.name).live
    if asked is None and live and live.model:
        return live.model
    version = asked or ports.models.pointer(tier)
    if version is None:
        raise Refused(
            f"{tier.name}: no model is named and none is live yet",
            next_step="name one with --model VERSION, or set " + tier.model.pointer_parameter,
        )
    return ports.models.find(tier, version)


def _templates(ports: Ports, tiers: Sequence[TierContract]) -> dict[Tier, int]:
    versions = ports.parallel(
        [partial(ports.fleets.launch_template_version, tier.launch_template_id) for tier in tiers]
    )
    return {tier.name: number for tier, number in zip(tiers, versions, strict=True)}


def _next_number(state: StackState, history: Sequence[Header]) -> int:
    return max(state.last_deployment, max((header.number for header in history), default=0)) + 1


def rollback(
    contract: Contract,
    policy: Policy,
    ports: Ports,
    *,
    to: str | None,
    reason: str,
    down: bool = False,
    new_host: bool = False,
) -> Plan:
    """The fastest safe rollback, in this order.

    An unfinished deployment is rolled back. Fleets of the earlier release that still exist get the
    traffic at once (R6). Else the earlier release is deployed again, all at once after verification
    (R7), on the host that it was verified on unless `new_host` asks for today's. With `down` the live
    release's down migration runs before its fleets are removed (R8).
    The plan has no stages where `to` is live already.
    Raises Refused where there is no verified earlier release, or the down migration cannot run.
    """
    state, history = _seen(contract, ports, _MEMORY)
    words = reason or "rollback asked for by the operator"
    unfinished = open_header(history)
    if unfinished and to is None:
        header = ports.journal.header(unfinished.number) or unfinished
        return plan_open_rollback(ports, header, reason=words, down=down)
    refuse_open(history, stack=contract.stack, ports=ports)
    number = _next_number(state, history)
    target = find_target(ports, history, state, to)
    if target is None:
        return Plan(
            intent=Intent.ROLLBACK,
            stack=contract.stack,
            number=number,
            release=None,
            reason=words,
            tiers=(),
            stages=(),
        )
    database = _database(ports, state, down=down)
    back = plan_rollback_to_kept(
        contract, policy, state, number=number, to=target.number, reason=words, database=database
    )
    if back:
        return back
    tiers = [tier for tier in contract.tiers if tier.name in target.builds]
    for build in target.builds.values():
        ports.images.resolve(build.release.image.repository, build.release.image.tag)
    templates = _templates(ports, tiers)
    request = PromotionRequest(
        release=Release(
            version=target.version, tiers=tuple(target.builds[tier.name].release for tier in tiers)
        ),
        number=number,
        launch_templates=templates if new_host else _proven_templates(ports, tiers, target, templates),
        reason=words,
        intent=Intent.ROLLBACK,
        all_at_once=True,
        unfit=_unfit(ports, state, tiers),
        database=database,
    )
    return plan_promotion(request, contract, policy, state)


def _proven_templates(
    ports: Ports, tiers: Sequence[TierContract], target: Target, newest: Mapping[Tier, int]
) -> dict[Tier, int]:
    """The host that each tier of `target` was verified on; Refused where one does not exist any more."""
    wanted = {tier: build.launch_template_version for tier, build in target.builds.items()}
    chosen = {tier.name: wanted[tier.name] or newest[tier.name] for tier in tiers}
    older = [tier for tier in tiers if chosen[tier.name] != newest[tier.name]]
    found = ports.parallel(
        [
            partial(ports.fleets.launch_template_versions, tier.launch_template_id, [chosen[tier.name]])
            for tier in older
        ]
    )
    faults = [
        Fault(
            str(tier.name),
            f"version {chosen[tier.name]} of {tier.launch_template_id} does not exist any more",
        )
        for tier, there in zip(older, found, strict=True)
        if not there
    ]
    if faults:
        raise Refused(
            f"the host that {target.version} was verified on is gone",
            faults=faults,
            next_step="`sc-deploy rollback --new-host` builds it on today's host",
        )
    return chosen


def _database(ports: Ports, state: StackState, *, down: bool) -> DatabaseRollback:
    """What the live release did to the database: that of the app tier, which migrates."""
    lives = {tier.tier: tier.live.deployment for tier in state.tiers if tier.live}
    number = lives.get(Tier.APP, max(lives.values(), default=0))
    header = ports.journal.header(number)
    if header is None or header.documents is None:
        return DatabaseRollback(down=down)
    plan = header.documents.plan
    name = snapshot_name(plan.stack, number) if plan.has(StepKind.SNAPSHOT) else ""
    return DatabaseRollback(down=down, migrated=plan.has(StepKind.MIGRATE), snapshot=name)


def teardown(contract: Contract, ports: Ports, *, everything: bool) -> Plan:
    """Remove fleets without traffic, or with `everything` all fleets; without stages where there are none.

    Raises Refused while a deployment is unfinished, and Locked while it runs.
    """
    state, history = _seen(contract, ports, _RECENT)
    refuse_open(history, stack=contract.stack, ports=ports)
    number = _next_number(state, history)
    return plan_teardown(contract, state, number=number, everything=everything, reason="teardown")
