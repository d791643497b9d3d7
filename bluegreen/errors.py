"""The exceptions sc-deploy raises on purpose, and the exit code each one means.

    DeployError                 1
    ├── ConfigError             2   bad contract, deploy.toml, option or environment
    ├── Refused                 3   a precondition failed; nothing was changed
    │   └── HostNotReady        3   an instance takes no commands, or not yet
    ├── Locked                  4   another deployment holds the stack
    │   └── LeaseLost           4   it was ours and is not any more
    ├── StepFailed              -   a step did not reach its goal; the executor decides what follows
    ├── CloudUnavailable        3   AWS did not answer for longer than our patience (6 in a deployment)
    │   └── LoggedOut           2   AWS does not accept the credentials: it is not waited for
    ├── Halted                  6   a human is needed; traffic is where the message says
    ├── Starved                 7   this machine gives the lab too little to tell anything about a release
    └── Interrupted           130   stopped at a safe point; `sc-deploy resume` continues

Standard library and text only: `sc-deploy --version` and every layer may import this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from bluegreen.text import folded, lines, one_line


class ExitCode(IntEnum):
    """What the process tells its caller; stable, documented, one meaning each."""

    RELEASED = 0
    """What was asked for was done: released, rolled back, aborted, removed, answered."""
    BUG = 1
    USAGE = 2
    REFUSED = 3
    LOCKED = 4
    ROLLED_BACK = 5
    """The release was rolled back although that was not what this command was for."""
    HALTED = 6
    STARVED = 7
    """The lab's machine was too busy; nothing was found out about any release."""
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where it is, what is wrong, what is allowed."""

    where: str
    problem: str
    allowed: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}"
        return one_line(f"{text} (allowed: {self.allowed})" if self.allowed else text)


class DeployError(Exception):
    """Base of everything raised on purpose: `what` went wrong and what to do `next`."""

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, what: str, *, next_step: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(what)
        self.what, self.next_step, self.faults = lines(what), lines(next_step), tuple(faults)

    def __str__(self) -> str:
        told = [folded(self.what)]
        told += [f"  - {fault}" for fault in self.faults]
        if self.next_step:
            told.append(f"Next: {folded(self.next_step)}")
        return "\n".join(told)


class ConfigError(DeployError):
    """The contract, deploy.toml, the options or the environment cannot be used."""

    exit_code = ExitCode.USAGE


class Refused(DeployError):
    """A precondition does not hold; nothing was changed."""

    exit_code = ExitCode.REFUSED


class HostNotReady(Refused):
    """An instance takes no commands: it has just been launched, or something is wrong with its agent."""


class Locked(DeployError):
    """Another deployment holds the lease of this stack."""

    exit_code = ExitCode.LOCKED


class LeaseLost(Locked):
    """The lease was ours and another deployer has taken it; this process may write nothing more."""


class StepFailed(DeployError):
    """A step ended without reaching its goal (unhealthy targets, failed probe, FAIL verdict)."""


class CloudUnavailable(DeployError):
    """AWS or a metric source did not answer for longer than the configured patience.

    In a deployment it halts. A command that only asked has changed nothing.
    """

    exit_code = ExitCode.REFUSED


class LoggedOut(CloudUnavailable):
    """AWS does not accept the credentials (any more): no waiting helps, a person must log in."""


class Halted(DeployError):
    """The run stopped where a machine must not decide alone; a human is needed."""

    exit_code = ExitCode.HALTED


class OutcomeUnknown(Halted):
    """A command was begun, and nobody can tell any more whether and how it ended."""


class Starved(DeployError):
    """The machine gives the lab too little: what it shows says nothing about a release."""

    exit_code = ExitCode.STARVED


class Interrupted(DeployError):
    """Ctrl-C or SIGTERM: stopped at a safe point, resumable."""

    exit_code = ExitCode.INTERRUPTED
