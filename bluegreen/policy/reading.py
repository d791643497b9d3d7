"""Reads deploy.toml and the golden set beside it; every fault is reported at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bluegreen.contract import faults_of
from bluegreen.errors import ConfigError, Fault
from bluegreen.files import UnreadableFileError, read_text
from bluegreen.policy.smoke import GoldenRow
from bluegreen.policy.tables import Policy
from bluegreen.policy.units import FROM_FILE

_GOLDEN_LIMIT = 50_000_000
"""Bytes of a golden set: thousands of long questions."""


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(inner, value) if both else value  # type: ignore[arg-type]  # narrowed by `both`
    return result


def parse_policy(text: str, *, stack: str, source: str) -> Policy:
    """The policy of `stack` in the TOML `text`; raises ConfigError naming every fault in `source`."""
    advice = "correct the file; `sc-deploy doctor` checks it without changing anything"
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{source} is nested too deeply", next_step=advice) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}", next_step=advice) from error
    stacks = document.pop("stacks", {})
    if not isinstance(stacks, dict) or not all(isinstance(v, dict) for v in stacks.values()):
        raise ConfigError(f"{source}: stacks must hold one table per stack", next_step=advice)
    faults: list[Fault] = []
    policy: Policy | None = None
    for name, table in {**stacks, stack: stacks.get(stack, {})}.items():
        try:
            checked = Policy.model_validate(_merged(document, table), context=FROM_FILE)
            policy = checked if name == stack else policy
        except ValidationError as error:
            faults += [f for f in faults_of(error, f"{source} [{name}]") if f not in faults]
    if faults or policy is None:
        raise ConfigError(f"{source} cannot be used", faults=faults, next_step=advice)
    return policy


def load_policy(path: Path, *, stack: str) -> Policy:
    """Read `path` and the golden set beside it; raises ConfigError with every fault."""
    try:
        text = read_text(path)
    except UnreadableFileError as error:
        raise ConfigError(
            f"cannot read {path}: {error}", next_step="name the policy file with --policy FILE"
        ) from error
    policy = parse_policy(text, stack=stack, source=str(path))
    if policy.golden is None:
        return policy
    rows = _read_golden(path.parent / policy.golden.file, policy.golden.minimum)
    return policy.model_copy(update={"golden": policy.golden.model_copy(update={"rows": rows})})


def _read_golden(path: Path, minimum: int) -> tuple[GoldenRow, ...]:
    advice = 'one {"input": ..., "label": ...} per line'
    try:
        # Not splitlines: a JSON text may hold other line separators.
        lines = read_text(path, limit=_GOLDEN_LIMIT).split("\n")
    except UnreadableFileError as error:
        raise ConfigError(f"cannot read the golden set {path}: {error}", next_step=advice) from error
    rows: list[GoldenRow] = []
    faults: list[Fault] = []
    asked = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, line in asked:
        try:
            rows.append(GoldenRow.model_validate_json(line))
        except ValidationError as error:
            faults += faults_of(error, f"{path}:{number}")
    if len(asked) < minimum:
        faults.append(Fault(str(path), f"{len(asked)} questions", f"at least {minimum} (golden.minimum)"))
    if faults:
        raise ConfigError(f"the golden set {path} cannot be used", faults=faults, next_step=advice)
    return tuple(rows)
