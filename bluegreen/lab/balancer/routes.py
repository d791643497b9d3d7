"""Listener rules as Envoy's routes: a pure function of the snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from bluegreen.lab.balancer.patterns import regex
from bluegreen.lab.balancer.snapshot import Condition, FixedResponse, Forward, Rule, Snapshot

Document = dict[str, Any]

NAME = "front"
FIXED = "fixed"
"""The name of the routes of fixed-response actions, by which the log tells them."""
COOKIE = "AWSALBTG"
"""Target group stickiness.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
"""


def route_configuration(snapshot: Snapshot, *, port: int, idle: float) -> Document:
    """All rules in the order in which they are tried; a request ends after `idle` seconds without a byte."""
    ordered = sorted(snapshot.rules, key=lambda rule: rule.priority)
    routes = [*_refusals(), *(route for rule in ordered for route in _routes(rule, idle))]
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": NAME,
        "virtual_hosts": [{"name": NAME, "domains": ["*"], "routes": [*routes, *_rest()]}],
        "request_headers_to_add": [
            _set("x-forwarded-port", str(port)),
            # Envoy itself would put this machine's outer address in place of the loopback.
            {
                "header": {
                    "key": "x-forwarded-for",
                    "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
                }
            },
        ],
        "request_headers_to_remove": ["x-envoy-external-address"],
    }


def _refusals() -> Iterator[Document]:
    """What the load balancer answers whatever the rules say."""
    trace = {"name": ":method", "string_match": {"exact": "TRACE"}}
    yield _direct({"prefix": "", "headers": [trace]}, 405)


def _rest() -> Iterator[Document]:
    """Where no rule holds there is no listener: nothing arrives here but what came before it was gone."""
    yield _direct({"prefix": ""}, 503)


def _routes(rule: Rule, idle: float) -> Iterator[Document]:
    match = _match(rule.conditions)
    if match is None:
        return
    action = rule.action
    if isinstance(action, FixedResponse):
        yield {"name": FIXED, **_direct(match, action.status, action.body, action.content_type)}
        return
    if not isinstance(action, Forward):
        yield _direct(match, 501, f"the lab does not perform {action.type} actions", "text/plain")
        return
    if action.stickiness_seconds is not None:
        # The cookie beats the weights, a weight of 0 and sick targets, too.
        for one in action.groups:
            yield _pinned(match, one.arn, action.stickiness_seconds, idle)
    yield _weighted(match, action, idle)


def _weighted(match: Document, action: Forward, idle: float) -> Document:
    if not any(one.weight for one in action.groups):
        return _direct(match, 503)
    clusters = [
        {"name": one.arn, "weight": one.weight, **_sticky(one.arn, action.stickiness_seconds)}
        for one in action.groups
    ]
    return {"match": match, "route": {"weighted_clusters": {"clusters": clusters}, **_times(idle)}}


def _pinned(match: Document, arn: str, seconds: int, idle: float) -> Document:
    cookie = {"name": "cookie", "string_match": _safe(rf"(.*; *)?{COOKIE}={_token(arn)}(;.*)?")}
    pinned = {**match, "headers": [*match.get("headers", []), cookie]}
    return {"match": pinned, "route": {"cluster": arn, **_times(idle)}, **_sticky(arn, seconds)}


def _times(idle: float) -> Document:
    """No limit for a whole answer, one for silence; and never a second attempt."""
    return {"timeout": "0s", "idle_timeout": f"{idle:.3f}s"}


def _sticky(arn: str, seconds: int | None) -> Document:
    """Each answer moves the end of the cookie forward."""
    if seconds is None:
        return {}
    value = f"{COOKIE}={_token(arn)}; Max-Age={seconds}; Path=/"
    added = {
        "header": {"key": "set-cookie", "value": value},
        "append_action": "APPEND_IF_EXISTS_OR_ADD",
    }
    return {"response_headers_to_add": [added]}


def _token(arn: str) -> str:
    return hashlib.blake2b(arn.encode(), digest_size=12).hexdigest()


def _match(conditions: tuple[Condition, ...]) -> Document | None:
    """All of the conditions; None where one of them is not modelled and so never holds."""
    path: Document = {"prefix": ""}
    headers: list[Document] = []
    for condition in conditions:
        match condition.field:
            case "path-pattern":
                path = _path(condition)
            case "http-header":
                headers.append(_header(condition.name.lower(), condition, end=""))
            case "host-header":
                headers.append(_header(":authority", condition, end="(:[0-9]+)?"))
            case "http-request-method":
                exact = {"name": ":method", "string_match": _safe(_any(condition, ignore_case=False))}
                headers.append(exact)
            case _:
                return None
    return path | ({"headers": headers} if headers else {})


def _path(condition: Condition) -> Document:
    """The path without its query, compared with its case."""
    if condition.values == ("/*",):
        return {"prefix": "/"}
    return _safe(_any(condition, ignore_case=False))


def _header(name: str, condition: Condition, *, end: str) -> Document:
    return {"name": name, "string_match": _safe(_any(condition, ignore_case=True) + end)}


def _any(condition: Condition, *, ignore_case: bool) -> str:
    found = "|".join(
        regex(value, ignore_case=ignore_case) for value in condition.values if isinstance(value, str)
    )
    return f"(?:{found})"


def _safe(pattern: str) -> Document:
    return {"safe_regex": {"regex": pattern}}


def _direct(match: Document, status: int, body: str = "", content_type: str = "text/html") -> Document:
    answer: Document = {"status": status}
    if body:
        answer["body"] = {"inline_string": body}
    headers = [_set("content-type", content_type), _set("server", "awselb/2.0")]
    return {"match": match, "direct_response": answer, "response_headers_to_add": headers}


def _set(name: str, value: str) -> Mapping[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
