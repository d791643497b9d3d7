"""What the lab's application keeps in its database: users and their feedback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg

from bluegreen.lab.load.writes import WritesSeen

USERS = 100
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS users (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO users SELECT n, 'athlete ' || n FROM generate_series(1, {USERS}) n ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS feedback (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL, -- the client's; not unique, so that a write that was carried out twice is two rows
    user_id integer NOT NULL REFERENCES users,
    text text NOT NULL,
    version text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS feedback_id ON feedback (id);
"""
_SECONDS = 30.0


def prepare(url: str) -> None:
    """Make the tables, as the first migration of the application does. Raises OSError, asyncpg's errors."""
    asyncio.run(_execute(url))


async def _execute(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=_SECONDS, ssl=False)
    try:
        await connection.execute(_SCHEMA)
    finally:
        await connection.close()


def compare(url: str, writes: Mapping[str, Any]) -> WritesSeen:
    """What became of the writes that a load reports (`load.writes.Writes.document`), told by their rows.

    Raises OSError and asyncpg's errors where the database does not answer.
    """
    rows = asyncio.run(_rows(url, writes["run"]))
    unknown = set(writes["unacknowledged"])
    acknowledged = [number for number in range(writes["sent"]) if number not in unknown]
    return WritesSeen(
        sent=writes["sent"],
        acknowledged=len(acknowledged),
        lost=sum(number not in rows for number in acknowledged),
        doubled=sum(count > 1 for count in rows.values()),
    )


async def _rows(url: str, run: str) -> dict[int, int]:
    """How many rows there are of each write of `run`, by its number."""
    connection = await asyncpg.connect(url, timeout=_SECONDS, ssl=False)
    try:
        found = await connection.fetch(
            "SELECT id, count(*) AS count FROM feedback WHERE id LIKE $1 GROUP BY id", f"{run}-%"
        )
    finally:
        await connection.close()
    return {int(row["id"].rpartition("-")[2]): row["count"] for row in found}
