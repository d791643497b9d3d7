"""Trials in a new account, with an administrator's rights: a release's role may do none of this.

Each makes one small thing under a name of its own, looks at what AWS does with it, and removes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bluegreen.adapters.aws.failures import Tolerated
from bluegreen.adapters.aws.session import Session
from bluegreen.contract import Contract, host_namespace
from bluegreen.ports import Clock
from bluegreen.ports.trial import Told, Trial

_KEY = "sc-deploy-trial"
_PRIORITY = 49_999
"""Far behind every rule of a release; ELBv2 allows 50,000."""
_FIRES_IN_SECONDS = 75
_METRIC = "Trial"


def trials(session: Session, contract: Contract, clock: Clock) -> Sequence[Trial]:
    """Everything that is tried."""
    return (
        FiringSchedule(session, contract, clock),
        ReplicatedObject(session, contract),
        WorkingTrail(session),
        ScannedImage(session, contract),
        ReadableMetric(session, contract, clock),
    )


class FiringSchedule:
    """The automatic fallback, on a rule that no user meets: a schedule with its role changes the rule."""

    name = "a schedule fires"

    def __init__(self, session: Session, contract: Contract, clock: Clock) -> None:
        self._contract, self._clock = contract, clock
        self._balancer, self._scheduler = session.service("elbv2"), session.service("scheduler")
        self._rule = ""

    def begin(self) -> None:
        condition = {"HttpHeaderName": f"x-{_KEY}", "Values": ["nobody-sends-this"]}
        made = self._balancer.call(
            "create_rule",
            ListenerArn=self._contract.listener_arn,
            Priority=_PRIORITY,
            Conditions=[{"Field": "http-header", "HttpHeaderConfig": condition}],
            Actions=[_answer("404")],
        )
        self._rule = made["Rules"][0]["RuleArn"]
        watchdog = self._contract.watchdog
        moment = datetime.fromtimestamp(self._clock.now(), UTC) + timedelta(seconds=_FIRES_IN_SECONDS)
        dead_letters = {"DeadLetterConfig": {"Arn": watchdog.dead_letter_arn}}
        self._scheduler.call(
            "create_schedule",
            Name=_KEY,
            GroupName=watchdog.schedule_group,
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": "arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:modifyRule",
                "RoleArn": watchdog.role_arn,
                "Input": json.dumps({"RuleArn": self._rule, "Actions": [_answer("410")]}),
                **(dead_letters if watchdog.dead_letter_arn else {}),
            },
        )

    def look(self) -> Told | None:
        found = self._balancer.call("describe_rules", RuleArns=[self._rule])
        action = found["Rules"][0]["Actions"][0]
        fired = action["FixedResponseConfig"]["StatusCode"] == "410"
        return (True, "a schedule with the watchdog's role changed a rule") if fired else None

    def end(self) -> None:
        with Tolerated("ResourceNotFoundException"):
            group = self._contract.watchdog.schedule_group
            self._scheduler.call("delete_schedule", Name=_KEY, GroupName=group)
        if self._rule:
            with Tolerated("RuleNotFound"):
                self._balancer.call("delete_rule", RuleArn=self._rule)


def _answer(status: str) -> dict[str, object]:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}}


class ReplicatedObject:
    """S3 copies a new object to the backup region, where the stack replicates."""

    name = "an object is replicated"

    def __init__(self, session: Session, contract: Contract) -> None:
        self._s3, self._bucket = session.service("s3"), contract.buckets.models
        self._replicates = False

    def begin(self) -> None:
        with Tolerated("ReplicationConfigurationNotFoundError"):
            self._s3.call("get_bucket_replication", Bucket=self._bucket)
            self._replicates = True
        if self._replicates:
            self._s3.call("put_object", Bucket=self._bucket, Key=_KEY, Body=b"trial")

    def look(self) -> Told | None:
        if not self._replicates:
            return None, f"{self._bucket} is not replicated"
        status = self._s3.call("head_object", Bucket=self._bucket, Key=_KEY).get("ReplicationStatus")
        if status in ("COMPLETED", "COMPLETE", "FAILED"):
            return status != "FAILED", f"{self._bucket}: {status.lower()}"
        return None

    def end(self) -> None:
        if self._replicates:
            self._s3.call("delete_object", Bucket=self._bucket, Key=_KEY)


class WorkingTrail:
    """The audit trail reaches the bucket and CloudWatch Logs."""

    name = "the trail delivers"

    def __init__(self, session: Session) -> None:
        self._trail = session.service("cloudtrail")

    def begin(self) -> None:
        """Nothing: every call of the other trials is what it records."""

    def look(self) -> Told | None:
        trails = self._trail.call("describe_trails")["trailList"]
        if not trails:
            return None, "the account has no trail"
        status = self._trail.call("get_trail_status", Name=trails[0]["TrailARN"])
        errors = [status.get("LatestDeliveryError"), status.get("LatestCloudWatchLogsDeliveryError")]
        if not status.get("IsLogging") or any(errors):
            return False, "; ".join(error for error in errors if error) or "the trail does not log"
        return (True, "delivers") if status.get("LatestDeliveryTime") else None

    def end(self) -> None:
        """Nothing was made."""


class ScannedImage:
    """An image that was pushed has been scanned."""

    name = "an image is scanned"

    def __init__(self, session: Session, contract: Contract) -> None:
        self._ecr, self._repository = session.service("ecr"), contract.tiers[0].image_repository

    def begin(self) -> None:
        """Nothing: what lies in the repository is looked at."""

    def look(self) -> Told | None:
        images = self._ecr.pages("describe_images", "imageDetails", repositoryName=self._repository)
        if not images:
            return None, f"{self._repository} has no image yet"
        newest = max(images, key=lambda one: one["imagePushedAt"])
        status = (newest.get("imageScanStatus") or {}).get("status")
        if status in ("COMPLETE", "ACTIVE", "FAILED"):
            return status != "FAILED", f"{self._repository}: {status.lower()}"
        return None

    def end(self) -> None:
        """Nothing was made."""


class ReadableMetric:
    """A metric in the hosts' namespace can be read again. It ends by itself: CloudWatch deletes none."""

    name = "a metric arrives"

    def __init__(self, session: Session, contract: Contract, clock: Clock) -> None:
        self._cloudwatch, self._clock = session.service("cloudwatch"), clock
        self._namespace = host_namespace(contract.stack)
        self._began = 0.0

    def begin(self) -> None:
        self._began = self._clock.now()
        stamp = datetime.fromtimestamp(self._began, UTC)
        data = [{"MetricName": _METRIC, "Value": 1.0, "Timestamp": stamp}]
        self._cloudwatch.call("put_metric_data", Namespace=self._namespace, MetricData=data)

    def look(self) -> Told | None:
        at = partial(datetime.fromtimestamp, tz=UTC)
        metric = {"Namespace": self._namespace, "MetricName": _METRIC}
        found = self._cloudwatch.call(
            "get_metric_data",
            MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
            StartTime=at(self._began - 120),
            EndTime=at(self._began + 120),
        )
        values = found["MetricDataResults"][0]["Values"]
        return (True, f"{self._namespace} {_METRIC} can be read") if values else None

    def end(self) -> None:
        """CloudWatch has no call that deletes a metric."""
