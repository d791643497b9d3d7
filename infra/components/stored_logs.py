"""Logs that AWS stores in S3, and the queue that names each new object to the log search (M5)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.components.storage import Storage
from infra.documents.policies import Statement, allow, document
from infra.environment import Environment

VISIBILITY_SECONDS = 300
"""Longer than a pipeline needs for ten objects of access logs."""
TRIES = 5
STORED_PREFIXES = ("alb/", "cdn/")
"""Of the log bucket; the bucket of firewall logs is read whole."""


class StoredLogs(Component):
    """Balancer, CDN and firewall logs by a queue; what cannot be read is kept in a second one."""

    def __init__(self, name: str, environment: Environment, storage: Storage) -> None:
        super().__init__(name, environment)
        self._storage = storage
        self.queue = self._queue()
        self._announce()
        self.register_outputs({})

    def _queue(self) -> aws.sqs.Queue:
        """Which objects are to be read; those that fail again and again are kept for people."""
        failed = aws.sqs.Queue(
            f"{self.name}-failed",
            name=f"{self.environment.name}-logs-failed",
            message_retention_seconds=14 * 24 * 3600,
            sqs_managed_sse_enabled=True,
            opts=self.options(),
        )
        return aws.sqs.Queue(
            self.name,
            name=f"{self.environment.name}-logs-stored",
            visibility_timeout_seconds=VISIBILITY_SECONDS,
            message_retention_seconds=4 * 24 * 3600,
            sqs_managed_sse_enabled=True,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": failed.arn, "maxReceiveCount": TRIES}
            ),
            opts=self.options(),
        )

    def _announce(self) -> None:
        """S3 tells the queue of each new object."""
        storage = self._storage
        policy = aws.sqs.QueuePolicy(
            self.name,
            queue_url=self.queue.url,
            policy=pulumi.Output.json_dumps(document([self._buckets_may_send()])),
            opts=self.options(),
        )
        wanted = {storage.logs: STORED_PREFIXES, storage.firewall_logs: ("AWSLogs/",)}
        for bucket, prefixes in wanted.items():
            aws.s3.BucketNotification(
                bucket.name,
                bucket=bucket.id,
                queues=[
                    {
                        "id": prefix.strip("/").lower(),
                        "queue_arn": self.queue.arn,
                        "events": ["s3:ObjectCreated:*"],
                        "filter_prefix": prefix,
                    }
                    for prefix in prefixes
                ],
                # S3 tries the queue when the notification is set.
                opts=self.options(depends_on=[policy]),
            )

    def _buckets_may_send(self) -> Statement:
        storage = self._storage
        return allow(
            ["sqs:SendMessage"],
            [self.queue.arn],
            sid="Buckets",
            principal={"Service": "s3.amazonaws.com"},
            condition={
                "ArnLike": {"aws:SourceArn": [storage.logs.arn, storage.firewall_logs.arn]},
                "StringEquals": {"aws:SourceAccount": self.environment.account_id},
            },
        )
