"""`ports.Balancer` over ELBv2: target groups and rules in one, tags and quotas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bluegreen.adapters.aws.elb.groups import TargetGroups
from bluegreen.adapters.aws.elb.rules import Rules
from bluegreen.adapters.aws.session import Json
from bluegreen.adapters.aws.tags import tag_list
from bluegreen.adapters.threads import parallel


class ElbBalancer(TargetGroups, Rules):
    """The load balancer of one stack."""

    def tag(self, arns: Sequence[str], tags: Mapping[str, str]) -> None:

        def one(arn: str) -> None:
            if self._calls.own_tags(arn, arn) is not None:
                self._calls.call("add_tags", ResourceArns=[arn], Tags=tag_list(tags), about=arn)

        parallel([partial(one, arn) for arn in arns])

    def room(self) -> Mapping[str, int]:
        balancer, calls = self._contract.load_balancer_arn, self._calls
        reads: list[Callable[[], Any]] = [
            calls.limits,
            lambda: calls.pages("describe_target_groups", "TargetGroups"),
            lambda: calls.pages("describe_listeners", "Listeners", LoadBalancerArn=balancer),
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
        found = self._calls.pages("describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
        return sum(not rule.get("IsDefault") for rule in found)
