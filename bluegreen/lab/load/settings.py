"""What a load sends, where to, and when it ends."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bluegreen.errors import ConfigError

_MOST_SECONDS = 3600.0
_MOST_REQUESTS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One kind of request and its weight in the mix."""

    path: str
    weight: int = 1
    method: str = "GET"
    body: str = ""

    def encoded(self, host: str) -> bytes:
        content = self.body.encode()
        length = f"content-length: {len(content)}\r\n" if content or self.method == "POST" else ""
        return f"{self.method} {self.path} HTTP/1.1\r\nhost: {host}\r\n{length}\r\n".encode() + content


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to send where. Raises ConfigError where it has no end or leaves the loopback."""

    url: str
    rate: float = 500.0
    """Requests per second."""
    connections: int = 200
    seconds: float = 30.0
    count: int | None = None
    """Most requests; None: rate x seconds."""
    timeout: float = 10.0
    traffic: tuple[Traffic, ...] = (Traffic(path="/"),)
    writes: float = 0.0
    """Share of requests (0 to 1) that write a row of their own, beside `traffic`."""

    def __post_init__(self) -> None:
        split = urlsplit(self.url)
        if split.scheme != "http" or not split.port or not _is_loopback(split.hostname):
            raise ConfigError(
                f"the load may only be sent to the lab, got {self.url}",
                next_step="use http://127.0.0.1:<port>",
            )
        limits = (
            ("rate", self.rate, 10_000),
            ("connections", self.connections, 10_000),
            ("seconds", self.seconds, _MOST_SECONDS),
            ("count", self.requests, _MOST_REQUESTS),
            ("timeout", self.timeout, 600),
        )
        for name, value, most in limits:
            if not 0 < value <= most:
                raise ConfigError(f"{name} must be above 0 and at most {most:g}, got {value:g}")
        if not 0 <= self.writes <= 1:
            raise ConfigError(f"writes must be a share from 0 to 1, got {self.writes:g}")
        if not self.traffic or any(one.weight < 1 or one.path[:1] != "/" for one in self.traffic):
            raise ConfigError("traffic needs at least one path that begins with / and a weight of 1 or more")

    @property
    def requests(self) -> int:
        return self.count if self.count is not None else round(self.rate * self.seconds)

    @property
    def address(self) -> tuple[str, int]:
        split = urlsplit(self.url)
        return split.hostname or "", split.port or 0


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
