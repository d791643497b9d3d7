"""A control server in this process, for whatever speaks to it over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bluegreen.lab.api.control import ControlServer
from bluegreen.lab.cloud.settings import HealthSource, Settings


@contextmanager
def control_server(state_dir: Path) -> Iterator[ControlServer]:
    """The control plane alone: no instance has a process."""
    settings = Settings(
        health=HealthSource.REPORTED, pending_seconds=0.0, boot_seconds=0.0, database_seconds=0.0
    )
    made = ControlServer(settings, port=0, state_dir=state_dir, launch=False)
    thread = threading.Thread(target=made.serve)
    thread.start()
    while not (state_dir / "control.port").exists():
        time.sleep(0.01)
    try:
        yield made
    finally:
        made.stop()
        thread.join(60)
