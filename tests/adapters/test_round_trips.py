"""How many calls of each port wait for one another: what a release over a slow link is made of."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

import bluegreen.adapters
from bluegreen.adapters.connect import connect
from bluegreen.contract import Contract, TierContract
from bluegreen.policy import Policy
from bluegreen.ports import Ports

from .conftest import Stack, spec, tags


class Link:
    """Counts round trips as a clock would: calls made one after the other add up, those of `parallel`
    count as the longest of them. Nothing sleeps and no thread runs, so the count is exact.
    """

    def __init__(self) -> None:
        self.trips = 0

    @contextmanager
    def call(self) -> Iterator[None]:
        self.trips += 1
        yield

    def parallel(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        begun, longest, results = self.trips, self.trips, []
        for call in calls:
            self.trips = begun
            results.append(call())
            longest = max(longest, self.trips)
        self.trips = longest
        return results

    def of(self, work: Callable[[], Any]) -> int:
        """How many round trips `work` waits for."""
        begun = self.trips
        work()
        return self.trips - begun


@pytest.fixture
def link(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Link:
    made = Link()
    stack.region.around = made.call
    for module in pkgutil.walk_packages(bluegreen.adapters.__path__, "bluegreen.adapters."):
        if hasattr(importlib.import_module(module.name), "parallel"):
            monkeypatch.setattr(f"{module.name}.parallel", made.parallel)
    return made


@pytest.fixture
def three(stack: Stack) -> Contract:
    """Three tiers, each with its own rules."""
    tier = stack.contract.tiers[0].model_dump(mode="json", exclude_none=True)
    tiers = [
        tier
        | {"name": name, "path_patterns": [f"/{name}/*"]}
        | {
            "rule_priority": 100 + n,
            "preview_priority": 10 + n,
            "scaling": [{"kind": "cpu", "target_percent": 60}],
        }
        for n, name in enumerate(("ai", "app", "web"))
    ]
    return Contract.model_validate(stack.contract.model_dump(exclude_none=True) | {"tiers": tiers})


@pytest.fixture
def ports(stack: Stack, three: Contract, link: Link) -> Ports:
    return connect(three, Policy(), session=stack.session, clock=stack.clock, owner="me")


class Release:
    """The steps of a release on the first `count` tiers, each on all of them at once."""

    def __init__(self, ports: Ports, contract: Contract, count: int, link: Link) -> None:
        self.ports, self.link = ports, link
        self.tiers = contract.tiers[:count]
        self.arns: dict[tuple[str, int], str] = {}

    def on_each(self, work: Callable[[TierContract], Any]) -> int:
        def call(tier: TierContract) -> Callable[[], Any]:
            return lambda: work(tier)

        return self.link.of(lambda: self.link.parallel([call(tier) for tier in self.tiers]))

    def tags(self, tier: TierContract, number: int) -> dict[str, str]:
        return tags(number) | {"sportcoach:tier": str(tier.name)}

    def target_groups(self, number: int) -> int:
        def work(tier: TierContract) -> None:
            wanted = spec(name=f"sc-test-{tier.name}-{number}")
            made = self.ports.balancer.ensure_target_group(tier, wanted, self.tags(tier, number))
            self.arns[tier.name, number] = made.arn

        return self.on_each(work)

    def previews(self) -> int:
        return self.on_each(
            lambda tier: self.ports.balancer.ensure_preview(
                tier, self.arns[tier.name, 2], "token-1234567890", self.tags(tier, 2)
            )
        )

    def fleets(self) -> int:
        return self.on_each(
            lambda tier: self.ports.fleets.ensure(
                tier, spec(name=f"sc-test-{tier.name}-2"), self.arns[tier.name, 2], self.tags(tier, 2)
            )
        )

    def weights(self, share: int, *, urgent: bool = False) -> int:
        def work(tier: TierContract) -> None:
            wanted = {self.arns[tier.name, 1]: 100 - share, self.arns[tier.name, 2]: share}
            self.ports.balancer.set_weights(tier, wanted, self.tags(tier, 2), urgent=urgent)

        return self.on_each(work)


@pytest.mark.parametrize("count", [1, 3])
def test_three_tiers_wait_no_longer_than_one(ports: Ports, three: Contract, link: Link, count: int) -> None:
    release = Release(ports, three, count, link)
    release.target_groups(1)
    assert release.target_groups(2) == 3, "look, create, set the drain delay"
    assert release.previews() == 2, "look, create"
    assert release.fleets() == 3, "look, create, policies beside another look"
    release.weights(0)
    assert release.weights(25) == 3, "rules with tags, change, read back"
    assert release.weights(0, urgent=True) == 3


def test_observing_takes_one_round_trip_once_the_resources_are_known(
    stack: Stack, ports: Ports, three: Contract, link: Link
) -> None:
    release = Release(ports, three, 3, link)
    release.target_groups(1)
    release.target_groups(2)
    release.weights(0)

    def look() -> list[Any]:  # of the ports of the moment
        return link.parallel([ports.balancer.rules, ports.balancer.target_groups, ports.fleets.groups])

    assert link.of(look) == 1
    ports = connect(three, Policy(), session=stack.session, clock=stack.clock, owner="heir")
    assert link.of(look) == 2, "the tags of what is not known yet"
    assert link.of(look) == 1
