"""ELBv2 calls within the API budget, and who owns what: tags in batches, read beside the resources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from bluegreen.adapters.aws.budget import ApiBudget
from bluegreen.adapters.aws.failures import AwsRefusal, AwsUnavailable, is_throttle
from bluegreen.adapters.aws.newborn import Newborn
from bluegreen.adapters.aws.session import Json, Service, Session
from bluegreen.adapters.aws.tags import tags_of
from bluegreen.adapters.threads import parallel
from bluegreen.domain.stack import is_ours
from bluegreen.errors import DeployError, Refused
from bluegreen.ports import Clock

ABSENT = frozenset({"TargetGroupNotFound", "RuleNotFound", "ListenerNotFound", "LoadBalancerNotFound"})
_DEFAULT_LIMITS = {
    "rules-per-application-load-balancer": 100,
    "target-groups": 3000,
    "target-groups-per-application-load-balancer": 100,
}
"""AWS's defaults, for a limit that DescribeAccountLimits does not name."""
_LIMIT_OF = {
    "TooManyRules": "rules-per-application-load-balancer",
    "TooManyTargetGroups": "target-groups",
    "TooManyUniqueTargetGroupsPerLoadBalancer": "target-groups-per-application-load-balancer",
    "TooManyTargets": "targets-per-application-load-balancer",
}
_TAGS_PER_CALL = 20
"""DescribeTags takes at most 20 resources."""


def foreign(what: str, stack: str) -> Refused:
    """The refusal to touch `what`, which lacks our tags."""
    return Refused(
        f"{what} was not made by sc-deploy for stack {stack} (its tags say so); it is left as it is",
        next_step="rename or remove it, or correct the contract, then repeat",
    )


class ElbCalls:
    """ELBv2 for one stack."""

    def __init__(self, session: Session, *, stack: str, clock: Clock) -> None:
        self.stack, self.clock = stack, clock
        self.budget = ApiBudget(clock)
        self._newborn = Newborn(clock)
        self._session = session
        self._watched = False
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[str, ...]] = {}

    def call(self, operation: str, /, *, urgent: bool = False, about: str = "", **parameters: Any) -> Json:
        """One call, after waiting for its token; a refusal for a quota names the quota's number."""
        try:
            with self._granted(operation, urgent=urgent) as service:
                return service.call(operation, about=about, **parameters)
        except AwsRefusal as error:
            raise self._numbered(error) from error.__cause__

    def pages(self, operation: str, key: str, /, *, urgent: bool = False, **parameters: Any) -> list[Json]:
        """All pages; one token, for more pages than one are rare (400 items a page)."""
        with self._granted(operation, urgent=urgent) as service:
            return service.pages(operation, key, **parameters)

    def limits(self) -> dict[str, int]:
        """The account's quotas by AWS's names."""
        found = self.pages("describe_account_limits", "Limits")
        return _DEFAULT_LIMITS | {one["Name"]: int(one["Max"]) for one in found}

    def _numbered(self, error: AwsRefusal) -> AwsRefusal:
        """The refusal with the number of its quota, which AWS leaves out."""
        name = _LIMIT_OF.get(error.code)
        if name is None:
            return error
        try:
            limit = self.limits().get(name)
        except DeployError:
            limit = None  # the refusal itself says more than a failed look-up
        number = f" (limit {limit} {name.replace('-', ' ')}, all used)" if limit else ""
        return AwsRefusal(error.what + number, code=error.code, next_step=error.next_step)

    @contextmanager
    def _granted(self, operation: str, *, urgent: bool) -> Iterator[Service]:
        """The service, once the budget allows the call; a call that stays throttled empties the bucket."""
        service = self._service()
        self.budget.take(operation, urgent=urgent)
        try:
            yield service
        except AwsUnavailable as error:
            if is_throttle(error.code):
                self.budget.bucket(operation).drain()
            raise

    def _service(self) -> Service:
        service = self._session.service("elbv2")
        with self._lock:
            if not self._watched:
                self.budget.watch(service.client)
                self._watched = True
        return service

    def tags(self, arns: Iterable[str], *, urgent: bool = False) -> dict[str, dict[str, str]]:
        """Tags by ARN; what is gone is left out."""
        left = iter(arns)
        batches = list(iter(lambda: list(islice(left, _TAGS_PER_CALL)), []))
        read = partial(self._tags_of, urgent=urgent)
        answers = parallel([partial(read, batch) for batch in batches])
        return {arn: tags for answer in answers for arn, tags in answer.items()}

    def _tags_of(self, arns: Sequence[str], *, urgent: bool) -> dict[str, dict[str, str]]:
        try:
            answer = self.call("describe_tags", urgent=urgent, ResourceArns=list(arns))
        except AwsRefusal as error:
            if error.code not in ABSENT:
                raise
            # One of them was deleted a moment ago, by a step of another tier or by hand: ask one by one.
            one_by_one = partial(self._tags_of, urgent=urgent)
            singles = [[arn] for arn in arns] if len(arns) > 1 else []
            answers = parallel([partial(one_by_one, single) for single in singles])
            return {arn: tags for found in answers for arn, tags in found.items()}
        return {one["ResourceArn"]: tags_of(one.get("Tags")) for one in answer["TagDescriptions"]}

    def with_tags(
        self, key: str, read: Callable[[], list[Json]], *, urgent: bool = False
    ) -> list[tuple[Json, dict[str, str]]]:
        """Resources with their tags; `key` is the name of their ARN.

        The tags of those seen last time are read beside the resources, so that the second look takes
        one round trip instead of two.
        """
        known = self._seen.get(key, ())
        both: list[Callable[[], Any]] = [read, partial(self.tags, known, urgent=urgent)]
        found, tags = parallel(both)
        fresh = [one[key] for one in found if one[key] not in tags]
        tags |= self.tags(fresh, urgent=urgent)
        there = [one for one in found if one[key] in tags]
        with self._lock:
            self._seen[key] = tuple(one[key] for one in there)
        return [(one, tags[one[key]]) for one in there]

    def learn(self, key: str, arn: str) -> None:
        """A resource was made: its tags can be read beside the next look, absent is "not yet" for a while."""
        self._newborn.add(arn)
        with self._lock:
            self._seen[key] = (*self._seen.get(key, ()), arn)

    def forget(self, arn: str) -> None:
        """Its deletion is asked for: absent means gone again."""
        self._newborn.forget(arn)

    def own_tags(self, arn: str, what: str) -> Mapping[str, str] | None:
        """The tags of our resource, None when it is gone; raises Refused when it is not ours.

        Raises CloudUnavailable where it was made a moment ago and cannot be read yet.
        """
        found = self.tags([arn]).get(arn)
        if found is None:
            self._newborn.check(arn)
        if found is not None and not is_ours(found, self.stack):
            raise foreign(what, self.stack)
        return found
