"""A load in a process of its own, so that neither side slows the other down."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from bluegreen.errors import DeployError
from bluegreen.lab.load.finding import CONNECTIONS, SECONDS
from bluegreen.lab.starting import Child, Process, end, module, record

LOAD = "load"
"""How the names of a load's files begin."""
TRAFFIC = ("/=1", "/api/sessions=1", "/ai/classify?input=run=1")
"""A request to each tier in turn."""
WRITES = 0.03
"""Share of writes of a load on a lab that has a database."""


def command(
    url: str,
    *,
    rate: float,
    connections: int,
    seconds: float,
    out: Path | None = None,
    traffic: Sequence[str] = TRAFFIC,
    writes: float = 0.0,
) -> list[str]:
    """The command line of a load; it ends by itself after `seconds`."""
    words = module("load", "--url", url)
    words += ["--rate", f"{rate:g}", "--connections", str(connections), "--seconds", f"{seconds:g}"]
    for one in traffic:
        words += ["--traffic", one]
    words += ["--writes", f"{writes:g}"]
    return [*words, *(("--out", str(out)) if out else ())]


def carried(url: str) -> float:
    """Requests per second that this machine answers at most, found out in 2 s; raises DeployError."""
    words = [*command(url, rate=1, connections=CONNECTIONS, seconds=SECONDS), "--find"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        return float(json.loads(done.stdout)["carried"])
    except (ValueError, KeyError) as error:
        why = done.stderr.strip().splitlines()[-1:]
        raise DeployError(f"the load could not reach {url}: {why[0] if why else error}") from error


def attend(words: list[str], place: Path) -> int:
    """Run a load in the foreground; its exit code.

    It ends with this process, however that ends, and is recorded in `place`, so that it ends with the lab.
    """
    with subprocess.Popen([*words, "--parent-pid", str(os.getpid())]) as running:
        record(place / f"{LOAD}-{running.pid}.pid", Process.of(running.pid))
        return running.wait()


class LoadProcess:
    """A running load that writes its figures into the directory `place`."""

    def __init__(
        self,
        url: str,
        place: Path,
        *,
        rate: float,
        connections: int,
        seconds: float,
        writes: float = 0.0,
        traffic: Sequence[str] = TRAFFIC,
    ) -> None:
        self._place, self._out = place, place / f"{LOAD}.jsonl"
        words = command(
            url,
            rate=rate,
            connections=connections,
            seconds=seconds,
            out=self._out,
            traffic=traffic,
            writes=writes,
        )
        words += ["--parent-pid", str(os.getpid())]
        self._child = Child.start(words, log=place / f"{LOAD}.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop it; harmless once it has ended."""
        end(self._child)

    def figures(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """End it: (each second, the report), as `tally` has them; raises DeployError without a report."""
        self.end()
        advice = f"see {self._place}"
        try:
            documents = [json.loads(line) for line in self._out.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise DeployError(f"the load wrote no results: {error}", next_step=advice) from error
        reports = [one for one in documents if one["kind"] == "report"]
        if not reports:
            raise DeployError("the load ended without a report", next_step=advice)
        return [one for one in documents if one["kind"] == "second"], reports[-1]
