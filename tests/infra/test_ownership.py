"""No resource has two owners: what a release makes and moves is not the program's, nor the reverse."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from bluegreen.adapters.aws.permissions import all_actions
from bluegreen.contract import MANAGED_BY, Tag
from tests.infra.iam import Request, allowed, statements_of
from tools.recording import STACKS, Recording, evaluate, recorded, settings_of

# What belongs to a release, with the older spellings of the same types.
RELEASES = {
    "aws:alb/listenerRule:ListenerRule",
    "aws:alb/targetGroup:TargetGroup",
    "aws:autoscaling/attachment:Attachment",
    "aws:autoscaling/group:Group",
    "aws:autoscaling/policy:Policy",
    "aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment",
    "aws:dynamodb/tableItem:TableItem",
    "aws:ec2/instance:Instance",
    "aws:lb/listenerRule:ListenerRule",
    "aws:lb/targetGroup:TargetGroup",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    "aws:rds/snapshot:Snapshot",
    "aws:scheduler/schedule:Schedule",
}
READS = (
    "Describe",
    "Get",
    "List",
    "Query",
    "ConditionCheck",
    "Publish",
    "PassRole",
    "RunInstances",
    "CreateTags",
)

State = dict[str, dict[str, Any]]


def state_of(recording: Recording) -> State:
    """What the engine remembers of an update: the inputs by URN."""
    return {resource.urn: deepcopy(dict(resource.inputs)) for resource in recording.resources}


def operations(state: State, recording: Recording, ignored: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What the engine would do next: it compares new inputs with remembered ones, less those ignored."""
    wanted = state_of(recording)
    found = [f"create {urn}" for urn in wanted.keys() - state.keys()]
    found += [f"delete {urn}" for urn in state.keys() - wanted.keys()]
    for urn in wanted.keys() & state.keys():
        keys = {
            key
            for key in wanted[urn].keys() | state[urn].keys()
            if wanted[urn].get(key) != state[urn].get(key) and key not in ignored.get(urn, ())
        }
        found += [f"update {key} of {urn}" for key in sorted(keys)]
    return found


def ignored_of(recording: Recording) -> dict[str, tuple[str, ...]]:
    return {resource.urn: resource.ignore_changes for resource in recording.resources}


def test_the_program_declares_nothing_of_a_release(stack: Recording) -> None:
    assert [r.urn for r in stack.aws if r.type in RELEASES] == []


def test_listeners_answer_with_what_no_release_changes(stack: Recording) -> None:
    listeners = stack.of("aws:lb/listener:Listener")
    assert len(listeners) == 2
    for listener in listeners:
        assert [a["type"] for a in listener.inputs["defaultActions"]] in (["redirect"], ["fixed-response"])
        assert listener.ignore_changes == ()  # nothing of it belongs to anybody else


@pytest.mark.parametrize("name", STACKS)
def test_a_second_update_after_a_release_changes_nothing(name: str) -> None:
    """`pulumi refresh` brings what a release wrote into the state, and the next update leaves it there."""
    first = recorded(name)
    state = state_of(first)
    pointers = [r for r in first.of("aws:ssm/parameter:Parameter") if "/model/" in r.inputs["name"]]
    for pointer in pointers:
        state[pointer.urn]["insecureValue"] = "2026-11-01"  # written by a release, read by the refresh
    second = evaluate(name, settings_of(name))
    assert operations(state, second, ignored_of(second)) == []


def test_the_check_of_the_second_update_bites(prod: Recording) -> None:
    state = state_of(prod)
    (pointer,) = (r for r in prod.of("aws:ssm/parameter:Parameter") if "/model/" in r.inputs["name"])
    state[pointer.urn]["insecureValue"] = "2026-11-01"
    assert operations(state, prod, {}) == [f"update insecureValue of {pointer.urn}"]
    (zone,) = prod.of("aws:route53/zone:Zone")
    del state[zone.urn]
    assert f"create {zone.urn}" in operations(state, prod, ignored_of(prod))


def test_a_release_may_change_no_resource_of_the_program(stack: Recording) -> None:
    """But rows of the table, the rules of the listener, the model pointer, and snapshots of the database."""
    statements = statements_of(stack, "delivery-deploy")
    context = {f"aws:RequestTag/{Tag.MANAGED_BY}": MANAGED_BY}
    # It knows no resource, and what it stops is a command that a host runs.
    actions = all_actions() - {"ssm:CancelCommand"}
    changing = sorted(a for a in actions if not a.partition(":")[2].startswith(READS))
    assert len(changing) > 15
    may = {
        (action, resource.type.rpartition(":")[2], "/model/" in resource.inputs.get("name", ""))
        for resource in stack.aws
        for action in changing
        if allowed(
            statements, Request(action=action, resource=resource.outputs.get("arn", ""), context=context)
        )
    }
    expected = {
        ("dynamodb:PutItem", "Table", False),
        ("dynamodb:UpdateItem", "Table", False),
        ("elasticloadbalancing:CreateRule", "Listener", False),
        ("rds:CreateDBSnapshot", "Instance", False),
        ("ssm:PutParameter", "Parameter", True),
    }
    has_model = any(tier.get("model") for tier in stack.outputs["contract"]["tiers"])
    assert may == {one for one in expected if has_model or not one[2]}
