"""Two shares of one rule, in percent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.domain.weights import FULL, Weights


@given(st.integers(0, FULL))
def test_what_green_does_not_get_is_blues(green: int) -> None:
    weights = Weights.at(green)
    assert weights == Weights(blue=FULL - green, green=green)
    assert weights.green + weights.blue == FULL


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_anything_else_than_two_shares_of_100_is_no_weights(blue: int, green: int) -> None:
    if blue >= 0 and green >= 0 and blue + green == FULL:
        assert Weights(blue=blue, green=green) == Weights.at(green)
        return
    with pytest.raises(ValueError, match=f"got blue {blue}, green {green}"):
        Weights(blue=blue, green=green)


@pytest.mark.parametrize("green", [-1, 101])
def test_a_share_is_between_0_and_100(green: int) -> None:
    with pytest.raises(ValueError, match="two shares of 100"):
        Weights.at(green)
