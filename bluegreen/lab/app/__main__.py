"""`python -m bluegreen.lab.app`: one emulated instance."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.neighbour import Neighbour
from bluegreen.lab.app.routes import RowStore
from bluegreen.lab.app.server import serving
from bluegreen.lab.process import raise_file_limit, until_stopped, write_port


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bluegreen.lab.app", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--parent-pid", type=int, help="exit when this process is gone")
    parser.add_argument("--tier", required=True, choices=("web", "app", "ai"))
    parser.add_argument("--version", required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--health-path", default="/healthz")
    parser.add_argument("--version-path", default="/version")
    parser.add_argument("--model")
    parser.add_argument("--errors", type=float, default=0.0, help="share of requests answered 500")
    parser.add_argument("--latency-factor", type=float, default=1.0)
    parser.add_argument("--latency-ms", type=float, default=4.0, help="median service time before the factor")
    parser.add_argument("--accuracy", type=float, default=0.9)
    parser.add_argument("--broken", action="append", default=[], metavar="PATH")
    parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="of the metrics")
    parser.add_argument("--database-file", type=Path, help="holds the URL of the database")
    parser.add_argument("--internal-url", help="where other tiers are asked")
    parser.add_argument("--unhealthy", action="store_true")
    return parser.parse_args()


def _release(given: argparse.Namespace) -> Release:
    return Release(
        tier=given.tier,
        version=given.version,
        instance=given.instance,
        health_path=given.health_path,
        version_path=given.version_path,
        model=given.model,
        errors=given.errors,
        latency_factor=given.latency_factor,
        accuracy=given.accuracy,
        broken=tuple(given.broken),
        healthy=not given.unhealthy,
        latency_seconds=given.latency_ms / 1000,
        labels=dict(one.split("=", 1) for one in given.label),
    )


async def _run(given: argparse.Namespace) -> None:
    advisor = Neighbour(given.internal_url) if given.internal_url else None
    async with (
        _rows(given) as rows,
        serving(_release(given), port=given.port, rows=rows, advisor=advisor) as (_, port),
    ):
        write_port(given.port_file, port)
        await until_stopped(given.parent_pid)


@asynccontextmanager
async def _rows(given: argparse.Namespace) -> AsyncIterator[RowStore | None]:
    """The rows of an instance that has a database; what connects to it does so beside the requests."""
    if given.database_file is None:
        yield None
        return
    # Here, because the other instances need no client library.
    from bluegreen.lab.app.rows import Rows  # noqa: PLC0415

    rows = Rows(given.database_file.read_text(encoding="utf-8").strip(), given.version)
    await rows.open()
    connecting = asyncio.create_task(rows.connect())
    try:
        yield rows
    finally:
        connecting.cancel()
        rows.close()


if __name__ == "__main__":
    raise_file_limit()
    asyncio.run(_run(_arguments()))
