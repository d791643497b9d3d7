"""What serves: the load balancer and the fleets behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bluegreen.contract import TierContract
from bluegreen.domain.plan import FleetSpec
from bluegreen.domain.stack import Group, Health, Rule, TargetGroup


class Balancer(Protocol):
    """The load balancer: target groups, listener rules and the health of targets."""

    def rules(self) -> tuple[Rule, ...]:
        """Every rule of the stack's listener except the default one, ours and foreign."""

    def target_groups(self) -> tuple[TargetGroup, ...]:
        """Every target group that carries our tags for this stack."""

    def health(self, target_group_arn: str) -> Health:
        """Targets by state; an absent target group has none."""

    def ensure_target_group(
        self, tier: TierContract, spec: FleetSpec, tags: Mapping[str, str]
    ) -> TargetGroup:
        """Create it or recognise it by its tags; a foreign one of that name is Refused."""

    def ensure_preview(
        self, tier: TierContract, target_group_arn: str, token: str, tags: Mapping[str, str]
    ) -> Rule:
        """The rule `path patterns + x-sc-preview: token` -> this target group alone."""

    def set_weights(
        self, tier: TierContract, weights: Mapping[str, int], tags: Mapping[str, str], *, urgent: bool = False
    ) -> Rule:
        """Give the live rule these weights (target group ARN -> 0..100), creating it where none is.

        Reads the rule first and refuses to rewrite one that is not ours or is not a plain forward;
        reads back and compares. Target groups not named leave the rule.
        """

    def delete_rule(self, arn: str) -> None:
        """Delete our rule; absent is fine."""

    def delete_target_group(self, arn: str) -> None:
        """Delete our target group; absent is fine."""

    def tag(self, arns: Sequence[str], tags: Mapping[str, str]) -> None:
        """Add or overwrite these tags on our target groups or rules."""

    def room(self) -> Mapping[str, int]:
        """What the quotas still allow: `rules`, `target-groups` (of this load balancer, of the region)."""


class Fleets(Protocol):
    """Auto Scaling Groups."""

    def groups(self) -> tuple[Group, ...]:
        """Every group that carries our tags for this stack."""

    def group(self, name: str) -> Group | None:
        """One group, or None."""

    def ensure(
        self, tier: TierContract, spec: FleetSpec, target_group_arn: str, tags: Mapping[str, str]
    ) -> Group:
        """Create it (pinned launch template version, tags on instances, scaling policies) or recognise it."""

    def resize(self, name: str, *, minimum: int, maximum: int | None = None) -> Group:
        """Set the bounds; the desired size is never lowered by this call."""

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags on the group and on instances launched later."""

    def delete(self, name: str) -> bool:
        """Delete the group and its instances; True once nothing is left, False until then."""

    def launch_template_version(self, launch_template_id: str) -> int:
        """The number behind $Default now, to be pinned."""

    def launch_template_versions(self, launch_template_id: str, numbers: Collection[int]) -> frozenset[int]:
        """Those of `numbers` that still exist."""

    def machine_image_gone(self, launch_template_id: str, version: int) -> str:
        """The version's machine image where nothing can be launched from it any more; else empty."""

    def vcpus_left(self) -> int:
        """VCPUs that the account may still run on demand."""

    def troubles(self, name: str) -> tuple[str, ...]:
        """Recent failed scaling activities in AWS's words: why instances do not come up."""
