"""The settings of a stack: `sportcoach:settings` of its YAML file, typed.

Every fault is reported at once, before any resource is registered: each section is validated on its
own, then the rules between sections are checked for those that could be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bluegreen.contract import STACK_PATTERN, Tier, faults_of
from infra.sections import (
    Alerts,
    Application,
    Backup,
    Cache,
    Database,
    Delivery,
    Edge,
    LoadBalancer,
    Network,
    Section,
    Storage,
    Telemetry,
    TierSettings,
)

__all__ = ["SECRETS", "Settings", "SettingsError", "parse_settings"]

ROOT = "sportcoach:settings"
SECRETS: Mapping[str, tuple[str, str]] = {
    "databasePassword": (r"[!#-.0-?A-~]{8,128}", '8 to 128 printable characters without space, ", / and @'),
    "cacheAuthToken": (r"[A-Za-z0-9!&#$^<>-]{16,128}", "16 to 128 letters, digits and !&#$^<>-"),
    "pagerDutyEndpoint": (r"https://\S+", "an https URL"),
    "newRelicLicenseKey": (r"\S{20,64}", "20 to 64 characters without space"),
}
"""The secret keys of a stack's configuration, each with its form (RDS and ElastiCache user guides)."""

Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$", max_length=200)]


class Settings(Section):
    """One stack. Sizes and switches differ between stacks, the shape does not."""

    stack: Annotated[str, Field(pattern=STACK_PATTERN)]
    account_id: Annotated[str, Field(pattern=r"^\d{12}$")]
    account_wide: bool
    """Whether this stack owns what an account has once: CloudTrail, GuardDuty, Inspector, OIDC provider,
    image repositories. Of stacks that share an account, exactly one says yes, and is brought up first."""
    region: Region
    backup_region: Region
    domain: Domain
    protect: bool
    """Whether data, addresses and keys are protected from deletion."""
    network: Network
    storage: Storage
    database: Database
    cache: Cache | None = None
    tiers: Annotated[dict[Tier, TierSettings], Field(min_length=1)]
    application: Application
    edge: Edge | None = None
    load_balancer: LoadBalancer
    delivery: Delivery
    alerts: Alerts
    telemetry: Telemetry
    backup: Backup


class SettingsError(ValueError):
    """The settings of a stack cannot be used; the message lists every fault."""

    def __init__(self, stack: str, faults: Iterable[object]) -> None:
        self.faults = tuple(str(fault) for fault in faults)
        lines = [f"Pulumi.{stack}.yaml cannot be used; nothing was registered:"]
        super().__init__("\n".join(lines + [f"  - {fault}" for fault in self.faults]))


def parse_settings(stack: str, document: object, secrets: Mapping[str, str]) -> Settings:
    """The settings of `stack`; `secrets` are those that are set, by key.

    Raises SettingsError with every fault, each with its key and what is allowed.
    """
    if not isinstance(document, Mapping):
        raise SettingsError(stack, [f"{ROOT}: must be an object, got {type(document).__name__}"])
    parts, faults = _parse_parts({**document, "stack": stack})
    for needs, check in _RULES:
        if all(name in parts for name in needs):
            faults += [f"{ROOT}: {problem}" for problem in check(parts, secrets)]
    if faults:
        raise SettingsError(stack, faults)
    return Settings.model_construct(**parts)


def _parse_parts(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    known = Settings.model_fields
    parts: dict[str, Any] = {}
    faults = [
        f"{ROOT}: {name}: unknown key (allowed: {', '.join(sorted(known))})"
        for name in sorted(set(document) - set(known))
    ]
    for name, field in known.items():
        if name not in document:
            if field.is_required():
                faults.append(f"{ROOT}: {name}: missing")
            else:
                parts[name] = field.default
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(_annotated(field))
        try:
            parts[name] = adapter.validate_python(document[name])
        except ValidationError as error:
            faults += [
                _explain(str(fault), name, field.annotation) for fault in faults_of(error, f"{ROOT}: {name}")
            ]
    return parts, faults


def _annotated(field: FieldInfo) -> Any:
    """The field's type together with its bounds, which pydantic keeps apart."""
    annotation: Any = field.annotation
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    return annotation


def _explain(fault: str, name: str, annotation: object) -> str:
    """Name the keys a section knows where one of them was misspelt."""
    fault = fault.replace(f"{name}: document:", f"{name}:")
    section = next((t for t in _models(annotation)), None)
    if section is not None and "Extra inputs are not permitted" in fault:
        return f"{fault} (allowed: {', '.join(sorted(section.model_fields))})"
    return fault


def _models(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)


Rule = Callable[[Mapping[str, Any], Mapping[str, str]], Iterable[str]]


def _regions(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    if parts["region"] == parts["backup_region"]:
        yield f"backup_region: {parts['region']} is the region itself; a copy must outlive it"


def _zones(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    foreign = [zone for zone in parts["network"].zones if zone[:-1] != parts["region"]]
    if foreign:
        yield f"network.zones: {', '.join(foreign)} not in {parts['region']}"


def _backups(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    backup = parts["backup"]
    if 0 < backup.monthly_days < backup.daily_days:
        yield f"backup.monthly_days: {backup.monthly_days} is below daily_days {backup.daily_days}"


def _tiers(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    tiers: Mapping[Tier, TierSettings] = parts["tiers"]
    priorities = [tier.rule_priority for tier in tiers.values()]
    if len(set(priorities)) != len(priorities):
        yield f"tiers: rule_priority must differ between tiers, got {priorities}"
    ports = [tier.port for tier in tiers.values()]
    if len(set(ports)) != len(ports):
        yield f"tiers: port must differ between tiers, got {ports}"
    if not any("/*" in tier.paths for tier in tiers.values()):
        yield "tiers: no tier has the path /*; unmatched requests would meet the maintenance page"
    last = max(tiers.values(), key=lambda tier: tier.rule_priority)
    if any("/*" in tier.paths and tier is not last for tier in tiers.values()):
        yield "tiers: the tier with the path /* must have the highest rule_priority, it hides what follows"


def _repositories(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    known = parts["delivery"].repositories
    for name, tier in parts["tiers"].items():
        if tier.image_repository not in known:
            yield (
                f"tiers.{name}.image_repository: {tier.image_repository} is not in delivery.repositories"
                f" (allowed: {', '.join(known)})"
            )


def _search(parts: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    search, zones = parts["telemetry"].opensearch, len(parts["network"].zones)
    if search and search.nodes % zones:
        yield f"telemetry.opensearch.nodes: {search.nodes} does not spread evenly over {zones} zones"


def _secrets(parts: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterable[str]:
    """Those that are needed are there and have the form AWS asks for; values are never shown."""
    wanted = {
        "databasePassword": True,
        "cacheAuthToken": parts["cache"] is not None,
        "pagerDutyEndpoint": parts["alerts"].pagerduty,
        "newRelicLicenseKey": parts["telemetry"].new_relic is not None,
    }
    for key in (key for key, needed in wanted.items() if needed):
        pattern, allowed = SECRETS[key]
        if not secrets.get(key):
            yield f"the secret sportcoach:{key} is missing: `pulumi config set --secret {key}`"
        elif not re.fullmatch(pattern, secrets[key]):
            yield f"the secret sportcoach:{key} has a form that cannot be used (allowed: {allowed})"


_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("region", "backup_region"), _regions),
    (("region", "network"), _zones),
    (("backup",), _backups),
    (("tiers",), _tiers),
    (("tiers", "delivery"), _repositories),
    (("telemetry", "network"), _search),
    (("cache", "alerts", "telemetry"), _secrets),
)
