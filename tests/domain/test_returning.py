"""What the watchdog will do is promised only while it lies ahead."""

from __future__ import annotations

from bluegreen.domain.returning import Return


def test_a_time_that_is_past_is_no_promise() -> None:
    due = Return(version="v1.0.0", deployment=1, at=3600.0)
    assert due.words(now=3599.0) == "; returns to v1.0.0 at 01:00:00 UTC unless resumed"
    assert due.words(now=3601.0) == (
        "; was due to return to v1.0.0 at 01:00:00 UTC, `sc-deploy status` shows whether it has"
    )
