"""The state table: consistent reads, and transactions that are retried when they collide."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from botocore.exceptions import ClientError

from bluegreen.adapters.aws.failures import AwsRefusal, AwsUnavailable
from bluegreen.adapters.aws.session import Json, Service, Session
from bluegreen.adapters.aws.state.items import PK, SK, Item, pack
from bluegreen.errors import DeployError, Refused
from bluegreen.ports import Clock
from bluegreen.ports.wait import again

T = TypeVar("T")

_ATTEMPTS = 10
_COLLISIONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
)


class Cancelled(Exception):  # DynamoDB's word for it
    """A condition of a transaction did not hold; `failed` has the item that stood there, by position."""

    def __init__(self, failed: Mapping[int, Item]) -> None:
        super().__init__(f"conditions {sorted(failed)} did not hold")
        self.failed = failed


class Table:
    """The state table of one stack."""

    def __init__(self, session: Session, name: str, clock: Clock) -> None:
        self.name, self._about = name, f"state table {name}"
        self._session, self._clock = session, clock

    @contextmanager
    def _service(self) -> Iterator[Service]:
        try:
            yield self._session.service("dynamodb")
        except AwsRefusal as error:
            if error.code != "ResourceNotFoundException":
                raise
            raise Refused(
                f"the state table {self.name} does not exist: {error.what}",
                next_step="check the region and the account, or run `pulumi up` for this stack",
            ) from error

    def _call(self, operation: str, /, **parameters: Any) -> Json:
        with self._service() as service:
            return service.call(operation, about=self._about, **parameters)

    def get(self, key: Item) -> Item | None:
        """The item as it is now."""
        answer = self._call("get_item", TableName=self.name, Key=key, ConsistentRead=True)
        return cast("Item | None", answer.get("Item"))

    def query(
        self, partition: str, first: str, last: str, *, newest: bool = False, limit: int | None = None
    ) -> list[Item]:
        """Items of `partition` whose range key lies in [first, last], as they are now."""
        parameters: Json = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#pk": PK, "#sk": SK},
            "ExpressionAttributeValues": pack({":pk": partition, ":first": first, ":last": last}),
            "ScanIndexForward": not newest,
            "PaginationConfig": {"MaxItems": limit, "PageSize": limit},
        }
        with self._service() as service:
            return service.pages("query", "Items", about=self._about, **parameters)

    def update(self, key: Item, **parameters: Any) -> Item:
        """UpdateItem; the item as it is afterwards. Raises Cancelled with the item that stood there."""

        def once() -> Item:
            answer = self._call(
                "update_item",
                TableName=self.name,
                Key=key,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **parameters,
            )
            return cast("Item", answer["Attributes"])

        return self._retried(once)

    def transact(self, writes: Sequence[Json], *, token: str | None = None) -> None:
        """TransactWriteItems: all or nothing; raises Cancelled.

        The same writes sent again within ten minutes count once (ClientRequestToken).
        """
        named = [{kind: {"TableName": self.name, **one} for kind, one in write.items()} for write in writes]
        token = token or _token_of(named)
        self._retried(
            lambda: self._call("transact_write_items", TransactItems=named, ClientRequestToken=token)
        )

    def _retried(self, once: Callable[[], T]) -> T:
        try:
            return again(once, on=_collided, pauses=_jitter(), sleep=self._clock.sleep)
        except (AwsRefusal, AwsUnavailable) as error:
            failed = _failed(error)
            if failed:
                raise Cancelled(failed) from error
            if not _collided(error):
                raise
            raise AwsUnavailable(
                f"{error.what}; still colliding after {_ATTEMPTS} attempts",
                code=error.code,
                next_step="another process writes to the state table all the time: "
                "`sc-deploy status` names it",
            ) from error


def _jitter() -> Iterator[float]:
    """Pauses that grow to a second: several tiers and the lease's renewal meet on one item."""
    for attempt in range(_ATTEMPTS - 1):
        yield random.uniform(0.5, 1.0) * min(1.0, 0.02 * 2**attempt)  # noqa: S311  # no secret


def _response(error: DeployError) -> Json:
    return error.__cause__.response if isinstance(error.__cause__, ClientError) else {}


def _failed(error: AwsRefusal | AwsUnavailable) -> dict[int, Item]:
    """The conditions that did not hold, by position, each with the item that stood there."""
    if error.code == "ConditionalCheckFailedException":
        return {0: _response(error).get("Item") or {}}
    if error.code != "TransactionCanceledException":
        return {}
    reasons = enumerate(_response(error).get("CancellationReasons") or [])
    return {at: one.get("Item") or {} for at, one in reasons if one.get("Code") == "ConditionalCheckFailed"}


def _collided(error: DeployError) -> bool:
    """Whether the write met another one and nothing else, so that it is worth another try."""
    if isinstance(error, AwsUnavailable):
        return error.code == "TransactionInProgressException"
    if not isinstance(error, AwsRefusal) or _failed(error):
        return False
    reasons = _response(error).get("CancellationReasons") or []
    return error.code == "TransactionConflictException" or (
        error.code == "TransactionCanceledException"
        and any(one.get("Code") in _COLLISIONS for one in reasons)
    )


def _token_of(writes: Sequence[Json]) -> str:
    """36 characters that name these writes."""
    text = json.dumps(writes, sort_keys=True, default=lambda data: data.hex())
    return hashlib.sha256(text.encode()).hexdigest()[:36]
