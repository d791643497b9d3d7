"""How many vCPUs the account may still run: the quota that a second fleet meets first in a young account."""

from __future__ import annotations

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.threads import parallel

_STANDARD = "L-1216C47A"
"""Service Quotas, "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in vCPUs."""
_FAMILIES = frozenset("acdhimrtz")


def vcpus_left(session: Session) -> int:
    """The quota, less what runs or is about to."""
    quota, used = parallel([lambda: _quota(session), lambda: _used(session)])
    return int(quota) - int(used)


def _quota(session: Session) -> float:
    answer = session.service("service-quotas").call(
        "get_service_quota", about="the quota of vCPUs", ServiceCode="ec2", QuotaCode=_STANDARD
    )
    return float(answer["Quota"]["Value"])


def _used(session: Session) -> int:
    found = session.service("ec2").pages(
        "describe_instances",
        "Reservations",
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}],
    )
    return sum(
        one["CpuOptions"]["CoreCount"] * one["CpuOptions"]["ThreadsPerCore"]
        for reservation in found
        for one in reservation["Instances"]
        if one["InstanceType"][0] in _FAMILIES and one.get("InstanceLifecycle") != "spot"
    )
