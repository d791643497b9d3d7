"""Target groups as traffic sources of Auto Scaling Groups, and the groups' tags."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.lab.cloud.asg.state import GroupTag, State
from bluegreen.lab.cloud.asg.views import tag_documents
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document, api, page


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
    """CreateOrUpdateTags and DescribeTags."""

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

    @api
    def describe_tags(self, params: Document) -> Document:
        found = [tag for group in self._state.groups.values() for tag in tag_documents(group)]
        fields = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
        for condition in params.get("Filters") or ():
            field = fields.get(condition["Name"])
            if field is None:
                raise validation(f"Filter type {condition['Name']} is not correct")
            found = [tag for tag in found if tag[field] in condition["Values"]]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        return {"Tags": shown} | ({"NextToken": token} if token else {})
