"""No role of the stack takes a known way to the rights of another one, or to a secret, but what is accepted.

The ways are those that linters of policies (parliament, cloudsplaining) look for, and those that lead to a
secret on a host or in the database. What holds down those that are accepted is in `tests/test_contract.py`
and `tests/infra/test_tasks.py`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from infra.documents.deploy_policy import ACCEPTED_PATHS
from infra.documents.restore_policy import RESTORE_PATHS
from tests.infra.documents import listed
from tests.infra.iam import statements_of
from tools.recording import Recording, recorded

PASS = "iam:PassRole"
WAYS: dict[str, tuple[str, ...]] = {
    "a host of its own with a role": (PASS, "ec2:RunInstances"),
    "a fleet of its own with a role": (PASS, "autoscaling:CreateAutoScalingGroup"),
    "a schedule with a role": (PASS, "scheduler:CreateSchedule"),
    "a command on a host": ("ssm:SendCommand",),
    "other user data, template": ("ec2:CreateLaunchTemplateVersion",),
    "other user data, default of a template": ("ec2:ModifyLaunchTemplate",),
    "other user data, configuration": ("autoscaling:CreateLaunchConfiguration",),
    "other user data, host": ("ec2:ModifyInstanceAttribute",),
    "another role on a host": ("ec2:ReplaceIamInstanceProfileAssociation",),
    "a role on a host without one": ("ec2:AssociateIamInstanceProfile",),
    "another role in a profile": ("iam:AddRoleToInstanceProfile",),
    "a session on a host": ("ssm:StartSession",),
    "a session that is open": ("ssm:ResumeSession",),
    "a key for a host": ("ec2-instance-connect:SendSSHPublicKey",),
    "another document": ("ssm:UpdateDocument",),
    "a document of its own": ("ssm:CreateDocument",),
    "an association": ("ssm:CreateAssociation",),
    "an automation with a role": ("ssm:StartAutomationExecution",),
    "another role": ("sts:AssumeRole",),
    "who assumes a role": ("iam:UpdateAssumeRolePolicy",),
    "a policy's version": ("iam:CreatePolicyVersion",),
    "a policy's default": ("iam:SetDefaultPolicyVersion",),
    "a role's policy": ("iam:PutRolePolicy",),
    "a role's attached policy": ("iam:AttachRolePolicy",),
    "a user's policy": ("iam:PutUserPolicy",),
    "a user's attached policy": ("iam:AttachUserPolicy",),
    "a group's policy": ("iam:PutGroupPolicy",),
    "a group's attached policy": ("iam:AttachGroupPolicy",),
    "a group": ("iam:AddUserToGroup",),
    "another's key": ("iam:CreateAccessKey",),
    "another's password": ("iam:CreateLoginProfile",),
    "another's new password": ("iam:UpdateLoginProfile",),
    "a function with a role": (PASS, "lambda:CreateFunction"),
    "another's function": ("lambda:UpdateFunctionCode",),
    "a task with a role": (PASS, "ecs:RunTask"),
    "a build with a role": (PASS, "codebuild:CreateProject"),
    "a template with a role": (PASS, "cloudformation:CreateStack"),
    "a rule with a role": (PASS, "events:PutTargets"),
    "a workflow with a role": (PASS, "states:CreateStateMachine"),
    "a notebook with a role": (PASS, "sagemaker:CreateNotebookInstance"),
    "an endpoint with a role": (PASS, "glue:CreateDevEndpoint"),
    "a pipeline with a role": (PASS, "datapipeline:CreatePipeline"),
    "who reads a secret": ("secretsmanager:PutResourcePolicy",),
    "who uses a key": ("kms:PutKeyPolicy",),
    "a grant on a key": ("kms:CreateGrant",),
    "the database's password": ("rds:ModifyDBInstance",),
    "a database of its own": ("rds:RestoreDBInstanceFromDBSnapshot",),
    "a snapshot for others": ("rds:ModifyDBSnapshotAttribute",),
}
RELEASES, RESTORER = ("delivery-deploy", "delivery-operator"), "delivery-restore"


def taken(recording: Recording, role: str) -> set[str]:
    """The ways of which the role has every action on something, under whatever condition."""
    patterns = {
        action.lower()
        for statement in statements_of(recording, role)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    }

    def has(action: str) -> bool:
        return any(fnmatchcase(action.lower(), pattern) for pattern in patterns)

    return {way for way, actions in WAYS.items() if all(has(action) for action in actions)}


@pytest.mark.parametrize("role", RELEASES)
def test_a_release_takes_only_the_ways_that_are_accepted(stack: Recording, role: str) -> None:
    assert taken(stack, role) == set(ACCEPTED_PATHS)


def test_a_restore_takes_those_and_its_own(stack: Recording) -> None:
    assert taken(stack, RESTORER) == set(ACCEPTED_PATHS) | set(RESTORE_PATHS)


def test_no_other_role_takes_any(stack: Recording) -> None:
    others = [one.name for one in stack.of("aws:iam/role:Role") if one.name not in (*RELEASES, RESTORER)]
    assert len(others) > 4
    assert {name: ways for name in others if (ways := taken(stack, name))} == {}


def test_each_is_accepted_with_a_reason() -> None:
    assert [way for way, reason in {**ACCEPTED_PATHS, **RESTORE_PATHS}.items() if len(reason) < 30] == []


def test_wildcards_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]
    monkeypatch.setattr("tests.infra.test_escalation.statements_of", lambda *_: everything)
    assert {"a role's policy", "another's key"} <= taken(recorded("dev"), "delivery-deploy")
