"""Connections to AWS: one boto3 session, one client per service, shared by all threads.

Region, profile and credentials come from boto3's usual chain, the endpoint from `AWS_ENDPOINT_URL`
alone. Retries are botocore's standard mode (exponential backoff with jitter, retry quota).
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Self

import boto3
from botocore import exceptions as boto
from botocore import xform_name
from botocore.config import Config

from bluegreen.adapters.aws.failures import FAILURES, Call, translate
from bluegreen.adapters.loopback import is_loopback
from bluegreen.errors import ConfigError
from bluegreen.ports import Fence

Json = dict[str, Any]
_BROKEN = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What botocore's parsers, or we, stumble over in a body that is not as the service's model says."""
_READS = ("batch_get_", "describe_", "get_", "head_", "list_", "query")
_UNFENCED = ("dynamodb", "sns")
"""Journal and lease carry the fencing token themselves, and a halt is announced whoever holds the lease."""


class _Answer(Json):
    """What a call answered; a key that is not in it means that the answer did not come."""

    def __init__(self, call: Call, found: Mapping[str, Any]) -> None:
        super().__init__({key: _whole(call, value) for key, value in found.items()})
        self._call = call

    def __missing__(self, key: str) -> Any:
        raise translate(KeyError(f"it holds no {key}"), self._call)


def _whole(call: Call, value: Any) -> Any:
    if isinstance(value, dict):
        return _Answer(call, value)
    return [_whole(call, one) for one in value] if isinstance(value, list) else value


class Service:
    """One AWS service: its operations by botocore's names, failures in our words, pages joined.

    Every call raises AwsRefusal, AwsUnavailable (which includes CredentialsUnusable) or ConfigError; one
    that changes something raises what its fence raises.
    """

    def __init__(self, client: Any, name: str, fence: Fence | None = None) -> None:
        self.client = client
        self.name = name
        self._fence = None if name in _UNFENCED else fence

    def call(self, operation: str, /, *, about: str = "", **parameters: Any) -> Json:
        """`operation` as the client's method is called, e.g. `modify_rule`; `about` goes into messages."""
        # Whatever is not known to read is a change: a call that somebody adds later is fenced, too.
        if self._fence is not None and not operation.startswith(_READS):
            self._fence.check()
        method = getattr(self.client, operation)
        named = self._named(operation, about)
        try:
            return _Answer(named, method(**parameters))
        except (*FAILURES, *_BROKEN) as error:
            raise translate(error, named) from error

    def pages(self, operation: str, key: str, /, *, about: str = "", **parameters: Any) -> list[Any]:
        """The lists under `key` of all pages, joined."""
        found: list[Any] = []
        paginator = self.client.get_paginator(operation)
        named = self._named(operation, about)
        try:
            for page in paginator.paginate(**parameters):
                found += _whole(named, page.get(key) or [])
        except (*FAILURES, *_BROKEN) as error:
            raise translate(error, named) from error
        return found

    def _named(self, operation: str, about: str) -> Call:
        names = self.client.meta.method_to_api_mapping
        region = self.client.meta.region_name or "no region"
        name, reads = names.get(operation, operation), operation.startswith(_READS)
        return Call(service=self.name, operation=name, region=region, about=about, reads=reads)


def _user_agent() -> str:
    try:
        return f"sc-deploy/{metadata.version('sc-deploy')}"
    except metadata.PackageNotFoundError:
        return "sc-deploy/source"


class Session:
    """Hands out services; raises ConfigError where profile, region or endpoint cannot be used."""

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        connect_timeout: float = 3.0,
        read_timeout: float = 20.0,
        attempts: int = 4,
    ) -> None:
        # The other SDKs and the CLI read AWS_REGION; boto3 knows AWS_DEFAULT_REGION alone.
        region = region or os.environ.get("AWS_REGION") or None
        try:
            self.boto3 = boto3.Session(profile_name=profile, region_name=region)
        except boto.BotoCoreError as error:
            raise ConfigError(str(error), next_step="name an existing profile with AWS_PROFILE") from error
        self._settings: Mapping[str, Any] = {
            "connect_timeout": connect_timeout,
            "read_timeout": read_timeout,
            "max_pool_connections": 32,
            "tcp_keepalive": True,
            "user_agent_extra": _user_agent(),
            # A lab on this machine is not reached through the proxy that the environment names.
            "proxies": {} if is_loopback(os.environ.get("AWS_ENDPOINT_URL", "")) else None,
        }
        self._attempts = attempts
        self._services: dict[tuple[str, bool, str], Service] = {}
        self._creating = threading.Lock()
        self._fence: Fence | None = None

    def fenced(self, fence: Fence) -> Self:
        """The same clients, but `fence` is asked before every call that changes something."""
        other = copy.copy(self)
        other._fence = fence  # noqa: SLF001  (another one of this class)
        return other

    @property
    def region(self) -> str:
        """The region of every call; raises ConfigError where none is set."""
        region: str | None = self.boto3.region_name
        if not region:
            raise ConfigError(
                "no AWS region is set",
                next_step="set AWS_REGION to the region of the stack, or use a profile",
            )
        return region

    def ends(self) -> float | None:
        """When the credentials end for good, in epoch seconds; None where they are renewed or nobody says.

        Only keys in the environment are final. Whoever puts them there may tell their end in
        AWS_CREDENTIAL_EXPIRATION (ISO 8601), as `aws configure export-credentials` does.
        """
        try:
            found = self.boto3.get_credentials()
            told = os.environ.get("AWS_CREDENTIAL_EXPIRATION", "")
            if found is None or found.method != "env" or not told:
                return None
            end = datetime.fromisoformat(told)
        except (*FAILURES, ValueError):
            return None  # the first call that needs them tells it better
        return (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp()

    def service(self, name: str, *, retries: bool = True, region: str = "") -> Service:
        """The shared client of service `name`; without `retries` a call is sent once at most.

        `region` is given for what AWS keeps elsewhere than in the stack's region.

        Creating a client is not thread-safe in boto3 and loads the service's model: once each, locked.
        """
        key = (name, retries, region)
        with self._creating:
            if key not in self._services:
                self._services[key] = Service(
                    self._client(name, retries=retries, region=region or self.region), name
                )
            found = self._services[key]
        return found if self._fence is None else Service(found.client, name, self._fence)

    def _client(self, name: str, *, retries: bool, region: str) -> Any:
        attempts = self._attempts if retries else 1
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, **self._settings)
        try:
            return self.boto3.client(name, region_name=region, config=config)
        except FAILURES as error:
            call = Call(service=name, operation=f"client {xform_name(name)}", region=region)
            raise translate(error, call) from error
        except ValueError as error:
            # botocore checks the endpoint's form when the client is made.
            raise ConfigError(
                f"the endpoint of {name} cannot be used: {error}",
                next_step="correct or unset AWS_ENDPOINT_URL",
            ) from error
