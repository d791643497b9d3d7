"""Ordinary boto3 clients against the simulated cloud, in process, without a socket.

botocore's own retries sit below the place where the call is answered here; `attempts` stands
in for them: so often is a call sent whose answer is a throttle, a 5xx or a broken connection,
with the pauses on the cloud's clock. A call that was carried out and lost its answer is sent
again, as a real client would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.loaders import create_loader

from bluegreen.lab.api import unsent
from bluegreen.lab.cloud.cloud import Cloud, service_key
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.faults import Crashed, Effect, Fault, FaultPlan, When, error_of

_LOADER = create_loader()
_PARAMS = "lab_params"
_FAULT = "lab_fault"
_URL = "http://127.0.0.1/"
_FIRST_PAUSE_SECONDS = 0.1
_TRANSIENT = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown")
_Parsed = tuple[AWSResponse, dict[str, Any]]
_Tables = Callable[[str, dict[str, Any], str], dict[str, Any] | None]


def attach(
    target: Any, cloud: Cloud, *, moto: bool = True, faults: FaultPlan | None = None, attempts: int = 1
) -> None:
    """Make `target` (a boto3 session before it makes clients, or a client) talk to `cloud`.

    With `moto`, what the cloud does not model is answered by moto in process, under one lock.
    """
    events = target.events if hasattr(target, "events") else target.meta.events
    endpoint = _Endpoint(cloud, faults or FaultPlan(), attempts)
    unsent.shorten(events)
    events.register_last("before-parameter-build", endpoint.remember)
    events.register_first("before-call", endpoint.before_call)
    events.register_first("after-call", endpoint.after_call)
    if moto:
        from bluegreen.lab.api import moto_backend, moto_tables  # noqa: PLC0415  # moto takes a second to import

        endpoint.tables = moto_tables.answer
        events.register_first("before-send", moto_backend.send)


def connect(
    cloud: Cloud, *, moto: bool = True, faults: FaultPlan | None = None, attempts: int = 1
) -> boto3.Session:
    """A new boto3 session attached to `cloud`; its clients are cheap, for the models are read once."""
    core = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    core.set_credentials("lab", "lab")
    session = boto3.Session(botocore_session=core, region_name=cloud.settings.region)
    attach(session, cloud, moto=moto, faults=faults, attempts=attempts)
    return session


@dataclass(slots=True)
class _Endpoint:
    cloud: Cloud
    faults: FaultPlan
    attempts: int = field(default=1)
    tables: _Tables = field(default=lambda *_: None)
    """DynamoDB's answer to (operation, parameters, region), or None for the way over HTTP."""

    def remember(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        context[_PARAMS] = params

    def before_call(
        self, model: Any, params: dict[str, Any], context: dict[str, Any], request_signer: Any, **_: Any
    ) -> _Parsed | None:
        """Answer a modelled call; let the others pass, unless a fault strikes them first."""
        service, operation = service_key(str(model.service_model.service_id)), model.name
        modelled = self.cloud.handles(service, operation)
        context.pop(_FAULT, None)

        def attempt() -> _Parsed | None:
            fault = self.faults.strike(service, operation)
            if fault is not None and fault.when is When.BEFORE:
                self._suffer(fault, service, operation)
            elif fault is not None and not modelled:
                context[_FAULT] = fault
            if not modelled:
                return self._by_moto(service, operation, context[_PARAMS], request_signer.region_name)
            answer = self.cloud.call(service, operation, context[_PARAMS])
            if fault is not None and fault.when is When.AFTER:
                self._suffer(fault, service, operation)
            return _success(answer)

        try:
            found = self._with_retries(attempt)
        except CloudError as error:
            return _failure(error)
        if found is None:
            unsent.complete(params, context)
        return found

    def _by_moto(self, service: str, operation: str, params: dict[str, Any], region: str) -> _Parsed | None:
        found = self.tables(operation, params, region) if service == "dynamodb" else None
        return None if found is None else _success(found)

    def after_call(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        """Lose the answer of a call that moto has carried out."""
        fault = context.pop(_FAULT, None)
        if fault is None:
            return
        try:
            self._suffer(fault, str(model.service_model.service_id), model.name)
        except CloudError as error:
            raise ClientError({"Error": _told(error)}, model.name) from error

    def _with_retries(self, attempt: Callable[[], _Parsed | None]) -> _Parsed | None:
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(self.attempts - 1):
            try:
                return attempt()
            except CloudError as error:
                if error.code not in _TRANSIENT and error.http_status < 500:
                    raise
            except HTTPClientError:
                pass
            self.cloud.clock.sleep(pause)
            pause *= 2
        return attempt()

    def _suffer(self, fault: Fault, service: str, operation: str) -> None:
        match fault.effect:
            case Effect.LATENCY:
                self.cloud.clock.sleep(fault.seconds)
            case Effect.TIMEOUT:
                self.cloud.clock.sleep(fault.seconds)
                raise ReadTimeoutError(endpoint_url=_URL, error=f"injected in {operation}")
            case Effect.DROP:
                raise ConnectionClosedError(endpoint_url=_URL, request=None, error=f"injected in {operation}")
            case Effect.CRASH:
                raise Crashed(f"{fault.when.value} {service} {operation}")
            case _:
                raise error_of(fault, service)


def _told(error: CloudError) -> dict[str, str]:
    return {"Code": error.code, "Message": error.message}


def _metadata(status: int) -> dict[str, Any]:
    return {"RequestId": "lab", "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}


def _success(answer: dict[str, Any]) -> _Parsed:
    return _response(200), {**answer, "ResponseMetadata": _metadata(200)}


def _failure(error: CloudError) -> _Parsed:
    status = error.http_status
    return _response(status), {"Error": _told(error), "ResponseMetadata": _metadata(status)}


def _response(status: int) -> AWSResponse:
    return AWSResponse(_URL, status, {}, None)
