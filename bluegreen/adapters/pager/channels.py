"""The channels of a stack: each takes a page and says in words what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.pager.documents import by_protocol, incident, resolution, slack_message
from bluegreen.adapters.pager.webhook import Failure, post
from bluegreen.contract import Contract
from bluegreen.domain.page import Delivery, Page
from bluegreen.errors import DeployError
from bluegreen.masking import mask

EVENTS_API = "https://events.pagerduty.com/v2/enqueue"
"""PagerDuty, Events API v2, "Send an alert event"; a secret may name the one of the EU region."""
Post = Callable[[str, Mapping[str, Any]], Failure | None]
Posts = Sequence[tuple[str, Mapping[str, Any]]]
"""Address and document of each."""


class Channel(Protocol):
    """One way to people."""

    @property
    def name(self) -> str: ...

    def deliver(self, page: Page) -> Delivery | None:
        """What became of it; None where such a page does not take this way. Raises nothing."""

    def usable(self) -> Delivery:
        """Whether it has what it needs, without sending anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """An SNS topic: e-mail, SMS and chat (by subscription)."""

    session: Session
    stack: str
    name: str
    arn: str
    critical: bool
    signature: str

    def deliver(self, page: Page) -> Delivery | None:
        if page.critical is not self.critical:
            return None
        line = subject_line(page.subject)
        shown = replace(_masked(page), subject=line)
        try:
            self.session.service("sns").call(
                "publish",
                about=self.arn,
                TopicArn=self.arn,
                Subject=line,
                Message=by_protocol(shown, stack=self.stack, signature=self.signature),
                MessageStructure="json",
                MessageAttributes={"stack": {"DataType": "String", "StringValue": self.stack}},
            )
        except DeployError as error:
            return Delivery(channel=self.name, to=self.arn, failure=error.what, next_step=error.next_step)
        return Delivery(channel=self.name, to=self.arn)

    def usable(self) -> Delivery:
        return Delivery(channel=self.name, to=self.arn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint whose address or key is in a secret that an operator has filled."""

    session: Session
    name: str
    secret: str
    form: Callable[[str, Page], Posts]
    """The addresses and documents for a page, from the secret's value; none: not this way."""
    post: Post

    def deliver(self, page: Page) -> Delivery | None:
        value, failure = self._value()
        if failure:
            return failure
        posts = self.form(value, _masked(page))
        for url, document in posts:
            found = self.post(url, document)
            if found is not None:
                return self._failed(found.words, passing=found.passing)
        return Delivery(channel=self.name, to=self.secret) if posts else None

    def usable(self) -> Delivery:
        _, failure = self._value()
        return failure or Delivery(channel=self.name, to=self.secret)

    def _value(self) -> tuple[str, Delivery | None]:
        try:
            answer = self.session.service("secretsmanager").call(
                "get_secret_value", about=self.secret, SecretId=self.secret
            )
        except DeployError as error:
            return "", self._failed(f"its secret cannot be read: {error.what}")
        value = str(answer.get("SecretString") or "").strip()
        return value, None if value else self._failed("its secret is empty")

    def _failed(self, words: str, *, passing: bool = False) -> Delivery:
        advice = f"set it: aws secretsmanager put-secret-value --secret-id {self.secret}"
        if passing:
            advice = "`sc-deploy notify test` tries it again"
        return Delivery(channel=self.name, to=self.secret, failure=words, next_step=advice)


def channels(
    session: Session, contract: Contract, *, owner: str, post_to: Post = post
) -> tuple[Channel, ...]:
    """Every channel of the contract; makes no call."""
    alerts, stack = contract.alerts, contract.stack
    signature = f"-- sc-deploy, stack {stack}, {owner}"
    topic = partial(Topic, session=session, stack=stack, signature=signature)
    webhook = partial(Webhook, session=session, post=post_to)
    found: list[Channel] = [
        topic(name="critical", arn=alerts.critical_topic_arn, critical=True),
        topic(name="warning", arn=alerts.warning_topic_arn, critical=False),
    ]
    if alerts.pagerduty_secret:
        incidents = partial(_pagerduty, stack=stack, signature=signature)
        found.append(webhook(name="pagerduty", secret=alerts.pagerduty_secret, form=incidents))
    if alerts.slack_secret:
        found.append(
            webhook(name="slack", secret=alerts.slack_secret, form=partial(_slack, signature=signature))
        )
    return tuple(found)


def _pagerduty(value: str, page: Page, *, stack: str, signature: str) -> Posts:
    """Only what somebody must look at opens an incident, and only a good end closes it."""
    key, address = value, EVENTS_API
    if value.startswith("{"):
        document = _object(value)
        key, address = str(document.get("routing_key", "")), str(document.get("endpoint") or EVENTS_API)
    if page.critical:
        return [(address, incident(page, stack=stack, routing_key=key, signature=signature))]
    return [(address, resolution(number, stack=stack, routing_key=key)) for number in page.resolves]


def _slack(value: str, page: Page, *, signature: str) -> Posts:
    return [(value, slack_message(page, signature=signature))]


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _masked(page: Page) -> Page:
    return replace(page, subject=mask(page.subject), text=mask(page.text), next_step=mask(page.next_step))


def subject_line(text: str) -> str:
    """SNS subjects are ASCII, one line, at most 100 characters, and begin with no control character."""
    line = " ".join(mask(text).encode("ascii", "replace").decode().split())
    return line[:100] or "sc-deploy"
