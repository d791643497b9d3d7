"""Whether the stack's monitoring works: every metric that somebody reads has data (C3, M1, M7)."""

from __future__ import annotations

from bluegreen.contract import QUEUE_METRIC, Contract, Published, host_namespace
from bluegreen.domain.reports import Check
from bluegreen.domain.stack import StackState
from bluegreen.engine.arms import serving
from bluegreen.engine.status import observe
from bluegreen.errors import DeployError
from bluegreen.ports import Ports

Answer = tuple[bool | None, str, str]
"""Of one check: whether it holds (None: it could not be asked), what was found, and the next step."""


def monitoring(contract: Contract, ports: Ports) -> Answer:
    """Asks for each metric by name: an alarm on one that nobody publishes never fires."""
    state = observe(contract, ports)
    if not serving(state):
        return None, "nothing is live yet that could publish", ""
    wanted = [*contract.published, *_queues(contract, state)]
    if not wanted and not contract.series:
        return None, "the contract names no metric", "run `pulumi up` for this stack"
    silent = ports.environment.silent(wanted, contract.series)
    count = sum(len(one.names) for one in wanted) + len(contract.series)
    if silent:
        advice = (
            "see which agent the boot log of a host names; docs/infrastructure.md says who publishes what"
        )
        return False, f"{len(silent)} of {count} have no datapoint lately: {'; '.join(silent)}", advice
    return True, f"{count} metrics that alarms, charts and scaling read have data", ""


def _queues(contract: Contract, state: StackState) -> list[Published]:
    """What the scaling policies of the live fleets track."""
    scaled = {tier.name for tier in contract.tiers if any(one.kind == "backlog" for one in tier.scaling)}
    live = [tier.live.group for tier in state.tiers if tier.tier in scaled and tier.live]
    return [
        Published(
            namespace=host_namespace(contract.stack),
            dimensions={"AutoScalingGroupName": group.name},
            names=(QUEUE_METRIC,),
        )
        for group in live
        if group
    ]


def page_everyone(contract: Contract, ports: Ports) -> tuple[Check, ...]:
    """A marked page through every channel of the contract (C3: alerts work)."""
    topics = {
        "critical": (contract.alerts.critical_topic_arn, True),
        "warning": (contract.alerts.warning_topic_arn, False),
    }
    return tuple(_page(ports, name, topic, critical=critical) for name, (topic, critical) in topics.items())


def _page(ports: Ports, name: str, topic: str, *, critical: bool) -> Check:
    body = f"This is a test of the {name} channel. Nothing is wrong and nobody needs to act."
    try:
        ports.environment.notify(f"TEST: {name} page", body, critical=critical)
    except DeployError as error:
        return Check(name=name, ok=False, words=f"{topic}: {error.what}", next_step=error.next_step)
    return Check(name=name, ok=True, words=f"sent to {topic}", next_step="ask who is on call whether it came")
