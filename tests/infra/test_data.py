"""A1, A2, A5, S6, S7 and P7: models, training data, secrets, and what must outlive a mistake."""

from __future__ import annotations

import base64
import gzip
import json
import re

import pytest

from tests.infra.documents import documents, listed
from tools.recording import SECRETS, Recording, recorded, settings_of, texts

LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def test_a1_instances_fetch_their_model_and_nothing_else(stack: Recording) -> None:
    """What user data does with it is tested by running it, see test_user_data.py."""
    for tier in stack.outputs["contract"]["tiers"]:
        template = stack.one("aws:ec2/launchTemplate:LaunchTemplate", f"compute-{tier['name']}").inputs
        script = gzip.decompress(base64.b64decode(template["userData"])).decode()
        bucket = tier["model"]["bucket"] if tier.get("model") else "''"
        assert f"\nMODEL_BUCKET={bucket}\n" in script
        assert bool(tier.get("model")) is (tier["name"] == "ai")


def test_a2_every_model_version_is_kept(stack: Recording) -> None:
    versioning = {v.name: v.inputs for v in stack.of("aws:s3/bucketVersioning:BucketVersioning")}
    assert versioning["storage-models"]["versioningConfiguration"] == {"status": "Enabled"}
    rules = stack.one(LIFECYCLE, "storage-models").inputs["rules"]
    assert not any("expiration" in rule or "transitions" in rule for rule in rules)


def test_a2_the_pointer_to_the_model_belongs_to_releases(stack: Recording) -> None:
    pointers = [p for p in stack.of("aws:ssm/parameter:Parameter") if "/model/" in p.inputs["name"]]
    wanted = [t["model"]["pointer_parameter"] for t in stack.outputs["contract"]["tiers"] if t.get("model")]
    assert [p.inputs["name"] for p in pointers] == wanted
    assert all(set(p.ignore_changes) == {"insecureValue", "value"} for p in pointers)


def test_a5_training_data_is_backed_up_and_the_backup_is_tried(stack: Recording) -> None:
    bucket = f"arn:aws:s3:::{settings_of(stack.stack)['storage']['bucket_prefix']}-training-data"
    (selection,) = stack.of("aws:backup/selection:Selection")
    assert bucket in selection.inputs["resources"]
    (plan,) = stack.of("aws:backup/restoreTestingPlan:RestoreTestingPlan")
    assert re.fullmatch(r"cron\(\d+ \d+ \? \* [A-Z]{3} \*\)", plan.inputs["scheduleExpression"]), "weekly"
    failed = stack.one("aws:cloudwatch/eventTarget:EventTarget", "backup-failed").inputs
    assert failed["arn"] == stack.one("aws:sns/topic:Topic", "alerts-warning").outputs["arn"]


def test_r8_database_journal_and_buckets_are_restored_every_week_as_a_test(stack: Recording) -> None:
    tried = {
        one.inputs["protectedResourceType"]: one.inputs
        for one in stack.of("aws:backup/restoreTestingSelection:RestoreTestingSelection")
    }
    assert set(tried) == {"RDS", "DynamoDB", "S3"}
    (selection,) = stack.of("aws:backup/selection:Selection")
    arns = [arn for one in tried.values() for arn in one["protectedResourceArns"]]
    assert sorted(arns) == sorted(selection.inputs["resources"])
    # Without these AWS Backup takes the default VPC, which the stack does not use.
    database = stack.one("aws:rds/instance:Instance", "database").inputs
    overrides = tried["RDS"]["restoreMetadataOverrides"]
    assert overrides["dbSubnetGroupName"] == database["dbSubnetGroupName"]
    assert json.loads(overrides["vpcSecurityGroupIds"]) == database["vpcSecurityGroupIds"]


def test_a5_e1_copies_lie_in_the_backup_region(prod: Recording) -> None:
    (plan,) = prod.of("aws:backup/plan:Plan")
    copies = prod.one("aws:backup/vault:Vault", "backup-copies")
    for rule in plan.inputs["rules"]:
        assert [copy["destinationVaultArn"] for copy in rule["copyActions"]] == [copies.outputs["arn"]]
    replication = prod.of("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    assert {r.name for r in replication} == {"storage-assets", "storage-models", "storage-training-data"}
    replicas = {b.outputs["bucket"]: b.provider for b in prod.of("aws:s3/bucket:Bucket")}
    for one in replication:
        (rule,) = one.inputs["rules"]
        assert replicas[rule["destination"]["bucket"].removeprefix("arn:aws:s3:::")] == "backup-region"


def test_backups_stay_out_of_the_databases_own_windows(stack: Recording) -> None:
    """AWS Backup may not start in the hour before RDS's backup window, nor in it."""
    window = stack.one("aws:rds/instance:Instance", "database").inputs["backupWindow"]
    begins, ends = (int(time[:2]) * 60 + int(time[3:]) for time in window.split("-"))
    (plan,) = stack.of("aws:backup/plan:Plan")
    for rule in plan.inputs["rules"]:
        hour = int(rule["schedule"].removeprefix("cron(").split()[1])
        latest = hour * 60 + int(rule["startWindow"])
        assert latest <= begins - 60 or hour * 60 >= ends


def test_s6_training_data_ends_and_every_access_is_recorded(stack: Recording) -> None:
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    rules = {r["id"]: r for r in stack.one(kind, "storage-training-data").inputs["rules"]}
    days = settings_of(stack.stack)["storage"]["training_data_days"]
    assert rules["end-of-life"]["expiration"]["days"] == days
    (trail,) = stack.of("aws:cloudtrail/trail:Trail")
    watched = set(texts(trail.inputs["advancedEventSelectors"]))
    for purpose in ("training-data", "models"):
        for bucket in stack.of("aws:s3/bucket:Bucket"):
            if f"-{purpose}" in bucket.inputs["bucket"]:
                assert f"arn:aws:s3:::{bucket.inputs['bucket']}/" in watched


def test_s6_training_data_is_searched_for_personal_data(prod: Recording) -> None:
    (job,) = prod.of("aws:macie2/classificationJob:ClassificationJob")
    (searched,) = job.inputs["s3JobDefinition"]["bucketDefinitions"]
    assert searched["buckets"] == ["sportcoach-platform-training-data"]
    assert job.inputs["jobType"] == "SCHEDULED"
    target = prod.one("aws:cloudwatch/eventTarget:EventTarget", "privacy").inputs
    assert target["arn"] == prod.one("aws:sns/topic:Topic", "alerts-critical").outputs["arn"]
    data_key = prod.one("aws:kms/key:Key", "encryption-data").inputs["policy"]
    assert "role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie" in data_key


@pytest.mark.parametrize("name", ["test", "prod"])
def test_s6_s7_only_the_ai_tier_reads_models_and_only_adds_feedback(name: str) -> None:
    recording = recorded(name)
    for one in documents(recording, "aws:iam/rolePolicy:RolePolicy"):
        if not one.resource.name.startswith("compute-"):
            continue
        allowed = {
            (action, resource)
            for statement in one.statements
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action.startswith("s3:") and ("-models" in resource or "-training-data" in resource)
        }
        prefix = settings_of(name)["storage"]["bucket_prefix"]
        mine = {
            ("s3:GetObject", f"arn:aws:s3:::{prefix}-models/models/*"),
            ("s3:PutObject", f"arn:aws:s3:::{prefix}-training-data/feedback/*"),
        }
        assert allowed == (mine if one.resource.name == "compute-ai-instance" else set())


def test_p7_secrets_are_never_in_plain_sight(stack: Recording) -> None:
    """No secret in an output, in user data, or in an input that is not marked secret."""
    values = set(SECRETS.values())
    assert not any(value in text for value in values for text in texts(stack.outputs))
    for resource in stack.resources:
        for name, value in resource.inputs.items():
            if any(secret in text for secret in values for text in texts(value)):
                assert name in resource.secrets, f"{resource.name}.{name}"
    for template in stack.of("aws:ec2/launchTemplate:LaunchTemplate"):
        script = gzip.decompress(base64.b64decode(template.inputs["userData"])).decode()
        assert not any(value in script for value in values)


def test_p7_what_containers_read_exists(stack: Recording) -> None:
    contract = stack.outputs["contract"]
    names = {r.inputs["name"] for r in stack.of("aws:ssm/parameter:Parameter")}
    secrets = {r.inputs["name"] for r in stack.of("aws:secretsmanager/secret:Secret")}
    wanted = {name for tier in contract["tiers"] for name in tier["required_parameters"]}
    assert wanted == {name for name in names if "/config/" in name} != set()
    required = {name for tier in contract["tiers"] for name in tier["required_secrets"]}
    assert required <= secrets
    assert f"sportcoach/{stack.stack}/database" in required


def test_everything_is_protected_in_prod_and_nothing_elsewhere(stack: Recording) -> None:
    """A destroyed gateway, route or role ends the site as surely as a deleted database."""
    assert {r.urn for r in stack.resources if r.protect is not (stack.stack == "prod")} == set()
    for instance in stack.of("aws:rds/instance:Instance"):
        assert instance.inputs["deletionProtection"] is (stack.stack == "prod")
