"""Servers that drip, hang, inflate, redirect or send without end, over real sockets: each exchange ends."""

from __future__ import annotations

import gzip
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from bluegreen.adapters import http_client
from bluegreen.adapters.clock import SystemClock
from bluegreen.adapters.metrics.metrics_http import Endpoint, SourceUnavailable
from bluegreen.adapters.pager import webhook
from bluegreen.adapters.probe import HttpProber
from bluegreen.ports import Request

TIMEOUT = 1.0
LATE = 8.0
"""Seconds that no exchange takes, on however busy a machine: without a bound it is a minute."""
Conversation = Callable[[socket.socket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip(words: bytes, then: bytes = b"") -> Conversation:
    """`words` at once and a byte every 0.2 s for ever: no single read ever times out."""

    def talk(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(words)
        while not over.wait(0.2):
            peer.sendall(then or b"x")

    return talk


def at_once(words: bytes) -> Conversation:
    def talk(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(words)
        over.wait(0.3)

    return talk


def endless(head: bytes, each: bytes) -> Conversation:
    def talk(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(head)
        while not over.is_set():
            peer.sendall(each)

    return talk


def silent(_peer: socket.socket, over: threading.Event) -> None:
    over.wait(60)


def reset(peer: socket.socket, _over: threading.Event) -> None:
    peer.sendall(OK + b"Content-Length: 100\r\n\r\n{")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def bomb() -> bytes:
    packed = gzip.compress(b"0" * 50_000_000)
    return OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


@contextmanager
def serving(talk: Conversation) -> Iterator[SimpleNamespace]:
    """A server of one conversation per connection, and how many there were."""
    over, threads = threading.Event(), []
    listener = socket.create_server(("127.0.0.1", 0))
    found = SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}", connections=0, heard=[])

    def one(peer: socket.socket) -> None:
        with peer:
            try:
                peer.settimeout(60)
                found.heard.append(peer.recv(65_536))
                talk(peer, over)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            found.connections += 1
            threads.append(threading.Thread(target=one, args=(peer,), daemon=True))
            threads[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    yield found
    over.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(60)


def probed(url: str) -> str:
    prober = HttpProber(url)
    answer = prober.send(Request(url_path="/", timeout=TIMEOUT))
    prober.close()
    return answer.error or str(answer.status)


def metric(url: str) -> str:
    endpoint = Endpoint("prometheus", url, timeout=TIMEOUT, clock=SystemClock(), sign=lambda *given: given[2])
    try:
        endpoint.post("/api/v1/query", b"{}", "application/json")
    except SourceUnavailable as error:
        return str(error)
    finally:
        endpoint.close()
    return "200"


def paged(url: str) -> str:
    failure = webhook._once(url, {"text": "words"}, TIMEOUT)
    return failure.words if failure else "200"


CLIENTS = pytest.mark.parametrize("ask", [probed, metric, paged])


@CLIENTS
@pytest.mark.parametrize(
    "talk",
    [
        silent,
        drip(b""),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(OK + b"Content-Length: 1000\r\n\r\n"),
        drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ],
    ids=["silent", "status", "header", "headers", "continue", "body", "chunks", "chunk extension"],
)
def test_an_exchange_is_over_in_its_time_however_it_drips(
    ask: Callable[[str], str], talk: Conversation
) -> None:
    began = time.monotonic()
    with serving(talk) as server:
        assert "no answer within 1 s" in ask(server.url)
        assert time.monotonic() - began < LATE


@CLIENTS
def test_a_second_exchange_on_a_kept_connection_has_its_own_time(ask: Callable[[str], str]) -> None:
    whole = OK + b"Content-Length: 2\r\n\r\n{}"
    with serving(at_once(whole)) as server:
        assert ask(server.url) == "200"
        time.sleep(TIMEOUT)
        assert ask(server.url) == "200"


@CLIENTS
def test_a_compressed_answer_is_not_unpacked(ask: Callable[[str], str]) -> None:
    words = bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(at_once(words)) as server:
        said = ask(server.url)
    assert "compressed (gzip)" in said or ask is paged
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000, "kilobytes"


@CLIENTS
def test_nobody_asks_for_compressed_answers(ask: Callable[[str], str]) -> None:
    with serving(at_once(OK + b"Content-Length: 2\r\n\r\n{}")) as server:
        ask(server.url)
    (heard,) = server.heard
    assert b"accept-encoding: identity" in heard.lower()
    assert b"gzip" not in heard.lower()


@CLIENTS
def test_a_redirect_leads_nowhere(ask: Callable[[str], str]) -> None:
    with serving(silent) as elsewhere:
        move = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(at_once(move)) as server:
            assert "307" in ask(server.url)
            assert (server.connections, elsewhere.connections) == (1, 0)


@CLIENTS
@pytest.mark.parametrize(
    "head",
    [
        OK + b"Content-Length: 9000000000\r\n\r\n",
        OK + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
    ],
    ids=["length", "until it closes", "header"],
)
def test_gigabytes_are_not_read(
    ask: Callable[[str], str], head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bluegreen.adapters.metrics import metrics_http

    monkeypatch.setattr(metrics_http, "_BODY_LIMIT", 1_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with serving(endless(head, b"0" * 65_536)) as server:
        ask(server.url)
        assert time.monotonic() - began < LATE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000, "kilobytes"


@CLIENTS
def test_a_reset_is_an_answer_that_did_not_come(ask: Callable[[str], str]) -> None:
    with serving(reset) as server:
        said = ask(server.url)
    assert "ReadError" in said or "RemoteProtocolError" in said


@CLIENTS
@pytest.mark.parametrize("words", [b"\x00\xff\x1b]0;x\x07", b"HTTP/9.9 1\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_an_answer_that_did_not_come(ask: Callable[[str], str], words: bytes) -> None:
    with serving(at_once(words + b"\r\n\r\n")) as server:
        assert "Error" in ask(server.url)


def test_a_name_that_is_not_resolved_takes_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def resolves(*_: object, **__: object) -> Any:
        over.wait(60)
        raise OSError("gone")

    monkeypatch.setattr(http_client.socket, "getaddrinfo", resolves)
    began = time.monotonic()
    try:
        assert "no answer within 1 s" in probed("http://service.example")
        assert time.monotonic() - began < LATE
    finally:
        over.set()


def test_an_address_that_is_silent_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A balancer has an address per zone, and one zone may be gone."""
    with serving(at_once(OK + b"Content-Length: 2\r\n\r\n{}")) as server, ExitStack() as open_:
        port = int(server.url.rpartition(":")[2])
        full = open_.enter_context(socket.socket())
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for _ in range(4):  # nobody accepts: further connections are not answered at all
            waiting = open_.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.2", port))
        found = [(2, 1, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.3", "127.0.0.1")]
        monkeypatch.setattr(http_client.socket, "getaddrinfo", lambda *_, **__: found)
        assert probed(f"http://service.example:{port}") == "200"


def test_a_request_that_nobody_reads_is_given_up() -> None:
    def deaf(peer: socket.socket, over: threading.Event) -> None:
        while not over.wait(0.2):
            peer.recv(200_000)

    began = time.monotonic()
    with serving(deaf) as server:
        prober = HttpProber(server.url)
        answer = prober.send(Request(method="POST", url_path="/", body="x" * 50_000_000, timeout=TIMEOUT))
        prober.close()
        assert answer.status == 0
        assert time.monotonic() - began < LATE
