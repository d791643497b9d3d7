"""Checks everything a release leans on, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bluegreen.contract import Contract, TierContract
from bluegreen.domain.reports import Check
from bluegreen.domain.verdict import Outcome
from bluegreen.engine.arms import serving
from bluegreen.engine.checks import preflight
from bluegreen.engine.checks.liveness import Answer, monitoring, paging
from bluegreen.engine.security import image_faults, scans, served, today
from bluegreen.engine.status import observe, traffic_words
from bluegreen.engine.watch.forecast import blue_p95, expected_traffic
from bluegreen.errors import DeployError
from bluegreen.policy import Policy
from bluegreen.ports import Ports


def examine(contract: Contract, policy: Policy, ports: Ports) -> tuple[Check, ...]:
    """All checks, at the same time."""
    checks: Sequence[tuple[str, Callable[[], Answer]]] = (
        ("contract", partial(_contract, contract)),
        ("boot budget", partial(_boot_budget, contract, policy)),
        ("smoke tests", partial(_smoke, policy)),
        ("ai accuracy", partial(_accuracy, contract, policy)),
        ("stack", partial(_stack, contract, ports)),
        ("environment", partial(_environment, contract, ports)),
        ("metrics", partial(_metrics, contract, policy, ports)),
        ("monitoring", partial(monitoring, contract, ports)),
        ("alarms", partial(_alarms, ports)),
        *([("own checks", partial(_watched, contract, policy, ports))] if policy.watches else []),
        ("vulnerabilities", partial(_vulnerabilities, contract, policy, ports)),
        ("journal", partial(_journal, ports)),
        ("lease", partial(_lease, ports)),
        ("quota", partial(_quota, contract, ports)),
        ("vCPUs", partial(_vcpus, contract, ports)),
        *((f"launch template {tier.name}", partial(_template, ports, tier)) for tier in contract.tiers),
        *((f"model {tier.name}", partial(_model, ports, tier)) for tier in contract.tiers if tier.model),
    )
    found: list[Check] = ports.parallel([partial(_guarded, name, check) for name, check in checks])
    return (*found, *paging(ports))


def _guarded(name: str, check: Callable[[], Answer]) -> Check:
    try:
        ok, words, next_step = check()
    except DeployError as error:
        ok, words, next_step = None, error.what, error.next_step
    return Check(name=name, ok=ok, words=words, next_step=next_step)


def _contract(contract: Contract) -> Answer:
    tiers = ", ".join(tier.name for tier in contract.tiers)
    words = f"{contract.stack} in {contract.region}, tiers {tiers}, schema {contract.schema_version}"
    return True, words, ""


def _boot_budget(contract: Contract, policy: Policy) -> Answer:
    impatient = list(preflight.patience_faults(contract, policy))
    words = "; ".join(f"{fault.where}: {fault.problem}" for fault in impatient)
    if impatient:
        return False, words, impatient[0].allowed
    return True, f"green has {policy.health.deadline:g} s to become healthy", ""


def _smoke(policy: Policy) -> Answer:
    ramp = " / ".join(str(percent) for percent in (*policy.rollout.ramp, 100))
    if any(test.key for test in policy.smoke):
        return True, f"{len(policy.smoke)}, ramp {ramp}", ""
    advice = "describe one with [[smoke]] in deploy.toml: an outage is found by probes first (R1)"
    return False, f"ramp {ramp}, but no key function is probed", advice


def _accuracy(contract: Contract, policy: Policy) -> Answer:
    """Whether anything judges the answers of an AI tier, and what happens where nothing does."""
    words = preflight.accuracy_words([tier.name for tier in contract.tiers], policy)
    if not words:
        known = [
            name
            for name, there in (("golden set", policy.golden), ("labels", policy.metrics.accuracy))
            if there
        ]
        return True, f"judged by {' and '.join(known)}" if known else "there is no ai tier", ""
    if policy.judge.without_accuracy == "refuse":
        return False, f"{words}: releases are refused", preflight.ACCURACY_ADVICE
    return True, f"{words}; releases are allowed all the same (judge.without_accuracy)", ""


def _stack(contract: Contract, ports: Ports) -> Answer:
    return True, "; ".join(traffic_words(observe(contract, ports))), ""


def _environment(contract: Contract, ports: Ports) -> Answer:
    faults = list(preflight.environment_faults(contract, ports))
    if not faults:
        return True, "listener, parameters and secrets are there", ""
    return False, "; ".join(f"{fault.where}: {fault.problem}" for fault in faults), faults[0].allowed


def _metrics(contract: Contract, policy: Policy, ports: Ports) -> Answer:
    """Whether every metric source answers, as the judge will ask it, for the live fleets."""
    arms, sources = serving(observe(contract, ports)), ", ".join(policy.metrics.feeds)
    if not arms:
        return None, f"{sources}: nothing is live yet that could be measured", ""
    usual, troubles = expected_traffic(arms, blue_p95(arms, ports), policy, ports)
    if troubles:
        return False, "; ".join(troubles), "docs/metrics.md names each key"
    rates = ", ".join(f"{one.tier} {one.requests_per_second:.3g} requests/s" for one in usual)
    return True, f"{sources}: {rates}", ""


def _alarms(ports: Ports) -> Answer:
    firing = ports.environment.alarms_firing()
    advice = "a release is refused while an alarm is firing" if firing else ""
    return not firing, "; ".join(firing) or "none is firing", advice


def _watched(contract: Contract, policy: Policy, ports: Ports) -> Answer:
    """Each check's present value and each watched alarm, of the live fleets; and what cannot be read."""
    findings, troubles = preflight.watched(policy, ports, serving(observe(contract, ports)))
    clear = {one.name: one.outcome is Outcome.PASS and not one.breach for one in findings}
    ordered = sorted(findings, key=lambda one: clear[one.name])
    words = "; ".join((*troubles, *(one.words for one in ordered)))
    if troubles:
        return False, words, "correct deploy.toml (docs/judging.md, Own checks and alarms)"
    fine = all(clear.values())
    return fine, words, "" if fine else "wait until it is over; or is the limit on the wrong side?"


def _vulnerabilities(contract: Contract, policy: Policy, ports: Ports) -> Answer:
    """What scans say about the images that serve, and which versions are banned."""
    live = served(observe(contract, ports))
    found = list(image_faults(scans(live, ports), policy.security, today(ports)))
    banned = [one.words for one in ports.bans.all()]
    bad = [fault for rule, fault in found if rule == "refuse"]
    words = "; ".join((*(f"{fault.where}: {fault.problem}" for _, fault in found), *banned))
    if not bad:
        return True, words or "no critical finding in what serves, no version is banned", ""
    advice = "`sc-deploy rollback --security FINDING`, or promote a patched version"
    return False, words, f"{advice} (docs/operations-manual.md, A critical finding)"


def _journal(ports: Ports) -> Answer:
    last = ports.journal.history(limit=1)
    if not last:
        return True, "no deployment yet", ""
    words = f"last deployment #{last[0].number}: {last[0].ending}"
    if not last[0].ending.open:
        return True, words, ""
    holder = ports.lease.holder()
    if holder is not None and holder.expires > ports.clock.now():
        return True, f"{words}; {holder.owner} is working on it", "sc-deploy status"
    return True, f"{words}; nobody is working on it", "`sc-deploy resume` or `sc-deploy abort`"


def _lease(ports: Ports) -> Answer:
    holder = ports.lease.holder()
    if holder is None or holder.expires < ports.clock.now():
        return True, "free", ""
    return False, f"held by {holder.owner}: {holder.why}", "sc-deploy status"


def _quota(contract: Contract, ports: Ports) -> Answer:
    room, needed = ports.balancer.room(), 2 * len(contract.tiers)
    words = ", ".join(f"room for {count} {name}" for name, count in sorted(room.items()))
    short = any(count < needed for count in room.values())
    advice = "`sc-deploy teardown`, or raise the quota" if short else ""
    return not short, words, advice


def _vcpus(contract: Contract, ports: Ports) -> Answer:
    """Room for a second fleet of every tier, and for both at their largest."""
    needed = sum(tier.fleet.desired * tier.vcpus for tier in contract.tiers)
    most = 2 * sum(tier.fleet.maximum * tier.vcpus for tier in contract.tiers)
    if not needed:
        return None, "the contract does not say what instances count", "run `pulumi up` for this stack"
    left = ports.fleets.vcpus_left()
    words = f"{left} vCPUs are left; a release needs {needed}, both colours at their largest run {most}"
    return left >= needed, words, "" if left >= needed else "raise the quota L-1216C47A in Service Quotas"


def _template(ports: Ports, tier: TierContract) -> Answer:
    number = ports.fleets.launch_template_version(tier.launch_template_id)
    if image := ports.fleets.machine_image_gone(tier.launch_template_id, number):
        fault = preflight.host_gone(tier.name, tier.launch_template_id, number, image)
        return False, fault.problem, fault.allowed
    return True, f"{tier.launch_template_id} version {number}", ""


def _model(ports: Ports, tier: TierContract) -> Answer:
    version = ports.models.pointer(tier)
    if version is None:
        return False, "the pointer parameter names no model", "the first release needs --model VERSION"
    found = ports.models.find(tier, version)
    return True, f"{found.version}, sha256 {found.sha256[:12]}", ""
