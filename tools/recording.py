"""Evaluates a stack as the engine's language host does, and records every registration.

Not `pulumi.runtime.set_mocks`: mocks hide protect, providers, dependencies and secrets, which are most of
what is worth asserting. The price is the SDK's private parts, for which it is pinned.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import json
import logging
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import empty_pb2, json_format
from pulumi.runtime import set_all_config
from pulumi.runtime.mocks import MockEngine, MockMonitor, Mocks, MockSettings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT, configure
from pulumi.runtime.stack import run_in_stack

from tools import answers, schema

REPOSITORY = Path(__file__).resolve().parents[1]
STACKS = ("dev", "test", "prod")
SECRETS = {
    "databasePassword": "recorded-database-password",
    "databaseAppPassword": "recorded-database-app-password",
    "originSecret": "recordedOriginSecretOf32Characters",
    "cacheAuthToken": "recorded-cache-auth-token",
    "pagerDutyEndpoint": "https://events.pagerduty.test/recorded-pagerduty-key",
    "newRelicLicenseKey": "recorded-new-relic-license-key",
}
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # marks secrets, is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One registration: what the program asked for and what it was told."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    provider: str
    """Name of the provider resource; empty for a default provider."""
    parent: str
    protect: bool
    ignore_changes: tuple[str, ...]
    secrets: frozenset[str]
    """Names of the inputs that hold a secret somewhere."""
    create_timeout: str
    """How long the engine waits for it at most; empty: as long as the provider sets."""
    references: Mapping[str, tuple[str, ...]]
    """URNs of the resources that each input depends on."""

    @property
    def id(self) -> str:
        return str(self.outputs.get("id", ""))


@dataclass(slots=True)
class Recording:
    """A whole evaluation."""

    stack: str
    resources: list[Recorded] = field(default_factory=list)
    invokes: list[tuple[str, str]] = field(default_factory=list)
    """Token and provider of each data source call."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Token and arguments of each data source call."""
    outputs: dict[str, Any] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)

    def of(self, token: str) -> list[Recorded]:
        """The resources of one type, e.g. `aws:lb/listener:Listener`."""
        return [resource for resource in self.resources if resource.type == token]

    def one(self, token: str, name: str) -> Recorded:
        """The resource of that type and logical name."""
        (found,) = (resource for resource in self.of(token) if resource.name == name)
        return found

    @property
    def aws(self) -> list[Recorded]:
        return [resource for resource in self.resources if resource.type.startswith("aws:")]


def settings_of(stack: str) -> dict[str, Any]:
    """The `sportcoach:settings` of a stack's file."""
    document = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return dict(document["config"]["sportcoach:settings"])


@cache
def recorded(stack: str, *, preview: bool = False) -> Recording:
    """The evaluation of a stack of the repository, once per process."""
    return evaluate(stack, settings_of(stack), preview=preview)


def evaluate(
    stack: str,
    settings: Mapping[str, Any],
    *,
    secrets: Mapping[str, str] = SECRETS,
    plain: frozenset[str] = frozenset(),
    preview: bool = False,
    into: Recording | None = None,
) -> Recording:
    """Run the program through its real entry point, in a context of its own.

    `plain` are secrets that the stack's file holds unencrypted; `into` is what a program that raises
    leaves behind.
    """
    recording = into or Recording(stack=stack)
    # Fifty thousand short-lived tasks keep the cyclic collector so busy that it takes most of the time.
    gc.disable()
    try:
        config = {f"sportcoach:{key}": value for key, value in secrets.items()}
        encrypted = [f"sportcoach:{key}" for key in secrets if key not in plain]
        config["sportcoach:settings"] = json.dumps(dict(settings))
        account = str(settings.get("account_id"))
        contextvars.Context().run(lambda: _run(recording, config, encrypted, account, preview=preview))
    finally:
        gc.enable()
    return recording


def _run(
    recording: Recording, config: dict[str, str], encrypted: list[str], account: str, *, preview: bool
) -> None:
    monitor = Monitor(recording, account, preview=preview)
    ROOT.set(None)
    configure(
        MockSettings(
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
            engine=MockEngine(logging.getLogger("recording")),
            project="sportcoach",
            stack=recording.stack,
            dry_run=preview,
            organization="organization",
            callbacks=None,
        )
    )
    set_all_config(config, encrypted)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        # The host makes the program's directory its own and runs ".".
        with contextlib.chdir(REPOSITORY / "infra"), schema.quiet():
            loop.run_until_complete(run_in_stack(lambda: runpy.run_path(".", run_name="__main__") and None))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


class _NoMocks(Mocks):
    def call(self, args: Any) -> Any:
        raise AssertionError(args.token)

    def new_resource(self, args: Any) -> Any:
        raise AssertionError(args.name)


class Monitor(MockMonitor):
    """Records raw requests; answers with every output a type declares, as AWS would."""

    def __init__(self, recording: Recording, account: str, *, preview: bool) -> None:
        super().__init__(_NoMocks())
        self._account = account
        self._regions: dict[str, str] = {}
        self._recording = recording
        self._preview = preview
        self._providers: dict[str, str] = {}
        self._seen: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the name in the protocol
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if urn in self._seen:
            self._recording.duplicates.append(urn)
        self._seen.add(urn)
        raw = json_format.MessageToDict(request.object)
        inputs = {key: _plain(value) for key, value in raw.items()}
        outputs: dict[str, Any] = {}
        if request.custom:
            outputs = answers.outputs(request.type, request.name, inputs, self._place(request.provider))
        if request.type == "pulumi:providers:aws":
            self._providers[urn] = request.name
            self._regions[request.name] = inputs["region"]
        self._recording.resources.append(
            Recorded(
                urn=urn,
                type=request.type,
                name=request.name,
                inputs=inputs,
                outputs=outputs,
                provider=self._providers.get(request.provider.rpartition("::")[0], ""),
                parent=request.parent,
                protect=request.protect,
                ignore_changes=tuple(request.ignoreChanges),
                create_timeout=request.customTimeouts.create,
                references={
                    key: tuple(dependencies.urns)
                    for key, dependencies in request.propertyDependencies.items()
                },
                secrets=frozenset(key for key, value in raw.items() if _holds_secret(value)),
            )
        )
        known = {**inputs} if self._preview else {**inputs, **outputs}
        identity = "" if self._preview else outputs.get("id", "")
        response = resource_pb2.RegisterResourceResponse(urn=urn, id=identity)
        # Secrets stay secret on their way back.
        answer = {key: raw.get(key, value) for key, value in known.items() if key != "id"}
        json_format.ParseDict(answer, response.object)
        return response

    def _place(self, provider: str) -> dict[str, str]:
        """The stack, and account and region that a provider writes to."""
        region = self._regions.get(self._providers.get(provider.rpartition("::")[0], ""), "")
        return {"stack": self._recording.stack, "account": self._account, "region": region}

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  # the name in the protocol
        if request.urn.endswith(f"::pulumi:pulumi:Stack::sportcoach-{self._recording.stack}"):
            self._recording.outputs = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802  # the name in the protocol
        provider = self._providers.get(request.provider.rpartition("::")[0], "")
        self._recording.invokes.append((request.tok, provider))
        self._recording.asked.append((request.tok, json_format.MessageToDict(request.args)))
        response = resource_pb2.ResourceInvokeResponse()
        answer = answers.DATA_SOURCES[request.tok]
        if answer is None:
            response.failures.add(reason="nothing matches")
        else:
            json_format.ParseDict(answer, getattr(response, "return"))
        return response


def _plain(value: Any) -> Any:
    """The value with secrets unwrapped."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get(SIGNATURE) == SECRET_SIGNATURE or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def texts(value: Any) -> Iterator[str]:
    """Every string inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
