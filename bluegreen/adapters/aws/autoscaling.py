"""`ports.Fleets` over EC2 Auto Scaling: one group per fleet, from a pinned launch template version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bluegreen.adapters.aws.asg_documents import group_from, group_tags, launch_hook, refuse_protected
from bluegreen.adapters.aws.capacity import vcpus_left
from bluegreen.adapters.aws.elb.calls import foreign
from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.machine_images import image_exists, machine_image
from bluegreen.adapters.aws.newborn import Newborn, not_yet
from bluegreen.adapters.aws.scaling import policies_of
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.threads import parallel
from bluegreen.contract import Contract, Tag, TierContract
from bluegreen.domain.plan import FleetSpec
from bluegreen.domain.stack import Group, is_ours
from bluegreen.errors import DeployError, Refused
from bluegreen.ports import Clock
from bluegreen.ports.wait import again

_GONE = ("not found", "does not exist")
_BUSY = frozenset({"ResourceInUse", "ScalingActivityInProgress", "ResourceContention"})
_ATTACH_WAITS = (1.0, 2.0, 3.0, 5.0)
"""Seconds between tries of a request-count policy: its target group must be behind a rule by then."""


class AutoScalingFleets:
    """The Auto Scaling Groups of one stack."""

    def __init__(self, session: Session, contract: Contract, clock: Clock) -> None:
        self._session, self._contract, self._clock = session, contract, clock
        self._newborn = Newborn(clock)
        self._service = partial(session.service, "autoscaling")

    def groups(self) -> tuple[Group, ...]:
        ours = [{"Name": f"tag:{Tag.STACK}", "Values": [self._contract.stack]}]
        found = self._service().pages("describe_auto_scaling_groups", "AutoScalingGroups", Filters=ours)
        groups = (group_from(one) for one in found)
        return tuple(group for group in groups if is_ours(group.tags, self._contract.stack))

    def group(self, name: str) -> Group | None:
        # A fleet of which a part is gone has no name for it; AWS refuses an empty one.
        document = self._describe(name) if name else None
        return group_from(document) if document else None

    def _describe(self, name: str) -> Json | None:
        answer = self._service().call(
            "describe_auto_scaling_groups", AutoScalingGroupNames=[name], about=name
        )
        found = next(iter(answer["AutoScalingGroups"]), None)
        if found is None:
            self._newborn.check(name)
        return found

    def _own(self, name: str) -> Group | None:
        group = self.group(name)
        if group is not None:
            self._check_ours(group)
        return group

    def _check_ours(self, group: Group) -> None:
        if not is_ours(group.tags, self._contract.stack):
            raise foreign(f"Auto Scaling group {group.name}", self._contract.stack)

    def _standing(self, name: str) -> Group:
        group = self._own(name)
        if group is None:
            what = f"Auto Scaling group {name} does not exist (any more)"
            raise Refused(what, next_step="look at `sc-deploy status`")
        return group

    def ensure(
        self, tier: TierContract, spec: FleetSpec, target_group_arn: str, tags: Mapping[str, str]
    ) -> Group:
        found = self._own(spec.name)
        if found is not None and found.tags.get(Tag.DEPLOYMENT) != tags.get(Tag.DEPLOYMENT):
            raise foreign(f"Auto Scaling group {spec.name}", self._contract.stack)
        if found is not None and found.deleting:
            raise Refused(
                f"Auto Scaling group {spec.name} is being deleted",
                next_step="wait until it is gone, then promote again (it gets a new number)",
            )
        there: frozenset[str] = frozenset()
        if found is None:
            self._create(tier, spec, target_group_arn, tags)
        elif tier.scaling:
            answer = self._service().pages(
                "describe_policies", "ScalingPolicies", AutoScalingGroupName=spec.name
            )
            there = frozenset(one["PolicyName"] for one in answer)
        wanted = policies_of(self._contract, tier, spec.name, target_group_arn)
        missing = [one for one in wanted if one["PolicyName"] not in there]
        if found is not None and not missing:
            return found
        work: list[Callable[[], Any]] = [lambda: self._standing(spec.name)]
        work += [partial(self._put_policy, one) for one in missing]
        group: Group = parallel(work)[0]
        return group

    def _create(
        self, tier: TierContract, spec: FleetSpec, target_group_arn: str, tags: Mapping[str, str]
    ) -> None:
        try:
            self._service().call(
                "create_auto_scaling_group",
                about=spec.name,
                AutoScalingGroupName=spec.name,
                LaunchTemplate={
                    "LaunchTemplateId": tier.launch_template_id,
                    "Version": str(spec.launch_template_version),
                },
                MinSize=spec.minimum,
                MaxSize=spec.maximum,
                DesiredCapacity=spec.desired,
                VPCZoneIdentifier=",".join(tier.subnet_ids),
                TargetGroupARNs=[target_group_arn],
                HealthCheckType="ELB",
                # By the API's default there is no grace, and a slow start is replaced forever.
                HealthCheckGracePeriod=tier.grace_seconds,
                DefaultInstanceWarmup=tier.warmup_seconds,
                LifecycleHookSpecificationList=[launch_hook(tier)],
                Tags=group_tags(spec.name, tags),
            )
        except AwsRefusal as error:
            if error.code != "AlreadyExists":
                raise
            # An earlier attempt may have taken effect though its answer was lost, or be unreadable yet.
            if self._own(spec.name) is None:
                raise not_yet(f"Auto Scaling group {spec.name}") from error
        self._newborn.add(spec.name)

    def _put_policy(self, policy: Json) -> None:
        again(
            lambda: self._service().call("put_scaling_policy", about=policy["PolicyName"], **policy),
            on=_unattached,
            pauses=_ATTACH_WAITS,
            sleep=self._clock.sleep,
        )

    def resize(self, name: str, *, minimum: int, maximum: int | None = None) -> Group:
        """Set the bounds; the desired size is never lowered: the maximum stays at least at it."""
        group = self._standing(name)
        top = max(group.maximum if maximum is None else maximum, group.desired, minimum)
        if (minimum, top) != (group.minimum, group.maximum):
            self._set(name, MinSize=minimum, MaxSize=top)
        return replace(group, minimum=minimum, maximum=top, desired=max(group.desired, minimum))

    def _set(self, name: str, **sizes: int) -> None:
        self._service().call("update_auto_scaling_group", about=name, AutoScalingGroupName=name, **sizes)

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        self._standing(name)
        self._service().call("create_or_update_tags", about=name, Tags=group_tags(name, tags))

    def delete(self, name: str) -> bool:
        """Empty the group so that its targets drain, then delete it; True once nothing is left.

        Deleting with ForceDelete would not wait for the drain of the target group.
        """
        document = self._describe(name)
        if document is None:
            return True
        group = group_from(document)
        self._check_ours(group)
        if group.deleting:
            return False
        if group.maximum or group.desired:
            self._set(name, MinSize=0, MaxSize=0, DesiredCapacity=0)
            return False
        if group.instances:
            refuse_protected(document)
            return False
        self._newborn.forget(name)
        try:
            self._service().call("delete_auto_scaling_group", about=name, AutoScalingGroupName=name)
        except AwsRefusal as error:
            if error.code not in _BUSY and not any(words in error.what for words in _GONE):
                raise
        return False

    def launch_template_version(self, launch_template_id: str) -> int:
        answer = self._session.service("ec2").call(
            "describe_launch_templates",
            about=f"launch template {launch_template_id} of the contract",
            LaunchTemplateIds=[launch_template_id],
        )
        return int(answer["LaunchTemplates"][0]["DefaultVersionNumber"])

    def launch_template_versions(self, launch_template_id: str, numbers: Collection[int]) -> frozenset[int]:
        # Asked for by number, AWS refuses the whole call where one of them is gone.
        found = self._session.service("ec2").pages(
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            about=f"launch template {launch_template_id} of the contract",
            LaunchTemplateId=launch_template_id,
        )
        return frozenset(numbers) & {int(one["VersionNumber"]) for one in found}

    def machine_image_gone(self, launch_template_id: str, version: int) -> str:
        image = machine_image(self._session, launch_template_id, version)
        return image if image and not image_exists(self._session, image) else ""

    def vcpus_left(self) -> int:
        return vcpus_left(self._session)

    def troubles(self, name: str) -> tuple[str, ...]:
        found: list[Json] = []
        with Tolerated("ValidationError"):  # no such group (any more)
            answer = self._service().call(
                "describe_scaling_activities", AutoScalingGroupName=name, MaxRecords=20
            )
            found = answer["Activities"]
        failed = [one for one in found if one.get("StatusCode") in ("Failed", "Cancelled")]
        words = (one.get("StatusMessage") or one.get("Description", "") for one in failed)
        return tuple(dict.fromkeys(word for word in words if word))


def _unattached(error: DeployError) -> bool:
    """Whether the target group is behind no rule yet: the preview rule is created at the same time."""
    return isinstance(error, AwsRefusal) and error.code == "ValidationError" and "load balancer" in error.what
