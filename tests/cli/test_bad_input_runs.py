"""Bad input and bad moments, from the command line through engine and adapters to the simulated cloud.

Each case: one clear message (what, where, what to do next), the right exit code, and nothing changed, or
where the release was under way nothing lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from bluegreen.adapters.aws.session import Session
from bluegreen.contract import parameter_name
from bluegreen.domain.journal import Ending, Entry, Header, StepDone
from bluegreen.domain.plan import StepKind
from bluegreen.lab.api.inprocess import attach
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.faults import Effect, Fault
from tests.cli.conftest import Line
from tests.world import POLICY, REGION, RoutedProber, World, in_turn, shared

SIM = ("--stack", "sim")
READS = ("Describe", "Get", "List", "Query", "Head", "BatchGet", "Search")
OWN_RECORDS = ("dynamodb", "sns")
"""The lease and the journal are written, and people are told, before anything is changed."""


class Scene:
    """A provisioned stack behind the real wiring of the command line."""

    def __init__(self, line: Line, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self._line, self._patch, self._directory = line, monkeypatch, directory
        self.calls: list[tuple[str, str]] = []
        self.heard: list[Callable[[Entry], None]] = []
        self.open()

    def open(self, **settings: Any) -> None:
        self.world = World(on_call=lambda *call: self.calls.append(call), settings=Settings(**settings))
        self.publish(self.world.contract.to_json())
        (self._directory / "deploy.toml").write_text(POLICY)
        exchange, session, faults = shared()

        def connected(region: str | None = None) -> Session:
            if region in (None, REGION):
                return session
            other = Session(region=region)
            attach(other.boto3, exchange, moto=True, faults=faults, attempts=3)  # type: ignore[arg-type]  # stands for the cloud
            return other

        world = self.world
        self._patch.setattr("bluegreen.adapters.aws.session.Session", connected)
        self._patch.setattr("bluegreen.adapters.clock.SystemClock", lambda: world.clock)
        self._patch.setattr(
            "bluegreen.adapters.connect.HttpProber", lambda _url: RoutedProber(world.cloud, lambda _: 0.95)
        )
        self._patch.setattr("bluegreen.adapters.connect.parallel", in_turn)
        self._patch.setattr("bluegreen.commands._terminal.view_for", self._view)

    def _view(self, _settings: Any, *, acts: bool) -> Any:
        assert acts, "what these verbs show can be acted on"
        from bluegreen.ui.plain import PlainView

        scene = self

        class View(PlainView):
            def __call__(self, header: Header, entry: Entry) -> None:
                super().__call__(header, entry)
                for hear in scene.heard:
                    hear(entry)

        import sys

        return View(sys.stdout)

    def publish(self, text: str, stack: str = "sim") -> None:
        """Write the contract as `pulumi up` would."""
        self.world.raw("ssm").put_parameter(
            Name=parameter_name(stack), Value=text, Type="String", Overwrite=True
        )

    def __call__(self, *words: str) -> Result:
        self.calls.clear()
        return self._line(*words, *(() if "--stack" in words else SIM))

    def promote(self, version: str) -> Result:
        return self("promote", version, "--yes")

    def serving(self) -> None:
        """v1.0.0 serves, with load."""
        result = self.promote("v1.0.0")
        assert result.exit_code == 0, result.output
        self.world.load()
        self.world.clock.sleep(5)

    def once(self, kind: StepKind, act: Callable[[], Any]) -> None:
        """Do `act` when the first step of `kind` is done."""
        done: list[Entry] = []

        def hear(entry: Entry) -> None:
            if not done and isinstance(entry.event, StepDone) and entry.event.step.kind is kind:
                done.append(entry)
                act()

        self.heard.append(hear)

    @property
    def changed(self) -> list[tuple[str, str]]:
        """Every call since the last command that changes more than the deployer's own records."""
        return [
            (service, operation)
            for service, operation in self.calls
            if not operation.startswith(READS) and service not in OWN_RECORDS
        ]

    def nothing_lost(self) -> None:
        assert self.world.cloud.traffic.failed() == 0
        assert self.world.violations == []


@pytest.fixture
def scene(line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scene]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.setenv("AWS_REGION", REGION)
        patch.setenv("SC_DEPLOY_OPERATOR", "anna")
        time.tzset()
        yield Scene(line, patch, tmp_path)
    time.tzset()


def told(result: Result, code: int, *said: str, next_step: str) -> None:
    """One message: the exit code, every part of what is said, and what to do next; no traceback."""
    output = result.output
    assert result.exit_code == code, output
    for words in said:
        assert words in output, output
    assert next_step in output, output
    assert "Traceback" not in output
    assert "unexpected error" not in output


def refused(scene: Scene, result: Result, code: int, *said: str, next_step: str) -> None:
    """As `told`, on stderr as one error; and nothing was changed."""
    told(result, code, *said, next_step=next_step)
    assert result.stderr.count("Error: ") == 1
    assert result.stderr.count("Next: ") == 1
    assert scene.changed == []


@pytest.mark.parametrize(
    "words", [("plan", "v1.0.0"), ("promote", "v1.0.0", "--yes"), ("status",), ("resume",)]
)
def test_unknown_stack(scene: Scene, words: Sequence[str]) -> None:
    result = scene(*words, "--stack", "sin")
    refused(
        scene, result, 2, "there is no stack sin in ap-northeast-1; stacks that exist: sim",
        next_step="name one of these",
    )  # fmt: skip


@pytest.mark.parametrize("words", [("plan", "v9.9.9"), ("promote", "v9.9.9", "--yes")])
def test_unknown_version_whose_image_is_not_in_ecr(scene: Scene, words: Sequence[str]) -> None:
    refused(
        scene, scene(*words), 3, "repository sportcoach-platform holds no image tagged v9.9.9", "v1.2.0",
        next_step="push sportcoach-platform:v9.9.9, or release one of these",
    )  # fmt: skip


def test_unknown_version_of_a_rollback(scene: Scene) -> None:
    scene.serving()
    result = scene("rollback", "--to", "v9.9.9", "--yes")
    refused(scene, result, 3, "v9.9.9 was never verified here", next_step="verified releases: none")


def test_image_removed_from_ecr_before_a_rollback_needs_it(scene: Scene) -> None:
    scene.serving()
    assert scene.promote("v1.1.0").exit_code == 0
    scene.world.raw("ecr").batch_delete_image(
        repositoryName="sportcoach-platform", imageIds=[{"imageTag": "v1.0.0"}]
    )
    result = scene("rollback", "--yes")
    refused(scene, result, 3, "holds no image tagged v1.0.0", next_step="push sportcoach-platform:v1.0.0")
    assert scene.world.weights() == {"app": {"v1.1.0": 100}}


def test_contract_missing(scene: Scene) -> None:
    scene.world.raw("ssm").delete_parameter(Name=parameter_name("sim"))
    refused(
        scene,
        scene.promote("v1.0.0"),
        2,
        "there is no stack sim",
        "stacks that exist: none",
        next_step="pulumi up",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the contract in /sportcoach/sim/contract is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"schema_version": 1, "stack": "SIM", "vpc_id": 7}', "vpc_id"),
        ('{"schema_version": 2}', "schema version 2; this sc-deploy reads 1"),
    ],
    ids=["not JSON", "no object", "faults", "another schema version"],
)
def test_contract_broken_or_of_another_schema_version(scene: Scene, text: str, said: str) -> None:
    scene.publish(text)
    refused(scene, scene.promote("v1.0.0"), 2, said, "/sportcoach/sim/contract", next_step="run `pulumi up`")


def test_contract_of_another_stack(scene: Scene) -> None:
    scene.publish(scene.world.contract.model_copy(update={"stack": "prod"}).to_json())
    refused(scene, scene.promote("v1.0.0"), 2, "is that of stack prod", next_step="pulumi up")


def test_deploy_toml_with_several_faults(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text(
        '[rollout]\nbake = 300\n[judge]\nerror_limit = "200%"\n[surprise]\nx = 1\n[[freeze]]\nstart = "x"\n'
    )
    result = scene.promote("v1.0.0")
    places = ("rollout.bake", "judge.error_limit", "surprise", "freeze.0.start", "freeze.0.reason")
    refused(scene, result, 2, "deploy.toml cannot be used", *places, next_step="correct the file")
    assert scene.calls == [], "AWS was not even asked"


def test_wrong_region_of_the_stack(scene: Scene) -> None:
    result = scene("promote", "v1.0.0", "--yes", "--region", "eu-west-1")
    refused(
        scene, result, 2, "there is no stack sim in eu-west-1",
        next_step="set AWS_REGION to the stack's region",
    )  # fmt: skip


def test_wrong_region_of_the_contract(scene: Scene) -> None:
    scene.publish(scene.world.contract.model_copy(update={"region": "eu-west-1"}).to_json())
    refused(
        scene, scene.promote("v1.0.0"), 2, "is for region eu-west-1, but it was read in ap-northeast-1",
        next_step="set AWS_REGION=eu-west-1",
    )  # fmt: skip


def test_credentials_that_aws_does_not_accept(scene: Scene) -> None:
    scene.world.faults.add(
        Fault(effect=Effect.ERROR, code="ExpiredTokenException", status=400, service="ssm", times=0)
    )
    refused(
        scene, scene.promote("v1.0.0"), 2, "AWS does not accept the credentials", next_step="log in again"
    )


def test_credentials_that_expire_during_the_run(scene: Scene) -> None:
    scene.serving()
    expired = Fault(
        effect=Effect.ERROR, code="ExpiredToken", status=403, service="elastic-load-balancing-v2", times=0
    )
    scene.once(StepKind.WEIGHTS, lambda: scene.world.faults.add(expired))
    result = scene.promote("v1.1.0")
    told(result, 6, "credentials", "unknown, AWS could not be asked", next_step="sc-deploy resume")
    scene.world.faults.clear()
    scene.world.clock.sleep(95)
    assert scene.world.weights() == {"app": {"v1.0.0": 100}}, "the watchdog has put blue back"
    scene.nothing_lost()
    assert scene("abort", "--yes").exit_code == 0
    assert scene.world.orphans() == []
    scene.nothing_lost()


def test_expired_lease_that_another_deployer_took(scene: Scene) -> None:
    scene.serving()

    def taken() -> None:
        lease, now = scene.world.ports().lease, scene.world.clock.now()
        lease.acquire(owner="ben@ci:7", why="resume", deployment=2, ttl=90.0, now=now, dead=lease.holder())

    scene.once(StepKind.WEIGHTS, taken)
    result = scene.promote("v1.1.0")
    told(
        result, 4, "the lease of stack sim is not ours any more: ben@ci:7 has it for resume",
        next_step="this process changes nothing more",
    )  # fmt: skip
    scene.nothing_lost()


def test_plan_fingerprint_that_is_stale(scene: Scene) -> None:
    scene.serving()
    planned = json.loads(scene("plan", "v1.1.0", "--output", "json").stdout)
    assert scene.promote("v1.2.0").exit_code == 0
    result = scene("promote", "v1.1.0", "--yes", "--plan-id", planned["fingerprint"])
    refused(
        scene, result, 3, f"plan {planned['fingerprint']} is out of date",
        "the stack, the release or the options have changed",
        next_step="sc-deploy plan v1.1.0 --stack sim",
    )  # fmt: skip
    assert scene.world.weights() == {"app": {"v1.2.0": 100}}


@pytest.mark.parametrize("words", [("promote", "v1.1.0"), ("rollback",), ("teardown", "--all")])
def test_second_deployer(scene: Scene, words: Sequence[str]) -> None:
    scene.serving()
    assert scene.promote("v1.2.0").exit_code == 0
    scene.world.ports().lease.acquire(
        owner="ben@ci:7", why="promotion v1.1.0", deployment=3, ttl=90.0, now=scene.world.clock.now()
    )
    refused(
        scene, scene(*words, "--yes"), 4, "stack sim is held by ben@ci:7", "deployment 3: promotion v1.1.0",
        next_step="wait, or ask for it to be rolled back with `sc-deploy abort`",
    )  # fmt: skip
    assert scene.world.weights() == {"app": {"v1.2.0": 100}}


def test_deployment_that_another_process_left_unfinished(scene: Scene) -> None:
    scene.serving()
    scene.once(
        StepKind.WEIGHTS, lambda: scene.world.faults.add(Fault(effect=Effect.ERROR, status=500, times=0))
    )
    assert scene.promote("v1.1.0").exit_code == 6
    scene.world.faults.clear()
    scene.world.clock.sleep(95)
    refused(scene, scene.promote("v1.2.0"), 3, "deployment #2 is not finished", next_step="sc-deploy resume")


@pytest.mark.parametrize(
    "words", [("plan", "v1.1.0"), ("promote", "v1.1.0", "--yes"), ("teardown", "--all", "--yes")]
)
def test_question_that_aws_does_not_answer(scene: Scene, words: Sequence[str]) -> None:
    scene.serving()
    fault = Fault(effect=Effect.ERROR, status=500, service="elbv2", times=0)
    scene.world.faults.add(fault)
    result = scene(*words)
    scene.world.faults.clear()
    refused(scene, result, 3, "AWS elbv2", next_step="repeat it when AWS answers again")
    assert "taken effect" not in result.output


def test_blue_unhealthy(scene: Scene) -> None:
    scene.serving()
    scene.world.behaviours["v1.0.0"] = Behaviour(healthy=False)
    scene.world.clock.sleep(30)
    scene.world.cloud.advance()
    result = scene.promote("v1.1.0")
    refused(
        scene, result, 3, "this release may not start", "app: blue (v1.0.0): 0 of 2 targets healthy",
        next_step="sc-deploy doctor",
    )  # fmt: skip
    assert scene.world.weights() == {"app": {"v1.0.0": 100}}


def live_rule(scene: Scene) -> str:
    return next(rule.arn for rule in scene.world.ports().balancer.rules() if rule.preview_token is None)


def test_rule_changed_by_hand_during_the_run(scene: Scene) -> None:
    scene.serving()

    def meddle() -> None:
        rule = next(rule for rule in scene.world.ports().balancer.rules() if rule.preview_token is None)
        groups = [{"TargetGroupArn": arn, "Weight": 7} for arn in rule.weights]
        forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        scene.world.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=[forward])

    scene.once(StepKind.WEIGHTS, meddle)
    told(
        scene.promote("v1.1.0"), 6, "app: the live rule was changed by someone else",
        "now 7 on sc-sim-app-1, 7 on sc-sim-app-2; expected 90 on sc-sim-app-1, 10 on sc-sim-app-2",
        next_step="find out who did it, then `sc-deploy resume`",
    )  # fmt: skip
    assert scene.world.weights() == {"app": {"v1.0.0": 7, "v1.1.0": 7}}, "it is not overwritten"
    scene.nothing_lost()


def test_rule_deleted_by_hand_during_the_run(scene: Scene) -> None:
    scene.serving()
    scene.once(StepKind.WEIGHTS, lambda: scene.world.raw("elbv2").delete_rule(RuleArn=live_rule(scene)))
    result = scene.promote("v1.1.0")
    told(
        result, 6, "app: the live rule was changed by someone else (now gone; expected 90 on sc-sim-app-1,",
        "app: no rule, visitors see the maintenance page", next_step="sc-deploy abort",
    )  # fmt: skip
    told(scene("abort", "--yes"), 0, "no rule leads to blue", "all traffic on blue", next_step="")
    assert scene.world.weights() == {"app": {"v1.0.0": 100}}
    assert scene.world.orphans() == []


def test_target_group_emptied_by_hand_during_the_run(scene: Scene) -> None:
    scene.serving()

    def empty() -> None:
        group = next(g for g in scene.world.ports().balancer.target_groups() if g.name == "sc-sim-app-2")
        elb = scene.world.raw("elbv2")
        found = elb.describe_target_health(TargetGroupArn=group.arn)["TargetHealthDescriptions"]
        elb.deregister_targets(TargetGroupArn=group.arn, Targets=[one["Target"] for one in found])

    scene.once(StepKind.HEALTHY, empty)
    result = scene.promote("v1.1.0")
    told(result, 5, "app", "v1.0.0", next_step="")
    assert scene.world.weights() == {"app": {"v1.0.0": 100}}
    assert scene.world.orphans() == []
    scene.nothing_lost()


def test_target_group_that_lost_our_tags_by_hand_is_not_touched(scene: Scene) -> None:
    scene.serving()

    def untag() -> None:
        group = next(g for g in scene.world.ports().balancer.target_groups() if g.name == "sc-sim-app-2")
        scene.world.raw("elbv2").remove_tags(ResourceArns=[group.arn], TagKeys=list(group.tags))

    scene.once(StepKind.WEIGHTS, untag)
    result = scene.promote("v1.1.0")
    told(
        result, 5, "sc-sim-app-2", "was not made by sc-deploy for stack sim", next_step="rename or remove it"
    )
    found = scene.world.raw("elbv2").describe_target_groups()["TargetGroups"]
    assert {group["TargetGroupName"] for group in found} == {"sc-sim-app-1", "sc-sim-app-2"}
    assert scene.world.weights() == {"app": {"v1.0.0": 100}}
    scene.nothing_lost()


def test_listener_missing(scene: Scene) -> None:
    arn = scene.world.contract.listener_arn
    scene.world.raw("elbv2").delete_listener(ListenerArn=arn)
    result = scene.promote("v1.0.0")
    refused(scene, result, 3, arn, "not found", next_step="run `pulumi up` for this stack")


@pytest.mark.parametrize(
    ("quota", "name"),
    [("rules_per_load_balancer", "rules"), ("target_groups_per_load_balancer", "target-groups")],
)
def test_alb_quota_reached(scene: Scene, quota: str, name: str) -> None:
    scene.open(**{quota: 1 if name == "rules" else 0})
    result = scene.promote("v1.0.0")
    refused(
        scene, result, 3, "this release may not start", f"load balancer quota, {name}", "are left",
        next_step="sc-deploy teardown",
    )  # fmt: skip


def test_alb_quota_reached_by_someone_else_in_the_middle_of_the_run(scene: Scene) -> None:
    scene.serving()
    full = Fault(effect=Effect.ERROR, code="TooManyRules", status=400, action="CreateRule", times=0)
    scene.once(StepKind.TARGET_GROUP, lambda: scene.world.faults.add(full))
    result = scene.promote("v1.1.0")
    told(result, 5, "TooManyRules", next_step="quota")
    assert scene.world.weights() == {"app": {"v1.0.0": 100}}
    assert scene.world.orphans() == []
    scene.nothing_lost()


def test_name_over_32_characters(scene: Scene) -> None:
    """A contract cannot name such a stack: its fleets' target groups would not fit."""
    document = json.loads(scene.world.contract.to_json())
    document["stack"] = "a-stack-name-that-is-too-long"
    scene.publish(json.dumps(document), stack="a-stack-name-that-is-too-long")
    result = scene("promote", "v1.0.0", "--yes", "--stack", "a-stack-name-that-is-too-long")
    refused(scene, result, 2, "stack", "a-stack-name-that-is-too-long", next_step="pulumi up")


def test_down_migration_that_is_not_configured(scene: Scene) -> None:
    scene.serving()
    assert scene.promote("v1.1.0").exit_code == 0
    result = scene("rollback", "--down", "--yes")
    refused(scene, result, 3, "deploy.toml names none", next_step="without --down")
    assert scene.world.weights() == {"app": {"v1.1.0": 100}}
    assert [header.ending for header in scene.world.deployer().history(5)] == [Ending.RELEASED] * 2
