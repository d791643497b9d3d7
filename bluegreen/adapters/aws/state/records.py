"""Records over DynamoDB: one item each, which keeps what is known of it so far. Rehearsals and restores."""

from __future__ import annotations

import json
from typing import Generic, TypeVar

from bluegreen.adapters.aws.state.items import PK, SK, pack, stack_partition, unpack
from bluegreen.adapters.aws.state.table import Table
from bluegreen.domain.document import from_document, to_document
from bluegreen.domain.rehearsal import Rehearsal
from bluegreen.domain.restoration import Restoration
from bluegreen.text import clean

T = TypeVar("T", Rehearsal, Restoration)

_NEWEST = 50


class DynamoRecords(Generic[T]):
    """The records of one stack and one kind."""

    def __init__(self, table: Table, stack: str, kind: type[T]) -> None:
        self._table, self._partition = table, stack_partition(stack)
        self._kind: type[T] = kind
        self._name = kind.__name__.lower()

    def newest(self) -> tuple[T, ...]:
        found = self._table.query(
            self._partition, f"{self._name}#", f"{self._name}$", newest=True, limit=_NEWEST
        )
        return tuple(clean(from_document(self._kind, json.loads(unpack(one)["data"]))) for one in found)

    def put(self, record: T) -> None:
        key = pack({PK: self._partition, SK: f"{self._name}#{record.began_at:017.6f}"})
        self._table.update(
            key,
            UpdateExpression="SET #data = :data",
            ExpressionAttributeNames={"#data": "data"},
            ExpressionAttributeValues=pack({":data": json.dumps(to_document(record), sort_keys=True)}),
        )
