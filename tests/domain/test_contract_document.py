"""A contract that would make sc-deploy route, name or build something else than what stands is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bluegreen.contract import parse_contract
from bluegreen.errors import ConfigError
from tests.ui.samples import contract

Document = dict[str, Any]


def document() -> Document:
    found: Document = json.loads(contract().to_json())
    return found


def tier(number: int, **more: Any) -> Callable[[Document], None]:
    return lambda found: found["tiers"][number].update(more)


def same_priority(found: Document) -> None:
    found["tiers"][0]["rule_priority"] = found["tiers"][1]["rule_priority"]


def same_tier(found: Document) -> None:
    found["tiers"][0]["name"] = found["tiers"][1]["name"]


def preview_after_live(found: Document) -> None:
    for one in found["tiers"]:
        one["preview_priority"] += 40_000


def previews_in_another_order(found: Document) -> None:
    """A request with a preview header would meet the rule of a wider path first."""
    one, two = found["tiers"][:2]
    one["preview_priority"], two["preview_priority"] = two["preview_priority"], one["preview_priority"]


WRONG: dict[str, Callable[[Document], object]] = {
    "no schema": lambda found: found.pop("schema_version"),
    "another schema": lambda found: found.update(schema_version=2),
    "unknown key": lambda found: found.update(surprise=1),
    "long name": lambda found: found.update(stack="a" * 13),
    "region": lambda found: found.update(region="tokyo"),
    "base url with a path": lambda found: found.update(base_url="https://example.com/x"),
    "query url without its slash": lambda found: found.update(prometheus_query_url="https://aps/ws"),
    "no tiers": lambda found: found.update(tiers=[]),
    "same priority": same_priority,
    "same tier": same_tier,
    "preview after live": preview_after_live,
    "preview order": previews_in_another_order,
    "fleet order": tier(0, fleet={"minimum": 3, "desired": 2, "maximum": 4}),
    "fleet top": tier(0, fleet={"minimum": 1, "desired": 5, "maximum": 4}),
    "standby": tier(0, fleet={"minimum": 1, "desired": 2, "maximum": 4, "standby": 2}),
    "paths": tier(0, path_patterns=["/a", "/b", "/c", "/d", "/e"]),
}


def test_the_document_comes_back() -> None:
    assert parse_contract(json.dumps(document()), source="x") == contract()


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused(what: str) -> None:
    found = document()
    WRONG[what](found)
    with pytest.raises(ConfigError):
        parse_contract(json.dumps(found), source="x")
