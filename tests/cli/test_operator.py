"""Who deploys: the name that the lease tells deployers apart by."""

from __future__ import annotations

import os

import pytest

from bluegreen.commands._connect import operator


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTOR", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def test_two_deployers_of_one_person_on_one_machine_are_two_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    first = operator()
    assert operator() == first, "one process is one owner"
    monkeypatch.setattr(os, "getpid", lambda: 0)
    assert operator() != first


def test_the_person_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "anna")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    assert operator().startswith("anna (run 77)@")
    monkeypatch.setenv("SC_DEPLOY_OPERATOR", "release-bot")
    assert operator().startswith("release-bot@")
