"""The deployment checklists (C1 to C3): people who answer, what a journal shows, and `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bluegreen.commands._attest import ask_people
from bluegreen.commands._options import Settings
from bluegreen.domain.journal import Attested
from bluegreen.engine.attesting import missing
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.policy import Phase, items_of, parse_policy
from bluegreen.policy.checklist import ITEMS
from bluegreen.ports import Answer, Request
from tests.cli.conftest import SIM, Line
from tests.cli.test_confirm import terminal
from tests.world import LATENCY, POLICY, World

ASKING = 'checklist = ["tests", "team", "legal: the lawyers agree"]\n'
SMOKE = '[[smoke]]\nname = "log in"\ntier = "app"\nkey = true\nsteps = [{ path = "/api/login" }]\n'
ALL = ("--attest", "tests=https://ci.example/run/7", "--attest", "team=Ben Ito", "--attest", "legal=Mei Sato")


def asking(world: World, checklist: str = ASKING) -> World:
    world.policy = parse_policy(checklist + POLICY + SMOKE, stack="sim", source="deploy.toml")
    return world


def items(document: Mapping[str, Any]) -> dict[str, Any]:
    return {one["id"]: one for one in document["items"]}


def outcomes(document: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["outcome"] for name, one in items(document).items()}


def test_the_items_are_those_of_chapter_8() -> None:
    assert [len(items_of(phase)) for phase in Phase] == [10, 7, 7]
    assert len({one.strategy for one in ITEMS}) == len({one.id for one in ITEMS}) == 24


class TestPeople:
    def test_are_waited_for_and_a_yes_answers_for_nothing(self, line: Line, world: World) -> None:
        asking(world)
        shown = line("plan", "v1.0.0", *SIM).stdout
        assert "somebody must answer for tests (all tests passed), team" in " ".join(shown.split())
        refused = line("promote", "v1.0.0", *SIM, "--yes", "--attest", "team=Ben Ito")
        assert refused.exit_code == 3
        told = " ".join(refused.stderr.split())
        assert "the before-checklist is not answered for; nothing was changed" in told
        assert "tests: All tests passed (allowed: --attest tests=WHO)" in told
        assert "legal: the lawyers agree (allowed: --attest legal=WHO)" in told
        assert "team" not in told
        assert world.weights() == {"app": {}}
        assert world.entries == []

    def test_stand_in_the_journal_and_on_the_checklist(self, line: Line, world: World) -> None:
        done = line("promote", "v1.0.0", *SIM, "--yes", *ALL) if asking(world) else None
        assert done is not None
        assert done.exit_code == 0, done.output
        assert "checklist: All tests passed: https://ci.example/run/7 (told by anna@desk:1)" in done.stdout
        said = [entry.event for _, entry in world.entries if isinstance(entry.event, Attested)]
        assert [(one.item, one.by) for one in said] == [
            ("tests", "https://ci.example/run/7"),
            ("team", "Ben Ito"),
            ("legal", "Mei Sato"),
        ]
        _, (document,) = line.json("checklist", *SIM)
        found = items(document)
        assert (found["legal"]["outcome"], found["legal"]["by"]) == ("holds", "Mei Sato")
        assert found["tests"]["established"] == "person"
        assert (found["review"]["outcome"], found["review"]["established"]) == ("open", "no")
        assert "does not ask for it" in found["review"]["evidence"]

    def test_are_not_asked_on_a_way_out(self, line: Line, world: World) -> None:
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        world.load()
        world.clock.sleep(5)
        asking(world)
        done = line("promote", "v1.1.0", *SIM, "--yes", "--despite", "v1.0.0 loses orders")
        assert done.exit_code == 0, done.output
        _, (document,) = line.json("checklist", *SIM, "--phase", "before")
        assert items(document)["team"]["evidence"] == "nobody was asked: v1.0.0 loses orders"
        assert line("rollback", *SIM, "--yes").exit_code == 0

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            (("team=Ben", "team=Mei"), "'team' is answered for twice"),
            (("team",), "'team' has no item or nobody"),
            (("team= ",), "'team= ' has no item or nobody"),
            (("=Ben",), "'=Ben' has no item or nobody"),
            ((f"team={'x' * 301}",), "up to 300 visible characters"),
            (("team=Ben\x1b[31m",), "visible characters"),
        ],
    )
    def test_who_cannot_be_understood_is_refused(
        self, line: Line, world: World, given: tuple[str, ...], told: str
    ) -> None:
        asking(world)
        words = [part for one in (*given, "nobody") for part in ("--attest", one)]
        refused = line("promote", "v1.0.0", *SIM, "--yes", *words)
        assert refused.exit_code == 2
        assert told in " ".join(refused.stderr.split())
        assert "'nobody' has no item or nobody" in " ".join(refused.stderr.split()), "all at once"

    def test_for_what_is_not_asked_is_refused(self, line: Line, world: World) -> None:
        asking(world)
        refused = line("promote", "v1.0.0", *SIM, "--yes", "--attest", "review=Ben", "--attest", "tests=Ben")
        assert refused.exit_code == 2
        told = " ".join(refused.stderr.split())
        assert "'review' is not asked for" in told
        assert "tests, team, legal" in told

    def test_are_asked_on_a_terminal(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        policy = asking(world).policy
        plan = world.deployer().plan_promotion("v1.0.0")
        screen = terminal(monkeypatch, "Anna Suzuki\n\n")
        said = ask_people(Settings(stack="sim"), plan, policy, {"legal": "Mei Sato"})
        assert said == {"legal": "Mei Sato", "tests": "Anna Suzuki"}
        assert "All tests passed (tests): The team is in place (team): " in screen.getvalue()
        assert [one.id for one in missing(plan, policy, said)] == ["team"]
        screen = terminal(monkeypatch, "nobody reads this\n")
        assert ask_people(Settings(stack="sim", yes=True), plan, policy, {}) == {}
        assert screen.getvalue() == ""

    def test_answer_for_a_model_where_there_is_one(self, world: World) -> None:
        policy = asking(world, 'checklist = ["model"]\n').policy
        plan = world.deployer().plan_promotion("v1.0.0")
        assert missing(plan, policy, {}) == ()
        (app,) = plan.tiers
        with_ai = replace(plan, tiers=(app, replace(app, tier="ai")))  # type: ignore[arg-type]  # a StrEnum's value
        assert [one.id for one in missing(with_ai, policy, {})] == ["model"]


class TestTheJournal:
    def test_of_a_release_shows_what_was_measured(self, line: Line, world: World) -> None:
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        world.load()
        world.clock.sleep(5)
        assert line("promote", "v1.1.0", *SIM, "--yes").exit_code == 0
        _, (document,) = line.json("checklist", *SIM)
        assert (document["deployment"], document["ok"]) == (2, True)
        found = outcomes(document)
        assert len(found) == 24
        measured = {"configuration", "security", "rollback", "app-deployed", "healthy", "load-balancer"}
        measured |= {"services", "figures", "access"}
        assert {name for name in measured if found[name] != "holds"} == set()
        assert {name for name, one in found.items() if one == "failed"} == set()
        nothing = {"model", "migration-ready", "migrated", "ai-deployed", "ai-functions", "cdn", "dns"}
        assert {name for name in nothing if found[name] != "not-applicable"} == set()
        assert found["monitoring"] == found["alerting"] == "open"
        assert items(document)["rollback"]["evidence"] == "app to v1.0.0"
        shown = line("checklist", "1", *SIM, "--phase", "before").stdout
        assert "The rollback is prepared" in shown
        assert "nothing was live before" in shown
        assert "Health checks pass" not in shown

    def test_of_a_bad_release_shows_what_failed_and_what_was_not_reached(
        self, line: Line, world: World
    ) -> None:
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        world.load()
        world.clock.sleep(5)
        asking(world, "")
        world.behaviours["v1.1.0"] = Behaviour(latency=LATENCY, broken_paths=("/api/login",))
        assert line("promote", "v1.1.0", *SIM, "--yes").exit_code == 5
        _, (document,) = line.json("checklist", *SIM)
        found = items(document)
        assert document["ok"] is False
        assert (found["healthy"]["outcome"], found["functions"]["outcome"]) == ("holds", "failed")
        assert found["app-deployed"]["outcome"] == "open", (
            "through the preview rule it answered, nothing more"
        )
        assert "smoke test 'log in' on app failed" in found["functions"]["evidence"]
        assert (found["load-balancer"]["outcome"], found["figures"]["outcome"]) == ("open", "open")
        assert "has not come so far" in found["figures"]["evidence"]

    def test_that_is_not_there_is_said_with_one_that_is(self, line: Line, world: World) -> None:
        none = line("checklist", *SIM)
        assert (none.exit_code, "has no deployment yet" in none.stderr) == (3, True)
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        other = line("checklist", "7", *SIM)
        assert (other.exit_code, "did you mean #1?" in other.stderr) == (3, True)


class TestVerify:
    def test_holds_where_all_is_well(self, line: Line, world: World) -> None:
        asking(world, "")
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        world.load()
        world.clock.sleep(300)
        result, (document,) = line.json("verify", *SIM)
        assert result.exit_code == 0, result.output
        found = items(document)
        assert list(found) == [one.id for one in items_of(Phase.AFTER)]
        assert "targets of v1.0.0 healthy" in found["services"]["evidence"]
        assert found["figures"]["evidence"].startswith("no alarm; in the last 15 minutes app: ")
        assert found["access"]["outcome"] == "holds"
        assert found["ai-functions"]["outcome"] == "not-applicable"
        assert found["functions"]["outcome"] == "holds"

    def test_names_errors_of_the_last_quarter_of_an_hour(self, line: Line, world: World) -> None:
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        world.load()
        world.behaviours["v1.0.0"] = Behaviour(error_rate=0.03, latency=LATENCY)
        world.clock.sleep(300)
        result, (document,) = line.json("verify", *SIM)
        assert result.exit_code == 3
        assert document["ok"] is False
        found = items(document)["figures"]
        assert found["outcome"] == "failed"
        assert "requests failed" in found["evidence"]

    def test_names_what_serves_what_does_not_answer_and_what_is_gone(self, line: Line, world: World) -> None:
        empty, (document,) = line.json("verify", *SIM)
        assert empty.exit_code == 3
        assert items(document)["access"]["evidence"] == "nothing is live"
        assert items(document)["figures"]["outcome"] == "open"
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        asking(world, "")
        world.behaviours["v1.0.0"] = Behaviour(broken_paths=("/api/login",))
        result, (document,) = line.json("verify", *SIM)
        assert result.exit_code == 3
        assert items(document)["functions"]["evidence"] == (
            "log in: step 1 (GET /api/login): status 500, expected 200"
        )
        world.behaviours["v1.0.0"] = Behaviour(healthy=False)
        world.clock.sleep(120)
        result, (document,) = line.json("verify", *SIM)
        assert items(document)["services"]["outcome"] == items(document)["access"]["outcome"] == "failed"
        assert "0 of 2 targets of v1.0.0 healthy" in items(document)["services"]["evidence"]

    def test_tells_an_answer_that_came_through_the_cdn(
        self, line: Line, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        world.load()
        world.clock.sleep(5)
        prober = type(world.ports().prober)
        plain = prober.send

        def through(self: Any, request: Request) -> Answer:
            answer: Answer = plain(self, request)
            via = {"via": "1.1 abc.cloudfront.net (CloudFront)"}
            return replace(answer, headers={**answer.headers, **via})

        monkeypatch.setattr(prober, "send", through)
        _, (document,) = line.json("verify", *SIM)
        assert " answers through CloudFront with what is live" in items(document)["access"]["evidence"]
        assert line("promote", "v1.1.0", *SIM, "--yes").exit_code == 0
        _, (document,) = line.json("checklist", *SIM)
        assert items(document)["cdn"]["evidence"] == "the release's answers came through CloudFront"
