"""Injects faults into a running lab, as production has them, and clears them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

import httpx

from bluegreen.contract import Tag, Tier
from bluegreen.errors import CloudUnavailable, ConfigError, Fault, Refused
from bluegreen.lab.faults.kinds import API_FAULTS, CONDITIONS, ON_HOSTS, SECONDS, Break
from bluegreen.lab.lifecycle import LabInfo

_TIMEOUT = 5.0
_POWER_TIMEOUT = 120.0
"""Answered once every database has stopped or started, which the machine's pace decides."""
_GROUP_TAG = "aws:autoscaling:groupName"


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
    seconds: float | None = None
    """How long or how late, for the kinds of `SECONDS`; None: their own default."""


def kind_of(text: str) -> Break:
    """The kind of fault called `text`; raises ConfigError with the list of kinds and the nearest one."""
    try:
        return Break(text)
    except ValueError as error:
        near = get_close_matches(text, list(Break), n=1, cutoff=0.5)
        raise ConfigError(
            "invalid fault",
            next_step=f"did you mean {near[0]}?" if near else "`sc-deploy lab break --help` explains each",
            faults=[Fault("--kind", f"unknown kind {text!r}", ", ".join(Break))],
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
    found: dict[str, Any] = _side(lab, "GET", "state")
    return found


def break_(lab: LabInfo, breakage: Breakage) -> str:
    """Inject the fault; returns what was done, in words. Raises Refused where no instance matches."""
    kind = breakage.kind
    if kind in API_FAULTS:
        fault = API_FAULTS[kind]
        _side(lab, "POST", "faults", {"times": 0, **fault.document})
        return fault.words
    if kind is Break.DB_DOWN:
        _power(lab, on=False)
        return "db-down: every database is stopped"
    if kind in CONDITIONS:
        condition = CONDITIONS[kind]
        seconds = SECONDS.get(kind, 0.0) if breakage.seconds is None else breakage.seconds
        _side(lab, "POST", "conditions", {condition.name: condition.value(seconds)})
        return f"{kind}: {condition.words.format(seconds=seconds)}"
    chosen = _chosen(_instances(lab), breakage)
    if not chosen:
        raise Refused(
            f"no running instance of {breakage.version or 'the newest release'}"
            f"{f' on tier {breakage.tier}' if breakage.tier else ''}",
            next_step="`sc-deploy status` shows what runs",
        )
    return _strike(lab, breakage, chosen)


def _strike(lab: LabInfo, breakage: Breakage, chosen: list[dict[str, Any]]) -> str:
    victims = [of[0] for of in _by_tier(chosen).values()]
    match breakage.kind:
        case Break.CRASH:
            for one in victims:
                os.kill(one["pid"], signal.SIGKILL)
            return f"killed {_named(victims)}"
        case Break.INSTANCE_LOST:
            _side(lab, "POST", "terminate", {"instances": [one["id"] for one in victims]})
            return f"instance-lost: EC2 terminates {_named(victims)}"
        case Break.SCALE_OUT:
            return _scale_out(lab, {one["tags"][_GROUP_TAG] for one in chosen})
    told: Mapping[Break, Mapping[str, Any]] = {
        Break.ERRORS: {"errors": breakage.share},
        Break.LATENCY: {"latency": breakage.factor},
        Break.FUNCTION: {"broken": [breakage.path]},
        Break.UNHEALTHY: {"healthy": False},
        Break.HANG: {"hang": True},
    }
    for instance in chosen:
        _tell(instance, told[breakage.kind])
    return f"{breakage.kind} on {_named(chosen)}"


def _scale_out(lab: LabInfo, names: set[str]) -> str:
    """Each group's policies see the work of one instance more than it has."""
    found = state(lab)
    grown = {one["name"]: one["desired"] + 1.0 for one in found["fleets"] if one["name"] in names}
    _side(lab, "POST", "conditions", {"demand": {**found["conditions"].get("demand", {}), **grown}})
    return "scale-out: " + ", ".join(f"{name} to {size:.0f}" for name, size in sorted(grown.items()))


def heal(lab: LabInfo, kind: Break | None = None) -> None:
    """Clear every fault, or those of one kind; what was killed is replaced by its Auto Scaling Group.

    The kinds that are told to instances are cleared together: an instance forgets all that it was told.
    """
    if kind is None or kind in API_FAULTS:
        fault = API_FAULTS[kind].document if kind else {}
        query = {key: fault[key] for key in ("effect", "service") if key in fault}
        _side(lab, "DELETE", "faults", query=query)
    if kind is None or kind in CONDITIONS or kind is Break.SCALE_OUT:
        names = "" if kind is None else CONDITIONS[kind].name if kind in CONDITIONS else "demand"
        _side(lab, "DELETE", "conditions", query={"names": names})
    if kind in (None, Break.DB_DOWN):
        _power(lab, on=True)
    if kind is None or kind in ON_HOSTS:
        for instance in _instances(lab):
            _tell(instance, {"reset": True})


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


def _named(instances: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{one['tags'].get(Tag.TIER)} {one['tags'].get(Tag.RELEASE)} {one['id']}" for one in instances
    )


def _tell(instance: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    host, port = instance["address"]
    _call(lambda: _client().post(f"http://{host}:{port}/_ctl", json=document))


def _power(lab: LabInfo, *, on: bool) -> None:
    url = f"{lab.endpoint_url}/_lab/database"
    _call(lambda: _client().post(url, json={"on": on}, timeout=_POWER_TIMEOUT))


def _side(
    lab: LabInfo, method: str, path: str, document: Any = None, *, query: Mapping[str, str] | None = None
) -> Any:
    """One request to the lab's own API; its JSON."""
    url = f"{lab.endpoint_url}/_lab/{path}"
    return _call(lambda: _client().request(method, url, json=document, params=dict(query or {}))).json()


@cache
def _client() -> httpx.Client:
    """One for all requests: each new one reads the machine's certificates."""
    return httpx.Client(timeout=_TIMEOUT)


def _call(send: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        return send().raise_for_status()
    except httpx.HTTPError as error:
        raise CloudUnavailable(
            f"the lab does not answer: {error}", next_step="`sc-deploy lab status`"
        ) from error
