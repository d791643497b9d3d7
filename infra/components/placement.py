"""Where a store stands, the same for database and cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.components.encryption import Encryption


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Subnets and security group of a store, the stack's keys, and the days its logs are kept."""

    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    keys: Encryption
    log_days: int
