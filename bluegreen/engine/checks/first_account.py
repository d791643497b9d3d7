"""Tries in a new account what only AWS can tell, all at the same time, and cleans up."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.domain.reports import Check
from bluegreen.errors import DeployError
from bluegreen.ports import Clock
from bluegreen.ports.trial import Told, Trial

SECONDS = 300.0
"""A schedule fires within a minute of its time, a metric can be read after two or three."""
_PAUSE = 10.0


def try_out(trials: Sequence[Trial], clock: Clock, *, seconds: float = SECONDS) -> tuple[Check, ...]:
    """The outcome of each trial, in their order; what has none after `seconds` failed.

    What a trial made is taken away even where another one, or the person, ends the command.
    """
    told: dict[str, Told] = {}
    try:
        for trial in trials:
            _guarded(trial, told, begin=True)
        until = clock.monotonic() + seconds
        while len(told) < len(trials) and clock.monotonic() < until:
            clock.sleep(_PAUSE)
            for trial in trials:
                if trial.name not in told:
                    _guarded(trial, told, begin=False)
    finally:
        left = [words for trial in trials if (words := _ended(trial))]
    late = (False, f"nothing was seen within {seconds:g} s")
    checks = [_check(trial.name, told.get(trial.name, late)) for trial in trials]
    if left:
        advice = "remove by hand what is named here"
        checks.append(Check(name="clean-up", ok=False, words="; ".join(left), next_step=advice))
    return tuple(checks)


def _guarded(trial: Trial, told: dict[str, Told], *, begin: bool) -> None:
    try:
        if begin:
            trial.begin()
        elif (found := trial.look()) is not None:
            told[trial.name] = found
    except DeployError as error:
        told[trial.name] = (False, error.what)


def _ended(trial: Trial) -> str:
    """Empty, or why something of the trial may be left."""
    try:
        trial.end()
    except DeployError as error:
        return f"{trial.name}: {error.what}"
    return ""


def _check(name: str, told: Told) -> Check:
    ok, words = told
    advice = "docs/infrastructure.md, What only an account can tell" if ok is False else ""
    return Check(name=name, ok=ok, words=words, next_step=advice)
