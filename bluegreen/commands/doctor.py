"""`sc-deploy doctor`: would a release work here?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import DEFAULT_POLICY, Settings, verb
from bluegreen.errors import ConfigError, DeployError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluegreen.domain.reports import Check


@verb
def doctor(
    settings: Settings,
    first_account: Annotated[
        bool,
        typer.Option("--first-account", help="Try in a new account what only AWS can tell; cleans up."),
    ] = False,
) -> None:
    """Check policy, contract, credentials, rights and the stack, and change nothing.

    With --first-account, as an administrator and before the first release: try for five minutes whether a
    schedule fires, an object is replicated, the trail delivers, an image is scanned, a metric arrives.

    Ends with 0 when nothing is wrong, 2 when the configuration cannot be used, 3 when a check failed.

    For example:
      sc-deploy doctor --stack prod
      sc-deploy doctor --stack dev --first-account
      sc-deploy doctor --stack prod --output json | jq '.checks[] | select(.ok == false)'
    """
    from bluegreen.ui.tables.doctor import doctor_document, doctor_view

    documents = _documents(settings)
    usable = all(check.ok for check in documents)
    # The engine's own row says more about a contract that can be used.
    look = _trial_checks if first_account else _stack_checks
    found = [documents[0], *look(settings)] if usable else documents
    _terminal.show(settings, doctor_document(found), doctor_view(found))
    if any(check.ok is False for check in documents):
        raise typer.Exit(int(ExitCode.USAGE))
    if any(check.ok is False for check in found):
        raise typer.Exit(int(ExitCode.REFUSED))


def _documents(settings: Settings) -> list[Check]:
    """Whether policy and contract can be used at all."""
    source = settings.policy or (DEFAULT_POLICY if DEFAULT_POLICY.exists() else "the defaults")
    described = f"stack {settings.stack} has a contract"
    return [
        _tried("policy", f"{source}", lambda: _connect.read_policy(settings)),
        _tried("contract", described, lambda: _connect.open_contract(settings)),
    ]


def _tried(name: str, words: str, look: Callable[[], object]) -> Check:
    from bluegreen.domain.reports import Check

    try:
        look()
    except DeployError as error:
        told = "\n".join([error.what, *(f"- {fault}" for fault in error.faults)])
        unusable = isinstance(error, ConfigError)
        return Check(name=name, ok=False if unusable else None, words=told, next_step=error.next_step)
    return Check(name=name, ok=True, words=words)


def _trial_checks(settings: Settings) -> Sequence[Check]:
    from bluegreen.engine.checks.first_account import try_out

    return try_out(*_connect.open_trials(settings))


def _stack_checks(settings: Settings) -> Sequence[Check]:
    from bluegreen.engine.checks.doctor import examine

    return examine(*_connect.open_stack(settings).known)
