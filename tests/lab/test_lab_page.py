"""docs/lab.md tells what the lab does: its faults, its routes, its links."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

from bluegreen.commands._lab_faults import KINDS
from bluegreen.lab.api.side_api import SideApi
from bluegreen.lab.cloud.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "lab.md").read_text(encoding="utf-8")


def table(head: str) -> list[list[str]]:
    """The rows of the table with this head."""
    rows = takewhile(lambda row: row.startswith("|"), PAGE.partition(f"| {head} |\n")[2].splitlines()[1:])
    return [[one.strip() for one in row.strip("|").split("|")] for row in rows]


def test_every_kind_of_fault_is_explained_in_the_words_of_the_help() -> None:
    assert dict(table("kind | what happens")) == {f"`{kind}`": words for kind, words in KINDS.items()}


def test_every_route_of_the_labs_api_is_on_the_page() -> None:
    nothing = cast("Any", None)
    api = SideApi(cloud=nothing, faults=nothing, gauge=nothing, processes=nothing, stop=nothing)
    routes = {f"`{method} {path}`" for method, path in api._handlers()}
    assert {route for route, _ in table("route | what it does")} == routes


def test_the_limits_are_those_of_the_code() -> None:
    limits, told = Settings(), PAGE.partition("## Limits")[2].replace("\n", " ")
    for words in (
        f"{limits.rules_per_load_balancer} rules and {limits.target_groups_per_load_balancer} target groups",
        f"{limits.target_groups_per_region:,} target groups a region",
        f"{limits.vcpu_quota} vCPUs",
    ):
        assert words in told


def test_every_link_leads_somewhere() -> None:
    for name in re.findall(r"\]\(([\w./-]+)", PAGE):
        assert (DOCS / name).exists(), name
