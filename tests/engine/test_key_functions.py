"""A key function that fails on one lost host is not one that the release has broken."""

from __future__ import annotations

from itertools import cycle
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.engine.watch.key_functions import KeyFunctions, too_many_for_a_host
from bluegreen.judge.record import Record
from bluegreen.policy import parse_policy
from bluegreen.ports import Answer, Arms, Request
from tests.world import in_turn

POLICY = parse_policy(
    '[[smoke]]\nname = "log in"\ntier = "app"\nkey = true\nsteps = [{ path = "/" }]\n',
    stack="prod",
    source="deploy.toml",
)
OK = 200


class Balanced:
    """A fleet whose hosts answer in turn, each with its status."""

    def __init__(self, *hosts: int) -> None:
        self._turn = cycle(hosts)
        self.asked = 0

    def send(self, _: Request) -> Answer:
        self.asked += 1
        return Answer(status=next(self._turn))


def probed(*hosts: int, targets: int | None = None) -> tuple[int, int, int]:
    """(failed probes, requests that are said to be ours, those that were sent) of one look at that fleet."""
    fleet, record = Balanced(*hosts), Record()
    record.well[Tier.APP, Color.GREEN] = dict.fromkeys(map(str, range(targets or len(hosts))), 0.0)
    ports = SimpleNamespace(prober=fleet, parallel=in_turn, clock=SimpleNamespace(now=lambda: 100.0))
    run = SimpleNamespace(policy=POLICY, ports=ports, record=record, preview_headers=dict)
    arms = [Arms(tier=Tier.APP, green=TargetGroup(arn="arn:2", name="app-2"))]
    (period,) = KeyFunctions(cast("Any", run), arms, 50).probe()
    assert period.probes == 1
    return period.probes_failed, period.own, fleet.asked


@pytest.mark.parametrize("dead", [0, 502, 504])
@pytest.mark.parametrize("others", [1, 2, 9])
def test_one_host_that_answers_nothing_is_no_failing_function(dead: int, others: int) -> None:
    """The first request meets it; those after it meet the others too."""
    assert probed(dead, *[OK] * others) == (0, 13, 13)


@pytest.mark.parametrize(
    ("hosts", "targets"),
    [
        pytest.param((0,), 2, id="no host answers"),
        pytest.param((0, 0, 0, 0, 0, 0, OK), 2, id="most requests hang on both hosts"),
        pytest.param((502, 502, OK), 9, id="most of many hosts answer nothing"),
        pytest.param((0,), 1, id="a fleet of one"),
    ],
)
def test_more_than_a_host_explains_is_a_failing_function(hosts: tuple[int, ...], targets: int) -> None:
    assert probed(*hosts, targets=targets) == (1, 13, 13)


@pytest.mark.parametrize("status", [500, 503, 404])
def test_what_an_instance_answers_is_asked_once(status: int) -> None:
    assert probed(status, OK) == (1, 1, 1)


def test_one_that_works_is_asked_once() -> None:
    assert probed(OK, 0) == (0, 1, 1)


def test_the_larger_the_fleet_the_fewer_failures_a_host_explains() -> None:
    assert [too_many_for_a_host(targets) for targets in (0, 1, 2, 3, 4, 20)] == [12, 12, 11, 9, 8, 4]
