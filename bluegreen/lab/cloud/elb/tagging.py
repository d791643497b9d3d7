"""Tags and account limits of ELBv2."""

from __future__ import annotations

from bluegreen.lab.cloud.elb.state import State
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from, tags_to

_MISSING = {
    "targetgroup": "TargetGroupNotFound",
    "loadbalancer": "LoadBalancerNotFound",
    "listener": "ListenerNotFound",
    "listener-rule": "RuleNotFound",
}


class Tagging:
    """AddTags, RemoveTags, DescribeTags, DescribeAccountLimits."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    @api
    def add_tags(self, params: Document) -> Document:
        added = tags_from(params["Tags"])
        for tags in [self._tags_of(arn) for arn in params["ResourceArns"]]:
            if len(tags | added) > 50:
                raise CloudError("TooManyTags", "At most 50 tags a resource")
            tags.update(added)
        return {}

    @api
    def remove_tags(self, params: Document) -> Document:
        for tags in [self._tags_of(arn) for arn in params["ResourceArns"]]:
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    @api
    def describe_tags(self, params: Document) -> Document:
        arns = params["ResourceArns"]
        if len(arns) > 20:
            raise validation("DescribeTags takes at most 20 resources")
        return {
            "TagDescriptions": [{"ResourceArn": arn, "Tags": tags_to(self._tags_of(arn))} for arn in arns]
        }

    @api
    def describe_account_limits(self, params: Document) -> Document:
        settings = self._world.settings
        limits = {
            "application-load-balancers": 50,
            "target-groups": settings.target_groups_per_region,
            "target-groups-per-application-load-balancer": settings.target_groups_per_load_balancer,
            "target-groups-per-action-on-application-load-balancer": 5,
            "targets-per-application-load-balancer": 1000,
            "listeners-per-application-load-balancer": 50,
            "rules-per-application-load-balancer": settings.rules_per_load_balancer,
            "condition-values-per-alb-rule": 5,
            "condition-wildcards-per-alb-rule": 6,
        }
        named = [{"Name": name, "Max": str(limit)} for name, limit in limits.items()]
        shown, marker = page(named, size=params.get("PageSize") or 400, token=params.get("Marker"))
        return {"Limits": shown} | ({"NextMarker": marker} if marker else {})

    def _tags_of(self, arn: str) -> dict[str, str]:
        kind = arn.rsplit(":", maxsplit=1)[-1].split("/", maxsplit=1)[0]
        known = (self._state.balancers, self._state.listeners, self._state.rules, self._state.groups)
        if not any(arn in table for table in known):
            raise CloudError(_MISSING.get(kind, "ValidationError"), f"'{arn}' not found")
        return self._state.tags.setdefault(arn, {})
