"""What `sc-deploy db` needs beyond a release: instances restored from snapshots, and the swap of names (R8).

No pipeline has it. Whoever may change a DB instance may give its owner another password, so this is a role
of its own that people take for a rehearsal or a restore, with everything that a release may do.
"""

from __future__ import annotations

from functools import partial

from bluegreen.contract import MANAGED_BY, Tag
from infra.documents.deploy_scope import DeployScope
from infra.documents.policies import Statement, allow
from infra.environment import Environment

RESTORE_PATHS = {
    "the database's password": "A new name is ModifyDBInstance, which no condition tells from a password;"
    " people with MFA alone, and CloudTrail has each call",
    "a database of its own": "A rehearsal is one: from the stack's own snapshots, under two names",
    "a grant on a key": "For RDS alone, on the keys of the stack, as every encrypted instance needs one",
}
"""Known ways to the rights of others that only a restore needs, each with what holds it down."""


def restore_policy(environment: Environment, scope: DeployScope) -> list[Statement]:
    """What is deleted has a name that only sc-deploy gives, and its tag: never the database or an old one."""
    arn, database = partial(environment.arn, "rds"), f"db:{scope.database}"
    made = [arn(f"{database}-rehearsal"), arn(f"{database}-restore-*")]
    snapshots = [arn(f"snapshot:sc-{environment.stack}-*"), arn(f"snapshot:rds:{scope.database}-*")]
    ours = {"StringEquals": {f"aws:ResourceTag/{Tag.MANAGED_BY}": MANAGED_BY}}
    grant = {
        "StringEquals": {"kms:ViaService": f"rds.{environment.region}.amazonaws.com"},
        "Bool": {"kms:GrantIsForAWSResource": "true"},
    }
    return [
        allow(["rds:DescribeDBInstances"], [arn(database), arn(f"{database}-*")], sid="Databases"),
        allow(["rds:DescribeDBSnapshots"], snapshots, sid="Nightly"),
        allow(
            ["rds:RestoreDBInstanceFromDBSnapshot"],
            [*made, *snapshots, *(arn(f"{kind}:*") for kind in ("og", "pg", "subgrp"))],
            sid="Restore",
        ),
        allow(["rds:AddTagsToResource"], made, sid="TagRestored"),
        allow(["rds:ModifyDBInstance"], [arn(database), made[1]], sid="Rename"),
        allow(["rds:DeleteDBInstance"], made, sid="Remove", condition=ours),
        allow(["kms:CreateGrant"], list(scope.keys), sid="DatabaseKey", condition=grant),
    ]
