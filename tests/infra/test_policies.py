"""Policies as IAM takes them: actions that exist, documents that fit, statements that are told apart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from tests.infra.documents import IDENTITY, Document, documents, listed
from tools.recording import Recording

# Characters, without white space (IAM user guide, "IAM and AWS STS quotas"; KMS, S3 and SNS quotas).
LIMITS = {
    "aws:iam/policy:Policy": 6_144,
    "aws:iam/role:Role": 2_048,
    "aws:kms/key:Key": 32_768,
    "aws:s3/bucketPolicy:BucketPolicy": 20_480,
    "aws:sns/topicPolicy:TopicPolicy": 30_720,
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": 5_120,
}
INLINE_OF_A_ROLE = 10_240
MANAGED_OF_A_ROLE = 10


@cache
def services() -> Mapping[str, Any]:
    """Actions and resources by service prefix, in lower case, as cfn-lint takes them from AWS's reference."""
    text = (resources.files("cfnlint.data") / "AdditionalSpecs" / "Policies.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def known_actions(prefix: str) -> Mapping[str, Any]:
    return dict(services().get(prefix, {}).get("Actions", {}))


def unknown(one: Document) -> list[str]:
    """Actions of a document that no service has; a wildcard must match one at least."""
    wrong = []
    for statement in one.statements:
        for action in listed(statement["Action"]):
            prefix, _, name = action.lower().partition(":")
            pattern = re.compile(re.escape(name).replace(r"\*", ".*"))
            if not any(pattern.fullmatch(known) for known in known_actions(prefix)):
                wrong.append(f"{one.resource.name}: {action}")
    return wrong


def test_every_action_exists(stack: Recording) -> None:
    found = list(documents(stack))
    assert len(found) > 20
    assert [wrong for one in found for wrong in unknown(one)] == []


def test_the_check_of_actions_bites(prod: Recording) -> None:
    (resource, *_) = prod.of("aws:iam/role:Role")

    def with_action(action: str) -> Document:
        return Document(resource=resource, text=json.dumps({"Statement": [{"Action": action}]}))

    assert unknown(with_action("s3:GetObjct")) == [f"{resource.name}: s3:GetObjct"]
    assert unknown(with_action("elbv2:ModifyRule")) != []
    assert unknown(with_action("kms:ReEncrypt*")) == []


def misdirected(one: Document) -> list[str]:
    """Actions whose statement names no resource that they act on, or one although they take none.

    IAM accepts such a statement and it grants nothing.
    """
    wrong = []
    for statement in one.statements:
        named = listed(statement["Resource"])
        for action in listed(statement["Action"]):
            prefix, _, name = action.lower().partition(":")
            kinds = known_actions(prefix)[name].get("Resources", [])
            forms = [
                re.sub(r"\$\{[^}]*\}", ".*", form)
                for kind in kinds
                for form in services()[prefix]["Resources"][kind.rstrip("*").lower()]["ARNFormats"]
            ]
            samples = [resource.replace("*", "x").replace("?", "x") for resource in named]
            fits = any(re.fullmatch(form, sample) for form in forms for sample in samples)
            if named != ["*"] and not fits:
                wrong.append(
                    f"{one.resource.name}: {action} on {named} (takes: {', '.join(kinds) or 'none'})"
                )
    return wrong


def test_every_grant_names_a_resource_that_its_action_takes(stack: Recording) -> None:
    assert [wrong for one in documents(stack, *IDENTITY) for wrong in misdirected(one)] == []


def test_the_check_of_resources_bites(prod: Recording) -> None:
    (resource, *_) = prod.of("aws:iam/role:Role")

    def grant(action: str, arn: str) -> Document:
        statement = {"Action": [action], "Resource": [arn]}
        return Document(resource=resource, text=json.dumps({"Statement": [statement]}))

    (wrong,) = misdirected(grant("scheduler:ListSchedules", "arn:aws:scheduler:eu-west-1:1:schedule/a/b"))
    assert "takes: none" in wrong
    listener = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/a/b/c"
    assert misdirected(grant("elasticloadbalancing:ModifyRule", listener))
    assert misdirected(grant("elasticloadbalancing:CreateRule", listener)) == []


def characters(text: str) -> int:
    return len(re.sub(r"\s", "", text))


def test_documents_fit(stack: Recording) -> None:
    for kind, limit in LIMITS.items():
        for one in documents(stack, kind):
            assert characters(one.text) <= limit, (one.resource.name, characters(one.text))


def test_roles_take_their_policies(stack: Recording) -> None:
    inline: dict[str, int] = {}
    for one in documents(stack, "aws:iam/rolePolicy:RolePolicy"):
        role = one.resource.inputs["role"]
        inline[role] = inline.get(role, 0) + characters(one.text)
    assert max(inline.values()) <= INLINE_OF_A_ROLE
    attached: dict[str, int] = {}
    for link in stack.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        attached[link.inputs["role"]] = attached.get(link.inputs["role"], 0) + 1
    assert max(attached.values()) <= MANAGED_OF_A_ROLE


def test_policies_that_aws_keeps_are_only_those_its_services_need(stack: Recording) -> None:
    own = {policy.outputs["arn"] for policy in stack.of("aws:iam/policy:Policy")}
    links = stack.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    foreign = {link.inputs["policyArn"].removeprefix("arn:aws:iam::aws:policy/") for link in links} - own
    assert foreign <= {
        "AmazonSSMManagedInstanceCore",
        "AWSBackupServiceRolePolicyForS3Backup",
        "AWSBackupServiceRolePolicyForS3Restore",
        "CloudWatchReadOnlyAccess",
        "EC2InstanceProfileForImageBuilder",
        "service-role/AmazonRDSEnhancedMonitoringRole",
        "service-role/AWSBackupServiceRolePolicyForBackup",
        "service-role/AWSBackupServiceRolePolicyForRestores",
    }


def test_statement_ids_are_unique_and_of_letters_and_digits(stack: Recording) -> None:
    for one in documents(stack):
        ids = [statement["Sid"] for statement in one.statements if "Sid" in statement]
        assert len(set(ids)) == len(ids), one.resource.name
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in ids), one.resource.name


def test_policies_of_resources_name_their_principals(stack: Recording) -> None:
    """And those of identities have none."""
    for one in documents(stack):
        needs = one.resource.type not in IDENTITY
        assert all(("Principal" in statement) is needs for statement in one.statements), one.resource.name
        assert json.loads(one.text)["Version"] == "2012-10-17"


def test_only_denials_and_bounded_grants_are_for_everyone(stack: Recording) -> None:
    def everyone(principal: Any) -> bool:
        return principal == "*" or (isinstance(principal, dict) and principal.get("AWS") == "*")

    for one in documents(stack):
        for statement in one.statements:
            if everyone(statement.get("Principal")) and statement["Effect"] == "Allow":
                assert "kms:CallerAccount" in statement["Condition"]["StringEquals"], one.resource.name


def test_eventbridge_reaches_the_topics(stack: Recording) -> None:
    """It sends no source to an encrypted topic: a condition would drop every security finding."""
    topics = {t.outputs["arn"]: t.inputs["kmsMasterKeyId"] for t in stack.of("aws:sns/topic:Topic")}
    policies = {d.resource.inputs["arn"]: d for d in documents(stack, "aws:sns/topicPolicy:TopicPolicy")}
    keys = {d.resource.outputs["arn"]: d for d in documents(stack, "aws:kms/key:Key")}
    for target in stack.of("aws:cloudwatch/eventTarget:EventTarget"):
        topic = target.inputs["arn"]
        for document in (policies[topic], keys[topics[topic]]):
            grants = [s for s in document.statements if "events.amazonaws.com" in str(s["Principal"])]
            assert [("Condition" in grant) for grant in grants] == [False]
