"""What users think of the AI: four ratios that the application puts into CloudWatch (M7, strategy 5.3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from infra.documents.alarms import DOWN, Alarm, Severity

NAMESPACE = "SportCoach/AI"
RATIOS: Mapping[str, str] = {
    "MatchingSatisfaction": "satisfaction with matching",
    "AdviceAdoption": "adoption of advice",
    "SupportResolution": "resolution of support requests",
    "SpeechAccuracy": "accuracy of speech recognition",
}
"""Metric -> meaning; each 0 to 1, over the last hour, in one value for the whole stack."""


def feedback_alarms(stack: str, floor: float) -> list[Alarm]:
    """One for each ratio that stays below `floor` for half an hour. A release may be what cures it."""
    return [
        Alarm(
            name=f"feedback-{metric.lower()}",
            description=f"AI feedback: {meaning} is below {floor:.0%} (M7)",
            page="feedback",
            severity=Severity.WARNING,
            namespace=NAMESPACE,
            metric=metric,
            dimensions={"Stack": stack},
            comparison=DOWN,
            threshold=floor,
            minutes=30,
            holds_releases=False,
        )
        for metric, meaning in RATIOS.items()
    ]


def feedback_lines(stack: str) -> list[list[str]]:
    """The lines of the dashboard's chart."""
    return [[NAMESPACE, metric, "Stack", stack] for metric in RATIOS]
