"""`ports.Balancer` over ELBv2."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from bluegreen.adapters.aws.elb.calls import ElbCalls
from bluegreen.adapters.aws.elb.groups import TargetGroups
from bluegreen.adapters.aws.elb.rules import Rules
from bluegreen.adapters.aws.failures import AwsRefusal
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.threads import parallel
from bluegreen.contract import Contract, TierContract
from bluegreen.domain.plan import FleetSpec
from bluegreen.domain.stack import Health, Rule, TargetGroup
from bluegreen.errors import DeployError
from bluegreen.ports import Clock

__all__ = ["ElbBalancer"]

T = TypeVar("T")

_DEFAULT_LIMITS = {
    "rules-per-application-load-balancer": 100,
    "target-groups": 3000,
    "target-groups-per-application-load-balancer": 100,
}
"""AWS's defaults, for a limit that DescribeAccountLimits does not name."""
_LIMIT_OF = {
    "TooManyRules": "rules-per-application-load-balancer",
    "TooManyTargetGroups": "target-groups",
    "TooManyUniqueTargetGroupsPerLoadBalancer": "target-groups-per-application-load-balancer",
    "TooManyTargets": "targets-per-application-load-balancer",
}


class ElbBalancer:
    """The load balancer of one stack."""

    def __init__(
        self,
        session: Session,
        contract: Contract,
        *,
        clock: Clock,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._contract = contract
        self.calls = ElbCalls(session, stack=contract.stack, clock=clock)
        self._groups = TargetGroups(self.calls, contract)
        self._rules = Rules(self.calls, contract, pause=pause)

    def rules(self) -> tuple[Rule, ...]:
        """Every rule of the listener except the default one."""
        return self._rules.all()

    def target_groups(self) -> tuple[TargetGroup, ...]:
        """Every target group that carries our tags for this stack."""
        return self._groups.all()

    def health(self, target_group_arn: str) -> Health:
        """Targets by state; an absent target group has none."""
        return self._groups.health(target_group_arn)

    def ensure_target_group(
        self, tier: TierContract, spec: FleetSpec, tags: Mapping[str, str]
    ) -> TargetGroup:
        """Create it or recognise it by its tags."""
        return self._counted(lambda: self._groups.ensure(tier, spec.name, tags))

    def ensure_preview(
        self, tier: TierContract, target_group_arn: str, token: str, tags: Mapping[str, str]
    ) -> Rule:
        """The preview rule of the tier, leading to this target group alone."""
        return self._counted(lambda: self._rules.ensure_preview(tier, target_group_arn, token, tags))

    def set_weights(
        self, tier: TierContract, weights: Mapping[str, int], tags: Mapping[str, str], *, urgent: bool = False
    ) -> Rule:
        """Give the live rule these weights; `urgent` may use the reserve of the API budget."""
        return self._counted(lambda: self._rules.set_weights(tier, weights, tags, urgent=urgent))

    def delete_rule(self, arn: str) -> None:
        """Delete our rule; absent is fine."""
        self._rules.delete(arn)

    def delete_target_group(self, arn: str) -> None:
        """Delete our target group; absent is fine."""
        self._groups.delete(arn)

    def tag(self, arns: Sequence[str], tags: Mapping[str, str]) -> None:
        """Add or overwrite tags on our target groups or rules."""
        written = [{"Key": key, "Value": value} for key, value in tags.items()]

        def one(arn: str) -> None:
            if self.calls.own_tags(arn, arn) is not None:
                self.calls.call("add_tags", ResourceArns=[arn], Tags=written, about=arn)

        parallel([partial(one, arn) for arn in arns])

    def room(self) -> Mapping[str, int]:
        """What the quotas still allow: `rules` of this balancer, `target-groups` of it and the region."""
        balancer = self._contract.load_balancer_arn
        reads: list[Callable[[], Any]] = [
            self._limits,
            lambda: self.calls.pages("describe_target_groups", "TargetGroups"),
            lambda: self.calls.pages("describe_listeners", "Listeners", LoadBalancerArn=balancer),
        ]
        limits, groups, listeners = parallel(reads)
        rules = parallel([partial(self._rule_count, one) for one in listeners])
        here = sum(balancer in (group.get("LoadBalancerArns") or ()) for group in groups)
        return {
            "rules": limits["rules-per-application-load-balancer"] - sum(rules),
            "target-groups": min(
                limits["target-groups"] - len(groups),
                limits["target-groups-per-application-load-balancer"] - here,
            ),
        }

    def _rule_count(self, listener: Json) -> int:
        found = self.calls.pages("describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
        return sum(not rule.get("IsDefault") for rule in found)

    def _limits(self) -> dict[str, int]:
        found = self.calls.pages("describe_account_limits", "Limits")
        return _DEFAULT_LIMITS | {one["Name"]: int(one["Max"]) for one in found}

    def _counted(self, work: Callable[[], T]) -> T:
        """Run `work`; where AWS refuses for a quota, say the quota's number, which AWS leaves out."""
        try:
            return work()
        except AwsRefusal as error:
            name = _LIMIT_OF.get(error.code)
            if name is None:
                raise
            try:
                limit = self._limits().get(name)
            except DeployError:
                limit = None  # the refusal itself says more than a failed look-up
            number = f" (limit {limit} {name.replace('-', ' ')}, all used)" if limit else ""
            raise AwsRefusal(error.what + number, code=error.code, next_step=error.next_step) from error
