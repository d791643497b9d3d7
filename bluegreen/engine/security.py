"""Vulnerabilities (R5): what a scan means for a release, and what is not released again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

from bluegreen.domain.plan import FleetRef, FleetSpec, Plan
from bluegreen.domain.release import Image
from bluegreen.domain.security import Ban, Scan, ScanStatus
from bluegreen.domain.stack import StackState
from bluegreen.errors import Fault, Refused
from bluegreen.policy import Security
from bluegreen.ports import Ports


def today(ports: Ports) -> date:
    """The day by which acceptances end."""
    return datetime.fromtimestamp(ports.clock.now(), tz=UTC).date()


def scans(images: Iterable[Image], ports: Ports) -> Mapping[Image, Scan]:
    """What is known of each image; tiers that share one ask once."""
    distinct = tuple(dict.fromkeys(images))
    found = ports.parallel([partial(ports.images.scan, image) for image in distinct])
    return dict(zip(distinct, found, strict=True))


def image_faults(found: Mapping[Image, Scan], policy: Security, day: date) -> Iterable[tuple[str, Fault]]:
    """What a scan says against releasing these images, each with what the policy makes of it."""
    for image, scan in found.items():
        where = f"{image.repository}:{image.tag}"
        if scan.status is not ScanStatus.COMPLETE:
            told = f" ({scan.detail})" if scan.detail else ""
            yield (
                policy.unscanned,
                Fault(
                    where,
                    f"its vulnerability scan is not complete: {scan.status}{told}",
                    "wait for the scan, or start one in ECR; `unscanned` of [security] in deploy.toml",
                ),
            )
        for one in scan.critical:
            if policy.accepted(one.id, day) is None:
                ended = [each for each in policy.accept if each.id.upper() == one.id.upper()]
                lapsed = f"; {ended[0].by}'s acceptance ended on {ended[0].until}" if ended else ""
                yield (
                    policy.critical,
                    Fault(
                        where,
                        f"critical finding {one.words}{lapsed}",
                        "release a patched image, or accept it with [[security.accept]] in deploy.toml: id,"
                        " by, until, reason",
                    ),
                )


def served(state: StackState) -> tuple[Image, ...]:
    """The live image of each tier that has one."""
    lives = (tier.live for tier in state.tiers)
    return tuple(live.image for live in lives if live and live.image)


def banning(plan: Plan, ports: Ports, *, finding: str, reason: str) -> Plan:
    """The rollback `plan`, which also bans what it leaves, and says what scans know of what it returns to.

    Images that it returns to are not banned: tiers may share one between two releases.
    """
    kept = [end.image for end in _returned(plan) if end.image]
    digests = {image.digest for image in kept}
    left: dict[str, list[str]] = {}
    for version, image in _left(plan):
        if image and image.digest not in digests:
            left.setdefault(version, []).append(image.digest)
    bans = tuple(
        Ban(version=version, digests=tuple(dict.fromkeys(some)), finding=finding, reason=reason)
        for version, some in left.items()
    )
    notes = [f"{one.version} is banned: `promote` refuses it until the ban is lifted" for one in bans]
    return replace(plan, bans=bans, notes=(*plan.notes, *notes, *_doubts(finding, kept, ports)))


def _returned(plan: Plan) -> Iterable[FleetRef | FleetSpec]:
    ends = (tier.green or tier.blue for tier in plan.tiers)
    return (end for end in ends if end)


def _left(plan: Plan) -> Iterable[tuple[str, Image | None]]:
    """What served, or what was being released: its fleets may not exist yet."""
    if plan.rolls_back and plan.release:
        return [(one.version, one.image) for one in plan.release.tiers]
    ends = (tier.failed or (tier.blue if tier.green else None) for tier in plan.tiers)
    return [(end.version, end.image) for end in ends if end]


def refuse_banned(bans: Iterable[Ban], version: str, images: Sequence[Image], *, stack: str) -> None:
    """Raises Refused where a release of `version` with these images is banned."""
    hits = [one for one in bans if one.covers(version, images)]
    if hits:
        names = " or ".join(f"`sc-deploy bans --lift {one.version} --stack {stack}`" for one in hits)
        raise Refused(
            "; ".join(one.words for one in hits),
            next_step=f"release a patched version; {names} allows it again",
        )


def _doubts(finding: str, images: Sequence[Image], ports: Ports) -> Iterable[str]:
    """Whether the release that is returned to has the finding as well, as far as a scan knows."""
    for image, scan in scans(images, ports).items():
        if any(one.id.upper() == finding.upper() for one in scan.critical):
            yield f"{image.repository}:{image.tag}, which this returns to, has {finding} as well"
        elif scan.status is not ScanStatus.COMPLETE:
            yield f"{image.repository}:{image.tag}, which this returns to, is not scanned: {scan.status}"
