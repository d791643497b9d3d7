"""A target that does what the path asks for, byte by byte."""

from __future__ import annotations

import json
import socket
import threading

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

RAW = {
    "/close": b"",
    "/short": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
    "/junk": b"this is not HTTP\r\n\r\n",
    "/chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"5\r\n0\r\n\r\n\r\n2\r\nab\r\n0\r\n\r\n",
}
"""What these paths are answered, byte for byte."""


class Target:
    """Answers its name, except where the path or its fields say otherwise."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.go_on = threading.Event()
        """Until it is set, /hold waits."""
        self.reset()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """As new; what is held is let go."""
        self.go_on.set()
        self.health = 200
        self.go_on = threading.Event()
        self.held = threading.Semaphore(0)
        """Released by each request for /hold, when it has arrived."""
        self.seen: list[bytes] = []
        """The head of every request but health checks."""
        self.body = b""
        self.checks = 0
        """Health checks since then."""
        self._held: list[socket.socket] = []

    def close(self) -> None:
        self.go_on.set()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while head := _head(reader):
                    self._answer(connection, reader, head)
            except OSError:
                return

    def _answer(self, connection: socket.socket, reader: object, head: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        if b"ELB-HealthChecker" in head:
            self.checks += 1
            connection.sendall(b"HTTP/1.1 %d Health\r\ncontent-length: 0\r\n\r\n" % self.health)
            return
        self.seen.append(head)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        self.body = reader.read(length)  # type: ignore[attr-defined]
        match path:
            case "/_ctl":  # the lab ends what this target has under way
                connection.sendall(OK)
                for one in self._held:
                    one.shutdown(socket.SHUT_RDWR)
            case "/hold":
                self._held.append(connection)
                self.held.release()
                self.go_on.wait()
                connection.sendall(OK)
            case "/close" | "/short" | "/junk" | "/chunked":
                connection.sendall(RAW[path])
                if path != "/chunked":
                    connection.shutdown(socket.SHUT_RDWR)
            case "/socket":
                connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n")
                connection.sendall(b"connection: upgrade\r\n\r\n")
                while data := connection.recv(100):
                    connection.sendall(data)
            case _:
                body = json.dumps({"name": self.name}).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def _head(reader: object) -> bytes:
    """The lines up to the empty one; nothing where the connection has ended."""
    found = b""
    while line := reader.readline():  # type: ignore[attr-defined]
        found += line
        if line == b"\r\n":
            return found
    return b""
