"""The stack's database: an RDS instance and the secret that applications read.

The Pulumi program makes the same of a real stack (`infra/components/database.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bluegreen.errors import DeployError

NAME = USER = "sportcoach"
_MOST_SECONDS = 180.0
_POLL_SECONDS = 0.05


def identifier(stack: str) -> str:
    """Of the DB instance."""
    return f"sportcoach-{stack}"


def database_secret(stack: str) -> str:
    """The Secrets Manager name."""
    return f"sportcoach/{stack}/database"


def url_of(secret: Mapping[str, Any]) -> str:
    """The connection string of what the secret holds, for libpq and every client library."""
    password = quote(secret["password"], safe="")
    address = f"{secret['host']}:{secret['port']}"
    return f"postgresql://{secret['username']}:{password}@{address}/{secret['dbname']}"


def begin(session: Any, stack: str, password: str) -> None:
    """Ask for the instance; raises botocore's errors."""
    session.client("rds").create_db_instance(
        DBInstanceIdentifier=identifier(stack),
        DBInstanceClass="db.r6g.large",
        Engine="postgres",
        AllocatedStorage=100,
        BackupRetentionPeriod=7,
        DBName=NAME,
        MasterUsername=USER,
        MasterUserPassword=password,
        Tags=[{"Key": "sportcoach:stack", "Value": stack}],
    )


def complete(session: Any, stack: str, password: str) -> str:
    """Wait for the instance and write its secret; its URL. Raises DeployError where it fails."""
    rds, deadline = session.client("rds"), time.monotonic() + _MOST_SECONDS
    while (one := _described(rds, stack))["DBInstanceStatus"] == "creating" and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if one["DBInstanceStatus"] != "available":
        raise DeployError(f"the database {identifier(stack)} is {one['DBInstanceStatus']}")
    secret = {
        "engine": "postgres",
        "host": one["Endpoint"]["Address"],
        "port": one["Endpoint"]["Port"],
        "dbname": NAME,
        "username": USER,
        "password": password,
    }
    session.client("secretsmanager").create_secret(
        Name=database_secret(stack), SecretString=json.dumps(secret)
    )
    return url_of(secret)


def _described(rds: Any, stack: str) -> Mapping[str, Any]:
    found = rds.describe_db_instances(DBInstanceIdentifier=identifier(stack))
    one: Mapping[str, Any] = found["DBInstances"][0]
    return one
