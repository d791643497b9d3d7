"""Listeners' rules: create, modify (the whole action list), delete, describe."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from bluegreen.lab.cloud.elb.actions import normal_actions, normal_conditions
from bluegreen.lab.cloud.elb.state import Listener, Rule, State
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from


class Rules:
    """CreateRule and its siblings."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    @api
    def create_rule(self, params: Document) -> Document:
        listener = self._state.listener(params["ListenerArn"])
        priority = _checked_priority(params["Priority"])
        if priority in self._taken(listener.arn):
            raise CloudError("PriorityInUse", f"Priority '{priority}' is currently in use")
        limit = self._world.settings.rules_per_load_balancer
        if self._rule_count(listener.load_balancer) >= limit:
            raise CloudError("TooManyRules", f"You have reached the maximum number of rules: {limit}")
        tags = tags_from(params.get("Tags"))
        before = self._state.in_use()
        rule = Rule(
            arn=f"{listener.arn.replace(':listener/', ':listener-rule/')}/{self._world.hex_id(16)}",
            listener=listener.arn,
            priority=priority,
            conditions=normal_conditions(params["Conditions"]),
            actions=self._normal(listener, params["Actions"]),
        )
        self._state.rules[rule.arn] = rule
        self._state.tags[rule.arn] = tags
        self._state.rules_changed(before)
        return {"Rules": [rule_document(rule)]}

    @api
    def modify_rule(self, params: Document) -> Document:
        rule = self._state.rule(params["RuleArn"])
        if rule.priority is None:
            raise CloudError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
        listener = self._state.listener(rule.listener)
        before = self._state.in_use()
        if params.get("Conditions"):
            rule = replace(rule, conditions=normal_conditions(params["Conditions"]))
        if params.get("Actions"):
            rule = replace(rule, actions=self._normal(listener, params["Actions"]))
        self._state.rules[rule.arn] = rule
        self._state.rules_changed(before)
        return {"Rules": [rule_document(rule)]}

    @api
    def delete_rule(self, params: Document) -> Document:
        rule = self._state.rule(params["RuleArn"])
        if rule.priority is None:
            raise CloudError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be deleted")
        before = self._state.in_use()
        del self._state.rules[rule.arn]
        self._state.tags.pop(rule.arn, None)
        self._state.rules_changed(before)
        return {}

    @api
    def describe_rules(self, params: Document) -> Document:
        if params.get("RuleArns"):
            found = [self._state.rule(arn) for arn in params["RuleArns"]]
        elif params.get("ListenerArn"):
            found = self._state.rules_of(self._state.listener(params["ListenerArn"]).arn)
        else:
            raise validation("You must specify either listener ARN or rule ARNs")
        shown, marker = page(found, size=params.get("PageSize") or 400, token=params.get("Marker"))
        answer: Document = {"Rules": [rule_document(rule) for rule in shown]}
        return answer | ({"NextMarker": marker} if marker else {})

    def _normal(self, listener: Listener, actions: Sequence[Document]) -> tuple[Document, ...]:
        encrypted = listener.protocol == "HTTPS"
        return normal_actions(self._state, listener.load_balancer, actions, encrypted=encrypted)

    def _taken(self, listener: str) -> set[int | None]:
        return {rule.priority for rule in self._state.rules_of(listener)}

    def _rule_count(self, balancer: str) -> int:
        return sum(
            rule.priority is not None and self._state.listeners[rule.listener].load_balancer == balancer
            for rule in self._state.rules.values()
        )


def _checked_priority(priority: int) -> int:
    if not 1 <= priority <= 50_000:
        raise validation(f"Priority '{priority}' must be between 1 and 50000")
    return priority


def rule_document(rule: Rule) -> Document:
    return {
        "RuleArn": rule.arn,
        "Priority": "default" if rule.priority is None else str(rule.priority),
        "Conditions": copy.deepcopy(list(rule.conditions)),
        "Actions": copy.deepcopy(list(rule.actions)),
        "IsDefault": rule.priority is None,
    }
