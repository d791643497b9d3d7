"""`ports.Rehearsals` over DynamoDB: one item a rehearsal, which keeps what is known of it so far."""

from __future__ import annotations

import json

from bluegreen.adapters.aws.state.items import PK, SK, pack, stack_partition, unpack
from bluegreen.adapters.aws.state.table import Table
from bluegreen.domain.document import from_document, to_document
from bluegreen.domain.rehearsal import Rehearsal
from bluegreen.text import clean

_PREFIX, _NEWEST = "rehearsal#", 50


class DynamoRehearsals:
    """The rehearsals of one stack."""

    def __init__(self, table: Table, stack: str) -> None:
        self._table, self._partition = table, stack_partition(stack)

    def newest(self) -> tuple[Rehearsal, ...]:
        found = self._table.query(self._partition, _PREFIX, "rehearsal$", newest=True, limit=_NEWEST)
        return tuple(clean(from_document(Rehearsal, json.loads(unpack(one)["data"]))) for one in found)

    def put(self, rehearsal: Rehearsal) -> None:
        key = pack({PK: self._partition, SK: f"{_PREFIX}{rehearsal.began_at:017.6f}"})
        self._table.update(
            key,
            UpdateExpression="SET #data = :data",
            ExpressionAttributeNames={"#data": "data"},
            ExpressionAttributeValues=pack({":data": json.dumps(to_document(rehearsal), sort_keys=True)}),
        )
