"""`ports.Bans` over DynamoDB: one item a version. A ban moves no traffic, so it needs no lease."""

from __future__ import annotations

import json
from typing import Any

from bluegreen.adapters.aws.state.items import PK, SK, Item, pack, stack_partition, unpack
from bluegreen.adapters.aws.state.table import Table
from bluegreen.domain.document import from_document, to_document
from bluegreen.domain.security import Ban

_PREFIX = "ban#"


class DynamoBans:
    """The bans of one stack."""

    def __init__(self, table: Table, stack: str) -> None:
        self._table, self._partition = table, stack_partition(stack)

    def all(self) -> tuple[Ban, ...]:
        found = self._table.query(self._partition, _PREFIX, "ban$")
        return tuple(_ban(item) for item in found if "data" in item)

    def add(self, ban: Ban) -> None:
        self._update(ban.version, "SET #data = :data", {"data": json.dumps(to_document(ban), sort_keys=True)})

    def lift(self, version: str) -> None:
        # The item stays: a deploy role that cannot delete from the state table cannot lose a journal.
        self._update(version, "REMOVE #data", {})

    def _update(self, version: str, change: str, values: dict[str, Any]) -> None:
        named: dict[str, Any] = {"ExpressionAttributeNames": {"#data": "data"}}
        if values:
            named["ExpressionAttributeValues"] = pack({f":{name}": value for name, value in values.items()})
        key = pack({PK: self._partition, SK: f"{_PREFIX}{version}"})
        self._table.update(key, UpdateExpression=change, **named)


def _ban(item: Item) -> Ban:
    return from_document(Ban, json.loads(unpack(item)["data"]))
