"""What a simulated AWS call answers when it refuses."""

from __future__ import annotations

_THROTTLES: dict[str, tuple[str, int]] = {
    "ec2": ("RequestLimitExceeded", 503),
    "s3": ("SlowDown", 503),
    "scheduler": ("ThrottlingException", 429),
    "dynamodb": ("ThrottlingException", 400),
    "ssm": ("ThrottlingException", 400),
    "ecr": ("ThrottlingException", 400),
    "secrets-manager": ("ThrottlingException", 400),
}


_UNKNOWN = {
    "query": ("InvalidAction", 400),
    "ec2": ("InvalidAction", 400),
    "json": ("UnknownOperationException", 400),
    "rest-json": ("UnknownOperationException", 404),
    "smithy-rpc-v2-cbor": ("UnknownOperationException", 404),
    "rest-xml": ("NotImplemented", 501),
}
"""Protocol -> code and status for an operation that the service does not have (the common errors of each
API reference; Smithy's specification of the JSON and CBOR protocols; Amazon S3's list of error codes)."""


class CloudError(Exception):
    """An AWS error answer: AWS's code, a message and the HTTP status."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status


def validation(message: str) -> CloudError:
    """`ValidationError`, what ELBv2, Auto Scaling and CloudWatch call a bad parameter."""
    return CloudError("ValidationError", message)


def expired(service: str) -> CloudError:
    """How `service` refuses a session that has ended: the JSON services and EC2 have codes of their own."""
    message = "The security token included in the request is expired"
    if service == "ec2":
        return CloudError("RequestExpired", "Request has expired.")
    if service in _THROTTLES and service != "s3":
        return CloudError("ExpiredTokenException", message)
    return CloudError("ExpiredToken", message, 403)


def throttled(service: str) -> CloudError:
    """The throttling answer of `service` (botocore's hyphenated service id, e.g. `auto-scaling`)."""
    code, status = _THROTTLES.get(service, ("Throttling", 400))
    return CloudError(code, "Rate exceeded", status)


def not_modelled(service: str, operation: str, protocol: str) -> CloudError:
    """How a service that speaks `protocol` refuses an operation that it does not have."""
    code, status = _UNKNOWN[protocol]
    return CloudError(code, f"{service} {operation} is not modelled by the lab", status)
