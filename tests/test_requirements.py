"""The traceability table names every requirement, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TABLE = (REPOSITORY / "docs" / "requirements.md").read_text(encoding="utf-8")
COUNTS = {"E": 13, "P": 9, "A": 5, "R": 10, "M": 10, "S": 7, "C": 3, "K": 4}
ROWS = {
    identifier: line
    for line in TABLE.splitlines()
    if line.startswith("| ")
    for identifier in re.findall(r"\b[EPARMSCK]\d{1,2}\b", line.split("|")[1])
}


@pytest.mark.parametrize(
    "identifier", [f"{kind}{n}" for kind, count in COUNTS.items() for n in range(1, count + 1)]
)
def test_every_requirement_has_a_row_that_names_its_evidence(identifier: str) -> None:
    cells = ROWS[identifier].split("|")
    assert len(cells) == 5
    assert cells[2].strip()
    assert re.search(r"`(tests|benchmarks)/|Gap|^ - $", cells[3])


def test_files_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:tests|benchmarks|bluegreen)/[\w/]+\.py)`", TABLE))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (REPOSITORY / path).exists()] == []
    components = set(re.findall(r"`(\w+\.(?:py|sh))`", TABLE))
    homes = ("infra", "infra/settings", "infra/documents", "infra/components")
    assert [
        c for c in sorted(components) if not any((REPOSITORY / home / c).exists() for home in homes)
    ] == []


def test_ids_beside_a_file_lead_to_a_test_in_it() -> None:
    """`tests/infra/test_data.py` a5_e1 stands for a test whose name has a5_e1 in it."""
    missing = []
    assert TABLE.count("`tests/infra/test_data.py` ") > 5
    for path, ids in re.findall(r"`(tests/infra/\w+\.py)` ((?:[a-z]\d+(?:_\w+)*(?:, )?)+)", TABLE):
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        missing += [
            f"{path}: {one}"
            for one in ids.strip(", ").split(", ")
            if not re.search(rf"def test_(\w+_)?{one}_", text)
        ]
    assert missing == []
