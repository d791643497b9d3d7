"""What of the database exists, kept in the lab's directory: whoever finds it can stop and remove it."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from bluegreen.files import read_text
from bluegreen.lab.process import publish
from bluegreen.lab.starting import Process, end

PLACE_PREFIX = "sc-deploy-lab-database-"
"""Of the names of the directories for data, and of nothing else that is ever removed here."""
_PATIENCE_SECONDS = 10.0


class Record:
    """The file `database.json`: the directory of the data, and every server that may run."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "database.json"

    def write(self, place: Path, servers: Iterable[Process]) -> None:
        """Called before a server is waited for, and again when one has ended."""
        publish(self._path, json.dumps({"place": str(place), "servers": [asdict(one) for one in servers]}))

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def clear(self) -> bool:
        """Stop what a lab that was killed has left running, and remove its data; whether there was any."""
        try:
            document = json.loads(read_text(self._path))
            place, servers = Path(document["place"]), [Process(**one) for one in document["servers"]]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        for server in servers:
            stop(server)
        erase(place)
        self.remove()
        return True


def erase(directory: Path) -> None:
    """Remove a directory for data, or one inside; any other path is left alone, whoever names it."""
    real = directory.resolve()
    if any(one.name.startswith(PLACE_PREFIX) for one in (real, *real.parents)):
        shutil.rmtree(real, ignore_errors=True)


def stop(server: Process) -> None:
    """End a server as quickly as its data allow, later at once; its children follow it by themselves.

    PostgreSQL's own meaning of SIGINT: clients are disconnected. At SIGTERM it would wait for them.
    """
    end(server, asking=signal.SIGINT, patience=_PATIENCE_SECONDS)
