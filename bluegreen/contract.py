"""The contract: what a provisioned stack tells sc-deploy, in one JSON document.

The Pulumi program builds this model and writes it to the SSM parameter
`/sportcoach/<stack>/contract`; the CLI parses it and needs nothing else (no Pulumi, no state
backend). It is the only module of `bluegreen` that `infra` imports. Durations are seconds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bluegreen.errors import ConfigError, Fault

SCHEMA_VERSION: Literal[1] = 1
STATE_TABLE_HASH_KEY = "pk"
STATE_TABLE_RANGE_KEY = "sk"
MODEL_PREFIX, MODEL_FILE = "models/", "model.bin"
"""Where a model version lies in the models bucket: <prefix><version>/<file>."""
NO_MODEL = "none"
"""What a tier's pointer parameter holds until the first release with a model: SSM takes no empty value."""
STACK_PATTERN = r"^[a-z][a-z0-9-]{0,11}$"
"""Twelve characters: `sc-<stack>-<tier>-<number>` must fit the 32 of a target group name."""


LAUNCH_HOOK = "sc-launch"
"""The lifecycle hook that holds a new instance back until its host says that it serves."""


AGENTS_METRIC = "agents_inactive"
"""How many agents of a host do not run, every minute; by Stack and Tier."""


def host_namespace(stack: str) -> str:
    """The CloudWatch namespace of what the hosts of `stack` publish."""
    return f"SportCoach/{stack}"


RUN_COMMAND = "sportcoach-run"
"""The command of every host that runs a task: `sportcoach-run IMAGE -- COMMAND`."""
TASK_PATTERN = r"[A-Za-z0-9][A-Za-z0-9 _.:/=@,+-]*"
"""A COMMAND: words and nothing that a shell would act on."""


def run_document(stack: str) -> str:
    """The SSM document that runs RUN_COMMAND on a host of `stack`; its parameters are image and command."""
    return f"sportcoach-{stack}-run"


def parameter_name(stack: str) -> str:
    """The SSM parameter that holds the contract of `stack`."""
    return f"/sportcoach/{stack}/contract"


def alarm_prefix(stack: str, *, holds: bool) -> str:
    """How the names of a stack's alarms begin: those that hold its releases, or those that only notify.

    A slash ends the stack's name, which cannot contain one: the alarms of `x-eu` do not hold `x`.
    """
    return f"sportcoach/{stack}/" if holds else f"sportcoach-notice/{stack}/"


class Tier(StrEnum):
    """The three tiers of SportCoach (E2, E3, E4); a stack may merge web into app (E12, E13)."""

    WEB = "web"
    APP = "app"
    AI = "ai"


class Tag(StrEnum):
    """Tags of everything sc-deploy creates; user data reads them on the instance through IMDS."""

    STACK = "sportcoach:stack"
    TIER = "sportcoach:tier"
    COLOR = "sportcoach:color"
    RELEASE = "sportcoach:release"
    """The version, vX.Y.Z."""
    DEPLOYMENT = "sportcoach:deployment"
    """The deployment's number, e.g. 42."""
    BEGAN = "sportcoach:began"
    """When the deployment began, as its journal has it: an earlier life of the stack had the same numbers."""
    RESTORES = "sportcoach:restores"
    """The snapshot that a DB instance was restored from."""
    IMAGE = "sportcoach:image"
    """<registry>/<repository>@sha256:<digest>; what the instance pulls."""
    MODEL = "sportcoach:model"
    """Model version (AI tier)."""
    MODEL_SHA256 = "sportcoach:model-sha256"
    MANAGED_BY = "managed-by"


MANAGED_BY = "sc-deploy"
"""The value of Tag.MANAGED_BY; what lacks it is never changed or deleted."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class HealthCheck(_Document):
    """The target group's health check; the bounds are ELBv2's own."""

    path: Annotated[str, Field(pattern=r"^/")] = "/healthz"
    matcher: Annotated[str, Field(pattern=r"^\d{3}([-,]\d{3})*$")] = "200"
    interval_seconds: Annotated[int, Field(ge=5, le=300)] = 10
    timeout_seconds: Annotated[int, Field(ge=2, le=120)] = 5
    healthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2
    unhealthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2


class FleetSize(_Document):
    """Auto Scaling Group bounds; `standby` instances are warm, serving and never scaled in (E4)."""

    minimum: Annotated[int, Field(ge=1, le=100)]
    desired: Annotated[int, Field(ge=1, le=100)]
    maximum: Annotated[int, Field(ge=1, le=100)]
    standby: Annotated[int, Field(ge=0, le=10)] = 0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.minimum <= self.desired <= self.maximum:
            raise ValueError(
                f"minimum {self.minimum} <= desired {self.desired} <= maximum {self.maximum} does not hold"
            )
        if self.standby >= self.desired and self.standby:
            raise ValueError(f"standby {self.standby} leaves no primary of desired {self.desired}")
        return self


class CpuScaling(_Document):
    """Target tracking on the fleet's average CPU, in percent (A4)."""

    kind: Literal["cpu"] = "cpu"
    target_percent: Annotated[float, Field(gt=0, le=100)]


class RequestScaling(_Document):
    """Target tracking on ALBRequestCountPerTarget, in requests per target and minute."""

    kind: Literal["requests"] = "requests"
    target_per_minute: Annotated[float, Field(gt=0)]


QUEUE_METRIC = "ai_queue_length"
"""Gauge of the AI tier: jobs that wait in one instance. Its host publishes it by AutoScalingGroupName."""


class BacklogScaling(_Document):
    """Target tracking on queued AI jobs per instance (A4): the fleet's average of QUEUE_METRIC."""

    kind: Literal["backlog"] = "backlog"
    target_per_instance: Annotated[float, Field(gt=0)]


Scaling = Annotated[CpuScaling | RequestScaling | BacklogScaling, Field(discriminator="kind")]


class ModelStore(_Document):
    """Where the AI models of this tier lie: s3://<bucket>/<prefix><version>/ (A1, A2)."""

    bucket: str
    prefix: str = MODEL_PREFIX
    file: str = MODEL_FILE
    pointer_parameter: Annotated[str, Field(pattern=r"^/")]
    """SSM parameter that names the current model version; sc-deploy owns its value."""


class Stickiness(_Document):
    """Target group stickiness (cookie AWSALBTG); off unless the application needs it."""

    seconds: Annotated[int, Field(ge=1, le=604_800)]


RulePriority = Annotated[int, Field(ge=1, le=50_000)]
"""Priority of a listener rule (ELBv2 API reference, CreateRule)."""
Port = Annotated[int, Field(ge=1, le=65_535)]
BootBudget = Annotated[int, Field(ge=1, le=7_200)]
"""Launch -> the application answers, in seconds."""
BOOT_BUDGET_SECONDS = 600


class TierTimes(_Document):
    """How long instances of a tier may take, in seconds; a stack's settings share these bounds."""

    deregistration_delay_seconds: Annotated[int, Field(ge=0, le=3_600)] = 60
    warmup_seconds: Annotated[int, Field(ge=0, le=3_600)] = 60
    """InService -> the instance counts in the averages that scaling looks at."""
    boot_budget_seconds: BootBudget = BOOT_BUDGET_SECONDS
    """Launch -> the application answers; a host that needs longer is replaced."""


class TierContract(TierTimes):
    """Everything sc-deploy needs in order to build, attach and judge a fleet of one tier."""

    name: Tier
    path_patterns: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)]
    rule_priority: RulePriority
    preview_priority: RulePriority
    port: Port
    version_path: Annotated[str, Field(pattern=r"^/")]
    """Through the balancer; answers JSON with `version`, `instance` and, on AI, `model`."""
    health_check: HealthCheck = HealthCheck()
    stickiness: Stickiness | None = None
    launch_template_id: Annotated[str, Field(pattern=r"^lt-[0-9a-f]+$")]
    subnet_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    security_group_ids: tuple[str, ...] = ()
    vcpus: Annotated[int, Field(ge=0, le=1_000)] = 0
    """vCPUs of one instance, which count against the account's quota; 0 where it is not known."""
    fleet: FleetSize
    scaling: tuple[Scaling, ...] = ()
    image_repository: str
    """ECR repository name, e.g. `sportcoach-platform`."""
    model: ModelStore | None = None
    required_parameters: tuple[str, ...] = ()
    """SSM parameters that must exist before a release (P7)."""
    required_secrets: tuple[str, ...] = ()
    """Secrets Manager names that must exist before a release (P7)."""

    @property
    def grace_seconds(self) -> int:
        """How long the group's ELB health check spares a new instance: a whole boot, and the checks that must
        pass afterwards; one more, since the boot may end right after a check.

        With the launch hook an instance serves before this begins. Should somebody remove the hook, a
        shorter one would replace every instance before it can serve, and the fleet would never heal.
        """
        check = self.health_check
        return self.boot_budget_seconds + check.interval_seconds * (check.healthy_threshold + 1)


class Buckets(_Document):
    """S3 bucket names of the stack (E7)."""

    assets: str
    models: str
    training_data: str
    logs: str


class DatabaseContract(_Document):
    """The RDS instance that is snapshotted before a migration (P8)."""

    identifier: str


class Alerts(_Document):
    """Where pages and warnings go (M10)."""

    critical_topic_arn: str
    warning_topic_arn: str
    pagerduty_secret: str = ""
    """Secrets Manager name of the routing key of a PagerDuty service (Events API v2); empty: none."""
    slack_secret: str = ""
    """Secrets Manager name of the address of a Slack incoming webhook; empty: none."""


class Published(_Document):
    """CloudWatch metrics of which each has a datapoint every few minutes while the stack serves.

    What is published only when it happens (errors, log filters) is not among them: its silence says
    nothing.
    """

    namespace: Annotated[str, Field(min_length=1)]
    dimensions: dict[str, str]
    names: Annotated[tuple[str, ...], Field(min_length=1)]


class WatchdogContract(_Document):
    """What EventBridge Scheduler may use to put traffic back when a deployer dies."""

    role_arn: str
    schedule_group: str
    dead_letter_arn: str = ""
    """SQS queue for weights that could not be put back; empty where the stack has none."""


class Contract(_Document):
    """One stack, as sc-deploy sees it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    stack: Annotated[str, Field(pattern=STACK_PATTERN)]
    account_id: Annotated[str, Field(pattern=r"^\d{12}$")]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    vpc_id: Annotated[str, Field(pattern=r"^vpc-[0-9a-f]+$")]
    base_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")]
    load_balancer_arn: Annotated[str, Field(pattern=r"^arn:aws[\w-]*:elasticloadbalancing:")]
    listener_arn: Annotated[str, Field(pattern=r"^arn:aws[\w-]*:elasticloadbalancing:.*:listener/")]
    state_table: str
    buckets: Buckets
    database: DatabaseContract | None = None
    alerts: Alerts
    watchdog: WatchdogContract
    prometheus_query_url: Annotated[str, Field(pattern=r"^(https?://.+/)?$")] = ""
    """Base of the Prometheus query API, ending in `/` (`<base>api/v1/query`), signed with SigV4 for the
    service `aps`; empty where the stack has none (M7)."""
    new_relic_account: Annotated[str, Field(pattern=r"^\d{0,12}$")] = ""
    """New Relic account number; empty where the stack sends nothing there (M4)."""
    new_relic_secret: str = ""
    """Secrets Manager name of the New Relic user key that may query; empty as above."""
    published: tuple[Published, ...] = ()
    """What alarms and charts of the stack read, and `doctor` asks for."""
    series: tuple[str, ...] = ()
    """The same in Managed Prometheus: selectors, such as `up{job="node"}`."""
    tiers: Annotated[tuple[TierContract, ...], Field(min_length=1)]

    def tier(self, name: Tier) -> TierContract:
        """The tier called `name`; raises KeyError where the stack has none."""
        return {tier.name: tier for tier in self.tiers}[name]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = list(_tier_problems(self.tiers))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def to_json(self) -> str:
        """The document as it is stored in SSM: sorted and compact, for the 8 KB of an advanced parameter."""
        document = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _tier_problems(tiers: tuple[TierContract, ...]) -> Iterable[str]:
    names = Counter(tier.name for tier in tiers)
    priorities = Counter(p for tier in tiers for p in (tier.rule_priority, tier.preview_priority))
    yield from (f"tier {name} appears twice" for name in sorted(names) if names[name] > 1)
    yield from (f"priority {p} is used twice" for p in sorted(priorities) if priorities[p] > 1)
    last_preview = max(tier.preview_priority for tier in tiers)
    for tier in tiers:
        if tier.rule_priority < last_preview:
            yield f"tier {tier.name}: rule_priority {tier.rule_priority} must follow every preview_priority"
    for one, two in pairwise(sorted(tiers, key=lambda t: t.rule_priority)):
        if one.preview_priority > two.preview_priority:
            yield f"tiers {one.name}, {two.name}: preview_priority must be in the order of rule_priority"


def faults_of(error: ValidationError, root: str) -> list[Fault]:
    """Every fault of a pydantic error, each with its place under `root`."""
    faults = []
    for item in error.errors(include_url=False, include_input=True):
        # A key may hold anything, the escape of a terminal too.
        parts = [str(part) if str(part).isprintable() else repr(part) for part in item["loc"]]
        where = ".".join(parts) or "document"
        value = item.get("input")
        shown = f", got {value!r}" if isinstance(value, str | int | float | bool) else ""
        message = re.sub(r"^Value error, ", "", item["msg"])
        faults.append(Fault(f"{root}: {where}", message + shown))
    return faults


def parse_contract(text: str, *, source: str) -> Contract:
    """Parse a contract document; `source` (a parameter or file name) is named in each fault.

    Raises ConfigError with every fault at once.
    """
    upgrade = "run `pulumi up` with the program of this sc-deploy version, or install the matching sc-deploy"
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ConfigError(f"the contract in {source} is nested too deeply", next_step=upgrade) from error
    except ValueError as error:
        raise ConfigError(f"the contract in {source} is not JSON: {error}", next_step=upgrade) from error
    if not isinstance(document, dict):
        raise ConfigError(f"the contract in {source} is not a JSON object", next_step=upgrade)
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"the contract in {source} has schema version {version!r}; this sc-deploy reads {SCHEMA_VERSION}",
            next_step=upgrade,
        )
    try:
        return Contract.model_validate(document)
    except ValidationError as error:
        raise ConfigError(
            f"the contract in {source} cannot be used", faults=faults_of(error, source), next_step=upgrade
        ) from error
