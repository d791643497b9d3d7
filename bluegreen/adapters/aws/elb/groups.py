"""Target groups: found by their tags, created once, deleted when ours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from bluegreen.adapters.aws.elb.calls import ABSENT, ElbCalls, foreign
from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.newborn import not_yet
from bluegreen.adapters.aws.session import Json
from bluegreen.adapters.aws.tags import tag_list
from bluegreen.adapters.threads import parallel
from bluegreen.contract import Contract, Tag, TierContract
from bluegreen.domain.plan import FleetSpec
from bluegreen.domain.stack import Health, TargetGroup, is_ours
from bluegreen.errors import Refused

_NAME = re.compile(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
_DELAY = "deregistration_delay.timeout_seconds"
_REASONS = 10
"""Reasons shown for targets that are not healthy; a hundred would hide the first."""


class TargetGroups:
    """The target groups of one stack."""

    def __init__(self, calls: ElbCalls, contract: Contract) -> None:
        self._calls, self._contract = calls, contract

    def target_groups(self) -> tuple[TargetGroup, ...]:
        prefix = f"sc-{self._contract.stack}-"  # domain.promotion.fleet_name

        def read() -> list[Json]:
            found = self._calls.pages("describe_target_groups", "TargetGroups")
            # Tags cost a call for each 20 groups, so strangers are sorted out by name first.
            return [one for one in found if one["TargetGroupName"].startswith(prefix)]

        return tuple(
            TargetGroup(arn=one["TargetGroupArn"], name=one["TargetGroupName"], tags=tags)
            for one, tags in self._calls.with_tags("TargetGroupArn", read)
            if is_ours(tags, self._contract.stack)
        )

    def health(self, target_group_arn: str) -> Health:
        """Targets by state; anything that is neither healthy, starting nor leaving is unhealthy."""
        found: list[Json] = []
        with Tolerated(*ABSENT):
            answer = self._calls.call("describe_target_health", TargetGroupArn=target_group_arn)
            found = answer["TargetHealthDescriptions"]
        states = Counter(one["TargetHealth"]["State"] for one in found)
        named = {name: states.pop(name, 0) for name in ("healthy", "initial", "draining", "unused")}
        # `unhealthy.draining` has left the rotation, `unavailable` was never checked.
        named["draining"] += states.pop("unhealthy.draining", 0)
        reasons = (_reason(one) for one in found if one["TargetHealth"]["State"] != "healthy")
        ids = [(one["TargetHealth"]["State"], one["Target"]["Id"]) for one in found]
        return Health(
            unhealthy=sum(states.values()),
            reasons=tuple(reasons)[:_REASONS],
            healthy_ids=tuple(target for state, target in ids if state == "healthy"),
            unhealthy_ids=tuple(target for state, target in ids if state in states),
            **named,
        )

    def ensure_target_group(
        self, tier: TierContract, spec: FleetSpec, tags: Mapping[str, str]
    ) -> TargetGroup:
        name = spec.name
        if not _NAME.fullmatch(name):
            raise Refused(
                f"{name!r} ({len(name)} characters) cannot name a target group: at most 32 letters, digits "
                "and inner hyphens, not beginning with internal-",
                next_step="give the stack a shorter name",
            )
        found = self._by_name(name)
        if found is None:
            return self._create_group(tier, name, tags)
        return self._recognise(found, tier, name, tags)

    def _by_name(self, name: str) -> Json | None:
        with Tolerated(*ABSENT):
            answer = self._calls.call("describe_target_groups", Names=[name], about=f"target group {name}")
            return next(iter(answer["TargetGroups"]), None)
        return None

    def _create_group(self, tier: TierContract, name: str, tags: Mapping[str, str]) -> TargetGroup:
        check = tier.health_check
        try:
            answer = self._calls.call(
                "create_target_group",
                about=f"target group {name}",
                Name=name,
                Protocol="HTTP",
                Port=tier.port,
                VpcId=self._contract.vpc_id,
                TargetType="instance",
                HealthCheckEnabled=True,
                HealthCheckProtocol="HTTP",
                HealthCheckPath=check.path,
                HealthCheckIntervalSeconds=check.interval_seconds,
                HealthCheckTimeoutSeconds=check.timeout_seconds,
                HealthyThresholdCount=check.healthy_threshold,
                UnhealthyThresholdCount=check.unhealthy_threshold,
                Matcher={"HttpCode": check.matcher},
                Tags=tag_list(tags),
            )
        except AwsRefusal as error:
            if error.code != "DuplicateTargetGroupName":
                raise
            # An earlier attempt may have taken effect though its answer was lost, or be unreadable yet.
            found = self._by_name(name)
            if found is None:
                raise not_yet(f"target group {name}") from error
            return self._recognise(found, tier, name, tags)
        arn = answer["TargetGroups"][0]["TargetGroupArn"]
        self._calls.learn("TargetGroupArn", arn)
        self._set_delay(arn, tier)
        return TargetGroup(arn=arn, name=name, tags=dict(tags))

    def _recognise(self, found: Json, tier: TierContract, name: str, tags: Mapping[str, str]) -> TargetGroup:
        arn = found["TargetGroupArn"]
        reads: list[Callable[[], Any]] = [
            lambda: self._calls.tags([arn]).get(arn, {}),
            lambda: self._calls.call("describe_target_group_attributes", TargetGroupArn=arn)["Attributes"],
        ]
        there, attributes = parallel(reads)
        same = there.get(Tag.DEPLOYMENT) == tags.get(Tag.DEPLOYMENT) and there.get(Tag.TIER) == tier.name
        if not (is_ours(there, self._contract.stack) and same):
            raise foreign(f"target group {name}", self._contract.stack)
        if found.get("VpcId") != self._contract.vpc_id or found.get("Port") != tier.port:
            raise Refused(
                f"target group {name} has port {found.get('Port')} in {found.get('VpcId')}; "
                f"the contract says {tier.port} in {self._contract.vpc_id}",
                next_step="`sc-deploy abort` removes it; then promote again",
            )
        delay = str(tier.deregistration_delay_seconds)
        if {"Key": _DELAY, "Value": delay} not in attributes:
            self._set_delay(arn, tier)
        return TargetGroup(arn=arn, name=name, tags=there)

    def _set_delay(self, arn: str, tier: TierContract) -> None:
        delay = {"Key": _DELAY, "Value": str(tier.deregistration_delay_seconds)}
        self._calls.call("modify_target_group_attributes", TargetGroupArn=arn, Attributes=[delay])

    def delete_target_group(self, arn: str) -> None:
        """Delete our target group; absent is fine. A group that a rule still names is Refused by AWS."""
        if self._calls.own_tags(arn, f"target group {arn}") is None:
            return
        self._calls.forget(arn)
        with Tolerated(*ABSENT):
            self._calls.call("delete_target_group", TargetGroupArn=arn, about=arn)


def _reason(target: Json) -> str:
    health = target["TargetHealth"]
    parts = (health["State"], health.get("Reason", ""), health.get("Description", ""))
    return f"{target['Target']['Id']}: " + ", ".join(part for part in parts if part)
