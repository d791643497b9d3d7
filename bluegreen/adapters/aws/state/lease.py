"""`ports.Lease` over one DynamoDB item: conditional writes, a fencing token that only rises.

Nobody takes a lease because of the time that is written in it: that is another machine's clock. Whoever
has seen it unrenewed for its ttl names exactly the lease that it saw. Giving the lease back keeps the item,
because the next token must be higher than every earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any

from bluegreen.adapters.aws.state.items import Item, lease_key, pack, unpack
from bluegreen.adapters.aws.state.table import Cancelled, Table
from bluegreen.domain.holding import Hold
from bluegreen.domain.lease import Holder
from bluegreen.errors import LeaseLost, Locked
from bluegreen.text import clean

_OURS = "#owner = :owner AND #token = :token"
_HOLD_LEFT = ("hold_seconds", "hold_lifted_by", "hold_lifted_why")
"""What a hold may have besides who asked for it, when and why."""


def token_check(stack: str, token: int) -> dict[str, Any]:
    """The part of a transaction that fails unless the lease still has this token and an owner."""
    return {
        "ConditionCheck": {
            "Key": lease_key(stack),
            "ConditionExpression": "#token = :token AND attribute_exists(#owner)",
            "ExpressionAttributeNames": {"#owner": "owner", "#token": "token"},
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

    def acquire(
        self, *, owner: str, why: str, deployment: int, ttl: float, now: float, dead: Holder | None = None
    ) -> Holder:
        held = {"owner": owner, "why": why, "deployment": deployment, "expires": float(now + ttl), "ttl": ttl}
        token, expires = dead.mark if dead else (-1, -1.0)
        try:
            # A request to stop stays: it was asked of the deployment, not of the process that died.
            item = self._update(
                "SET #owner = :owner, #why = :why, #deployment = :deployment, #since = :now, "
                "#expires = :expires, #ttl = :ttl ADD #token :one",
                "attribute_not_exists(#owner) OR #owner = :owner "
                "OR (#token = :dead_token AND #expires = :dead_expires)",
                held | {"now": float(now), "one": 1, "dead_token": token, "dead_expires": expires},
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
            values = {"owner": holder.owner, "token": holder.token, "expires": float(now + ttl)}
            item = self._update("SET #expires = :expires", _OURS, values)
        except Cancelled as error:
            raise lease_lost(self._stack, error.failed[0]) from error
        return _holder(item) or holder

    def release(self, holder: Holder) -> None:
        with suppress(Cancelled):
            self._update(
                "REMOVE #owner, #why, #deployment, #since, #expires, #ttl, #stop, #stop_down, #stop_for",
                _OURS,
                {"owner": holder.owner, "token": holder.token},
            )

    def holder(self) -> Holder | None:
        item = self._table.get(lease_key(self._stack))
        return _holder(item) if item else None

    def request_stop(self, why: str, *, down: bool = False) -> Holder | None:
        try:
            change = "SET #stop = :why, #stop_down = :down, #stop_for = #deployment"
            return _holder(self._update(change, "attribute_exists(#owner)", {"why": why, "down": down}))
        except Cancelled:
            return None

    def hold(self, deployment: int) -> Hold | None:
        item = self._table.get(lease_key(self._stack))
        return _hold(unpack(item), deployment) if item else None

    def ask_hold(self, hold: Hold) -> Hold:
        asked: dict[str, Any] = {"for": hold.deployment, "by": hold.by, "why": hold.why, "at": float(hold.at)}
        if hold.seconds is not None:
            asked["seconds"] = float(hold.seconds)
        values = {f"hold_{name}": value for name, value in asked.items()}
        sets = ", ".join(f"#{name} = :{name}" for name in values)
        # What an earlier hold has left must not count for this one.
        gone = ", ".join(f"#{one}" for one in _HOLD_LEFT if one not in values)
        try:
            self._update(
                f"SET {sets} REMOVE {gone}",
                "attribute_not_exists(#hold_for) OR #hold_for <> :hold_for "
                "OR attribute_exists(#hold_lifted_by)",
                values,
            )
        except Cancelled as error:
            return _hold(unpack(error.failed[0]), hold.deployment) or hold
        return hold

    def lift_hold(self, hold: Hold, *, by: str, why: str) -> bool:
        values = {
            "for": hold.deployment,
            "by": hold.by,
            "at": float(hold.at),
            "lifted_by": by,
            "lifted_why": why,
        }
        try:
            self._update(
                "SET #hold_lifted_by = :hold_lifted_by, #hold_lifted_why = :hold_lifted_why",
                "#hold_for = :hold_for AND #hold_by = :hold_by AND #hold_at = :hold_at "
                "AND attribute_not_exists(#hold_lifted_by)",
                {f"hold_{name}": value for name, value in values.items()},
            )
        except Cancelled:
            return False
        return True

    def _update(self, change: str, condition: str, values: Mapping[str, Any]) -> Item:
        """The lease after `change`, in which `#name` is an attribute and `:name` one of `values`."""
        names = re.findall(r"#(\w+)", f"{change} {condition}")
        return self._table.update(
            lease_key(self._stack),
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=pack({f":{name}": value for name, value in values.items()}),
        )


def _holder(item: Item) -> Holder | None:
    found = unpack(item)
    if not found.get("owner"):
        return None
    if found.get("stop_for") != found["deployment"]:
        found = {name: value for name, value in found.items() if name not in ("stop", "stop_down")}
    times = {name: float(found[name]) for name in ("since", "expires", "ttl")}
    known = {field.name: found[field.name] for field in fields(Holder) if field.name in found}
    return Holder(**known | times | {"hold": _hold(found, found["deployment"])})


def _hold(found: Mapping[str, Any], deployment: int) -> Hold | None:
    """The request to hold `deployment` in the values of a lease."""
    if found.get("hold_for") != deployment:
        return None
    seconds = found.get("hold_seconds")
    hold = Hold(
        deployment=deployment,
        by=found["hold_by"],
        why=found["hold_why"],
        at=float(found["hold_at"]),
        seconds=None if seconds is None else float(seconds),
        lifted_by=found.get("hold_lifted_by", ""),
        lifted_why=found.get("hold_lifted_why", ""),
    )
    return clean(hold)
