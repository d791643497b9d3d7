"""A machine to boot on: user data runs for real, with `aws`, `docker` and the like as stubs on record.

The instance metadata service and the container answer on loopback. Stubs read their behaviour from
files beside them, so that a test can break one thing at a time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bluegreen.contract import host_namespace
from infra.documents.user_data import BootVariables, render
from infra.settings import TierSettings

__all__ = ["BUDGET", "DIGEST", "MODEL", "Machine", "machine"]

BUDGET = TierSettings.model_fields["boot_budget_seconds"].default
DIGEST = "a" * 64
MODEL = b"weights of the model"
REGISTRY = "111122223333.dkr.ecr.ap-northeast-1.amazonaws.com"
TAGS = {
    "sportcoach:release": "v1.4.0",
    "sportcoach:color": "green",
    "sportcoach:deployment": "42",
    "sportcoach:image": f"{REGISTRY}/sportcoach-ai@sha256:{DIGEST}",
    "sportcoach:model": "2026-11-01",
    "sportcoach:model-sha256": hashlib.sha256(MODEL).hexdigest(),
    "aws:autoscaling:groupName": "sc-prod-ai-42",
}

AWS = r"""
case "$1 $2" in
  "ecr get-login-password") [[ -e $STUBS/registry-down ]] && exit 255; echo token ;;
  "s3 cp") while [[ $# -gt 2 ]]; do shift; done; cp "$STUBS/model" "$2" ;;
  "ssm get-parameters-by-path") [[ ! -e $STUBS/parameters-down ]] || exit 255
    printf '%s\t%s\n' /sportcoach/prod/config/LOG_LEVEL info ;;
  "secretsmanager get-secret-value") printf '{"password":"very secret"}\n' ;;
  "autoscaling complete-lifecycle-action")
    [[ ! -e $STUBS/hook-down ]] || { echo "No active Lifecycle Action found" >&2; exit 255; }
    echo InService >"$STUBS/lifecycle" ;;
  "autoscaling describe-auto-scaling-instances") cat "$STUBS/lifecycle" ;;
  "cloudwatch put-metric-data") ;;
  *) echo "unexpected: aws $*" >&2; exit 99 ;;
esac
"""
DOCKER = r"""
case "$1" in
  login) cat >/dev/null; [[ -e $STUBS/registry-down ]] && exit 1 ;;
  pull) [[ -e $STUBS/registry-down ]] && exit 1; echo "$3" >>"$STUBS/images" ;;
  image) grep -qxF -- "$3" "$STUBS/images" 2>/dev/null || exit 1 ;;
  run) [[ ! -e $STUBS/task-cancelled ]] || kill -KILL 0
    if [[ $* == *--detach* ]]; then cp "$STUBS/now" "$STUBS/running"; else echo "task output"; fi ;;
  rm) [[ ${*: -1} == sportcoach-task-* ]] || rm -f "$STUBS/running" ;;
esac
exit 0
"""
CURL = r"""
# Only what lies on this machine is fetched; the agent's package comes as an empty file.
case "$*" in
  *127.0.0.1*) exec "$REAL_CURL" "$@" ;;
  *amazoncloudwatch-agent*)
    [[ ! -e $STUBS/agent-gone ]] || exit 22
    while [[ $1 != --output ]]; do shift; done; cp "$STUBS/agent.deb" "$2" ;;
  *) echo "unexpected: curl $*" >&2; exit 99 ;;
esac
"""
SYSTEMCTL = r"""
# `down-UNIT` is a unit that fails whenever it starts; `enable` alone does not tell.
unit=${*: -1}
case "$1" in
  restart) for unit in "${@:2}"; do [[ ! -e $STUBS/down-$unit ]] || exit 1; done ;;
  is-active) [[ ! -e $STUBS/down-$unit ]] || exit 3 ;;
esac
exit 0
"""
APT = r"""
# What packages make for their own users, they make under the umask that apt was given.
umask >>"$STUBS/umask"
# Somebody else holds the lock; apt waits for it only where it was told to.
if [[ -e $STUBS/locked && $* != *DPkg::Lock::Timeout=* ]]; then exit 100; fi
[[ ! -e $STUBS/archive-down ]] || exit 100
"""
# What is installed, by package; `version-PACKAGE` is another version than the pinned one.
DPKG_QUERY = r"""
package=${*: -1}
[[ -e $STUBS/version-$package ]] && exec cat "$STUBS/version-$package"
case $package in
  awscli) echo 1.22.34-1 ;;
  docker.io) echo 28.2.2-0ubuntu1~22.04.1 ;;
  prometheus) echo 2.31.2+ds1-1ubuntu1.22.04.3 ;;
  prometheus-node-exporter) echo 1.3.1-1ubuntu0.22.04.3 ;;
  unattended-upgrades) echo 2.8ubuntu1 ;;
  *) exit 1 ;;
esac
"""
SHA256SUM = r"""
# The agent's package is a stand-in: `agent.deb` has the wanted checksum unless it was tampered with.
read -r wanted file || exit 1
if [[ $file == *.deb ]]; then [[ $(<"$file") == "package" ]]; else printf '%s  %s
' "$wanted" "$file" | /usr/bin/sha256sum "$@"; fi
"""
# Time passes only where the script sleeps.
DATE = r"""
[[ $* == +%s ]] && exec cat "$STUBS/now"
exec /bin/date "$@"
"""
SLEEP = r"""
echo $(($(<"$STUBS/now") + $1)) >"$STUBS/now"
"""
QUIET = ("dpkg", "apt-mark", "amazon-cloudwatch-agent-ctl", "chown")


@dataclass(slots=True)
class Machine:
    """One instance of the AI tier; `tags` and `stubs` may be changed before it boots."""

    root: Path
    stubs: Path
    tags: dict[str, str]
    metadata: str
    port: int
    healthy: threading.Event
    start_seconds: int = 0
    """How long the container takes to answer."""
    budget: int = BUDGET
    """Seconds for the boot."""
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def boot(
        self, *, model: bool = True, roles: str = "ai", stack: str = "prod", tier: str = "ai"
    ) -> subprocess.CompletedProcess[str]:
        """Run the whole script as cloud-init would."""
        variables = BootVariables(
            stack=stack,
            tier=tier,
            roles=roles,
            aws_region="ap-northeast-1",
            port=self.port,
            health_path="/healthz",
            boot_budget_seconds=self.budget,
            namespace=host_namespace(stack),
            log_group="/sportcoach/prod/ai",
            security_log_group="/sportcoach/prod/ai/security",
            config_path="/sportcoach/prod/config",
            secret_names="sportcoach/prod/database",
            metrics_url="https://aps-workspaces.ap-northeast-1.amazonaws.com/workspaces/ws-1/",
            model_bucket="sportcoach-platform-models" if model else "",
            model_prefix="models/",
            model_file="model.bin",
        )
        script = self.root / "user-data"
        script.write_text(render(variables), encoding="utf-8")
        script.chmod(0o700)
        return self.run(str(script))

    def reboot(self) -> subprocess.CompletedProcess[str]:
        """What cloud-init runs at every later boot; /run is empty."""
        shutil.rmtree(self.root / "run")
        return self.run(str(self.root / "var/lib/cloud/scripts/per-boot/sportcoach"))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the machine."""
        environment = {
            "PATH": f"{self.stubs}:{os.environ['PATH']}",
            "STUBS": str(self.stubs),
            "REAL_CURL": _which("curl"),
            "IMDS_ENDPOINT": self.metadata,
            "SPORTCOACH_ROOT": str(self.root),
        }
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False, umask=0o077
        )

    def calls(self, command: str) -> list[str]:
        """How a stub was called, in order."""
        record = self.stubs / f"{command}.calls"
        return record.read_text(encoding="utf-8").splitlines() if record.exists() else []

    @property
    def now(self) -> int:
        """Seconds since the machine was made."""
        return int((self.stubs / "now").read_text(encoding="utf-8"))

    @property
    def answers(self) -> bool:
        """Whether the container runs and had the time it takes to start."""
        if not self.running or not self.healthy.is_set():
            return False
        started = int((self.stubs / "running").read_text(encoding="utf-8"))
        return self.now - started >= self.start_seconds

    @property
    def running(self) -> bool:
        return (self.stubs / "running").exists()


def _which(command: str) -> str:
    return subprocess.run(["which", command], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def machine(place: Path) -> Iterator[Machine]:
    """A machine below `place`; its two servers are closed at the end."""
    root, stubs = place / "root", place / "stubs"
    root.mkdir()
    stubs.mkdir()
    bodies = {"aws": AWS, "docker": DOCKER, "curl": CURL, "systemctl": SYSTEMCTL, "apt-get": APT}
    bodies |= {"dpkg-query": DPKG_QUERY, "sha256sum": SHA256SUM}
    bodies |= {"date": DATE, "sleep": SLEEP}
    bodies |= dict.fromkeys(QUIET, "exit 0")
    for command, body in bodies.items():
        stub = stubs / command
        stub.write_text(f'#!/bin/bash\necho "$*" >>"$STUBS/{command}.calls"\n{body}\n', encoding="utf-8")
        stub.chmod(0o700)
    (stubs / "model").write_bytes(MODEL)
    (stubs / "now").write_text("0")
    (stubs / "agent.deb").write_text("package")
    (stubs / "lifecycle").write_text("Pending:Wait\n")
    healthy = threading.Event()
    healthy.set()
    made = Machine(root=root, stubs=stubs, tags=dict(TAGS), metadata="", port=0, healthy=healthy)
    with _serving(_metadata(made)) as metadata, _serving(_container(made)) as container:
        made.metadata = f"http://127.0.0.1:{metadata}"
        made.port = container
        yield made


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        pass

    def answer(self, status: int, text: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _metadata(made: Machine) -> type[BaseHTTPRequestHandler]:
    """IMDSv2: a token by PUT, and nothing without it."""

    class Metadata(_Handler):
        def do_PUT(self) -> None:  # the name that the base class calls
            made.requests.append((self.path, dict(self.headers)))
            self.answer(200, "token-of-imds")

        def do_GET(self) -> None:  # as above
            made.requests.append((self.path, dict(self.headers)))
            if self.headers.get("X-aws-ec2-metadata-token") != "token-of-imds":
                self.answer(401)
                return
            known = {"instance-id": "i-0123456789abcdef0"}
            known |= {f"tags/instance/{key}": value for key, value in made.tags.items()}
            value = known.get(self.path.removeprefix("/latest/meta-data/"))
            self.answer(404) if value is None else self.answer(200, value)

    return Metadata


def _container(made: Machine) -> type[BaseHTTPRequestHandler]:
    class Container(_Handler):
        def do_GET(self) -> None:  # the name that the base class calls
            up = made.answers and self.path == "/healthz"
            self.answer(200 if up else 503)

    return Container
