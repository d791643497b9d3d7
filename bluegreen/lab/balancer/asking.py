"""One HTTP request on a connection of its own: to the control server, to Envoy, to an instance."""

from __future__ import annotations

import http.client
import json
from typing import Any

_TIMEOUT_SECONDS = 2.0


def ask(address: tuple[str, int], method: str, path: str, document: Any = None) -> tuple[int, bytes]:
    """(status, body) of the answer. Raises OSError for every way not to get one."""
    connection = http.client.HTTPConnection(*address, timeout=_TIMEOUT_SECONDS)
    body = None if document is None else json.dumps(document, separators=(",", ":"))
    try:
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"not an HTTP answer: {error!r}") from error
    finally:
        connection.close()
