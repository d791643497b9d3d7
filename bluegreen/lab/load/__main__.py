"""`python -m bluegreen.lab.load`: a bounded load as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from bluegreen.errors import ConfigError
from bluegreen.lab.load.finding import carried
from bluegreen.lab.load.generator import Load
from bluegreen.lab.load.settings import Settings, Traffic
from bluegreen.lab.process import parent_alive, raise_file_limit

_PARENT_SECONDS = 1.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bluegreen.lab.load", description=__doc__)
    parser.add_argument("--url", required=True, help="http://127.0.0.1:<port>")
    parser.add_argument("--rate", type=float, default=500.0, help="requests per second")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--count", type=int, help="most requests (default: rate x seconds)")
    parser.add_argument("--timeout", type=float, default=30.0)
    parser.add_argument(
        "--traffic",
        action="append",
        type=_traffic,
        metavar="[METHOD ]PATH[=WEIGHT]",
        help="repeatable; default: / alone",
    )
    parser.add_argument("--writes", type=float, default=0.0, help="share of requests that write, 0 to 1")
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    parser.add_argument("--find", action="store_true", help="tell the rate that this machine carries")
    parser.add_argument("--out", type=Path, help="JSON lines: one per second, the report last")
    return parser.parse_args()


def _traffic(text: str) -> Traffic:
    """`/api/sessions=3`, `POST /api/login=1`, `/search?q=run`."""
    method, _, rest = text.rpartition(" ")
    path, _, weight = rest.rpartition("=")
    if path and weight.isdecimal():
        return Traffic(method=method or "GET", path=path, weight=int(weight))
    return Traffic(method=method or "GET", path=rest)


async def _find(settings: Settings) -> None:
    sys.stdout.write(json.dumps({"kind": "rate", "carried": round(await carried(settings), 1)}) + "\n")


async def _run(settings: Settings, out: Any, parent_pid: int | None) -> None:
    def write(document: dict[str, Any]) -> None:
        out.write(json.dumps(document, separators=(",", ":")) + "\n")
        out.flush()

    load = Load(settings, on_second=lambda second: write(second.document()))
    loop = asyncio.get_running_loop()

    def stopped(name: str) -> None:
        sys.stderr.write(f"{name}: the load stops before its end\n")
        load.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped, number.name)
    watching = asyncio.create_task(_end_with(load, parent_pid))
    write((await load.run()).document())
    watching.cancel()


async def _end_with(load: Load, parent_pid: int | None) -> None:
    alive = parent_alive(parent_pid)
    while alive():  # noqa: ASYNC110  # the end of another process has no event
        await asyncio.sleep(_PARENT_SECONDS)
    load.stop()


def _main() -> None:
    given = _arguments()
    raise_file_limit()
    try:
        settings = Settings(
            url=given.url,
            rate=given.rate,
            connections=given.connections,
            seconds=given.seconds,
            count=given.count,
            timeout=given.timeout,
            traffic=tuple(given.traffic or (Traffic(path="/"),)),
            writes=given.writes,
        )
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(int(error.exit_code)) from error
    if given.find:
        asyncio.run(_find(settings))
        return
    if given.out is None:
        asyncio.run(_run(settings, sys.stdout, given.parent_pid))
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", encoding="utf-8") as out:
        asyncio.run(_run(settings, out, given.parent_pid))


if __name__ == "__main__":
    _main()
