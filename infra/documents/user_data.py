"""User data of an instance: the variables of its stack and tier, then `install.sh` and `boot.sh`."""

from __future__ import annotations

import base64
import gzip
import shlex
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from bluegreen.contract import LAUNCH_HOOK

USER_DATA_LIMIT = 16_384
"""Bytes before base64 (EC2 user guide, "Run commands when you launch an EC2 instance")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootVariables:
    """What `boot.sh` needs to know; nothing here is secret, nothing belongs to a release."""

    stack: str
    tier: str
    roles: str
    """Comma-separated."""
    aws_region: str
    port: int
    health_path: str
    boot_budget_seconds: int
    """As in the contract: how long the script keeps trying, and the fleet leaves the instance alone."""
    namespace: str
    """CloudWatch namespace of what the host publishes."""
    launch_hook: str = LAUNCH_HOOK
    """The lifecycle hook that the host completes once it serves."""
    log_group: str
    security_log_group: str
    config_path: str
    """SSM path of the parameters that become the container's environment."""
    secret_names: str
    """Space-separated Secrets Manager names, each mounted as a file."""
    metrics_url: str
    """Workspace URL of Managed Prometheus, with a trailing slash."""
    model_bucket: str = ""
    """Empty for a tier without a model."""
    model_prefix: str = ""
    model_file: str = ""


@lru_cache(maxsize=2)
def script(name: str) -> str:
    """One of the shell scripts beside this file."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def render(variables: BootVariables) -> str:
    """The whole script; values are quoted, so none can be run as a command."""
    lines = [
        f"{field.name.upper()}={shlex.quote(str(getattr(variables, field.name)))}"
        for field in fields(variables)
    ]
    return "\n".join(["#!/bin/bash", *lines, script("install.sh"), script("boot.sh")])


def encode(script: str) -> str:
    """Compressed (cloud-init unpacks gzip) and in base64, as launch templates require.

    Raises ValueError above EC2's limit. The time stamp is fixed: the same script gives the same text.
    """
    packed = gzip.compress(script.encode(), mtime=0)
    if len(packed) > USER_DATA_LIMIT:
        raise ValueError(f"user data has {len(packed)} bytes; EC2 allows {USER_DATA_LIMIT}")
    return base64.b64encode(packed).decode()
