"""Findings of a policy scanner that are accepted, each with its reason beside the code that it excuses.

A component names its own in `ACCEPTED`; `tools/findings.py` compares them with what Checkov reports, and
fails on a finding that nobody accepted and on an acceptance that nothing needs any more.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

__all__ = ["Findings", "accepted"]

Findings = Mapping[tuple[str, str], str]
"""(Checkov's id, glob over logical names of resources) -> reason."""


def accepted() -> dict[tuple[str, str], str]:
    """What all components accept."""
    package = importlib.import_module("infra.components")
    found: dict[tuple[str, str], str] = {}
    for module in pkgutil.iter_modules(package.__path__):
        found |= getattr(importlib.import_module(f"infra.components.{module.name}"), "ACCEPTED", {})
    return found
