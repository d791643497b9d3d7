"""One tier's running state: its comparisons per metric and source, its probes, and blue's own health."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric
from bluegreen.domain.release import Color
from bluegreen.judge.batches import Batch, Calendar
from bluegreen.judge.comparison import Comparison
from bluegreen.judge.coverage import Coverage
from bluegreen.judge.criteria import NEEDED_TO_PASS, needed_to_fail
from bluegreen.judge.evidence import Counts
from bluegreen.judge.latency import LatencyCounts
from bluegreen.judge.metric_tests import (
    BLUE_PROBES_SICK,
    BLUE_SICK,
    BlueShares,
    availability,
    comparison,
)
from bluegreen.judge.tail import TAIL
from bluegreen.policy import Judging

_REQUEST_METRICS = (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY)
_ENOUGH_TO_KNOW = {Metric.LATENCY: 1_000, Metric.ACCURACY: 200}
"""Blue's requests or labels below which its share says too little to judge green alone by."""


class KeyProbes:
    """The probes of one key function on both fleets."""

    def __init__(self, limits: Judging) -> None:
        self.process = availability(limits, needed=needed_to_fail(limits))
        self.health = availability(limits, needed=BLUE_PROBES_SICK)
        self.asked = self.failed = self.step_asked = 0

    def add(self, batch: Batch) -> None:
        """Take in one probe period of either fleet."""
        period = batch.period
        counts = Counts(period.probes_failed, period.probes)
        if period.arm is Color.BLUE:
            self.health.add(counts, batch.window)
            return
        self.process.add(counts, batch.window)
        self.asked += period.probes
        self.failed += period.probes_failed
        self.step_asked += period.probes if batch.inside else 0

    @property
    def evidence(self) -> float:
        """Against green, while blue's same function works; a shared outage is no fault of green's."""
        return self.process.value if not self.blue_sick else 1.0

    @property
    def blue_sick(self) -> bool:
        """Blue's probes of the same function fail."""
        return self.health.value >= BLUE_PROBES_SICK


class TierState:
    """Folds a tier's batches; afterwards it answers what each metric's evidence is."""

    def __init__(
        self, tier: Tier, limits: Judging, baseline: BlueBaseline | None, calendar: Calendar
    ) -> None:
        self.tier = tier
        self.baseline = baseline
        self.clock = -inf
        """The step's evidence and bake count from here where a hold or broken data restarted them."""
        self.disturbance = ""
        """What did so."""
        self.holding = ""
        """Why the tier holds, empty where it does not."""
        self.seen: set[tuple[Metric, str]] = set()
        self.probes: dict[str, KeyProbes] = {}
        self.peak: dict[Metric, float] = {}
        """The highest evidence so far, which is what fails a release (Ville)."""
        self.coverage = Coverage()
        self._latencies: dict[str, LatencyCounts] = {}
        self._limits = limits
        self._calendar = calendar
        self._controlled: dict[tuple[Metric, str], Comparison] = {}
        self._alone: dict[tuple[Metric, str], Comparison] = {}
        self._step = 0
        self.comparisons: Mapping[tuple[Metric, str], Comparison] = self._stage()
        """The tests of the stage that is running: with a control, or green alone."""

    def _stage(self) -> Mapping[tuple[Metric, str], Comparison]:
        alone = self.baseline is None or self._calendar.steps[self._step].percent >= 100
        return self._alone if alone else self._controlled

    def of(self, metric: Metric) -> list[Comparison]:
        """The comparisons of one metric, one per source."""
        return [one for (its_metric, _), one in self.comparisons.items() if its_metric is metric]

    def evidence(self, metric: Metric) -> float:
        """Mean over the sources: any mean of e-processes is one."""
        tests = self.of(metric)
        return sum(one.evidence for one in tests) / len(tests) if tests else 1.0

    def passed(self, metric: Metric) -> bool:
        """Every source that feeds the metric shows green to be better than the limit, in this step."""
        sources = {source for its_metric, source in self.seen if its_metric is metric}
        tests = self.of(metric)
        return len(tests) >= len(sources) > 0 and all(one.passed(NEEDED_TO_PASS) for one in tests)

    def add(self, batch: Batch) -> None:
        """Take in one batch."""
        self.enter(batch.window.step)
        if batch.period.probes:
            key = batch.period.key
            if key not in self.probes:
                self.probes[key] = KeyProbes(self._limits)
            self.probes[key].add(batch)
        if batch.green is not None and not (batch.period.probes and not batch.period.requests):
            self._compare(batch)
        self._watch_blue(batch)

    def enter(self, step: int) -> None:
        """A new ramp step: what earlier steps showed does not count for its pass."""
        if step <= self._step:
            return
        before, self._step = self.comparisons, step
        self.comparisons = self._stage()
        if self.comparisons is not before:
            self.peak.clear()
        for one in (*self._controlled.values(), *self._alone.values()):
            one.enter()
        for probes in self.probes.values():
            probes.step_asked = 0

    def restart(self, clock: float, why: str, *, blue_was_sick: bool = False) -> None:
        """Void the evidence for a pass; `clock` is when the disturbance was over."""
        if clock >= self.clock:
            self.clock, self.disturbance = clock, why
        for one in (*self._controlled.values(), *self._alone.values()):
            one.restart(blue_was_sick=blue_was_sick)

    def since(self, now: float) -> tuple[float, str]:
        """From when the current step has been watched undisturbed, and what disturbed it before."""
        begun = max(self._calendar.begun, min(self.clock, now))
        resumed, source = self.coverage.since(begun)
        why = f"a gap in the counts of {source}" if source else self.disturbance
        return resumed, f"{self.tier}: {why}" if resumed > self._calendar.begun else ""

    def _compare(self, batch: Batch) -> None:
        running = self._controlled if batch.controlled else self._alone
        self.coverage.add(batch, current=batch.window.step == self._calendar.current)
        for metric in _REQUEST_METRICS:
            place = (metric, batch.source)
            tests = running.get(place) or self._begin(metric, batch)
            if tests is None:
                continue
            running[place] = tests
            warm = metric is not Metric.LATENCY or batch.period.end > self._calendar.warm_from
            if tests.add(batch, warm=warm, current=batch.window.step == self._calendar.current):
                self.seen.add(place)
                if running is self.comparisons:
                    self.peak[metric] = max(self.peak.get(metric, 1.0), self.evidence(metric))

    def _begin(self, metric: Metric, batch: Batch) -> Comparison | None:
        green, blue = batch.green, batch.blue
        if green is None:
            return None
        fit = {
            Metric.ERRORS: green.requests > 0 and green.counts_errors,
            Metric.LATENCY: bool(green.slow) and self._latency(batch.source) is not None,
            Metric.ACCURACY: green.labels > 0 or bool(blue and blue.labels),
        }
        if not fit[metric] or (metric is Metric.ACCURACY and not batch.controlled and self.wrong is None):
            return None
        shares = BlueShares() if batch.controlled else self._shares()
        latency = self._latency(batch.source)
        return comparison(metric, self._limits, latency, controlled=batch.controlled, shares=shares)

    def _latency(self, source: str) -> LatencyCounts | None:
        """One per source: the threshold that blue's counts have chosen stays when blue has no traffic."""
        p95_ms = self.baseline.p95_ms.get(self.tier) if self.baseline else None
        if p95_ms and source not in self._latencies:
            self._latencies[source] = LatencyCounts(p95_ms, self._limits, self._calendar.half_life)
        return self._latencies.get(source)

    @property
    def wrong(self) -> float | None:
        """Blue's share of wrong answers, to judge green alone by; None until enough were measured."""
        return self._blue_share(Metric.ACCURACY)

    def _shares(self) -> BlueShares:
        return BlueShares(slow=self._blue_share(Metric.LATENCY) or TAIL, wrong=self.wrong)

    def _blue_share(self, metric: Metric) -> float | None:
        tests = [one for (its_metric, _), one in self._controlled.items() if its_metric is metric]
        totals = [(one.control, one.control_bad) for one in tests]
        total, bad = max(totals, default=(0, 0))
        return bad / total if total >= _ENOUGH_TO_KNOW[metric] else None

    def _watch_blue(self, batch: Batch) -> None:
        if batch.blue is None and not self.holding:
            return
        why = self._sickness()
        if self.holding and not why:
            self.restart(batch.period.end, "blue was unhealthy", blue_was_sick=True)
        self.holding = why

    def _sickness(self) -> str:
        for (metric, _), one in self.comparisons.items():
            if one.health is not None and one.health.value >= BLUE_SICK:
                return f"blue itself is unhealthy ({metric})"
        for key, probes in self.probes.items():
            if probes.blue_sick:
                return f"blue fails its probes of {key or 'health'}"
        return ""
