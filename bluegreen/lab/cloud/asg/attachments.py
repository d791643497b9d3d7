"""Target groups as traffic sources of Auto Scaling Groups, and the groups' tags."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.lab.cloud.asg.state import GroupTag, State
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document, api


def given_sources(params: Document) -> list[str]:
    """Target group ARNs of TargetGroupARNs and TrafficSources together."""
    sources = params.get("TrafficSources") or ()
    return [*(params.get("TargetGroupARNs") or ()), *(one["Identifier"] for one in sources)]


def checked_sources(balancing: Balancing, arns: Iterable[str]) -> list[str]:
    found = list(arns)
    if any(arn not in balancing.groups for arn in found):
        raise validation("Provided Target Groups may not be valid. Please ensure they exist and try again.")
    return found


class Attachments:
    """CreateOrUpdateTags."""

    def __init__(self, state: State) -> None:
        self._state = state

    @api
    def create_or_update_tags(self, params: Document) -> Document:
        for one in params["Tags"]:
            group = self._state.group(one["ResourceId"])
            group.tags[one["Key"]] = GroupTag(
                value=one.get("Value", ""), propagate=one.get("PropagateAtLaunch", False)
            )
        return {}
