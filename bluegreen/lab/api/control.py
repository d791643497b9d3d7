"""The control server: the AWS API of the lab over HTTP, on 127.0.0.1 only.

    python -m bluegreen.lab.api.control --port 0 --state-dir DIR [--realistic] [--throttling] [--stretch N]

Whatever speaks AWS (boto3, the `aws` command, another SDK) reaches it through AWS_ENDPOINT_URL.
Modelled operations go to the simulated cloud, the rest to moto. The port is written to
DIR/control.port once the server answers.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from werkzeug.datastructures import Headers, MultiDict
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request as HttpRequest

from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.api.moto_backend import LOCK, QuietHandler, application
from bluegreen.lab.api.protocol import Answer, NotAwsCall, Request, failure, recognise, success
from bluegreen.lab.api.refusals import UNSIGNED, broken, is_page, unknown
from bluegreen.lab.api.side_api import SideApi
from bluegreen.lab.cloud.clock import SystemClock
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.rds.servers import Servers
from bluegreen.lab.cloud.settings import HealthSource, Settings
from bluegreen.lab.faults import Effect, Fault, FaultPlan, When, error_of
from bluegreen.lab.instances.supervisor import AppLauncher, Supervisor
from bluegreen.lab.machine import STRETCHES, Gauge, Late, follow
from bluegreen.lab.process import parent_alive, write_port
from bluegreen.lab.stack.policy_file import PolicyFile

_TICK_SECONDS = 0.1
_LEAKS = ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

_StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class ControlApp:
    """The WSGI application: side API, faults, simulated cloud, moto."""

    def __init__(self, cloud: Cloud, faults: FaultPlan, side_api: SideApi) -> None:
        self._cloud = cloud
        self._faults = faults
        self._side_api = side_api
        self._moto = application()

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        http = HttpRequest(environ)
        if http.path.startswith("/_lab/"):
            body = http.get_data(cache=True)
            return _send(self._side_api.answer(http.method, http.path, http.args, body), start_response)
        # Read whole, so that the body is there for moto too.
        body = http.get_data(cache=True, parse_form_data=False)
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            request = recognise(
                method=http.method,
                path=http.path,
                headers=Headers(http.headers),
                query=MultiDict(http.args),
                body=body,
            )
        except NotAwsCall:
            return self._unsigned(environ, start_response)
        return self._call(request, environ, start_response)

    def _call(
        self, request: Request, environ: dict[str, Any], start_response: _StartResponse
    ) -> Iterable[bytes]:
        if request.access_key.startswith("AKIA"):
            refusal = CloudError(
                "UnrecognizedClientException", "the lab does not accept real credentials", 403
            )
            return _send(failure(request, refusal), start_response)
        fault = self._faults.strike(request.service_id, request.operation)
        if fault is not None and fault.when is When.BEFORE:
            refused = _suffer(fault, request)
            if refused is not None:
                return _send(refused, start_response)
        lost = fault if fault is not None and fault.when is When.AFTER else None
        if request.invented:
            return _send(unknown(request), start_response)
        if not self._cloud.handles(request.service_id, request.operation):
            return self._from_moto(request, environ, start_response, lost)
        answer = self._from_cloud(request)
        return _send(_after(lost, request) or answer, start_response)

    def _from_cloud(self, request: Request) -> Answer:
        if not self._cloud.models(request.service_id, request.operation):
            return unknown(request)
        try:
            return success(request, self._cloud.call(request.service_id, request.operation, request.params()))
        except CloudError as error:
            return failure(request, error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the client must be able to read it
            return broken(request, error)

    def _from_moto(
        self,
        request: Request,
        environ: dict[str, Any],
        start_response: _StartResponse,
        lost: Fault | None,
    ) -> Iterable[bytes]:
        try:
            status, headers, body = self._by_moto(environ)
        except Exception as error:  # noqa: BLE001  # moto raises what it likes
            return _send(broken(request, error), start_response)
        answer = _after(lost, request)
        if answer is None and is_page(status, body):
            answer = unknown(request)
        if answer is not None:
            return _send(answer, start_response)
        start_response(status, headers)
        return body

    def _unsigned(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        try:
            status, headers, body = self._by_moto(environ)
        except Exception:  # noqa: BLE001  # as above
            return _send(UNSIGNED, start_response)
        if is_page(status, body):
            return _send(UNSIGNED, start_response)
        start_response(status, headers)
        return body

    def _by_moto(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], list[bytes]]:
        held: list[tuple[str, list[tuple[str, str]]]] = []
        with LOCK:
            # As a list: the body is made under the lock, not while it is sent.
            body = list(self._moto(environ, lambda status, headers, *_: held.append((status, headers))))
        return *held[-1], body


def _after(fault: Fault | None, request: Request) -> Answer | None:
    return _suffer(fault, request) if fault is not None else None


def _suffer(fault: Fault, request: Request) -> Answer | None:
    """Let the fault strike, outside every lock; the answer it forces, None to continue."""
    if fault.effect in (Effect.LATENCY, Effect.TIMEOUT):
        sleep(fault.seconds)
    if fault.effect is Effect.LATENCY:
        return None
    if fault.effect in (Effect.TIMEOUT, Effect.DROP, Effect.CRASH):
        # werkzeug closes the connection without an answer for a ConnectionError alone.
        raise ConnectionAbortedError(f"injected: {fault.effect.value} {request.service} {request.operation}")
    return failure(request, error_of(fault, request.service_id))


def _send(answer: Answer, start_response: _StartResponse) -> Iterable[bytes]:
    headers = [(name, str(value)) for name, value in answer.headers.items()]
    headers.append(("Content-Length", str(len(answer.body))))
    start_response(f"{answer.status} {'OK' if answer.status < 400 else 'Error'}", headers)
    return [answer.body]


class ControlServer:
    """The server with the cloud behind it; `serve` blocks, `stop` may be called from anywhere."""

    def __init__(
        self,
        settings: Settings,
        *,
        port: int,
        state_dir: Path,
        launch: bool = True,
        parent_pid: int | None = None,
        servers: Servers | None = None,
        gauge: Gauge | None = None,
        policy: PolicyFile | None = None,
    ) -> None:
        self.cloud = Cloud(SystemClock(), settings, servers=servers)
        self.faults = FaultPlan()
        self.gauge, self._policy = gauge or Gauge(1), policy
        self.cloud.slow(self.gauge.stretch)
        self.supervisor = (
            Supervisor(self.cloud, AppLauncher(connect(self.cloud), state_dir), gauge=self.gauge)
            if launch
            else None
        )
        side_api = SideApi(
            cloud=self.cloud,
            faults=self.faults,
            gauge=self.gauge,
            processes=self.supervisor.pids if self.supervisor else dict,
            stop=self.stop,
        )
        app = ControlApp(self.cloud, self.faults, side_api)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, app, threaded=True, request_handler=QuietHandler
        )
        self._stopping = threading.Event()
        self._port_file = state_dir / "control.port"
        self._wanted = parent_alive(parent_pid)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Answer until `stop`; every process of the lab's instances has ended on return."""
        serving = threading.Thread(target=self._server.serve_forever, daemon=True)
        serving.start()
        following = threading.Thread(
            target=follow, args=(self.gauge, self._slow, self._stopping), daemon=True
        )
        following.start()
        write_port(self._port_file, self.port)
        try:
            while self._wanted() and not self._ticked():
                self.cloud.advance()
                if self.supervisor:
                    self.supervisor.tick()
        finally:
            self._port_file.unlink(missing_ok=True)
            if self.supervisor:
                self.supervisor.stop()
            self._stopping.set()
            self._server.shutdown()
            serving.join()
            following.join()
            self.cloud.databases.servers.close()
            self._server.server_close()

    def _ticked(self) -> bool:
        """Wait for the next tick and note how late it came; True once the server has to stop."""
        due = monotonic() + _TICK_SECONDS
        stopped = self._stopping.wait(_TICK_SECONDS)
        if not stopped:
            self.gauge.late(Late.TIMER, monotonic() - due)
        return stopped

    def _slow(self) -> None:
        """The machine is another one now: so are the times of the cloud, and of the next release."""
        self.cloud.slow(self.gauge.stretch)
        if self._policy is not None:
            self._policy.stretch(self.gauge.stretch)

    def stop(self) -> None:
        self._stopping.set()


def _servers(state_dir: Path) -> Servers:
    # Here, because the client library is missing where the database is.
    from bluegreen.lab.database.servers import PostgresServers  # noqa: PLC0415

    return PostgresServers(state_dir)


def _isolate_environment(settings: Settings) -> None:
    """Nothing of the caller's account, profile or proxy may reach what runs here."""
    for name in [*_LEAKS, *_PROXIES, *(name.lower() for name in _PROXIES)]:
        os.environ.pop(name, None)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def main(argv: list[str] | None = None) -> None:
    """Run the control server until SIGINT, SIGTERM or `POST /_lab/shutdown`."""
    parser = argparse.ArgumentParser(prog="python -m bluegreen.lab.api.control", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--region", default=Settings().region)
    parser.add_argument("--realistic", action="store_true", help="boot, propagate and measure at AWS's pace")
    parser.add_argument("--throttling", action="store_true", help="refuse calls beyond AWS's token buckets")
    parser.add_argument("--database", action="store_true", help="PostgreSQL behind the emulated RDS")
    parser.add_argument("--seed", type=int, default=1, help="of the boot times that are drawn")
    parser.add_argument("--parent-pid", type=int, help="exit when this process is gone")
    parser.add_argument(
        "--stretch", type=int, choices=STRETCHES, default=1, help="of every duration, at first"
    )
    arguments = parser.parse_args(argv)
    settings = Settings(
        health=HealthSource.REPORTED, region=arguments.region, boot_seconds=0.2, boot_spread_seconds=0.6
    )
    if arguments.realistic:
        settings = settings.realistic()
    settings = replace(settings, throttling=arguments.throttling or settings.throttling, seed=arguments.seed)
    _isolate_environment(settings)
    arguments.state_dir.mkdir(parents=True, exist_ok=True)
    server = ControlServer(
        settings,
        port=arguments.port,
        state_dir=arguments.state_dir,
        parent_pid=arguments.parent_pid,
        servers=_servers(arguments.state_dir) if arguments.database else None,
        gauge=Gauge(arguments.stretch),
        policy=PolicyFile(arguments.state_dir, realistic=arguments.realistic),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"{server.url}", flush=True)  # noqa: T201  # the one line a caller waits for
    server.serve()


if __name__ == "__main__":
    main()
