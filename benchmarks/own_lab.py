"""A lab that a benchmark has to itself, in a directory that goes with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bluegreen.lab import lifecycle
from bluegreen.lab.lifecycle import LabInfo


@contextmanager
def own_lab(name: str) -> Iterator[LabInfo]:
    """A lab that ends when this does, or with this process; `name` is in its directory's name."""
    with tempfile.TemporaryDirectory(prefix=f"sc-deploy-{name}-") as place:
        info = lifecycle.up(Path(place), owner_pid=os.getpid())
        try:
            yield info
        finally:
            lifecycle.down(Path(place))
