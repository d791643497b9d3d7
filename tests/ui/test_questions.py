"""What is asked names the versions and the effect."""

from __future__ import annotations

from bluegreen.contract import Tier
from bluegreen.domain.migration import DatabaseRollback
from bluegreen.domain.promotion import plan_promotion
from bluegreen.domain.rollback import plan_rollback_of_open, plan_rollback_to_kept, plan_teardown
from bluegreen.policy import Migration
from bluegreen.ui.questions import (
    abort_question,
    closes,
    promote_question,
    rollback_question,
    teardown_question,
)
from tests.ui.samples import POLICY, SHIFTING, contract, order, promotion, state

KEPT = state((1, "v1.0.0", "blue", 0), (2, "v1.1.0", "green", 100))
MIGRATING = POLICY.model_copy(update={"migration": Migration(run="local", command="up", down="down")})
DOWN = DatabaseRollback(down=True, migrated=True)


def test_a_promotion() -> None:
    assert promote_question(promotion()) == "Promote v1.0.0 -> v1.1.0 on lab (#2)?"
    first = promote_question(promotion(state(), version="v1.0.0", number=1))
    assert first == "Promote v1.0.0 on lab (#1)? Nothing serves there yet."


def test_an_abort() -> None:
    asked = "Abort promotion v1.0.0 -> v1.1.0 (#2)? All traffic returns to v1.0.0; "
    assert abort_question(promotion(), down=False) == f"{asked}green is deleted."
    down = abort_question(promotion(), down=True)
    assert down == f"{asked}the down migration of v1.1.0 runs; green is deleted."
    back = plan_rollback_of_open(promotion(), contract(), POLICY, SHIFTING, shifted=True, reason="x")
    assert rollback_question(back) == f"{asked}green is deleted."


def test_an_abort_of_the_first_release() -> None:
    asked = abort_question(promotion(state(), version="v1.0.0", number=1), down=False)
    assert asked == (
        "Abort promotion v1.0.0 (#1)? Nothing serves afterwards: visitors see the maintenance page; "
        "green is deleted."
    )


def test_a_rollback_to_the_kept_fleet() -> None:
    plan = plan_rollback_to_kept(contract(), MIGRATING, KEPT, number=3, to=1, reason="x", database=DOWN)
    assert plan is not None
    assert rollback_question(plan) == (
        "Roll back v1.1.0 -> v1.0.0 on lab (#3)? All traffic returns to v1.0.0; "
        "the down migration of v1.1.0 runs; v1.1.0 is deleted."
    )
    assert abort_question(plan, down=False).startswith("Abort rollback v1.1.0 -> v1.0.0 (#3)? All traffic")


def test_a_rollback_that_builds_the_earlier_release_again() -> None:
    live = state((2, "v1.1.0", "blue", 100))
    plan = plan_promotion(order(version="v1.0.0", number=3, tiers=[Tier.WEB]), contract(), POLICY, live)
    assert rollback_question(plan) == (
        "Roll back v1.1.0 -> v1.0.0 on lab (#3)? v1.0.0 is built again, verified, and gets all traffic in "
        "one step; v1.1.0 is deleted."
    )


def test_a_teardown_of_what_serves_nothing_and_of_everything() -> None:
    some = plan_teardown(contract(), KEPT, number=3, everything=False, reason="x")
    assert teardown_question(some) == "Remove from lab what serves nothing: v1.0.0 (#1)?"
    assert not closes(some)
    everything = plan_teardown(contract(), KEPT, number=3, everything=True, reason="x")
    assert teardown_question(everything) == (
        "Remove EVERYTHING from lab, the live fleets included: v1.0.0 (#1), v1.1.0 (#2)? "
        "Visitors will see the maintenance page."
    )
    assert closes(everything)


def test_an_abort_of_a_teardown() -> None:
    plan = plan_teardown(contract(), KEPT, number=3, everything=True, reason="x")
    assert abort_question(plan, down=False) == "Abort teardown #3 on lab?"
