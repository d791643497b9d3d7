"""Own requests through the front door: version, smoke tests and the golden set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bluegreen.errors import StepFailed
from bluegreen.policy import GoldenSet, SmokeStep, SmokeTest
from bluegreen.ports import Answer, Ports, Prober, Request
from bluegreen.text import one_line

_MISSING = object()
_TOLD = 100
"""Characters of a value that are told."""
_AT_ONCE = 8
"""Golden-set questions sent at the same time: quick, yet no load test of a small fleet."""


def at_path(document: object, path: str) -> object:
    """The value at a dotted path ("data.items.0.id"); `_MISSING` where there is none."""
    for part in path.split("."):
        if isinstance(document, Mapping) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return _MISSING
    return document


def _parsed(answer: Answer) -> object:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _brief(found: object) -> str:
    """A value of an answer, as it is told: a service can answer with anything, and at any length."""
    return one_line(str(found), _TOLD)


def version_fault(answer: Answer, version: str, model: str | None) -> tuple[str, str]:
    """(instance id, what is wrong with this answer of the version path or "")."""
    if answer.status != 200:
        return "", f"version path: {answer.error or f'status {answer.status}'}"
    document = _parsed(answer)
    if not isinstance(document, dict):
        return "", f"version path: not a JSON object: {answer.body[:80]!r}"
    found, instance = document.get("version"), _brief(document.get("instance", ""))
    if found != version:
        return instance, f"{instance or 'a target'} serves {_brief(found)}, not {version}"
    if model is not None and document.get("model") != model:
        return instance, f"{instance or 'a target'} runs model {_brief(document.get('model'))}, not {model}"
    return instance, "" if instance else "version path names no instance"


def through_cdn(answer: Answer) -> bool:
    """Whether CloudFront has passed the answer on: it adds itself to Via (CloudFront developer guide)."""
    return "cloudfront" in answer.headers.get("via", "").lower()


_UNDELIVERED = frozenset({0, 502, 504})
"""Statuses of a request that no instance answered: none at all, or the balancer's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeFault:
    """What was wrong with a smoke test."""

    words: str
    undelivered: bool
    """No instance has answered: the host may be gone, and another one well."""

    def __str__(self) -> str:
        return self.words


def run_smoke(
    test: SmokeTest, prober: Prober, headers: Mapping[str, str], timeout: float
) -> SmokeFault | None:
    """Send the steps of a smoke test in order; what was wrong first, or None."""
    saved: dict[str, str] = {}
    for number, step in enumerate(test.steps, start=1):
        answer = prober.send(
            Request(
                method=step.method,
                url_path=_filled(step.path, saved),
                headers={**{k: _filled(v, saved) for k, v in step.headers.items()}, **headers},
                body=_filled(step.body, saved),
                timeout=timeout,
            )
        )
        fault = _step_fault(step, answer, saved)
        if fault:
            words = f"step {number} ({step.method} {step.path}): {fault}"
            return SmokeFault(words=words, undelivered=answer.status in _UNDELIVERED)
    return None


def _filled(text: str, saved: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: saved.get(match[1], match[0]), text)


def _step_fault(step: SmokeStep, answer: Answer, saved: dict[str, str]) -> str:
    fault = ""
    if answer.status == 0:
        fault = answer.error or "no answer"
    elif answer.status != step.status:
        fault = f"status {answer.status}, expected {step.status}"
    elif step.text and step.text not in answer.body:
        fault = f"the answer does not contain {step.text!r}"
    elif answer.seconds > step.max_latency:
        fault = f"took {answer.seconds:.2f} s: must be at most {step.max_latency:g} s"
    elif step.json_ or step.save:
        fault = _json_fault(step, _parsed(answer), saved)
    return fault


def _json_fault(step: SmokeStep, document: object, saved: dict[str, str]) -> str:
    if document is None:
        return "the answer is not JSON"
    for path, wanted in step.json_.items():
        found = at_path(document, path)
        if found != wanted:
            return f"{path} is {'missing' if found is _MISSING else _brief(repr(found))}, expected {wanted!r}"
    for name, path in step.save.items():
        found = at_path(document, path)
        if found is _MISSING:
            return f"{path} is missing, needed as {{{name}}}"
        saved[name] = str(found)
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenScore:
    """Right answers of those asked; an answer that did not come is a wrong one."""

    asked: int
    right: int
    first_fault: str = ""

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.right / self.asked if self.asked else 0.0


def ask_golden(
    golden: GoldenSet, ports: Ports, *, headers: Mapping[str, str], beat: Callable[[], None], timeout: float
) -> GoldenScore:
    """Send every question and compare the answers."""
    if not golden.rows:
        raise StepFailed("the golden set is empty", next_step=f"fill {golden.file}")

    def ask(question: Any, label: Any) -> str:
        answer = ports.prober.send(
            Request(
                method="POST",
                url_path=golden.path,
                headers={"content-type": "application/json", **headers},
                body=json.dumps({"input": question}),
                timeout=timeout,
            )
        )
        if answer.status != 200:
            return answer.error or f"status {answer.status}"
        found = at_path(_parsed(answer), golden.answer)
        told = f"{_brief(repr(question))}: {_brief(repr(found))} instead of {_brief(repr(label))}"
        return "" if found == label else told

    faults: list[str] = []
    for start in range(0, len(golden.rows), _AT_ONCE):
        beat()
        rows = golden.rows[start : start + _AT_ONCE]
        faults += ports.parallel([partial(ask, row.input, row.label) for row in rows])
    wrong = [fault for fault in faults if fault]
    return GoldenScore(asked=len(faults), right=len(faults) - len(wrong), first_fault=next(iter(wrong), ""))


def golden_fault(found: GoldenScore, against: float | None, limit: float, *, who: str, than: str) -> str:
    """R4: a relative fall of accuracy above `limit` against another one on the same questions.

    Without another the set must be answered at all: an accuracy below 1 - limit fails.
    `who` was asked, and is compared with `than`.
    """
    before = 1.0 if against is None else against
    drop = (before - found.accuracy) / before if before else 0.0
    if drop <= limit:
        return ""
    other = "the known answers" if against is None else f"{than} {against:.1%}"
    return (
        f"{who} is right on {found.right} of {found.asked}, {drop:.1%} below {other}; "
        f"at most {limit:.0%} allowed; e.g. {found.first_fault}"
    )
