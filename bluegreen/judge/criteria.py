"""What the tests are computed with: its constants, and what follows from `[judge]` of deploy.toml."""

from __future__ import annotations

from bluegreen.policy import Judging

NEEDED_TO_PASS = 100.0
"""Evidence that passes a metric: one release at the limit in so many passes a metric of a step by chance."""
SUSPICIOUS = 10.0
"""Evidence from which an undecided metric is not given the benefit of the doubt."""
ALONE = 0.1
"""Weight of what green shows alone, at 100 %, in the evidence of the release (a mean of e-processes)."""
BLUE_ERROR_RATIO = 2.0
"""Green's errors are its own fault only beyond this multiple of concurrent blue's."""
_METRICS = 4


def needed_to_fail(limits: Judging) -> float:
    """Evidence that fails a release: four metrics share `false_alarm` (Ville's inequality)."""
    return _METRICS / limits.false_alarm


def latency_limit(limits: Judging) -> float:
    """Green's latency as a multiple of blue's that must never be promoted (R2)."""
    return 1 + limits.latency_limit


def latency_acceptable(limits: Judging) -> float:
    """The multiple of blue's latency that must not be punished."""
    return 1 + limits.latency_acceptable


def latency_floor_ms(limits: Judging) -> float:
    """Where fewer than 5 % of green's requests are slower than this, nobody waits; 0 for no floor."""
    return 1000 * limits.latency_floor
