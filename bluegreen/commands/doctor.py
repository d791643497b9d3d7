"""`sc-deploy doctor`: would a release work here?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import DEFAULT_POLICY, Settings, verb
from bluegreen.errors import ConfigError, DeployError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluegreen.ui.tables.doctor import Checked

__all__ = ["doctor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    name: str
    ok: bool | None
    words: str
    next_step: str = ""


@verb
def doctor(settings: Settings) -> None:
    """Check policy, contract, credentials, rights and the stack, and change nothing.

    Ends with 0 when nothing is wrong, 2 when the configuration cannot be used, 3 when a check failed.

    For example:
      sc-deploy doctor --stack prod
      sc-deploy doctor --stack prod --output json | jq '.checks[] | select(.ok == false)'
    """
    from bluegreen.ui.tables.doctor import doctor_document, doctor_view

    source = settings.policy or (DEFAULT_POLICY if DEFAULT_POLICY.exists() else "the defaults")
    found: list[Checked] = [_tried("policy", f"{source}", lambda: _connect.read_policy(settings))]
    found += _stack_checks(settings, policy_ok=found[0].ok is True)
    _terminal.show(settings, doctor_document(found), doctor_view(found))
    if any(check.ok is False for check in found):
        unusable = any(check.ok is False and check.name in ("policy", "contract") for check in found)
        raise typer.Exit(int(ExitCode.USAGE if unusable else ExitCode.REFUSED))


def _tried(name: str, words: str, look: Callable[[], object]) -> _Found:
    try:
        look()
    except DeployError as error:
        told = "\n".join([error.what, *(f"- {fault}" for fault in error.faults)])
        return _Found(
            name=name,
            ok=False if isinstance(error, ConfigError) else None,
            words=told,
            next_step=error.next_step,
        )
    return _Found(name=name, ok=True, words=words)


def _stack_checks(settings: Settings, *, policy_ok: bool) -> list[Checked]:
    """The contract, and with a usable policy the engine's own checks."""
    contract = _tried("contract", "", lambda: _connect.open_contract(settings))
    if contract.ok is not True:
        return [contract]
    checks: list[Checked] = [_Found(name="contract", ok=True, words=f"stack {settings.stack} is described")]
    return [*checks, *_connect.open_stack(settings).deployer.doctor()] if policy_ok else checks
