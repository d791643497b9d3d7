"""Images that stay, people who may release, and a watchdog that is heard when it fails."""

from __future__ import annotations

import json
from typing import Any

from bluegreen.adapters.aws.permissions import PUBLISHING, actions_for
from bluegreen.contract import Contract
from tests.infra.documents import documents, listed
from tests.infra.iam import Request, allowed, statements_of
from tools.recording import Recording, evaluate, recorded, settings_of

PUSHES = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
}
READING = ("Decrypt", "Describe", "Get", "List", "Query")


def deleted(rules: list[dict[str, Any]], tags: set[str], age_days: int) -> bool:
    """Whether ECR would delete an image, alone in its repository.

    User guide, "How lifecycle policies work": rules apply in the order of their priority, and an image that
    matches the tagging of a rule cannot be deleted by a lower one, whatever its age.
    """
    for rule in sorted(rules, key=lambda one: int(one["rulePriority"])):
        selection = rule["selection"]
        prefixes = tuple(selection.get("tagPrefixList", ()))
        fits = any(tag.startswith(prefixes) for tag in tags) if prefixes else not tags
        if fits:
            old: bool = selection["countType"] == "sinceImagePushed" and age_days > selection["countNumber"]
            return old or (selection["countType"] == "imageCountMoreThan" and selection["countNumber"] < 1)
    return False


def test_p2_r5_images_are_scanned_when_they_are_pushed_and_tags_stay(stack: Recording) -> None:
    for repository in stack.of("aws:ecr/repository:Repository"):
        assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.inputs["imageTagMutability"].startswith("IMMUTABLE")


def test_p2_no_rule_deletes_a_release(stack: Recording) -> None:
    """Not even one that was built as a branch build and tagged again."""
    policies = stack.of("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    assert len(policies) == len(settings_of(stack.stack)["delivery"]["repositories"])
    for policy in policies:
        rules = json.loads(policy.inputs["policy"])["rules"]
        assert not deleted(rules, {"v1.4.0"}, 2000)
        assert not deleted(rules, {"v1.4.0", "build-main"}, 2000)
        assert deleted(rules, {"build-main"}, 31)
        assert deleted(rules, set(), 15)


def test_a1_every_call_of_a_push_is_allowed(stack: Recording) -> None:
    models = f"arn:aws:s3:::{stack.outputs['contract']['buckets']['models']}"
    wanted = {
        "s3:ListBucketMultipartUploads": models,
        "s3:ListMultipartUploadParts": f"{models}/models/v8/model.bin",
        "s3:PutObject": f"{models}/models/v8/model.bin",
    }
    assert {a for name in PUBLISHING["s3"] for a in actions_for("s3", name)} == set(wanted)
    statements = statements_of(stack, "delivery-plan")
    for action, resource in wanted.items():
        assert allowed(statements, Request(action=action, resource=resource, context={})), action
        elsewhere = resource.replace("-models", "-assets")
        assert not allowed(statements, Request(action=action, resource=elsewhere, context={})), action


def test_p1_the_plan_of_a_pipeline_reads_and_publishes_and_no_more(stack: Recording) -> None:
    """Reviewers decide on a plan: its job starts before they agree, so it must not be able to release."""
    statements = statements_of(stack, "delivery-plan")
    publishing = {*PUSHES, "s3:PutObject", "kms:GenerateDataKey"}
    actions = {action for one in statements for action in listed(one["Action"])}
    assert {a for a in actions if not a.partition(":")[2].startswith(READING)} <= publishing
    assert "secretsmanager:GetSecretValue" not in actions
    released = {action for one in statements_of(stack, "delivery-deploy") for action in listed(one["Action"])}
    assert actions <= released
    assert {a for a in released if a.partition(":")[2].startswith(READING)} - actions <= {
        "secretsmanager:GetSecretValue"
    }
    settings = settings_of(stack.stack)["delivery"]
    trust = json.loads(stack.one("aws:iam/role:Role", "delivery-plan").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    subject = f"repo:{settings['github_repository']}:environment:{settings['github_environment']}-plan"
    assert statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"] == subject
    assert stack.outputs["plan_role_arn"].endswith(f":role/sportcoach-{stack.stack}-plan")


def test_p2_prod_gets_the_very_images_that_test_has() -> None:
    source, target = recorded("test"), recorded("prod")
    (rules,) = (
        one.inputs["replicationConfiguration"]["rules"]
        for one in source.of("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    )
    (rule,) = rules
    copies = {(one["region"], one["registryId"]) for one in rule["destinations"]}
    account = settings_of("prod")["account_id"]
    assert {("ap-northeast-1", account), ("ap-southeast-1", account)} <= copies
    policies = target.of("aws:ecr/registryPolicy:RegistryPolicy")
    regions = {"main": "ap-northeast-1", "backup-region": "ap-southeast-1"}
    assert {str(one.provider) for one in policies} == set(regions)
    for policy in policies:
        (statement,) = json.loads(policy.inputs["policy"])["Statement"]
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{settings_of('test')['account_id']}:root"}
        assert set(statement["Action"]) == {"ecr:ReplicateImage", "ecr:CreateRepository"}
        assert len(statement["Resource"]) == 2
        place = f"arn:aws:ecr:{regions[str(policy.provider)]}:{account}:repository/sportcoach-"
        assert all(arn.startswith(place) for arn in statement["Resource"])
    assert not source.of("aws:ecr/registryPolicy:RegistryPolicy")


def test_s1_users_of_identity_center_can_release() -> None:
    """Their sessions carry no MFA keys: a condition on those would shut everyone out."""
    settings = settings_of("dev")
    settings["delivery"]["permission_set"] = "Release"
    trust = evaluate("dev", settings).one("aws:iam/role:Role", "delivery-operator").inputs["assumeRolePolicy"]
    (statement,) = json.loads(trust)["Statement"]
    assert statement["Condition"] == {
        "ArnLike": {
            "aws:PrincipalArn": "arn:aws:iam::111122225555:role/aws-reserved/sso.amazonaws.com/"
            "*AWSReservedSSO_Release_*"
        }
    }


def test_a_watchdog_that_fails_keeps_its_document_and_pages(stack: Recording) -> None:
    queue = stack.one("aws:sqs/queue:Queue", "delivery-watchdog-failed")
    contract = Contract.model_validate(stack.outputs["contract"])
    assert contract.watchdog.dead_letter_arn == queue.outputs["arn"]
    (role,) = [
        one
        for one in documents(stack, "aws:iam/rolePolicy:RolePolicy")
        if one.resource.name == "delivery-watchdog"
    ]
    sends = [s for s in role.statements if "sqs:SendMessage" in s["Action"]]
    assert [s["Resource"] for s in sends] == [[queue.outputs["arn"]]]
    (critical,) = [t.outputs["arn"] for t in stack.of("aws:sns/topic:Topic") if t.name == "alerts-critical"]
    alarms = {
        one.inputs["metricName"]: one.inputs
        for one in stack.of("aws:cloudwatch/metricAlarm:MetricAlarm")
        if one.name.startswith("alarms-watchdog-")
    }
    assert set(alarms) == {
        "ApproximateNumberOfMessagesVisible", "InvocationDroppedCount", "TargetErrorCount"
    }  # fmt: skip
    for name, alarm in alarms.items():
        of = (
            {"QueueName": queue.inputs["name"]}
            if name.startswith("Approx")
            else {"ScheduleGroup": contract.watchdog.schedule_group}
        )
        assert (alarm["dimensions"], alarm["threshold"], alarm["alarmActions"]) == (of, 0, [critical])


def test_the_account_owns_its_repositories_once() -> None:
    settings = settings_of("dev") | {"account_wide": False}
    assert not evaluate("dev", settings).of("aws:ecr/repository:Repository")
    assert recorded("dev").of("aws:ecr/repository:Repository")
