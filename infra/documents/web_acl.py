"""Rules of a web ACL: rate limit and AWS's managed sets (S3, S4)."""

from __future__ import annotations

from typing import Any

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

REDACTED = [{"single_header": {"name": "authorization"}}, {"single_header": {"name": "cookie"}}]
"""Never written to a web ACL's log."""


def visibility(name: str) -> dict[str, Any]:
    """Metrics and sampled requests of a rule or an ACL."""
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": True}


def rules(rate_limit: int, *, forwarded: bool) -> list[dict[str, Any]]:
    """`rate_limit` requests per client address and five minutes, then the managed rule groups.

    Behind a CDN the client's address is the first of X-Forwarded-For (`forwarded`); a request whose
    header is not an address is blocked.
    """
    aggregate: dict[str, Any] = {"aggregate_key_type": "IP"}
    if forwarded:
        aggregate = {
            "aggregate_key_type": "FORWARDED_IP",
            "forwarded_ip_config": {"header_name": "X-Forwarded-For", "fallback_behavior": "MATCH"},
        }
    rate = {
        "name": "rate-limit",
        "priority": 0,
        "action": {"block": {"custom_response": {"response_code": 429}}},
        "statement": {"rate_based_statement": {"limit": rate_limit, **aggregate}},
        "visibility_config": visibility("rate-limit"),
    }
    return [rate, *(_managed(index, name, counted) for index, (name, counted) in enumerate(MANAGED, start=1))]


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
