"""`ports.Prober` over httpx: own requests through the front door, as a new client would send them."""

from __future__ import annotations

import time
from http.cookiejar import DefaultCookiePolicy

import httpx

from bluegreen.adapters.http_client import client, exchange, read_body
from bluegreen.masking import mask
from bluegreen.ports import Answer, Request

_BODY_LIMIT = 1_000_000
"""Bytes of an answer that are read; probes ask for small things."""


class HttpProber:
    """Sends requests to `base_url`; keeps no cookies (one would pin it to a target), follows no redirect."""

    def __init__(self, base_url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._client = client(
            base_url,
            base_url=base_url,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
            transport=transport,
            headers={"user-agent": "sc-deploy-probe"},
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))

    def send(self, request: Request) -> Answer:
        """One request; `timeout` bounds it as a whole. Never raises for what the service does."""
        begun = time.monotonic()
        try:
            with exchange(request.timeout):
                return self._exchange(request, begun)
        except httpx.TimeoutException:
            error = f"no answer within {request.timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as raised:
            error = f"{type(raised).__name__}: {raised}"
        except UnicodeError:
            error = "a header of the request holds characters that HTTP does not allow"
        return Answer(status=0, seconds=time.monotonic() - begun, error=mask(error))

    def _exchange(self, request: Request, begun: float) -> Answer:
        with self._client.stream(
            request.method,
            request.url_path,
            headers=dict(request.headers),
            content=request.body.encode() or None,
            timeout=request.timeout,
        ) as response:
            body = read_body(response, limit=_BODY_LIMIT)
            return Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=body[:_BODY_LIMIT].decode(response.encoding or "utf-8", errors="replace"),
                seconds=time.monotonic() - begun,
            )

    def close(self) -> None:
        self._client.close()
