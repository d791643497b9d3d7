"""The rules between the sections of a stack's settings, and the secrets that its switches ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bluegreen.contract import Tier
from infra.settings.tiers import TierSettings

SECRETS: Mapping[str, tuple[str, str]] = {
    "databasePassword": (r"[!#-.0-?A-~]{8,128}", '8 to 128 printable characters except space, ", / and @'),
    "databaseAppPassword": (r"[!#-.0-?A-~]{8,128}", '8 to 128 printable characters except space, ", / and @'),
    "originSecret": (
        r"[A-Za-z0-9]{32,64}(,[A-Za-z0-9]{32,64})?",
        "32 to 64 letters and digits; while it is changed, the new value, a comma and the old one",
    ),
    "cacheAuthToken": (r"[A-Za-z0-9!&#$^<>-]{16,128}", "16 to 128 letters, digits and !&#$^<>-"),
    "pagerDutyEndpoint": (r"https://\S+", "an https URL"),
    "newRelicLicenseKey": (r"\S{20,64}", "20 to 64 characters without spaces"),
}
"""The secret keys of a stack's configuration, each with its format (RDS and ElastiCache user guides)."""

VPC_ORIGIN_REGIONS = frozenset({
    "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1",
    "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1",
    "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
})  # fmt: skip
"""Where CloudFront reaches private addresses, except in the zones apne1-az3, cac1-az3 and usw1-az2 (its
developer guide, "Supported Regions for CloudFront VPC Origins service-linked roles")."""

Rule = Callable[[Mapping[str, Any], Mapping[str, str]], Iterable[str]]


def _regions(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    if parts["region"] == parts["backup_region"]:
        yield f"backup_region: {parts['region']} must differ from region; copies must outlive it"


def _zones(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    foreign = [zone for zone in parts["network"].zones if zone[:-1] != parts["region"]]
    if foreign:
        yield f"network.zones: {', '.join(foreign)}: not in region {parts['region']}"


def _tiers(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    tiers: Mapping[Tier, TierSettings] = parts["tiers"]
    priorities = [tier.rule_priority for tier in tiers.values()]
    if len(set(priorities)) != len(priorities):
        yield f"tiers: rule_priority must differ between tiers, got {priorities}"
    ports = [tier.port for tier in tiers.values()]
    if len(set(ports)) != len(ports):
        yield f"tiers: port must differ between tiers, got {ports}"
    if not any("/*" in tier.paths for tier in tiers.values()):
        yield "tiers: no tier has the path /*; unmatched requests would get the maintenance page"
    last = max(tiers.values(), key=lambda tier: tier.rule_priority)
    if any("/*" in tier.paths and tier is not last for tier in tiers.values()):
        yield "tiers: the tier with the path /* must have the highest rule_priority: it matches everything"


def _repositories(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    known = parts["delivery"].repositories
    for name, tier in parts["tiers"].items():
        if tier.image_repository not in known:
            yield (
                f"tiers.{name}.image_repository: {tier.image_repository} is not in delivery.repositories"
                f" (allowed: {', '.join(known)})"
            )


def _copies(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    """Copies of images between accounts: a registry's policy and its replication are one for an account."""
    delivery = parts["delivery"]
    for key in ("replicate_to", "replicate_from"):
        other = getattr(delivery, key)
        if other and other == parts["account_id"]:
            yield f"delivery.{key}: {other} is the stack's own account (allowed: another account)"
        if other and not parts["account_wide"]:
            yield f"delivery.{key}: belongs to the stack with account_wide: true, which owns the registry"


def _search(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    search, zones = parts["telemetry"].opensearch, len(parts["network"].zones)
    if search and search.nodes % zones:
        yield f"telemetry.opensearch.nodes: {search.nodes} must be a multiple of the {zones} zones"


def _one_limit(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    """An address is known only where it connects: at the CDN if there is one."""
    if (parts["edge"] is None) is (parts["load_balancer"] is None):
        yield "edge, load_balancer: exactly one must be set: the limit per address is where clients connect"


def _vpc_origin(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    """The CDN asks an internal load balancer, which it cannot everywhere."""
    if parts["edge"] and parts["region"] not in VPC_ORIGIN_REGIONS:
        yield (
            f"edge: CloudFront has no VPC origins in {parts['region']}; set load_balancer instead"
            f" (allowed regions: {', '.join(sorted(VPC_ORIGIN_REGIONS))})"
        )


def _two_passwords(_: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterable[str]:
    owner, application = secrets.get("databasePassword"), secrets.get("databaseAppPassword")
    if owner and owner == application:
        yield "the secrets databasePassword and databaseAppPassword must differ: hosts read the second alone"


def _secret(key: str, needed: Callable[[Any], bool]) -> Rule:
    """A secret that is needed is set and has the format AWS requires; its value is never shown."""

    def check(parts: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterable[str]:
        pattern, allowed = SECRETS[key]
        if not needed(parts):
            return
        if not secrets.get(key):
            yield f"the secret sportcoach:{key} is missing: `pulumi config set --secret {key}` ({allowed})"
        elif not re.fullmatch(pattern, secrets[key]):
            yield f"the secret sportcoach:{key} has an invalid format (allowed: {allowed})"

    return check


RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("region", "backup_region"), _regions),
    (("region", "network"), _zones),
    (("tiers",), _tiers),
    (("tiers", "delivery"), _repositories),
    (("account_id", "account_wide", "delivery"), _copies),
    (("telemetry", "network"), _search),
    ((), _secret("databasePassword", lambda _: True)),
    ((), _secret("databaseAppPassword", lambda _: True)),
    ((), _two_passwords),
    (("edge", "load_balancer"), _one_limit),
    (("edge", "region"), _vpc_origin),
    (("edge",), _secret("originSecret", lambda parts: parts["edge"] is not None)),
    (("cache",), _secret("cacheAuthToken", lambda parts: parts["cache"] is not None)),
    (("alerts",), _secret("pagerDutyEndpoint", lambda parts: parts["alerts"].pagerduty)),
    (("telemetry",), _secret("newRelicLicenseKey", lambda parts: parts["telemetry"].new_relic is not None)),
)
"""The sections that a rule needs, and the rule; it is checked once those are valid."""
