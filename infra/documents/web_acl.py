"""Rules of a web ACL: who may use the origin, how often an address may ask, AWS's managed sets (S3, S4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ORIGIN_HEADER = "x-sportcoach-origin"
"""The CDN sends it to the load balancer; its value is a secret of the stack."""

# AWS managed rule groups in order of evaluation, each with the rules that only count. The common group's
# body rule would block uploads of more than 8 KB.
MANAGED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWSManagedRulesAmazonIpReputationList", ()),
    ("AWSManagedRulesKnownBadInputsRuleSet", ()),
    ("AWSManagedRulesCommonRuleSet", ("SizeRestrictions_BODY",)),
    ("AWSManagedRulesSQLiRuleSet", ()),
    ("AWSManagedRulesAnonymousIpList", ()),
)
# Hosting providers and VPNs: GitHub's runners and ordinary users come from there. Counted, not blocked.
COUNTED = frozenset({"AWSManagedRulesAnonymousIpList"})

REDACTED = [{"single_header": {"name": name}} for name in ("authorization", "cookie", ORIGIN_HEADER)]
"""Never written to a web ACL's log."""

LOGGED = {
    "default_behavior": "DROP",
    "filters": [
        {
            "behavior": "KEEP",
            "requirement": "MEETS_ANY",
            "conditions": [
                {"action_condition": {"action": action}} for action in ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")
            ],
        }
    ],
}
"""What was blocked or counted: requests that passed are in the access logs, and most of the volume."""


def visibility(name: str) -> dict[str, Any]:
    """Metrics and sampled requests of a rule or an ACL."""
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": True}


def rate_limit(limit: int, own: str = "") -> dict[str, Any]:
    """At most `limit` requests per client address and five minutes, where clients connect themselves.

    Behind a CDN an address is only what X-Forwarded-For says, and its first entry is written by the client.
    `own` is the ARN of the stack's own addresses, which have no limit: all hosts of a tier share one.
    """
    statement: dict[str, Any] = {"limit": limit, "aggregate_key_type": "IP"}
    if own:
        statement["scope_down_statement"] = {"not_statement": {"statement": _sent_from(own)}}
    return {
        "name": "rate-limit",
        "priority": 0,
        "action": {"block": {"custom_response": {"response_code": 429}}},
        "statement": {"rate_based_statement": statement},
        "visibility_config": visibility("rate-limit"),
    }


def from_our_cdn(values: Sequence[str], own: str) -> dict[str, Any]:
    """Requests without one of the secret values of ORIGIN_HEADER are blocked, but for those of our own hosts,
    whose addresses `own` names (its ARN): they come from inside the VPC.

    A VPC origin serves every distribution of its account: without this, another one may use the balancer and
    pass by our firewall at the edge.
    """
    matches: list[dict[str, Any]] = [
        {
            "byte_match_statement": {
                "search_string": value,
                "positional_constraint": "EXACTLY",
                "field_to_match": {"single_header": {"name": ORIGIN_HEADER}},
                "text_transformations": [{"priority": 0, "type": "NONE"}],
            }
        }
        for value in values
    ]
    known = {"or_statement": {"statements": [*matches, _sent_from(own)]}}
    return {
        "name": "from-our-cdn",
        "priority": 0,
        "action": {"block": {"custom_response": {"response_code": 403}}},
        "statement": {"not_statement": {"statement": known}},
        "visibility_config": visibility("from-our-cdn"),
    }


def _sent_from(addresses: str) -> dict[str, Any]:
    """The connection itself comes from one of them; what a header says does not count."""
    return {"ip_set_reference_statement": {"arn": addresses}}


def rules(first: dict[str, Any]) -> list[dict[str, Any]]:
    """`first`, then the managed rule groups."""
    return [first, *(_managed(index, *group) for index, group in enumerate(MANAGED, start=1))]


def _managed(priority: int, name: str, counted: tuple[str, ...]) -> dict[str, Any]:
    group: dict[str, Any] = {"vendor_name": "AWS", "name": name}
    if counted:
        group["rule_action_overrides"] = [{"name": rule, "action_to_use": {"count": {}}} for rule in counted]
    return {
        "name": name,
        "priority": priority,
        "override_action": {"count": {}} if name in COUNTED else {"none": {}},
        "statement": {"managed_rule_group_statement": group},
        "visibility_config": visibility(name),
    }
