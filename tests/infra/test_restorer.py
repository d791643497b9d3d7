"""Who may restore the database: people, with the calls of `sc-deploy db`, and nothing of another stack."""

from __future__ import annotations

import json

import pytest

from bluegreen.adapters.aws.permissions import RESTORING, actions_for
from bluegreen.contract import MANAGED_BY, Tag
from tests.infra.iam import Request, allowed, statements_of
from tools.recording import Recording

ROLE = "delivery-restore"
CONTEXT = {
    f"aws:ResourceTag/{Tag.MANAGED_BY}": MANAGED_BY,
    "kms:ViaService": "rds.ap-northeast-1.amazonaws.com",
    "kms:GrantIsForAWSResource": "true",
}


def arn(stack: Recording, kind: str, name: str) -> str:
    account = stack.outputs["contract"]["account_id"]
    return f"arn:aws:rds:ap-northeast-1:{account}:{kind}:{name}"


def may(stack: Recording, action: str, resource: str, role: str = ROLE, **context: str) -> bool:
    request = Request(action=action, resource=resource, context=CONTEXT | context)
    return allowed(statements_of(stack, role), request)


def test_r8_every_call_of_a_restore_is_allowed(stack: Recording) -> None:
    database = f"sportcoach-{stack.stack}"
    own, made = arn(stack, "db", database), [f"{database}-rehearsal", f"{database}-restore-202611271015"]
    snapshots = [f"sc-{stack.stack}-before-42", f"rds:{database}-2026-11-27-17-35"]
    key = stack.one("aws:kms/key:Key", "encryption-data").outputs["arn"]
    on = {
        "rds:AddTagsToResource": [arn(stack, "db", one) for one in made],
        "rds:DeleteDBInstance": [arn(stack, "db", one) for one in made],
        "rds:DescribeDBInstances": [own, *(arn(stack, "db", one) for one in made)],
        "rds:ModifyDBInstance": [own, arn(stack, "db", made[1])],
        "rds:RestoreDBInstanceFromDBSnapshot": [
            *(arn(stack, "db", one) for one in made),
            *(arn(stack, "snapshot", one) for one in snapshots),
            arn(stack, "subgrp", "database-1234"),
            arn(stack, "pg", "database-1234"),
        ],
        "kms:CreateGrant": [key],
    }
    asked = {a for one, names in RESTORING.items() for name in names for a in actions_for(one, name)}
    assert asked == set(on)
    refused = [(one, name) for one, names in on.items() for name in names if not may(stack, one, name)]
    assert refused == []


def test_neither_the_database_nor_an_old_one_can_be_deleted(stack: Recording) -> None:
    database = f"sportcoach-{stack.stack}"
    for name in (database, f"{database}-old-202611271015", f"{database}-replica", "sportcoach-other"):
        assert not may(stack, "rds:DeleteDBInstance", arn(stack, "db", name)), name
    restored = arn(stack, "db", f"{database}-restore-202611271015")
    assert not may(stack, "rds:DeleteDBInstance", restored, **{f"aws:ResourceTag/{Tag.MANAGED_BY}": "pulumi"})


def test_nothing_of_another_stack_is_restored_or_renamed(stack: Recording) -> None:
    theirs = arn(stack, "snapshot", "sc-other-before-42")
    assert not may(stack, "rds:RestoreDBInstanceFromDBSnapshot", theirs)
    assert not may(stack, "rds:ModifyDBInstance", arn(stack, "db", "sportcoach-other"))


@pytest.mark.parametrize("role", ["delivery-deploy", "delivery-operator", "delivery-plan"])
def test_no_pipeline_and_no_release_may_restore(stack: Recording, role: str) -> None:
    database = f"sportcoach-{stack.stack}"
    for action in ("rds:ModifyDBInstance", "rds:DeleteDBInstance", "rds:RestoreDBInstanceFromDBSnapshot"):
        for name in (database, f"{database}-rehearsal"):
            assert not may(stack, action, arn(stack, "db", name), role), action


def test_people_take_the_role_as_they_take_the_operators(stack: Recording) -> None:
    roles = [stack.one("aws:iam/role:Role", one) for one in (ROLE, "delivery-operator")]
    restore, operator = (json.loads(one.inputs["assumeRolePolicy"]) for one in roles)
    assert restore == operator
    assert stack.outputs["restore_role_arn"].endswith(f":role/sportcoach-{stack.stack}-restore")
