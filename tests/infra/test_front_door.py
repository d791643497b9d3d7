"""The origin answers our own CDN alone, and the connections between them never race."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.recording import SECRETS, Recorded, evaluate, recorded, settings_of

ACL = "aws:wafv2/webAcl:WebAcl"


def blocks(rule: dict[str, Any], headers: dict[str, str]) -> bool:
    """Whether the rule that guards the origin blocks a request with these headers."""

    def holds(statement: dict[str, Any]) -> bool:
        if "notStatement" in statement:
            return not holds(statement["notStatement"]["statement"])
        if "orStatement" in statement:
            return any(map(holds, statement["orStatement"]["statements"]))
        match = statement["byteMatchStatement"]
        assert (match["positionalConstraint"], match["textTransformations"][0]["type"]) == ("EXACTLY", "NONE")
        return bool(headers.get(match["fieldToMatch"]["singleHeader"]["name"]) == match["searchString"])

    return "block" in rule["action"] and holds(rule["statement"])


def guard(acl: Recorded) -> dict[str, Any]:
    (rule,) = [one for one in acl.inputs["rules"] if one["name"] == "from-our-cdn"]
    return dict(rule)


@pytest.mark.parametrize("name", ["test", "prod"])
def test_no_other_distribution_may_use_the_origin(name: str) -> None:
    stack = recorded(name)
    (cdn,) = stack.of("aws:cloudfront/distribution:Distribution")
    (origin,) = [one for one in cdn.inputs["origins"] if "customOriginConfig" in one]
    sent = {header["name"]: header["value"] for header in origin["customHeaders"]}
    acl = stack.one(ACL, "origin-firewall")
    assert sent == {"x-sportcoach-origin": SECRETS["originSecret"]}
    assert not blocks(guard(acl), sent)
    assert blocks(guard(acl), {})
    assert blocks(guard(acl), {"x-sportcoach-origin": "guessed"})
    # It is the first rule, so nothing else is asked of a stranger; both sides keep it secret.
    assert min(acl.inputs["rules"], key=lambda one: one["priority"])["name"] == "from-our-cdn"
    assert "rules" in acl.secrets
    assert "origins" in cdn.secrets


def test_the_secret_of_the_origin_is_changed_without_a_gap() -> None:
    """The balancer knows both values for as long as the CDN may send either."""
    new = "n" * 32
    secrets = {**SECRETS, "originSecret": f"{new},{SECRETS['originSecret']}"}
    stack = evaluate("test", settings_of("test"), secrets=secrets)
    rule = guard(stack.one(ACL, "origin-firewall"))
    assert not blocks(rule, {"x-sportcoach-origin": new})
    assert not blocks(rule, {"x-sportcoach-origin": SECRETS["originSecret"]})
    (cdn,) = stack.of("aws:cloudfront/distribution:Distribution")
    assert new in json.dumps(cdn.inputs["origins"])
    assert SECRETS["originSecret"] not in json.dumps(cdn.inputs["origins"])


def test_a_site_without_a_cdn_asks_for_no_header() -> None:
    assert "from-our-cdn" not in json.dumps(recorded("dev").one(ACL, "origin-firewall").inputs["rules"])


@pytest.mark.parametrize("name", ["test", "prod"])
def test_many_users_may_share_an_address(name: str) -> None:
    """K4: 50 requests a second, all of the AI's capacity, from one office: 15,000 in five minutes."""
    acl = recorded(name).one(ACL, "edge-firewall")
    (limit,) = [
        r["statement"]["rateBasedStatement"]["limit"]
        for r in acl.inputs["rules"]
        if r["name"] == "rate-limit"
    ]
    assert limit >= 50 * 300
