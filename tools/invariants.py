"""What must never be true of a stack, looked at after every call of sc-deploy in the simulated cloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bluegreen.contract import MANAGED_BY, Tag
from bluegreen.domain.journal import Event, RunStopped
from bluegreen.lab.cloud.cloud import Call, Cloud
from bluegreen.lab.cloud.elb.state import Health, Rule, TargetGroup, weights_of

_RULES = ("ModifyRule", "DeleteRule")
_TAKES_AWAY = (
    "DeleteAutoScalingGroup",
    "DeregisterTargets",
    "DetachTrafficSources",
    "DetachLoadBalancerTargetGroups",
    "DetachInstances",
)


class Watch:
    """Gathers violations. A call is held against the world as it was before it."""

    def __init__(self, cloud: Cloud) -> None:
        self.violations: list[str] = []
        self.by_hand = False
        """A test plays a person in the console: the call is not sc-deploy's."""
        self._cloud = cloud
        self._sizes: dict[str, int] = {}
        self._rules: dict[str, Rule] = {}
        self._ours: set[str] = set()
        cloud.after_call.append(self._after)

    def _after(self, call: Call) -> None:
        if not call.error and not self.by_hand:
            self.violations += [f"{call.operation}: {words}" for words in self._found(call)]
        self._remember()

    def _remember(self) -> None:
        state = self._cloud.balancing
        self._rules = dict(state.rules)
        self._ours = {arn for arn in state.rules if _managed(state.tags.get(arn, {}))}
        self._sizes = {name: group.desired for name, group in self._cloud.scaling.groups.items()}

    def _found(self, call: Call) -> Iterator[str]:
        yield from self._no_foreign_rule(call)
        yield from self._only_healthy_targets_have_weight(call)
        yield from self._nothing_that_serves_is_taken_away(call)

    def _no_foreign_rule(self, call: Call) -> Iterator[str]:
        arn = call.params.get("RuleArn", "")
        if call.operation in _RULES and arn in self._rules and arn not in self._ours:
            yield f"{arn} is not sc-deploy's"

    def _only_healthy_targets_have_weight(self, call: Call) -> Iterator[str]:
        """Whoever writes weights answers for them; a host that EC2 takes away later is nobody's doing."""
        if call.operation not in ("ModifyRule", "CreateRule"):
            return
        for arn, rule in self._cloud.balancing.rules.items():
            if self._rules.get(arn) is rule:
                continue
            for group, weight in self._serving([rule]):
                if not self._healthy(group):
                    yield f"weight {weight} on {group.name}, of which no target is healthy"

    def _nothing_that_serves_is_taken_away(self, call: Call) -> Iterator[str]:
        """Neither deleted, nor shrunk, nor cut off, while a rule gave it weight before the call."""
        serving = {group.name: weight for group, weight in self._serving(self._rules.values())}
        name = str(call.params.get("AutoScalingGroupName", ""))
        groups = {arn: group.name for arn, group in self._cloud.balancing.groups.items()}
        if call.operation in _TAKES_AWAY:
            name = name or groups.get(str(call.params.get("TargetGroupArn", "")), "")
            if name in serving:
                yield f"{name} while it has weight {serving[name]}"
        if call.operation in ("UpdateAutoScalingGroup", "SetDesiredCapacity") and name in serving:
            before, now = self._sizes.get(name, 0), self._cloud.scaling.groups[name].desired
            if now < before:
                yield f"{name} from {before} to {now} instances while it has weight {serving[name]}"

    def _serving(self, rules: Iterable[Rule]) -> Iterator[tuple[TargetGroup, int]]:
        """The target groups of the live rules among `rules` that have weight."""
        for rule in rules:
            if any(condition.get("Field") == "http-header" for condition in rule.conditions):
                continue  # a preview: no user goes there
            for arn, weight in weights_of(rule.actions).items():
                group = self._cloud.balancing.groups.get(arn)
                if weight and group is not None:
                    yield group, weight

    def _healthy(self, group: TargetGroup) -> bool:
        targets = self._cloud.targets
        return any(targets.health_of(group, key)[0] is Health.HEALTHY for key in group.targets)

    def told(self, event: Event) -> None:
        """A run that ends says where the traffic is, and if it is not over, what comes next."""
        if isinstance(event, RunStopped):
            if not event.traffic:
                self.violations.append(f"{event.kind}: nothing says where the traffic is ({event.words})")
            if event.ending.open and not event.next:
                self.violations.append(f"{event.kind}: nothing says what to do next ({event.words})")


def _managed(tags: dict[str, str]) -> bool:
    return tags.get(Tag.MANAGED_BY) == MANAGED_BY


class ByHand:
    """A boto3 client whose calls are a person's."""

    def __init__(self, client: Any, watch: Watch) -> None:
        self._client, self._watch = client, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*args: Any, **parameters: Any) -> Any:
            self._watch.by_hand = True
            try:
                return found(*args, **parameters)
            finally:
                self._watch.by_hand = False

        return call
