"""The stored form of the journal: every event comes back, and a change of it is a new schema."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bluegreen.adapters.aws.state.items import entry_from, entry_item
from bluegreen.contract import Tier
from bluegreen.domain.journal import SCHEMA, Documents, Entry, Event, Header, Measured
from bluegreen.domain.release import Color
from bluegreen.text import clean
from tests.domain.events import CLASSES, EVERY
from tests.ui.samples import measured, period

SNAPSHOT = Path(__file__).parent / "stored_form.txt"


def through_the_table(event: Event) -> Event:
    entry = Entry(seq=3, at=1.25, event=event)
    again = entry_from(42, entry_item("lab", 42, entry))
    assert (again.seq, again.at) == (3, 1.25)
    return again.event


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.kind)
def test_every_event_comes_back_from_the_table(event: Event) -> None:
    assert through_the_table(event) == event


def _mapping(kind: Any) -> st.SearchStrategy[dict[Any, Any]]:
    keys, values = get_args(kind)
    names = st.from_type(keys)
    # Names of checks and alarms are printable by the policy's model: no two become the same text.
    return st.dictionaries(names.map(clean) if keys is str else names, st.from_type(values))


st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(Mapping, _mapping)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_an_event_holds_comes_back(kind: type[Event], data: st.DataObject) -> None:
    """What is no text in it comes back as text."""
    event = data.draw(st.from_type(kind))
    assert through_the_table(event) == clean(event)


def test_a_nan_comes_back_to_be_named() -> None:
    broken = replace(period(Tier.APP, Color.GREEN, 3, requests=500), p95_ms=math.nan)
    again = through_the_table(measured(broken))
    assert isinstance(again, Measured)
    assert [str(fault) for fault in again.periods[0].faults()] == [str(fault) for fault in broken.faults()]
    assert again.periods[0].faults()


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix("#/$defs/")
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_type(one) for one in schema.get("anyOf", schema.get("oneOf")))
    kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
    return str(kept["type"]) if kept.keys() == {"type"} else json.dumps(kept)


def stored_form() -> Iterator[str]:
    """A line per class or enumeration that is stored, and one per field."""
    yield f"schema {SCHEMA}"
    for kind in (Header, Documents):
        yield f"{kind.__name__}: {', '.join(field.name for field in fields(kind))}"
    for name, schema in sorted(TypeAdapter(Event).json_schema(mode="serialization")["$defs"].items()):
        yield f"{name}: {', '.join(map(str, schema['enum']))}" if "enum" in schema else name
        for field, one in schema.get("properties", {}).items():
            yield f"    {field}: {_type(one)}"


def test_a_change_of_the_stored_form_is_a_new_schema() -> None:
    """To change it: raise SCHEMA in domain/journal/header.py, then run this with UPDATE_SNAPSHOTS=1."""
    now = list(stored_form())
    known = SNAPSHOT.read_text(encoding="utf-8").splitlines() if SNAPSHOT.exists() else [""]
    if os.environ.get("UPDATE_SNAPSHOTS") and known[0] != now[0]:
        SNAPSHOT.write_text("\n".join(now) + "\n", encoding="utf-8")
        known = now
    assert now == known, "the stored form changed: a journal written before cannot be read any more"
