"""From a snapshot to Envoy's resources, and from Envoy's lines to counts and health: without a process."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fake_control import BLUE, GREEN, fixed, forward, group, health_check, rule, snapshot

from bluegreen.lab.balancer.clusters import cluster, eds_name, endpoints
from bluegreen.lab.balancer.counts import Counts, Line, two_digits
from bluegreen.lab.balancer.health import Healths
from bluegreen.lab.balancer.patterns import regex
from bluegreen.lab.balancer.routes import route_configuration
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.balancer.timing import Timing


def parsed(rules: list[dict[str, Any]], groups: dict[str, Any]) -> Snapshot:
    return Snapshot.model_validate(snapshot(rules, groups))


def routes(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes of `rules`, without those that every listener has."""
    document = route_configuration(parsed(list(rules), {}), port=80, idle=60.0)
    return list(document["virtual_hosts"][0]["routes"][1:-2])


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
def test_patterns_follow_elb(text: str, value: str, *, expected: bool) -> None:
    assert bool(re.fullmatch(regex(text), value)) is expected
    assert bool(re.fullmatch(regex(text, ignore_case=True), value.upper())) is (expected or "API" in text)


def test_rules_are_tried_by_priority_and_never_twice() -> None:
    found = routes(
        rule(forward({BLUE: 1}), priority=300),
        rule(fixed(404), priority=20, path="/gone"),
        rule(forward({GREEN: 1}), priority=3, x_sc_preview="token"),
    )
    assert [next(iter(one.keys() & {"route", "direct_response"})) for one in found] == [
        *("route", "direct_response", "route")
    ]
    for one in found:
        assert "retry_policy" not in one.get("route", {})
        assert one.get("route", {"timeout": "0s"})["timeout"] == "0s"


def test_a_condition_that_is_not_modelled_never_holds() -> None:
    source = {"field": "source-ip", "values": ["0.0.0.0/0"]}
    assert routes(rule(forward({BLUE: 1})) | {"conditions": [source]}) == []


def test_an_action_that_is_not_modelled_says_so() -> None:
    (found,) = routes(rule({"type": "redirect", "config": {}}))
    assert found["direct_response"]["status"] == 501
    assert "redirect" in found["direct_response"]["body"]["inline_string"]


def test_a_sticky_rule_has_a_route_for_each_group_before_the_weights() -> None:
    first, second, weighted = routes(rule(forward({BLUE: 0, GREEN: 7}, sticky=9)))
    assert (first["route"]["cluster"], second["route"]["cluster"]) == (BLUE, GREEN)
    shares = {one["name"]: one["weight"] for one in weighted["route"]["weighted_clusters"]["clusters"]}
    assert shares == {BLUE: 0, GREEN: 7}
    (cookie,) = [one for one in first["match"]["headers"] if one["name"] == "cookie"]
    pattern = cookie["string_match"]["safe_regex"]["regex"]
    (set_cookie,) = first["response_headers_to_add"]
    value = set_cookie["header"]["value"].partition(";")[0]
    for sent in (value, f"a=1; {value}", f"a=1;{value}; b=2"):
        assert re.fullmatch(pattern, sent)
    for sent in (f"X{value}", f"{value}0", "AWSALBTG="):
        assert not re.fullmatch(pattern, sent)


def test_only_groups_that_a_rule_names_are_checked() -> None:
    groups = {BLUE: group([], in_use=False), GREEN: group([], in_use=False), "arn:new": group([])}
    # A rule that was deleted is in force until the data plane hears of it.
    assert set(parsed([rule(forward({BLUE: 1}))], groups).in_use) == {BLUE, "arn:new"}


def test_targets_that_drain_are_left_out_and_one_without_a_process_has_no_port() -> None:
    targets = [("i-1", 80, 4001), ("i-2", 80, 4002), ("i-3", 80, None)]
    blue = parsed([], {BLUE: group(targets, draining=("i-1",))}).groups[BLUE]
    (locality,) = endpoints(BLUE, blue)["endpoints"]
    assert [one["endpoint"]["address"] for one in locality["lb_endpoints"]] == [
        {"socket_address": {"address": "127.0.0.1", "port_value": 4002}},
        {"pipe": {"path": "/nonexistent/i-3:80"}},
    ]
    assert eds_name(BLUE) != eds_name(GREEN)


@pytest.mark.parametrize(
    ("algorithm", "policy"),
    [
        ("round_robin", "ROUND_ROBIN"),
        ("least_outstanding_requests", "LEAST_REQUEST"),
        ("weighted_random", "RANDOM"),
    ],
)
def test_a_cluster_has_the_groups_algorithm_and_health_check(algorithm: str, policy: str) -> None:
    check = health_check(interval=30, timeout=5, healthy=5, unhealthy=2, matcher="200,301-302")
    blue = parsed([], {BLUE: group([], health_check=check, algorithm=algorithm)}).groups[BLUE]
    made = cluster(BLUE, blue, "/somewhere", Timing(time_scale=5))
    assert made["lb_policy"] == policy
    assert made["connect_timeout"] == "10.000s"
    (found,) = made["health_checks"]
    assert (found["interval"], found["no_traffic_interval"], found["timeout"]) == (
        "6.000s",
        "6.000s",
        "1.000s",
    )
    assert (found["healthy_threshold"], found["unhealthy_threshold"]) == (5, 2)
    assert found["http_health_check"]["expected_statuses"] == [
        {"start": 200, "end": 201},
        {"start": 301, "end": 303},
    ]


def test_a_document_that_is_no_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="3 validation errors"):
        Snapshot.model_validate({"version": 1})


def line(text: str) -> Line:
    return Line.parse(text.replace(" ", "\t") + "\n")


def test_counts_by_the_second_of_the_end_and_late_lines_by_theirs() -> None:
    counts = Counts(begin=100)
    counts.add(line("100.900 200 - blue 1.2.3.4:5 200 - 12345"))
    counts.add(line("100.100 100 - blue 1.2.3.4:5 500 - 2000"))
    first, second = counts.take(102, {"blue": (2, 1)})
    assert first["groups"] == {
        "blue": {"requests": 1, "5xx": 1, "latency": [[0.002, 1]], "healthy": 2, "unhealthy": 1}
    }
    assert second["groups"]["blue"]["2xx"] == 1
    assert second["groups"]["blue"]["latency"] == [[0.012, 1]]
    counts.add(line("100.900 50 - blue 1.2.3.4:5 200 - 9"))
    late, third = counts.take(103, {"blue": (2, 1)})
    assert (late["at"], late["groups"]["blue"]["healthy"], late["elb"]["requests"]) == (100, None, 1)
    assert (third["at"], third["elb"]) == (102, {})


@pytest.mark.parametrize(
    ("text", "elb", "group_counts"),
    [
        ("1.0 1 - blue - 503 UH -", {"5xx": 1, "503": 1}, {}),
        ("1.0 1 - - - 503 - -", {"5xx": 1, "503": 1}, {}),
        ("1.0 1 fixed - - 503 - -", {"5xx": 1, "503": 1, "fixed": 1}, {}),
        (
            "1.0 1 - blue 1.1.1.1:1 502 UF -",
            {"requests": 1, "5xx": 1, "502": 1},
            {"requests": 1, "connection_errors": 1},
        ),
        ("1.0 1 - blue 1.1.1.1:1 0 DC -", {"requests": 1, "4xx": 1, "460": 1}, {"requests": 1}),
        ("1.0 1 - blue 1.1.1.1:1 200 UPE 300", {"requests": 1}, {"requests": 1, "2xx": 1}),
        ("1.0 1 - blue 1.1.1.1:1 101 DC 300", {"requests": 1}, {"requests": 1, "1xx": 1}),
    ],
)
def test_who_answered_decides_where_it_counts(text: str, elb: dict[str, int], group_counts: Any) -> None:
    counts = Counts(begin=1)
    counts.add(line(text))
    (document,) = counts.take(2, {})
    assert {name: count for name, count in document["elb"].items() if count} == elb
    told = document["groups"].get("blue", {})
    assert {
        name: told[name] for name in told if name not in ("latency", "healthy", "unhealthy")
    } == group_counts


def test_latency_has_two_significant_digits() -> None:
    assert [two_digits(one) for one in (0.0, 0.01234, 1.26, 0.0098)] == [0.0, 0.012, 1.3, 0.0098]


def event(kind: str, port: int = 4001, **more: Any) -> dict[str, Any]:
    where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"cluster_name": BLUE, "host": where, kind: more}


def healths(**more: Any) -> Healths:
    made = Healths()
    made.follow(parsed([], {BLUE: group([("i-1", 80, 4001)], **more)}).groups)
    return made


def failure(kind: str = "NETWORK", *, first: bool = False, status: int = 0) -> dict[str, Any]:
    told = {"failure_type": kind, "first_check": first, "http_status_code": status}
    return event("health_check_failure_event", **told)


def test_initial_until_the_threshold_then_the_reason_of_the_last_failure() -> None:
    made = healths(health_check=health_check(unhealthy=2))
    made.hear(failure(first=True))
    assert (made.changed(), made.whole()[0]["state"], made.hosts()) == ([], "initial", {BLUE: (0, 0)})
    made.hear(failure(status=503))
    (told,) = made.changed()
    assert (told["state"], told["reason"]) == ("unhealthy", "Target.ResponseCodeMismatch")
    made.hear(failure("NETWORK_TIMEOUT"))
    assert made.changed()[0]["reason"] == "Target.Timeout"
    made.hear(event("add_healthy_event"))
    assert made.changed()[0] == {"group": BLUE, "id": "i-1", "port": 80, "state": "healthy", "reason": ""}
    for _ in range(5):  # with successes between them, of which Envoy says nothing
        made.hear(failure())
    assert made.changed() == []
    made.hear(event("eject_unhealthy_event", failure_type="NETWORK"))
    assert made.hosts() == {BLUE: (0, 1)}


def test_other_settings_of_the_check_leave_the_state_until_the_new_check_has_found_another() -> None:
    made = healths()
    made.hear(event("add_healthy_event"))
    made.follow(parsed([], {BLUE: group([("i-1", 80, 4001)], health_check=health_check(unhealthy=2))}).groups)
    assert made.whole()[0]["state"] == "healthy"
    made.hear(failure(first=True))
    assert made.whole()[0]["state"] == "healthy"
    made.hear(failure())
    assert made.whole()[0]["state"] == "unhealthy"


def test_a_new_address_or_a_drain_begins_anew() -> None:
    made = healths()
    made.hear(event("add_healthy_event"))
    same = parsed([], {BLUE: group([("i-1", 80, 4001), ("i-2", 80, 4002)])}).groups
    made.follow(same)
    assert {one["id"]: one["state"] for one in made.whole()} == {"i-1": "healthy", "i-2": "initial"}
    made.follow(parsed([], {BLUE: group([("i-1", 80, 4009)])}).groups)
    assert made.whole()[0]["state"] == "initial"
    made.follow(parsed([], {BLUE: group([("i-1", 80, 4009)], draining=("i-1",))}).groups)
    made.hear(event("add_healthy_event", port=4009))
    assert (made.whole(), made.changed(), made.hosts()) == ([], [], {BLUE: (0, 0)})
