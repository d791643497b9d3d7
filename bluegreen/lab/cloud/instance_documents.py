"""How EC2 shows its instances, and how it says that it has none to give."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, tags_from, tags_to

if TYPE_CHECKING:
    from bluegreen.lab.cloud.instances import Instance

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48}
"""EC2's own numbers."""


def state_document(state: str) -> Document:
    return {"Code": _CODES[state], "Name": str(state)}


def reservation(one: Instance, owner: str) -> Document:
    return {
        "ReservationId": f"r-{one.id[2:]}",
        "OwnerId": owner,
        "Groups": [],
        "Instances": [
            {
                "InstanceId": one.id,
                "ImageId": one.data.get("ImageId", "ami-00000000000000000"),
                "InstanceType": one.data.get("InstanceType", "t3.micro"),
                "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
                "LaunchTime": as_datetime(one.launched_at),
                "State": state_document(one.state),
                "SubnetId": one.subnet_id,
                "Placement": {"AvailabilityZone": one.zone, "Tenancy": "default"},
                "PrivateIpAddress": one.private_ip,
                "SecurityGroups": [
                    {"GroupId": group, "GroupName": group} for group in one.data.get("SecurityGroupIds", ())
                ],
                "Tags": tags_to(one.tags),
            }
        ],
    }


def insufficient_capacity(instance_type: str, zone: str, others: list[str]) -> CloudError:
    """EC2's own words (EC2 Auto Scaling user guide, "Troubleshoot: EC2 instance launch failures")."""
    choosing = f" or choosing {', '.join(others)}" if others else ""
    return CloudError(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you "
        f"requested ({zone}). Our system will be working on provisioning additional capacity. You can "
        f"currently get {instance_type} capacity by not specifying an Availability Zone in your "
        f"request{choosing}.",
        500,
    )


def template_tags(data: Document) -> dict[str, str]:
    specifications = data.get("TagSpecifications") or ()
    return tags_from(
        [t for spec in specifications if spec.get("ResourceType") == "instance" for t in spec.get("Tags", ())]
    )


def matches(one: Instance, name: str, values: list[str]) -> bool:
    if name.startswith("tag:"):
        value = one.tags.get(name[4:])
        return value is not None and any(fnmatch.fnmatchcase(value, wanted) for wanted in values)
    if name == "tag-key":
        return any(key in values for key in one.tags)
    known = {
        "instance-id": one.id,
        "instance-state-name": one.state.value,
        "subnet-id": one.subnet_id,
        "private-ip-address": one.private_ip,
        "availability-zone": one.zone,
    }
    if name not in known:
        raise CloudError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return known[name] in values
