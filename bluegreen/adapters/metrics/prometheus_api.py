"""The Prometheus HTTP API: raw samples of counters, or an answer that is named broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from bluegreen.adapters.aws.failures import FAILURES, Call, CredentialsUnusable, translate
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.metrics.counters import Series
from bluegreen.adapters.metrics.metrics_http import Endpoint, Sign, unusable
from bluegreen.ports import Clock

_SOURCE = "prometheus"
_FORM = "application/x-www-form-urlencoded"


def sigv4(session: Session) -> Sign:
    """Signs for Amazon Managed Prometheus (service `aps`) with the session's credentials.

    The question goes in the body: a query string would have to be encoded by the client exactly as it
    was signed.
    """

    def sign(url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        call = Call(service="aps", operation="QueryMetrics", region=session.region)
        try:
            credentials = session.boto3.get_credentials()
            if credentials is None:
                raise CredentialsUnusable(
                    "no AWS credentials to sign the question to Prometheus with",
                    code="NoCredentials",
                    next_step="sign in, or name a profile with AWS_PROFILE",
                )
            request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
            SigV4Auth(credentials.get_frozen_credentials(), "aps", session.region).add_auth(request)
        except FAILURES as error:
            raise translate(error, call) from error
        return dict(request.headers)

    return sign


class PrometheusApi:
    """Questions at one moment; `url` ends before `api/v1/query`."""

    def __init__(self, url: str, *, timeout: float, clock: Clock, sign: Sign) -> None:
        self._timeout = timeout
        base = url if url.endswith("/") else f"{url}/"
        self._endpoint = Endpoint(_SOURCE, base, timeout=timeout, clock=clock, sign=sign)

    def samples(self, names: Iterable[str], matchers: str, *, until: float, seconds: float) -> list[Series]:
        """Every sample of these metrics in the `seconds` up to `until`; raises SourceUnavailable."""
        choice = "|".join(names)
        selector = f'{{__name__=~"{choice}",{matchers}}}' if matchers else f'{{__name__=~"{choice}"}}'
        query = f"{selector}[{round(seconds * 1000)}ms]"
        return [_series(item) for item in self._ask(query, until, kind="matrix")]

    def number(self, query: str, *, at: float) -> float | None:
        """The one value of an expression; None where it has none, or none that is a number.

        Raises SourceUnavailable where it has several.
        """
        found = self._ask(query, at, kind="vector")
        if len(found) > 1:
            raise unusable(
                _SOURCE, f"{query} has {len(found)} values; make one of them, as by sum() or max()"
            )
        if not found:
            return None
        sample = found[0].get("value")
        if not isinstance(sample, list) or len(sample) != 2:
            raise unusable(_SOURCE, f"{query}: {sample!r} is not a sample")
        value = _number(sample[1])
        return value if value is not None and isfinite(value) else None

    def label_values(self, query: str, label: str, *, at: float) -> tuple[str, ...]:
        """The values of `label` among the series of an expression."""
        found = self._ask(query, at, kind="vector")
        labels = [item.get("metric") for item in found]
        if not all(isinstance(one, dict) for one in labels):
            raise unusable(_SOURCE, "answered a series without labels")
        return tuple(sorted({str(one.get(label, "")) for one in labels if isinstance(one, dict)}))

    def close(self) -> None:
        self._endpoint.close()

    def _ask(self, query: str, at: float, *, kind: str) -> list[dict[str, Any]]:
        form = {"query": query, "time": f"{at:.3f}", "timeout": f"{self._timeout:g}s"}
        answer = self._endpoint.post("api/v1/query", urlencode(form).encode(), _FORM)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            said = answer.get("error") if isinstance(answer, dict) else answer
            raise unusable(_SOURCE, f"no success: {str(said)[:200]}")
        _check_whole(answer)
        data = answer.get("data")
        if not isinstance(data, dict) or data.get("resultType") != kind:
            raise unusable(_SOURCE, f"answered no {kind}")
        result = data.get("result")
        if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
            raise unusable(_SOURCE, f"answered a {kind} without a result")
        return result


def _check_whole(answer: Mapping[str, Any]) -> None:
    """Prometheus warns where a remote or a shard was left out; others mark the whole answer.

    `infos` are remarks on the query, not on the data.
    """
    said = answer.get("warnings") or ()
    if said:
        words = "; ".join(str(one) for one in said) if isinstance(said, list) else str(said)
        raise unusable(_SOURCE, f"gave only a part of the data: {words[:200]}")
    if answer.get("isPartial") or answer.get("partial"):
        raise unusable(_SOURCE, "gave only a part of the data (isPartial)")


def _series(item: Mapping[str, Any]) -> Series:
    labels = item.get("metric")
    if not isinstance(labels, dict):
        raise unusable(_SOURCE, "answered a series without labels")
    name = str(labels.get("__name__", ""))
    where = f"{name}{{{', '.join(f'{k}={v}' for k, v in sorted(labels.items()) if k != '__name__')}}}"
    values = item.get("values")
    if values is None and "histograms" in item:
        raise unusable(_SOURCE, f"{where} is a native histogram; expose classic buckets (`le`)")
    samples: list[tuple[float, float]] = []
    for pair in values if isinstance(values, list) else [None]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise unusable(_SOURCE, f"{where}: {pair!r} is not a sample")
        at, value = _number(pair[0]), _number(pair[1])
        if at is None or value is None or not isfinite(at) or not isfinite(value) or value < 0:
            raise unusable(_SOURCE, f"{where}: {pair[1]!r} is not a counter's value")
        if samples and at <= samples[-1][0]:
            raise unusable(_SOURCE, f"{where}: samples are not in the order of time")
        samples.append((at, value))
    return Series(name=name, labels={k: str(v) for k, v in labels.items()}, samples=samples)


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]  # anything else is not a number
    except (TypeError, ValueError):
        return None
