"""`ports.Journal` over DynamoDB: every write is one transaction with a check of the lease's token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bluegreen.adapters.aws.state.items import (
    PK,
    Item,
    deployment_key,
    document_items,
    entry_from,
    entry_item,
    entry_key,
    header_from,
    header_item,
    run_partition,
    stack_partition,
    unpack,
)
from bluegreen.adapters.aws.state.lease import lease_lost, token_check
from bluegreen.adapters.aws.state.table import Cancelled, Table
from bluegreen.adapters.threads import parallel
from bluegreen.domain.journal import Entry, Header
from bluegreen.errors import Refused

_CHUNK = 99
"""TransactWriteItems takes 100 items, and one of them is the check of the lease."""
_CHUNK_BYTES = 3_000_000
"""A transaction holds 4 MB."""


class DynamoJournal:
    """The journal of one stack."""

    def __init__(self, table: Table, stack: str) -> None:
        self._table, self._stack = table, stack

    def create(self, header: Header, *, token: int) -> None:
        for items in _chunks([header_item(header), *document_items(header)]):
            self._put_new(items, token, f"deployment {header.number} of stack {self._stack}")

    def append(self, number: int, entries: Sequence[Entry], *, token: int) -> None:
        """Write the entries in order; up to 99 are all or nothing, of more a beginning may be written.

        Transactions on one lease item exclude each other: entries of several threads are cheaper together.
        """
        for items in _chunks([entry_item(self._stack, number, entry) for entry in entries]):
            self._put_new(items, token, f"journal of deployment {number} of stack {self._stack}")

    def _put_new(self, items: Sequence[Item], token: int, what: str) -> None:
        """Put items that must not exist; those that exist with the same content were ours."""
        try:
            self._put(items, token, "attribute_not_exists(#pk)")
        except Cancelled as error:
            # An earlier attempt took effect though its answer was lost: then everything is as we want it.
            if all(unpack(items[position - 1]) == unpack(found) for position, found in error.failed.items()):
                return
            raise Refused(
                f"the {what} already has other content there", next_step="look at `sc-deploy history`"
            ) from error

    def close(self, header: Header, *, token: int) -> None:
        """Write the deployment's state; raises LeaseLost, or Refused where it was never opened."""
        try:
            self._put([header_item(header)], token, "attribute_exists(#pk)")
        except Cancelled as error:
            raise Refused(f"deployment {header.number} of stack {self._stack} was never opened") from error

    def _put(self, items: Sequence[Item], token: int, condition: str) -> None:
        """Put the items where `condition` holds for each; raises LeaseLost or Cancelled."""
        about = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#pk": PK},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        puts = [{"Put": {"Item": item, **about}} for item in items]
        try:
            self._table.transact([token_check(self._stack, token), *puts])
        except Cancelled as error:
            if 0 in error.failed:
                raise lease_lost(self._stack, error.failed[0]) from error
            raise

    def header(self, number: int) -> Header | None:
        partition = run_partition(self._stack, number)
        reads: list[Callable[[], Any]] = [
            lambda: self._table.get(deployment_key(self._stack, number)),
            lambda: self._table.query(partition, "document#", "document$"),
        ]
        item, parts = parallel(reads)
        return header_from(item, parts) if item else None

    def entries(self, number: int, *, after: int = 0) -> tuple[Entry, ...]:
        partition = run_partition(self._stack, number)
        found = self._table.query(partition, entry_key(after + 1), entry_key(999_999_999))
        return tuple(entry_from(number, item) for item in found)

    def history(self, *, limit: int = 20) -> tuple[Header, ...]:
        partition = stack_partition(self._stack)
        found = self._table.query(partition, "deployment#", "deployment$", newest=True, limit=limit)
        return tuple(header_from(item) for item in found)


def _chunks(items: Sequence[Item]) -> list[list[Item]]:
    """Items in order, in groups that one transaction takes."""
    chunks: list[list[Item]] = [[]]
    size = 0
    for item in items:
        weight = sum(
            len(name) + len(next(iter(value.values()))) for name, value in item.items() if "BOOL" not in value
        )
        if len(chunks[-1]) == _CHUNK or (chunks[-1] and size + weight > _CHUNK_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += weight
    return [chunk for chunk in chunks if chunk]
