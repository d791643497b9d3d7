"""Which release a rollback returns to, and what each tier then runs.

A release is what its tiers run: image digest, model and host, and not its version alone. The earlier one
may differ in the model only, or in the launch template.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.journal import SCHEMA, Ending, Header
from bluegreen.domain.plan import Intent, TierPlan
from bluegreen.domain.release import TierRelease
from bluegreen.domain.security import Ban
from bluegreen.domain.stack import Fleet, StackState
from bluegreen.errors import Refused
from bluegreen.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What one tier returns to."""

    release: TierRelease
    launch_template_version: int | None
    """The host that it was verified on; None where nobody wrote it down."""

    def runs_as(self, fleet: Fleet) -> bool:
        """Whether `fleet` is this already."""
        if fleet.image is None:
            return False
        host = fleet.group.launch_template_version if fleet.group else None
        same_host = None in (host, self.launch_template_version) or host == self.launch_template_version
        return same_host and (fleet.image.digest, fleet.model) == (
            self.release.image.digest,
            self.release.model,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The deployment that a rollback returns to, and the tiers that differ from it now."""

    number: int
    version: str
    builds: Mapping[Tier, Build]


def find_target(ports: Ports, history: Sequence[Header], state: StackState, to: str | None) -> Target | None:
    """The newest verified release before the live one, or the newest verified one called `to`.

    What a rollback has left is withdrawn: nothing returns to it until it is promoted again. Nothing
    returns to a banned version.
    None where `to` is live. Where every live fleet is gone, and none is kept either, it is the newest
    verified release: nobody said that it was bad. Raises Refused where there is no such release.
    """
    proven = [header for header in history if header.proven and header.version]
    lives = [] if _outage(state) else [tier.live for tier in state.tiers if tier.live]
    live = max((one.deployment for one in lives), default=0)
    if not live and not proven:
        raise Refused("nothing is live, so there is nothing to roll back", next_step="sc-deploy status")
    serving = {one.version for one in lives if one.deployment == live}
    left = _withdrawn(ports, history)
    bans = ports.bans.all()
    banned = {header.version: one for header in proven for one in bans if one.version == header.version}
    sound = [header for header in proven if header.number not in left and header.version not in banned]
    if live and (to is None or to in serving):
        sound = [header for header in sound if header.number < live]
    for header in sound:
        if to in (None, header.version):
            builds = _builds(ports, state, ports.journal.header(header.number) or header, sound)
            if builds:
                return Target(number=header.number, version=header.version, builds=builds)
    if to is not None and to in serving:
        return None
    if to is None or to not in {header.version for header in sound}:
        versions = ", ".join(dict.fromkeys(h.version for h in sound if h.number != live)) or "none"
        raise Refused(
            _why_not(to, {header.version for header in proven}, banned),
            next_step=f"verified releases: {versions}; or promote a version you trust",
        )
    return None


def _why_not(to: str | None, proven: Collection[str], banned: Mapping[str, Ban]) -> str:
    if to is None:
        return "no earlier release was verified here"
    if to in banned:
        return banned[to].words
    if to in proven:
        return f"{to} was verified here, but a rollback has left it since"
    return f"{to} was never verified here"


def _withdrawn(ports: Ports, history: Sequence[Header]) -> frozenset[int]:
    """The deployments that a rollback has left."""
    rollbacks = [one for one in history if one.intent == Intent.ROLLBACK and one.schema == SCHEMA]
    returned = [one for one in rollbacks if one.proven or one.ending is Ending.ROLLED_BACK]
    documents = [(one.proven, ports.journal.header(one.number) or one) for one in returned]
    # A rebuilt release replaces blue; where blue was kept it serves again, and the failed fleet goes.
    left = [
        tier.blue if rebuilt else tier.failed
        for rebuilt, one in documents
        if one.documents
        for tier in one.documents.plan.tiers
    ]
    return frozenset(fleet.deployment for fleet in left if fleet)


def _outage(state: StackState) -> bool:
    """Whether no fleet is left: none that is live, and none that was kept."""
    return not any(fleet.group for tier in state.tiers for fleet in tier.fleets)


def _builds(ports: Ports, state: StackState, target: Header, sound: Sequence[Header]) -> dict[Tier, Build]:
    """What each tier rolls back to: the target release, and for tiers that the live release changed
    and the target did not touch, what they ran before. A tier that runs its target already is left alone.
    A tier of which nothing stands gets what the newest release that had it ran.
    """
    plan = target.began_with.plan
    builds = (
        {item.tier: _green(plan.tier(item.tier), item) for item in plan.release.tiers} if plan.release else {}
    )
    for tier in state.tiers:
        live = tier.live
        header = ports.journal.header(live.deployment) if live and live.deployment > target.number else None
        if tier.tier in builds or header is None:
            continue
        before = header.began_with.plan.tier(tier.tier).blue
        if before and before.image:
            release = TierRelease(
                tier=tier.tier, version=before.version, image=before.image, model=before.model
            )
            builds[tier.tier] = Build(release=release, launch_template_version=before.launch_template_version)
    if _outage(state):
        for tier in state.tiers:
            if tier.tier not in builds and (found := _newest(ports, tier.tier, sound)):
                builds[tier.tier] = found
    running = {tier.tier: tier.live for tier in state.tiers if tier.live and tier.live.group}
    return {
        name: build
        for name, build in builds.items()
        if name not in running or not build.runs_as(running[name])
    }


def _newest(ports: Ports, tier: Tier, sound: Sequence[Header]) -> Build | None:
    for one in sound:
        plan = (ports.journal.header(one.number) or one).began_with.plan
        for item in plan.release.tiers if plan.release else ():
            if item.tier is tier:
                return _green(plan.tier(tier), item)
    return None


def _green(plan: TierPlan, release: TierRelease) -> Build:
    return Build(
        release=release, launch_template_version=plan.green.launch_template_version if plan.green else None
    )
