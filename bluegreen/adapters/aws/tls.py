"""The certificates that are trusted, read once: reading them takes 30 ms of a processor."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The context httpx makes by default (SSL_CERT_FILE and SSL_CERT_DIR count), for the whole process."""
    return httpx.create_ssl_context()
