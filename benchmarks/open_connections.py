"""WebSockets and long requests across a cutover: none is cut before its fleet's drain has ended.

Starts a lab of its own and releases v1.0.0. When v1.1.0 gets its first weight, 200 WebSockets and 50 requests
of 30 s are begun; each WebSocket says something every two seconds and wants it back. The promotion goes on
to the end of blue. What was open on green stays open; what was open on blue ends by itself, or when the
deregistration delay is over. Prints what became of each kind; ends with 1 where one was cut early.

    python -m benchmarks.open_connections [--sockets 200] [--requests 50]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bluegreen.lab import lifecycle
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.load.child import LoadProcess
from tools.commands import Done, sc_deploy

SECONDS = 30
DRAIN_SECONDS = 5
"""The deregistration delay in the lab's contract; a lab that slows its clock takes longer."""
_SAYS_SECONDS = 2.0
_HELLO = b"\x81\x82" + bytes(4) + b"hi"
_HEARD = b"\x81\x02hi"
_UPGRADE = (
    b"GET /socket HTTP/1.1\r\nhost: lab\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: bGFi\r\n\r\n"
)


@dataclass(slots=True)
class Open:
    """What became of the connections."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The promotion has ended: whoever is still open may close."""
    cut_at: dict[str, list[float]] = field(default_factory=lambda: {"sockets": [], "requests": []})
    """Epoch seconds at which the other side ended one, by kind."""
    whole: Counter[str] = field(default_factory=Counter)
    """Those that ended by themselves or lived on."""


async def socket(address: tuple[str, int], seen: Open) -> None:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(_UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        while not seen.over.is_set():
            writer.write(_HELLO)
            if await reader.readexactly(len(_HEARD)) != _HEARD:
                raise ConnectionError("something else came back")
            await asyncio.sleep(_SAYS_SECONDS)
        seen.whole["sockets"] += 1
    except (OSError, asyncio.IncompleteReadError):
        seen.cut_at["sockets"].append(time.time())
    finally:
        writer.close()


async def request(address: tuple[str, int], seen: Open) -> None:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(b"GET /slow?seconds=%d HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n" % SECONDS)
        told = await reader.read(-1)
        if told.startswith(b"HTTP/1.1 200 "):
            seen.whole["requests"] += 1
        else:
            seen.cut_at["requests"].append(time.time())
    except OSError:
        seen.cut_at["requests"].append(time.time())
    finally:
        writer.close()


async def watched(info: LabInfo, sockets: int, requests: int) -> tuple[Open, Done]:
    """Promote v1.1.0, and open the connections when its first share is watched."""
    split = urlsplit(info.front_url)
    address = split.hostname or "", split.port or 0
    seen, begin = Open(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_event(event: Mapping[str, Any]) -> None:
        if str(event.get("stage", "")).startswith("judge"):
            loop.call_soon_threadsafe(begin.set)

    promoting = asyncio.create_task(
        asyncio.to_thread(sc_deploy, info, "promote", "v1.1.0", "--yes", on_event=on_event)
    )
    waiting = asyncio.create_task(begin.wait())
    await asyncio.wait({promoting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    opened = [asyncio.create_task(socket(address, seen)) for _ in range(sockets)]
    opened += [asyncio.create_task(request(address, seen)) for _ in range(requests)]
    done = await promoting
    seen.over.set()
    await asyncio.gather(*opened)
    return seen, done


def drain_over(done: Done) -> float:
    """When the first drain of the promotion can have ended (epoch seconds)."""
    began = [one["at"] for one in done.events if str(one.get("stage", "")).startswith("retire")]
    if not began:
        raise SystemExit(f"the promotion ended with {done.code} before it retired anything:\n{done.stderr}")
    return datetime.fromisoformat(min(began)).timestamp() + DRAIN_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--requests", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sc-deploy-open-") as place:
        info = lifecycle.up(Path(place), owner_pid=os.getpid())
        try:
            sc_deploy(info, "promote", "v1.0.0", "--yes")
            # Without traffic nothing passes.
            with LoadProcess(info.front_url, info.state_dir, rate=300, connections=50, seconds=600):
                seen, done = asyncio.run(watched(info, given.sockets, given.requests))
        finally:
            lifecycle.down(Path(place))
    over = drain_over(done)
    early = 0
    for kind, asked in (("sockets", given.sockets), ("requests", given.requests)):
        cut = [at for at in seen.cut_at[kind] if at < over]
        early += len(cut) + (asked - seen.whole[kind] - len(seen.cut_at[kind]))
        drained = len(seen.cut_at[kind]) - len(cut)
        became = f"{seen.whole[kind]} whole, {drained} ended by the drain, {len(cut)} cut early"
        print(f"{kind:9} {asked:4}: {became}")
    sys.exit(1 if early or done.code else 0)


if __name__ == "__main__":
    main()
