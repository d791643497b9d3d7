"""What `plan` tells beforehand: what `promote` would refuse, and what a later rollback would lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from bluegreen.contract import Contract, TierContract
from bluegreen.domain.plan import FleetRef, Plan
from bluegreen.engine.checks.preflight import gone_hosts
from bluegreen.engine.security import image_faults, scans, today
from bluegreen.errors import DeployError, Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports

_REFUSED = ": `promote` refuses it"


def foreseen(plan: Plan, contract: Contract, policy: Policy, ports: Ports) -> Iterable[str]:
    """In words; changes nothing, and raises nothing."""
    checks: list[Callable[[], Iterable[str]]] = [
        partial(_vulnerable, plan, policy, ports),
        partial(_hosts, plan, contract, ports),
        partial(_session, plan, ports),
    ]
    if policy.retire.keep_blue != "until-next":
        blues = [(contract.tier(tier.tier), tier.blue) for tier in plan.tiers if tier.green and tier.blue]
        checks += [partial(_way_back, tier, blue, ports) for tier, blue in blues]
    for words in ports.parallel([partial(_told, check) for check in checks]):
        yield from words


def _told(check: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    try:
        return tuple(check())
    except DeployError as error:
        return (f"it could not be asked for: {error.what}",)


def _vulnerable(plan: Plan, policy: Policy, ports: Ports) -> Iterable[str]:
    images = [tier.green.image for tier in plan.tiers if tier.green]
    then = {"refuse": _REFUSED, "warn": ""}
    for rule, fault in image_faults(scans(images, ports), policy.security, today(ports)):
        yield f"{fault.where}: {fault.problem}{then[rule]}"


def _hosts(plan: Plan, contract: Contract, ports: Ports) -> Iterable[str]:
    for fault in gone_hosts(plan, contract, ports):
        yield f"{fault.where}: {fault.problem}{_REFUSED}"


def _session(plan: Plan, ports: Ports) -> Iterable[str]:
    """Credentials that end in the middle halt the release, until a person has logged in again."""
    end = ports.environment.session_ends()
    left = None if end is None else end - ports.clock.now()
    if left is not None and left < plan.expected_seconds:
        ends = f"end in {left / 60:.0f} min" if left > 0 else "have ended"
        yield (
            f"these credentials {ends} and the release takes about {plan.expected_seconds / 60:.0f} min: "
            "log in for longer first, or it halts in the middle"
        )


def _way_back(tier: TierContract, blue: FleetRef, ports: Ports) -> Iterable[str]:
    """Once blue is deleted, a rollback builds it again: from this image, on this host."""
    lost = f"{tier.name}: {blue.version} cannot be built again once its fleet is deleted"
    if blue.image is not None:
        try:
            ports.images.resolve(blue.image.repository, blue.image.tag)
        except Refused as error:
            yield f"{lost}: {error.what}"
    version, template = blue.launch_template_version, tier.launch_template_id
    if version is None:
        return
    if not ports.fleets.launch_template_versions(template, [version]):
        yield f"{lost} as it runs: version {version} of {template} is gone (rollback --new-host)"
    elif image := ports.fleets.machine_image_gone(template, version):
        yield f"{lost} as it runs: machine image {image} is gone (rollback --new-host)"
