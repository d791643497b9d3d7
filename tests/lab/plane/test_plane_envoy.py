"""The balancer on real sockets: what clients, targets and the control server see."""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from conftest import TIMING, Plane
from fake_control import BLUE, GREEN, FakeControl, default_rule, forward, group, health_check, rule

pytestmark = pytest.mark.xdist_group("envoy")


def talk(plane: Plane, data: bytes, end: bytes = b"") -> bytes:
    """Send `data` on one connection and read until `end` has come or the balancer closes it."""
    with socket.create_connection(("127.0.0.1", plane.envoy.port), timeout=60) as connection:
        connection.sendall(data)
        told = b""
        while not (end and end in told) and (more := connection.recv(65536)):
            told += more
        return told


def test_without_a_listener_connections_are_not_served(plane: Plane) -> None:
    plane.control.put({"listener": {"port": None}, "rules": [], "groups": {}})
    plane.link.step()
    with pytest.raises(httpx.TransportError):
        plane.ask()


def test_lowest_priority_number_wins_and_the_default_comes_last(plane: Plane) -> None:
    groups = {BLUE: group(plane.members("blue-1")), GREEN: group(plane.members("green"))}
    rules = [
        rule(forward({BLUE: 1}), priority=200, path="/api/*", arn="rule:blue"),
        rule(forward({GREEN: 1}), priority=10, path="/api/*", arn="rule:preview", x_sc_preview="Token-*"),
    ]
    plane.put(rules, groups)
    plane.until(lambda: len(plane.states()) == 2 == list(plane.states().values()).count("healthy"))
    assert plane.name("/api/x?next=/other") == "blue-1"
    assert plane.name("/api/x", headers={"X-SC-Preview": "token-1"}) == "green"
    assert plane.name("/api/x", headers={"x-sc-preview": "other"}) == "blue-1"
    for elsewhere in ("/API/x", "/other?next=/api/x"):
        fixed = plane.ask(elsewhere)
        assert (fixed.status_code, fixed.text) == (503, "maintenance")
        assert fixed.headers["content-type"] == "text/html"
        assert fixed.headers["server"] == "awselb/2.0"


def test_host_and_method_conditions(plane: Plane) -> None:
    # As many and as long values as ELB takes; Envoy's own limit is smaller.
    host = {
        "field": "host-header",
        "values": ["*.example.com", *(f"{'a' * 120}{n}.example" for n in range(4))],
    }
    method = {"field": "http-request-method", "values": ["POST"]}
    plane.put(
        [rule(forward({BLUE: 1})) | {"conditions": [host, method]}],
        {BLUE: group(plane.members("blue-1"))},
    )
    plane.until(lambda: plane.states() == {"blue-1": "healthy"})
    there = {"host": "Shop.Example.com:8080"}
    assert plane.ask(method="POST", headers=there).status_code == 200
    assert plane.ask(headers=there).status_code == 503
    assert plane.ask(method="POST", headers={"host": "example.org"}).status_code == 503


def test_weights_decide_and_a_weight_of_zero_gets_nothing(plane: Plane) -> None:
    plane.two_fleets({BLUE: 750, GREEN: 250})
    with httpx.Client(base_url=f"http://127.0.0.1:{plane.envoy.port}") as client:
        found: Counter[str] = Counter()
        # Users come by the name of the site, tiers by the one that is for them: to the same rule.
        for host in ("sportcoach.example", "internal.sportcoach.example"):
            asked = Counter(client.get("/", headers={"host": host}).json()["name"] for _ in range(200))
            assert 13 <= asked["green"] <= 87  # 50 +- 6 standard deviations
            found += asked
        assert found["blue-1"] == pytest.approx(found["blue-2"], abs=2)
        plane.put([rule(forward({BLUE: 0, GREEN: 999}))], plane.control.snapshot["groups"])
        assert {client.get("/").json()["name"] for _ in range(20)} == {"green"}


def test_sticky_client_stays_even_at_weight_zero(plane: Plane) -> None:
    plane.two_fleets({BLUE: 1, GREEN: 0}, sticky=60)
    told = plane.ask().headers["set-cookie"]
    assert re.fullmatch(r"AWSALBTG=\w+; Max-Age=60; Path=/", told)
    pinned = {"cookie": f"other=1; {told.partition(';')[0]}"}
    plane.two_fleets({BLUE: 0, GREEN: 1}, sticky=60)
    again = plane.ask(headers=pinned)
    assert again.json()["name"].startswith("blue")
    assert again.headers["set-cookie"] == told
    assert plane.name() == "green"
    plane.two_fleets({BLUE: 0, GREEN: 1})
    free = plane.ask(headers=pinned)
    assert free.json()["name"] == "green"
    assert "set-cookie" not in free.headers


def test_no_registered_target_and_no_weight_are_503(plane: Plane) -> None:
    plane.put([rule(forward({BLUE: 50, GREEN: 0}))], {BLUE: group([]), GREEN: group(plane.members("green"))})
    answer = plane.ask()
    assert (answer.status_code, answer.headers["server"]) == (503, "awselb/2.0")
    assert "503 Service Unavailable" in answer.text
    plane.put([rule(forward({BLUE: 0}))], {BLUE: group(plane.members("blue-1"))})
    assert plane.ask().status_code == 503
    plane.until(lambda: plane.control.elb_total("503") == 2)
    assert plane.control.elb_total("fixed") == 0
    assert plane.control.elb_total("requests") == 0


@pytest.mark.parametrize("path", ["/close", "/junk"])
def test_a_target_that_does_not_answer_is_502_and_asked_once(plane: Plane, path: str) -> None:
    plane.two_fleets()
    answer = plane.ask(path)
    assert answer.status_code == 502
    assert "502 Bad Gateway" in answer.text
    seen = plane.targets["blue-1"].seen + plane.targets["blue-2"].seen
    assert len(seen) == 1  # an Application Load Balancer tries no second target
    plane.until(lambda: plane.control.elb_total("502") == 1)
    assert plane.control.group_total(BLUE, "requests") == 1
    assert plane.control.group_total(BLUE, "5xx") == 0


def test_refused_connections_are_502_and_counted(plane: Plane) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    plane.put([rule(forward({BLUE: 1}))], {BLUE: group([("i-1", 80, port)])})
    plane.until(lambda: plane.control.health.get((BLUE, "i-1"), ("",))[0] == "unhealthy")
    assert plane.ask().status_code == 502
    plane.put([rule(forward({BLUE: 1}))], {BLUE: group([("i-1", 80, None)])})
    assert plane.states() == {"i-1": "initial"}
    assert plane.ask().status_code == 502
    plane.until(lambda: plane.control.health[BLUE, "i-1"] == ("unhealthy", "Target.FailedHealthChecks"))
    plane.until(lambda: plane.control.group_total(BLUE, "connection_errors") == 2)
    assert plane.control.elb_total("5xx") == plane.control.elb_total("502") == 2


def test_a_target_that_does_not_accept_is_504(plane: Plane) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        plane.envoy.timing = replace(TIMING, connect=0.2)
        plane.put([rule(forward({BLUE: 1}))], {BLUE: group([("i-1", 80, full.getsockname()[1])])})
        plane.until(lambda: plane.ask().status_code == 504)
        for one in waiting:
            one.close()


def test_a_silent_target_is_504(plane: Plane) -> None:
    plane.two_fleets()
    plane.envoy.timing = replace(TIMING, idle=0.3)
    plane.two_fleets()
    answer = plane.ask("/hold")
    assert (answer.status_code, answer.headers["server"]) == (504, "awselb/2.0")
    plane.until(lambda: plane.control.elb_total("504") == 1)


def test_an_answer_cut_short_breaks_the_client_connection(plane: Plane) -> None:
    plane.two_fleets()
    with pytest.raises(httpx.RemoteProtocolError):
        plane.ask("/short")
    plane.until(lambda: plane.control.group_total(BLUE, "2xx") == 1)  # as AWS counts what the target said


def test_a_client_that_leaves_is_460_and_no_error(plane: Plane) -> None:
    plane.two_fleets()
    with socket.create_connection(("127.0.0.1", plane.envoy.port)) as connection:
        connection.sendall(b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n")
        assert any(plane.targets[one].held.acquire(timeout=30) for one in _either(plane))
    plane.until(lambda: plane.control.elb_total("460") == 1)
    assert plane.control.elb_total("4xx") == 1
    assert plane.control.elb_total("5xx") == 0


def _either(plane: Plane) -> list[str]:
    """The blue target that was asked."""
    plane.until(lambda: any(plane.targets[one].seen for one in ("blue-1", "blue-2")))
    return [one for one in ("blue-1", "blue-2") if plane.targets[one].seen]


def test_thresholds_decide_and_nobody_is_asked_while_unhealthy(plane: Plane) -> None:
    names = ("blue-1", "blue-2", "green")
    plane.put([rule(forward({BLUE: 1}))], {BLUE: group(plane.members(*names))})
    plane.until(lambda: list(plane.states().values()) == ["healthy"] * 3)
    for name, status in (("blue-1", 503), ("green", 500)):
        target = plane.targets[name]
        target.checks, target.health = 0, status
        plane.until(lambda one=name: plane.control.health[BLUE, one][0] == "unhealthy")
        assert plane.control.health[BLUE, name][1] == "Target.ResponseCodeMismatch"
        assert target.checks >= 3
    assert plane.link.healths.hosts()[BLUE] == (1, 2)
    assert {plane.name() for _ in range(6)} == {"blue-2"}
    plane.targets["blue-2"].health = 500
    plane.until(lambda: plane.control.health[BLUE, "blue-2"][0] == "unhealthy")
    assert {plane.name() for _ in range(9)} == set(names)  # none is healthy: all of them are asked
    plane.targets["blue-1"].health = 200
    plane.until(lambda: plane.control.health[BLUE, "blue-1"] == ("healthy", ""))
    assert {plane.name() for _ in range(6)} == {"blue-1"}


def test_a_sick_group_keeps_its_share(plane: Plane) -> None:
    plane.two_fleets({BLUE: 0, GREEN: 1})
    plane.targets["green"].health = 503
    plane.until(lambda: plane.control.health[GREEN, "green"][0] == "unhealthy")
    assert {plane.name() for _ in range(4)} == {"green"}


def test_a_new_target_is_initial_until_the_threshold(plane: Plane) -> None:
    plane.targets["green"].health = 404
    check = health_check(matcher="200,300-302", unhealthy=2)
    plane.put([rule(forward({GREEN: 1}))], {GREEN: group(plane.members("green"), health_check=check)})
    assert plane.states() == {"green": "initial"}
    plane.until(lambda: plane.states() == {"green": "unhealthy"})
    plane.targets["green"].health = 301
    plane.until(lambda: plane.states() == {"green": "healthy"})


def test_a_group_out_of_use_is_not_checked(plane: Plane) -> None:
    plane.two_fleets()
    plane.put(
        [rule(forward({BLUE: 1}))], {BLUE: group([]), GREEN: group(plane.members("green"), in_use=False)}
    )
    assert plane.states() == {}
    assert plane.link.healths.hosts() == {BLUE: (0, 0)}


def test_a_draining_target_finishes_what_it_has_begun_until_the_delay_ends(plane: Plane) -> None:
    plane.two_fleets()
    only = [rule(forward({BLUE: 1}))]
    first, second = plane.targets["blue-1"], plane.targets["blue-2"]
    plane.put(only, {BLUE: group(plane.members("blue-1"))})
    finished = plane.begin("/hold")
    assert first.held.acquire(timeout=30)
    both = plane.members("blue-1", "blue-2")
    plane.put(only, {BLUE: group(both, draining=("blue-1",))})
    plane.until(lambda: plane.states() == {"blue-2": "healthy"})
    assert {plane.name() for _ in range(4)} == {"blue-2"}
    first.go_on.set()
    assert finished.result(60).status_code == 200

    cut = plane.begin("/hold")
    assert second.held.acquire(timeout=30)
    plane.put(only, {BLUE: group(both, draining=("blue-1", "blue-2"))})
    assert plane.ask().status_code == 503  # nobody is registered: nobody is asked
    assert not cut.done()
    plane.put(only, {BLUE: group([])})
    assert cut.result(60).status_code == 502


def test_a_rule_and_its_group_may_go_while_a_request_is_under_way(plane: Plane) -> None:
    plane.two_fleets({BLUE: 0, GREEN: 1})
    begun = plane.begin("/hold")
    assert plane.targets["green"].held.acquire(timeout=30)
    plane.put([rule(forward({BLUE: 1}))], {BLUE: group(plane.members("blue-1", "blue-2"))})
    assert plane.name().startswith("blue")
    plane.targets["green"].go_on.set()
    assert begun.result(60).status_code == 200


def test_no_request_is_lost_while_groups_come_and_go(plane: Plane) -> None:
    plane.two_fleets()
    over, found = threading.Event(), Counter[int]()

    def users() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{plane.envoy.port}", timeout=60) as client:
            while not over.is_set():
                found[client.get("/").status_code] += 1

    asking = plane.threads.submit(users)
    try:
        for kept, name in [(GREEN, "green"), (BLUE, "blue-1")] * 3:
            other = BLUE if kept == GREEN else GREEN
            plane.two_fleets({kept: 0, other: 1})
            plane.two_fleets({kept: 1, other: 0})
            plane.put([rule(forward({kept: 1}))], {kept: group(plane.members(name))})
            before = found.total()
            plane.until(lambda enough=before + 20: found.total() > enough)
    finally:
        over.set()
        asking.result(60)
    assert set(found) == {200}


def test_a_websocket_lives_through_a_cutover(plane: Plane) -> None:
    plane.two_fleets()
    with socket.create_connection(("127.0.0.1", plane.envoy.port), timeout=60) as connection:
        connection.sendall(
            b"GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")
        plane.two_fleets({BLUE: 0, GREEN: 1})
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"


def test_http2_is_spoken_to_the_client(plane: Plane) -> None:
    plane.two_fleets()
    settings = b"\0\0\0\4\0\0\0\0\0"
    told = talk(plane, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings, end=b"\4\0\0\0\0\0")
    assert told[3] == 4  # the first frame is the server's SETTINGS


def test_what_a_target_receives(plane: Plane) -> None:
    plane.two_fleets({BLUE: 0, GREEN: 1})
    body = bytes(range(256)) * 4096
    headers = {"x-forwarded-for": "203.0.113.9", "x-amzn-trace-id": "Root=1-5-6", "host": "shop.example"}
    assert plane.ask("/up", "POST", content=body, headers=headers).status_code == 200
    green = plane.targets["green"]
    head = green.seen[-1].lower()
    assert green.body == body
    assert b"\r\nhost: shop.example\r\n" in head
    assert re.search(rb"\r\nx-forwarded-for: 203\.0\.113\.9, ?127\.0\.0\.1\r\n", head)
    assert b"\r\nx-forwarded-proto: http\r\n" in head
    assert b"\r\nx-forwarded-port: %d\r\n" % plane.envoy.port in head
    assert re.search(rb"\r\nx-amzn-trace-id: self=1-[0-9a-f]{8}-[0-9a-f]{24};root=1-5-6\r\n", head)
    assert b"envoy" not in head
    plane.ask()
    assert re.search(rb"x-amzn-trace-id: Root=1-[0-9a-f]{8}-[0-9a-f]{24}\r\n", green.seen[-1])


def test_every_framing_arrives_whole(plane: Plane) -> None:
    plane.two_fleets()
    assert plane.ask("/chunked").content == b"0\r\n\r\nab"
    assert plane.ask("/chunked", "HEAD").content == b""
    told = talk(plane, b"GET /chunked HTTP/1.0\r\n\r\n")
    assert told.endswith(b"\r\n\r\n0\r\n\r\nab")
    upgrade = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n"
    assert talk(plane, upgrade).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\na: %b\r\n\r\n" % (b"a" * 17_000), 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\n%b\r\n" % (b"a: %b\r\n" % (b"a" * 9000) * 8), 400),
        (b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * 17_000), 414),
        (b"TRACE / HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: %b\r\n\r\n" % b",".join([b"1.1.1.1"] * 31), 463),
        (b"GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", 501),
    ],
    ids=["junk", "host", "header", "one-large", "large", "path", "trace", "via", "coding"],
)
def test_what_a_load_balancer_refuses(plane: Plane, data: bytes, status: int) -> None:
    plane.two_fleets()
    assert talk(plane, data, end=b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)
    assert plane.targets["blue-1"].seen == plane.targets["blue-2"].seen == []


def test_every_request_is_counted_once_and_outages_of_the_control_server_lose_none(plane: Plane) -> None:
    plane.two_fleets({BLUE: 1, GREEN: 1})
    for _ in range(20):
        plane.ask()
    plane.put([default_rule() | {"priority": 1}, *plane.control.snapshot["rules"]], {})
    for _ in range(3):
        plane.ask()
    before = plane.control
    address, before.status = before.address, 500
    plane.until(lambda: len(plane.link.untold) >= 2)
    before.close()
    plane.link.step()
    plane.ask()
    plane.control = FakeControl(address[1])
    plane.control.snapshot = before.snapshot
    plane.control.metrics = before.metrics

    def requests() -> int:
        return sum(plane.control.group_total(arn, "requests") for arn in (BLUE, GREEN))

    plane.until(lambda: requests() == 20 and plane.control.elb_total("fixed") == 4)
    assert plane.control.elb_total("requests") == 20
    assert plane.control.elb_total("503") == 4
    latencies = [
        count
        for one in plane.control.metrics
        for counted in one["groups"].values()
        for _, count in counted["latency"]
    ]
    assert sum(latencies) == 20
    seconds = [one["at"] for one in plane.control.metrics]
    assert seconds == sorted(seconds)
