"""Writes each policy of a recorded stack's roles into a folder, for linters of policies.

python -m tools.policies prod policies/
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.recording import recorded

__all__ = ["write"]


def write(stack: str, folder: Path) -> list[Path]:
    """The files, named after the policies."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for one in recorded(stack).aws:
        if one.type in {"aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"}:
            written.append(folder / f"{stack}-{one.name}.json")
            written[-1].write_text(one.inputs["policy"], encoding="utf-8")
    return written


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
