"""The pure helpers that components are made with."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.contract import Tier
from infra.components.firewall import flows
from infra.documents import web_acl
from infra.documents.alert_rules import alert_manager, rule_groups
from infra.documents.bucket_documents import expire, expire_old
from infra.documents.contract_document import preview_priorities, version_path
from infra.documents.dashboard_body import body
from infra.documents.policies import allow, deny_insecure_transport, document, key_policy
from infra.documents.store_alarms import memory_gib
from infra.documents.subnets import SubnetTier, carve
from infra.documents.user_data import BootVariables, render
from infra.settings import parse_settings
from tools.recording import SECRETS, settings_of

prefixes = st.integers(min_value=16, max_value=22)


@given(
    prefix=prefixes,
    zones=st.integers(min_value=1, max_value=3),
    block=st.integers(min_value=0, max_value=255),
)
def test_subnets_are_disjoint_parts_of_the_network(prefix: int, zones: int, block: int) -> None:
    cidr = f"10.{block}.0.0/{prefix}"
    carved = carve(cidr, zones)
    ranges = [ipaddress.ip_network(text) for tier in SubnetTier for text in carved[tier]]
    assert len(ranges) == 3 * zones
    assert all(one.subnet_of(ipaddress.ip_network(cidr)) for one in ranges)
    assert not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])
    assert min(one.num_addresses for one in ranges) >= 64  # room for blue, green and what AWS keeps


@given(prefix=prefixes)
def test_more_zones_keep_the_ranges_of_fewer(prefix: int) -> None:
    two, three = carve(f"10.0.0.0/{prefix}", 2), carve(f"10.0.0.0/{prefix}", 3)
    assert all(three[tier][:2] == two[tier] for tier in SubnetTier)


@pytest.mark.parametrize("zones", [0, 4])
def test_zones_that_cannot_be_carved(zones: int) -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        carve("10.0.0.0/16", zones)


def test_web_reaches_no_store() -> None:
    ports = {Tier.WEB: 8080, Tier.APP: 3000}
    allowed = flows(ports, frozenset({Tier.APP}), internal=False)
    found = {(flow.source, flow.target, flow.port) for flow in allowed}
    assert found == {
        ("alb", "web", 8080), ("alb", "app", 3000), ("web", "endpoints", 443), ("app", "endpoints", 443),
        ("app", "database", 5432), ("app", "cache", 6379),
    }  # fmt: skip


def test_uploads_are_not_blocked_for_their_size() -> None:
    (common,) = (
        r for r in web_acl.rules(web_acl.rate_limit(100)) if r["name"] == "AWSManagedRulesCommonRuleSet"
    )
    overrides = common["statement"]["managed_rule_group_statement"]["rule_action_overrides"]
    assert overrides == [{"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}]


@pytest.mark.parametrize(
    ("instance_class", "gib"),
    [
        ("db.t3.small", 2), ("db.t3.medium", 4), ("db.t3.large", 8), ("db.m5.large", 8), ("db.m5.xlarge", 16),
        ("db.m5.2xlarge", 32), ("db.m5.4xlarge", 64), ("db.r6g.large", 16), ("db.r5.2xlarge", 64),
    ],
)  # fmt: skip
def test_memory_of_database_classes(instance_class: str, gib: int) -> None:
    assert memory_gib(instance_class) == gib


def test_version_paths() -> None:
    assert version_path(("/*",)) == "/version"
    assert version_path(("/api", "/api/*")) == "/api/version"


def test_preview_priorities_follow_the_live_ones() -> None:
    settings = parse_settings("prod", settings_of("prod"), SECRETS)
    assert preview_priorities(settings) == {Tier.AI: 10, Tier.APP: 20, Tier.WEB: 30}


def test_ai_rules_only_where_there_is_ai() -> None:
    def names(*, has_ai: bool) -> list[str]:
        groups = json.loads(json.dumps(rule_groups(["app"], has_ai=has_ai)))["groups"]
        return [rule["alert"] for group in groups for rule in group["rules"]]

    assert names(has_ai=False) == ["ServiceDownApp", "InstanceDown"]
    assert "AiAccuracyDown" in names(has_ai=True)


def test_the_alert_manager_knows_its_region() -> None:
    config = json.loads(json.loads(alert_manager("arn:c", "arn:w", "ap-northeast-1"))["alertmanager_config"])
    assert {r["sns_configs"][0]["sigv4"]["region"] for r in config["receivers"]} == {"ap-northeast-1"}


def test_user_data_quotes_its_variables() -> None:
    text = render(
        BootVariables(
            stack="x; rm -rf /", tier="app", roles="app", aws_region="r", port=1, health_path="/$(id)",
            boot_budget_seconds=600, namespace="n",
            log_group="g", security_log_group="s", config_path="/c", secret_names="", metrics_url="u",
        )
    )  # fmt: skip
    assert "\nSTACK='x; rm -rf /'\n" in text
    assert "\nHEALTH_PATH='/$(id)'\n" in text
    assert "\nSECRET_NAMES=''\n" in text


def test_a_dashboard_without_cache_and_ai_has_no_empty_charts() -> None:
    shown = body(stack="dev", region="r", balancer="app/b/1", tiers=["app"], database="d", cache_nodes=[])
    titles = [widget["properties"]["title"] for widget in shown["widgets"]]
    assert not any(title.startswith(("Cache", "AI")) for title in titles)


def test_policy_helpers() -> None:
    statement = allow(["s3:GetObject"], ["arn"], sid="Read", condition={"Bool": {"a": "b"}}, principal="*")
    assert document([statement]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn"], "Sid": "Read",
                "Condition": {"Bool": {"a": "b"}}, "Principal": "*",
            }
        ],
    }  # fmt: skip
    assert key_policy("1")["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::1:root"}
    denied = deny_insecure_transport("arn:aws:s3:::b")
    assert [one["Effect"] for one in denied] == ["Deny", "Deny"]
    assert denied[0]["Resource"] == ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]


def test_lifecycle_rules() -> None:
    assert expire("a", 5)["expiration"] == {"days": 5}
    assert expire_old("a", 5)["noncurrent_version_expiration"] == {"noncurrent_days": 5}
