"""One tier's running state: its comparisons per metric and source, its probes, and blue's own health."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, log, sqrt

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric
from bluegreen.domain.release import FULL
from bluegreen.domain.stack import BlueShort
from bluegreen.domain.verdict import Finding
from bluegreen.judge.batches import Batch, Calendar
from bluegreen.judge.comparison import Comparison
from bluegreen.judge.coverage import Coverage
from bluegreen.judge.criteria import ALONE, SUSPICIOUS
from bluegreen.judge.instances import Instances
from bluegreen.judge.key_probes import KeyProbes, Lost
from bluegreen.judge.latency import LatencyCounts
from bluegreen.judge.metric_tests import BLUE_SICK, BlueShares, comparison
from bluegreen.judge.readers import Errors, Reader
from bluegreen.policy import Judging

_REQUEST_METRICS = (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY)
_ROUNDING = 1e-6
_MAY_HARM = 30.0
"""Failed requests beyond the acceptable that a step may cost, by what is known, to be entered unasked."""
_NOT_WORSE = -log(2)
"""Log of the evidence that latency is better than the limit, below which it looks worse."""


Comparisons = Mapping[Metric, dict[str, Comparison]]
"""The running tests by metric and source."""


class TierState:
    """Folds a tier's batches; afterwards it answers what each metric's evidence is."""

    def __init__(
        self, tier: Tier, limits: Judging, baseline: BlueBaseline | None, calendar: Calendar
    ) -> None:
        self.tier = tier
        self.baseline = baseline
        """None where there is no blue."""
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
        self.spared: Mapping[str, int] = {}
        """Failed requests that a lost host has lost and that are not counted, by host."""
        self.shown: dict[Metric, Finding] = {}
        """What the counts of a metric show, in words; empty again as soon as anything changes them."""
        self.instances = Instances()
        """Of green, what stands out."""
        self.coverage = Coverage()
        self.cold_until = calendar.warm_from
        """Green's latency is judged from here: caches and compilers warm up with the first requests."""
        self._latencies: dict[str, LatencyCounts] = {}
        self._errors: dict[str, Errors] = {}
        self.beside = 0
        """Requests that blue has served beside green."""
        self._lost = Lost()
        self._limits = limits
        self._calendar = calendar
        self._short: BlueShort | None = None
        self._controlled: Comparisons = {metric: {} for metric in Metric}
        self._alone: Comparisons = {metric: {} for metric in Metric}

    @property
    def comparisons(self) -> Comparisons:
        """The tests of the stage that is running: with a control, or green alone."""
        alone = self.baseline is None or self._calendar.percent >= FULL
        return self._alone if alone else self._controlled

    def of(self, metric: Metric) -> list[Comparison]:
        """The comparisons of one metric, one per source."""
        return list(self.comparisons[metric].values())

    def evidence(self, metric: Metric) -> float:
        """Mean over the sources, and over both stages: any mean of e-processes is one."""
        ramp, alone = _mean(self._controlled[metric]), _mean(self._alone[metric])
        if ramp is None or alone is None:
            return ramp or alone or 1.0
        return (1 - ALONE) * ramp + ALONE * alone

    def passed(self, metric: Metric) -> bool:
        """Every source that feeds the metric shows green to be better than the limit."""
        sources = {source for its_metric, source in self.seen if its_metric is metric}
        tests = self.of(metric)
        if len(tests) < len(sources) or not sources:
            return False
        if self._calendar.percent >= FULL and self.baseline is not None and metric is not Metric.ERRORS:
            # The ramp has shown it, and there is no control any more.
            return all(one.evidence < SUSPICIOUS for one in tests)
        return all(one.passed for one in tests)

    def suspicious(self, metric: Metric) -> bool:
        """Whether any source has evidence against green that no deadline may pass over."""
        return self.evidence(metric) >= SUSPICIOUS or any(one.suspicious for one in self.of(metric))

    def bearable(self, metric: Metric, percent: int) -> bool:
        """Whether the step to `percent` may be entered before the metric is shown; not the last ones."""
        if self.suspicious(metric):
            return False
        counted = [one for one in self.of(metric) if one.exposed]
        if metric is Metric.ERRORS:
            return bool(counted) and all(self._harm(one, percent) <= _MAY_HARM for one in counted)
        if metric is Metric.LATENCY:
            return bool(counted) and all(one.whole.log_value >= _NOT_WORSE for one in counted)
        # Labels are scarce: how long accuracy takes depends on their number, not on the weight.
        return metric is Metric.ACCURACY

    def _harm(self, one: Comparison, percent: int) -> float:
        """Failed requests beyond the acceptable that a step at `percent` may bring, at the most."""
        most = min(1.0, (one.green_bad + 3 + 2 * sqrt(one.green_bad)) / one.green)
        step = self._calendar.steps[-1]
        rate = one.exposed / one.exposed_seconds * percent / step.percent
        return (most - self._limits.error_acceptable) * rate * step.planned_seconds

    def know(self, baseline: BlueBaseline) -> None:
        """Blue's figures before the release have been measured."""
        self.shown.clear()
        self.baseline = baseline

    def add(self, batch: Batch, spared: Mapping[str, int] | None = None) -> None:
        """Take in one batch, and what lost hosts have lost by now."""
        self.shown.clear()
        self.spared = spared or {}
        if batch.period.probes:
            key = batch.period.key
            if key not in self.probes:
                self.probes[key] = KeyProbes(self._limits, self._lost)
            self.probes[key].add(batch)
        if batch.green is not None and not (batch.period.probes and not batch.period.requests):
            self._compare(batch)
        if batch.blue is not None and not batch.period.probes:
            self._lost.add(batch.blue)
            self.beside += batch.blue.requests if batch.controlled else 0
        self._watch_blue(batch)

    def enter(self) -> None:
        """A new ramp step: what earlier steps showed does not by itself count for its pass."""
        self.shown.clear()
        for one in self._every():
            one.enter()
        for probes in self.probes.values():
            probes.step_asked = 0
        self.coverage.enter()

    def joined(self, at: float) -> None:
        """New instances of green have begun to serve."""
        self.cold_until = max(self.cold_until, at + self._calendar.cold)

    def short_of_hosts(self, found: BlueShort | None, at: float) -> None:
        """Blue has too few hosts for its share: what it shows then is not how it usually is."""
        self._short = found
        self._hold(at)

    def restart(self, clock: float, why: str, *, blue_was_sick: bool = False) -> None:
        """Void the evidence for a pass; `clock` is when the disturbance was over."""
        self.shown.clear()
        if clock >= self.clock:
            self.clock, self.disturbance = clock, why
        for one in self._every():
            one.restart(blue_was_sick=blue_was_sick)

    def since(self, now: float) -> tuple[float, str]:
        """From when the current step has been watched undisturbed, and what disturbed it before."""
        begun = max(self._calendar.begun, min(self.clock, now))
        resumed, source = self.coverage.since(begun)
        why = f"a gap in the counts of {source}" if source else self.disturbance
        return resumed, f"{self.tier}: {why}" if resumed > self._calendar.begun else ""

    def _compare(self, batch: Batch) -> None:
        self.instances.add(batch)
        if batch.period.start < self.clock - _ROUNDING:
            batch = batch._replace(inside=False)  # counted late, of the time of a disturbance
        running = self._controlled if batch.controlled else self._alone
        self.coverage.add(batch)
        middle = batch.period.start + batch.period.seconds / 2
        for metric in _REQUEST_METRICS:
            tests = running[metric].get(batch.source) or self._begin(metric, batch)
            if tests is None:
                continue
            running[metric][batch.source] = tests
            if tests.add(batch, warm=metric is not Metric.LATENCY or middle >= self.cold_until):
                self.seen.add((metric, batch.source))
                if tests.latency is not None:
                    self.instances.add_slow(batch, tests.latency.limit_ms)
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
        shares = BlueShares(before=self._wrong_before, ramp=self.wrong or (0, 0))
        reader: Reader | None = None
        if metric is Metric.ERRORS:
            reader = self._errors.setdefault(batch.source, Errors())
        elif metric is Metric.LATENCY:
            reader = self._latency(batch.source)
        return comparison(metric, self._limits, reader, controlled=batch.controlled, shares=shares)

    def _latency(self, source: str) -> LatencyCounts | None:
        """One per source: the threshold that blue's counts have chosen stays when blue has no traffic."""
        p95_ms = self.baseline.p95_ms.get(self.tier) if self.baseline else None
        if p95_ms and source not in self._latencies:
            self._latencies[source] = LatencyCounts(p95_ms, self._limits, self._calendar.half_life)
        return self._latencies.get(source)

    @property
    def _wrong_before(self) -> tuple[int, int]:
        return self.baseline.wrong.get(self.tier, (0, 0)) if self.baseline else (0, 0)

    @property
    def wrong(self) -> tuple[int, int] | None:
        """Blue's (wrong, labels) in the ramp, to judge green alone by; None until enough were counted."""
        tests = self._controlled[Metric.ACCURACY].values()
        total, bad = max(((one.control, one.control_bad) for one in tests), default=(0, 0))
        return (bad, total) if total >= _ENOUGH_LABELS else None

    def _every(self) -> Iterator[Comparison]:
        for stage in (self._controlled, self._alone):
            for tests in stage.values():
                yield from tests.values()

    def _watch_blue(self, batch: Batch) -> None:
        if batch.blue is None and not self.holding:
            return
        self._hold(batch.period.end)

    def _hold(self, at: float) -> None:
        why = self._sickness()
        if self.holding and not why:
            self.restart(at, "blue was unhealthy", blue_was_sick=True)
            for latency in self._latencies.values():
                latency.forget_busy(self._calendar.percent)
        self.holding = why

    def _sickness(self) -> str:
        if self._short is not None:
            return self._short.words
        for metric, tests in self.comparisons.items():
            if any(one.health is not None and one.health.value >= BLUE_SICK for one in tests.values()):
                return f"blue itself is unhealthy ({metric})"
        for key, probes in self.probes.items():
            if probes.blue_sick:
                return f"blue fails its probes of {key or 'health'}"
        return ""


_ENOUGH_LABELS = 200
"""Blue's labels below which its share says too little to judge green alone by."""


def _mean(tests: Mapping[str, Comparison]) -> float | None:
    return sum([one.evidence for one in tests.values()]) / len(tests) if tests else None
