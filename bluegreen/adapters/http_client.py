"""What the HTTP clients of probes and metric sources share: trusted certificates, and bounded answers."""

from __future__ import annotations

import ssl
import time
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The context httpx makes by default (SSL_CERT_FILE and SSL_CERT_DIR count), for the whole process.

    Made once: reading the certificates takes 30 ms of a processor.
    """
    return httpx.create_ssl_context()


def read_body(response: httpx.Response, *, ends: float, limit: int) -> bytes:
    """The answer's body; one longer than `limit` bytes is read only a little beyond.

    Raises httpx.ReadTimeout at `ends` (monotonic seconds): httpx times each read by itself, so that an
    answer that drips would never end.
    """
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if time.monotonic() > ends:
            raise httpx.ReadTimeout("", request=response.request)
        if len(body) > limit:
            break
    return bytes(body)
