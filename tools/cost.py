"""Estimates what a stack costs a month, from what it registers and a table of list prices.

    python -m tools.cost prod

Prices are AWS's public on-demand prices of Tokyo in US dollars without tax, written down from memory on
`AS_OF` and not fetched: correct a row here before relying on a sum. Traffic is assumed (`USAGE`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from tools.recording import Recording, recorded, settings_of

__all__ = ["AS_OF", "estimate", "main"]

AS_OF = "2026-11"
HOURS = 730
# Dollars an hour.
EC2 = {"t3.medium": 0.0544, "t3.large": 0.1088, "t3.xlarge": 0.2176, "c5.2xlarge": 0.428}
RDS = {"db.t3.small": 0.052, "db.t3.medium": 0.104, "db.m5.large": 0.235}
CACHE = {"cache.t3.medium": 0.104, "cache.m5.large": 0.213}
SEARCH = {"m6g.large.search": 0.164}
BALANCER, CAPACITY_UNIT, NAT, ENDPOINT, ADDRESS = 0.0243, 0.008, 0.062, 0.014, 0.005
# Dollars a month and unit.
EBS_GB, RDS_GB, SEARCH_GB = 0.096, 0.138, 0.1464
KEY, SECRET, ALARM, DASHBOARD, ACL, ACL_RULE, ZONE = 1.0, 0.4, 0.1, 3.0, 5.0, 1.0, 0.5
LOG_GB, CDN_GB, NAT_GB, SAMPLES_10M = 0.76, 0.114, 0.062, 0.9
SERIES = 1_000
"""Series that one instance writes: application, AI and node exporter."""

# Assumed traffic in GB a month.
USAGE = {
    "dev": {"logs": 5, "cdn": 0, "nat": 20},
    "test": {"logs": 15, "cdn": 20, "nat": 50},
    "prod": {"logs": 100, "cdn": 500, "nat": 200},
}

Item = tuple[str, float]


def estimate(recording: Recording) -> list[Item]:
    """Labels and dollars a month, one fleet per tier (a cutover doubles fleets while it lasts)."""
    return [
        *_fleets(recording),
        *_network(recording),
        *_stores(recording),
        *_fixed(recording),
        *_traffic(recording),
    ]


def _fleets(recording: Recording) -> Iterator[Item]:
    for name, tier in settings_of(recording.stack)["tiers"].items():
        count, kind = tier["fleet"]["desired"], tier["instance_type"]
        disks = count * tier.get("disk_gb", 40) * EBS_GB
        yield f"{name}: {count} x {kind} with disks", count * EC2[kind] * HOURS + disks


def _network(recording: Recording) -> Iterator[Item]:
    settings = settings_of(recording.stack)
    zones, gateways = len(settings["network"]["zones"]), settings["network"]["nat_gateways"]
    yield "load balancer, one capacity unit", (BALANCER + CAPACITY_UNIT) * HOURS
    yield f"{gateways} NAT gateways", gateways * NAT * HOURS
    endpoints = [
        e
        for e in recording.of("aws:ec2/vpcEndpoint:VpcEndpoint")
        if e.inputs["vpcEndpointType"] == "Interface"
    ]
    if endpoints:
        yield (
            f"{len(endpoints)} interface endpoints in {zones} zones",
            len(endpoints) * zones * ENDPOINT * HOURS,
        )
    public = sum(tier["fleet"]["desired"] for tier in settings["tiers"].values() if tier.get("public"))
    addresses = public + gateways + zones
    yield f"{addresses} public addresses", addresses * ADDRESS * HOURS


def _stores(recording: Recording) -> Iterator[Item]:
    storage: float = settings_of(recording.stack)["database"]["storage_gb"]
    for one in recording.of("aws:rds/instance:Instance"):
        copies = 2 if one.inputs.get("multiAz") else 1
        price = copies * (RDS[one.inputs["instanceClass"]] * HOURS + storage * RDS_GB)
        zones = " in two zones" if copies == 2 else ""
        yield f"{one.name}: {one.inputs['instanceClass']}, {storage:.0f} GB{zones}", price
    for one in recording.of("aws:elasticache/replicationGroup:ReplicationGroup"):
        nodes = int(one.inputs["numNodeGroups"]) * (int(one.inputs["replicasPerNodeGroup"]) + 1)
        yield f"cache: {nodes} x {one.inputs['nodeType']}", nodes * CACHE[one.inputs["nodeType"]] * HOURS
    for one in recording.of("aws:opensearch/domain:Domain"):
        cluster: dict[str, Any] = one.inputs["clusterConfig"]
        nodes, volume = int(cluster["instanceCount"]), one.inputs["ebsOptions"]["volumeSize"]
        price = nodes * (SEARCH[cluster["instanceType"]] * HOURS + volume * SEARCH_GB)
        yield f"log search: {nodes} x {cluster['instanceType']}, {volume:.0f} GB each", price


def _fixed(recording: Recording) -> Iterator[Item]:
    acls = recording.of("aws:wafv2/webAcl:WebAcl")
    rules = sum(len(acl.inputs["rules"]) for acl in acls)
    yield f"{len(acls)} web ACLs, {rules} rules", len(acls) * ACL + rules * ACL_RULE
    for label, token, price in (
        ("keys", "aws:kms/key:Key", KEY),
        ("secrets", "aws:secretsmanager/secret:Secret", SECRET),
        ("alarms", "aws:cloudwatch/metricAlarm:MetricAlarm", ALARM),
        ("dashboards", "aws:cloudwatch/dashboard:Dashboard", DASHBOARD),
        ("hosted zones", "aws:route53/zone:Zone", ZONE),
    ):
        count = len(recording.of(token))
        yield f"{count} {label}", count * price


def _traffic(recording: Recording) -> Iterator[Item]:
    usage = USAGE[recording.stack]
    yield f"logs, {usage['logs']} GB taken in", usage["logs"] * LOG_GB
    yield f"through NAT gateways, {usage['nat']} GB", usage["nat"] * NAT_GB
    if usage["cdn"]:
        yield f"CDN, {usage['cdn']} GB", usage["cdn"] * CDN_GB
    tiers = settings_of(recording.stack)["tiers"].values()
    instances = sum(tier["fleet"]["desired"] for tier in tiers)
    samples = instances * SERIES * 4 * 60 * HOURS
    yield f"Prometheus, {samples / 1e6:.0f} million samples", samples / 1e7 * SAMPLES_10M


def main(stack: str) -> str:
    """The estimate as a Markdown table."""
    items = estimate(recorded(stack))
    rows = [f"| {label} | {price:,.0f} |" for label, price in items]
    total = sum(price for _, price in items)
    return "\n".join(
        [f"| {stack} | USD a month |", "| --- | ---: |", *rows, f"| **sum** | **{total:,.0f}** |"]
    )


if __name__ == "__main__":
    print("\n\n".join(main(name) for name in sys.argv[1:]))  # noqa: T201  # a tool's answer
