"""A WebSocket that sends back what it gets (RFC 6455): what must live through a cutover."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from hashlib import sha1

from bluegreen.lab.http1.message import Request

PATH = "/socket"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE, _PING, _PONG = 8, 9, 10


def accepts(request: Request) -> bool:
    """Whether `request` asks for this socket."""
    return request.path == PATH and (request.header(b"upgrade") or b"").lower() == b"websocket"


class Echo:
    """Takes the bytes of one connection after `request`, which it accepts; frames of 64 KB at most."""

    def __init__(self, transport: asyncio.Transport, request: Request) -> None:
        self._transport = transport
        self._data = b""
        key = sha1((request.header(b"sec-websocket-key") or b"") + _GUID, usedforsecurity=False).digest()
        transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-accept: %b\r\n\r\n" % b64encode(key)
        )

    def take(self, data: bytes) -> None:
        """Answer every frame that has arrived whole."""
        self._data += data
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            answer = _PONG if opcode == _PING else opcode
            size = len(payload)
            length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
            self._transport.write(bytes([0x80 | answer]) + length + payload)
            if opcode == _CLOSE:
                self._transport.close()

    def _frame(self) -> tuple[int, bytes] | None:
        """(opcode, payload) of the next frame, which a client masks; None while it is not whole."""
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        if size == 127:  # eight bytes of length
            self._transport.abort()
        if size == 127 or len(data) < start + 4 + size:
            return None
        mask, masked = data[start : start + 4], data[start + 4 : start + 4 + size]
        self._data = data[start + 4 + size :]
        return data[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
