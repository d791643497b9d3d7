"""`ports.Environment`: what a release leans on, looked at but not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bluegreen.adapters.aws.alarm_states import described
from bluegreen.adapters.aws.elb.calls import ABSENT, ElbCalls
from bluegreen.adapters.aws.failures import Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.aws.silence import silent_metrics
from bluegreen.adapters.aws.ssm import Parameters
from bluegreen.adapters.aws.tags import tags_of
from bluegreen.adapters.threads import parallel
from bluegreen.contract import Contract, Published, Tag, alarm_prefix
from bluegreen.ports import Clock

_TRACKING = "TargetTracking-"
"""Alarms that Auto Scaling makes for itself; one of each pair is in ALARM whenever load is low."""


class AwsEnvironment:
    """The surroundings of one stack."""

    def __init__(
        self,
        session: Session,
        contract: Contract,
        calls: ElbCalls,
        *,
        clock: Clock,
        silent_series: Callable[[Sequence[str]], tuple[str, ...]],
    ) -> None:
        """`silent_series` asks Prometheus, as `silent` does."""
        self._session, self._contract, self._calls = session, contract, calls
        self._clock, self._silent_series = clock, silent_series
        self._parameters = Parameters(session)

    def missing(self, *, parameters: Iterable[str], secrets: Iterable[str]) -> tuple[str, ...]:
        """Names of those that do not exist (P7); a secret that is to be deleted or has no value counts as
        missing: no container could read it.
        """
        names = list(dict.fromkeys(parameters))
        reads: list[Callable[[], Any]] = [lambda: self._parameters.missing(names)]
        reads += [partial(self._missing_secret, one) for one in dict.fromkeys(secrets)]
        return tuple(name for found in parallel(reads) for name in found)

    def session_ends(self) -> float | None:
        return self._session.ends()

    def _missing_secret(self, name: str) -> tuple[str, ...]:
        with Tolerated("ResourceNotFoundException"):
            service = self._session.service("secretsmanager")
            answer = service.call("describe_secret", about=name, SecretId=name)
            staged = {stage for stages in answer.get("VersionIdsToStages", {}).values() for stage in stages}
            return (name,) if answer.get("DeletedDate") or "AWSCURRENT" not in staged else ()
        return (name,)

    def alarms_firing(self) -> tuple[str, ...]:
        """Alarms in state ALARM that belong to this stack by name or by tag, "name: reason"."""
        alarms = described(self._session.service("cloudwatch"), StateValue="ALARM")
        firing = [one for one in alarms if not one["AlarmName"].startswith(_TRACKING)]
        ours = parallel([partial(self._belongs, one) for one in firing])
        return tuple(
            f"{one['AlarmName']}: {one.get('StateReason', '')}"
            for one, belongs in zip(firing, ours, strict=True)
            if belongs
        )

    def _belongs(self, alarm: Json) -> bool:
        stack = self._contract.stack
        if alarm["AlarmName"].startswith(alarm_prefix(stack, holds=True)):
            return True
        answer = self._session.service("cloudwatch").call(
            "list_tags_for_resource", about=alarm["AlarmName"], ResourceARN=alarm["AlarmArn"]
        )
        return tags_of(answer["Tags"]).get(Tag.STACK) == stack

    def silent(self, published: Sequence[Published], series: Sequence[str]) -> tuple[str, ...]:
        now = self._clock.now()
        asked: list[Callable[[], tuple[str, ...]]] = [
            partial(silent_metrics, self._session, published, now),
            partial(self._silent_series, series),
        ]
        return tuple(name for found in parallel(asked) for name in found)

    def listener_exists(self) -> bool:
        with Tolerated(*ABSENT):
            answer = self._calls.call("describe_listeners", ListenerArns=[self._contract.listener_arn])
            return bool(answer["Listeners"])
        return False
