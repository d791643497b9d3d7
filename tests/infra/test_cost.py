"""The cost estimate counts what a stack registers; a size without a price is an error, not a zero."""

from __future__ import annotations

import pytest

from tools import cost
from tools.recording import recorded


def test_every_size_has_a_price_and_bigger_stacks_cost_more() -> None:
    sums = [sum(price for _, price in cost.estimate(recorded(name))) for name in ("dev", "test", "prod")]
    assert 0 < sums[0] < sums[1] < sums[2]


def test_two_zones_double_a_database() -> None:
    prices = dict(cost.estimate(recorded("prod")))
    (primary,) = (
        price for label, price in prices.items() if label.endswith("in two zones") and "db." in label
    )
    (replica,) = (price for label, price in prices.items() if label.startswith("database-replica"))
    assert primary == pytest.approx(2 * replica)


def test_a_size_without_a_price_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(cost.EC2, "c5.2xlarge")
    with pytest.raises(KeyError):
        cost.estimate(recorded("prod"))


def test_the_table_ends_with_its_sum() -> None:
    lines = cost.main("dev").splitlines()
    assert lines[0].startswith("| dev |")
    assert lines[-1].startswith("| **sum** |")
