"""Promote, fail, crash, resume, rollback, abort, teardown, drift, scale, lose and boot in any order."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.world.machine import AnyOrder, counted
from tests.world.matrix import WHOLE

PARTS = 4 if WHOLE else 1
EXAMPLES = int(os.environ.get("SC_DEPLOY_EXAMPLES", "400" if WHOLE else "10"))
"""Sequences of up to eight operations and what follows them; other ones in each run of `make matrix`."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_order_of_anything(part: int, record_property: Callable[[str, object], None]) -> None:
    counted.clear()
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=max(1, EXAMPLES // PARTS),
            stateful_step_count=8,
            deadline=None,
            database=None,
            derandomize=not WHOLE,
            suppress_health_check=list(HealthCheck),
            # A failure tells its whole story; to shorten it would take minutes.
            phases=(Phase.generate,),
        ),
    )
    assert counted["operations"] >= counted["sequences"] > 0
    for what, number in counted.items():
        record_property(what, number)
