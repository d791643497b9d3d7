"""Tags as AWS's APIs spell them: a list of Key and Value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bluegreen.adapters.aws.session import Json


def tag_list(tags: Mapping[str, str]) -> list[Json]:
    """Tags as a call takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(found: Iterable[Json] | None) -> dict[str, str]:
    """Tags as an answer lists them; none where the answer leaves the list out."""
    return {tag["Key"]: tag.get("Value", "") for tag in found or ()}
