"""How the tests are shared out to several processes (pytest-xdist, `--dist=loadgroup`)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TOGETHER = {
    "tests/infra": "the recorded stacks",
    "tests/test_contract.py": "the recorded stacks",
    "tests/lab/test_lifecycle.py": "a lab of processes",
    "tests/lab/test_control.py": "a control server",
    "tests/adapters/test_over_http.py": "a control server for adapters",
}
"""Tests of one group run in one process, so that what they share is made once; all others go anywhere."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the passed tests have counted: one line, summed over all processes."""
    sums = Counter[str]()
    for report in terminalreporter.stats.get("passed", ()):
        for what, number in report.user_properties:
            sums[what] += number
    if sums:
        words = ", ".join(f"{number:,} {what}" for what, number in sums.items())
        terminalreporter.write_line(f"any order: {words}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE.parent)
        for start, group in TOGETHER.items():
            if place.is_relative_to(start):
                item.add_marker(pytest.mark.xdist_group(group))
