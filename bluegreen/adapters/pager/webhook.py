"""A JSON document to somebody else's HTTPS endpoint: bounded in time, tried again where that can help."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bluegreen.adapters.http_client import client, exchange, read_body
from bluegreen.adapters.loopback import is_loopback

ATTEMPTS = 3
SECONDS = 10.0
"""For one whole exchange, with looking up the name and connecting."""
LONGEST_PAUSE = 15.0
"""However long the endpoint asks to be left alone."""
_BODY_LIMIT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an endpoint did not take a document: never with its address, which may be a secret."""

    words: str
    passing: bool
    """It may be over soon: another try can help."""
    pause: float = 0.0
    """Seconds for which the endpoint asks to be left alone."""


def post(
    url: str,
    document: Mapping[str, Any],
    *,
    seconds: float = SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Failure | None:
    """What went wrong; None where the endpoint took it.

    Answers 429 and 5xx, and connections that fail, are tried again up to `ATTEMPTS` times.
    """
    if not (url.startswith("https://") or is_loopback(url)):
        return Failure(words="its address is not an https URL", passing=False)
    failure = _once(url, document, seconds)
    for attempt in range(1, ATTEMPTS):
        if failure is None or not failure.passing:
            break
        sleep(min(max(failure.pause, 2.0 ** (attempt - 1)), LONGEST_PAUSE))
        failure = _once(url, document, seconds)
    return failure


def _once(url: str, document: Mapping[str, Any], seconds: float) -> Failure | None:
    try:
        status, after = _exchange(url, document, seconds)
    except httpx.TimeoutException:
        return Failure(words=f"no answer within {seconds:g} s", passing=True)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError):
        return Failure(words="its address is not an https URL", passing=False)
    except httpx.HTTPError as error:
        # httpx's own words hold the address.
        return Failure(words=f"the connection failed ({type(error).__name__})", passing=True)
    if 200 <= status < 300:
        return None
    pause = float(after) if after.isdecimal() else 0.0
    return Failure(words=f"HTTP {status}", passing=status == 429 or status >= 500, pause=pause)


def _exchange(url: str, document: Mapping[str, Any], seconds: float) -> tuple[int, str]:
    """Status, and what the endpoint asks to wait for."""
    with (
        exchange(seconds),
        client(url, headers={}, timeout=seconds) as sender,
        sender.stream("POST", url, json=dict(document)) as answer,
    ):
        # The words of an endpoint may repeat what was sent; only its status is told.
        with contextlib.suppress(httpx.DecodingError):
            read_body(answer, limit=_BODY_LIMIT)
        return answer.status_code, answer.headers.get("retry-after", "")
