"""An HTTP API of a metric source: one question, one JSON answer, and every other outcome named.

Whatever is not a whole, well-formed answer is a broken metric: CloudUnavailable, never a pass and never
a failed release. Nothing is tried again here: the next look asks again, a few seconds later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import httpx

from bluegreen.adapters.http_client import client, exchange, read_body
from bluegreen.errors import CloudUnavailable
from bluegreen.masking import mask
from bluegreen.ports import Clock

_BODY_LIMIT = 64_000_000
"""Bytes of an answer; a fleet of a hundred instances needs a tenth of it."""
_LONGEST_WAIT = 120.0
"""Longest Retry-After that is obeyed, in seconds."""
_SHOWN = 200
"""Characters of a refusal that are repeated to the operator."""

Sign = Callable[[str, bytes, Mapping[str, str]], Mapping[str, str]]
"""(URL, body, headers) -> the headers that the request is sent with."""


class SourceUnavailable(CloudUnavailable):
    """A metric source did not answer, or answered something that must not be judged by."""


def unusable(source: str, words: str) -> SourceUnavailable:
    """The error of a source whose answer cannot be used; secrets are masked."""
    return SourceUnavailable(
        f"{source}: {mask(words)}",
        next_step="the run holds until metrics are complete; incomplete ones never count as a pass",
    )


class Endpoint:
    """Posts to one address; `timeout` bounds a whole exchange, in seconds."""

    def __init__(self, source: str, url: str, *, timeout: float, clock: Clock, sign: Sign) -> None:
        self._source, self._url, self._timeout = source, url, timeout
        self._clock, self._sign = clock, sign
        self._not_before = 0.0
        self._client = client(
            url, timeout=timeout, headers={"user-agent": "sc-deploy", "accept": "application/json"}
        )

    def post(self, path: str, body: bytes, content_type: str) -> Any:
        """The JSON document of a 200; raises SourceUnavailable for everything else."""
        left = self._not_before - self._clock.now()
        if left > 0:
            self._broken(f"rate limited; retry in {left:.0f} s")
        url = self._url + path
        headers = self._sign(url, body, {"content-type": content_type})
        try:
            with (
                exchange(self._timeout),
                self._client.stream("POST", url, content=body, headers=dict(headers)) as response,
            ):
                content = read_body(response, limit=_BODY_LIMIT)
        except httpx.TimeoutException:
            self._broken(f"no answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._broken(f"{type(error).__name__}: {error}")
        if len(content) > _BODY_LIMIT:
            self._broken(f"its answer is longer than {_BODY_LIMIT:,} bytes")
        if response.status_code != 200:
            self._refused(response, content)
        try:
            return json.loads(content, parse_constant=_no_number)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")
            self._broken(f"its answer is not JSON ({kind})")

    def _refused(self, response: httpx.Response, content: bytes) -> NoReturn:
        words = f"HTTP {response.status_code}"
        wait = _seconds(response.headers.get("retry-after", ""))
        if wait is not None:
            self._not_before = self._clock.now() + min(wait, _LONGEST_WAIT)
            words += f", rate limited; retry in {wait:g} s"
        said = " ".join(content.decode("utf-8", "replace").split())[:_SHOWN]
        self._broken(f"{words}: {said}" if said else words)

    def _broken(self, words: str) -> NoReturn:
        raise unusable(self._source, words)

    def close(self) -> None:
        self._client.close()


def _seconds(text: str) -> float | None:
    """Retry-After in seconds; a date, which servers of metrics do not send, is left out."""
    return float(text) if text.isdecimal() else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
