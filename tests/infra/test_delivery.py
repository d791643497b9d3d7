"""Images that stay, people who may release, and a watchdog that is heard when it fails."""

from __future__ import annotations

import json
from typing import Any

from bluegreen.contract import Contract
from tests.infra.documents import documents
from tools.recording import Recording, evaluate, recorded, settings_of


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
