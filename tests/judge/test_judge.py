"""The verdict order and what each kind of release comes to."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bluegreen.contract import Tier
from bluegreen.domain.document import from_document, to_document
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import SickTargets
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.evidence import Counts, TwoArms
from bluegreen.judge.judge import Judge, judge
from bluegreen.judge.metric_tests import _SLOWER, slower
from bluegreen.judge.settings import Look, StepMark
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, GOOD, START, Fleet, Traffic, look, probes, step

LIMITS = Judging()


def verdict(
    periods: list[Period],
    at: Look,
    steps: tuple[StepMark, ...] = (step(),),
    baseline: BlueBaseline | None = BASELINE,
) -> Verdict:
    return judge(periods, limits=LIMITS, baseline=baseline, steps=steps, look=at)


def detected(traffic: Traffic, percent: int = 25, planned: float = 300.0, until: int = 600) -> int | None:
    """Seconds of data after which the release fails."""
    periods = traffic.periods({0: percent}, until)
    marks = (step(percent=percent, planned=planned),)
    for count in range(1, int(until / traffic.seconds) + 1):
        seconds = count * traffic.seconds
        known = [period for period in periods if period.end <= START + seconds + 1e-6]
        at = look(seconds, planned_seconds=planned, min_bake_seconds=planned)
        if verdict(known, at, marks).outcome is Outcome.FAIL:
            return int(seconds)
    return None


def test_a_good_release_passes_when_its_bake_is_over() -> None:
    periods = Traffic().periods({0: 5}, 300)
    early = [period for period in periods if period.end <= START + 285]
    assert verdict(early, look(285)).outcome is Outcome.INCONCLUSIVE
    done = verdict(periods, look(300))
    assert done.outcome is Outcome.PASS
    assert {one.metric for one in done.findings} == {Metric.ERRORS, Metric.LATENCY}
    assert not done.hold
    assert not done.ask


def test_shortening_passes_early_but_not_before_the_shortest_bake() -> None:
    periods = Traffic(rate=5_000).periods({0: 25}, 120)
    warm = Judging(cold_start=45.0)
    short = look(120, shorten=True)

    def at(now: Look) -> Outcome:
        marks = (step(percent=25),)
        return judge(periods, limits=warm, baseline=BASELINE, steps=marks, look=now).outcome

    assert at(short) is Outcome.PASS
    assert at(replace(short, min_bake_seconds=180.0)) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("truth", "metric", "within"),
    [
        (Fleet(errors=0.012), Metric.ERRORS, 180),
        (Fleet(errors=0.05), Metric.ERRORS, 45),
        (Fleet(errors=0.30), Metric.ERRORS, 45),
        (Fleet(slow=(0.125, 0.105, 0.075)), Metric.LATENCY, 195),
    ],
)
def test_a_bad_release_fails_in_time(truth: Fleet, metric: Metric, within: int) -> None:
    traffic = Traffic(green=lambda _: truth)
    seconds = detected(traffic)
    assert seconds is not None
    assert seconds <= within
    periods = traffic.periods({0: 25}, within)
    failed = verdict(periods, look(within), (step(percent=25),))
    assert failed.outcome is Outcome.FAIL
    assert [one.metric for one in failed.findings if one.outcome is Outcome.FAIL] == [metric]


def test_the_reason_names_counts_and_evidence() -> None:
    periods = Traffic(green=lambda _: Fleet(errors=0.05)).periods({0: 25}, 60)
    reason = verdict(periods, look(60), (step(percent=25),)).reason
    green = sum(period.requests for period in periods if period.arm is Color.GREEN)
    assert reason.startswith("app errors: ")
    assert f"of {green:,} on green" in reason
    assert "of 400 needed" in reason


@pytest.mark.parametrize(("percent", "within"), [(25, 12), (50, 12)])
def test_the_demo_finds_two_percent_errors_within_seconds(percent: int, within: int) -> None:
    """One-second periods, ten-second steps, 400 requests/s; at 50 % half the control is gone."""
    found = [
        detected(
            Traffic(green=lambda _: Fleet(errors=0.02), seconds=1.0, rate=400.0, seed=seed),
            percent=percent,
            planned=10.0,
            until=30,
        )
        for seed in range(5)
    ]
    assert None not in found
    assert sorted(one or 0 for one in found)[2] <= within


@pytest.mark.parametrize(("seconds", "burst"), [(15.0, 15), (1.0, 15), (60.0, 60)])
def test_one_burst_never_decides(seconds: float, burst: int) -> None:
    """Evidence that was enough once fails a release for good, so the last look tells of all."""
    truth = lambda at: Fleet(errors=0.2) if 120 <= at < 120 + burst else GOOD  # noqa: E731  (reads as a table)
    periods = Traffic(green=truth, seconds=seconds).periods({0: 25}, 600)
    found = verdict(periods, look(600), (step(percent=25),))
    assert found.outcome is not Outcome.FAIL
    lasting = Traffic(green=lambda _: Fleet(errors=0.2), seconds=seconds).periods({0: 25}, 600)
    assert verdict(lasting, look(600), (step(percent=25),)).outcome is Outcome.FAIL


def test_a_shared_incident_holds_and_the_release_goes_on_when_it_is_over() -> None:
    truth = lambda at: Fleet(errors=0.05) if at < 120 else GOOD  # noqa: E731  (reads as a table)
    traffic = Traffic(green=truth, blue=truth)
    holding = verdict(traffic.periods({0: 25}, 120), look(120), (step(percent=25),))
    assert holding.outcome is Outcome.INCONCLUSIVE
    assert holding.hold
    assert "blue itself is unhealthy (errors)" in holding.reason
    # The clock restarts when blue is well again, so the planned end of the step is not enough.
    early = verdict(traffic.periods({0: 25}, 315), look(315), (step(percent=25),))
    assert early.outcome is Outcome.INCONCLUSIVE
    assert not early.hold
    over = verdict(traffic.periods({0: 25}, 600), look(600), (step(percent=25),))
    assert over.outcome is Outcome.PASS


def test_a_hold_that_lasts_to_the_deadline_asks() -> None:
    sick = Traffic(green=lambda _: Fleet(errors=0.05), blue=lambda _: Fleet(errors=0.05))
    asked = verdict(sick.periods({0: 25}, 1_200), look(1_200), (step(percent=25),))
    assert asked.hold
    assert asked.ask


def test_no_traffic_never_passes_and_asks_at_the_deadline() -> None:
    before = verdict([], look(600))
    assert before.outcome is Outcome.INCONCLUSIVE
    assert not before.ask
    after = verdict([], look(1_200))
    assert after.ask
    assert "nothing measured on green yet" in after.reason


def test_little_traffic_is_named() -> None:
    periods = Traffic(rate=5).periods({0: 5}, 300)
    result = verdict(periods, look(300))
    assert result.outcome is Outcome.INCONCLUSIVE
    assert "too little traffic" in result.reason


def test_every_tier_must_be_measured() -> None:
    periods = Traffic().periods({0: 5}, 300)
    result = verdict(periods, look(300, tiers=(Tier.APP, Tier.WEB)))
    assert result.outcome is Outcome.INCONCLUSIVE
    assert "web errors: nothing measured" in result.reason


def test_the_worst_tier_decides() -> None:
    good = Traffic(tier=Tier.WEB).periods({0: 25}, 300)
    bad = Traffic(tier=Tier.APP, green=lambda _: Fleet(errors=0.05)).periods({0: 25}, 300)
    result = verdict(good + bad, look(300, tiers=(Tier.WEB, Tier.APP)), (step(percent=25),))
    assert result.outcome is Outcome.FAIL
    assert "app errors" in result.reason
    assert "web" not in result.reason


def test_a_step_needs_evidence_of_its_own() -> None:
    periods = Traffic().periods({0: 5}, 300)
    steps = (step(), step(300, 25))
    result = verdict(periods, look(301), steps)
    assert result.outcome is Outcome.INCONCLUSIVE


def test_a_silent_source_holds_and_is_no_failed_release() -> None:
    periods = Traffic().periods({0: 5}, 300)
    result = verdict(periods, look(400))
    assert result.outcome is Outcome.ERROR
    assert result.hold
    assert "nothing new from prometheus for 100 s" in result.reason


def test_green_without_counts_is_a_broken_metric_unless_its_probes_fail() -> None:
    periods = [
        period
        for period in Traffic().periods({0: 25}, 120)
        if period.arm is Color.BLUE or period.end <= START + 60
    ]
    result = verdict(periods, look(120), (step(percent=25),))
    assert result.outcome is Outcome.ERROR
    assert "nothing on green for 4 periods" in result.reason
    failing = [probes(Color.GREEN, 110.0 + 5 * i, failed=True) for i in range(2)]
    down = verdict([*periods, *failing], look(120), (step(percent=25),))
    assert down.outcome is Outcome.FAIL
    assert "probes fail" in down.reason


@pytest.mark.parametrize("begins", [0, 300, 1_100, 1_195, 2_600])
def test_a_key_function_that_is_down_fails_at_the_third_probe(begins: int) -> None:
    """Whenever in the deployment that is."""
    steps = tuple(step(300.0 * number, percent) for number, percent in enumerate((5, 25, 50, 95)))
    healthy = [probes(arm, 5.0 * i, failed=False) for i in range(begins // 5) for arm in Color]
    down = [probes(arm, begins + 5.0 * i, failed=arm is Color.GREEN) for i in range(4) for arm in Color]
    ends = [5.0 * count + begins for count in range(1, 5)]
    outcomes = [
        verdict([*healthy, *(p for p in down if p.end <= START + end)], look(end), steps).outcome
        for end in ends
    ]
    assert [one is Outcome.FAIL for one in outcomes] == [False, False, True, True]


def test_a_key_function_down_on_both_fleets_holds() -> None:
    down = [probes(arm, 5.0 * i, failed=True) for i in range(4) for arm in Color]
    result = verdict(down, look(20))
    assert result.outcome is Outcome.INCONCLUSIVE
    assert result.hold
    assert "blue fails its probes of login" in result.reason


def few(green: int, errors: int) -> list[Period]:
    """A step of five minutes at 5 %, with so few requests that nothing is shown of the errors."""

    def period(arm: Color, number: int) -> Period:
        mine = arm is Color.GREEN
        return Period(
            source="prometheus", tier=Tier.APP, arm=arm, start=START + 15.0 * number, seconds=15.0,
            requests=green // 20 if mine else green, errors=int(mine and number < errors),
        )  # fmt: skip

    return [period(arm, number) for number in range(20) for arm in Color]


@pytest.mark.parametrize(
    ("green", "errors", "outcome"),
    [
        (420, 0, Outcome.PASS),
        (420, 2, Outcome.PASS),  # the next step costs 29 users at the most
        (340, 2, Outcome.INCONCLUSIVE),  # 31 of them
        (420, 3, Outcome.INCONCLUSIVE),
    ],
)
def test_the_next_step_may_cost_thirty_users_unasked(green: int, errors: int, outcome: Outcome) -> None:
    """(bad + 3 + 2 sqrt(bad)) of green's requests may fail at 25 %, less the acceptable ones."""
    settled = {(Tier.APP, Metric.LATENCY): "accepted: only errors are of interest here"}
    bake = look(300, planned_seconds=300.0, min_bake_seconds=300.0, next_percent=25, accepted=settled)
    unknown = BlueBaseline(p95_ms={})
    found = verdict(few(green, errors), bake, baseline=unknown)
    assert found.outcome is outcome, found.reason


@pytest.mark.parametrize("p95", [{Tier.APP: 200.0}, {}])
def test_latency_must_be_measured_wherever_blue_has_users(p95: dict[Tier, float]) -> None:
    """A tier without traffic in the hour before has no p95; who comes then waits all the same."""
    counted = [replace(one, slow=()) for one in Traffic().periods({0: 50}, 300)]
    found = verdict(counted, look(300), steps=[step(percent=50)], baseline=BlueBaseline(p95_ms=p95))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "app latency: nothing measured on green yet" in found.reason


def test_latency_is_not_asked_for_where_there_is_no_blue() -> None:
    counted = [one for one in Traffic().periods({0: 100}, 300) if one.arm is Color.GREEN]
    alone = look(300, full=True)
    assert verdict(counted, alone, steps=[step(percent=100)], baseline=None).outcome is Outcome.PASS


def test_of_accuracy_the_words_name_the_labelled_answers_and_no_lack_of_traffic() -> None:
    found = verdict(Traffic(labels=0.5).periods({0: 50}, 300), look(300), steps=[step(percent=50)])
    (shown,) = [one for one in found.findings if one.metric is Metric.ACCURACY]
    assert shown.words.endswith(" labelled answers of green's)")
    assert "too little traffic" not in shown.words


def failing(at: float, came: str) -> list[Period]:
    """Probes of green, `x` for each that failed, while blue's succeed."""
    found = [(at + 5.0 * count, one == "x") for count, one in enumerate(came)]
    green = [probes(Color.GREEN, seconds, failed=one) for seconds, one in found]
    return green + [probes(Color.BLUE, seconds, failed=False) for seconds, _ in found]


@pytest.mark.parametrize(
    ("errors", "came", "outcome"),
    [
        (0.001, "xx", Outcome.INCONCLUSIVE),
        (0.001, "x.x", Outcome.INCONCLUSIVE),
        (0.001, "xx.x", Outcome.FAIL),
        (0.001, "xxx", Outcome.FAIL),
        # One in twenty of blue's requests fails too: what green's probes show is the incident.
        (0.05, "xx.x", Outcome.INCONCLUSIVE),
        (0.05, "xxx", Outcome.INCONCLUSIVE),
        (0.05, "xxxxx", Outcome.FAIL),
        (0.6, "xxxxx", Outcome.INCONCLUSIVE),
    ],
)
def test_how_many_failed_probes_are_greens_own(errors: float, came: str, outcome: Outcome) -> None:
    """Two of three are hit by chance while one request in ten fails everywhere."""
    both = Fleet(errors=errors)
    users = Traffic(green=lambda _: both, blue=lambda _: both).periods({0: 50}, 120)
    found = verdict([*users, *failing(120.0, came)], look(150), (step(percent=50),))
    assert found.outcome is outcome, found.reason


def test_an_incident_that_is_over_excuses_no_probe() -> None:
    bad, good = Fleet(errors=0.05), Fleet()

    def truth(at: float) -> Fleet:
        return bad if at < 600 else good

    users = Traffic(green=truth, blue=truth).periods({0: 50}, 900)
    late = verdict([*users, *failing(900.0, "xxx")], look(915), (step(percent=50),))
    assert late.outcome is Outcome.FAIL
    assert "login: 3 of 3 probes failed on green" in late.reason


def sick(left: int) -> dict[Tier, SickTargets]:
    return {Tier.APP: SickTargets(ids=("i-1",), left=left, needed=2)}


def test_unhealthy_hosts_fail_at_once_where_the_traffic_needs_them() -> None:
    result = verdict(Traffic().periods({0: 5}, 60), look(60, sick=sick(left=1)))
    assert result.outcome is Outcome.FAIL
    assert "1 of green's targets unhealthy (i-1); left are 1, its traffic needs 2" in result.reason


def test_unhealthy_hosts_that_are_not_needed_hold_a_release_that_would_pass() -> None:
    good = Traffic().periods({0: 50}, 400)
    passed, held = (verdict(good, look(400, sick=one)) for one in ({}, sick(left=2)))
    assert passed.outcome is Outcome.PASS
    assert held.outcome is Outcome.INCONCLUSIVE
    assert "waiting until the fleet has healed" in held.reason


def test_without_blue_absolute_limits_hold() -> None:
    first = (step(percent=100),)
    good = [p for p in Traffic().periods({0: 100}, 300) if p.arm is Color.GREEN]
    assert verdict(good, look(300, full=True), first, None).outcome is Outcome.PASS
    bad = Traffic(green=lambda _: Fleet(errors=0.03)).periods({0: 100}, 60)
    assert verdict(bad, look(60, full=True), first, None).outcome is Outcome.FAIL


def test_at_full_weight_green_is_judged_against_frozen_blue() -> None:
    ramp = {0.0: 25, 300.0: 100}
    steps = (step(percent=25), step(300, 100))
    good = Traffic().periods(ramp, 600)
    assert verdict(good, look(600, full=True), steps).outcome is Outcome.PASS
    worse = Fleet(slow=(0.4, 0.37, 0.33), far=0.1)
    truth = lambda at: worse if at >= 300 else GOOD  # noqa: E731  (reads as a table)
    slow = verdict(Traffic(green=truth).periods(ramp, 420), look(420, full=True), steps)
    assert slow.outcome is Outcome.FAIL
    assert "app slower than 520 ms" in slow.reason


def test_at_full_weight_what_makes_everybody_slower_is_no_fault_of_green_s() -> None:
    """There is no control any more: only what is far beyond the ramp's threshold fails."""
    ramp = {0.0: 25, 300.0: 100}
    both = lambda at: Fleet(slow=(0.17, 0.14, 0.09), far=0.006) if at >= 300 else GOOD  # noqa: E731
    periods = Traffic(green=both, blue=both).periods(ramp, 600)
    found = verdict(periods, look(600, full=True), (step(percent=25), step(300, 100)))
    assert found.outcome is Outcome.PASS, found.reason


def test_new_instances_are_given_time_to_warm_up_whenever_they_join() -> None:
    """A scale-out of green in the middle of a step: cold caches, and no fault of the release."""
    slow = Fleet(slow=(0.3, 0.28, 0.25))
    truth = lambda at: slow if 300 <= at < 420 else GOOD  # noqa: E731  (reads as a table)
    periods = Traffic(green=truth).periods({0: 50}, 600)

    def outcome(*, joined: bool) -> Outcome:
        folded = Judge(LIMITS, BASELINE)
        folded.begin(step(percent=50))
        for one in periods:
            if joined and one.start == START + 300:
                folded.joined([Tier.APP], START + 300)
            folded.take(one)
        return folded.look(look(600)).outcome

    assert outcome(joined=False) is Outcome.FAIL
    assert outcome(joined=True) is Outcome.PASS


def test_errors_that_usually_come_in_clusters_are_no_evidence() -> None:
    """Ten failures that are one event, on both fleets: a lost connection, a retried batch."""
    rng = np.random.default_rng(3)

    def clustered(one: Period) -> Period:
        return replace(one, errors=min(one.requests, 10 * int(rng.binomial(one.requests, 0.0004))))

    for seed in range(60):
        periods = [clustered(one) for one in Traffic(seed=seed).periods({0: 5}, 300)]
        assert verdict(periods, look(300)).outcome is not Outcome.FAIL


def test_a_small_service_advances_by_what_it_can_harm_and_passes_by_the_whole_ramp() -> None:
    ramp = {0.0: 5, 300.0: 25, 600.0: 50, 900.0: 95}
    steps = tuple(step(at, percent) for at, percent in ramp.items())
    periods = Traffic(rate=3.0).periods(ramp, 1_140)

    def at(number: int, **more: object) -> Verdict:
        now = 300.0 * number if number < 4 else 1_140.0
        known = [one for one in periods if one.end <= START + now]
        return verdict(known, look(now, **more), steps[:number])

    assert at(1, next_percent=25).outcome is Outcome.PASS
    assert at(1, next_percent=25).reason.startswith("0 of 2 checks show green better than the limits")
    assert at(1, last_before_full=True).outcome is Outcome.INCONCLUSIVE, "the last step needs the proof"
    last = at(4, last_before_full=True, planned_seconds=200.0)
    assert last.outcome is Outcome.PASS, last.reason
    assert max(one.numbers["pass_evidence"] for one in last.findings) < 100, "by the step alone it does not"
    much = Traffic(rate=5.0, green=lambda _: Fleet(errors=0.05)).periods({0: 5}, 300)
    assert verdict(much, look(300, next_percent=25)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("errors", "outcome"), [(15, Outcome.PASS), (40, Outcome.FAIL)])
def test_between_what_may_be_risked_and_what_fails_there_is_no_gap(errors: int, outcome: Outcome) -> None:
    """1.3 % of 1,180 requests in a step of 5 %: too little to fail, so the next step shows it unasked."""
    failing = set(np.random.default_rng(1).choice(80, errors, replace=False))
    counted: list[Period] = []
    for at, one in enumerate(Traffic(rate=20.0).periods({0: 5}, 1_200)):
        bad = at // 2 in failing if one.arm is Color.GREEN else at % 8 == 0
        counted.append(replace(one, errors=int(bad)))
    found = verdict(counted, look(1_200, next_percent=25))
    (shown,) = [one for one in found.findings if one.metric is Metric.ERRORS]
    assert (shown.evidence < 10) is (outcome is Outcome.PASS), "the case is none otherwise"
    assert found.outcome is outcome, found.reason
    assert not found.ask


def test_a_small_difference_of_latency_must_last() -> None:
    """Of the smallest alternative, so much as that: it takes as many times the requests to add up."""
    counts = Counts(green_bad=900, green=10_000, blue_bad=2_000, blue=30_000, slope=4.0)
    plain, tail, few = (one.log_ratios(counts) for one in (TwoArms(1.0, _SLOWER), slower(0.05), slower(0.01)))
    assert [round(whole / part, 3) for whole, part in zip(plain, tail, strict=True)] == [10, 7, 2.5, 1, 1]
    assert [round(whole / part, 3) for whole, part in zip(plain, few, strict=True)] == [3, 3, 2, 1, 1]
    assert slower(0.30).log_ratios(counts) == tail


def test_what_is_bad_by_itself_is_suspicious_where_blue_has_next_to_no_traffic() -> None:
    """At 95 % of 3 requests/s blue has 180 in twenty minutes: too few to show that green is twice as bad."""
    bad = lambda _: Fleet(errors=0.02)  # noqa: E731  (reads as a table)
    ramp, steps = {0.0: 50, 300.0: 95}, (step(percent=50), step(300, 95))

    def ended(traffic: Traffic) -> Verdict:
        return verdict(traffic.periods(ramp, 1_500), look(1_500, last_before_full=True), steps)

    alone = ended(Traffic(rate=3.0, seconds=60.0, green=bad))
    (errors,) = [one for one in alone.findings if one.metric is Metric.ERRORS]
    assert errors.evidence < 10, "the case is none otherwise"
    assert alone.outcome is Outcome.FAIL
    assert "inconclusive at the deadline" in alone.reason
    assert ended(Traffic(rate=3.0, seconds=60.0, green=bad, blue=bad)).outcome is not Outcome.FAIL


def test_blue_whose_answers_are_wrong_holds() -> None:
    """Both fleets at 50 % wrong answers, and 10 % in the hour before: nobody may pass by comparison."""
    both = lambda _: Fleet(wrong=0.5)  # noqa: E731  (reads as a table)
    traffic = Traffic(tier=Tier.AI, labels=10.0, green=both, blue=both)
    known = replace(BASELINE, wrong={Tier.AI: (100, 1_000)})
    at = look(300, tiers=(Tier.AI,))
    found = verdict(traffic.periods({0: 25}, 300), at, (step(percent=25),), known)
    assert found.hold
    assert "blue itself is unhealthy (accuracy)" in found.reason


def test_arms_that_are_counted_at_other_times_are_named() -> None:
    apart = [
        replace(one, start=one.start + 3) if one.arm is Color.GREEN else one
        for one in Traffic().periods({0: 25}, 300)
    ]
    found = verdict(apart, look(303), (step(percent=25),))
    assert found.outcome is Outcome.ERROR
    assert "counts the arms 3 s apart" in found.reason


def test_arms_that_have_few_requests_are_not_apart() -> None:
    """CloudWatch has no datapoint of a minute without a request: the arms hardly meet, both are counted."""
    thin = Traffic(source="cloudwatch", seconds=60.0, rate=0.05).periods({0: 50}, 3_600)
    arms = {arm: {one.start for one in thin if one.arm is arm} for arm in Color}
    assert len(arms[Color.BLUE] ^ arms[Color.GREEN]) > 10, "the case is none otherwise"
    found = verdict(thin, look(3_660), (step(percent=50),))
    assert "apart" not in found.reason
    assert found.outcome is not Outcome.ERROR
    (errors,) = [one for one in found.findings if one.metric is Metric.ERRORS]
    last = max(arms[Color.BLUE])
    green = [one for one in thin if one.arm is Color.GREEN and one.start <= last]
    assert errors.numbers["green_total"] == sum(one.requests for one in green)


def test_arms_that_have_requests_by_turns_are_not_apart() -> None:
    """Three minutes of blue alone, then three of green alone, one request in each."""
    turns = [
        Period(
            source="cloudwatch", tier=Tier.APP, arm=arm, start=START + 60.0 * (3 * later + minute),
            seconds=60.0, requests=1, errors=0,
        )
        for later, arm in enumerate((Color.BLUE, Color.GREEN))
        for minute in range(3)
    ]  # fmt: skip
    found = verdict(turns, look(370), (step(percent=50),))
    assert "apart" not in found.reason
    late = [replace(one, start=one.start + 7.0) if one.arm is Color.GREEN else one for one in turns]
    assert "counts the arms 67 s apart" in verdict(late, look(370), (step(percent=50),)).reason


def test_green_is_judged_where_blue_has_next_to_no_traffic() -> None:
    """One request a second of which green gets 95 %: in nearly all minutes blue has none or few."""
    thin = Traffic(source="cloudwatch", seconds=60.0, rate=0.2).periods({0: 95}, 3_600)
    blue = [one for one in thin if one.arm is Color.BLUE]
    assert len(blue) < 40, "the case is none otherwise"
    good = verdict(thin, look(3_660, planned_seconds=3_600.0), (step(percent=95, planned=3_600.0),))
    (errors,) = [one for one in good.findings if one.metric is Metric.ERRORS]
    assert errors.outcome is Outcome.PASS, good.reason


def test_the_row_says_it_in_figures() -> None:
    usual = lambda _: Fleet(slow=(0.08, 0.06, 0.03))  # noqa: E731  (reads as a table)
    found = verdict(Traffic(green=usual, blue=usual).periods({0: 25}, 300), look(300), (step(percent=25),))
    rows = {one.metric: one.row for one in found.findings}
    latency, errors = rows[Metric.LATENCY], rows[Metric.ERRORS]
    assert latency is not None and errors is not None  # noqa: PT018  (for the types)
    assert latency.green == pytest.approx(227, rel=0.05)
    assert latency.difference == pytest.approx(0, abs=0.05)
    assert (latency.to_pass, latency.over, errors.over) == (1.0, False, False)
    bad = verdict(
        Traffic(green=lambda _: Fleet(errors=0.05)).periods({0: 25}, 300), look(300), (step(percent=25),)
    )
    (row,) = [one.row for one in bad.findings if one.metric is Metric.ERRORS]
    assert row is not None
    assert (row.to_fail, row.over) == (1.0, True)
    assert row.green == pytest.approx(0.05, rel=0.1)


def test_of_two_sources_the_one_that_blocks_is_named() -> None:
    ours = Traffic().periods({0: 25}, 300)
    few = Traffic(source="newrelic", rate=1.0).periods({0: 25}, 300)
    found = verdict([*ours, *few], look(300, last_before_full=True), (step(percent=25),))
    (errors,) = [one for one in found.findings if one.metric is Metric.ERRORS]
    assert errors.outcome is Outcome.INCONCLUSIVE
    assert errors.numbers["green_total"] < 200


def test_accuracy_is_left_to_the_last_step_but_not_beyond() -> None:
    traffic = Traffic(tier=Tier.AI, rate=200, labels=1.0)
    periods = traffic.periods({0: 25}, 300)
    at = look(300, tiers=(Tier.AI,))
    early = verdict(periods, at, (step(percent=25),))
    assert early.outcome is Outcome.PASS
    assert "to be shown by the last step: ai wrong answers" in early.reason
    assert verdict(periods, replace(at, last_before_full=True), (step(percent=25),)).outcome is (
        Outcome.INCONCLUSIVE
    )


def test_accuracy_that_a_source_should_label_must_be_measured() -> None:
    """A source of labels that delivers none is no pass, at the latest in the last soak."""
    periods = Traffic(tier=Tier.AI).periods({0: 25}, 300)
    unknown = BASELINE
    at = look(300, tiers=(Tier.AI,), labelled=(Tier.AI,))
    assert verdict(periods, at, (step(percent=25),), unknown).outcome is Outcome.PASS
    last = verdict(periods, replace(at, last_before_full=True), (step(percent=25),), unknown)
    assert last.outcome is Outcome.INCONCLUSIVE
    assert "ai accuracy: nothing measured on green yet" in last.reason
    unlabelled = replace(at, labelled=(), last_before_full=True)
    assert verdict(periods, unlabelled, (step(percent=25),), unknown).outcome is Outcome.PASS


@pytest.mark.parametrize(("labels", "judged"), [(0.2, False), (2.0, True)])
def test_few_labels_in_the_ramp_do_not_ask_for_more_at_full_weight(labels: float, *, judged: bool) -> None:
    steps = (step(percent=50), step(300, 100))
    traffic = Traffic(tier=Tier.AI, rate=500, labels=labels, green=lambda _: Fleet(wrong=0.05))
    at = look(900, tiers=(Tier.AI,), labelled=(Tier.AI,), full=True)
    found = verdict(traffic.periods({0: 50, 300: 100}, 900), at, steps, BASELINE)
    assert found.outcome is Outcome.PASS, found.reason
    assert (Metric.ACCURACY in {one.metric for one in found.findings}) is judged


def test_accuracy_that_fell_by_a_quarter_fails() -> None:
    traffic = Traffic(tier=Tier.AI, rate=500, labels=10.0, green=lambda _: Fleet(wrong=0.325))
    result = verdict(traffic.periods({0: 25}, 390), look(390, tiers=(Tier.AI,)), (step(percent=25),))
    assert result.outcome is Outcome.FAIL
    assert "ai wrong answers" in result.reason


@pytest.mark.parametrize(
    "change",
    [{"errors": math.nan}, {"requests": -1}, {"errors": 10**9}, {"start": START + 9_999}, {"seconds": 7.5}],
)
def test_broken_data_never_passes(change: dict[str, object]) -> None:
    periods = Traffic().periods({0: 5}, 300)
    assert verdict(periods, look(300)).outcome is Outcome.PASS
    broken = replace(periods[-1], **change)  # type: ignore[arg-type]  # broken on purpose
    result = verdict([*periods[:-1], broken], look(300))
    assert result.outcome in {Outcome.ERROR, Outcome.INCONCLUSIVE}


def test_evidence_may_not_reach_across_broken_data() -> None:
    periods = Traffic().periods({0: 5}, 315)
    periods[-4] = replace(periods[-4], errors=10**9)
    result = verdict(periods, look(315))
    assert result.outcome is Outcome.INCONCLUSIVE


def test_other_buckets_than_asked_still_judge() -> None:
    def rebucket(period: Period) -> Period:
        # A histogram with edges 200, 250, 300 ms only, lognormal tail in between.
        (_, a), _, (_, c), _ = period.slow
        return replace(period, slow=((200.0, a), (250.0, (a + 2 * c) // 3), (300.0, c // 2)))

    good = [rebucket(period) for period in Traffic().periods({0: 25}, 300)]
    assert verdict(good, look(300), (step(percent=25),)).outcome is Outcome.PASS
    truth = Fleet(slow=(0.25, 0.22, 0.18))
    bad = [rebucket(period) for period in Traffic(green=lambda _: truth).periods({0: 25}, 300)]
    assert verdict(bad, look(300), (step(percent=25),)).outcome is Outcome.FAIL


def test_a_changed_unit_is_no_pass() -> None:
    seconds = [
        replace(period, slow=tuple((ms / 1_000, count) for ms, count in period.slow))
        for period in Traffic().periods({0: 25}, 300)
    ]
    result = verdict(seconds, look(300), (step(percent=25),))
    assert result.outcome is Outcome.INCONCLUSIVE


def test_two_sources_must_both_pass() -> None:
    fast = Traffic().periods({0: 25}, 300)
    slow = Traffic(source="cloudwatch", seconds=60.0).periods({0: 25}, 240)
    assert verdict([*fast, *slow], look(300), (step(percent=25),)).outcome is Outcome.PASS
    stale = [period for period in slow if period.end <= START + 60]
    one = verdict([*fast, *stale], look(400), (step(percent=25),))
    assert one.outcome is Outcome.ERROR


def test_same_journal_same_verdict_and_it_survives_the_journal() -> None:
    periods = Traffic(green=lambda _: Fleet(errors=0.01)).periods({0: 25}, 300)
    at = look(300)
    first = verdict(periods, at, (step(percent=25),))
    assert first == verdict(list(periods), at, (step(percent=25),))
    assert from_document(Verdict, to_document(first)) == first


def test_there_is_nothing_to_judge_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="no ramp step"):
        judge([], limits=LIMITS, baseline=BASELINE, steps=(), look=look(0))


def test_the_last_soak_bakes_in_measured_time() -> None:
    """CloudWatch is two minutes late: what began in them has not been seen when the clock says 300 s."""
    known = Traffic(source="cloudwatch", seconds=60.0).periods({0: 95}, 180)
    last = (step(percent=95),)
    early = verdict(known, look(300), last)
    assert early.outcome is Outcome.PASS
    soak = verdict(known, look(300, last_before_full=True), last)
    assert soak.outcome is Outcome.INCONCLUSIVE
    assert "bake: 180 of 300 s" in soak.reason
    whole = Traffic(source="cloudwatch", seconds=60.0).periods({0: 95}, 300)
    assert verdict(whole, look(420, last_before_full=True), last).outcome is Outcome.PASS


def test_scarce_labels_may_be_held_against_blue_s_earlier_share() -> None:
    """In the last soak concurrent blue has one label in twenty: too few to compare with."""
    ramp, steps = {0.0: 50, 300.0: 95}, (step(percent=50), step(300, 95))
    at = look(600, tiers=(Tier.AI,), last_before_full=True)

    def ai(wrong: float, percents: dict[float, int] = ramp) -> list[Period]:
        truth = Fleet(wrong=wrong)
        traffic = Traffic(tier=Tier.AI, rate=500, labels=10.0, green=lambda _: truth)
        return traffic.periods(percents, 600)

    assert verdict(ai(0.145), at, steps).outcome is Outcome.PASS, "accuracy fell by 5 %, which is acceptable"
    assert verdict(ai(0.20), at, steps).outcome is not Outcome.PASS, "it fell by 11 %"
    alone = [one for one in ai(0.145) if one.start >= START + 300]
    assert verdict(alone, at, steps).outcome is Outcome.INCONCLUSIVE, "blue's share before is not known"


def test_blue_s_sick_time_is_not_its_normal() -> None:
    """A shared slowdown in the ramp must not excuse a slow green at full weight."""
    sick, worse = Fleet(slow=(0.3, 0.28, 0.25)), Fleet(slow=(0.34, 0.32, 0.29), far=0.12)
    shared = lambda at: sick if at < 150 else GOOD  # noqa: E731  (reads as a table)
    slow = lambda at: sick if at < 150 else worse if at >= 600 else GOOD  # noqa: E731  (reads as a table)
    ramp, steps = {0.0: 50, 600.0: 100}, (step(percent=50, planned=600), step(600, 100))
    periods = Traffic(green=slow, blue=shared).periods(ramp, 720)
    found = verdict(periods, look(720, full=True), steps)
    assert found.outcome is Outcome.FAIL
    assert "app slower than 520 ms" in found.reason
