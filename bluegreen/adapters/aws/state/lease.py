"""`ports.Lease` over one DynamoDB item: conditional writes, a fencing token that only rises.

Expiry is a condition, not a deletion: DynamoDB's TTL deletes late. Giving the lease back keeps the
item, because the next token must be higher than every earlier one.
"""

from __future__ import annotations

from typing import Any

from bluegreen.adapters.aws.state.items import Item, lease_key, pack, unpack
from bluegreen.adapters.aws.state.table import Cancelled, Table
from bluegreen.domain.lease import Holder
from bluegreen.errors import LeaseLost, Locked

_NAMES = {"#owner": "owner", "#token": "token"}
_HELD = ("why", "deployment", "since", "expires", "stop", "stop_down")
_OURS = "#owner = :owner AND #token = :token"


def token_check(stack: str, token: int) -> dict[str, Any]:
    """The part of a transaction that fails unless the lease still has this token and an owner."""
    return {
        "ConditionCheck": {
            "Key": lease_key(stack),
            "ConditionExpression": "#token = :token AND attribute_exists(#owner)",
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": pack({":token": token}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def lease_lost(stack: str, item: Item) -> LeaseLost:
    """What a failed check of the lease means; `item` is the lease as it stood."""
    holder = _holder(item)
    who = f"{holder.owner} has it for {holder.why}" if holder else "it was given back"
    return LeaseLost(
        f"the lease of stack {stack} is not ours any more: {who}",
        next_step="`sc-deploy status` shows what happens now; this process changes nothing more",
    )


class DynamoLease:
    """The lease of one stack."""

    def __init__(self, table: Table, stack: str) -> None:
        self._table, self._stack = table, stack

    def acquire(self, *, owner: str, why: str, deployment: int, ttl: float, now: float) -> Holder:
        """Take it when free, expired or already `owner`'s; else raise Locked naming the holder."""
        values = {
            ":owner": owner,
            ":why": why,
            ":deployment": deployment,
            ":now": float(now),
            ":expires": float(now + ttl),
            ":one": 1,
        }
        try:
            item = self._table.update(
                lease_key(self._stack),
                UpdateExpression=(
                    "SET #owner = :owner, #why = :why, #deployment = :deployment, #since = :now, "
                    "#expires = :expires ADD #token :one REMOVE #stop, #stop_down"
                ),
                ConditionExpression="attribute_not_exists(#owner) OR #owner = :owner OR #expires <= :now",
                ExpressionAttributeNames=_NAMES | {f"#{name}": name for name in _HELD},
                ExpressionAttributeValues=pack(values),
            )
        except Cancelled as error:
            raise self._locked(_holder(error.failed[0]), now) from error
        holder = _holder(item)
        assert holder is not None
        return holder

    def _locked(self, holder: Holder | None, now: float) -> Locked:
        if holder is None:
            return Locked(f"stack {self._stack} is being taken by another deployer", next_step="try again")
        return holder.locked(self._stack, now=now)

    def renew(self, holder: Holder, *, ttl: float, now: float) -> Holder:
        """Push the expiry forward; an expired lease that nobody took is still ours."""
        try:
            item = self._table.update(
                lease_key(self._stack),
                UpdateExpression="SET #expires = :expires",
                ConditionExpression=_OURS,
                ExpressionAttributeNames=_NAMES | {"#expires": "expires"},
                ExpressionAttributeValues=pack(
                    {":owner": holder.owner, ":token": holder.token, ":expires": float(now + ttl)}
                ),
            )
        except Cancelled as error:
            raise lease_lost(self._stack, error.failed[0]) from error
        return _holder(item) or holder

    def release(self, holder: Holder) -> None:
        """Give it back; harmless when it is not ours any more."""
        names = {f"#{name}": name for name in _HELD}
        try:
            self._table.update(
                lease_key(self._stack),
                UpdateExpression="REMOVE #owner, #why, #deployment, #since, #expires, #stop, #stop_down",
                ConditionExpression=_OURS,
                ExpressionAttributeNames=_NAMES | names,
                ExpressionAttributeValues=pack({":owner": holder.owner, ":token": holder.token}),
            )
        except Cancelled:
            return

    def holder(self) -> Holder | None:
        """Who has it, expired or not."""
        item = self._table.get(lease_key(self._stack))
        return _holder(item) if item else None

    def request_stop(self, why: str, *, down: bool = False) -> Holder | None:
        """Ask the holder to roll its deployment back; None when nobody holds the lease."""
        try:
            item = self._table.update(
                lease_key(self._stack),
                UpdateExpression="SET #stop = :why, #stop_down = :down",
                ConditionExpression="attribute_exists(#owner)",
                ExpressionAttributeNames={"#owner": "owner", "#stop": "stop", "#stop_down": "stop_down"},
                ExpressionAttributeValues=pack({":why": why, ":down": down}),
            )
        except Cancelled:
            return None
        return _holder(item)


def _holder(item: Item) -> Holder | None:
    found = unpack(item)
    if not found.get("owner"):
        return None
    return Holder(
        owner=found["owner"],
        why=found["why"],
        deployment=found["deployment"],
        token=found["token"],
        since=float(found["since"]),
        expires=float(found["expires"]),
        stop=found.get("stop", ""),
        stop_down=found.get("stop_down", False),
    )
