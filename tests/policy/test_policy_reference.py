"""The page of deploy.toml's keys is the one that the models give, and what it says can be written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bluegreen.policy import Policy, parse_policy
from tools.policy_reference import TARGET, reference

ROW = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
ROWS = ROW.findall(reference())
SHIPPED = Path(__file__).resolve().parents[2] / "deploy.toml"
WRITTEN = [
    (key, default.strip("`")) for key, _, default, _ in ROWS if default.startswith("`") and "[]" not in key
]
NEEDED = {"migration": 'migration.command = "sportcoach-run {image} -- migrate"\n'}
"""What a section needs beside a key that has a default."""


def test_the_page_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == reference(), "run `python -m tools.policy_reference`"


@pytest.mark.parametrize(("key", "default"), [one for one in WRITTEN if not one[0].startswith("golden.")])
def test_a_default_is_written_as_the_page_has_it(key: str, default: str) -> None:
    """The golden set needs a file, and has tests of its own."""
    needed = NEEDED.get(key.split(".", maxsplit=1)[0], "")
    written = parse_policy(f"{key} = {default}\n{needed}", stack="prod", source="x")
    assert written == parse_policy(needed, stack="prod", source="x")


def keys(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield place
        for key, inner in value.items():
            yield from keys(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for inner in value:
            yield from keys(inner, f"{place}[]")
    else:
        yield place


def test_every_key_of_the_shipped_file_is_on_the_page() -> None:
    document = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    sections = [{k: v for k, v in document.items() if k != "stacks"}, *document["stacks"].values()]
    known = {key for key, *_ in ROWS}
    used = {key for section in sections for key in keys(section, "") if key}
    prefixes = {key.rpartition(".")[0].removesuffix("[]") for key in known} | set(Policy.model_fields)
    assert {key for key in used - known - prefixes if key.removesuffix("[]") not in prefixes} <= {
        key for key in used if any(key.startswith(f"{one}.") for one in known)
    }


def test_every_key_says_what_it_is_for() -> None:
    silent = {key for key, _, _, meaning in ROWS if not meaning.strip()}
    # What a check asks is named by its keys, as in CloudWatch itself; a section's own line says the rest.
    assert {key for key in silent if not key.startswith("check[].")} <= {"checklist"}
