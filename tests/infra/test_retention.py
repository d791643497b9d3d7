"""What is kept, how long, under which key and where it may be written: as the settings of the stack say."""

from __future__ import annotations

import json

from tests.infra.documents import documents, listed
from tools.recording import Recording, settings_of

LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def test_logs_are_kept_as_long_as_the_settings_say(stack: Recording) -> None:
    settings = settings_of(stack.stack)
    for group in stack.of("aws:cloudwatch/logGroup:LogGroup"):
        flow = group.inputs["name"].endswith("/vpc-flow")
        days = settings["network"]["flow_log_days"] if flow else settings["telemetry"]["log_days"]
        assert group.inputs["retentionInDays"] == days, group.name


def test_objects_are_kept_as_long_as_the_settings_say(stack: Recording) -> None:
    storage = settings_of(stack.stack)["storage"]
    ends = {
        "storage-firewall-logs": storage["log_days"],
        "storage-logs": storage["log_days"],
        "storage-training-data": storage["training_data_days"],
    }
    for bucket in stack.of(LIFECYCLE):
        days = {rule["expiration"]["days"] for rule in bucket.inputs["rules"] if "expiration" in rule}
        assert days == ({ends[bucket.name]} if bucket.name in ends else set()), bucket.name
        old = {
            rule["noncurrentVersionExpiration"]["noncurrentDays"]
            for rule in bucket.inputs["rules"]
            if "noncurrentVersionExpiration" in rule
        }
        assert old == {storage["noncurrent_days"]}, bucket.name


def test_backups_are_kept_as_long_as_the_settings_say(stack: Recording) -> None:
    settings = settings_of(stack.stack)
    primary = stack.one("aws:rds/instance:Instance", "database").inputs
    assert primary["backupRetentionPeriod"] == settings["database"]["backup_days"]
    for cache in stack.of("aws:elasticache/replicationGroup:ReplicationGroup"):
        assert cache.inputs["snapshotRetentionLimit"] == settings["cache"]["snapshot_days"]
    (plan,) = stack.of("aws:backup/plan:Plan")
    kept = {rule["ruleName"]: rule["lifecycle"]["deleteAfter"] for rule in plan.inputs["rules"]}
    backup = settings["backup"]
    monthly = {"monthly": backup["monthly_days"]} if backup["monthly_days"] else {}
    assert kept == {"daily": backup["daily_days"], **monthly}
    copies = {
        c["lifecycle"]["deleteAfter"] for rule in plan.inputs["rules"] for c in rule.get("copyActions", ())
    }
    assert copies == ({backup["copy_days"]} if backup["copy_days"] else set())


def test_everything_that_cannot_be_made_again_is_backed_up(stack: Recording) -> None:
    """The images are in the registry, assets are published again, the cache fills itself."""
    (selection,) = stack.of("aws:backup/selection:Selection")
    database = stack.one("aws:rds/instance:Instance", "database").outputs["arn"]
    (table,) = stack.of("aws:dynamodb/table:Table")
    assert table.inputs["pointInTimeRecovery"] == {"enabled": True}
    buckets = {
        stack.one("aws:s3/bucket:Bucket", f"storage-{one}").outputs["arn"]
        for one in ("models", "training-data")
    }
    assert set(selection.inputs["resources"]) == {database, table.outputs["arn"], *buckets}


# Which of the stack's keys a type is encrypted with; services that write logs may use the second alone.
DATA = {
    "aws:backup/vault:Vault", "aws:dynamodb/table:Table", "aws:ecr/repository:Repository",
    "aws:elasticache/replicationGroup:ReplicationGroup", "aws:rds/instance:Instance",
    "aws:secretsmanager/secret:Secret",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
}  # fmt: skip
LOGS = {
    "aws:amp/workspace:Workspace", "aws:cloudtrail/trail:Trail", "aws:cloudwatch/logGroup:LogGroup",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "aws:kinesis/stream:Stream",
    "aws:opensearch/domain:Domain",
    "aws:sns/topic:Topic",
}  # fmt: skip


def test_data_and_logs_have_keys_of_their_own(stack: Recording) -> None:
    """A key that logs are written with is open to more services than the one of the data."""
    keys = {key.outputs["arn"]: key.name.removeprefix("encryption-") for key in stack.of("aws:kms/key:Key")}
    here = {"main": ("data", "logs"), "backup-region": ("backup", "backup"), "us-east-1": ("", "us-east-1")}
    for one in stack.aws:
        if one.type in DATA | LOGS:
            used = {name for arn, name in keys.items() if arn in json.dumps(dict(one.inputs))}
            assert used <= {here[one.provider][one.type in LOGS]}, one.name


def test_each_log_of_a_service_goes_where_the_bucket_lets_it(stack: Recording) -> None:
    """A prefix that the bucket's policy does not name: the balancer is refused, the trail writes nothing."""
    bucket = stack.one("aws:s3/bucket:Bucket", "storage-logs").inputs["bucket"]
    account = settings_of(stack.stack)["account_id"]
    (policy,) = (
        one
        for one in documents(stack, "aws:s3/bucketPolicy:BucketPolicy")
        if one.resource.name == "storage-logs"
    )
    writable = {
        (str(statement["Principal"]), resource)
        for statement in policy.statements
        if statement["Action"] == ["s3:PutObject"]
        for resource in listed(statement["Resource"])
    }
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    logs = balancer.inputs["accessLogs"]
    (trail,) = stack.of("aws:cloudtrail/trail:Trail")
    wanted = {
        ("logdelivery.elasticloadbalancing.amazonaws.com", f"{logs['prefix']}/AWSLogs/{account}/*"),
        ("cloudtrail.amazonaws.com", f"{trail.inputs['s3KeyPrefix']}/AWSLogs/{account}/*"),
    }
    for one in stack.of("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"):
        arn = one.inputs["deliveryDestinationConfiguration"]["destinationResourceArn"]
        wanted.add(("delivery.logs.amazonaws.com", f"{arn.partition('/')[2]}/AWSLogs/{account}/*"))
    for service, place in wanted:
        assert (str({"Service": service}), f"arn:aws:s3:::{bucket}/{place}") in writable, service
    for one in stack.of("aws:s3/bucketLogging:BucketLogging"):
        assert one.inputs["targetPrefix"].startswith("s3/")
        assert (str({"Service": "logging.s3.amazonaws.com"}), f"arn:aws:s3:::{bucket}/s3/*") in writable


def test_no_credential_stands_in_a_log_of_a_firewall(stack: Recording) -> None:
    for one in stack.of("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"):
        hidden = {field["singleHeader"]["name"] for field in one.inputs["redactedFields"]}
        assert hidden == {"authorization", "cookie", "x-sportcoach-origin"}


def test_a_firewall_logs_what_it_blocks_and_counts_alone(stack: Recording) -> None:
    """What passes is in the access logs; at 500 requests a second it would be most of the bill."""
    found = stack.of("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    assert found
    for one in found:
        kept = one.inputs["loggingFilter"]
        assert kept["defaultBehavior"] == "DROP"
        (rule,) = kept["filters"]
        actions = {condition["actionCondition"]["action"] for condition in rule["conditions"]}
        assert (rule["behavior"], rule["requirement"]) == ("KEEP", "MEETS_ANY")
        assert actions == {"BLOCK", "COUNT", "EXCLUDED_AS_COUNT"}


def test_firewalls_block_all_but_what_honest_users_do(stack: Recording) -> None:
    for acl in stack.of("aws:wafv2/webAcl:WebAcl"):
        action = {
            rule["statement"]["managedRuleGroupStatement"]["name"]: rule["overrideAction"]
            for rule in acl.inputs["rules"]
            if "managedRuleGroupStatement" in rule["statement"]
        }
        counted = {name for name, done in action.items() if "count" in done}
        assert counted == {"AWSManagedRulesAnonymousIpList"}
        assert set(action) - counted == {
            "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet",
            "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet",
        }  # fmt: skip
