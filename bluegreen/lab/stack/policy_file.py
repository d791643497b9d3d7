"""The rollout policy of a lab: deploy.toml and its golden set, written beside the lab's state.

A quick lab's durations are all written for stretch 1 and multiplied by the lab's stretch (`lab/machine.py`).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from bluegreen.lab.app.classifier import golden_rows
from bluegreen.lab.machine import STRETCHES
from bluegreen.lab.process import publish

_GOLDEN_QUESTIONS = 200

_PROBE_SECONDS = 5
"""How long an answer to a probe may take at the usual pace."""
_TESTS = """
[golden]
file = "golden.jsonl"
path = "/ai/classify"
minimum = 100

[[smoke]]
name = "home page"
tier = "web"
steps = [{ path = "/", text = "SportCoach", max_latency = MOST }]

[[smoke]]
name = "login"
tier = "app"
steps = [{ method = "POST", path = "/api/login", body = "{}", max_latency = MOST, save = { t = "token" } }]

[[smoke]]
name = "classification"
tier = "ai"
steps = [{ path = "/ai/classify?input=run", json = { label = "running" }, max_latency = MOST }]
"""


def _quick(stretch: int) -> str:
    def seconds(at_usual_pace: float) -> str:
        return f'"{at_usual_pace * stretch:g}s"'

    # CloudWatch knows periods of 1, 5, 10, 20 and 30 s.
    period = max(one for one in (1, 5, 10) if one <= stretch)
    return f"""\
# The rollout policy of a lab whose metrics come every second: minutes become seconds, the rules stay.
[rollout]
ramp = ["25%", "50%"]
bake = {seconds(5)}
min_bake = {seconds(4)}
extension = {seconds(120)}
final_bake = {seconds(3)}
dwell = {seconds(0.5)}
tick = {seconds(0.5)}

[judge]
period = "{period}s"
settle = {seconds(2)}
burst = {seconds(1)}
cold_start = {seconds(2)}
latency_floor = "1ms" # the lab answers in milliseconds, and slower ones must be found all the same

[health]
deadline = {seconds(60)}
poll = {seconds(0.25)}

[probes]
interval = {seconds(2)}
timeout = {seconds(_PROBE_SECONDS)}

[backup]
snapshot = false

[retire]
quiet = {seconds(1)}
deadline = {seconds(60)}

[lease]
ttl = {seconds(30)}
patience = {seconds(30)}
"""


_REALISTIC = """\
# The rollout policy of a lab at AWS's pace: sc-deploy's defaults, with shorter watches.
[rollout]
ramp = ["25%", "50%"]
bake = "5m"
final_bake = "3m"

[judge]
latency_floor = "1ms" # the lab answers in milliseconds, and slower ones must be found all the same

[backup]
snapshot = false
"""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The deploy.toml of the lab in the directory `place`."""

    place: Path
    realistic: bool

    @property
    def path(self) -> Path:
        return self.place / "deploy.toml"

    def write(self, stretch: int) -> None:
        """Write it and its golden set."""
        self.place.mkdir(parents=True, exist_ok=True)
        golden = "".join(f"{json.dumps(row)}\n" for row in golden_rows(_GOLDEN_QUESTIONS))
        (self.place / "golden.jsonl").write_text(golden, encoding="utf-8")
        self._replace(stretch)

    def stretch(self, stretch: int) -> None:
        """Change its durations, unless a person has changed or removed the file."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.read_text(encoding="utf-8") in map(self._text, STRETCHES):
                self._replace(stretch)

    def _replace(self, stretch: int) -> None:
        # A release that begins just now must not read half of it.
        publish(self.path, self._text(stretch))

    def _text(self, stretch: int) -> str:
        """At AWS's pace nothing is short enough to need more time, but for the probes."""
        tests = _TESTS.replace("MOST", f'"{_PROBE_SECONDS * stretch}s"')
        return (_REALISTIC if self.realistic else _quick(stretch)) + tests
