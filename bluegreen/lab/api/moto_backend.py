"""moto, for every AWS service the simulated cloud does not model: exact version, one lock."""

from __future__ import annotations

import copy
import hashlib
import os
import threading
from collections import defaultdict
from typing import Any

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "false")

import moto  # moto reads its settings from the environment when it is imported
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.dynamodb.models.table import Table
from moto.ecr.models import Image
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)

from bluegreen.lab.api import moto_expressions

_PINNED = "5.2.5"
if moto.__version__ != _PINNED:
    raise ImportError(f"the lab needs moto {_PINNED}, found {moto.__version__}: pip install 'sc-deploy[lab]'")

LOCK = threading.RLock()
"""Around every request: moto's conditional writes race without it."""

_STUBBER = BotocoreStubber()


def _digest_of_manifest(image: Image) -> None:
    """ECR's digest is the manifest's; moto takes the layers', so that equal layers look like one image."""
    image._image_digest = f"sha256:{hashlib.sha256(image.image_manifest.encode()).hexdigest()}"  # noqa: SLF001


def _copy_of_table(table: Table, _: dict[int, Any]) -> Table:
    """What moto keeps for the case that a transaction fails: the items themselves need no copy.

    moto copies the whole table once per item of the transaction, 30 ms and more with a day's journal.
    Puts and deletes exchange items, so the two levels of dictionaries (one without a sort key) are enough; an
    Update inside a failed transaction would not be undone (sc-deploy has none).
    """
    copied = copy.copy(table)
    ranges = table.items.items()
    copied.items = defaultdict(dict, {key: dict(of) if isinstance(of, dict) else of for key, of in ranges})
    return copied


Table.__deepcopy__ = _copy_of_table
moto_expressions.install()
Image._create_digest = _digest_of_manifest  # noqa: SLF001  # a fault of moto repaired in place


def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
    """Answer `request` from moto's state (a botocore `before-send` handler)."""
    url = request.url
    with LOCK:
        answer = _STUBBER.process_request(request)
    if answer is None:
        return None
    # An active mock_aws listens to the same event and would carry the call out a second time.
    request.url = "http://127.0.0.1/answered"
    status, headers, body = answer
    return AWSResponse(url, status, headers, MockRawResponse(body))


class QuietHandler(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """Keeps header spelling and raw paths as moto needs them; logs nothing."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # werkzeug's name
        pass

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002
        """Close, where an application ended in a ConnectionError, instead of waiting for another request."""
        self.close_connection = True


def application() -> DomainDispatcherApplication:
    """Moto as a WSGI application for every service; hold LOCK around each request."""
    return DomainDispatcherApplication(create_backend_app)


def reset() -> None:
    """Forget everything moto holds; `mock_aws` does that too, among much else that takes far longer."""
    with LOCK:
        BackendDict.reset()
