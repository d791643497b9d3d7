"""The rollout policy of a lab: deploy.toml and its golden set, written beside the lab's state."""

from __future__ import annotations

import json
from pathlib import Path

from bluegreen.lab.app.classifier import golden_rows

_GOLDEN_QUESTIONS = 200

_TESTS = """
[golden]
file = "golden.jsonl"
path = "/ai/classify"
minimum = 100

[[smoke]]
name = "home page"
tier = "web"
steps = [{ path = "/", text = "SportCoach" }]

[[smoke]]
name = "login"
tier = "app"
steps = [{ method = "POST", path = "/api/login", body = "{}", save = { token = "token" } }]

[[smoke]]
name = "classification"
tier = "ai"
steps = [{ path = "/ai/classify?input=run", json = { label = "running" } }]
"""

_QUICK = """\
# The rollout policy of a lab whose metrics come every second: minutes become seconds, the rules stay.
[rollout]
ramp = ["25%", "50%"]
bake = "6s"
min_bake = "4s"
extension = "2m"
final_bake = "4s"
dwell = "1s"
tick = "500ms"

[judge]
period = "1s"
settle = "2s"
burst = "1s"
cold_start = "2s"
latency_floor = "1ms" # the lab answers in milliseconds, and slower ones must be found all the same

[health]
deadline = "60s"
poll = "500ms"

[probes]
interval = "2s"

[backup]
snapshot = false

[retire]
quiet = "2s"
deadline = "60s"

[lease]
ttl = "30s"
patience = "30s"
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


def write_policy(place: Path, *, realistic: bool) -> Path:
    """Write deploy.toml and golden.jsonl into the directory `place`; the path of the former."""
    place.mkdir(parents=True, exist_ok=True)
    rows = golden_rows(_GOLDEN_QUESTIONS)
    golden = "".join(f"{json.dumps(row)}\n" for row in rows)
    (place / "golden.jsonl").write_text(golden, encoding="utf-8")
    policy = place / "deploy.toml"
    policy.write_text((_REALISTIC if realistic else _QUICK) + _TESTS, encoding="utf-8")
    return policy
