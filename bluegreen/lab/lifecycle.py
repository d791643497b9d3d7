"""Starts and stops a lab: the control server, the balancer, and a provisioned stack between them.

A lab lives in a state directory (ports, processes, logs, policy); two directories are two labs side by side.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bluegreen.errors import DeployError, Refused
from bluegreen.files import read_text
from bluegreen.lab.balancer.envoy import binary
from bluegreen.lab.claims import alone, free, room
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.database.programs import missing
from bluegreen.lab.database.record import Record
from bluegreen.lab.load.child import LOAD
from bluegreen.lab.machine import STRETCHES, measured
from bluegreen.lab.stack import database as stack_database
from bluegreen.lab.stack.policy_file import PolicyFile
from bluegreen.lab.stack.provision import provision
from bluegreen.lab.starting import Process, end, module, recorded, serve

UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE")
"""Variables of the caller that would point an AWS client elsewhere."""
NOT_WANTED = "it was started without one"
_TIME_SCALE = 5.0
"""How much faster than on AWS the balancer's times pass in a lab that is not realistic."""
BOOT_BUDGET_SECONDS, _REALISTIC_BOOT_BUDGET_SECONDS = 40, 300
"""A lab's instance answers within a second, or at AWS's pace within a minute; more is for a busy machine.

The same at every stretch: the contract stays when the stretch changes.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabInfo:
    """A running lab and how to reach it."""

    state_dir: Path
    stack: str
    realistic: bool
    endpoint_url: str
    """The AWS API: AWS_ENDPOINT_URL of any AWS client."""
    front_url: str
    """The load balancer, for users and load tools."""
    policy: Path
    database_url: str
    """Of the application's PostgreSQL, for `psql` and every client; empty where there is none."""
    without_database: str
    """Why there is none."""
    stretch: int
    """How many times slower than usual its clock ran when it started."""
    machine: str
    """Why, in words; empty at the usual pace."""
    control: Process
    balancer: Process

    @property
    def port(self) -> int:
        return int(self.endpoint_url.rpartition(":")[2])

    @property
    def front_port(self) -> int:
        return int(self.front_url.rpartition(":")[2])

    @property
    def env(self) -> dict[str, str]:
        """The variables that point an AWS client and sc-deploy at the lab; unset those in UNSET too."""
        region = Settings().region
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SC_DEPLOY_STACK": self.stack,
            "SC_DEPLOY_POLICY": str(self.policy),
        }


def find(state_dir: Path) -> LabInfo | None:
    """The lab that runs in `state_dir`, or None."""
    info = _read(state_dir)
    return info if info and info.control.alive and info.balancer.alive else None


def absence(state_dir: Path) -> str:
    """Why `find` finds no lab in `state_dir`: a sentence without its full stop."""
    info, left = _read(state_dir), recorded(state_dir)
    if info is not None and not info.control.alive:
        return (
            f"the lab in {state_dir} has ended: its control server was killed or has crashed, and what "
            "it held in memory, the stack and its releases, is lost"
        )
    if info is not None:
        return (
            f"the load balancer of the lab in {state_dir} was killed or has crashed, and `sc-deploy lab up` "
            "starts with nothing: the stack and its releases are lost"
        )
    if left:
        return f"a lab in {state_dir} was not started to its end; {len(left)} of its processes still run"
    return f"no lab is running in {state_dir}"


def lost(state_dir: Path) -> str:
    """What became of a lab that stood in `state_dir` and runs no more; empty where there is none."""
    return absence(state_dir) if _read(state_dir) is not None and find(state_dir) is None else ""


def up(
    state_dir: Path,
    *,
    stack: str = "lab",
    realistic: bool = False,
    port: int = 0,
    front_port: int = 0,
    owner_pid: int | None = None,
    database: bool = True,
) -> LabInfo:
    """Start a lab and provision `stack` in it; returns the running one where it has these settings.

    `port` and `front_port` 0 take any free one. A `database` is started where this machine
    can have one. With `owner_pid` the lab ends when that process is gone.
    Raises Refused where another lab runs in `state_dir`, where somebody starts or stops one there, or where
    a port is taken or the directory has no room; DeployError where the lab does not start.
    """
    state_dir = state_dir.absolute()
    with alone(state_dir):
        running = find(state_dir)
        if running is None:
            _stop(state_dir)
            room(state_dir)
            free("--port", port)
            free("--front-port", front_port)
            return _start(
                state_dir,
                stack=stack,
                realistic=realistic,
                ports=(port, front_port),
                owner_pid=owner_pid,
                without_database=missing() if database else NOT_WANTED,
            )
    asked = (stack, realistic, port or running.port, front_port or running.front_port)
    if (running.stack, running.realistic, running.port, running.front_port) != asked:
        pace = "realistic" if running.realistic else "quick"
        raise Refused(
            f"a {pace} lab with stack {running.stack} is already running in {state_dir}, on the ports "
            f"{running.port} and {running.front_port}",
            next_step="`sc-deploy lab down` stops it; --state-dir DIR starts another one",
        )
    return running


def down(state_dir: Path) -> bool:
    """Stop every process of the lab in `state_dir`; False where none ran.

    Raises Refused where somebody starts or stops one there, DeployError where a process cannot be stopped.
    """
    state_dir = state_dir.absolute()
    if not state_dir.exists():
        return False
    with alone(state_dir):
        return _stop(state_dir)


def _start(
    state_dir: Path,
    *,
    stack: str,
    realistic: bool,
    ports: tuple[int, int],
    owner_pid: int | None,
    without_database: str,
) -> LabInfo:
    binary()  # before anything is started
    pace = ("--realistic",) if realistic else ()
    owner = ("--parent-pid", str(owner_pid)) if owner_pid else ()
    machine = measured()
    stretch = min(machine.needed, STRETCHES[-1])
    policy = PolicyFile(state_dir, realistic=realistic)
    policy.write(stretch)
    try:
        data = () if without_database else ("--database",)
        words = ("--port", str(ports[0]), "--state-dir", str(state_dir), *pace, *owner, *data)
        words += ("--stretch", str(stretch))
        control, port = serve("control", state_dir, module("api.control", *words))
        endpoint = f"http://127.0.0.1:{port}"
        words = (
            *("--control", endpoint, "--port", str(ports[1]), "--parent-pid", str(control.pid)),
            *("--port-file", str(state_dir / "balancer.port"), "--state-dir", str(state_dir / "envoy")),
            *("--time-scale", f"{1.0 if realistic else _TIME_SCALE:g}"),
        )
        balancer, front = serve("balancer", state_dir, module("balancer", *words))
        info = LabInfo(
            state_dir=state_dir,
            stack=stack,
            realistic=realistic,
            endpoint_url=endpoint,
            front_url=f"http://127.0.0.1:{front}",
            policy=policy.path,
            database_url="",
            without_database=without_database,
            stretch=stretch,
            machine=machine.words(stretch) if stretch > 1 else "",
            control=control,
            balancer=balancer,
        )
        info = replace(info, database_url=_provision(info))
    except BaseException:
        _stop(state_dir)
        raise
    _state_file(state_dir).write_text(json.dumps(asdict(info), default=str), encoding="utf-8")
    return info


def _provision(info: LabInfo) -> str:
    """Make the stack; the URL of its database."""
    settings, password = Settings(), secrets.token_hex(12)
    session = _Provisioning(info.endpoint_url, settings.region)
    try:
        if not info.without_database:
            stack_database.begin(session, info.stack, password)
        provision(
            session,
            stack=info.stack,
            account_id=settings.account_id,
            base_url=info.front_url,
            boot_budget_seconds=_REALISTIC_BOOT_BUDGET_SECONDS if info.realistic else BOOT_BUDGET_SECONDS,
            with_database=not info.without_database,
        )
        return "" if info.without_database else _database(session, info, password)
    except (BotoCoreError, ClientError) as error:
        raise DeployError(
            f"the lab's stack could not be provisioned: {error}", next_step=f"see {info.state_dir}"
        ) from error


def _database(session: Any, info: LabInfo, password: str) -> str:
    """Wait for the database and make its tables; raises DeployError with what the server said."""
    # Here, because the client library is missing where the database is.
    from bluegreen.lab.database.tables import prepare  # noqa: PLC0415

    try:
        url = stack_database.complete(session, info.stack, password)
        prepare(url)
    except (DeployError, OSError) as error:
        told = httpx.get(f"{info.endpoint_url}/_lab/state").json()["databases"]
        why = next((one["failure"] for one in told if one["failure"]), str(error))
        raise DeployError(
            f"the lab's database did not start: {why}",
            next_step=f"see {info.state_dir}/database-*.log, or `sc-deploy lab up --no-database`",
        ) from error
    return url


class _Provisioning:
    """boto3 clients that reach the lab alone, whatever the caller's environment says."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self.region_name = region
        self._endpoint_url = endpoint_url
        self._session = boto3.Session(
            aws_access_key_id="lab", aws_secret_access_key="lab", region_name=region
        )

    def client(self, name: str) -> Any:
        config = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 4})
        return self._session.client(name, endpoint_url=self._endpoint_url, config=config)


def _stop(state_dir: Path) -> bool:
    """End loads, what users see, and the control server, which ends its instances; then whatever is left."""
    found = recorded(state_dir)
    own = {path: process for path, process in found.items() if path.parent == state_dir}
    control = own.pop(state_dir / "control.pid", None)
    end(*(own.pop(path) for path in list(own) if path.stem.startswith(LOAD)))
    end(*own.values())
    if control is not None:
        end(control)
    cleared = Record(state_dir).clear()
    end(*recorded(state_dir).values())
    if left := recorded(state_dir):
        names = ", ".join(f"{path.stem} (process {process.pid})" for path, process in left.items())
        raise DeployError(f"could not be stopped: {names}", next_step=f"see {state_dir}")
    _state_file(state_dir).unlink(missing_ok=True)
    return bool(found) or cleared


def _state_file(state_dir: Path) -> Path:
    return state_dir / "lab.json"


def _read(state_dir: Path) -> LabInfo | None:
    try:
        document: Mapping[str, Any] = json.loads(read_text(_state_file(state_dir)))
        paths = {name: Path(document[name]) for name in ("state_dir", "policy")}
        processes = {name: Process(**document[name]) for name in ("control", "balancer")}
        return LabInfo(**{**document, **paths, **processes})
    except (OSError, ValueError, KeyError, TypeError):
        return None
