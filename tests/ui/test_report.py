"""The report of a deployment, in every form, and in a real browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import (
    Decided,
    Ending,
    Measured,
    RunHalted,
    RunResumed,
    StepDone,
    StepFailed,
    StepProgress,
    VerdictGiven,
    Warned,
)
from bluegreen.domain.measurement import Metric
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Finding, Outcome, Row, Verdict
from bluegreen.ui.report.facts import Report
from bluegreen.ui.report.fold import report_of
from bluegreen.ui.report.markdown import escaped, markdown
from bluegreen.ui.report.plots import plots
from bluegreen.ui.report.writing import Form, written
from tests.ui.samples import Script, judging, period

EVIL = "</style><script>alert(1)</script>\"'&<img src=http://x.example/a.png onerror=alert(2)>"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def finding(outcome: Outcome = Outcome.INCONCLUSIVE, *, green: float = 0.0211) -> Finding:
    row = Row(unit="share", green=green, blue=0.0002, limit=0.01, relative=False, to_pass=0.0, to_fail=0.8)
    return Finding(metric=Metric.ERRORS, tier=Tier.WEB, outcome=outcome, words="errors", row=row)


def judged(script: Script, outcome: Outcome, *findings: Finding, reason: str = "why") -> None:
    verdict = Verdict(outcome=outcome, reason=reason, findings=findings)
    script.say(
        VerdictGiven(stage="judge-25", step=judging(), percent=25, verdict=verdict, next="", next_at=None)
    )


def rolled_back() -> Script:
    """A whole rollback, with a verdict that has figures."""
    script = Script()
    script.until("judge-25").measured(30, green_errors=3).measured(31, green_errors=3)
    judged(script, Outcome.INCONCLUSIVE, finding())
    judged(script, Outcome.INCONCLUSIVE, finding())
    judged(script, Outcome.FAIL, finding(Outcome.FAIL), reason="web errors: 41 of 2,000 on green")
    end = Script().rolled_back()
    for entry in end.entries[next(n for n, e in enumerate(end.entries) if isinstance(e.event, Decided)) :]:
        script.say(entry.event)
    script.header = replace(script.header, ending=Ending.ROLLED_BACK)
    return script


def report(script: Script) -> Report:
    return report_of(script.header, script.entries, now=script.at)


def page(script: Script, form: Form = Form.HTML) -> str:
    return written(script.header, script.entries, form, now=script.at)


class Seen(HTMLParser):
    """The tags, the addresses and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")], "a handler"

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_says_what_happened_and_what_to_look_at() -> None:
    found = report(rolled_back())
    assert (found.ending, found.exit_code, found.good) == ("rolled-back", 5, False)
    assert found.traffic == ("web, app, ai: 100 % on v1.0.0 (blue)",)
    assert [(one.outcome, one.looks) for one in found.verdicts] == [("inconclusive", 2), ("fail", 1)]
    assert [one for one in found.look_at if "failed at 25 %: web errors: 41 of 2,000" in one]
    assert len(found.look_at) == len(set(found.look_at))
    assert found.decided is not None


def test_a_breach_without_a_verdict_against_it_is_something_to_look_at() -> None:
    script = Script().until("judge-25")
    judged(script, Outcome.INCONCLUSIVE, finding())
    (said,) = [one for one in report(script).look_at if "over the limit" in one]
    assert said.startswith("at 25 % web errors green 2.11 % blue 0.02 % (limit 1.00 %)")
    calm = Script().until("judge-25")
    judged(calm, Outcome.PASS, finding(Outcome.PASS, green=0.0001))
    assert not [one for one in report(calm).look_at if "over the limit" in one]


def test_nothing_unusual_is_said_in_those_words() -> None:
    script = Script().released()
    assert report(script).look_at == ()
    assert report(script).good is True
    assert "Nothing: every check passed" in page(script)


def test_faults_warnings_and_late_stages_are_to_be_looked_at() -> None:
    script = Script().start()
    step = Step(kind=StepKind.CHECK)
    name = script.plan.stages[0].name
    script.open(script.plan, name)
    script.say(
        StepFailed(stage=name, step=step, words="may not start", next="", faults=("images: no v1.1.0",)),
        after=400.0,
    )
    script.say(Warned(words="scan is old"))
    said = report(script).look_at
    for words in (
        "preflight checks failed: may not start",
        "images: no v1.1.0",
        "scan is old",
        "took 6m 40s",
    ):
        assert any(words in one for one in said), said


def test_the_time_that_it_was_halted_counts_for_no_stage() -> None:
    script = Script().until("judge-25")
    script.say(RunHalted(words="no decision", traffic=()), after=20.0)
    script.say(RunResumed(operator="ben@ci"), after=3_600.0)
    script.open(script.plan, "judge-25")
    script.say(Warned(words="x"), after=10.0)
    found = report(script)
    (stage,) = [one for one in found.stages if one.name == "judge-25"]
    assert stage.seconds == pytest.approx(30.0)
    assert found.operators == ("anna@desk:41", "ben@ci")
    assert any("changed hands" in one for one in found.look_at)


def test_a_deployment_that_runs_is_reported_as_it_is() -> None:
    found = report(Script().until("judge-25"))
    assert (found.ended, found.exit_code, found.good) == (None, None, None)
    assert "It is not over: running" in found.look_at
    assert "so far" in page(Script().until("judge-25"))


def test_the_curves_have_the_limits_that_were_in_force() -> None:
    found = report(rolled_back())
    assert [(one.tier, one.metric, one.value) for one in found.limits] == [("web", "errors", 0.01)]
    web = next(plot for plot in plots(found) if plot.tier is Tier.WEB)
    share, requests, errors, p95 = web.panels
    assert [line.kind for line in share.lines] == ["green"]
    assert [line.kind for line in requests.lines] == ["blue", "green"]
    assert [line.kind for line in errors.lines] == ["blue", "green", "limit"]
    assert [line.kind for line in p95.lines] == ["blue", "green"]
    assert [event.words for event in web.events] == ["rollback decided"]
    for panel in web.panels:
        for line in panel.lines:
            for number in re.findall(r"(?<=,)[\d.]+", line.path):
                assert panel.top - 0.1 <= float(number) <= panel.top + panel.height + 0.1


def test_commands_have_the_end_of_their_output() -> None:
    script = Script().start()
    step = Step(kind=StepKind.MIGRATE, tier=Tier.APP, fleet=Color.GREEN)
    for n in range(60):
        script.say(StepProgress(stage="migrate", step=step, words=f"line {n}"))
    script.say(StepDone(stage="migrate", step=step, words="the migration has run\nALTER TABLE <users>"))
    (command,) = report(script).commands
    assert (command.ok, len(command.output)) == (True, 40)
    assert command.output[-2:] == ("the migration has run", "ALTER TABLE <users>")
    assert "ALTER TABLE &lt;users&gt;" in page(script)


def test_whatever_comes_from_outside_is_text_and_nothing_else() -> None:
    script = rolled_back()
    script.say(Warned(words=EVIL))
    judged(script, Outcome.ERROR, finding(), reason=EVIL)
    script.header = replace(script.header, operator=EVIL, version=EVIL, stack="lab")
    seen = Seen(page(script))
    assert EVIL in seen.text
    assert not {"script", "img", "iframe", "object", "form"} & set(seen.tags)
    assert [one for one in seen.addresses if not one.startswith("data:")] == []


def test_markdown_escapes_markup_and_mentions() -> None:
    assert escaped("a|b\n# c") == r"a\|b \# c"
    assert escaped("<b>@team http://x") == r"\<b\>@&#8203;team http:&#8203;//x"
    script = rolled_back()
    script.say(Warned(words=EVIL + "\n## heading | cell"))
    text = markdown(report(script))
    assert "<script" not in re.sub(r"\\<", "", text)
    assert "\n## heading" not in text
    assert "| 25 % | web errors | 2.11 % | 0.02 % |  | 1.00 % | **ROLLED BACK** |" in text
    assert text.startswith("## ❌ lab \\#2: promotion v1.0.0 → v1.1.0, rolled-back")


def test_json_has_versions_times_and_numbers() -> None:
    document = json.loads(page(rolled_back(), Form.JSON))
    assert (document["event"], document["report"]) == ("report", 1)
    assert document["began"] == "2026-08-03T12:00:00.000Z"
    assert document["shares"][0] == {"tier": "web", "at": document["shares"][0]["at"], "percent": 5}
    assert document["verdicts"][-1]["findings"][0]["row"]["limit"] == 0.01
    assert "SECRET-TOKEN" not in json.dumps(document)


def an_hour() -> Script:
    """Three tiers measured every second for an hour, and a verdict every five seconds."""
    script = Script().until("judge-25")
    for second in range(0, 3_600, 5):
        periods = [
            period(tier, arm, second + n, requests=375, errors=n % 2, p95=12.0 + n)
            for n in range(5)
            for tier in Tier
            for arm in Color
        ]
        script.say(Measured(stage="judge-25", percent=25, periods=tuple(periods)), after=2.5)
        judged(
            script, Outcome.INCONCLUSIVE, finding(green=0.001 * (second % 20)), reason=f"evidence {second}"
        )
    return script


def test_an_hour_fits_into_a_megabyte() -> None:
    script = an_hour()
    assert len(page(script).encode()) < 1_000_000
    assert len(page(script, Form.MARKDOWN).encode()) < 65_000, "a comment of GitHub takes no more"
    assert max(len(curve.points) for curve in report(script).curves) <= 241
    counted = sum(point.requests for point in report(script).curves[0].points)
    assert counted == 3_600 * 375, "no request is lost where periods are drawn together"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (1000, "dark"), (390, "light")])
def test_a_browser_shows_it_without_a_word_of_complaint(tmp_path: Path, width: int, scheme: str) -> None:
    assert CHROMIUM is not None
    file, shot = tmp_path / "report.html", tmp_path / "shot.png"
    script = rolled_back()
    script.say(Warned(words=EVIL))
    file.write_text(page(script), encoding="utf-8")
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    said = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1800", *dark,
            f"--screenshot={shot}", "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert shot.stat().st_size > 10_000
    assert "What to look at" in said.stdout
    assert "CONSOLE" not in said.stderr, said.stderr
