"""Listener rules as documents of the ELBv2 API: read into our words, built from them; pure.

The forward action always names every target group with its weight in `ForwardConfig`, because
ModifyRule replaces the whole action list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bluegreen.contract import TierContract
from bluegreen.domain.stack import Rule
from bluegreen.errors import Refused
from bluegreen.ports import PREVIEW_HEADER

Document = Mapping[str, Any]
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")


def rule_from(document: Document, tags: Mapping[str, str]) -> Rule:
    """A rule of DescribeRules; not for the default rule, which has no priority."""
    found = document.get("Conditions") or ()
    return Rule(
        arn=document["RuleArn"],
        priority=int(document["Priority"]),
        weights=_weights(document.get("Actions") or ()),
        path_patterns=tuple(v for one in found if one["Field"] == "path-pattern" for v in _values(one)),
        preview_token=next((_values(one)[0] for one in found if _is_preview(one)), None),
        forwards=is_plain(document.get("Actions") or ()),
        tags=dict(tags),
    )


def is_plain(actions: Sequence[Document]) -> bool:
    """Whether the actions are one forward and nothing else (no authentication, no redirect)."""
    return [action["Type"] for action in actions] == ["forward"]


def _weights(actions: Sequence[Document]) -> dict[str, int]:
    for action in actions:
        if action["Type"] == "forward":
            groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
            alone = [{"TargetGroupArn": action["TargetGroupArn"]}] if "TargetGroupArn" in action else []
            # An absent weight is 1 (ELBv2 TargetGroupTuple).
            return {one["TargetGroupArn"]: int(one.get("Weight", 1)) for one in groups or alone}
    return {}


def _values(condition: Document) -> list[str]:
    for name in ("PathPatternConfig", "HttpHeaderConfig"):
        if condition.get(name):
            return list(condition[name].get("Values") or ())
    return list(condition.get("Values") or ())


def _is_preview(condition: Document) -> bool:
    header = (condition.get("HttpHeaderConfig") or {}).get("HttpHeaderName", "")
    return bool(
        condition["Field"] == "http-header" and header.lower() == PREVIEW_HEADER and _values(condition)
    )


def strange_conditions(document: Document) -> tuple[str, ...]:
    """Conditions that sc-deploy never writes: somebody changed the rule by hand."""
    fields = (one["Field"] for one in document.get("Conditions") or () if not _is_preview(one))
    return tuple(field for field in fields if field != "path-pattern")


def conditions(tier: TierContract, token: str | None = None) -> list[dict[str, Any]]:
    """The tier's path patterns, and for a preview the header with its token.

    AWS allows 5 condition values a rule: the contract's 4 patterns and the token. The token must not
    hold `*` or `?`, which match anything in a header condition.
    """
    path = {"Field": "path-pattern", "PathPatternConfig": {"Values": list(tier.path_patterns)}}
    if token is None:
        return [path]
    if not _TOKEN.fullmatch(token):
        raise Refused("the preview token must be 8 to 128 letters, digits, hyphens or underscores")
    header = {"HttpHeaderName": PREVIEW_HEADER, "Values": [token]}
    return [path, {"Field": "http-header", "HttpHeaderConfig": header}]


def same_conditions(rule: Rule, tier: TierContract, token: str | None = None) -> bool:
    """Whether the rule already matches what `conditions` would write; order does not count."""
    return set(rule.path_patterns) == set(tier.path_patterns) and rule.preview_token == token


def stickiness_of(document: Document) -> dict[str, Any]:
    """The stickiness of a rule's forward; none where it has no forward."""
    forwards = [one for one in document["Actions"] if one["Type"] == "forward"]
    config = (forwards[-1].get("ForwardConfig") or {}) if forwards else {}
    return dict(config.get("TargetGroupStickinessConfig") or {"Enabled": False})


def wanted_stickiness(tier: TierContract, present: Mapping[str, Any]) -> Mapping[str, Any]:
    """The contract's stickiness, else what is `present`."""
    if tier.stickiness:
        return {"Enabled": True, "DurationSeconds": tier.stickiness.seconds}
    return present


def without_clinging(weights: Mapping[str, int], stickiness: Mapping[str, Any]) -> dict[str, int]:
    """The weights of a rule that must lead away at once: where it is sticky, only groups with weight.

    A cookie beats the weight: its user stays with a group of weight 0 for as long as the rule names it. The
    stickiness itself stays, for ELB refuses to switch it off where a target group has its own.
    """
    return {arn: weight for arn, weight in weights.items() if weight or not stickiness.get("Enabled")}


def serving(weights: Mapping[str, int]) -> dict[str, int]:
    """Only the groups with weight.

    ELB refuses a rule of several groups, whatever their weights, once somebody has switched on the stickiness
    of one of them (InvalidLoadBalancerAction); a rule of one group it takes.
    """
    return {arn: weight for arn, weight in weights.items() if weight}


def authenticating(document: Document) -> list[dict[str, Any]]:
    """The actions by which users log in before they are forwarded: no rollback may open what they guard.

    AWS tells no client secret; ModifyRule keeps it where it is told to (ELBv2 API,
    AuthenticateOidcActionConfig).
    """
    found = []
    for one in document["Actions"]:
        if one["Type"] == "authenticate-oidc":
            config = {
                key: value for key, value in one["AuthenticateOidcConfig"].items() if key != "ClientSecret"
            }
            found.append({**one, "AuthenticateOidcConfig": {**config, "UseExistingClientSecret": True}})
        elif one["Type"].startswith("authenticate"):
            found.append(dict(one))
    return found


def answers_itself(document: Document) -> str:
    """What the rule does instead of forwarding, in words; empty where it forwards."""
    words = {"fixed-response": "a fixed answer", "redirect": "a redirect"}
    return next((words[one["Type"]] for one in document["Actions"] if one["Type"] in words), "")


def forward(
    weights: Mapping[str, int], stickiness: Mapping[str, Any], first: Sequence[Document] = ()
) -> list[dict[str, Any]]:
    """The whole action list: one forward with every target group and its weight, after what comes `first`."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": dict(stickiness)}
    order = 1 + max((int(one.get("Order", 1)) for one in first), default=0)
    return [*map(dict, first), {"Type": "forward", "Order": order, "ForwardConfig": config}]


def check_weights(weights: Mapping[str, int], where: str) -> None:
    """Refuse what ELBv2 would, and a rule that leads nowhere."""
    limit = "a forward action takes 1 to 5 target groups with weights from 0 to 999, one above 0"
    if not 1 <= len(weights) <= 5:
        raise Refused(f"{where}: {len(weights)} target groups; {limit}")
    if not all(0 <= weight <= 999 for weight in weights.values()) or not any(weights.values()):
        raise Refused(f"{where}: weights {sorted(weights.values())}; {limit}")
