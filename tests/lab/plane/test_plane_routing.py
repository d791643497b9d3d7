"""Rules, weights, stickiness and the choice of the target, without a socket."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from fake_control import BLUE, GREEN, forward, group, rule, snapshot
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.lab.balancer.matching import Condition, pattern
from bluegreen.lab.balancer.pool import Health
from bluegreen.lab.balancer.routing import Forwarded, Router
from bluegreen.lab.balancer.snapshot import FixedResponse, Matcher, Snapshot
from bluegreen.lab.http1.message import Request
from bluegreen.lab.round_robin import WeightedRoundRobin


def request(target: str = "/", method: str = "GET", **headers: str) -> Request:
    pairs = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Request(
        method=method.encode(), target=target.encode(), headers=pairs, body=b"", keep_alive=True, http10=False
    )


def router(document: dict[str, Any], now: float = 1000.0) -> Router:
    made = Router(lambda: now)
    made.apply(Snapshot.parse(document))
    return made


def two_fleets(weights: dict[str, int], **more: Any) -> dict[str, Any]:
    groups = {BLUE: group([("i-1", 80, 1), ("i-2", 80, 2)]), GREEN: group([("i-3", 80, 3)])}
    return snapshot([rule(forward(weights, **more))], groups)


def chosen(made: Router, count: int = 1, asked: Request | None = None) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(count):
        route = made.route(asked or request())
        assert isinstance(route, Forwarded)
        found[route.member.id if route.member else "none"] += 1
    return found


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("/api/*", "/api/login", True),
        ("/api/*", "/api/", True),
        ("/api/*", "/api", False),
        ("/api/?", "/api/x", True),
        ("/api/?", "/api/xy", False),
        ("/a.b", "/axb", False),
        ("/API/*", "/api/x", False),
        ("/*", "/a/b/c", True),
        (r"/what\?", "/what?", True),
        (r"/what\?", "/whatx", False),
    ],
)
def test_path_patterns_follow_elb(text: str, value: str, *, expected: bool) -> None:
    assert bool(pattern(text, ignore_case=False).fullmatch(value)) is expected


def test_path_condition_ignores_the_query_and_headers_ignore_case() -> None:
    path = Condition(field="path-pattern", values=["/api/*"])
    assert path.matches(request("/api/x?next=/other"))
    assert not path.matches(request("/other?next=/api/x"))
    header = Condition(field="http-header", name="X-SC-Preview", values=["Token-*"])
    assert header.matches(request(x_sc_preview="token-1"))
    assert not header.matches(request(x_sc_preview="other"))
    assert not header.matches(request())


def test_unmodelled_condition_never_matches() -> None:
    assert not Condition(field="source-ip", values=["0.0.0.0/0"]).matches(request())


def test_lowest_priority_number_wins_and_the_default_comes_last() -> None:
    groups = {BLUE: group([("i-1", 80, 1)]), GREEN: group([("i-2", 80, 2)])}
    rules = [
        rule(forward({BLUE: 1}), priority=200, path="/api/*", arn="rule:blue"),
        rule(forward({GREEN: 1}), priority=10, path="/api/*", arn="rule:preview", x_sc_preview="secret"),
    ]
    made = router(snapshot(rules, groups))
    assert chosen(made, asked=request("/api/x")) == {"i-1": 1}
    assert chosen(made, asked=request("/api/x", x_sc_preview="secret")) == {"i-2": 1}
    fixed = made.route(request("/elsewhere"))
    assert isinstance(fixed, FixedResponse)
    assert (fixed.status, fixed.body) == (503, "maintenance")


@pytest.mark.parametrize(
    ("blue", "green"), [(99, 1), (95, 5), (90, 10), (50, 50), (1, 999), (0, 100), (7, 3)]
)
def test_weights_are_exact(blue: int, green: int) -> None:
    made = router(two_fleets({BLUE: blue, GREEN: green}))
    total = blue + green
    found = chosen(made, 3 * total)
    assert found["i-3"] == 3 * green
    assert found["i-1"] + found["i-2"] == 3 * blue
    assert abs(found["i-1"] - found["i-2"]) <= 1


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5).filter(any), st.integers(1, 3))
def test_round_robin_is_exact_for_any_weights(weights: list[int], rounds: int) -> None:
    turns = WeightedRoundRobin(tuple(enumerate(weights)))
    taken = Counter(turns.next() for _ in range(rounds * sum(weights)))
    assert taken == {index: rounds * weight for index, weight in enumerate(weights) if weight}


def test_share_stays_exact_when_only_targets_change() -> None:
    document = two_fleets({BLUE: 90, GREEN: 10})
    made = router(document)
    found = Counter()
    for _ in range(20):
        found += chosen(made, 5)
        made.apply(Snapshot.parse(document))
    assert found["i-3"] == 10


def test_all_weights_zero_is_refused() -> None:
    assert router(two_fleets({BLUE: 0, GREEN: 0})).route(request()) is None


def test_group_without_targets_keeps_its_share_and_has_no_member() -> None:
    document = two_fleets({BLUE: 50, GREEN: 50})
    document["groups"][GREEN] = group([])
    assert chosen(router(document), 10)["none"] == 5


def test_only_healthy_targets_are_asked() -> None:
    made = router(two_fleets({BLUE: 1}))
    pool = made.pools[BLUE]
    pool.members["i-1", 80].health = Health.HEALTHY
    pool.members["i-2", 80].health = Health.UNHEALTHY
    pool.refresh()
    assert chosen(made, 10) == {"i-1": 10}


def test_fails_open_to_all_when_none_is_healthy() -> None:
    made = router(two_fleets({BLUE: 1}))
    for member in made.pools[BLUE].members.values():
        member.health = Health.UNHEALTHY
    made.pools[BLUE].refresh()
    assert chosen(made, 10) == {"i-1": 5, "i-2": 5}


def test_no_failover_to_another_group() -> None:
    made = router(two_fleets({BLUE: 50, GREEN: 50}))
    made.pools[GREEN].members["i-3", 80].health = Health.UNHEALTHY
    made.pools[GREEN].refresh()
    assert chosen(made, 10)["i-3"] == 5


def test_draining_targets_get_nothing_new() -> None:
    document = two_fleets({BLUE: 1})
    made = router(document)
    document["groups"][BLUE] = group([("i-1", 80, 1), ("i-2", 80, 2)], draining=("i-1",))
    made.apply(Snapshot.parse(document))
    assert chosen(made, 10) == {"i-2": 10}
    document["groups"][BLUE] = group([("i-1", 80, 1), ("i-2", 80, 2)], draining=("i-1", "i-2"))
    made.apply(Snapshot.parse(document))
    assert chosen(made, 1) == {"none": 1}


def test_least_outstanding_requests_prefers_the_idle_target() -> None:
    document = two_fleets({BLUE: 1})
    document["groups"][BLUE]["algorithm"] = "least_outstanding_requests"
    made = router(document)
    made.pools[BLUE].members["i-1", 80].outstanding = 3
    assert chosen(made, 4) == {"i-2": 4}


def test_new_address_means_a_new_target() -> None:
    document = two_fleets({BLUE: 1})
    made = router(document)
    made.pools[BLUE].members["i-1", 80].health = Health.HEALTHY
    document["groups"][BLUE] = group([("i-1", 80, 99)])
    made.apply(Snapshot.parse(document))
    assert made.pools[BLUE].members["i-1", 80].health is Health.INITIAL


def test_group_out_of_use_forgets_its_health() -> None:
    document = two_fleets({BLUE: 1})
    made = router(document)
    made.pools[BLUE].members["i-1", 80].health = Health.HEALTHY
    document["groups"][BLUE]["in_use"] = False
    made.apply(Snapshot.parse(document))
    assert made.pools[BLUE].members["i-1", 80].health is Health.INITIAL


def sticky_cookie(route: Any) -> str:
    assert isinstance(route, Forwarded)
    assert route.cookie is not None
    return route.cookie[1].decode().partition(";")[0]


def test_sticky_client_stays_even_at_weight_zero() -> None:
    made = router(two_fleets({BLUE: 100, GREEN: 0}, sticky=60))
    cookie = sticky_cookie(made.route(request()))
    made.apply(Snapshot.parse(two_fleets({BLUE: 0, GREEN: 100}, sticky=60)))
    assert set(chosen(made, 10, request(cookie=f"other=1; {cookie}"))) == {"i-1", "i-2"}
    assert chosen(made, 10) == {"i-3": 10}


def test_stickiness_ends_with_the_cookie_the_group_or_the_setting() -> None:
    cookie = sticky_cookie(router(two_fleets({BLUE: 1}, sticky=60), now=1000.0).route(request()))
    asked = request(cookie=cookie)
    assert chosen(router(two_fleets({BLUE: 0, GREEN: 1}, sticky=60), now=1059.0), 1, asked)["i-3"] == 0
    assert chosen(router(two_fleets({BLUE: 0, GREEN: 1}, sticky=60), now=1060.0), 1, asked)["i-3"] == 1
    assert chosen(router(two_fleets({GREEN: 1}, sticky=60)), 1, asked)["i-3"] == 1
    assert chosen(router(two_fleets({BLUE: 0, GREEN: 1})), 1, asked)["i-3"] == 1


def test_no_cookie_without_stickiness() -> None:
    route = router(two_fleets({BLUE: 1})).route(request())
    assert isinstance(route, Forwarded)
    assert route.cookie is None


@pytest.mark.parametrize(
    ("text", "good", "bad"), [("200", 200, 201), ("200-299", 204, 300), ("200,301-302", 302, 303)]
)
def test_matcher(text: str, good: int, bad: int) -> None:
    assert Matcher.parse(text).passes(good)
    assert not Matcher.parse(text).passes(bad)


def test_a_document_that_is_no_snapshot_is_refused() -> None:
    with pytest.raises(KeyError):
        Snapshot.parse({"version": 1})
