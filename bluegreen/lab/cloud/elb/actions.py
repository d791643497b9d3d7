"""Rule actions and conditions: AWS's checks and AWS's normal form."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from bluegreen.lab.cloud.elb.state import State, weights_of
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.world import Document

CONDITION_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_PLAIN_VALUES = ("host-header", "path-pattern")


def normal_actions(
    state: State, balancer: str, actions: Sequence[Document], *, encrypted: bool
) -> tuple[Document, ...]:
    """The whole action list as AWS stores it; raises CloudError as AWS would.

    The last action must be terminal (forward, fixed-response or redirect) and the only such one.
    """
    ordered = sorted(copy.deepcopy(list(actions)), key=lambda action: action.get("Order", 1))
    terminal = [one for one in ordered if one["Type"] in ("forward", "fixed-response", "redirect")]
    if len(terminal) != 1 or ordered[-1] is not terminal[0]:
        raise CloudError(
            "InvalidLoadBalancerAction",
            "The action list must end with exactly one forward, redirect or fixed-response action",
        )
    if not encrypted and any(one["Type"].startswith("authenticate-") for one in ordered):
        raise CloudError(
            "InvalidLoadBalancerAction", "Actions of type 'authenticate' are for HTTPS listeners alone"
        )
    normal = tuple(_forward(state, one) if one["Type"] == "forward" else one for one in ordered)
    _check_attachable(state, balancer, set(weights_of(normal)))
    return normal


def _forward(state: State, action: Document) -> Document:
    config = action.get("ForwardConfig") or {}
    alone = action.get("TargetGroupArn")
    groups = [dict(group) for group in config.get("TargetGroups") or ()]
    if alone and groups and [group["TargetGroupArn"] for group in groups] != [alone]:
        raise CloudError(
            "InvalidLoadBalancerAction",
            "You must specify only TargetGroupArn or the same group in ForwardConfig",
        )
    groups = groups or ([{"TargetGroupArn": alone}] if alone else [])
    if not groups:
        raise validation("A target group ARN must be specified")
    if len(groups) > 5:
        raise validation("A forward action takes at most 5 target groups")
    for group in groups:
        group["Weight"] = _weight(group.get("Weight", 1))
        state.group(group["TargetGroupArn"])
    if len({group["TargetGroupArn"] for group in groups}) != len(groups):
        raise validation("Target groups must be unique in a forward action")
    sticky = dict(config.get("TargetGroupStickinessConfig") or {"Enabled": False})
    _check_stickiness(state, groups, sticky)
    normal = {**action, "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}}
    normal.pop("TargetGroupArn", None)
    if len(groups) == 1:
        normal["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    return normal


def _weight(weight: int) -> int:
    if not 0 <= weight <= 999:
        raise validation(f"Weight '{weight}' must be between 0 and 999")
    return weight


def _check_stickiness(state: State, groups: Sequence[Document], sticky: Document) -> None:
    seconds = sticky.get("DurationSeconds")
    if sticky.get("Enabled") and (seconds is None or not 1 <= seconds <= 604_800):
        raise validation("Target group stickiness duration must be between 1 and 604800 seconds")
    if len(groups) > 1 and not sticky.get("Enabled"):
        pinned = [one for one in groups if state.group(one["TargetGroupArn"]).sticky]
        if pinned:
            raise CloudError(
                "InvalidLoadBalancerAction",
                "You must enable group stickiness on a rule if you enabled target stickiness on one of its "
                "target groups",
            )


def _check_attachable(state: State, balancer: str, groups: set[str]) -> None:
    for arn in sorted(groups):
        if any(other != balancer for other in state.balancers_of(arn)):
            raise CloudError(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load balancer: {arn}",
            )
    limit = state.world.settings.target_groups_per_load_balancer
    if len(state.groups_of(balancer) | groups) > limit:
        raise CloudError(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            f"You have reached the maximum number of unique target groups that you can associate with a load "
            f"balancer of type 'application': [{limit}]",
        )


def normal_conditions(conditions: Sequence[Document]) -> tuple[Document, ...]:
    """Conditions as DescribeRules shows them; at most five values a rule."""
    normal = tuple(_condition(one) for one in conditions)
    if not normal:
        raise validation("A condition must be specified")
    values = [value for one in normal for value in one[CONDITION_CONFIGS[one["Field"]]]["Values"]]
    if len(values) > 5:
        raise validation("A rule can only have '5' condition values")
    if sum(str(value).count("*") + str(value).count("?") for value in values) > 6:
        raise validation("A rule can only have '6' condition wildcards")
    return normal


def _condition(condition: Document) -> Document:
    field = condition.get("Field", "")
    if field not in CONDITION_CONFIGS:
        raise validation(f"Condition field '{field}' must be one of '{sorted(CONDITION_CONFIGS)}'")
    config = copy.deepcopy(condition.get(CONDITION_CONFIGS[field]) or {})
    if not config and field in _PLAIN_VALUES:
        config = {"Values": list(condition.get("Values") or ())}
    if not config.get("Values"):
        raise validation(f"Condition '{field}' must have at least one value")
    if field == "http-header" and not config.get("HttpHeaderName"):
        raise validation("Condition 'http-header' must name a header")
    if any(len(str(value)) > 128 for value in config["Values"]):
        raise validation("Condition values have at most 128 characters")
    normal: Document = {"Field": field, CONDITION_CONFIGS[field]: config}
    if field in _PLAIN_VALUES:
        normal["Values"] = list(config["Values"])
    return normal
