"""Settings for releases, alerts and telemetry (P2, M1 to M10)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.settings.fields import AccountId, Email, LogDays, Phone, Section


class DeliverySettings(Section):
    """Where images are kept and who may release (P2)."""

    repositories: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/-]+$")], ...], Field(min_length=1)
    ]
    github_repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    github_environment: Annotated[str, Field(pattern=r"^[\w-]+$")]
    """Its jobs may release. Those of the environment with the suffix `-plan` may plan, and push images."""
    replicate_to: AccountId | None = None
    """The account that gets a copy of every image pushed here: what was tested is what is promoted. It is the
    next stack's, whose `replicate_from` names this account."""
    replicate_from: AccountId | None = None
    permission_set: Annotated[str, Field(pattern=r"^[\w+=,.@-]{1,32}$")] | None = None
    """The permission set of IAM Identity Center whose users may release. Without one, IAM users of the
    account may, with MFA no older than an hour."""


class SlackSettings(Section):
    """An AWS Chatbot channel; its workspace is authorised once, in the console."""

    workspace_id: Annotated[str, Field(pattern=r"^T[A-Z0-9]+$")]
    channel_id: Annotated[str, Field(pattern=r"^[CG][A-Z0-9]+$")]


class AlertsSettings(Section):
    """Who is notified of an alarm (M10)."""

    emails: Annotated[tuple[Email, ...], Field(min_length=1)]
    sms: tuple[Phone, ...] = ()
    pagerduty: bool
    """Alarms by its endpoint, and sc-deploy's own incidents by a routing key in a secret."""
    slack: SlackSettings | None = None
    slack_webhook: bool = False
    """sc-deploy writes to an incoming webhook, its address in a secret: for a workspace without Chatbot."""


class OpenSearchSettings(Section):
    """The log search (M5)."""

    instance_type: Annotated[str, Field(pattern=r"^[a-z0-9]+\.[a-z0-9]+\.search$")]
    nodes: Annotated[int, Field(ge=1, le=10)]
    storage_gb: Annotated[int, Field(ge=10, le=3_000)]


class NewRelicSettings(Section):
    """The New Relic account that receives the metrics (M4)."""

    account_id: Annotated[str, Field(pattern=r"^[1-9]\d{0,11}$")]


class TelemetrySettings(Section):
    """Metrics and logs, and the thresholds of alarms (M1 to M9)."""

    response_time_ms: Annotated[int, Field(ge=1, le=60_000)]
    """The accepted P95; an alarm fires 50 % above it (M9)."""
    feedback_floor: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """An alarm fires where users' feedback on the AI, a ratio, stays below it (M7)."""
    outside_check: bool
    """Whether the site is probed from other continents; for a stack that is off at night this would page."""
    opensearch: OpenSearchSettings | None = None
    new_relic: NewRelicSettings | None = None
    real_user_share: Annotated[float, Field(ge=0, le=1)]
    """Share of browser sessions that RUM samples; 0 disables it (M6)."""
    log_days: LogDays
