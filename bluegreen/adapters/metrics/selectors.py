"""Fills a selector of deploy.toml with the names of one fleet."""

from __future__ import annotations

from bluegreen.adapters.metrics.metrics_http import unusable
from bluegreen.contract import Tag
from bluegreen.domain.stack import TargetGroup

_QUOTING = frozenset("\"'\\`{}")


def selector(template: str, group: TargetGroup) -> str:
    """`fleet="{fleet}"` -> `fleet="sc-prod-app-42"`."""
    return template.format(**names_of(group))


def names_of(group: TargetGroup) -> dict[str, str]:
    """What a selector or query may insert of one fleet.

    Raises SourceUnavailable where a tag, which anybody in the account can change, holds what would end a
    string of PromQL or NRQL.
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
    if not value.isprintable() or any(sign in value for sign in _QUOTING):
        raise unusable("metrics", f"{value!r}, a tag or name of a fleet, cannot be written into a query")
    return value
