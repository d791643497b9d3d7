"""AWS's wire protocols on the server's side: requests to parameters, answers to bytes.

botocore's service models say what is where; query, ec2, json and rest-json are done by moto's
parsers and serialisers, CBOR by botocore's own, reversed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from botocore.validate import ParamValidator
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers, MultiDict

from bluegreen.lab.cloud.errors import CloudError

_SIGNING = {
    "elasticloadbalancing": "elbv2",
    "autoscaling": "autoscaling",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
}
_CLASSIC = "2012-06-01"
"""The API version of the classic load balancer, which signs with the same name."""
_CBOR_PATH = re.compile(r"^/service/[^/]+/operation/(\w+)$")
_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


class NotAwsCall(Exception):
    """The request cannot be read as a call of any AWS service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One AWS call as it came in; `operation` is empty where the protocol hides it (S3)."""

    service: str
    """botocore's client name."""
    service_id: str
    """botocore's hyphenated service id."""
    operation: str
    protocol: str
    access_key: str
    method: str
    path: str
    headers: Headers
    query: MultiDict[str, str]
    body: bytes
    url_params: dict[str, str]

    @property
    def foreign(self) -> bool:
        """Whether the service is none of AWS's, or signs with a name that is not botocore's for it."""
        try:
            _model(self.service)
        except Exception:  # noqa: BLE001  # botocore has several ways not to know a service
            return True
        return False

    @property
    def invented(self) -> bool:
        """Whether AWS has the service, but not the operation."""
        return not self.foreign and self.operation not in ("", *_model(self.service).operation_names)

    def params(self) -> dict[str, Any]:
        """The call's parameters by the names and in the types of the API.

        Raises CloudError as AWS does: for what cannot be read, and for what the API does not take.
        """
        json_spoken = self.protocol.endswith("json")
        try:
            if json_spoken and self.body:
                json.loads(self.body)  # moto's parser takes what is not JSON for nothing
            params = self._parsed()
        except Exception as error:
            code = "ValidationError" if self.protocol in ("query", "ec2") else "SerializationException"
            raise CloudError(code, f"the request cannot be read: {error}") from error
        shape = _operation(self.service, self.operation).input_shape
        problems = ParamValidator().validate(params, shape).generate_report() if shape else ""
        if problems:
            raise CloudError("ValidationException" if json_spoken else "ValidationError", problems)
        return params

    def _parsed(self) -> dict[str, Any]:
        model = _operation(self.service, self.operation)
        if self.protocol == "smithy-rpc-v2-cbor":
            return _cbor_params(model, self.body)
        parser = PROTOCOL_PARSERS[self.protocol](model)
        values = self.query
        if self.protocol in ("query", "ec2"):
            values = _form(self.body) or self.query
        return _without_none(
            parser.parse(
                {
                    "body": self.body,
                    "headers": self.headers,
                    "method": self.method,
                    "url_params": self.url_params,
                    "url_path": self.path,
                    "values": values,
                }
            )
        )


@cache
def _model(service: str) -> ServiceModel:
    return get_service_model(service)


@cache
def _operation(service: str, operation: str) -> OperationModel:
    return _model(service).operation_model(operation)


def recognise(
    *, method: str, path: str, headers: Headers, query: MultiDict[str, str], body: bytes
) -> Request:
    """Which call of which service this is; raises NotAwsCall for what is not signed."""
    scope = _SCOPE.search(headers.get("Authorization", ""))
    if scope is None:
        raise NotAwsCall("not a signed AWS request")
    form = _form(body) if "form-urlencoded" in headers.get("Content-Type", "") else MultiDict()
    service = _SIGNING.get(scope[3], scope[3])
    if service == "elbv2" and form.get("Version", query.get("Version")) == _CLASSIC:
        service = "elb"
    url_params: dict[str, str] = {}
    cbor = _CBOR_PATH.match(path)
    target = headers.get("X-Amz-Target", "")
    action = form.get("Action") or query.get("Action") or ""
    if cbor:
        protocol, operation = "smithy-rpc-v2-cbor", cbor[1]
    elif target:
        protocol, operation = "json", target.rpartition(".")[2]
    elif action:
        protocol, operation = "ec2" if service == "ec2" else "query", action
    else:
        protocol, operation, url_params = _rest(service, method, path)
    return Request(
        service=service,
        service_id=_service_id(service),
        operation=operation,
        protocol=protocol,
        access_key=scope[1],
        method=method,
        path=path,
        headers=headers,
        query=query,
        body=body,
        url_params=url_params,
    )


def _service_id(service: str) -> str:
    try:
        return str(_model(service).service_id.hyphenize())
    except Exception:  # noqa: BLE001  # botocore has several ways not to know a service
        return service


def _rest(service: str, method: str, path: str) -> tuple[str, str, dict[str, str]]:
    if service != "scheduler":
        return ("rest-xml" if service in ("s3", "route53", "cloudfront") else "rest-json"), "", {}
    for name, verb, pattern in _routes(service):
        found = pattern.fullmatch(path)
        if verb == method and found:
            return "rest-json", name, {key: unquote(value) for key, value in found.groupdict().items()}
    return "rest-json", "", {}


@cache
def _routes(service: str) -> list[tuple[str, str, re.Pattern[str]]]:
    routes = []
    for name in _model(service).operation_names:
        http = _operation(service, name).http
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", http["requestUri"].partition("?")[0])
        routes.append((name, http["method"], re.compile(pattern)))
    return routes


def _form(body: bytes) -> MultiDict[str, str]:
    return MultiDict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))


def _cbor_params(model: OperationModel, body: bytes) -> dict[str, Any]:
    parser = RpcV2CBORParser()
    raw = parser.parse_data_item(parser.get_peekable_stream_from_bytes(body)) if body else {}
    shape = model.input_shape
    parsed: dict[str, Any] = parser._parse_shape(shape, raw) if shape is not None else {}  # noqa: SLF001
    return _without_none(parsed)


def _without_none(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if value is not None}


def success(request: Request, answer: dict[str, Any]) -> Answer:
    """`answer` in the protocol of the request."""
    model = _operation(request.service, request.operation)
    if request.protocol == "smithy-rpc-v2-cbor":
        return _cbor(model.output_shape, answer, 200, {})
    serializer = get_serializer_class(request.service, request.protocol)(operation_model=model)
    done = serializer.serialize(answer)
    body = done["body"]
    return Answer(
        status=int(done["status_code"]),
        headers={**done["headers"], "x-amzn-RequestId": "lab"},
        body=body.encode() if isinstance(body, str) else body,
    )


def _cbor(shape: Any, document: dict[str, Any], status: int, headers: dict[str, str]) -> Answer:
    body = bytearray()
    serializer = RpcV2CBORSerializer()
    if shape is not None:
        serializer._serialize_data_item(body, document, shape)  # noqa: SLF001
    else:
        body.append(0xA0)
    own = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": "lab"}
    return Answer(status=status, headers=own | headers, body=bytes(body))


def failure(request: Request, error: CloudError) -> Answer:
    """`error` in the protocol of the request."""
    code, message, status = error.code, error.message, error.http_status
    sender = "Sender" if status < 500 else "Receiver"
    query_error = {"x-amzn-query-error": f"{code};{sender}"}
    match request.protocol:
        case "smithy-rpc-v2-cbor":
            return _cbor_failure(_shape_name(request.service, code), message, status, query_error)
        case "json" | "rest-json":
            headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
            extra = query_error if request.service == "cloudwatch" else {}
            body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
            return Answer(status=status, headers=headers | extra, body=body)
    told = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if request.protocol == "ec2":
        text = f"<Response><Errors><Error>{told}</Error></Errors><RequestID>lab</RequestID></Response>"
    elif request.service == "s3":
        text = f"<Error>{told}<RequestId>lab</RequestId></Error>"
    else:
        text = (
            f"<ErrorResponse><Error><Type>{sender}</Type>{told}</Error>"
            f"<RequestId>lab</RequestId></ErrorResponse>"
        )
    return Answer(status=status, headers={"Content-Type": "text/xml"}, body=text.encode())


def _cbor_failure(name: str, message: str, status: int, headers: dict[str, str]) -> Answer:
    body = bytearray([0xA2])
    serializer = RpcV2CBORSerializer()
    for text in ("__type", name, "message", message):
        serializer._serialize_type_string(body, text, None, None)  # noqa: SLF001
    own = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": "lab"}
    return Answer(status=status, headers=own | headers, body=bytes(body))


def _shape_name(service: str, code: str) -> str:
    """The modelled name of an error that the query protocol calls `code`."""
    for shape in _model(service).error_shapes:
        if code in (shape.name, shape.error_code):
            return str(shape.name)
    return code
