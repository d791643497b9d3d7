"""What green's probes lean on is looked at all the time: preview rules changed by hand are made again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bluegreen.domain.journal import Ending, Warned
from tests.engine.test_watch import PROBES_DECIDE, Watched, breaks, few


def preview(world: Watched) -> str:
    (found,) = [rule.arn for rule in world.ports().balancer.rules() if rule.preview_token is not None]
    return found


def deleted(world: Watched) -> None:
    world.raw("elbv2").delete_rule(RuleArn=preview(world))


def led_to_blue(world: Watched) -> None:
    blue = next(
        fleet.target_group.arn
        for tier in world.deployer().observe().tiers
        for fleet in tier.fleets
        if fleet.version == "v1.0.0" and fleet.target_group
    )
    actions = [
        {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": blue, "Weight": 1}]}}
    ]
    world.raw("elbv2").modify_rule(RuleArn=preview(world), Actions=actions)


def told(world: Watched) -> list[str]:
    return [e.words for e in world.said(Warned) if "preview rule was deleted or changed" in e.words]


@pytest.mark.parametrize("hand", [deleted, led_to_blue])
def test_it_is_made_again_and_told_once(hand: Callable[[Watched], None]) -> None:
    world = few(PROBES_DECIDE.replace('"probes"', '"ask"'), 200.0)
    world.when_watching(50, lambda: hand(world))
    result = world.promote()
    assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"
    assert len(told(world)) == 1
    assert not [rule for rule in world.ports().balancer.rules() if rule.preview_token is not None]


def test_what_breaks_after_it_was_deleted_is_seen_all_the_same() -> None:
    """Without the rule half of green's probes would be answered by blue, which works."""
    world = few(PROBES_DECIDE.replace('"probes"', '"ask"'), 200.0)

    def both() -> None:
        deleted(world)
        breaks(world, "v1.2.0")

    world.when_watching(50, both)
    result = world.promote()
    assert result.ending is Ending.ROLLED_BACK, f"{result}\n{world.story()}"


def test_it_is_left_alone_where_nobody_touched_it() -> None:
    world = few(PROBES_DECIDE.replace('"probes"', '"ask"'), 200.0)
    assert world.promote().ending is Ending.RELEASED, world.story()
    assert told(world) == []
