"""What stands in a stack, as it was observed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.contract import MANAGED_BY, Tag, Tier
from bluegreen.domain.stack import Fleet, Group, Health, Rule, StackState, TargetGroup, TierState, is_ours

OURS = {str(Tag.MANAGED_BY): MANAGED_BY, str(Tag.STACK): "prod"}


def fleet(number: int) -> Fleet:
    target_group = TargetGroup(arn=f"arn:{number}", name=f"tg-{number}")
    group = Group(name=f"g-{number}", minimum=1, desired=2, maximum=4)
    return Fleet(
        tier=Tier.APP, deployment=number, version=f"v{number}", target_group=target_group, group=group
    )


def tier(weights: dict[int, int] | None, *fleets: Fleet) -> TierState:
    rule = Rule(arn="r", priority=1, weights={f"arn:{n}": w for n, w in (weights or {}).items()})
    return TierState(tier=Tier.APP, rule=None if weights is None else rule, fleets=fleets)


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        (OURS, True),
        ({}, False),
        ({**OURS, str(Tag.STACK): "test"}, False),
        ({**OURS, str(Tag.MANAGED_BY): "pulumi"}, False),
        ({str(Tag.STACK): "prod"}, False),
    ],
)
def test_only_what_carries_both_tags_is_ours(tags: dict[str, str], *, ours: bool) -> None:
    assert is_ours(tags, "prod") is ours


def test_health_counts_and_says_only_what_there_is() -> None:
    health = Health(healthy=2, initial=1, unhealthy=3, draining=4, unused=5)
    assert health.registered == 11
    assert str(health) == "2 healthy, 1 initial, 3 unhealthy, 4 draining, 5 unused"
    assert str(Health()) == "0 healthy"


def test_cloudwatch_knows_a_target_group_by_the_end_of_its_arn() -> None:
    arn = "arn:aws:elasticloadbalancing:ap-northeast-1:1:targetgroup/sc-prod-app-1/73e2d6bc24d8a067"
    assert TargetGroup(arn=arn, name="x").metric_dimension == "targetgroup/sc-prod-app-1/73e2d6bc24d8a067"


def test_the_live_fleet_is_the_one_with_most_of_the_traffic_and_of_equals_the_older() -> None:
    first, second, third = fleet(1), fleet(2), fleet(3)
    assert tier({1: 95, 2: 5}, first, second).live == first
    assert tier({1: 5, 2: 95}, first, second).live == second
    assert tier({1: 50, 2: 50}, first, second).live == first
    assert tier({1: 0, 2: 0}, first, second).live is None
    assert tier(None, first).live is None
    assert tier({1: 100}, first, third).leftovers == (third,)
    assert tier({1: 100, 2: 0}, first, second).leftovers == (second,)
    assert tier({1: 99, 2: 1}, first, second).leftovers == (), "users are on both"


def test_a_fleet_without_target_group_has_no_weight_and_no_route() -> None:
    bare = Fleet(tier=Tier.APP, deployment=1, version="v1")
    emptied = replace(fleet(4), group=None)
    state = tier({1: 100, 2: 0, 4: 0}, bare, fleet(2), fleet(3), emptied)
    assert (state.weight(bare), state.routes(bare)) == (0, False)
    assert [state.routes(one) for one in state.fleets[1:]] == [True, False, False]
    without = tier(None, fleet(1))
    assert (without.weight(fleet(1)), without.routes(fleet(1))) == (0, False)


def test_fleets_and_tiers_are_found_by_deployment_and_name() -> None:
    state = StackState(stack="prod", tiers=(tier({1: 100}, fleet(1), fleet(7)),))
    assert state.of(Tier.APP).fleet(7) == fleet(7)
    assert state.of(Tier.APP).fleet(8) is None
    assert state.last_deployment == 7
    assert StackState(stack="prod", tiers=()).last_deployment == 0
    with pytest.raises(KeyError):
        state.of(Tier.AI)
