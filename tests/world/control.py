"""A control server in this process, for whatever speaks to it over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bluegreen.lab.api.control import ControlServer
from bluegreen.lab.cloud.settings import HealthSource, Settings

AT_ONCE = Settings(health=HealthSource.REPORTED, pending_seconds=0.0, boot_seconds=0.0, database_seconds=0.0)


@contextmanager
def control_server(state_dir: Path, settings: Settings = AT_ONCE) -> Iterator[ControlServer]:
    """The control plane alone: no instance has a process. It must end when asked to, and leave no port."""
    made = ControlServer(settings, port=0, state_dir=state_dir, launch=False)
    thread = threading.Thread(target=made.serve)
    thread.start()
    while not (state_dir / "control.port").exists():
        time.sleep(0.01)
    try:
        yield made
    finally:
        httpx.post(f"{made.url}/_lab/shutdown")
        thread.join(60)
    assert not thread.is_alive()
    assert not (state_dir / "control.port").exists()
