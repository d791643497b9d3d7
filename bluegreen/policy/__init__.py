"""deploy.toml, typed: how a release is rolled out, judged and rolled back, per stack.

Top-level tables are the defaults; `[stacks.<name>.<table>]` overrides single keys for one stack.
Durations carry a unit ("90s", "5m", "1h30m"), shares a percent sign ("1%"); a bare number is
refused because 30 and 0.3 mean different things to different readers. Inside the program durations
are seconds and shares are fractions of one.
"""

from bluegreen.policy.checklist import Item, Phase, item_of, items_of
from bluegreen.policy.checks import PROMETHEUS_ALERT, Alarms, CloudWatchQuery, NoData, OnBreach, OwnCheck
from bluegreen.policy.freeze import Freeze
from bluegreen.policy.metrics import MetricsPolicy, NewRelic, Prometheus, Source
from bluegreen.policy.reading import load_policy, parse_policy
from bluegreen.policy.security import FINDING_PATTERN, AcceptedFinding, Security
from bluegreen.policy.smoke import GoldenSet, SmokeStep, SmokeTest
from bluegreen.policy.tables import HoldPolicy, Judging, Migration, Policy, Rollout, hold_seconds
from bluegreen.policy.watching import watched_words

__all__ = [
    "FINDING_PATTERN",
    "PROMETHEUS_ALERT",
    "AcceptedFinding",
    "Alarms",
    "CloudWatchQuery",
    "Freeze",
    "GoldenSet",
    "HoldPolicy",
    "Item",
    "Judging",
    "MetricsPolicy",
    "Migration",
    "NewRelic",
    "NoData",
    "OnBreach",
    "OwnCheck",
    "Phase",
    "Policy",
    "Prometheus",
    "Rollout",
    "Security",
    "SmokeStep",
    "SmokeTest",
    "Source",
    "hold_seconds",
    "item_of",
    "items_of",
    "load_policy",
    "parse_policy",
    "watched_words",
]
