"""What one instance counts, for Prometheus, under the names and labels that deploy.toml asks for."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bluegreen.lab.app.behaviour import Release

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4.encode()
_BOUNDS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # no time of creation beside each counter


class Exposition:
    """Counts business requests; health checks and scrapes are not traffic."""

    def __init__(self, release: Release) -> None:
        # Every series says whose it is: a selector of deploy.toml may name any of these.
        model = {"model": release.model} if release.model else {}
        own = {"tier": release.tier, "version": release.version, "instance_id": release.instance}
        self._labels = {**own, **model, **release.labels}
        self._http, self._ai = CollectorRegistry(), CollectorRegistry()
        names = tuple(self._labels)
        self._requests = Counter(
            "http_requests", "Answered requests.", (*names, "status"), registry=self._http
        )
        self._durations = [
            Histogram(name, "Seconds until the answer.", names, buckets=_BOUNDS, registry=registry)
            for name, registry in (
                ("http_request_duration_seconds", self._http),
                ("ai_inference_seconds", self._ai),
            )
        ]
        self._predictions = Counter(
            "ai_predictions", "Answers of the model.", (*names, "label"), registry=self._ai
        )
        self._labelled, self._wrong = (
            Counter(name, words, names, registry=self._ai).labels(**self._labels)
            for name, words in (
                ("ai_labelled_answers", "Answers whose truth is known."),
                ("ai_wrong_answers", "Of these, the wrong ones."),
            )
        )
        accuracy = Gauge("ai_model_accuracy", "Share of right answers.", names, registry=self._ai)
        accuracy.labels(**self._labels).set(release.accuracy)

    def observe(self, status: int, seconds: float) -> None:
        """Count one answered business request."""
        self._requests.labels(**self._labels, status=str(status)).inc()
        for histogram in self._durations:
            histogram.labels(**self._labels).observe(seconds)

    def predicted(self, label: str, *, right: bool) -> None:
        """Count one answer of the model, whose truth the lab knows at once."""
        self._predictions.labels(**self._labels, label=label).inc()
        self._labelled.inc()
        if not right:
            self._wrong.inc()

    def metrics(self) -> bytes:
        """What /metrics answers."""
        return generate_latest(self._http)

    def ai_metrics(self) -> bytes:
        """What /ai-metrics answers on the AI tier."""
        return generate_latest(self._ai)
