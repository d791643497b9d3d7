"""The master user of a new server: as on RDS it may make roles and databases, and is no superuser."""

from __future__ import annotations

import asyncio

import asyncpg

from bluegreen.lab.cloud.rds.servers import Login
from bluegreen.lab.database.programs import DatabaseFailed
from bluegreen.lab.database.server import ADMIN

_RIGHTS = "pg_monitor, pg_signal_backend, pg_checkpoint"
"""Of those that RDS's rds_superuser has, what PostgreSQL has roles for."""


def make_login(port: int, admin_password: str, login: Login) -> None:
    """Make the user of `login`, and its database; raises DatabaseFailed."""
    asyncio.run(_make(port, admin_password, login))


async def _make(port: int, admin_password: str, login: Login) -> None:
    user = quoted(login.user, '"')
    statements = [
        f"CREATE ROLE {user} LOGIN CREATEDB CREATEROLE PASSWORD {quoted(login.password, chr(39))}",
        f"GRANT {_RIGHTS} TO {user}",
    ]
    if login.database:
        statements.append(f"CREATE DATABASE {quoted(login.database, chr(34))} OWNER {user}")
    try:
        admin = await asyncpg.connect(
            host="127.0.0.1", port=port, user=ADMIN, password=admin_password, database="postgres", ssl=False
        )
        try:
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseFailed(f"the master user could not be made: {error}") from error


def quoted(text: str, mark: str) -> str:
    """`text` as an identifier (mark `"`) or a literal (mark `'`); these statements take no parameters."""
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"
