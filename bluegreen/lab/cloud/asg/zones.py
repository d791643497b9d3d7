"""Where instances are launched and which ones go: availability zones, and the default termination policy."""

from __future__ import annotations

from collections import Counter

from bluegreen.lab.cloud.asg.state import Group, Lifecycle, Member
from bluegreen.lab.cloud.instances import Instances
from bluegreen.lab.cloud.world import World


class Zones:
    """The balance of a group's zones.

    Auto Scaling launches in the zone with the fewest instances of the group, and tries another one where that
    has no capacity (user guide, "Distribute instances across Availability Zones").
    """

    def __init__(self, world: World, instances: Instances) -> None:
        self._world = world
        self._instances = instances

    def subnets(self, group: Group) -> list[str]:
        """The group's subnets, that of the emptiest zone first."""
        counts = Counter(one.instance.zone for one in group.active)
        zone_of = self._instances.zone_of
        return sorted(group.subnets or ("",), key=lambda subnet: counts[zone_of(subnet)])

    def poorest(self, group: Group) -> str:
        """The subnet that AZ rebalancing launches in; empty where the zones are balanced or busy.

        Rebalancing launches before it terminates, so that the group is at no time smaller than asked for;
        zones without capacity do not count.
        """
        usable = {
            self._instances.zone_of(subnet): subnet
            for subnet in group.subnets
            if not self._world.conditions.no_capacity(self._instances.zone_of(subnet))
        }
        if any(one.lifecycle is not Lifecycle.IN_SERVICE for one in group.members.values()):
            return ""
        counts = Counter(dict.fromkeys(usable, 0))
        counts.update(one.instance.zone for one in group.active)
        least = min(usable, key=lambda zone: counts[zone], default="")
        return usable[least] if least and max(counts.values()) - counts[least] > 1 else ""


def victims(group: Group, surplus: int) -> list[Member]:
    """Whom a scale-in terminates: in the zone with the most instances, the oldest unprotected one.

    The default termination policy, as far as all instances have the same launch template version.
    """
    loose = [one for one in group.active if group.deleting or not one.protected]
    counts = Counter(one.instance.zone for one in group.active)
    found: list[Member] = []
    for _ in range(min(surplus, len(loose))):
        gone = max(loose, key=lambda one: (counts[one.instance.zone], -one.instance.number))
        loose.remove(gone)
        counts[gone.instance.zone] -= 1
        found.append(gone)
    return found
