"""Checks everything a release leans on, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bluegreen.contract import Contract, TierContract
from bluegreen.domain.reports import Check
from bluegreen.engine.arms import serving
from bluegreen.engine.checks import preflight
from bluegreen.engine.status import observe, traffic_words
from bluegreen.engine.watch.forecast import blue_p95, expected_traffic
from bluegreen.errors import DeployError
from bluegreen.policy import Policy
from bluegreen.ports import Ports


def examine(contract: Contract, policy: Policy, ports: Ports) -> tuple[Check, ...]:
    """All checks, at the same time."""
    checks: Sequence[tuple[str, Callable[[], Check]]] = (
        ("contract", partial(_contract, contract)),
        ("boot budget", partial(_boot_budget, contract, policy)),
        ("smoke tests", partial(_smoke, policy)),
        ("stack", partial(_stack, contract, ports)),
        ("environment", partial(_environment, contract, ports)),
        ("metrics", partial(_metrics, contract, policy, ports)),
        ("alarms", partial(_alarms, ports)),
        ("journal", partial(_journal, ports)),
        ("lease", partial(_lease, ports)),
        ("quota", partial(_quota, contract, ports)),
        *((f"launch template {tier.name}", partial(_template, ports, tier)) for tier in contract.tiers),
        *((f"model {tier.name}", partial(_model, ports, tier)) for tier in contract.tiers if tier.model),
    )
    found: list[Check] = ports.parallel([partial(_guarded, name, check) for name, check in checks])
    return tuple(found)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except DeployError as error:
        return Check(name=name, ok=None, words=error.what, next_step=error.next_step)


def _contract(contract: Contract) -> Check:
    tiers = ", ".join(tier.name for tier in contract.tiers)
    words = f"{contract.stack} in {contract.region}, tiers {tiers}, schema {contract.schema_version}"
    return Check(name="contract", ok=True, words=words)


def _boot_budget(contract: Contract, policy: Policy) -> Check:
    impatient = list(preflight.patience_faults(contract, policy))
    words = "; ".join(f"{fault.where}: {fault.problem}" for fault in impatient)
    return Check(
        name="boot budget",
        ok=not impatient,
        words=words or f"green has {policy.health.deadline:g} s to become healthy",
        next_step=impatient[0].allowed if impatient else "",
    )


def _smoke(policy: Policy) -> Check:
    ramp = " / ".join(str(percent) for percent in (*policy.rollout.ramp, 100))
    if any(test.key for test in policy.smoke):
        return Check(name="smoke tests", ok=True, words=f"{len(policy.smoke)}, ramp {ramp}")
    return Check(
        name="smoke tests",
        ok=False,
        words=f"ramp {ramp}, but no key function is probed",
        next_step="describe one with [[smoke]] in deploy.toml: an outage is found by probes first (R1)",
    )


def _stack(contract: Contract, ports: Ports) -> Check:
    return Check(name="stack", ok=True, words="; ".join(traffic_words(observe(contract, ports))))


def _environment(contract: Contract, ports: Ports) -> Check:
    faults = list(preflight.environment_faults(contract, ports))
    if not faults:
        return Check(name="environment", ok=True, words="listener, parameters and secrets are there")
    return Check(
        name="environment",
        ok=False,
        words="; ".join(f"{fault.where}: {fault.problem}" for fault in faults),
        next_step=faults[0].allowed,
    )


def _metrics(contract: Contract, policy: Policy, ports: Ports) -> Check:
    """Whether every metric source answers, as the judge will ask it, for the live fleets."""
    arms, sources = serving(observe(contract, ports)), ", ".join(policy.metrics.feeds)
    if not arms:
        return Check(name="metrics", ok=None, words=f"{sources}: nothing is live yet that could be measured")
    usual, troubles = expected_traffic(arms, blue_p95(arms, ports), policy, ports)
    if troubles:
        return Check(
            name="metrics", ok=False, words="; ".join(troubles), next_step="docs/metrics.md names each key"
        )
    rates = ", ".join(f"{one.tier} {one.requests_per_second:.3g} requests/s" for one in usual)
    return Check(name="metrics", ok=True, words=f"{sources}: {rates}")


def _alarms(ports: Ports) -> Check:
    firing = ports.environment.alarms_firing()
    advice = "a release is refused while an alarm is firing" if firing else ""
    return Check(name="alarms", ok=not firing, words="; ".join(firing) or "none is firing", next_step=advice)


def _journal(ports: Ports) -> Check:
    last = ports.journal.history(limit=1)
    words = f"last deployment #{last[0].number}: {last[0].ending}" if last else "no deployment yet"
    stuck = bool(last) and last[0].ending.open
    return Check(name="journal", ok=True, words=words, next_step="sc-deploy resume" if stuck else "")


def _lease(ports: Ports) -> Check:
    holder = ports.lease.holder()
    if holder is None or holder.expires < ports.clock.now():
        return Check(name="lease", ok=True, words="free")
    return Check(
        name="lease", ok=False, words=f"held by {holder.owner}: {holder.why}", next_step="sc-deploy status"
    )


def _quota(contract: Contract, ports: Ports) -> Check:
    room, needed = ports.balancer.room(), 2 * len(contract.tiers)
    words = ", ".join(f"room for {count} {name}" for name, count in sorted(room.items()))
    short = any(count < needed for count in room.values())
    advice = "`sc-deploy teardown`, or raise the quota" if short else ""
    return Check(name="quota", ok=not short, words=words, next_step=advice)


def _template(ports: Ports, tier: TierContract) -> Check:
    number = ports.fleets.launch_template_version(tier.launch_template_id)
    words = f"{tier.launch_template_id} version {number}"
    return Check(name=f"launch template {tier.name}", ok=True, words=words)


def _model(ports: Ports, tier: TierContract) -> Check:
    version = ports.models.pointer(tier)
    if version is None:
        return Check(
            name=f"model {tier.name}",
            ok=False,
            words="the pointer parameter names no model",
            next_step="the first release needs --model VERSION",
        )
    found = ports.models.find(tier, version)
    return Check(name=f"model {tier.name}", ok=True, words=f"{found.version}, sha256 {found.sha256[:12]}")
