"""Which cells of the large matrices run: all of them with `make matrix`, some of each kind in every check."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WHOLE = os.environ.get("SC_DEPLOY_MATRIX") == "1"
"""Set by `make matrix`."""


def cells(every: Sequence[T], few: Sequence[T]) -> Sequence[T]:
    """`every` cell where the whole matrix is asked for, else these `few` of them."""
    strange = [one for one in few if one not in every]
    assert not strange, f"not among the cells: {strange}"
    return every if WHOLE else few
