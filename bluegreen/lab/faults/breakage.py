"""Injects faults into a running lab, as production has them, and clears them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from bluegreen.contract import Tag, Tier
from bluegreen.errors import CloudUnavailable, ConfigError, Fault, Refused
from bluegreen.lab.lifecycle import LabInfo

_TIMEOUT = 5.0


class Break(StrEnum):
    """The kinds of fault."""

    ERRORS = "errors"
    """A share of the answers is 500."""
    LATENCY = "latency"
    """Answers take longer."""
    FUNCTION = "function"
    """One path answers 500."""
    CRASH = "crash"
    """One instance of each tier dies."""
    UNHEALTHY = "unhealthy"
    """Health checks fail."""
    HANG = "hang"
    """Connections are accepted and nothing is answered."""
    THROTTLE = "throttle"
    """AWS refuses half of all calls."""
    METRICS_DOWN = "metrics-down"
    """CloudWatch does not answer."""
    CONTROL_PLANE_DOWN = "control-plane-down"
    """No AWS call is answered; traffic continues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """A fault and where it strikes; by default the newest release of each tier."""

    kind: Break
    version: str = ""
    """Only instances of this release; "all" means every release."""
    tier: Tier | None = None
    share: float = 0.3
    """errors: share of answers, 0 to 1."""
    factor: float = 2.0
    """latency: how many times slower."""
    path: str = "/api/login"
    """function: the path that breaks."""


def kind_of(text: str) -> Break:
    """The kind of fault called `text`; raises ConfigError with the list of kinds."""
    try:
        return Break(text)
    except ValueError as error:
        raise ConfigError(
            "invalid fault", faults=[Fault("--kind", f"unknown kind {text!r}", ", ".join(Break))]
        ) from error


def share_of(text: str) -> float:
    """`5%` as 0.05; raises ConfigError for anything but a percentage up to 100."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    if found is None or float(found[1]) > 100:
        raise ConfigError(
            "invalid fault",
            faults=[Fault("--share", f"{text!r} is not a percentage", '"0%" to "100%"')],
        )
    return float(found[1]) / 100


def state(lab: LabInfo) -> dict[str, Any]:
    """What the lab holds now: fleets, target groups with the health of their targets, instances, faults."""
    found: dict[str, Any] = _call(
        lambda: httpx.get(f"{lab.endpoint_url}/_lab/state", timeout=_TIMEOUT)
    ).json()
    return found


def break_(lab: LabInfo, breakage: Breakage) -> str:
    """Inject the fault; returns what was done, in words. Raises Refused where no instance matches."""
    kind = breakage.kind
    if kind is Break.THROTTLE:
        return _fault(
            lab, {"effect": "throttle", "times": 0, "rate": 0.5}, "half of all AWS calls are throttled"
        )
    if kind is Break.METRICS_DOWN:
        fault = {"effect": "drop", "service": "cloudwatch", "times": 0}
        return _fault(lab, fault, "CloudWatch is down")
    if kind is Break.CONTROL_PLANE_DOWN:
        return _fault(lab, {"effect": "drop", "times": 0}, "the AWS API is down")
    chosen = _chosen(_instances(lab), breakage)
    if not chosen:
        raise Refused(
            f"no running instance of {breakage.version or 'the newest release'}"
            f"{f' on tier {breakage.tier}' if breakage.tier else ''}",
            next_step="`sc-deploy status` shows what runs",
        )
    if kind is Break.CRASH:
        return _crash(chosen)
    document: Mapping[Break, dict[str, Any]] = {
        Break.ERRORS: {"errors": breakage.share},
        Break.LATENCY: {"latency": breakage.factor},
        Break.FUNCTION: {"broken": [breakage.path]},
        Break.UNHEALTHY: {"healthy": False},
        Break.HANG: {"hang": True},
    }
    for instance in chosen:
        _tell(instance, document[kind])
    return f"{kind} on {_named(chosen)}"


def heal(lab: LabInfo) -> None:
    """Clear every fault; an instance that crashed was replaced by its Auto Scaling Group."""
    _call(lambda: httpx.delete(f"{lab.endpoint_url}/_lab/faults", timeout=_TIMEOUT))
    for instance in _instances(lab):
        _tell(instance, {"reset": True})


def _fault(lab: LabInfo, fault: Mapping[str, Any], words: str) -> str:
    _call(lambda: httpx.post(f"{lab.endpoint_url}/_lab/faults", json=fault, timeout=_TIMEOUT))
    return words


def _instances(lab: LabInfo) -> list[dict[str, Any]]:
    """The running instances that have a process."""
    return [one for one in state(lab)["instances"] if one["pid"] and one["address"]]


def _chosen(instances: Iterable[dict[str, Any]], breakage: Breakage) -> list[dict[str, Any]]:
    """The instances of the asked release, or of the newest deployment of each tier."""
    mine = [one for one in instances if breakage.tier in (None, one["tags"].get(Tag.TIER))]
    if breakage.version == "all":
        return mine
    if breakage.version:
        return [one for one in mine if one["tags"].get(Tag.RELEASE) == breakage.version]
    newest = {tier: max(map(_deployment, of)) for tier, of in _by_tier(mine).items()}
    return [one for one in mine if _deployment(one) == newest[one["tags"][Tag.TIER]]]


def _by_tier(instances: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in instances:
        found.setdefault(one["tags"][Tag.TIER], []).append(one)
    return found


def _deployment(instance: Mapping[str, Any]) -> int:
    return int(instance["tags"].get(Tag.DEPLOYMENT, 0))


def _crash(chosen: Iterable[dict[str, Any]]) -> str:
    victims = [of[0] for of in _by_tier(chosen).values()]
    for one in victims:
        os.kill(one["pid"], signal.SIGKILL)
    return f"killed {_named(victims)}"


def _named(instances: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{one['tags'].get(Tag.TIER)} {one['tags'].get(Tag.RELEASE)} {one['id']}" for one in instances
    )


def _tell(instance: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    host, port = instance["address"]
    _call(lambda: httpx.post(f"http://{host}:{port}/_ctl", json=document, timeout=_TIMEOUT))


def _call(send: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        return send().raise_for_status()
    except httpx.HTTPError as error:
        raise CloudUnavailable(
            f"the lab does not answer: {error}", next_step="`sc-deploy lab status`"
        ) from error
