"""Fills a selector of deploy.toml with the names of one fleet."""

from __future__ import annotations

from bluegreen.contract import Tag
from bluegreen.domain.stack import TargetGroup


def selector(template: str, group: TargetGroup) -> str:
    """`fleet="{fleet}"` -> `fleet="sc-prod-app-42"`."""
    return template.format(**names_of(group))


def names_of(group: TargetGroup) -> dict[str, str]:
    """What a selector or query may insert of one fleet.

    Quotes and backslashes, which would end a string of PromQL or NRQL, do not occur in these names.
    """
    tags = group.tags
    names = {
        "stack": tags.get(Tag.STACK, ""),
        "tier": tags.get(Tag.TIER, ""),
        "fleet": group.name,
        "version": tags.get(Tag.RELEASE, ""),
        "deployment": tags.get(Tag.DEPLOYMENT, ""),
    }
    return {key: _plain(value) for key, value in names.items()}


def _plain(value: str) -> str:
    if any(character in value for character in "\"'\\\n"):
        raise ValueError(f"{value!r} cannot be written into a selector")
    return value
