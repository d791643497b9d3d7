"""What an emulated instance does when it boots, as the user data of a real one would.

It reads its own tags, pulls its image by digest, fetches its model and checks the SHA-256. The
image's annotations `lab.*` say how the release behaves; the keys are those of `_OPTIONS`, and
`lab.version`, `lab.broken` (paths, comma-separated) and `lab.healthy` (`false`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from bluegreen.contract import Contract, ModelStore, Tag, Tier, parameter_name, parse_contract
from bluegreen.errors import ConfigError
from bluegreen.lab.stack.database import database_secret, url_of

_OPTIONS = {
    "lab.errors": "--errors",
    "lab.latency": "--latency-factor",
    "lab.latency-ms": "--latency-ms",
    "lab.accuracy": "--accuracy",
}


_LABELS = {"fleet": "aws:autoscaling:groupName", "stack": Tag.STACK, "deployment": Tag.DEPLOYMENT}
"""Further labels of the instance's metrics, and the tag that holds each."""


class BootFailed(Exception):
    """The instance will never serve; the message says why."""


def app_arguments(instance_id: str, tags: Mapping[str, str], session: Any) -> list[str]:
    """The options of `bluegreen.lab.app` for an instance with `tags`; raises BootFailed."""
    try:
        tier = Tier(tags[Tag.TIER])
        contract = _contract(tags[Tag.STACK], session)
        settings = contract.tier(tier)
        annotations = _annotations(tags[Tag.IMAGE], session)
        model = _model(tags, settings.model, session)
    except KeyError as error:
        raise BootFailed(f"missing tag of the instance or tier of its stack: {error}") from error
    except (ClientError, BotoCoreError, ConfigError, ValueError) as error:
        raise BootFailed(str(error)) from error
    arguments = [
        *("--tier", tier.value),
        *("--instance", instance_id),
        *("--version", annotations.get("lab.version") or tags.get(Tag.RELEASE, "v0.0.0")),
        *("--health-path", settings.health_check.path),
        *("--version-path", settings.version_path),
    ]
    for key, option in _OPTIONS.items():
        if key in annotations:
            arguments += [option, str(annotations[key])]
    for label, tag in _LABELS.items():
        if tag in tags:
            arguments += ["--label", f"{label}={tags[tag]}"]
    for path in filter(None, str(annotations.get("lab.broken", "")).split(",")):
        arguments += ["--broken", path]
    if str(annotations.get("lab.healthy", "true")).lower() == "false":
        arguments.append("--unhealthy")
    return arguments + (["--model", model] if model else [])


def database_url(tags: Mapping[str, str], session: Any) -> str:
    """From the stack's secret; empty where the tier keeps no rows or the stack has no database."""
    if tags.get(Tag.TIER) != Tier.APP:
        return ""
    try:
        found = session.client("secretsmanager").get_secret_value(SecretId=database_secret(tags[Tag.STACK]))
    except (ClientError, BotoCoreError) as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ResourceNotFoundException":
            return ""
        raise BootFailed(str(error)) from error
    return url_of(json.loads(found["SecretString"]))


def internal_url(tags: Mapping[str, str], session: Any) -> str:
    """Where the app tier asks the others (docs/decisions/0011-tier-to-tier.md); empty for the other tiers."""
    if tags.get(Tag.TIER) != Tier.APP:
        return ""
    name = f"/sportcoach/{tags[Tag.STACK]}/config/INTERNAL_URL"  # as the Pulumi program names it
    try:
        return str(session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except (ClientError, BotoCoreError) as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ParameterNotFound":
            return ""
        raise BootFailed(str(error)) from error


def _contract(stack: str, session: Any) -> Contract:
    name = parameter_name(stack)
    found = session.client("ssm").get_parameter(Name=name)
    return parse_contract(found["Parameter"]["Value"], source=name)


def _annotations(image: str, session: Any) -> dict[str, str]:
    """The annotations of the manifest that `image` (<registry>/<repository>@<digest>) names."""
    name, _, digest = image.partition("@")
    repository = name.partition("/")[2]
    found = session.client("ecr").batch_get_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}]
    )
    if not found["images"]:
        raise BootFailed(f"{repository} has no image {digest}")
    manifest = found["images"][0]["imageManifest"]
    if hashlib.sha256(manifest.encode()).hexdigest() != digest.removeprefix("sha256:"):
        raise BootFailed(f"{repository}: the manifest does not match its digest {digest}")
    annotations = json.loads(manifest).get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def _model(tags: Mapping[str, str], store: ModelStore | None, session: Any) -> str:
    """The version of the model that was fetched and verified; empty for a tier without one."""
    version = tags.get(Tag.MODEL, "")
    if store is None or not version:
        return ""
    key = f"{store.prefix}{version}/{store.file}"
    body = session.client("s3").get_object(Bucket=store.bucket, Key=key)["Body"].read()
    found, wanted = hashlib.sha256(body).hexdigest(), tags.get(Tag.MODEL_SHA256, "")
    if found != wanted:
        raise BootFailed(f"s3://{store.bucket}/{key} has SHA-256 {found}, expected {wanted or 'none'} (tag)")
    return version
