"""Who answers for the before-checklist (C1): a release waits for the names that its policy asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bluegreen.domain.checklist import asked_for
from bluegreen.domain.journal import Attested
from bluegreen.domain.plan import Plan
from bluegreen.errors import ConfigError, Fault, Refused
from bluegreen.policy import Item, Policy

NOBODY: Mapping[str, str] = MappingProxyType({})
"""No item is answered for."""


def missing(plan: Plan, policy: Policy, given: Mapping[str, str]) -> tuple[Item, ...]:
    """The items that nobody answers for yet; raises ConfigError where `given` names what is not asked for."""
    asked = asked_for(policy, plan)
    known = {one.id for one in asked}
    allowed = ", ".join(one.id for one in asked) or "nothing: no item of this release is asked of people"
    unknown = [
        Fault("--attest", f"{name!r} is not asked for", allowed) for name in given if name not in known
    ]
    # A way out of trouble asks nobody, and whoever answers all the same is heard.
    if unknown and not plan.despite:
        raise ConfigError("the attestations cannot be used", faults=unknown)
    return tuple(one for one in asked if one.id not in given)


def attestations(
    plan: Plan, policy: Policy, given: Mapping[str, str], *, operator: str
) -> tuple[Attested, ...]:
    """What is journalled; raises Refused where somebody must answer and nobody does."""
    if left := missing(plan, policy, given):
        raise Refused(
            "the before-checklist is not answered for; nothing was changed",
            faults=[Fault(one.id, one.words, f"--attest {one.id}=WHO") for one in left],
            next_step="name for each who answers for it, or the address of the check that shows it",
        )
    said = {one.id: one.words for one in asked_for(policy, plan)}
    return tuple(
        Attested(item=name, said=said[name], by=who, operator=operator)
        for name, who in given.items()
        if name in said
    )
