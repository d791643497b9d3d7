"""What runs in a lab, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.contract import Tag
from bluegreen.ui.tables.grid import field, grid


def lab_view(document: Mapping[str, Any]) -> RenderableType:
    """Addresses, instances with their health, faults, and the releases of its registry."""
    pace = "AWS's pace" if document["realistic"] else "minutes are seconds"
    addresses = [
        field("front", document["front_url"]),
        field("AWS API", document["endpoint_url"]),
        field("stack", f"{document['stack']}, {pace}"),
        field("database", document["database_url"] or f"none: {document['without_database']}"),
        field("state", document["state_dir"]),
        field("machine", document["machine"]),
        field("faults", ", ".join(_faults(document)) or "none"),
    ]
    return Group(*addresses, Text(), _instances(document), Text(), _releases(document["releases"]))


def _faults(document: Mapping[str, Any]) -> Iterator[str]:
    """Those of the API's answers, the conditions of the region, then databases that do not serve."""
    for fault in document["faults"]:
        yield f"{fault['effect']} {fault['service']} {fault['action']} (hit {fault['struck']} times)"
    for name, value in document.get("conditions", {}).items():
        yield f"{name.replace('_', ' ')} {value}"
    for one in document.get("databases", ()):
        if one["failure"] or one["status"] == "stopped":
            yield f"database {one['name']} {one['failure'] or one['status']}"


def _instances(document: Mapping[str, Any]) -> RenderableType:
    health = {target: state for group in document["groups"] for target, state in group["targets"].items()}
    running = [one for one in document["instances"] if one["state"] != "terminated"]
    if not running:
        return Text("no instances: nothing has been released yet")
    table = grid("tier", "release", "instance", "state", "health", "address")
    for one in sorted(running, key=lambda one: (one["tags"].get(Tag.TIER, ""), one["id"])):
        table.add_row(
            one["tags"].get(Tag.TIER, ""),
            one["tags"].get(Tag.RELEASE, ""),
            one["id"],
            one["state"],
            health.get(one["id"], "-"),
            ":".join(map(str, one["address"] or ())),
        )
    return table


def _releases(releases: Mapping[str, str]) -> RenderableType:
    table = grid("release", "behaviour")
    for version, words in releases.items():
        table.add_row(version, words)
    return table
