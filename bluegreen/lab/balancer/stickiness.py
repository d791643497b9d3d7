"""Target group stickiness: the cookie AWSALBTG.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
"""

from __future__ import annotations

import hashlib
from email.utils import formatdate

from bluegreen.lab.balancer.snapshot import Forward
from bluegreen.lab.http1.message import Header, Request

COOKIE = "AWSALBTG"


def pinned_group(action: Forward, request: Request, now: float) -> str | None:
    """The target group that the client's cookie names, where the action still has it.

    The cookie beats the weights, a weight of 0 and sick targets, too, as on AWS.
    """
    if action.stickiness_seconds is None:
        return None
    token, _, expires = _cookie(request).partition(".")
    if not expires.isdecimal() or int(expires) <= now:
        return None
    return next((arn for arn, _ in action.groups if _token(arn) == token), None)


def set_cookie(action: Forward, arn: str, now: float) -> Header | None:
    """The header that pins the client to `arn`; each answer moves the expiry forward."""
    if action.stickiness_seconds is None:
        return None
    expires = int(now) + action.stickiness_seconds
    value = f"{COOKIE}={_token(arn)}.{expires}; Expires={formatdate(expires, usegmt=True)}; Path=/"
    return b"set-cookie", value.encode()


def _token(arn: str) -> str:
    return hashlib.blake2b(arn.encode(), digest_size=12).hexdigest()


def _cookie(request: Request) -> str:
    for name, value in request.headers:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, content = part.strip().partition("=")
                if key == COOKIE:
                    return content
    return ""
