"""Own requests: what counts as a right answer of the version path and of a smoke test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bluegreen.engine.probes import ask_golden, run_smoke, version_fault
from bluegreen.policy import GoldenSet, SmokeTest
from bluegreen.ports import Answer, Ports, Request
from tests.world import in_turn

PREVIEW = {"x-preview": "token"}


class Service:
    """Answers the requests in turn, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers, self.asked = list(answers), list[Request]()

    def send(self, request: Request) -> Answer:
        self.asked.append(request)
        return self._answers.pop(0)


def answer(body: object = None, *, status: int = 200, seconds: float = 0.1) -> Answer:
    return Answer(status=status, body=json.dumps(body), seconds=seconds)


def smoke(*steps: Mapping[str, Any]) -> SmokeTest:
    return SmokeTest.model_validate({"name": "log in", "tier": "app", "steps": list(steps)})


def faulty(step: Mapping[str, Any], found: Answer) -> bool:
    return bool(run_smoke(smoke({"path": "/", **step}), Service(found), {}, 5.0))


@pytest.mark.parametrize(
    ("document", "right"),
    [
        ({"version": "v2", "model": "m2", "instance": "i-1"}, True),
        ({"version": "v1", "model": "m2", "instance": "i-1"}, False),
        ({"version": "v2", "model": "m1", "instance": "i-1"}, False),
        ({"version": "v2", "instance": "i-1"}, False),
        ({"version": "v2", "model": "m2"}, False),
        (["v2"], False),
    ],
)
def test_a_target_must_name_version_model_and_itself(document: object, *, right: bool) -> None:
    _, fault = version_fault(answer(document), "v2", "m2")
    assert (fault == "") is right


def test_a_version_with_an_error_status_is_no_version() -> None:
    document = {"version": "v2", "instance": "i-1"}
    assert version_fault(answer(document, status=503), "v2", None)[1] != ""
    assert version_fault(answer(document), "v2", None) == ("i-1", "")


@pytest.mark.parametrize(
    ("step", "good", "bad"),
    [
        ({}, answer(), answer(status=500)),
        ({"status": 201}, answer(status=201), answer()),
        ({}, answer(), Answer(status=0, error="refused")),
        ({"text": "welcome"}, answer("welcome back"), answer("go away")),
        ({"max_latency": "1s"}, answer(seconds=1.0), answer(seconds=1.1)),
        ({"json": {"user.id": 7}}, answer({"user": {"id": 7}}), answer({"user": {"id": 8}})),
        ({"json": {"user.id": 7}}, answer({"user": {"id": 7}}), answer({"user": {}})),
        ({"json": {"items.1": "b"}}, answer({"items": ["a", "b"]}), answer({"items": ["a"]})),
        ({"json": {"ok": True}}, answer({"ok": True}), Answer(status=200, body="<html>")),
        ({"save": {"token": "t"}}, answer({"t": "x"}), answer({})),
    ],
)
def test_a_step_is_passed_by_what_it_asks_for_alone(step: dict[str, Any], good: Answer, bad: Answer) -> None:
    assert not faulty(step, good)
    assert faulty(step, bad)


def test_a_saved_value_is_sent_on_and_every_request_takes_the_preview_header() -> None:
    service = Service(answer({"session": {"token": "s3"}}), answer())
    test = smoke(
        {"method": "POST", "path": "/login", "save": {"token": "session.token"}},
        {"path": "/me/{token}", "headers": {"authorization": "Bearer {token}"}, "body": '{"t": "{token}"}'},
    )
    assert run_smoke(test, service, PREVIEW, 3.0) is None
    first, second = service.asked
    assert (first.method, dict(first.headers), first.timeout) == ("POST", PREVIEW, 3.0)
    assert second.url_path == "/me/s3"
    assert dict(second.headers) == {"authorization": "Bearer s3", **PREVIEW}
    assert second.body == '{"t": "s3"}'


def test_a_step_that_fails_is_the_last_one_and_is_numbered() -> None:
    service = Service(answer(), answer(status=500), answer())
    fault = run_smoke(smoke({"path": "/a"}, {"path": "/b"}, {"path": "/c"}), service, {}, 5.0)
    assert fault is not None
    assert fault.words.startswith("step 2 ")
    assert not fault.undelivered
    assert [request.url_path for request in service.asked] == ["/a", "/b"]


def test_an_answer_that_did_not_come_is_a_wrong_one() -> None:
    rows = [{"input": number, "label": "yes"} for number in range(4)]
    golden = GoldenSet.model_validate({"file": "g", "path": "/ai", "rows": rows})
    good = answer({"label": "yes"})
    lost, failed = Answer(status=0, error="timeout"), answer({"label": "yes"}, status=500)
    service = Service(good, lost, failed, answer({"label": "no"}))
    ports = cast("Ports", SimpleNamespace(prober=service, parallel=in_turn))
    score = ask_golden(golden, ports, headers=PREVIEW, beat=lambda: None, timeout=1.0)
    assert (score.asked, score.right) == (4, 1)
    assert all(PREVIEW.items() <= dict(request.headers).items() for request in service.asked)
