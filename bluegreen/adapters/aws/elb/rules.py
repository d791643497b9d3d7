"""Listener rules: the live rule with its weights, the preview rule; read first, written, read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from bluegreen.adapters.aws.elb.calls import ABSENT, ElbCalls, foreign
from bluegreen.adapters.aws.elb.rule_documents import (
    answers_itself,
    authenticating,
    check_weights,
    conditions,
    forward,
    rule_from,
    same_conditions,
    serving,
    stickiness_of,
    strange_conditions,
    wanted_stickiness,
    without_clinging,
)
from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.newborn import not_yet
from bluegreen.adapters.aws.session import Json
from bluegreen.adapters.aws.tags import tag_list
from bluegreen.contract import Contract, Tag, TierContract
from bluegreen.domain.stack import Rule, is_ours
from bluegreen.errors import CloudUnavailable, Refused
from bluegreen.ports.wait import until

_READ_BACK = (0.2, 0.5, 1.0, 2.0)
"""Seconds between looks: ELBv2's own reads may lag behind its writes for a moment."""

Seen = tuple[Rule, Json]


class Rules:
    """The rules of the contract's listener."""

    def __init__(self, calls: ElbCalls, contract: Contract) -> None:
        self._calls, self._contract = calls, contract

    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule, _ in self._read())

    def _read(self, *, urgent: bool = False) -> list[Seen]:
        listener = self._contract.listener_arn

        def read() -> list[Json]:
            found = self._calls.pages(
                "describe_rules", "Rules", urgent=urgent, about=listener, ListenerArn=listener
            )
            return [one for one in found if not one.get("IsDefault")]

        found = self._calls.with_tags("RuleArn", read, urgent=urgent)
        return [(rule_from(document, tags), document) for document, tags in found]

    def _find(self, tier: TierContract, *, preview: bool, urgent: bool = False) -> Seen | None:
        """The tier's live or preview rule; raises Refused where something else sits at its priority."""
        rules = self._read(urgent=urgent)
        priority = tier.preview_priority if preview else tier.rule_priority
        own = [
            (rule, document)
            for rule, document in rules
            if is_ours(rule.tags, self._contract.stack)
            and rule.tags.get(Tag.TIER) == tier.name
            and (rule.preview_token is not None) == preview
        ]
        if own:
            return min(own, key=lambda one: (one[0].priority != priority, one[0].priority))
        for rule, _ in rules:
            if rule.priority == priority:
                raise foreign(f"rule {rule.arn} at priority {priority}", self._contract.stack)
        return None

    def ensure_preview(
        self, tier: TierContract, target_group_arn: str, token: str, tags: Mapping[str, str]
    ) -> Rule:
        wanted_conditions = conditions(tier, token)
        weights = {target_group_arn: 1}
        actions = forward(weights, {"Enabled": False})
        find = partial(self._find, tier, preview=True)
        found = find()
        if found is None:
            made = self._create_rule(tier.preview_priority, wanted_conditions, actions, tags, find)
            if isinstance(made, Rule):
                return made
            found = made
        rule, _ = found
        _refuse_unplain(rule)
        # The tags first: an interruption between the two calls must not leave the rule to nobody.
        if not tags.items() <= rule.tags.items():
            self._calls.call("add_tags", ResourceArns=[rule.arn], Tags=tag_list(tags))
            rule = replace(rule, tags={**rule.tags, **tags})
        if same_conditions(rule, tier, token) and rule.weights.keys() == weights.keys():
            return rule
        self._calls.call("modify_rule", RuleArn=rule.arn, Conditions=wanted_conditions, Actions=actions)
        return self._read_back(rule.arn, rule.tags, weights, urgent=False)

    def set_weights(
        self, tier: TierContract, weights: Mapping[str, int], tags: Mapping[str, str], *, urgent: bool = False
    ) -> Rule:
        """Give the tier's live rule these weights, creating it if missing; `urgent` may use the reserve."""
        check_weights(weights, f"rule of tier {tier.name}")
        find = partial(self._find, tier, preview=False, urgent=urgent)
        found = find()
        if found is None:
            actions = forward(weights, wanted_stickiness(tier, {"Enabled": False}))
            made = self._create_rule(tier.rule_priority, conditions(tier), actions, tags, find, urgent=urgent)
            if isinstance(made, Rule):
                return self._read_back(made.arn, made.tags, weights, urgent=urgent)
            found = made
        rule, document = found
        if urgent:
            weights = without_clinging(weights, wanted_stickiness(tier, stickiness_of(document)))
        change = self._change(rule, document, tier, weights, urgent=urgent)
        if not change:
            return rule
        modify = partial(
            self._calls.call, "modify_rule", urgent=urgent, about=f"tier {tier.name}", RuleArn=rule.arn
        )
        try:
            modify(**change)
        except AwsRefusal as error:
            if not urgent or error.code != "InvalidLoadBalancerAction":
                raise
            weights = serving(weights)
            modify(**self._change(rule, document, tier, weights, urgent=True))
        written = self._read_back(rule.arn, rule.tags, weights, urgent=urgent)
        return replace(written, replaced=answers_itself(document))

    def _change(
        self, rule: Rule, document: Json, tier: TierContract, weights: Mapping[str, int], *, urgent: bool
    ) -> Json:
        """What ModifyRule must say; empty when nothing has to change.

        An urgent write replaces a fixed answer or a redirect that somebody has put there: users return. Where
        they log in first, they still do.
        """
        first: list[Json] = []
        if urgent:
            first = authenticating(document)
        else:
            _refuse_unplain(rule)
        strange = strange_conditions(document)
        change: Json = {}
        # A rollback must not wait for anybody to tidy up conditions.
        if not urgent:
            if strange:
                raise Refused(
                    f"rule {rule.arn} of tier {tier.name} has conditions sc-deploy did not write: "
                    f"{', '.join(strange)}",
                    next_step="take them off the rule, then `sc-deploy resume`",
                )
            if not same_conditions(rule, tier):
                change["Conditions"] = conditions(tier)
        present = stickiness_of(document)
        wanted = wanted_stickiness(tier, present)
        if dict(rule.weights) != dict(weights) or wanted != present:
            change["Actions"] = forward(weights, wanted, first)
        return change

    def _create_rule(
        self,
        priority: int,
        wanted: list[Json],
        actions: list[Json],
        tags: Mapping[str, str],
        again: Callable[[], Seen | None],
        *,
        urgent: bool = False,
    ) -> Rule | Seen:
        """The new rule, or ours that an earlier attempt made though its answer was lost."""
        try:
            answer = self._calls.call(
                "create_rule",
                urgent=urgent,
                about=f"priority {priority}",
                ListenerArn=self._contract.listener_arn,
                Priority=priority,
                Conditions=wanted,
                Actions=actions,
                Tags=tag_list(tags),
            )
        except AwsRefusal as error:
            if error.code != "PriorityInUse":
                raise
            found = again()
            if found is None:
                raise not_yet(f"a rule at priority {priority}") from error
            return found
        rule = rule_from(answer["Rules"][0], tags)
        self._calls.learn("RuleArn", rule.arn)
        return rule

    def _read_back(
        self, arn: str, tags: Mapping[str, str], weights: Mapping[str, int], *, urgent: bool
    ) -> Rule:
        found: Mapping[str, int] = {}

        def look() -> Rule | None:
            nonlocal found
            with Tolerated(*ABSENT):  # a rule that was created a moment ago
                answer = self._calls.call("describe_rules", urgent=urgent, RuleArns=[arn])
                rule = rule_from(answer["Rules"][0], tags)
                found = rule.weights
                return rule if dict(found) == dict(weights) else None
            return None

        rule = until(look, _READ_BACK, self._calls.clock.sleep)
        if rule is not None:
            return rule
        raise CloudUnavailable(
            f"rule {arn} was given weights {_short(weights)} but reads back {_short(found)}",
            next_step="somebody else changes it, or AWS is late: look at `sc-deploy status`, then resume",
        )

    def delete_rule(self, arn: str) -> None:
        if self._calls.own_tags(arn, f"rule {arn}") is None:
            return
        self._calls.forget(arn)
        with Tolerated(*ABSENT):
            self._calls.call("delete_rule", RuleArn=arn, about=arn)


def _refuse_unplain(rule: Rule) -> None:
    if not rule.forwards:
        raise Refused(
            f"rule {rule.arn} does more than forward (authentication, redirect or a fixed answer); "
            "sc-deploy would have to overwrite that",
            next_step="make the rule one plain forward again, then repeat",
        )


def _short(weights: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{arn.rsplit('/', 2)[-2]}={weight}" for arn, weight in sorted(weights.items())) or "none"
    )
