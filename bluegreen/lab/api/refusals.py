"""What a call gets that nobody can carry out: an AWS error in the protocol of the call, never a page.

Without this, moto's web application answers with pages in HTML (404 for a path that it does not know, 500 for
whatever it raises), which no AWS client can read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bluegreen.lab.api.protocol import Answer, Request, failure
from bluegreen.lab.cloud.errors import CloudError, not_modelled

_LOG = logging.getLogger(__name__)
_PAGES = (b"<!doctype html", b"<html")
UNSIGNED = Answer(
    status=403,
    headers={"Content-Type": "application/xml"},
    body=b"<Error><Code>MissingAuthenticationToken</Code><Message>Request is missing Authentication Token"
    b"</Message><RequestId>lab</RequestId></Error>",
)
"""For what is not signed and is nothing that may be read without a signature."""


def unknown(request: Request) -> Answer:
    """Nobody here knows the operation."""
    operation = request.operation or f"{request.method} {request.path}"
    return failure(request, not_modelled(request.service_id, operation, request.protocol))


def broken(request: Request, error: Exception) -> Answer:
    """Somebody raised `error` over the call: it is unknown, or wrong, or the lab has a fault."""
    if isinstance(error, NotImplementedError | ImportError) or request.foreign:
        return unknown(request)
    try:
        if request.operation:
            request.params()
    except CloudError as wrong:
        return failure(request, wrong)
    what = f"{request.service_id} {request.operation or request.path}"
    _LOG.error("%s failed in the lab", what, exc_info=error)
    told = f"the lab failed at {what}: {type(error).__name__}: {error}"
    return failure(request, CloudError("InternalFailure", told, 500))


def is_page(status: str, body: Sequence[bytes]) -> bool:
    """Whether an answer of moto's is an error page for people."""
    return int(status[:3]) >= 400 and b"".join(body)[:20].lstrip().lower().startswith(_PAGES)
