"""Which tree may import which: what import-linter's contracts, made for packages, do not reach."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "bluegreen": ("tests", "tools", "benchmarks", "infra"),
    "infra": ("tests", "tools", "benchmarks"),
    "tools": ("tests", "benchmarks"),
    "benchmarks": ("tests",),
    "tests": ("benchmarks",),
}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, at its top or anywhere else."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("tree", FORBIDDEN)
def test_no_arrow_points_the_wrong_way(tree: str) -> None:
    files = list((ROOT / tree).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported(path)
        if module.split(".")[0] in FORBIDDEN[tree]
    ]
    assert wrong == []
