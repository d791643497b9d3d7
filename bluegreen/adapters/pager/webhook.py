"""A JSON document to somebody else's HTTPS endpoint: bounded in time, tried again where that can help."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from bluegreen.adapters.http_client import read_body, trusted
from bluegreen.adapters.loopback import is_loopback

ATTEMPTS = 3
SECONDS = 10.0
"""For one whole exchange."""
LONGEST_PAUSE = 15.0
"""However long the endpoint asks to be left alone."""
_BODY_LIMIT = 2_000


def post(
    url: str,
    document: Mapping[str, Any],
    *,
    seconds: float = SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """What went wrong in words, without the address; empty where the endpoint took it.

    Answers 429 and 5xx, and connections that fail, are tried again up to `ATTEMPTS` times.
    """
    if not (url.startswith("https://") or is_loopback(url)):
        return "its address is not an https URL"
    failure = ""
    for attempt in range(ATTEMPTS):
        failure, pause = _once(url, document, seconds)
        if not failure or pause is None:
            break
        if attempt + 1 < ATTEMPTS:
            sleep(min(max(pause, 2.0**attempt), LONGEST_PAUSE))
    return failure


def _once(url: str, document: Mapping[str, Any], seconds: float) -> tuple[str, float | None]:
    """What went wrong, and after how many seconds another try is worth it; None: it is not."""
    ends, trust = time.monotonic() + seconds, not is_loopback(url)
    headers = {"accept-encoding": "identity"}
    try:
        with (
            httpx.Client(trust_env=trust, verify=trusted(), timeout=seconds) as client,
            client.stream("POST", url, json=dict(document), headers=headers) as answer,
        ):
            # The words of an endpoint may repeat what was sent; only its status is told.
            read_body(answer, ends=ends, limit=_BODY_LIMIT)
            status, after = answer.status_code, answer.headers.get("retry-after", "")
    except httpx.TimeoutException:
        return f"no answer within {seconds:g} s", 0.0
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # httpx's own words hold the address.
        return f"the connection failed ({type(error).__name__})", 0.0
    if 200 <= status < 300:
        return "", None
    again = status == 429 or status >= 500
    return f"HTTP {status}", (float(after) if after.isdigit() else 0.0) if again else None
