"""The page of settings is the one that the models give, and it knows every key that a stack file has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tools.recording import STACKS, settings_of
from tools.settings_reference import TARGET, reference

ROWS = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
FREE = ("application.parameters",)
"""Sections whose keys are the application's own."""


def test_the_page_is_up_to_date() -> None:
    written = TARGET.read_text(encoding="utf-8")
    assert written == reference(), "run `python -m tools.settings_reference`"


def keys(value: Any, place: str = "") -> Iterator[str]:
    if isinstance(value, Mapping) and place not in FREE:
        for key, inner in value.items():
            name = "<tier>" if place == "tiers" else str(key)
            yield from keys(inner, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for inner in value:
            yield from keys(inner, f"{place}[]")
    else:
        yield place


@pytest.mark.parametrize("stack", STACKS)
def test_every_key_of_a_stack_file_is_on_the_page(stack: str) -> None:
    known = set(ROWS.findall(reference()))
    assert set(keys(settings_of(stack))) - known == set()


def test_a_row_says_what_is_allowed_and_what_it_is_for() -> None:
    (row,) = [line for line in reference().splitlines() if line.startswith("| `database.engine_version`")]
    assert "a minor version of PostgreSQL 14" in row
    assert "required" in row
    assert "a restore must run the version" in row
