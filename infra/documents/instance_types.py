"""What an instance type counts against the account's quota of vCPUs."""

from __future__ import annotations

_SMALL = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}


def vcpus(instance_type: str) -> int:
    """VCPUs of an x86 type of the families that settings allow (EC2, "Instance types").

    From `xlarge` on they are four for each unit of the size. Raises ValueError for a size without number.
    """
    size = instance_type.partition(".")[2]
    return _SMALL[size] if size in _SMALL else 4 * int(size.removesuffix("xlarge"))
