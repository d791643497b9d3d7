"""A page in the form that each receiver reads; pure. Plain text reaches e-mail and telephones alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bluegreen.domain.page import Page

SMS_CHARACTERS = 140
"""Of one SMS in GSM's alphabet; SNS splits and charges longer ones."""
_TITLE, _DESCRIPTION, _SUMMARY = 250, 2_000, 1_024


def by_protocol(page: Page, *, stack: str, signature: str) -> str:
    """The message of an SNS publication with `MessageStructure` "json": each protocol gets its own form.

    Amazon Q Developer in chat applications (AWS Chatbot) subscribes by https and shows nothing but AWS's own
    events and its custom notifications.
    """
    return json.dumps(
        {
            "default": f"{page.whole}\n\n{signature}",
            "sms": page.subject[:SMS_CHARACTERS],
            "https": json.dumps(chat_notification(page, stack=stack, signature=signature)),
        }
    )


def chat_notification(page: Page, *, stack: str, signature: str) -> dict[str, Any]:
    """A custom notification ("Custom notifications using Amazon Q Developer in chat applications").

    Each deployment is a thread of its own.
    """
    title = _unmentioned(page.subject)[:_TITLE]
    then = _unmentioned(page.next_step)[:_DESCRIPTION]
    content = {
        "textType": "client-markdown",
        "title": title,
        "description": f"{_unmentioned(page.text)[:_DESCRIPTION]}\n\n{signature}",
    }
    return {
        "version": "1.0",
        "source": "custom",
        "content": content | ({"nextSteps": [then]} if then else {}),
        "metadata": {
            "threadId": about(stack, page.deployment),
            "summary": title,
            "eventType": "sc-deploy",
            "additionalContext": {"stack": stack},
        },
    }


def incident(page: Page, *, stack: str, routing_key: str, signature: str) -> Mapping[str, Any]:
    """An event of PagerDuty's Events API v2 ("Send an alert event"); `routing_key` is a secret.

    A deployment has one incident, and what follows adds to it. The next deployment has another one: what
    is added to an incident that somebody has acknowledged wakes nobody.
    """
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": about(stack, page.deployment),
        "payload": {
            "summary": page.subject[:_SUMMARY],
            "source": f"sc-deploy {stack}",
            "severity": "critical",
            "component": stack,
            "custom_details": {"text": page.text, "next": page.next_step, "from": signature},
        },
    }


def resolution(deployment: int, *, stack: str, routing_key: str) -> Mapping[str, Any]:
    """The event that closes the incident of a deployment; where it has none PagerDuty ignores it."""
    return {"routing_key": routing_key, "event_action": "resolve", "dedup_key": about(stack, deployment)}


def about(stack: str, deployment: int) -> str:
    """What PagerDuty's incident and the thread of a chat are recognised by."""
    return f"sc-deploy-{stack}-{deployment or 'test'}"


def slack_message(page: Page, *, signature: str) -> Mapping[str, Any]:
    """The payload of an incoming webhook (Slack, "Sending messages using incoming webhooks").

    A webhook is not told the time stamp of its message, so that no later one can be put into its thread.
    """
    mark = ":rotating_light: " if page.critical else ""
    words = _escaped(page.whole)[:_DESCRIPTION]
    return {"text": f"{mark}*{_escaped(page.subject)[:_TITLE]}*\n{words}\n{_escaped(signature)}"}


def _escaped(text: str) -> str:
    """Slack's three control characters ("Formatting text for app surfaces"): no word becomes a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unmentioned(text: str) -> str:
    """A notification is shown in Slack as its Markdown: `<!channel>` and `<@U123>` would call people."""
    return re.sub(r"<(?=[@!#])", "< ", text)
