"""Compares a report of Checkov with the findings that the program accepts.

    python -m tools.terraform_plan prod > plan.json
    checkov --file plan.json --framework terraform_plan --output json > report.json
    python -m tools.findings prod report.json

Of stacks without protection, what `UNPROTECTED` accepts is accepted as well. Prints findings that nobody
accepted and acceptances that nothing needs; either ends it with status 1.
Checkov tells severities only with a key of its platform: every failed check counts.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from infra import component, components
from tools.recording import recorded, settings_of
from tools.terraform_plan import address_of


def accepted(kind: str = "ACCEPTED") -> dict[tuple[str, str], str]:
    """What all components accept: (Checkov's id, glob over logical names of resources) -> reason."""
    names = [module.name for module in pkgutil.iter_modules(components.__path__, f"{components.__name__}.")]
    found: dict[tuple[str, str], str] = {}
    for name in (component.__name__, *names):
        found |= getattr(importlib.import_module(name), kind, {})
    return found


def compare(
    failed: Iterable[tuple[str, str]], names: Mapping[str, str], reasons: Mapping[tuple[str, str], str]
) -> tuple[list[str], list[str]]:
    """Findings not accepted, acceptances not needed.

    `failed` are pairs of check and Terraform address, `names` the logical name of each address.
    """
    used: set[tuple[str, str]] = set()
    unaccepted: list[str] = []
    for check, address in failed:
        name = names[address]
        keys = [key for key in reasons if key[0] == check and fnmatchcase(name, key[1])]
        used.update(keys)
        if not keys:
            unaccepted.append(f"{check}: {address} ({name})")
    stale = [
        f"{check}: {glob}: {reasons[check, glob]}" for check, glob in reasons if (check, glob) not in used
    ]
    return unaccepted, stale


def main(stack: str, report: Path) -> int:
    """Read the report of the stack's plan; the exit status."""
    document: Any = json.loads(report.read_text(encoding="utf-8"))
    failed = [
        (str(check["check_id"]), str(check["resource"])) for check in document["results"]["failed_checks"]
    ]
    names = {address_of(resource): resource.name for resource in recorded(stack).aws}
    protected = settings_of(stack)["protect"]
    unaccepted, stale = compare(failed, names, accepted() | ({} if protected else accepted("UNPROTECTED")))
    # A small stack lacks what much of the code is about: only prod tells what nothing needs any more.
    stale = stale if protected else []
    summary = document["summary"]
    print(f"{summary['passed']} checks passed, {len(failed)} failed, {len(unaccepted)} of them unaccepted")  # noqa: T201  # a tool's answer
    for line in unaccepted:
        print(f"not accepted: {line}")  # noqa: T201  # as above
    for line in stale:
        print(f"stale: {line}")  # noqa: T201  # as above
    return 1 if unaccepted or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
