"""moto's DynamoDB without its HTTP: half of what a release in process costs went through that.

The calls of which a release makes hundreds are answered by moto's own handlers, straight from
the parameters; all other calls, and all refusals, take the long way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore import xform_name
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

from bluegreen.lab.api.moto_backend import LOCK
from bluegreen.lab.cloud.settings import Settings

_SHORT = {name: xform_name(name) for name in ("GetItem", "Query", "TransactWriteItems", "UpdateItem")}


def answer(operation: str, params: dict[str, Any], region: str) -> dict[str, Any] | None:
    """DynamoDB's answer to `operation`; None where it must be asked over moto's HTTP.

    A refused call has changed nothing, so it is sent again that way: moto gives refusals their
    form (codes, reasons, the item that stood there) only there.
    """
    if operation not in _SHORT:
        return None
    handler = DynamoHandler()
    handler.current_account, handler.region = Settings().account_id, region
    handler.body = handler.params = params
    act: Callable[[], ActionResult] = getattr(handler, _SHORT[operation])
    with LOCK:
        try:
            result = act().result
        except (ServiceException, HTTPException):
            return None
    return {key: value for key, value in dict(result or {}).items() if value is not None}
