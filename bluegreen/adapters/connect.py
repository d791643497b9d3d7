"""From a stack's name to everything the engine needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bluegreen.adapters.aws.autoscaling import AutoScalingFleets
from bluegreen.adapters.aws.ecr import EcrImages
from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.aws.elb.calls import ElbCalls
from bluegreen.adapters.aws.environment import AwsEnvironment
from bluegreen.adapters.aws.failures import AwsUnavailable, CredentialsUnusable
from bluegreen.adapters.aws.rds import RdsSnapshots
from bluegreen.adapters.aws.rds_instances import RdsInstances
from bluegreen.adapters.aws.run_command import RemoteCommands
from bluegreen.adapters.aws.s3 import S3Models
from bluegreen.adapters.aws.scheduler import SchedulerWatchdog
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.aws.ssm import Parameters
from bluegreen.adapters.aws.state.bans import DynamoBans
from bluegreen.adapters.aws.state.journal import DynamoJournal
from bluegreen.adapters.aws.state.lease import DynamoLease
from bluegreen.adapters.aws.state.records import DynamoRecords
from bluegreen.adapters.aws.state.table import Table
from bluegreen.adapters.local_commands import LocalCommands
from bluegreen.adapters.metrics.sources import open_checks, open_metrics, silent_series
from bluegreen.adapters.pager.channels import channels
from bluegreen.adapters.pager.pager import ChannelPager
from bluegreen.adapters.probe import HttpProber
from bluegreen.adapters.shell import ShellCommands
from bluegreen.adapters.threads import aside, parallel
from bluegreen.contract import Contract, parameter_name, parse_contract, run_document
from bluegreen.domain.rehearsal import Rehearsal
from bluegreen.domain.restoration import Restoration
from bluegreen.errors import ConfigError
from bluegreen.files import UnreadableFileError, read_text
from bluegreen.policy import Policy
from bluegreen.ports import Clock, Fence, Ports

_ROOT = "/sportcoach"


def load_contract(stack: str, session: Session) -> Contract:
    """The contract of `stack` from SSM; raises ConfigError for everything that is wrong with it.

    An unknown stack is answered with the stacks that exist in this region. AwsUnavailable passes.
    """
    name = parameter_name(stack)
    parameters = Parameters(session)
    try:
        text = parameters.get(name)
        if text is None:
            raise _unknown(stack, parameters, session.region)
    except AwsUnavailable as error:
        unreached = error.code in ("EndpointConnectionError", "ConnectTimeoutError")
        if unreached or isinstance(error, CredentialsUnusable):
            raise ConfigError(error.what, next_step=error.next_step) from error
        raise
    contract = parse_contract(text, source=name)
    if contract.stack != stack:
        raise ConfigError(
            f"the contract in {name} is that of stack {contract.stack}", next_step="run `pulumi up` for it"
        )
    if contract.region != session.region:
        raise ConfigError(
            f"the contract in {name} is for region {contract.region}, but it was read in {session.region}",
            next_step=f"set AWS_REGION={contract.region}",
        )
    return contract


def _unknown(stack: str, parameters: Parameters, region: str) -> ConfigError:
    suffix = "/contract"
    names = [name for name in parameters.names_below(_ROOT) if name.endswith(suffix)]
    stacks = [name[len(_ROOT) + 1 : -len(suffix)] for name in names]
    return ConfigError(
        f"there is no stack {stack} in {region}; stacks that exist: {', '.join(stacks) or 'none'}",
        next_step="name one of these, set AWS_REGION to the stack's region, or run `pulumi up` first",
    )


def read_contract_file(path: Path) -> Contract:
    """The contract in a file; raises ConfigError."""
    try:
        text = read_text(path)
    except UnreadableFileError as error:
        raise ConfigError(f"cannot read the contract {path}: {error}") from error
    return parse_contract(text, source=str(path))


def connect(contract: Contract, policy: Policy, *, session: Session, clock: Clock, owner: str) -> Ports:
    """The ports of `contract` over AWS. Makes no call: a client is created when it is first needed.

    `owner` signs notifications. Raises ConfigError where the session is of another region, or where a
    metric source of the policy is not known.
    """
    if session.region != contract.region:
        raise ConfigError(
            f"stack {contract.stack} lies in {contract.region}, but AWS calls would go to {session.region}",
            next_step=f"set AWS_REGION={contract.region}",
        )
    fence = Fence()
    # Not fenced: whoever lost the lease may still say so.
    pager = ChannelPager(channels(session, contract, owner=owner))
    session = session.fenced(fence)
    elb = ElbCalls(session, stack=contract.stack, clock=clock)
    table = Table(session, contract.state_table, clock)
    return Ports(
        clock=clock,
        balancer=ElbBalancer(elb, contract),
        fleets=AutoScalingFleets(session, contract, clock),
        metrics=open_metrics(session, contract, policy, clock=clock),
        checks=open_checks(session, contract, policy, clock=clock),
        prober=HttpProber(contract.base_url),
        journal=DynamoJournal(table, contract.stack),
        lease=DynamoLease(table, contract.stack),
        bans=DynamoBans(table, contract.stack),
        rehearsals=DynamoRecords(table, contract.stack, Rehearsal),
        restorations=DynamoRecords(table, contract.stack, Restoration),
        # No stack has such a name.
        rehearsal_lease=DynamoLease(table, f"{contract.stack}#rehearsal"),
        watchdog=SchedulerWatchdog(session, contract, elb),
        database=RdsSnapshots(session, contract.stack),
        databases=RdsInstances(session, contract.stack),
        commands=ShellCommands(
            RemoteCommands(session, clock, document=run_document(contract.stack)),
            LocalCommands(stack=contract.stack),
        ),
        models=S3Models(session),
        images=EcrImages(session),
        environment=AwsEnvironment(
            session,
            contract,
            elb,
            clock=clock,
            silent_series=partial(silent_series, session, contract, clock),
        ),
        pager=pager,
        parallel=parallel,
        aside=aside,
        fence=fence,
    )
