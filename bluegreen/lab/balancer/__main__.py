"""`python -m bluegreen.lab.balancer`: the load balancer of one lab, Envoy and what connects it to the lab."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path
from urllib.parse import urlsplit

from bluegreen.errors import DeployError
from bluegreen.lab.balancer.envoy import Envoy
from bluegreen.lab.balancer.link import Link
from bluegreen.lab.balancer.timing import Timing
from bluegreen.lab.process import parent_alive, write_port


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bluegreen.lab.balancer", description=__doc__)
    parser.add_argument("--control", required=True, help="URL of the control server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--state-dir", type=Path, required=True, help="Envoy's files and its log")
    parser.add_argument("--parent-pid", type=int, help="exit when this process is gone")
    parser.add_argument("--time-scale", type=float, default=5.0, help="how much faster than AWS times pass")
    return parser.parse_args()


def _run(given: argparse.Namespace) -> None:
    control = urlsplit(given.control)
    if control.hostname != "127.0.0.1" or control.port is None:
        raise SystemExit(f"--control must be http://127.0.0.1:<port>, got {given.control}")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    alive = parent_alive(given.parent_pid)
    envoy = Envoy(given.state_dir, Timing(time_scale=given.time_scale), port=given.port)
    try:
        envoy.wait_until_ready()
        write_port(given.port_file, envoy.port)
        Link(envoy, (control.hostname, control.port)).run(lambda: alive() and not stopped.is_set())
        if not envoy.alive:
            raise DeployError("Envoy has ended by itself", next_step=f"see {given.state_dir}")
    finally:
        envoy.stop()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    try:
        _run(_arguments())
    except DeployError as error:
        raise SystemExit(str(error).replace("\n", "; ")) from error
