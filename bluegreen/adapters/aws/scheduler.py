"""`ports.Watchdog` over EventBridge Scheduler: one-time schedules that call ELBv2 ModifyRule."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from bluegreen.adapters.aws.elb.calls import ElbCalls
from bluegreen.adapters.aws.elb.rule_documents import (
    check_weights,
    forward,
    is_plain,
    stickiness_of,
    without_clinging,
)
from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.contract import Contract
from bluegreen.errors import Refused

_NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")


class SchedulerWatchdog:
    """The schedules of one stack, in the contract's schedule group."""

    def __init__(self, session: Session, contract: Contract, calls: ElbCalls) -> None:
        self._service = partial(session.service, "scheduler")
        self._contract, self._calls, self._group = contract, calls, contract.watchdog.schedule_group
        self._stickiness: dict[str, Json] = {}
        partition = contract.listener_arn.split(":")[1]
        # The universal target: Scheduler itself calls the API with `Input` as parameters.
        self._modify_rule = f"arn:{partition}:scheduler:::aws-sdk:elasticloadbalancingv2:modifyRule"

    def arm(self, rule_arn: str, weights: Mapping[str, int], *, name: str, at: float) -> None:
        """Create the schedule `name`: at `at` (to the second), ModifyRule to `weights`.

        One of that name was armed by an earlier process of the same deployment, and is taken over.
        Scheduler fires within the minute that `at` lies in. The schedule deletes itself afterwards.
        """
        schedule = self._schedule(rule_arn, weights, name, at)
        # An old one may fire, and so delete itself, between the two calls.
        for verb in ("create", "update"):
            with Tolerated("ConflictException", "ResourceNotFoundException"):
                return self._write(verb, name, schedule)
        return self._write("create", name, schedule)

    def push(self, rule_arn: str, weights: Mapping[str, int], *, name: str, at: float) -> bool:
        with Tolerated("ResourceNotFoundException"):
            self._write("update", name, self._schedule(rule_arn, weights, name, at))
            return True
        return False

    def _schedule(self, rule_arn: str, weights: Mapping[str, int], name: str, at: float) -> Json:
        if not _NAME.fullmatch(name):
            raise Refused(f"{name!r} cannot name a schedule: 1 to 64 letters, digits, `_`, `.` and `-`")
        check_weights(weights, f"watchdog {name}")
        moment = datetime.fromtimestamp(math.ceil(at), UTC)
        sticky = self._stickiness_of(rule_arn)
        actions = forward(without_clinging(weights, sticky), sticky)
        dead_letters = self._contract.watchdog.dead_letter_arn
        return {
            "Name": name,
            "GroupName": self._group,
            "ScheduleExpression": f"at({moment:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Description": f"sc-deploy: puts the traffic of stack {self._contract.stack} back",
            "Target": {
                "Arn": self._modify_rule,
                "RoleArn": self._contract.watchdog.role_arn,
                "Input": json.dumps({"RuleArn": rule_arn, "Actions": actions}),
                # A late return is better than none, but not a day late.
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 60},
                **({"DeadLetterConfig": {"Arn": dead_letters}} if dead_letters else {}),
            },
        }

    def _write(self, verb: str, name: str, schedule: Json) -> None:
        try:
            self._service().call(f"{verb}_schedule", about=name, **schedule)
        except AwsRefusal as error:
            if error.code != "ResourceNotFoundException" or verb != "create":
                raise
            what = f"schedule group {self._group} does not exist: {error.what}"
            raise Refused(what, next_step="run `pulumi up`") from error

    def _stickiness_of(self, rule_arn: str) -> Json:
        """The rule's current stickiness, read once: ModifyRule replaces the whole action."""
        if rule_arn not in self._stickiness:
            answer = self._calls.call("describe_rules", RuleArns=[rule_arn], about="the rule to guard")
            rule = answer["Rules"][0]
            if not is_plain(rule["Actions"]):
                raise Refused(
                    f"rule {rule_arn} does more than forward; the watchdog would overwrite that",
                    next_step="make the rule one plain forward again, then repeat",
                )
            self._stickiness[rule_arn] = stickiness_of(rule)
        return self._stickiness[rule_arn]

    def disarm(self, name: str) -> None:
        with Tolerated("ResourceNotFoundException"):
            self._service().call("delete_schedule", about=name, Name=name, GroupName=self._group)

    def armed(self) -> tuple[str, ...]:
        with Tolerated("ResourceNotFoundException"):
            found = self._service().pages("list_schedules", "Schedules", GroupName=self._group)
            return tuple(sorted(one["Name"] for one in found))
        return ()
