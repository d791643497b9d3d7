"""The page of promises names tests that exist, and every kind of fault."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: line for line in PAGE.splitlines() if (found := re.match(r"\| (K\d+) \| .+ \| .+ \|$", line))
}


def test_every_kind_has_its_row_in_order_with_what_shows_it() -> None:
    assert list(ROWS) == [f"K{number}" for number in range(1, 32)]
    for kind, line in ROWS.items():
        assert re.search(r"`tests/[\w/]+\.py`|`python -m benchmarks\.", line), kind


def test_what_is_named_exists_and_tests_something() -> None:
    named = sorted(set(re.findall(r"`((?:tests|tools)/[\w/]+\.py)`", PAGE)))
    assert len(named) > 30
    assert [path for path in named if not (REPOSITORY / path).exists()] == []
    tests = [REPOSITORY / path for path in named if Path(path).name.startswith("test_")]
    assert [path.name for path in tests if "def test_" not in path.read_text(encoding="utf-8")] == []


def test_every_promise_names_what_shows_it() -> None:
    promises = PAGE.partition("## Promises")[2].partition("##")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 8
    assert [row for row in rows if "`tests/" not in row and "`tools/" not in row] == []
