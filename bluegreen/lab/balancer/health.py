"""Health checks of every target of every target group in use.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from bluegreen.lab.balancer.pool import Health, Member, Pool
from bluegreen.lab.balancer.snapshot import HealthCheck
from bluegreen.lab.http1.fetch import fetch

_AGENT = ((b"user-agent", b"ELB-HealthChecker/2.0"),)


class Judgement:
    """Turns single results into a state: one success is enough at first, then the thresholds count."""

    __slots__ = ("_check", "_member", "_streak")

    def __init__(self, member: Member, check: HealthCheck) -> None:
        self._member = member
        self._check = check
        self._streak = 0

    def take(self, failure: str) -> bool:
        """Take one result ('' for a success, else its reason); True where the state changed."""
        member = self._member
        found = Health.UNHEALTHY if failure else Health.HEALTHY
        if member.health is found:
            self._streak = 0
            member.reason = failure
            return False
        self._streak += 1
        if self._streak < self._needed(found):
            return False
        self._streak = 0
        member.health, member.reason = found, failure
        return True

    def _needed(self, found: Health) -> int:
        if found is Health.UNHEALTHY:
            return self._check.unhealthy
        return 1 if self._member.health is Health.INITIAL else self._check.healthy


class HealthChecks:
    """Keeps one checking task per target that is in use and not draining."""

    def __init__(self, *, time_scale: float, changed: Callable[[Member], None]) -> None:
        self._scale = time_scale
        self._changed = changed
        self._tasks: dict[Member, tuple[HealthCheck, asyncio.Task[None]]] = {}

    def follow(self, pools: dict[str, Pool]) -> None:
        """Check what `pools` hold now, and nothing else."""
        wanted = {
            member: pool
            for pool in pools.values()
            if pool.group.in_use
            for member in pool.members.values()
            if not member.draining
        }
        for member in list(self._tasks):
            pool = wanted.get(member)
            if pool is None or pool.group.health_check != self._tasks[member][0]:
                self._tasks.pop(member)[1].cancel()
        for member, pool in wanted.items():
            if member not in self._tasks:
                check = pool.group.health_check
                self._tasks[member] = check, asyncio.create_task(self._watch(member, pool, check))

    def stop(self) -> None:
        self.follow({})

    async def _watch(self, member: Member, pool: Pool, check: HealthCheck) -> None:
        loop = asyncio.get_running_loop()
        judgement = Judgement(member, check)
        begun = loop.time()
        for count in itertools.count(1):
            failure = await self._probe(member, check)
            if judgement.take(failure):
                pool.refresh()
                self._changed(member)
            await asyncio.sleep(begun + count * check.interval / self._scale - loop.time())

    async def _probe(self, member: Member, check: HealthCheck) -> str:
        """One check; '' where it passed, else a reason code of DescribeTargetHealth."""
        if member.address is None:
            return "Target.FailedHealthChecks"
        try:
            answer = await fetch(
                member.address, check.path, timeout_seconds=check.timeout / self._scale, headers=_AGENT
            )
        except TimeoutError:
            return "Target.Timeout"
        except OSError:
            return "Target.FailedHealthChecks"
        return "" if check.matcher.passes(answer.status) else "Target.ResponseCodeMismatch"
