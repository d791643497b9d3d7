"""`python -m bluegreen.lab.balancer`: the load balancer of one lab."""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

from bluegreen.lab.balancer.plane import Timing, balancing
from bluegreen.lab.process import raise_file_limit, until_stopped, write_port


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bluegreen.lab.balancer", description=__doc__)
    parser.add_argument("--control", required=True, help="URL of the control server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--parent-pid", type=int, help="exit when this process is gone")
    parser.add_argument("--time-scale", type=float, default=5.0, help="how much faster than AWS times pass")
    return parser.parse_args()


async def _run(given: argparse.Namespace) -> None:
    control = urlsplit(given.control)
    if control.hostname != "127.0.0.1" or control.port is None:
        raise SystemExit(f"--control must be http://127.0.0.1:<port>, got {given.control}")
    address = (control.hostname, control.port)
    async with balancing(address, Timing.scaled(given.time_scale), port=given.port) as plane:
        write_port(given.port_file, plane.port)
        await until_stopped(given.parent_pid)


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    raise_file_limit()
    asyncio.run(_run(_arguments()))
