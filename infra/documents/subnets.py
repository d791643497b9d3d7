"""Carving a VPC into equal subnets, so that adding a third zone changes no existing range."""

from __future__ import annotations

import ipaddress
from enum import StrEnum

MAX_ZONES = 3


class SubnetTier(StrEnum):
    """Public: balancer and web. Private: app and AI. Data: database, cache, log search (E11)."""

    PUBLIC = "public"
    PRIVATE = "private"
    DATA = "data"


def carve(cidr: str, zones: int) -> dict[SubnetTier, tuple[str, ...]]:
    """One subnet per tier and zone, each a sixteenth of `cidr`.

    Space for three zones is reserved whatever `zones` is: a stack can grow from two to three without
    changing (and so replacing) a subnet. Raises ValueError for more zones.
    """
    if not 1 <= zones <= MAX_ZONES:
        raise ValueError(f"{zones} zones; 1 to {MAX_ZONES} are supported")
    shares = list(ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=4))
    return {
        tier: tuple(str(shares[index * MAX_ZONES + zone]) for zone in range(zones))
        for index, tier in enumerate(SubnetTier)
    }
