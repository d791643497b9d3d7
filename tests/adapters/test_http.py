"""The prober against a real server on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bluegreen.adapters.clock import SystemClock
from bluegreen.adapters.probe import HttpProber
from bluegreen.adapters.threads import aside, parallel
from bluegreen.ports import Request

PATIENT = 60.0
"""Seconds that no answer takes, on however busy a machine."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    """Connections that wait to be accepted; the library's five are fewer than come at once here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, str, int]]
    given_up = threading.Event()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.seen.append((self.command, self.headers.get("Cookie", ""), body, self.client_address[1]))
        if self.path == "/slow":
            self.given_up.wait(PATIENT)
        if self.path == "/drip":
            self.drip()
            return
        status = {"/moved": 302, "/broken": 500}.get(self.path, 200)
        text = self.headers.get("x-sc-preview", "") or "ok"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Set-Cookie", "AWSALBTG=green; Path=/")
        self.send_header("X-Version", "v1")
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(text.encode())

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                if self.given_up.wait(0.05):
                    return
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def prober(server: Server) -> Iterator[HttpProber]:
    Handler.seen = []
    Handler.given_up.clear()
    made = HttpProber(f"http://127.0.0.1:{server.server_port}")
    yield made
    Handler.given_up.set()
    made.close()


def test_answer(prober: HttpProber) -> None:
    answer = prober.send(Request(method="POST", headers={"x-sc-preview": "token"}, body="ä", timeout=PATIENT))
    assert (answer.status, answer.body, answer.error) == (200, "token", "")
    assert answer.headers["x-version"] == "v1"
    assert 0 < answer.seconds < PATIENT
    assert Handler.seen[0][2] == "ä"


def test_keeps_no_cookie_and_reuses_the_connection(prober: HttpProber) -> None:
    for _ in range(3):
        prober.send(Request(timeout=PATIENT))
    assert [cookie for _, cookie, _, _ in Handler.seen] == ["", "", ""]
    assert len({port for *_, port in Handler.seen}) == 1


def test_follows_no_redirect(prober: HttpProber) -> None:
    answer = prober.send(Request(url_path="/moved", timeout=PATIENT))
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert len(Handler.seen) == 1


def test_server_error_is_an_answer(prober: HttpProber) -> None:
    assert prober.send(Request(url_path="/broken", timeout=PATIENT)).status == 500


@pytest.mark.parametrize("path", ["/slow", "/drip"])
def test_timeout_bounds_the_whole_request(prober: HttpProber, path: str) -> None:
    answer = prober.send(Request(url_path=path, timeout=0.2))
    assert (answer.status, answer.error) == (0, "no answer within 0.2 s")


def test_refused_connection() -> None:
    answer = HttpProber("http://127.0.0.1:9").send(Request(headers={"authorization": "Bearer secret-thing"}))
    assert answer.status == 0
    assert "ConnectError" in answer.error
    assert "secret" not in answer.error


def test_impossible_header(prober: HttpProber) -> None:
    assert prober.send(Request(headers={"x": "ü€"})).status == 0
    assert prober.send(Request(headers={"x": "a\r\nb: c"})).status == 0


def test_many_threads(prober: HttpProber) -> None:
    answers = parallel([lambda: prober.send(Request(timeout=PATIENT)) for _ in range(64)])
    assert {answer.status for answer in answers} == {200}


def test_parallel_keeps_order_and_raises_the_first_error_after_all_ended() -> None:
    ended = []

    def work(number: int) -> int:
        time.sleep(0.02 * (4 - number))
        ended.append(number)
        if number in (1, 2):
            raise ValueError(number)
        return number

    assert parallel([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]
    assert parallel([]) == []
    with pytest.raises(ValueError, match="1"):
        parallel([lambda number=number: work(number) for number in range(4)])  # type: ignore[misc]  # binds now
    assert sorted(ended) == [0, 1, 2, 3]


def test_parallel_inside_parallel_does_not_lock_up() -> None:
    def inner() -> list[int]:
        return parallel([lambda: 1, lambda: 2])

    assert parallel([inner for _ in range(40)]) == [[1, 2]] * 40


def test_aside_does_not_wait_and_hands_on_what_was_raised() -> None:
    go = threading.Event()
    pending = aside(lambda: go.wait(PATIENT))
    with pytest.raises(TimeoutError):
        pending(0.01)
    go.set()
    assert pending(PATIENT) is True
    assert pending(0) is True

    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        aside(fails)(PATIENT)


def test_the_clock_sleeps_as_long_as_it_is_told() -> None:
    clock = SystemClock()
    begun = clock.now()
    clock.sleep(0.05)
    assert clock.now() - begun >= 0.045
    clock.sleep(-1)


def test_every_phase_of_a_request_has_its_timeout_and_no_secret_is_repeated() -> None:
    asked: list[dict[str, float]] = []

    def refuses(request: httpx.Request) -> httpx.Response:
        asked.append(request.extensions["timeout"])
        raise httpx.ConnectError("proxy http://anna:hunter2@proxy:3128 refused")

    prober = HttpProber("http://service", transport=httpx.MockTransport(refuses))
    answer = prober.send(Request(url_path="/", timeout=2.5))
    prober.close()
    assert asked == [dict.fromkeys(("connect", "read", "write", "pool"), 2.5)]
    assert answer.status == 0
    assert "hunter2" not in answer.error
    assert "refused" in answer.error
