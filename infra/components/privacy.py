"""Training data must be anonymised before it is stored; Macie checks this every week (S6)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.documents.event_patterns import MACIE
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyArgs:
    """`bucket` holds the training data; personal data in it is reported to `topic_arn`."""

    bucket: str
    topic_arn: pulumi.Input[str]


class Privacy(Component):
    """A weekly search of the bucket for personal data. Macie itself is enabled once per account."""

    def __init__(self, name: str, environment: Environment, args: PrivacyArgs) -> None:
        super().__init__(name, environment)
        enabled = (
            [
                aws.macie2.Account(
                    name,
                    status="ENABLED",
                    finding_publishing_frequency="FIFTEEN_MINUTES",
                    opts=self.options(),
                )
            ]
            if environment.account_wide
            else []
        )
        aws.macie2.ClassificationJob(
            name,
            name=f"{environment.name}-training-data",
            job_type="SCHEDULED",
            schedule_frequency={"weekly_schedule": "SUNDAY"},
            initial_run=False,
            sampling_percentage=100,
            s3_job_definition={
                "bucket_definitions": [{"account_id": environment.account_id, "buckets": [args.bucket]}]
            },
            opts=self.options(depends_on=enabled),
        )
        self.notify(name, "Personal data in the training data", pattern=MACIE, topic_arn=args.topic_arn)
        self.register_outputs({})
