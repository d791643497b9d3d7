"""Counters of one instance in the Prometheus text format (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from bluegreen.lab.app.behaviour import Release

__all__ = ["CONTENT_TYPE", "Exposition"]

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Exposition:
    """Counts business requests; health checks and scrapes are not traffic."""

    def __init__(self, release: Release) -> None:
        model = f',model="{release.model}"' if release.model else ""
        self._labels = (
            f'tier="{release.tier}",version="{release.version}",instance="{release.instance}"{model}'
        )
        self._accuracy = release.accuracy
        self._statuses: Counter[int] = Counter()
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self._predictions: Counter[str] = Counter()

    def observe(self, status: int, seconds: float) -> None:
        """Count one answered business request."""
        self._statuses[status] += 1
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def predicted(self, label: str) -> None:
        """Count one answer of the model."""
        self._predictions[label] += 1

    def metrics(self) -> bytes:
        """What /metrics answers."""
        lines = ["# TYPE http_requests_total counter"]
        lines += [
            f'http_requests_total{{{self._labels},status="{status}"}} {count}'
            for status, count in sorted(self._statuses.items())
        ]
        lines += self._histogram("http_request_duration_seconds")
        return _text(lines)

    def ai_metrics(self) -> bytes:
        """What /ai-metrics answers on the AI tier."""
        lines = ["# TYPE ai_predictions_total counter"]
        lines += [
            f'ai_predictions_total{{{self._labels},label="{label}"}} {count}'
            for label, count in sorted(self._predictions.items())
        ]
        lines += self._histogram("ai_inference_seconds")
        lines += ["# TYPE ai_model_accuracy gauge", f"ai_model_accuracy{{{self._labels}}} {self._accuracy:g}"]
        return _text(lines)

    def _histogram(self, name: str) -> list[str]:
        lines, total = [f"# TYPE {name} histogram"], 0
        for bound, count in zip((*_BOUNDS, "+Inf"), self._buckets, strict=True):
            total += count
            shown = bound if isinstance(bound, str) else f"{bound:g}"
            lines.append(f'{name}_bucket{{{self._labels},le="{shown}"}} {total}')
        lines.append(f"{name}_sum{{{self._labels}}} {self._seconds:.6f}")
        lines.append(f"{name}_count{{{self._labels}}} {total}")
        return lines


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
