"""EventBridge Scheduler: one-time schedules that call ModifyRule when nobody stops them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, World, api, page

MODIFY_RULE = "arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:modifyRule"
_NAME = re.compile(r"^[0-9a-zA-Z\-_.]{1,64}$")
_AT = re.compile(r"^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$")
_KEPT = ("Description", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "ActionAfterCompletion", "State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One invocation of a schedule's target and how it ended."""

    name: str
    at: float
    error: str


@dataclass(slots=True, kw_only=True)
class _Schedule:
    params: Document
    due: float
    created: float
    modified: float
    fired: bool = False


class Schedules:
    """CreateSchedule and its siblings; `modify_rule` is called for every schedule that is due."""

    def __init__(self, world: World, modify_rule: Callable[[Document], Document]) -> None:
        self._world = world
        self._modify_rule = modify_rule
        self._groups: dict[str, float] = {"default": world.at}
        self._schedules: dict[tuple[str, str], _Schedule] = {}
        self.firings: list[Firing] = []

    @api
    def create_schedule(self, params: Document) -> Document:
        key = self._key(params)
        due = _checked(params)
        known = self._schedules.get(key)
        if known is not None:
            if params.get("ClientToken") and known.params == params:
                return {"ScheduleArn": self._arn(key)}
            raise CloudError("ConflictException", f"Schedule {key[1]} already exists.", 409)
        self._schedules[key] = _Schedule(
            params=params, due=due, created=self._world.at, modified=self._world.at
        )
        return {"ScheduleArn": self._arn(key)}

    @api
    def update_schedule(self, params: Document) -> Document:
        """Replaces the whole schedule: what is not given falls back to its default."""
        key = self._key(params)
        schedule = self._found(key)
        schedule.due = _checked(params)
        schedule.params, schedule.modified, schedule.fired = params, self._world.at, False
        return {"ScheduleArn": self._arn(key)}

    @api
    def get_schedule(self, params: Document) -> Document:
        key = self._key(params)
        schedule = self._found(key)
        kept = {name: schedule.params[name] for name in _KEPT if name in schedule.params}
        return {
            "Arn": self._arn(key),
            "GroupName": key[0],
            "Name": key[1],
            "ScheduleExpression": schedule.params["ScheduleExpression"],
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "ActionAfterCompletion": "NONE",
            "Target": copy.deepcopy(schedule.params["Target"]),
            "CreationDate": as_datetime(schedule.created),
            "LastModificationDate": as_datetime(schedule.modified),
            **kept,
        }

    @api
    def delete_schedule(self, params: Document) -> Document:
        key = self._key(params)
        self._found(key)
        del self._schedules[key]
        return {}

    @api
    def list_schedules(self, params: Document) -> Document:
        prefix = params.get("NamePrefix") or ""
        found = [
            (key, one)
            for key, one in sorted(self._schedules.items())
            if params.get("GroupName") in (None, key[0]) and key[1].startswith(prefix)
        ]
        shown, token = page(found, size=params.get("MaxResults") or 100, token=params.get("NextToken"))
        summaries = [
            {
                "Arn": self._arn(key),
                "GroupName": key[0],
                "Name": key[1],
                "State": one.params.get("State", "ENABLED"),
                "CreationDate": as_datetime(one.created),
                "LastModificationDate": as_datetime(one.modified),
                "Target": {"Arn": one.params["Target"]["Arn"]},
            }
            for key, one in shown
        ]
        return {"Schedules": summaries} | ({"NextToken": token} if token else {})

    @api
    def create_schedule_group(self, params: Document) -> Document:
        if params["Name"] in self._groups:
            raise CloudError("ConflictException", f"Schedule group {params['Name']} already exists.", 409)
        self._groups[params["Name"]] = self._world.at
        return {"ScheduleGroupArn": self._group_arn(params["Name"])}

    @api
    def delete_schedule_group(self, params: Document) -> Document:
        self._group(params["Name"])
        del self._groups[params["Name"]]
        for key in [one for one in self._schedules if one[0] == params["Name"]]:
            del self._schedules[key]
        return {}

    def tick(self) -> None:
        late = self._world.settings.schedule_delay_seconds
        for key, schedule in list(self._schedules.items()):
            enabled = schedule.params.get("State", "ENABLED") == "ENABLED"
            if not enabled or schedule.fired or schedule.due + late > self._world.at:
                continue
            schedule.fired = True
            self._fire(key[1], schedule)
            if schedule.params.get("ActionAfterCompletion") == "DELETE":
                del self._schedules[key]

    def _fire(self, name: str, schedule: _Schedule) -> None:
        error = ""
        try:
            self._modify_rule(json.loads(schedule.params["Target"]["Input"]))
        except (CloudError, KeyError, TypeError) as caught:
            error = str(caught)
        self.firings.append(Firing(name=name, at=self._world.at, error=error))

    def _key(self, params: Document) -> tuple[str, str]:
        group, name = params.get("GroupName") or "default", params["Name"]
        if not _NAME.match(name):
            raise CloudError("ValidationException", f"Name '{name}' must match {_NAME.pattern}")
        self._group(group)
        return group, name

    def _found(self, key: tuple[str, str]) -> _Schedule:
        if key not in self._schedules:
            raise CloudError("ResourceNotFoundException", f"Schedule {key[1]} does not exist.", 404)
        return self._schedules[key]

    def _group(self, name: str) -> Document:
        if name not in self._groups:
            raise CloudError("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)
        created = as_datetime(self._groups[name])
        return {
            "Arn": self._group_arn(name),
            "Name": name,
            "State": "ACTIVE",
            "CreationDate": created,
            "LastModificationDate": created,
        }

    def _group_arn(self, name: str) -> str:
        return self._world.arn("scheduler", f"schedule-group/{name}")

    def _arn(self, key: tuple[str, str]) -> str:
        return self._world.arn("scheduler", f"schedule/{key[0]}/{key[1]}")


def _checked(params: Document) -> float:
    """When the schedule is due; raises ValidationException for what AWS would not take."""
    target = params["Target"]
    found = _AT.match(params["ScheduleExpression"])
    if found is None:
        raise CloudError(
            "ValidationException", f"Invalid Schedule Expression {params['ScheduleExpression']}."
        )
    if target["Arn"] != MODIFY_RULE:
        raise CloudError("ValidationException", f"Target {target['Arn']} is not modelled")
    if not target.get("RoleArn", "").startswith("arn:aws:iam::"):
        raise CloudError("ValidationException", "The execution role must be given by its ARN")
    try:
        asked = json.loads(target.get("Input") or "")
    except ValueError as error:
        raise CloudError("ValidationException", "Input must be the JSON parameters of the call") from error
    if not isinstance(asked, dict) or "RuleArn" not in asked:
        raise CloudError("ValidationException", "Input lacks RuleArn")
    if params.get("FlexibleTimeWindow", {}).get("Mode") != "OFF":
        raise CloudError("ValidationException", "only FlexibleTimeWindow OFF is modelled")
    try:
        zone = ZoneInfo(params.get("ScheduleExpressionTimezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CloudError("ValidationException", "Invalid ScheduleExpressionTimezone.") from error
    return datetime.fromisoformat(found[1]).replace(tzinfo=zone).timestamp()
