"""The application's rows: a small pool of connections to its database, made when they are needed."""

from __future__ import annotations

import contextlib
import json

import asyncpg

from bluegreen.lab.app.routes import Answer

_CONNECTIONS = 4
_SECONDS = 5.0
"""For a connection, and for a statement, on a busy machine. A server that is down refuses at once."""
_STATUS = {"08": 503, "53": 503, "57": 503, "22": 400, "23": 409}
"""By SQLSTATE class: connection lost, no resources, shut down by its operator; bad data, unknown user."""


async def _nothing_to_reset(_: object) -> None:
    """No statement here changes its session, and asyncpg's own reset would be a second round trip."""


class Rows:
    """Reads and writes; where the database is away the answer is 503, and the next one is tried anew."""

    def __init__(self, url: str, version: str) -> None:
        self._version = version
        self._pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=_CONNECTIONS,
            timeout=_SECONDS,
            command_timeout=_SECONDS,
            ssl=False,
            reset=_nothing_to_reset,
        )

    async def open(self) -> None:
        """Make the pool ready, without a connection: it does not wait for the database."""
        await self._pool

    async def connect(self) -> None:
        """Make one connection before it is needed, if that is possible."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with self._pool.acquire(timeout=_SECONDS):
                pass

    def close(self) -> None:
        """Drop the connections; call it when nothing is under way any more."""
        self._pool.terminate()

    async def write(self, body: bytes) -> Answer:
        """Insert one row of feedback, without asking whether it is there: as often as it is called."""
        try:
            given = json.loads(body)
            key, user, text = str(given["id"]), int(given["user"]), str(given["text"])
        except (ValueError, KeyError, TypeError):
            return 400, {"error": 'expected {"id": ..., "user": ..., "text": ...}'}
        sql = "INSERT INTO feedback (id, user_id, text, version) VALUES ($1, $2, $3, $4)"
        status, _ = await self._ask(sql, key, user, text, self._version)
        return (201, {"id": key}) if status == 200 else (status, {"error": "not written"})

    async def count(self, key: str) -> Answer:
        """How many rows of feedback have the id `key`."""
        status, rows = await self._ask("SELECT count(*) AS rows FROM feedback WHERE id = $1", key)
        return status, {"id": key, **rows[0]} if rows else {"error": "not read"}

    async def user(self, number: str) -> Answer:
        """The user with this number."""
        if not number.isdecimal() or int(number) >= 2**31:
            return 400, {"error": "expected the number of a user"}
        status, rows = await self._ask("SELECT id, name FROM users WHERE id = $1", int(number))
        if status == 200 and not rows:
            return 404, {"error": "no such user"}
        return status, rows[0] if rows else {"error": "not read"}

    async def _ask(self, sql: str, *given: object) -> tuple[int, list[dict[str, object]]]:
        try:
            async with self._pool.acquire(timeout=_SECONDS) as connection:
                return 200, [dict(row) for row in await connection.fetch(sql, *given)]
        except asyncpg.PostgresError as error:
            return _STATUS.get((error.sqlstate or "")[:2], 500), []
        except (OSError, asyncpg.InterfaceError):  # TimeoutError is an OSError
            return 503, []
