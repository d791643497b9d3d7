"""The settings of a stack: `sportcoach:settings` of its YAML file, typed.

All faults are reported together, before any resource is registered: each section is validated on its
own, then the rules between sections are checked for the valid ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bluegreen.contract import STACK_PATTERN, Tier, faults_of
from infra.settings.fields import AccountId, Domain, Region, Section
from infra.settings.operations import AlertsSettings, DeliverySettings, TelemetrySettings
from infra.settings.orderings import disorder
from infra.settings.rules import RULES, SECRETS
from infra.settings.security import SecuritySettings
from infra.settings.stores import (
    BackupSettings,
    CacheSettings,
    DatabaseSettings,
    NetworkSettings,
    StorageSettings,
)
from infra.settings.tiers import (
    ApplicationSettings,
    EdgeSettings,
    LoadBalancerSettings,
    MachineImageSettings,
    TierSettings,
)

ROOT = "sportcoach:settings"


class Settings(Section):
    """One stack. Stacks differ in sizes and switches, not in their structure."""

    stack: Annotated[str, Field(pattern=STACK_PATTERN)]
    account_id: AccountId
    account_wide: bool
    """Whether this stack owns what an account has only one of: CloudTrail, GuardDuty, Inspector, OIDC
    provider, image repositories. Exactly one of the stacks in an account owns them, and is created first."""
    region: Region
    backup_region: Region
    domain: Domain
    protect: bool
    """Whether every resource is protected: `pulumi` then deletes and replaces none of them."""
    network: NetworkSettings
    storage: StorageSettings
    database: DatabaseSettings
    cache: CacheSettings | None = None
    tiers: Annotated[dict[Tier, TierSettings], Field(min_length=1)]
    machine_image: MachineImageSettings = MachineImageSettings()
    application: ApplicationSettings
    edge: EdgeSettings | None = None
    load_balancer: LoadBalancerSettings | None = None
    delivery: DeliverySettings
    alerts: AlertsSettings
    telemetry: TelemetrySettings
    security: SecuritySettings
    backup: BackupSettings

    @property
    def internal_name(self) -> str:
        """Where tiers ask each other: behind a CDN the balancer's private addresses, else the site itself."""
        return f"internal.{self.domain}" if self.edge else self.domain


class SettingsError(ValueError):
    """The settings of a stack are invalid; the message lists every fault."""

    def __init__(self, stack: str, faults: Iterable[object]) -> None:
        self.faults = tuple(str(fault) for fault in faults)
        lines = [f"Pulumi.{stack}.yaml is invalid; nothing was changed:"]
        super().__init__("\n".join(lines + [f"  - {fault}" for fault in self.faults]))


def parse_settings(
    stack: str,
    document: object,
    secrets: Mapping[str, str],
    *,
    plain: Iterable[str] = (),
    given: Iterable[str] = (),
) -> Settings:
    """The settings of `stack`; `secrets` are those that are set, by key, `plain` those stored unencrypted.

    `given` are all keys of the stack's configuration in this project, as `sportcoach:<name>`.
    Raises SettingsError with every fault, each with its key and what is allowed.
    """
    if not isinstance(document, Mapping):
        raise SettingsError(stack, [f"{ROOT}: must be an object, got {type(document).__name__}"])
    parts, faults = _parse_parts({**document, "stack": stack})
    keys = {ROOT, *(f"sportcoach:{name}" for name in SECRETS)}
    faults += [
        f"{key}: unknown key beside settings (allowed: {', '.join(sorted(keys))})"
        for key in sorted(set(given) - keys)
    ]
    for needs, check in RULES:
        if all(name in parts for name in needs):
            faults += [f"{ROOT}: {problem}" for problem in check(parts, secrets)]
    faults += [f"{ROOT}: {problem}" for problem in disorder(parts)]
    faults += [
        f"{ROOT}: the secret sportcoach:{name} is stored as plain text: "
        f"run `pulumi config set --secret {name}` and replace the value wherever it is used"
        for name in plain
    ]
    if faults:
        raise SettingsError(stack, faults)
    return Settings.model_construct(**parts)


def _parse_parts(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    known = Settings.model_fields
    parts: dict[str, Any] = {}
    faults = [
        f"{ROOT}: {name}: unknown key (allowed: {', '.join(sorted(set(known) - {'stack'}))})"
        for name in sorted(set(document) - set(known))
    ]
    for name, field in known.items():
        if name not in document and not field.is_required():
            parts[name] = field.default
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(_annotated(field))
        try:
            # For a missing section the message lists its keys, for a missing value its format.
            missing: object = {} if any(_models(field.annotation)) else ""
            parts[name] = adapter.validate_python(document.get(name, missing))
        except ValidationError as error:
            faults += _faults(error, name, field.annotation, absent=name not in document)
    return parts, faults


def _annotated(field: FieldInfo) -> Any:
    """The field's type together with its bounds, which pydantic stores separately."""
    annotation: Any = field.annotation
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    return annotation


def _faults(error: ValidationError, name: str, annotation: object, *, absent: bool) -> Iterable[str]:
    places = [item["loc"] for item in error.errors(include_url=False)]
    for place, fault in zip(places, faults_of(error, f"{ROOT}: {name}"), strict=True):
        if any(other[: len(place)] == place for other in places if other != place):
            continue  # a list is reported as empty after its only item was rejected
        text = str(fault).replace(f"{name}: document:", f"{name}:")
        if absent:
            text = text.replace(f"{ROOT}: {name}:", f"{ROOT}: {name}: missing:").removesuffix(", got ''")
        if "Extra inputs are not permitted" in text:
            text = f"{text} (allowed: {', '.join(_keys_at(annotation, place[:-1]))})"
        yield text


def _keys_at(annotation: object, place: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at `place` below `annotation`."""
    models = list(_models(annotation))
    for part in place:
        below = [model.model_fields[str(part)] for model in models if str(part) in model.model_fields]
        models = [inner for field in below for inner in _models(field.annotation)] or models
    return sorted({key for model in models for key in model.model_fields})


def _models(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)
