"""The settings of a stack: sections, the rules between them, and how they are read.

Components and layers import from here alone; the modules inside are this package's own.
"""

from infra.settings.operations import (
    AlertsSettings,
    DeliverySettings,
    NewRelicSettings,
    OpenSearchSettings,
    SlackSettings,
    TelemetrySettings,
)
from infra.settings.orderings import ORDERINGS, Ordering, disorder
from infra.settings.rules import SECRETS
from infra.settings.security import SecuritySettings
from infra.settings.stack_settings import ROOT, Settings, SettingsError, parse_settings
from infra.settings.stores import (
    COLD_AFTER_DAYS,
    BackupSettings,
    CacheSettings,
    DatabaseSettings,
    NetworkSettings,
    StorageSettings,
)
from infra.settings.tiers import (
    RESERVED_PARAMETERS,
    ApplicationSettings,
    EdgeSettings,
    LoadBalancerSettings,
    MachineImageSettings,
    Role,
    TierSettings,
)

__all__ = [
    "COLD_AFTER_DAYS",
    "ORDERINGS",
    "RESERVED_PARAMETERS",
    "ROOT",
    "SECRETS",
    "AlertsSettings",
    "ApplicationSettings",
    "BackupSettings",
    "CacheSettings",
    "DatabaseSettings",
    "DeliverySettings",
    "EdgeSettings",
    "LoadBalancerSettings",
    "MachineImageSettings",
    "NetworkSettings",
    "NewRelicSettings",
    "OpenSearchSettings",
    "Ordering",
    "Role",
    "SecuritySettings",
    "Settings",
    "SettingsError",
    "SlackSettings",
    "StorageSettings",
    "TelemetrySettings",
    "TierSettings",
    "disorder",
    "parse_settings",
]
