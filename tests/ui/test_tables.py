"""Plan, status, history and doctor as people and programs read them."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending
from bluegreen.domain.lease import Holder
from bluegreen.domain.measurement import Metric
from bluegreen.domain.reports import AAComparison, Check, Noise
from bluegreen.domain.security import Ban
from bluegreen.ui.events import json_line
from bluegreen.ui.tables.bans import bans_view
from bluegreen.ui.tables.baseline import baseline_document, baseline_view
from bluegreen.ui.tables.doctor import doctor_document, doctor_view
from bluegreen.ui.tables.history import header_document, history_view, story_document, story_lines
from bluegreen.ui.tables.plan import plan_document, plan_view, ramp
from bluegreen.ui.tables.status import status_document, status_view
from tests.ui.samples import (
    BLUE,
    START,
    SameAs,
    Script,
    header,
    promotion,
    release_forecast,
    roll_back,
    state,
    status,
)


def text(shown: RenderableType, width: int = 140) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


@pytest.mark.parametrize("width", [80, 140])
def test_a_plan(width: int, same_as: SameAs) -> None:
    plan = promotion(reason="better answers")
    line = f"sc-deploy promote v1.1.0 --stack lab --plan-id {plan.fingerprint}"
    shown = text(plan_view(plan, command=line), width).replace(plan.fingerprint, "FINGERPRINT.")
    same_as(f"plan-{width}", shown)


def test_a_plan_shows_its_fingerprint_weights_and_digests() -> None:
    plan = promotion()
    shown = text(plan_view(plan))
    assert plan.fingerprint in shown
    assert "green 5 % → 25 % → 50 %" in shown
    assert "sha256:" in shown
    assert ramp(plan) == (5, 25, 50, 95, 100)
    document = json.loads(json_line(plan_document(plan, command="x")))
    assert document["fingerprint"] == plan.fingerprint
    assert document["plan"]["number"] == 2


@pytest.mark.parametrize("width", [80, 140])
def test_a_plan_says_what_the_traffic_can_show(width: int, same_as: SameAs) -> None:
    seen = release_forecast(troubles=("prometheus: HTTP 503",))
    shown = text(plan_view(promotion(), forecast=seen), width)
    begin, end = shown.index("What the usual traffic can detect"), shown.index("plan id")
    same_as(f"forecast-{width}", shown[begin:end])


def test_a_forecast_for_programs_has_numbers_and_no_infinity() -> None:
    plan = promotion()
    document = json.loads(json_line(plan_document(plan, command="x", forecast=release_forecast())))
    assert document["fingerprint"] == plan.fingerprint
    app, ai = document["forecast"]
    assert [step["percent"] for step in app["steps"]] == [5, 25, 50, 95]
    assert app["steps"][0]["green_requests_per_second"] == 4.0
    errors = app["steps"][1]["metrics"]["errors"]
    assert 0.005 < errors["smallest"] < 0.1
    assert errors["seconds_to_pass"] > 60
    assert ai["steps"][0]["too_little_traffic"] is True
    assert ai["steps"][0]["metrics"]["errors"]["smallest"] is None
    assert set(ai["steps"][0]["metrics"]) == {"errors", "latency", "accuracy"}
    assert document["warnings"][0].startswith("ai: about 0.4 requests/s, too little for a pass at 5 %")
    assert "forecast" not in plan_document(plan, command="x")


def test_tiers_with_little_traffic_are_warned_of_once() -> None:
    few = release_forecast(rate=2.0)
    (warning,) = few.warnings
    assert "app: about 2 requests/s" in warning
    assert "ai: about 0.01 requests/s" in warning
    assert warning.count("The run pauses there for your decision (exit code 6).") == 1
    hurried = replace(
        few.tiers[0], steps=tuple(replace(step, patience_seconds=20.0) for step in few.tiers[0].steps)
    )
    assert "within 20 s" in hurried.thin


def test_a_plan_back_shows_both_ends() -> None:
    plan = roll_back(promotion())
    shown = text(plan_view(plan))
    assert "v1.1.0" in shown
    assert "v1.0.0" in shown
    assert ramp(plan) == (0,)


def test_a_first_plan_says_that_nothing_serves() -> None:
    shown = text(plan_view(promotion(state())))
    assert "nothing" in shown
    assert "green 100 %" in shown


def test_a_status(same_as: SameAs) -> None:
    holder = Holder(
        owner="anna@desk:41",
        why="promotion of v1.1.0",
        deployment=2,
        token=7,
        since=START,
        expires=START + 90,
        ttl=90,
    )
    found = status(holder=holder, open=header(), watchdogs=("sc-lab-web",), next_step="wait")
    same_as("status-140", text(status_view(found, now=START + 30)))
    document = json.loads(json_line(status_document(found)))
    assert document["lease"]["owner"] == "anna@desk:41"
    assert document["open"]["deployment"] == 2
    assert "SECRET-TOKEN" not in json.dumps(document)
    web = document["tiers"][0]["fleets"]
    assert [(f["percent"], f["version"], f["health"]["healthy"]) for f in web] == [
        (75, "v1.0.0", 2),
        (25, "v1.1.0", 2),
    ]


@pytest.mark.parametrize(
    ("ending", "held", "words"),
    [
        (Ending.RUNNING, True, "is running, started"),
        (Ending.HALTED, True, "is running again after it was halted"),
        (Ending.RUNNING, False, "has lost its deployer: nobody renews its lease"),
        (Ending.HALTED, False, "is halted, started"),
    ],
)
def test_an_unfinished_deployment_is_one_thing_only(ending: Ending, *, held: bool, words: str) -> None:
    holder = Holder(owner="x", why="y", deployment=2, token=7, since=START, expires=START + 90, ttl=90)
    opened = header(ending=ending, reason="web latency: no decision")
    shown = text(status_view(status(holder=holder if held else None, open=opened), now=START))
    assert f"deployment 2 (promotion of v1.1.0) {words}" in shown
    assert ("because" in shown) is (ending is Ending.HALTED or not held)


def test_an_empty_stack_and_an_expired_lease() -> None:
    holder = Holder(owner="x", why="y", deployment=2, token=7, since=START, expires=START + 90, ttl=90)
    shown = text(status_view(status(state(), holder=holder, traffic=()), now=START + 100))
    assert shown.count("nothing deployed") == 3
    assert "ran out 10s ago" in shown


def test_a_fleet_with_traffic_and_without_health_is_named() -> None:
    found = status(BLUE, health={})
    assert "no target group" in text(status_view(found, now=START))
    assert status_document(found)["tiers"][0]["fleets"][0]["health"] is None


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_history(width: int, same_as: SameAs) -> None:
    rows = [
        header(number=3, version="v1.2.0", ending=Ending.ROLLED_BACK, ended_at=START + 61, reason="errors"),
        header(number=2, ending=Ending.RELEASED, ended_at=START + 400, proven=True),
        header(number=1, version="v1.0.0", ending=Ending.INTERRUPTED),
    ]
    same_as(f"history-{width}", text(history_view(rows, now=START + 30), width))
    assert text(history_view([], now=START)).strip() == "no deployment yet"
    assert header_document(rows[0])["ended_at"] == "2026-08-03T12:01:01.000Z"
    assert header_document(rows[2])["ended_at"] is None


@pytest.mark.parametrize("width", [60, 80, 100, 110, 140])
def test_a_deployment_is_one_line_of_the_history_at_any_width(width: int) -> None:
    rows = [
        header(number=142, version="v12.14.33", ending=Ending.ROLLED_BACK, reason="errors " * 40, proven=True)
    ] * 3
    shown = text(history_view(rows, now=START), width).rstrip().splitlines()
    assert len(shown) == 2 + len(rows)
    for words in ("142", "v12.14.33 (verified)", "rolled-back"):
        assert all(words in line for line in shown[2:])
    assert max(map(len, shown)) <= width


def test_one_deployment_tells_its_story() -> None:
    script = Script().rolled_back()
    lines = story_lines(script.header, script.entries)
    assert lines[0].startswith("12:00:00 lab")
    assert any("rolled-back" in line for line in lines)
    document = story_document(script.header, script.entries)
    assert document["events"][-1]["event"] == "run-ended"
    assert "SECRET-TOKEN" not in json_line(document)


def test_doctor_shows_the_worst_first() -> None:
    checks = [
        Check(name="contract", ok=True, words="fine"),
        Check(name="rights", ok=None, words="could not be asked"),
        Check(name="images", ok=False, words="no v9", next_step="push it"),
    ]
    rows = [line.split()[0] for line in text(doctor_view(checks)).splitlines() if line.strip()]
    assert rows[2:6] == ["images", "Next:", "rights", "contract"]
    assert doctor_document(checks)["ok"] is False
    assert doctor_document(checks[:2])["ok"] is True


ERRORS = Noise(
    tier=Tier.APP,
    metric=Metric.ERRORS,
    periods=57,
    ratio=1.12,
    dispersion=1.1,
    evidence=1.4,
    needed=400.0,
    quiet=True,
)
ZONES = "ap-northeast-1a against ap-northeast-1c, ap-northeast-1d"


def compared(*noises: Noise, words: str = ZONES) -> AAComparison:
    return AAComparison(source="cloudwatch", words=words, noises=noises)


def test_a_baseline_names_the_noise_and_what_to_do(same_as: SameAs) -> None:
    noisy = replace(
        ERRORS, tier=Tier.AI, metric=Metric.LATENCY, ratio=1.62, dispersion=5.1, evidence=3_211.0, quiet=False
    )
    found = [compared(ERRORS, noisy), compared(ERRORS, words="now against the day before")]
    same_as("baseline-80", text(baseline_view(found, minutes=60), 80))
    document = json.loads(json_line(baseline_document(found, minutes=60)))
    assert document["ok"] is False
    assert [one["compared"] for one in document["comparisons"]] == [one.words for one in found]
    assert document["comparisons"][0]["noises"][1]["quiet"] is False
    assert baseline_document([compared(ERRORS)], minutes=60)["ok"] is True
    assert "above the noise of these fleets" in text(baseline_view([compared(ERRORS)], minutes=60))


def test_words_in_a_cell_are_no_markup() -> None:
    """As `[[smoke]]` of a file, or what an operator typed as the reason."""
    bans = [Ban(version="v[red]1", digests=(), finding="[[smoke]]", by="a[/]b", at=0.0, reason="[bold]x")]
    shown = text(bans_view(bans))
    for words in ("v[red]1", "[[smoke]]", "a[/]b", "[bold]x"):
        assert words in shown
