"""The sections of a stack's settings, each a model of its own."""

from infra.sections.operations import Alerts, Delivery, NewRelic, OpenSearch, Slack, Telemetry
from infra.sections.stores import Backup, Cache, Database, Network, Storage
from infra.sections.tiers import Application, Edge, LoadBalancer, Role, TierSettings

__all__ = [
    "Alerts",
    "Application",
    "Backup",
    "Cache",
    "Database",
    "Delivery",
    "Edge",
    "LoadBalancer",
    "Network",
    "NewRelic",
    "OpenSearch",
    "Role",
    "Slack",
    "Storage",
    "Telemetry",
    "TierSettings",
]
