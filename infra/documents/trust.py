"""Who may assume a service role, limited by the context keys that the service is documented to send.

A condition on a key that a service does not send is never met: the role cannot be assumed, and for
replication, backups or a metric stream nobody notices. So a service gets a condition only where AWS's own
guide shows that key in the trust policy of a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.documents.policies import Statement, document

GUIDE = "https://docs.aws.amazon.com/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sends:
    """The keys that a service sends when it assumes a role, and the page that says so."""

    account: bool
    """aws:SourceAccount."""
    arn: bool
    """aws:SourceArn."""
    source: str


SENT: Mapping[str, Sends] = {
    "logs.amazonaws.com": Sends(
        account=False,
        arn=True,
        source=f"{GUIDE}AmazonCloudWatch/latest/logs/Subscriptions-confused-deputy.html",
    ),
    "monitoring.rds.amazonaws.com": Sends(
        account=True,
        arn=True,
        source=f"{GUIDE}AmazonRDS/latest/UserGuide/USER_Monitoring.OS.confused-deputy.html",
    ),
    "osis-pipelines.amazonaws.com": Sends(
        account=True,
        arn=True,
        source=f"{GUIDE}opensearch-service/latest/developerguide/pipeline-security-overview.html",
    ),
    "scheduler.amazonaws.com": Sends(
        account=True,
        arn=True,
        source=f"{GUIDE}scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html",
    ),
    "vpc-flow-logs.amazonaws.com": Sends(
        account=True, arn=True, source=f"{GUIDE}vpc/latest/userguide/flow-logs-iam-role.html"
    ),
}
"""Of all others, no guide shows a key in a role's trust policy: CloudTrail, S3 replication, AWS Backup,
Firehose, metric streams, Chatbot and EC2 among them. Their roles trust the service alone."""


def service_trust(service: str, *, account_id: str, source_arn: str | None = None) -> dict[str, Any]:
    """The trust policy for `service`, on behalf of this account where the service says for whom it acts.

    `source_arn` is a pattern of the resource that the service acts for; it prevents the confused deputy
    (IAM user guide). Raises ValueError for a service that is not documented to send it.
    """
    sends = SENT.get(service, Sends(account=False, arn=False, source=""))
    if source_arn and not sends.arn:
        raise ValueError(f"{service} is not documented to send aws:SourceArn; the role could not be assumed")
    condition: dict[str, Any] = {}
    if sends.account:
        condition["StringEquals"] = {"aws:SourceAccount": account_id}
    if source_arn:
        condition["ArnLike"] = {"aws:SourceArn": source_arn}
    statement: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    return document([statement])
