"""deploy.toml, typed: how a release is rolled out, judged and taken back, per stack.

Top-level tables are the defaults; `[stacks.<name>.<table>]` overrides single keys for one stack.
Durations carry a unit ("90s", "5m", "1h30m"), shares a percent sign ("1%"); a bare number is
refused because 30 and 0.3 mean different things to different readers. Inside the program durations
are seconds and shares are fractions of one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bluegreen.contract import Tier, faults_of
from bluegreen.errors import ConfigError, Fault

__all__ = [
    "Backup",
    "Freeze",
    "GoldenRow",
    "GoldenSet",
    "Health",
    "Judging",
    "Lease",
    "Migration",
    "Policy",
    "Probes",
    "Retire",
    "Rollout",
    "SmokeStep",
    "SmokeTest",
    "load_policy",
    "parse_policy",
]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def _seconds(value: object) -> object:
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if parts and "".join(n + u for n, u in parts) == value:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
    raise ValueError('a duration needs a unit: "500ms", "90s", "5m", "1h30m"')


def _fraction(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?%", value):
        return round(float(value[:-1]) / 100, 8)
    raise ValueError('a share needs a percent sign: "1%", "0.5%"')


def _percent(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d+%", value):
        return int(value[:-1])
    raise ValueError('a weight is a whole percentage: "5%"')


Duration = Annotated[
    float, BeforeValidator(lambda v: v if isinstance(v, float) else _seconds(v)), Field(ge=0)
]
Fraction = Annotated[
    float, BeforeValidator(lambda v: v if isinstance(v, float) else _fraction(v)), Field(ge=0)
]
RampPercent = Annotated[
    int, BeforeValidator(lambda v: v if isinstance(v, int) else _percent(v)), Field(ge=1, le=99)
]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class Rollout(_Table):
    """The ramp: which share of the traffic green gets, and for how long each step is watched."""

    ramp: tuple[RampPercent, ...] = (5, 25, 50, 95)
    """Green's share at each step before 100 %; the last one keeps blue as the control."""
    bake: Duration = 300.0
    """Planned watch at each ramp step."""
    min_bake: Duration = 120.0
    """A step never ends sooner, however good the evidence."""
    extension: Duration = 900.0
    """An undecided step is watched this much longer, then the operator is asked."""
    final_bake: Duration = 300.0
    """Watch at 100 %, before blue is retired."""
    dwell: Duration = 60.0
    """Time a rule change may take to reach every balancer node; AWS publishes no bound."""
    shorten: bool = False
    """End a step early when every metric has passed; off, because late defects then meet more users."""
    tick: Duration = 15.0
    """How often a step is judged."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.ramp) != sorted(set(self.ramp)):
            raise ValueError(f"ramp must rise, got {list(self.ramp)}")
        if self.min_bake > self.bake:
            raise ValueError(f"min_bake {self.min_bake:g}s is longer than bake {self.bake:g}s")
        if self.tick < 0.2:
            raise ValueError("tick must be at least 200ms")
        return self


class Judging(_Table):
    """Limits (what must never be passed) and acceptable levels (what must not be punished), R2-R4."""

    error_limit: Fraction = 0.01
    error_acceptable: Fraction = 0.005
    latency_limit: Fraction = 0.30
    """Relative rise against blue."""
    latency_acceptable: Fraction = 0.20
    accuracy_drop_limit: Fraction = 0.10
    accuracy_drop_acceptable: Fraction = 0.05
    false_alarm: Fraction = 0.01
    """Chance that a good deployment is rolled back by chance alone."""
    burst: Duration = 15.0
    """One disturbance of up to this length never decides alone."""
    cold_start: Duration = 45.0
    """Latency is not judged so soon after green's first request."""
    unhealthy_hosts: Annotated[int, Field(ge=0, le=100)] = 0
    """More unhealthy green targets than this fail the release at once."""
    without_traffic: Literal["ask", "probes"] = "ask"
    """A step without user traffic: halt and ask, or pass on the key functions' probes alone."""
    period: Duration = 60.0
    """Length of a CloudWatch period; one minute on AWS."""
    settle: Duration = 180.0
    """A period is settled (used for promotion) this long after its end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        pairs = (
            ("error", self.error_acceptable, self.error_limit),
            ("latency", self.latency_acceptable, self.latency_limit),
            ("accuracy_drop", self.accuracy_drop_acceptable, self.accuracy_drop_limit),
        )
        wrong = [
            f"{n}_acceptable {a:.3%} is not below {n}_limit {x:.3%}" for n, a, x in pairs if not 0 < a < x
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class Health(_Table):
    """How long green may take to become healthy, and how often it is asked."""

    deadline: Duration = 900.0
    poll: Duration = 5.0


class SmokeStep(_Table):
    """One request and what its answer must be. `{name}` inserts a value saved by an earlier step."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    path: Annotated[str, Field(pattern=r"^/")]
    headers: Mapping[str, str] = {}
    body: str = ""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    json_: Mapping[str, Any] = Field(default={}, alias="json")
    """Dotted path in the JSON answer -> the value it must have."""
    text: str = ""
    """Text the answer must contain."""
    max_latency: Duration = 5.0
    save: Mapping[str, str] = {}
    """Name -> dotted path whose value later steps may insert."""


class SmokeTest(_Table):
    """A key function of the platform, as its users use it (P5, R1)."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    tier: Tier
    key: bool = True
    """A key function is probed all through the shift; its failure rolls back (R1)."""
    steps: Annotated[tuple[SmokeStep, ...], Field(min_length=1)]


class Probes(_Table):
    """The prober: own requests through the front door."""

    interval: Duration = 5.0
    timeout: Duration = 5.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """A smoke test passes when one of so many attempts passes; each failure is reported."""


class GoldenRow(_Table):
    """One question whose answer is known."""

    input: Any
    label: Any


class GoldenSet(_Table):
    """AI validation (P5, R4): questions with known answers, sent to green and to blue before 5 %."""

    file: str
    """JSON lines beside deploy.toml: {"input": ..., "label": ...}."""
    path: Annotated[str, Field(pattern=r"^/")]
    answer: str = "label"
    """Dotted path of the answer in the response."""
    minimum: Annotated[int, Field(ge=20)] = 100
    rows: tuple[GoldenRow, ...] = ()
    """Read from `file` when the policy is loaded, so that a resumed run asks the same questions."""


class Migration(_Table):
    """The expand migration of a release (P4, P8) and its way back (R8)."""

    run: Literal["ssm", "local"] = "ssm"
    """On an app host of green through SSM Run Command, or as a local command."""
    check: str = ""
    command: str
    down: str = ""
    timeout: Duration = 1800.0


class Backup(_Table):
    """A snapshot of the database before anything changes (P8)."""

    snapshot: bool = True
    timeout: Duration = 3600.0


class Retire(_Table):
    """When blue may go."""

    keep_blue: Duration | Literal["until-next"] = 0.0
    """The announced rollback window after 100 %; "until-next" leaves blue to the next release."""
    quiet: Duration = 60.0
    """Blue's request count must have stayed zero for so long, past drain and stickiness."""
    deadline: Duration = 1800.0


class Lease(_Table):
    """One deployer per stack; the lease is renewed every third of `ttl`."""

    ttl: Duration = 90.0
    patience: Duration = 300.0
    """How long AWS may be unreachable before the run halts."""


class Freeze(_Table):
    """No release may start between `start` and `end` (ISO 8601 with offset)."""

    start: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2}|Z)$")]
    end: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2}|Z)$")]
    reason: str


class Policy(_Table):
    """How releases of one stack are made."""

    rollout: Rollout = Rollout()
    judge: Judging = Judging()
    health: Health = Health()
    probes: Probes = Probes()
    smoke: tuple[SmokeTest, ...] = ()
    golden: GoldenSet | None = None
    migration: Migration | None = None
    backup: Backup = Backup()
    retire: Retire = Retire()
    lease: Lease = Lease()
    freeze: tuple[Freeze, ...] = ()
    checklist: tuple[str, ...] = ()
    """Points of the before-checklist (C1) that only a person can confirm."""


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(inner, value) if both else value  # type: ignore[arg-type]  # narrowed by `both`
    return result


def parse_policy(text: str, *, stack: str, source: str) -> Policy:
    """The policy of `stack` in the TOML `text`; raises ConfigError naming every fault in `source`."""
    advice = "correct the file; `sc-deploy doctor` checks it without changing anything"
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}", next_step=advice) from error
    stacks = document.pop("stacks", {})
    if not isinstance(stacks, dict) or not all(isinstance(v, dict) for v in stacks.values()):
        raise ConfigError(f"{source}: stacks must hold one table per stack", next_step=advice)
    faults: list[Fault] = []
    policy: Policy | None = None
    for name, table in {**stacks, stack: stacks.get(stack, {})}.items():
        try:
            checked = Policy.model_validate(_merged(document, table))
            policy = checked if name == stack else policy
        except ValidationError as error:
            faults += [f for f in faults_of(error, f"{source} [{name}]") if f not in faults]
    if faults or policy is None:
        raise ConfigError(f"{source} cannot be used", faults=faults, next_step=advice)
    return policy


def load_policy(path: Path, *, stack: str) -> Policy:
    """Read `path` and the golden set beside it; raises ConfigError with every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", next_step="name the policy file with --policy FILE"
        ) from error
    policy = parse_policy(text, stack=stack, source=str(path))
    if policy.golden is None:
        return policy
    rows = _read_golden(path.parent / policy.golden.file, policy.golden.minimum)
    return policy.model_copy(update={"golden": policy.golden.model_copy(update={"rows": rows})})


def _read_golden(path: Path, minimum: int) -> tuple[GoldenRow, ...]:
    advice = 'one {"input": ..., "label": ...} per line'
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"cannot read the golden set {path}: {error.strerror}", next_step=advice) from error
    rows: list[GoldenRow] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(GoldenRow.model_validate_json(line))
        except ValidationError as error:
            faults += faults_of(error, f"{path}:{number}")
    if len(lines) < minimum:
        faults.append(Fault(str(path), f"{len(lines)} questions", f"at least {minimum} (golden.minimum)"))
    if faults:
        raise ConfigError(f"the golden set {path} cannot be used", faults=faults, next_step=advice)
    return tuple(rows)
