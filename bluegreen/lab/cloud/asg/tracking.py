"""Target tracking at work: a group follows its load by its scaling policies.

The rules of the user guide ("Target tracking scaling policies") and of the alarms that AWS makes for it:
scale-out after 3 datapoints in a row above the target, in proportion to it; scale-in after 15 below 90 % of
it, gently (one instance at a time here; AWS publishes no figure), never while an instance warms up, and only
where every policy asks for it. Of several policies the largest capacity wins. An instance counts from its
warm-up on, and one that warms up is counted as capacity, so that the same load is not answered twice.
Without data nothing is scaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from bluegreen.lab.cloud.asg.state import Group, Lifecycle, State
from bluegreen.lab.cloud.elb.state import Health
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.metrics.queries import metric_key
from bluegreen.lab.cloud.metrics.store import MetricKey, Store
from bluegreen.lab.cloud.world import Document, World

_OUT_DATAPOINTS, _IN_DATAPOINTS = 3, 15
_IN_BELOW = 0.9


class Tracking:
    """Evaluates the policies of every group once a datapoint."""

    def __init__(
        self, world: World, state: State, *, balancing: Balancing, targets: Targets, metrics: Store
    ) -> None:
        self._world = world
        self._state = state
        self._balancing = balancing
        self._targets = targets
        self._metrics = metrics
        self._looked = world.at

    def tick(self) -> None:
        period = self._world.settings.scaling_period_seconds
        if self._world.at - self._looked < period:
            return
        self._looked = self._world.at
        for group in self._state.groups.values():
            policies = [one for one in group.policies.values() if one["Enabled"]]
            if policies and group.runs("AlarmNotification") and not group.deleting:
                self._follow(group, policies)

    def _follow(self, group: Group, policies: list[Document]) -> None:
        wanted = {policy["PolicyName"]: self._wanted(group, policy) for policy in policies}
        most = max((size for size in wanted.values() if size is not None), default=None)
        if most is None:
            return
        warming = any(not self._warm(group, one) for one in group.members)
        down = most < group.desired and not warming and None not in wanted.values()
        size = max(most, group.desired - 1) if down else max(most, group.desired)
        size = min(max(size, group.minimum), group.maximum)
        if size == group.desired:
            return
        name = next(name for name, one in wanted.items() if one == most)
        alarm = f"TargetTracking-{group.name}-Alarm{'Low' if down else 'High'}-{name}"
        group.alarm = (
            f"a monitor alarm {alarm} in state ALARM triggered policy {name} changing the desired capacity "
            f"from {group.desired} to {size}; "
        )
        group.desired, group.scaled_at = size, self._world.at

    def _warm(self, group: Group, instance_id: str) -> bool:
        """Whether an instance counts; without DefaultInstanceWarmup its warm-up is the cooldown."""
        member = group.members[instance_id]
        warmup = group.cooldown_seconds if group.warmup_seconds is None else group.warmup_seconds
        if member.lifecycle.leaving:
            return True
        return member.lifecycle is Lifecycle.IN_SERVICE and member.in_service_at + warmup <= self._world.at

    def _wanted(self, group: Group, policy: Document) -> int | None:
        """The capacity that a policy asks for; the current one where it asks for none, None without data."""
        config = policy["TargetTrackingConfiguration"]
        target: float = config["TargetValue"]
        number = self._counted(group)
        values = list(self._values(group, config, number))
        latest = values[-_OUT_DATAPOINTS:]
        if len(latest) == _OUT_DATAPOINTS and all(value > target for value in latest):
            return ceil(number * latest[-1] / target - 1e-9)
        low = len(values) == _IN_DATAPOINTS and all(value < _IN_BELOW * target for value in values)
        if low and not config["DisableScaleIn"]:
            return ceil(number * max(values) / target - 1e-9)
        return group.desired if values else None

    def _counted(self, group: Group) -> int:
        """The instances that count, one at the least."""
        active = (name for name, one in group.members.items() if not one.lifecycle.leaving)
        return max(1, sum(self._warm(group, name) for name in active))

    def _values(self, group: Group, config: Document, number: int) -> Iterator[float]:
        """The metric of the last datapoints, oldest first; older than the last change they do not count."""
        period, demand = self._world.settings.scaling_period_seconds, self._world.conditions.demand
        late = self._world.settings.metrics_delay_seconds + self._world.conditions.metrics_late_seconds
        end = (self._world.at - late) // period * period
        start = end - _IN_DATAPOINTS * period
        real = self._real(group, config, start, end)
        floor = demand.get(group.name, 0.0) * config["TargetValue"] / number
        for index in range(_IN_DATAPOINTS):
            at = int(start + index * period)
            value = max(real[at], floor) if at in real else floor or None
            if value is not None and at >= group.scaled_at:
                yield value

    def _real(self, group: Group, config: Document, start: float, end: float) -> dict[int, float]:
        period = self._world.settings.scaling_period_seconds
        custom = config.get("CustomizedMetricSpecification")
        if custom:
            points = self._metrics.periods(metric_key(custom), start, end, period)
            return {at: _sum(one, weighted=True) / max(1.0, _sum(one)) for at, one in points.items()}
        predefined = config["PredefinedMetricSpecification"]["PredefinedMetricType"]
        capacity = self._world.settings.instance_requests_per_second
        cpu = predefined == "ASGAverageCPUUtilization"
        if cpu and not capacity:
            return {}
        scale = 100.0 / (capacity * period) if cpu else 60.0 / period
        found: dict[int, float] = {}
        for arn in group.sources:
            hosts = self._healthy(arn)
            for key in self._keys(arn):
                for at, one in self._metrics.periods(key, start, end, period).items():
                    found[at] = found.get(at, 0.0) + _sum(one) * scale / hosts
        return found

    def _keys(self, arn: str) -> Iterator[MetricKey]:
        """RequestCount of the target group behind each of its load balancers."""
        for owner in self._balancing.balancers_of(arn):
            dimensions = {
                ("LoadBalancer", self._balancing.balancers[owner].suffix),
                ("TargetGroup", self._balancing.groups[arn].suffix),
            }
            yield ("AWS/ApplicationELB", "RequestCount", frozenset(dimensions))

    def _healthy(self, arn: str) -> int:
        if (group := self._balancing.groups.get(arn)) is None:
            return 1
        return max(1, sum(self._targets.health_of(group, key)[0] is Health.HEALTHY for key in group.targets))


def _sum(histogram: dict[float, float], *, weighted: bool = False) -> float:
    return sum((value if weighted else 1.0) * number for value, number in histogram.items())
