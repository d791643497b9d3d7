"""AWS's refusals and silences in our words: what failed, where, and what to do.

Three answers matter to a caller: AWS refused (`AwsRefusal`), AWS did not answer or asked to
wait (`AwsUnavailable`; the call may have taken effect), or nobody may ask at all
(`CredentialsUnusable`). Each keeps AWS's error code, so that an adapter can tell absent from denied.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from bluegreen.adapters.aws.permissions import actions_for
from bluegreen.adapters.loopback import is_loopback
from bluegreen.errors import CloudUnavailable, ConfigError, DeployError, ExitCode, LoggedOut, Refused
from bluegreen.masking import mask

FAILURES = (boto.BotoCoreError, boto.ClientError, ResponseParserError)
"""All that a botocore call raises for what happens outside this process.

ResponseParserError (an answer that is not AWS's, e.g. a proxy's error page) belongs to neither tree.
"""

# Codes without the suffix "Exception", which some services add and others do not.
_THROTTLES = frozenset(
    {
        "Throttling",
        "Throttled",
        "RequestThrottled",
        "RequestLimitExceeded",
        "TooManyRequests",
        "ProvisionedThroughputExceeded",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "SlowDown",
        "TransactionInProgress",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AuthorizationError",
        "UnauthorizedOperation",
        "UnauthorizedAccess",
        "OperationNotPermitted",
        "OptInRequired",
        "403",
    }
)
_BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignature",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClient",
    }
)
_SERVER_FAULTS = frozenset(
    {"InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "RequestTimeout"}
)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.TokenRetrievalError,
)
_BAD_SETTINGS = (
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.InvalidRegionError,
    boto.NoRegionError,
    boto.ProfileNotFound,
    boto.UnknownEndpointError,
)
_NOT_SENT = (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ProxyConnectionError, boto.SSLError)


class _Coded(DeployError):
    """Carries AWS's error code."""

    def __init__(self, what: str, *, code: str, next_step: str = "") -> None:
        super().__init__(what, next_step=next_step)
        self.code = code


class AwsRefusal(_Coded, Refused):
    """AWS refused, and would again: rights, quota, a name that is taken, a resource that is missing."""


class Tolerated(AbstractContextManager[None]):
    """Leaves the block quietly where AWS refuses with one of these codes: what is asked about is gone."""

    def __init__(self, *codes: str) -> None:
        self._codes = codes

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        return isinstance(error, AwsRefusal) and error.code in self._codes


class AwsUnavailable(_Coded, CloudUnavailable):
    """AWS throttled, failed or did not answer, after retries.

    A call that changes something may have taken effect; a read cannot have, and ends a command
    with "nothing was changed".
    """

    def __init__(self, what: str, *, code: str, next_step: str, sent: bool = False) -> None:
        super().__init__(what, code=code, next_step=next_step)
        self.exit_code = ExitCode.HALTED if sent else ExitCode.REFUSED


class CredentialsUnusable(AwsUnavailable, LoggedOut):
    """There are no credentials, or AWS does not accept them (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Which call failed, for the message."""

    service: str
    """botocore's service name, e.g. `elbv2`."""
    operation: str
    """e.g. `ModifyRule`."""
    region: str
    about: str = ""
    """The resource in the operator's words."""
    reads: bool = False
    """It changes nothing, whatever became of it."""

    def __str__(self) -> str:
        about = f" ({self.about})" if self.about else ""
        return f"AWS {self.service} {self.operation}{about} in {self.region}"


def is_throttle(code: str) -> bool:
    """Whether this error code asks the caller to slow down."""
    return _stem(code) in _THROTTLES


def _stem(code: str) -> str:
    return code.removesuffix("Exception")


def translate(error: Exception, call: Call) -> DeployError:
    """The exception of ours that says what `error` means for `call`."""
    if isinstance(error, boto.ClientError):
        return _answered(error, call)
    text = mask(str(error))
    code = type(error).__name__
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsUnusable(f"{call}: {text}", code=code, next_step=_LOG_IN)
    if isinstance(error, _BAD_SETTINGS):
        return ConfigError(f"{call}: {text}", next_step="correct AWS_REGION, AWS_PROFILE or ~/.aws/config")
    if isinstance(error, boto.ParamValidationError):
        return AwsRefusal(f"{call} was not sent: {text}", code=code, next_step=_CHECK_CONTRACT)
    if isinstance(error, _NOT_SENT):
        step = f"check the network, that the region {call.region} exists, and AWS_ENDPOINT_URL if it is set"
        if is_loopback(str(error.kwargs.get("endpoint_url", ""))):
            step = _NO_LAB
        return AwsUnavailable(f"{call}: not reachable: {text}", code=code, next_step=step)
    return _unanswered(f"{call}: no usable answer", call, code=code, why=f": {text}")


def _unanswered(what: str, call: Call, *, code: str, why: str = "") -> AwsUnavailable:
    """Nobody knows what became of `call`, unless it was a read: that changes nothing."""
    if call.reads:
        return AwsUnavailable(f"{what}{why}", code=code, next_step=_REPEAT)
    return AwsUnavailable(f"{what} ({_OPEN}){why}", code=code, next_step=_RESUME, sent=True)


_NO_LAB = (
    "nothing listens there: if AWS_ENDPOINT_URL was a lab's, `sc-deploy lab status` says what became of it; "
    "`unset AWS_ENDPOINT_URL` leads to AWS"
)
_LOG_IN = "log in again (`aws sso login`, or renew AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN) and repeat"
_CHECK_CONTRACT = "check the stack's contract with `sc-deploy doctor`"
_OPEN = "it may or may not have taken effect"
_REPEAT = "repeat it when AWS answers again"
_RESUME = "when AWS answers again, `sc-deploy resume` looks at what exists and continues"


def _answered(error: boto.ClientError, call: Call) -> DeployError:
    """What an error answer of AWS means; `error` carries AWS's code, message and HTTP status."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    what = f"{call}: {code}: {mask(str(error.response.get('Error', {}).get('Message', '')))}"
    if is_throttle(code):
        then = "repeat it" if call.reads else "`sc-deploy resume`"
        step = f"other clients use up this account's API rate; wait, then {then}"
        return AwsUnavailable(what, code=code, next_step=step)
    if _stem(code) in _BAD_CREDENTIALS:
        return CredentialsUnusable(
            f"AWS does not accept the credentials: {what}", code=code, next_step=_LOG_IN
        )
    if status >= 500 or _stem(code) in _SERVER_FAULTS:
        return _unanswered(what, call, code=code)
    if _stem(code) in _DENIED:
        actions = " and ".join(actions_for(call.service, call.operation))
        step = f"allow {actions} in the policy of the deploy role, then repeat"
        return AwsRefusal(what, code=code, next_step=step)
    return AwsRefusal(what, code=code, next_step=_REMEDIES.get(_stem(code), ""))


_REMEDIES = {
    "ListenerNotFound": "run `pulumi up` for this stack: its listener does not exist any more",
    "TooManyRules": "delete rules nobody needs, or raise the quota `Rules per Application Load Balancer`",
    "TooManyTargetGroups": "`sc-deploy teardown` removes leftovers; or raise `Target Groups per Region`",
    "TooManyUniqueTargetGroupsPerLoadBalancer": (
        "`sc-deploy teardown` removes leftovers; 100 target groups per load balancer is a fixed limit of AWS"
    ),
    "TooManyTargets": "raise the quota `Targets per Application Load Balancer`",
    "TooManyRegistrationsForTargetId": "an instance may be in 1,000 target groups at most",
    "TooManyActions": "a rule forwards to at most 5 target groups; `sc-deploy teardown` removes leftovers",
    "TooManyTags": "a resource holds at most 50 tags; remove tags nobody needs",
    "LimitExceeded": "raise the quota that AWS names (Service Quotas), or remove what nobody needs",
    "ServiceQuotaExceeded": "raise the quota that AWS names (Service Quotas)",
    "InstanceQuotaExceeded": "delete DB instances nobody needs, or raise the quota `DB instances`",
    "StorageQuotaExceeded": "raise the quota `Total storage for all DB instances`",
    "SnapshotQuotaExceeded": "delete old snapshots, or raise the quota `Manual DB instance snapshots`",
    "VcpuLimitExceeded": "raise the quota `Running On-Demand Standard instances`",
}
