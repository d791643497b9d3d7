"""NerdGraph: NRQL queries of one New Relic account, asked with a user key from Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from math import ceil
from typing import Any

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.metrics.metrics_http import Endpoint, Sign, unusable
from bluegreen.errors import DeployError
from bluegreen.policy import NewRelic
from bluegreen.ports import Clock

SOURCE = "newrelic"
_ADDRESSES = {"us": "https://api.newrelic.com/graphql", "eu": "https://api.eu.newrelic.com/graphql"}
_KEY_FIELDS = ("api_key", "user_key", "key")
"""Where a secret that is a JSON object keeps the key."""


def user_key(session: Session, secret: str) -> Sign:
    """Adds the key that `secret` holds, read when it is first needed; it is in no message."""
    key = cache(partial(_read_key, session, secret))
    return lambda _url, _body, headers: {**headers, "api-key": key()}


def _read_key(session: Session, secret: str) -> str:
    try:
        answer = session.service("secretsmanager").call("get_secret_value", about=secret, SecretId=secret)
    except DeployError as error:
        raise unusable(SOURCE, error.what) from error
    text = str(answer.get("SecretString") or "").strip()
    if text.startswith("{"):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = {}
        text = next((str(document[name]) for name in _KEY_FIELDS if document.get(name)), "")
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise unusable(
            SOURCE, f"the secret {secret} holds no user key ({', '.join(_KEY_FIELDS)}, or the key alone)"
        )
    return text


class NerdGraph:
    """NRQL queries of one account, several in one request."""

    def __init__(self, policy: NewRelic, account: str, *, clock: Clock, sign: Sign) -> None:
        url = policy.url or _ADDRESSES[policy.region]
        self._account, self._seconds = int(account), ceil(policy.timeout)
        self._endpoint = Endpoint(SOURCE, url, timeout=policy.timeout, clock=clock, sign=sign)

    def ask(self, queries: Sequence[str]) -> list[list[Mapping[str, Any]]]:
        """The rows of each query; raises SourceUnavailable unless every one is answered."""
        names = [f"q{number}" for number in range(len(queries))]
        declared = "".join(f", ${name}: Nrql!" for name in names)
        fields = " ".join(f"{n}: nrql(query: ${n}, timeout: {self._seconds}) {{ results }}" for n in names)
        document = f"query($account: Int!{declared}) {{ actor {{ account(id: $account) {{ {fields} }} }} }}"
        variables = {"account": self._account, **dict(zip(names, queries, strict=True))}
        body = json.dumps({"query": document, "variables": variables}).encode()
        answer = self._endpoint.post("", body, "application/json")
        return [self._rows(answer, name) for name in names]

    def _rows(self, answer: Any, name: str) -> list[Mapping[str, Any]]:
        said = answer.get("errors") if isinstance(answer, dict) else [answer]
        if said:
            words = "; ".join(
                str(one.get("message", one)) if isinstance(one, dict) else str(one) for one in said
            )
            raise unusable(SOURCE, f"no answer to a query: {words[:200]}")
        try:
            rows = answer["data"]["actor"]["account"][name]["results"]
        except (KeyError, TypeError) as error:
            raise unusable(SOURCE, "its answer has no results") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unusable(SOURCE, "its results are not rows")
        return rows

    def close(self) -> None:
        self._endpoint.close()
