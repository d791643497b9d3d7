"""Alert rules over what fleets write to Prometheus, and where the alert manager sends an alert (M7 to M9)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from infra.documents.alarms import runbook


def _rule(name: str, expression: str, minutes: int, severity: str, summary: str) -> dict[str, object]:
    return {
        "alert": name,
        "expr": expression,
        "for": f"{minutes}m",
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook": runbook("alerts-of-prometheus")},
    }


def rule_groups(tiers: Sequence[str], *, has_ai: bool) -> dict[str, object]:
    """Rules in Prometheus's format, over what instances report about themselves."""
    groups: list[dict[str, object]] = [
        {
            "name": "services",
            "interval": "30s",
            "rules": [
                *(
                    # `absent`: instances write their own series, so a dead fleet writes none at all.
                    _rule(
                        f"ServiceDown{tier.capitalize()}",
                        f'absent(up{{job="application", tier="{tier}"}} == 1)',
                        2,
                        "critical",
                        f"No instance of tier {tier} can be scraped",
                    )
                    for tier in tiers
                ),
                _rule(
                    "InstanceDown",
                    'up{job="application"} == 0',
                    5,
                    "warning",
                    "{{ $labels.instance_id }} of tier {{ $labels.tier }} cannot be scraped",
                ),
            ],
        }
    ]
    if has_ai:
        groups.append(_ai_rules())
    return {"groups": groups}


def _ai_rules() -> dict[str, object]:
    """M8: the AI service crashed. M9: accuracy more than 5 % lower than the day before."""
    return {
        "name": "ai",
        "interval": "30s",
        "rules": [
            _rule(
                "AiServiceDown",
                'absent(up{job="ai"} == 1)',
                2,
                "critical",
                "No AI instance can be scraped",
            ),
            _rule(
                "AiAccuracyDown",
                "avg(avg_over_time(ai_model_accuracy[30m]))"
                " < 0.95 * avg(avg_over_time(ai_model_accuracy[1d] offset 1h))",
                10,
                "warning",
                "AI accuracy is more than 5 % lower than the day before",
            ),
            _rule(
                "AiInferenceSlow",
                "histogram_quantile(0.95, sum by (le) (rate(ai_inference_seconds_bucket[10m]))) > 1.5 * "
                "histogram_quantile(0.95, sum by (le) (rate(ai_inference_seconds_bucket[1d] offset 1h)))",
                10,
                "warning",
                "AI inference (P95) is 50 % slower than the day before",
            ),
            _rule(
                "AiQueueLong",
                "avg(ai_queue_length) > 50",
                5,
                "warning",
                "More than 50 AI jobs are queued per instance",
            ),
        ],
    }


def alert_manager(critical: str, warning: str, region: str) -> str:
    """The definition of the alert manager: one receiver per severity."""

    def receiver(name: str, topic: str) -> dict[str, object]:
        sns = {"topic_arn": topic, "sigv4": {"region": region}, "subject": "{{ .CommonLabels.alertname }}"}
        return {"name": name, "sns_configs": [sns]}

    config = {
        "route": {
            "receiver": "warning",
            "group_by": ["alertname", "tier"],
            "routes": [{"receiver": "critical", "match": {"severity": "critical"}}],
        },
        "receivers": [receiver("critical", critical), receiver("warning", warning)],
    }
    return json.dumps({"alertmanager_config": json.dumps(config, indent=1)})
