"""From the options to a deployer: policy, contract, AWS, engine. The only place where they meet."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluegreen.commands._options import DEFAULT_POLICY, Settings
from bluegreen.errors import ConfigError, DeployError, ExitCode, Refused

if TYPE_CHECKING:  # heavy: imported when a verb runs, not for --help
    from bluegreen.adapters.aws.session import Session
    from bluegreen.contract import Contract
    from bluegreen.domain.journal import Entry, Header
    from bluegreen.engine.deployer import Deployer
    from bluegreen.policy import Policy
    from bluegreen.ports import Clock, Ports
    from bluegreen.ports.trial import Trial

    Subscriber = Callable[[Header, Entry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack that can be deployed to."""

    contract: Contract
    policy: Policy
    ports: Ports
    deployer: Deployer

    @property
    def known(self) -> tuple[Contract, Policy, Ports]:
        """What every plan and every look at the stack begins with."""
        return self.contract, self.policy, self.ports


def operator() -> str:
    """Who deploys: SC_DEPLOY_OPERATOR, the actor of a GitHub workflow, or user@host; one per process."""
    actor = os.environ.get("GITHUB_ACTOR")
    run = os.environ.get("GITHUB_RUN_ID", "")
    person = os.environ.get("SC_DEPLOY_OPERATOR") or (f"{actor} (run {run})" if actor else "")
    if not person:
        try:
            person = getpass.getuser()
        except (KeyError, OSError):  # a container without a passwd entry
            person = f"uid-{os.getuid()}"
    # The lease tells owners apart: two deployers of one person on one machine must not be one owner.
    return f"{person}@{socket.gethostname()}:{os.getpid()}"


def read_policy(settings: Settings) -> Policy:
    """The policy of the stack; without a file the defaults. Raises ConfigError with every fault."""
    from bluegreen.policy import Policy, load_policy

    if settings.policy is None and not DEFAULT_POLICY.exists():
        return Policy()
    return load_policy(settings.policy or DEFAULT_POLICY, stack=settings.stack)


def read_contract(settings: Settings, session: Session) -> Contract:
    """The contract of the stack from its file or from SSM; raises ConfigError."""
    from bluegreen.adapters.connect import load_contract, read_contract_file

    if settings.contract is None:
        return load_contract(settings.stack, session)
    contract = read_contract_file(settings.contract)
    if contract.stack != settings.stack:
        raise ConfigError(
            f"{settings.contract} is the contract of stack {contract.stack}, not of {settings.stack}",
            next_step=f"use --stack {contract.stack}, or the contract of {settings.stack}",
        )
    return contract


def exit_code_of(error: DeployError) -> ExitCode:
    """The exit code of an error that ends a command.

    A running deployment turns unusable credentials into its own ending; where they reach the command
    line nothing was changed, and the operator's environment is what has to be corrected.
    """
    from bluegreen.adapters.aws.failures import CredentialsUnusable

    return ExitCode.USAGE if isinstance(error, CredentialsUnusable) else error.exit_code


def open_contract(settings: Settings) -> Contract:
    """The contract alone, with a session of its own."""
    from bluegreen.adapters.aws.session import Session

    return read_contract(settings, Session(region=settings.region or None))


def open_trials(settings: Settings) -> tuple[Sequence[Trial], Clock]:
    """What is tried in a new account, and the clock to wait by. Refused where something serves users."""
    from bluegreen.adapters.aws.session import Session
    from bluegreen.adapters.aws.trials import trials
    from bluegreen.adapters.clock import SystemClock
    from bluegreen.adapters.connect import connect
    from bluegreen.engine.arms import serving
    from bluegreen.engine.status import observe

    policy, session, clock = read_policy(settings), Session(region=settings.region or None), SystemClock()
    contract = read_contract(settings, session)
    ports = connect(contract, policy, session=session, clock=clock, owner=operator())
    refuse_where_live(contract, serving(observe(contract, ports)))
    return trials(session, contract, clock), clock


def refuse_where_live(contract: Contract, live: Sequence[object]) -> None:
    """Trials add a rule to the listener: not under the traffic of users."""
    if live:
        raise Refused(
            f"stack {contract.stack} serves a release; an account is tried before its first one",
            next_step="sc-deploy doctor without --first-account, or another account's stack",
        )


def open_stack(settings: Settings, subscribers: Sequence[Subscriber] = ()) -> Stack:
    """Connect to the stack; raises ConfigError, Refused or CloudUnavailable. Changes nothing."""
    policy = read_policy(settings)
    from bluegreen.adapters.aws.session import Session
    from bluegreen.adapters.clock import SystemClock
    from bluegreen.adapters.connect import connect
    from bluegreen.engine.deployer import Deployer

    session = Session(region=settings.region or None)
    contract = read_contract(settings, session)
    owner = operator()
    ports = connect(contract, policy, session=session, clock=SystemClock(), owner=owner)
    deployer = Deployer(contract=contract, policy=policy, ports=ports, owner=owner, subscribers=subscribers)
    return Stack(contract=contract, policy=policy, ports=ports, deployer=deployer)
