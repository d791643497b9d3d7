"""A page in the form that each receiver reads; pure. Plain text reaches e-mail and telephones alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SMS_CHARACTERS = 140
"""Of one SMS in GSM's alphabet; SNS splits and charges longer ones."""
_TITLE, _DESCRIPTION, _SUMMARY = 250, 2_000, 1_024


def by_protocol(subject: str, text: str, *, stack: str) -> str:
    """The message of an SNS publication with `MessageStructure` "json": each protocol gets its own form.

    Amazon Q Developer in chat applications (AWS Chatbot) subscribes by https and shows nothing but AWS's own
    events and its custom notifications.
    """
    return json.dumps(
        {
            "default": text,
            "sms": subject[:SMS_CHARACTERS],
            "https": json.dumps(chat_notification(subject, text, stack=stack)),
        }
    )


def chat_notification(subject: str, text: str, *, stack: str) -> dict[str, Any]:
    """A custom notification ("Custom notifications using Amazon Q Developer in chat applications").

    The runs of one stack are a thread of their own.
    """
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": subject[:_TITLE],
            "description": text[:_DESCRIPTION],
        },
        "metadata": {
            "threadId": f"sc-deploy-{stack}",
            "summary": subject[:_TITLE],
            "eventType": "sc-deploy",
            "additionalContext": {"stack": stack},
        },
    }


def incident(subject: str, text: str, *, stack: str, routing_key: str) -> Mapping[str, Any]:
    """An event of PagerDuty's Events API v2 ("Send an alert event").

    A stack has one open incident: what follows adds to it. `routing_key` is a secret.
    """
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": _incident_of(stack),
        "payload": {
            "summary": subject[:_SUMMARY],
            "source": f"sc-deploy {stack}",
            "severity": "critical",
            "component": stack,
            "custom_details": {"text": text},
        },
    }


def resolution(*, stack: str, routing_key: str) -> Mapping[str, Any]:
    """The event that closes the stack's incident; without one PagerDuty ignores it."""
    return {"routing_key": routing_key, "event_action": "resolve", "dedup_key": _incident_of(stack)}


def _incident_of(stack: str) -> str:
    return f"sc-deploy-{stack}"


def slack_message(subject: str, text: str, *, critical: bool) -> Mapping[str, Any]:
    """The payload of an incoming webhook (Slack, "Sending messages using incoming webhooks"): no threads."""
    mark = ":rotating_light: " if critical else ""
    return {"text": f"{mark}*{_escaped(subject)[:_TITLE]}*\n{_escaped(text)[:_DESCRIPTION]}"}


def _escaped(text: str) -> str:
    """Slack's three control characters ("Formatting text for app surfaces"): no word becomes a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
