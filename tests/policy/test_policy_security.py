"""`[security]`: acceptances of findings, and every fault at once."""

from __future__ import annotations

from datetime import date

import pytest

from bluegreen.errors import ConfigError
from bluegreen.policy import Policy, parse_policy

GOOD = {"id": '"CVE-2026-1"', "by": '"alice"', "until": "2026-12-31", "reason": '"not reached"'}


def parse(text: str) -> Policy:
    return parse_policy(text, stack="prod", source="deploy.toml")


def accept(**changed: str) -> str:
    lines = (f"{key} = {value}" for key, value in (GOOD | changed).items() if value)
    return "\n".join(["[[security.accept]]", *lines, ""])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (accept(until=""), "until"),
        (accept(until='"some day"'), "until"),
        (accept(until="2026-02-30"), "date"),
        (accept(by='""'), "by"),
        (accept(by='"a\\u001b[31m"'), "by"),
        (accept(reason=""), "reason"),
        (accept(id='"; rm -rf /"'), "id"),
        (accept(id='"CV"'), "id"),
        (accept() + accept(id='"cve-2026-1"'), "CVE-2026-1 is accepted twice"),
        ('[security]\ncritical = "ignore"', "critical"),
        ("[security]\nunscanned = true", "unscanned"),
    ],
)
def test_what_cannot_be_meant(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert fault in str(caught.value)


def test_every_fault_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(accept(id='"x"') + accept(by='""', until='"x"'))
    assert len(caught.value.faults) == 3


def test_it_counts_until_its_last_day_whatever_the_case() -> None:
    security = parse(accept()).security
    assert security.accepted("cve-2026-1", date(2026, 12, 31))
    assert security.accepted("CVE-2026-1", date(2027, 1, 1)) is None
    assert security.accepted("CVE-2026-2", date(2026, 12, 31)) is None
