"""The lab as everybody's clients see it: `aws`, `wrk`, `h2load`, a WebSocket, `psql`.

Starts a lab of its own and releases v1.0.0. Then every `$ aws ...` line of docs/*.md is run as it stands
there, and each other client once; what a command needs that another one would have made (buckets, secrets,
files, the zone) is made before. A client that this machine does not have is skipped, and so is what the lab
does not model. Ends with 1 where something failed.

    python -m benchmarks.public_clients
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from bluegreen.lab import lifecycle
from bluegreen.lab.lifecycle import UNSET, LabInfo
from tools.commands import sc_deploy

DOCS = Path(__file__).parents[1] / "docs"
_COMMAND = re.compile(r"^ *\$ (aws (?:.*\\\n)*.*)$", re.MULTILINE)
_GIVEN = {
    "USER_KEY": "NRAK-1",
    "PIPELINE": "arn:aws:imagebuilder:ap-northeast-1:111122223333:image-pipeline/host",
}
"""Shell variables that the documents take from earlier steps."""
_FILES = ("key", "keys", "model.bin", "model.bin.sha256")
_NOT_MODELLED = "is not modelled by the lab"
_SECONDS = 120
_UPGRADE = (
    b"GET /socket HTTP/1.1\r\nhost: lab\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_ACCEPTED = b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="
"""The answer that RFC 6455 computes for the key above, in lower case."""


class Skipped(Exception):
    """The check says nothing here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The lab, and where and with which variables commands run."""

    lab: LabInfo
    place: Path

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        return {**kept, **self.lab.env, **_GIVEN, "AWS_PAGER": "", "HOME": str(self.place)}

    def run(self, *words: str, shell: str = "") -> str:
        """What the command prints; raises Skipped where it is missing, RuntimeError where it fails."""
        name = words[0] if words else shell.split(maxsplit=1)[0]
        if shutil.which(name) is None:
            raise Skipped(f"no {name} on PATH")
        done = subprocess.run(
            words or ["sh", "-c", shell],
            cwd=self.place,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if _NOT_MODELLED in done.stderr:
            raise Skipped(done.stderr.strip().rpartition(": ")[2])
        if done.returncode:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def documented() -> Iterator[str]:
    """The `aws` commands of the documents, each once."""
    texts = "".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")))
    yield from dict.fromkeys(_COMMAND.findall(texts))


def prepare(machine: Machine) -> None:
    """Make the files, buckets, secrets and the zone that the documented commands need."""
    for name in _FILES:
        (machine.place / name).write_text("x", encoding="utf-8")
    session = boto3.Session(
        aws_access_key_id="lab", aws_secret_access_key="lab", region_name=machine.lab.env["AWS_REGION"]
    )
    text = "\n".join(documented())
    s3 = session.client("s3", endpoint_url=machine.lab.endpoint_url)
    for bucket in dict.fromkeys(re.findall(r"s3://([a-z0-9-]+)", text)):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": session.region_name})
    route53 = session.client("route53", endpoint_url=machine.lab.endpoint_url)
    for zone in dict.fromkeys(re.findall(r"--dns-name (\S+)", text)):
        route53.create_hosted_zone(Name=zone, CallerReference=zone)
    secrets = session.client("secretsmanager", endpoint_url=machine.lab.endpoint_url)
    for secret in dict.fromkeys(re.findall(r"--secret-id (\S+)", text)):
        secrets.create_secret(Name=secret)


def wrk(machine: Machine) -> str:
    """Keep-alive over HTTP/1.1 by a client that is not ours."""
    told = machine.run(
        "wrk", "--threads", "1", "--connections", "20", "--duration", "5s", f"{machine.lab.front_url}/"
    )
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    return " ".join(re.findall(r"Requests/sec: +(\S+)", told)) + " requests/s, none failed"


def h2load(machine: Machine) -> str:
    """HTTP/2 with prior knowledge, ten streams a connection."""
    told = machine.run("h2load", "-n", "1000", "-c", "5", "-m", "10", f"{machine.lab.front_url}/")
    if "status codes: 1000 2xx" not in told or "Application protocol: h2c" not in told:
        raise RuntimeError(told)
    return "1000 of 1000 answers 2xx over h2c"


def websocket(machine: Machine) -> str:
    """The upgrade through the balancer, and a masked text frame that comes back (RFC 6455)."""
    where = urlsplit(machine.lab.front_url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as opened:
        opened.sendall(_UPGRADE)
        stream = opened.makefile("rb")
        head = b"".join(iter(stream.readline, b"\r\n"))
        if not head.startswith(b"HTTP/1.1 101 ") or _ACCEPTED not in head.lower():
            raise RuntimeError(head.decode(errors="replace"))
        opened.sendall(b"\x81\x82" + bytes(4) + b"hi")
        if (heard := stream.read(4)) != b"\x81\x02hi":
            raise RuntimeError(f"{heard!r} came back")
    return "101, and the text came back"


def psql(machine: Machine) -> str:
    """The application's rows, by PostgreSQL's own client."""
    if not machine.lab.database_url:
        raise Skipped(machine.lab.without_database)
    told = machine.run("psql", machine.lab.database_url, "-Atc", "select count(*) from users")
    if int(told) < 1:
        raise RuntimeError(f"{told} users")
    return f"{told.strip()} users"


def release(lab: LabInfo) -> str:
    """Something has to answer behind the balancer."""
    done = sc_deploy(lab, "promote", "v1.0.0", "--yes")
    if done.code:
        raise RuntimeError(f"exit {done.code}: {done.stderr}")
    return "exit 0"


def checks(machine: Machine) -> Iterator[tuple[str, Callable[[], str]]]:
    for command in documented():
        yield re.sub(r"\s*\\\n\s*", " ", command), partial(machine.run, shell=command)
    for client in (wrk, h2load, websocket, psql):
        yield client.__name__, partial(client, machine)


def check(title: str, ask: Callable[[], str]) -> bool:
    """Whether the client got what it wanted, or is not here; prints a line."""
    try:
        state, told = "ok", ask()
    except Skipped as why:
        state, told = "skipped", str(why)
    except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        state, told = "failed", str(error)
    limit = 300 if state == "failed" else 60
    print(f"{state:8}{title[:75]:77}{' '.join(told.split())[:limit]}", flush=True)
    return state != "failed"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sc-deploy-clients-") as place:
        lab = lifecycle.up(Path(place) / "lab", owner_pid=os.getpid())
        try:
            machine = Machine(lab=lab, place=Path(place))
            prepare(machine)
            went = [check("promote v1.0.0", partial(release, lab))]
            went += [check(*one) for one in checks(machine)]
        finally:
            lifecycle.down(Path(place) / "lab")
    sys.exit(0 if all(went) else 1)


if __name__ == "__main__":
    main()
