"""What the demo showed, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.lab.demo.facts import Fact
from bluegreen.ui.format import count, duration
from bluegreen.ui.tables.grid import field, grid


def demo_view(facts: Sequence[Fact], figures: Mapping[str, Any]) -> RenderableType:
    """Each fact with its evidence, then the figures."""
    table = grid("", "expected", "what the load and the journal show")
    for fact in facts:
        sign = Text("ok", style="green") if fact.ok else Text("FAILED", style="bold red")
        table.add_row(sign, fact.name, fact.words)
    well = all(fact.ok for fact in facts)
    ending = Text(
        "the demo went as expected" if well else "the demo did NOT go as expected",
        style="bold green" if well else "bold red",
    )
    return Group(Text(), table, Text(), *_figures(figures), ending)


def _figures(found: Mapping[str, Any]) -> list[Text]:
    detect, back = found["seconds_to_detect"], found["seconds_to_go_back"]
    requests, failed = count(found["requests"]), count(found["failed"])
    promoted = f"{count(found['promotion_failed'])} of {count(found['promotion_requests'])} failed"
    harmed = f"{count(found['harmed'])} of {count(found['bad_release_requests'])} requests it answered"
    return [
        field("requests", f"{requests}, {failed} failed, p95 {found['p95_ms']:.1f} ms"),
        field("promotion", f"{promoted}, in {duration(found['promotion_seconds'])}"),
        field("detected", "never" if detect is None else f"{detect:.1f} s after its first traffic"),
        field("rollback", "never" if back is None else f"{back:.1f} s after the decision"),
        field("harmed", harmed),
        field("demo", f"took {duration(found['demo_seconds'])}"),
    ]
