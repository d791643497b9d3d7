"""Preflight checks (C1): everything that must hold before a release changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from bluegreen.contract import Contract, Tier
from bluegreen.domain.migration import snapshot_name
from bluegreen.domain.plan import Intent, Plan, StepKind, TierPlan
from bluegreen.domain.readings import Readings
from bluegreen.domain.verdict import CheckFinding, Outcome
from bluegreen.engine.arms import blue_of
from bluegreen.engine.security import image_faults, scans, today
from bluegreen.errors import Fault
from bluegreen.judge.own_checks import check_findings
from bluegreen.policy import Policy
from bluegreen.ports import Arms, Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One preflight check, and whom it may bar.

    A check that looks at what is left, and not at what comes, never bars a way out: a rollback leaves
    the live fleet because it is sick, and its alarms fire because of that.
    """

    asks: Callable[[Plan, Contract, Policy, Ports], Iterable[Fault]]
    bars_rollback: bool = False
    """What comes could not stand or could not work, of a rollback too."""
    overruled: bool = False
    """`promote --despite` continues all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The preflight checks that a plan fails."""

    faults: tuple[Fault, ...]
    overruled: bool
    """Whether `--despite` would leave none of them."""


def examined(plan: Plan, contract: Contract, policy: Policy, ports: Ports) -> Found:
    """Every preflight check that `plan` fails, but for those that a person has overruled.

    A rollback is not held up by what it leaves.
    """
    guards = [one for one in GUARDS if plan.intent is Intent.PROMOTION or one.bars_rollback]
    asked = [one for one in guards if not (plan.despite and one.overruled)]
    found: list[list[Fault]] = ports.parallel(
        [partial(_all, partial(one.asks, plan, contract, policy, ports)) for one in asked]
    )
    failed = [(one, faults) for one, faults in zip(asked, found, strict=True) if faults]
    return Found(
        faults=tuple(fault for _, faults in failed for fault in faults),
        overruled=bool(failed) and all(one.overruled for one, _ in failed),
    )


def _all(check: Callable[[], Iterable[Fault]]) -> list[Fault]:
    return list(check())


def environment_faults(contract: Contract, ports: Ports) -> Iterable[Fault]:
    """What the stack lacks: listener, parameters, secrets (P7)."""
    if not ports.environment.listener_exists():
        yield Fault(contract.listener_arn, "the listener does not exist", "run `pulumi up` for this stack")
    parameters = {name for tier in contract.tiers for name in tier.required_parameters}
    secrets = {name for tier in contract.tiers for name in tier.required_secrets}
    for name in ports.environment.missing(parameters=sorted(parameters), secrets=sorted(secrets)):
        yield Fault(
            name,
            "the release needs it, and it does not exist or has no value",
            "set it before the release (P7)",
        )


def patience_faults(contract: Contract, policy: Policy) -> Iterable[Fault]:
    """A policy that gives a fleet up while the stack still lets its instances boot."""
    patience = policy.health.deadline
    for tier in contract.tiers:
        if patience < tier.boot_budget_seconds:
            yield Fault(
                "health.deadline",
                f"{patience:g} s, but instances of the {tier.name} tier may boot for"
                f" {tier.boot_budget_seconds} s (boot_budget_seconds in the stack's settings)",
                f"{tier.boot_budget_seconds}s or more in deploy.toml",
            )


def accuracy_words(tiers: Iterable[str], policy: Policy) -> str:
    """What is missing where nothing judges the answers of an AI tier (R4); empty where something does."""
    if Tier.AI not in tiers or policy.golden is not None or policy.metrics.accuracy:
        return ""
    return (
        "nothing judges the answers of the ai tier (R4): neither a golden set nor a source of labelled ones"
    )


ACCURACY_ADVICE = "[golden] or metrics.accuracy in deploy.toml (docs/judging.md)"


def _accuracy(plan: Plan, policy: Policy) -> Iterable[Fault]:
    words = accuracy_words([tier.tier for tier in plan.tiers if tier.green], policy)
    if words and policy.judge.without_accuracy == "refuse":
        yield Fault("judge.without_accuracy", words, ACCURACY_ADVICE)


def _commands(ports: Ports) -> Iterable[Fault]:
    """A migration of an earlier deployment still runs: a second one beside it could break both."""
    for words in ports.commands.running():
        yield Fault(
            "migration", f"one of an earlier deployment still runs: {words}", "wait for its end, or stop it"
        )


def _snapshot(plan: Plan, ports: Ports) -> Iterable[Fault]:
    """A snapshot has the name that this release needs: an earlier life of the stack made it."""
    if not plan.has(StepKind.SNAPSHOT):
        return
    name = snapshot_name(plan.stack, plan.number)
    if made := ports.database.standing(name):
        yield Fault(
            f"DB snapshot {name}",
            f"exists, made {made}: it is no backup of this release",
            f"copy it to another name if you need it, then `aws rds delete-db-snapshot"
            f" --db-snapshot-identifier {name}`",
        )


def _quota(plan: Plan, ports: Ports) -> Iterable[Fault]:
    room = ports.balancer.room()
    new = [tier for tier in plan.tiers if tier.green]
    rules = len(new) + sum(1 for tier in new if not tier.rule_arn)
    # What is cleared first makes room again.
    freed = sum(len(tier.leftovers) for tier in plan.tiers)
    for name, needed in (("rules", rules), ("target-groups", len(new))):
        if name in room and room[name] + freed < needed:
            yield Fault(
                f"load balancer quota, {name}",
                f"{needed} more are needed, {room[name]} are left",
                "`sc-deploy teardown` removes fleets without traffic; or raise the quota",
            )


def _vcpus(plan: Plan, contract: Contract, ports: Ports) -> Iterable[Fault]:
    """Green runs beside blue: a young account has room for neither."""
    needed = sum(tier.green.desired * contract.tier(tier.tier).vcpus for tier in plan.tiers if tier.green)
    if needed and (left := ports.fleets.vcpus_left()) < needed:
        yield Fault(
            "vCPU quota (L-1216C47A)",
            f"green needs {needed} vCPUs beside what runs, {max(left, 0)} are left",
            "raise it in Service Quotas; AWS may take a day",
        )


def gone_hosts(plan: Plan, contract: Contract, ports: Ports) -> Iterable[Fault]:
    """A machine image that somebody has deregistered: each launch would fail, one after the other."""
    for tier in plan.tiers:
        if tier.green:
            template, version = (
                contract.tier(tier.tier).launch_template_id,
                tier.green.launch_template_version,
            )
            if image := ports.fleets.machine_image_gone(template, version):
                yield host_gone(tier.tier, template, version, image)


def host_gone(tier: Tier, template: str, version: int, image: str) -> Fault:
    """What it means that `image` does not exist any more."""
    return Fault(
        f"{tier}: launch template {template} version {version}",
        f"its machine image {image} does not exist any more",
        "an image that exists: set machine_image.ami in the stack's settings and run `pulumi up`; a rollback"
        " takes the new one with --new-host",
    )


def _blues(plan: Plan, ports: Ports) -> Iterable[Fault]:
    asked: list[list[Fault]] = ports.parallel(
        [partial(_all, partial(_blue, one, ports)) for one in plan.tiers]
    )
    return [fault for some in asked for fault in some]


def _blue(tier: TierPlan, ports: Ports) -> Iterable[Fault]:
    if tier.blue is None:
        return
    health = ports.balancer.health(tier.blue.target_group_arn)
    if health.healthy < max(tier.blue.desired, 1):
        yield Fault(
            f"{tier.tier}: blue ({tier.blue.version})",
            f"{health.healthy} of {tier.blue.desired} targets healthy ({health})",
            "a release needs a healthy blue to compare with and to roll back to",
        )


def _alarms(ports: Ports) -> Iterable[Fault]:
    for alarm in ports.environment.alarms_firing():
        yield Fault("alarm", alarm, "wait until it is OK, or silence it on purpose")


def watched(
    policy: Policy, ports: Ports, arms: Sequence[Arms]
) -> tuple[Sequence[CheckFinding], Sequence[str]]:
    """Own checks and watched alarms as they are now, of the live fleets; and what cannot be read.

    A live fleet, given as green, is compared with itself, so that the query is seen to work.
    """
    read = ports.checks.read([replace(one, blue=one.green) for one in arms])
    return check_findings(policy, read.readings or Readings(), full=False), read.troubles


def _watched(plan: Plan, policy: Policy, ports: Ports) -> Iterable[Fault]:
    """What would end the release at its first look, whatever it is like."""
    if not policy.watches:
        return
    blues = ((tier.tier, blue_of(tier, plan.stack)) for tier in plan.tiers)
    live = [Arms(tier=tier, green=blue) for tier, blue in blues if blue]
    findings, troubles = watched(policy, ports, live)
    for words in troubles:
        yield Fault("own checks", words, "correct deploy.toml; `sc-deploy doctor` asks again")
    for one in findings:
        if one.outcome is Outcome.FAIL:
            yield Fault("own checks", one.words, "wait until it is over: it would roll the release back")


def _vulnerable(plan: Plan, policy: Policy, ports: Ports) -> Iterable[Fault]:
    images = [tier.green.image for tier in plan.tiers if tier.green]
    for rule, fault in image_faults(scans(images, ports), policy.security, today(ports)):
        if rule == "refuse":
            yield fault


def _frozen(policy: Policy, now: float) -> Iterable[Fault]:
    moment = datetime.fromtimestamp(now, tz=UTC)
    for freeze in policy.freeze:
        if freeze.begins <= moment < freeze.ends:
            yield Fault(
                "freeze", f"no release until {freeze.end}: {freeze.reason}", "wait, or edit deploy.toml"
            )


GUARDS: tuple[Guard, ...] = (
    Guard(asks=lambda _, contract, __, ports: environment_faults(contract, ports), bars_rollback=True),
    Guard(asks=lambda plan, _, __, ports: _quota(plan, ports), bars_rollback=True),
    Guard(asks=lambda plan, _, __, ports: _snapshot(plan, ports)),
    Guard(asks=lambda plan, contract, _, ports: _vcpus(plan, contract, ports), bars_rollback=True),
    Guard(asks=lambda plan, contract, _, ports: gone_hosts(plan, contract, ports), bars_rollback=True),
    Guard(asks=lambda _, contract, policy, __: patience_faults(contract, policy)),
    Guard(asks=lambda plan, _, policy, __: _accuracy(plan, policy)),
    Guard(asks=lambda plan, _, policy, ports: _vulnerable(plan, policy, ports)),
    Guard(asks=lambda _, __, ___, ports: _commands(ports)),
    Guard(asks=lambda plan, _, __, ports: _blues(plan, ports), overruled=True),
    Guard(asks=lambda _, __, ___, ports: _alarms(ports), overruled=True),
    Guard(asks=lambda _, __, policy, ports: _frozen(policy, ports.clock.now()), overruled=True),
    Guard(asks=lambda plan, _, policy, ports: _watched(plan, policy, ports), overruled=True),
)
