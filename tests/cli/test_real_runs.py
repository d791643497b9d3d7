"""The verbs over the real engine and adapters, in the simulated cloud."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.release import Color
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.commands import Outcome
from bluegreen.lab.faults import Effect, Fault
from bluegreen.policy import parse_policy
from bluegreen.ui.figures import figures
from bluegreen.ui.screen import screen
from bluegreen.ui.timeline import Progress, Timeline
from bluegreen.ui.timeline_fold import tell
from tests.cli.conftest import SIM, Line
from tests.world import LATENCY, POLICY, World


def test_plan_promote_status_history_rollback(line: Line, world: World) -> None:
    first = line("promote", "v1.0.0", *SIM, "--yes")
    assert first.exit_code == 0, first.output
    world.load()
    world.clock.sleep(5)
    _, (planned,) = line.json("plan", "v1.1.0", *SIM)
    (tier,) = planned["forecast"]
    assert tier["tier"] == "app"
    assert 150 < tier["requests_per_second"] < 250
    assert [step["percent"] for step in tier["steps"]] == [10, 50]
    assert all(step["metrics"]["errors"]["smallest"] for step in tier["steps"])
    assert planned["warnings"] == []
    assert "What the usual traffic can detect" in line("plan", "v1.1.0", *SIM).stdout
    second = line("promote", "v1.1.0", *SIM, "--yes", "--plan-id", planned["fingerprint"])
    assert second.exit_code == 0, second.output
    assert "[1/" in second.stdout
    assert "released: v1.1.0" in second.stdout
    assert "traffic: app: 100 % v1.1.0 (#2)" in second.stdout
    assert world.weights() == {"app": {"v1.1.0": 100}}
    assert "v1.1.0" in line("status", *SIM).stdout
    told = line("history", "2", *SIM).stdout
    assert re.search(r"app errors green +0.00 % blue +0.00 % +\(limit 1.00 %\) +pass #{10} fail -{10}", told)
    _, (listed,) = line.json("history", *SIM)
    assert [(d["version"], d["ending"]) for d in listed["deployments"]] == [
        ("v1.1.0", "released"),
        ("v1.0.0", "released"),
    ]
    stale = line("promote", "v1.1.0", *SIM, "--yes", "--plan-id", planned["fingerprint"])
    assert stale.exit_code == 3
    back = line("rollback", *SIM, "--to", "v1.0.0", "--yes", "--reason", "wrong colors")
    assert back.exit_code == 0, back.output
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.cloud.traffic.failed() == 0
    assert world.violations == []


def test_too_little_traffic_is_said_before_anything_begins(line: Line, world: World) -> None:
    first = line("promote", "v1.0.0", *SIM, "--yes")
    assert "Warning" not in first.stderr
    world.load(1)
    world.clock.sleep(60)
    result = line("promote", "v1.1.0", *SIM)
    assert result.exit_code == 3
    assert "Warning: app: about 1 requests/s, too little for a pass at 10 %, 50 %" in result.stderr
    assert world.weights() == {"app": {"v1.0.0": 100}}
    _, (planned,) = line.json("plan", "v1.1.0", *SIM)
    assert planned["forecast"][0]["steps"][0]["too_little_traffic"] is True
    assert "warning   app: about 1 requests/s" in line("plan", "v1.1.0", *SIM).stdout


def test_baseline_says_whether_the_thresholds_are_above_the_noise(line: Line, world: World) -> None:
    nothing = line("baseline", *SIM)
    assert nothing.exit_code == 3
    assert "nothing serves" in nothing.stderr
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    world.load(400)
    world.clock.sleep(620)
    quiet = line("baseline", *SIM, "--minutes", "5")
    assert quiet.exit_code == 0, quiet.output
    assert "A/A over the last 5 minutes" in quiet.stdout
    assert "cloudwatch: now against the time before it" in quiet.stdout
    assert "the thresholds are above the noise of these fleets" in quiet.stdout
    world.behaviours["v1.0.0"] = Behaviour(error_rate=0.03, latency=LATENCY)
    world.clock.sleep(250)
    noisy, (document,) = line.json("baseline", *SIM, "--minutes", "5")
    assert noisy.exit_code == 3
    assert document["ok"] is False
    errors, latency = document["comparisons"][0]["noises"]
    assert (errors["tier"], errors["metric"], errors["quiet"]) == ("app", "errors", False)
    assert latency["quiet"] is True
    assert "NOT above the noise" in line("baseline", *SIM, "--minutes", "5").stdout
    assert world.weights() == {"app": {"v1.0.0": 100}}


@pytest.mark.parametrize("minutes", ["0", "361", "an-hour"])
def test_baseline_wants_minutes(line: Line, world: World, minutes: str) -> None:
    assert line("baseline", *SIM, "--minutes", minutes).exit_code == 2


def test_a_plan_is_made_although_nothing_can_be_measured(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    world.faults.add(Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0))
    result, (planned,) = line.json("plan", "v1.1.0", *SIM)
    assert result.exit_code == 0
    assert planned["forecast"] == []
    assert planned["warnings"][0].startswith("traffic could not be measured: ")
    assert "cloudwatch" in planned["warnings"][0]


def test_a_bad_release_ends_with_5_and_its_story_can_be_read_later(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    world.behaviours["v1.2.0"] = Behaviour(error_rate=0.02, latency=LATENCY)
    world.load(400)
    world.clock.sleep(5)
    result, documents = line.json("promote", "v1.2.0", *SIM, "--yes")
    assert result.exit_code == 5, result.output
    assert documents[-1]["event"] == "result"
    assert documents[-1]["exit_code"] == 5
    assert "v1.0.0" in " ".join(documents[-1]["traffic"])
    told = line("history", str(documents[-1]["deployment"]), *SIM).stdout
    assert "decided: rollback" in told
    assert "back: Send all traffic back to blue" in told
    assert "rolled back: app errors" in told
    assert "because" not in told


def test_every_moment_of_a_real_run_can_be_drawn(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    world.entries.clear()
    world.behaviours["v1.2.0"] = Behaviour(error_rate=0.02, latency=LATENCY)
    world.load(400)
    world.clock.sleep(5)
    assert line("promote", "v1.2.0", *SIM, "--yes").exit_code == 5
    timeline: Timeline | None = None
    shown = set()
    for header, entry in world.entries:
        timeline = tell(timeline, header, entry)
        for width, height in ((80, 24), (140, 40)):
            lines = screen(timeline, now=entry.at, width=width, height=height)
            assert len(lines) <= height
            assert max(row.cell_len for row in lines) <= width
        found = [figures(timeline.periods, tier.tier, Color.GREEN) for tier in timeline.tiers]
        shown |= {tier.tier for tier, one in zip(timeline.tiers, found, strict=True) if one and one.rate > 0}
    assert timeline is not None
    assert shown == {"app"}
    assert timeline.decision.startswith("rollback")
    assert {tier.percent for tier in timeline.tiers} == {0}
    assert {s.state for s in timeline.stages if s.back} == {Progress.DONE}
    save(timeline, world.entries)


def save(timeline: Timeline, entries: Sequence[tuple[Header, Entry]]) -> None:
    """With SHOW_RUN=1 the last screen is printed, for eyes."""
    if os.environ.get("SHOW_RUN"):
        console = Console(width=140, record=True, file=io.StringIO())
        for row in screen(timeline, now=entries[-1][1].at, width=140, height=60):
            console.print(row)
        print(console.export_text())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("plan", "v9.9.9"), 3, "v9.9.9"),
        (("promote", "v9.9.9", "--yes"), 3, "v9.9.9"),
        (("resume",), 3, "no deployment is unfinished"),
        (("abort", "--yes"), 3, "no deployment is unfinished"),
        (("resume", "7"), 3, "deployment #7"),
        (("rollback", "--yes"), 3, "nothing is live"),
        (("history", "3"), 3, "no deployment #3"),
    ],
)
def test_what_cannot_be_done_is_refused(
    line: Line, world: World, words: tuple[str, ...], code: int, said: str
) -> None:
    result = line(*words, *SIM)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Error: " in result.stderr


def test_a_second_deployer_is_locked_out(line: Line, world: World) -> None:
    world.ports().lease.acquire(
        owner="ben@ci:7", why="promotion v1.1.0", deployment=1, ttl=90.0, now=world.clock.now()
    )
    result = line("promote", "v1.0.0", *SIM, "--yes")
    assert result.exit_code == 4
    assert "ben@ci:7" in result.stderr


def test_the_history_keeps_the_operators_reason(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes", "--reason", "the first of all").exit_code == 0
    _, (listed,) = line.json("history", *SIM)
    assert [one["reason"] for one in listed["deployments"]] == ["the first of all"]


def test_rollback_with_the_down_migration_and_its_story(line: Line, world: World) -> None:
    migrating = (
        POLICY
        + """[migration]
command = "sportcoach-run {image} -- up"
down = "sportcoach-run {image} -- down"
"""
    )
    world.policy = parse_policy(migrating, stack="sim", source="deploy.toml")
    ran: list[str] = []

    def shell(_host: object, command: str, _timeout: float) -> Outcome:
        ran.append(command.partition(" -- ")[2])
        return Outcome(code=0, stdout="reverted")

    world.shell = shell
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    world.load()
    world.clock.sleep(5)
    assert line("promote", "v1.1.0", *SIM, "--yes").exit_code == 0
    back = line("rollback", *SIM, "--down", "--yes")
    assert back.exit_code == 0, back.output
    assert "Run blue's down migration" in back.stdout
    assert "the down migration of v1.1.0 has run" in back.stdout
    assert ran == ["up", "up", "down"]
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.cloud.traffic.failed() == 0


def test_a_rollback_to_what_serves_is_one_sentence_and_no_error(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    result = line("rollback", "--to", "v1.0.0", *SIM)
    assert result.exit_code == 0, result.output
    assert result.stdout == "v1.0.0 already serves all traffic on sim; nothing to roll back\n"
    result, (document,) = line.json("rollback", "--to", "v1.0.0", *SIM)
    assert (result.exit_code, document["event"], document["exit_code"]) == (0, "result", 0)
    assert line("rollback", "--to", "v9.9.9", *SIM, "--yes").exit_code == 3
    assert world.weights() == {"app": {"v1.0.0": 100}}
