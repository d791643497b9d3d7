"""`--attest ID=WHO`: who answers for the items of the before-checklist."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._confirm import asks
from bluegreen.commands._options import Settings
from bluegreen.errors import ConfigError, Fault

if TYPE_CHECKING:
    from bluegreen.domain.plan import Plan
    from bluegreen.policy import Policy

_LONGEST = 300
AttestOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attest",
        metavar="ID=WHO",
        help="Who answers for an item of the before-checklist: a name, or the address of the check.",
    ),
]


def attested(given: Sequence[str]) -> dict[str, str]:
    """Who answers for which item; raises ConfigError naming everything that cannot be used."""
    said: dict[str, str] = {}
    faults = []
    for text in given:
        name, equals, who = (part.strip() for part in text.partition("="))
        if not equals or not name or not who:
            faults.append(Fault("--attest", f"{text!r} has no item or nobody", "review=Anna Suzuki"))
        elif name in said:
            faults.append(Fault("--attest", f"{name!r} is answered for twice", "once"))
        elif len(who) > _LONGEST or not who.isprintable():
            faults.append(
                Fault("--attest", f"{name}: {who[:40]!r}...", f"up to {_LONGEST} visible characters")
            )
        else:
            said[name] = who
    if faults:
        raise ConfigError("the attestations cannot be used", faults=faults)
    return said


def ask_people(settings: Settings, plan: Plan, policy: Policy, given: Mapping[str, str]) -> Mapping[str, str]:
    """Ask on the terminal for what nobody answers for yet; `--yes` answers for nothing."""
    from bluegreen.engine.attesting import missing

    left = missing(plan, policy, given)
    said = dict(given)
    if not left or settings.yes or not asks():
        return said
    _terminal.say(
        "The before-checklist: who answers for each? A name, or the address of the check that shows it."
    )
    for item in left:
        sys.stderr.write(f"{item.words} ({item.id}): ")
        sys.stderr.flush()
        if answer := sys.stdin.readline().strip():
            said |= attested([f"{item.id}={answer}"])
    return said
