"""What this process has just created and AWS may not show yet: absent then means "not yet".

EC2 documents that a read may lag behind a create (EC2 API reference, "Eventual consistency"); Auto Scaling
and Elastic Load Balancing do the same at times. Taken literally, such an absence fails a good release, or
leaves a thing behind because it "is gone already".
"""

from __future__ import annotations

from bluegreen.errors import CloudUnavailable
from bluegreen.ports import Clock

_SECONDS = 60.0
"""How long a read may lag; reports speak of seconds."""


class Newborn:
    """Remembers creations by ARN or name; thread-safe, for it only sets and reads single keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, float] = {}

    def add(self, identity: str) -> None:
        """It was created now."""
        self._made[identity] = self._clock.now()

    def forget(self, identity: str) -> None:
        """Its deletion was asked for: absent means gone again."""
        self._made.pop(identity, None)

    def check(self, identity: str) -> None:
        """AWS says that it does not exist: raises CloudUnavailable where that may only mean "not yet"."""
        made = self._made.get(identity)
        if made is not None and self._clock.now() - made < _SECONDS:
            raise not_yet(identity)


def not_yet(what: str) -> CloudUnavailable:
    """The error of a thing that exists and cannot be read: looking again helps."""
    return CloudUnavailable(
        f"{what} exists but cannot be read yet", next_step="AWS's reads lag: repeat with `sc-deploy resume`"
    )
