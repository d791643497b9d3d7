from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import FIXED, Stack, build


def test_changes_are_throttled_beyond_the_burst_and_refill_with_time() -> None:
    stack: Stack = build(Settings(throttling=True))

    def make_rules() -> None:
        for number in range(1, 30):
            stack.rule(number, FIXED)

    with pytest.raises(ClientError, match="Throttling"):
        make_rules()
    made = len(stack.cloud.balancing.rules) - 1
    assert made <= 20
    stack.elb.describe_rules(ListenerArn=stack.listener)
    stack.clock.sleep(1)
    for number in range(100, 103):
        stack.rule(number, FIXED)
    with pytest.raises(ClientError, match="Throttling"):
        stack.rule(103, FIXED)
