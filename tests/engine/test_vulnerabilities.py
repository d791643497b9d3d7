"""A vulnerability keeps a release from starting, and a rollback because of one bans what it leaves (R5)."""

from __future__ import annotations

from typing import Any

import pytest
from moto.backends import get_backend

from bluegreen.domain.journal import Ending
from bluegreen.domain.plan import Plan
from bluegreen.engine.checks.doctor import examine
from bluegreen.engine.checks.preflight import examined
from bluegreen.engine.security import banning
from bluegreen.engine.watch.forecast import release_forecast
from bluegreen.errors import ExitCode, Refused
from bluegreen.policy import parse_policy
from tests.world import POLICY, World
from tests.world.releasing import QUICK, died_at_half, release, serving
from tools.world import ACCOUNT, REGION

CVE = "CVE-2026-1234"
BASIC = {
    "findings": [
        {
            "name": CVE,
            "severity": "CRITICAL",
            "attributes": [
                {"key": "package_name", "value": "openssl"},
                {"key": "package_version", "value": "3.0.1"},
            ],
        },
        {"name": "CVE-2026-2", "severity": "HIGH", "attributes": []},
    ]
}


def scanned(world: World, version: str, findings: dict[str, Any], *, status: str = "COMPLETE") -> None:
    """The registry's answer for every image of `version`, whatever the repository."""
    ecr: Any = get_backend("ecr")[ACCOUNT][REGION]
    for repository in ecr.repositories.values():
        image = next(one for one in repository.images if version in one.image_tags)
        ecr.scan_finding_results.append(
            {
                "imageScanFindings": findings,
                "registryId": ACCOUNT,
                "repositoryName": repository.name,
                "imageId": {"imageDigest": image.get_image_digest()},
                "imageScanStatus": {"status": status, "description": "in its own words"},
            }
        )


def found(world: World, version: str = "v1.0.0", policy: str = POLICY) -> list[tuple[str, str]]:
    plan = world.deployer().plan_promotion(version)
    read = parse_policy(policy, stack="sim", source="deploy.toml")
    return [(one.where, one.problem) for one in examined(plan, world.contract, read, world.ports()).faults]


def emergency(world: World, *, reason: str = "") -> Plan:
    plan = world.deployer().plan_rollback(reason=reason)
    return banning(plan, world.ports(), finding=CVE, reason=reason)


def test_a_critical_finding_refuses_a_release_with_its_place() -> None:
    world = World()
    scanned(world, "v1.0.0", BASIC)
    (fault,) = found(world)
    assert fault == ("sportcoach-platform:v1.0.0", f"critical finding {CVE} in openssl 3.0.1")
    deployer = world.deployer()
    plan = deployer.plan_promotion("v1.0.0")
    (said,) = release_forecast(plan, world.contract, world.policy, world.ports()).warnings
    assert said.endswith(": `promote` refuses it")
    with pytest.raises(Refused) as caught:
        deployer.run(plan)
    assert CVE in str(caught.value.faults[0])


@pytest.mark.parametrize(
    ("until", "refused"), [("2026-12-31", True), ("2033-05-17", True), ("2033-05-18", False)]
)
def test_it_is_accepted_by_name_until_a_day(until: str, *, refused: bool) -> None:
    world = World()
    world.clock.sleep(1_999_987_200 - world.clock.now())  # 2033-05-18T00:00:00Z
    scanned(world, "v1.0.0", BASIC)
    accept = f'id = "{CVE.lower()}"\nby = "alice"\nuntil = {until}\nreason = "not reached"'
    problems = found(world, policy=f"{POLICY}\n[[security.accept]]\n{accept}\n")
    assert bool(problems) is refused
    if refused:
        assert f"alice's acceptance ended on {until}" in problems[0][1]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("PENDING", "pending"),
        ("IN_PROGRESS", "pending"),
        ("UNSUPPORTED_IMAGE", "failed"),
        ("FAILED", "failed"),
    ],
)
def test_an_image_without_a_finished_scan_is_said_and_refused_where_asked_for(
    status: str, words: str
) -> None:
    world = World()
    scanned(world, "v1.0.0", {}, status=status)
    assert found(world) == []
    plan = world.deployer().plan_promotion("v1.0.0")
    (warning,) = release_forecast(plan, world.contract, world.policy, world.ports()).warnings
    assert f"its vulnerability scan is not complete: {words} (in its own words)" in warning
    ((where, problem),) = found(world, policy=POLICY + '\n[security]\nunscanned = "refuse"\n')
    assert (where, problem) == ("sportcoach-platform:v1.0.0", warning.partition(": ")[2])


def test_an_image_that_nobody_has_scanned_is_not_one_without_findings() -> None:
    world = World()
    for repository in get_backend("ecr")[ACCOUNT][REGION].repositories.values():
        for image in repository.images:
            image.last_scan = None
    ((_, problem),) = found(world, policy=POLICY + '\n[security]\nunscanned = "refuse"\n')
    assert problem == "its vulnerability scan is not complete: none"


def test_enhanced_findings_of_every_page_and_none_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    plan = world.deployer().plan_promotion("v1.0.0")
    green = plan.tiers[0].green
    assert green is not None

    def enhanced(name: str, *, status: str = "ACTIVE", severity: str = "CRITICAL") -> dict[str, Any]:
        package = {"name": "node", "version": "18.1", "fixedInVersion": "18.9"}
        details = {"vulnerabilityId": name, "vulnerablePackages": [package, package]}
        return {"severity": severity, "status": status, "packageVulnerabilityDetails": details}

    pages = [
        [enhanced("CVE-1"), enhanced("CVE-2", status="SUPPRESSED"), enhanced("CVE-3", severity="HIGH")],
        [enhanced("CVE-4", status="CLOSED"), enhanced("CVE-5"), enhanced("CVE-1")],
    ]
    service = world.session.service("ecr")
    asked: list[str | None] = []

    def call(_operation: str, /, *, about: str = "", **parameters: Any) -> dict[str, Any]:
        asked.append(parameters.get("nextToken"))
        page = {"imageScanFindings": {"enhancedFindings": pages[len(asked) - 1]}}
        more = {"nextToken": "2"} if len(asked) == 1 else {}
        return {**page, **more, "imageScanStatus": {"status": "ACTIVE"}}

    monkeypatch.setattr(type(service), "call", lambda _self, *args, **words: call(*args, **words))
    scan = world.ports().images.scan(green.image)
    assert (scan.status, asked) == ("complete", [None, "2"])
    words = [one.words for one in scan.critical]
    assert words == [f"{name} in node 18.1 (fixed in 18.9)" for name in ("CVE-1", "CVE-5")]


def test_a_rollback_because_of_a_finding_bans_what_it_leaves() -> None:
    world = serving("v1.0.0", "v1.1.0")
    scanned(world, "v1.1.0", BASIC)
    scanned(world, "v1.0.0", {})
    doctor = {one.name: one for one in examine(world.contract, world.policy, world.ports())}
    assert doctor["vulnerabilities"].ok is False
    assert CVE in doctor["vulnerabilities"].words
    assert "rollback --security" in doctor["vulnerabilities"].next_step
    deployer = world.deployer()
    plan = emergency(world, reason="it leaks")
    assert [one.version for one in plan.bans] == ["v1.1.0"]
    assert plan.notes[-1] == "v1.1.0 is banned: `promote` refuses it until the ban is lifted"
    result = deployer.run(plan)
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
    with pytest.raises(
        Refused, match=rf"v1\.1\.0 is banned because of {CVE} \(by test@host:1: it leaks\)"
    ) as caught:
        world.deployer().plan_promotion("v1.1.0")
    assert "bans --lift v1.1.0 --stack sim" in caught.value.next_step
    world.ports().bans.lift("v1.1.0")
    assert world.ports().bans.all() == ()
    assert world.deployer().plan_promotion("v1.1.0").release


def test_the_banned_image_under_another_tag_is_banned_too() -> None:
    world = serving("v1.0.0", "v1.1.0")
    deployer = world.deployer()
    deployer.run(emergency(world))
    ecr = world.raw("ecr")
    image = ecr.batch_get_image(repositoryName="sportcoach-platform", imageIds=[{"imageTag": "v1.1.0"}])
    ecr.put_image(
        repositoryName="sportcoach-platform",
        imageManifest=image["images"][0]["imageManifest"],
        imageTag="v1.1.9",
    )
    with pytest.raises(Refused, match=r"v1\.1\.0 is banned"):
        world.deployer().plan_promotion("v1.1.9")


def test_no_rollback_returns_to_a_banned_version() -> None:
    world = serving("v1.0.0", "v1.1.0")
    deployer = world.deployer()
    deployer.run(emergency(world))
    release(world, "v1.2.0")
    plan = world.deployer().plan_rollback()
    assert plan.release is not None
    assert plan.release.version == "v1.0.0"
    with pytest.raises(Refused, match=r"v1\.1\.0 is banned"):
        world.deployer().plan_rollback(to="v1.1.0")


def test_the_plan_says_that_the_earlier_release_has_the_finding_as_well() -> None:
    world = serving("v1.0.0", "v1.1.0")
    scanned(world, "v1.0.0", BASIC)
    notes = emergency(world).notes
    assert f"sportcoach-platform:v1.0.0, which this returns to, has {CVE} as well" in notes


def test_an_image_that_the_earlier_release_runs_too_is_not_banned() -> None:
    world = serving("v1.0.0", "v1.0.0", policy=QUICK)
    release(world, "v1.1.0")
    (ban,) = emergency(world).bans
    assert ban.version == "v1.1.0"
    live = world.deployer().observe().tiers[0].live
    assert live is not None
    assert live.image is not None
    assert ban.digests == (live.image.digest,)


def test_an_unfinished_release_is_taken_back_and_banned() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    world.clock.sleep(60)
    deployer = world.deployer()
    plan = emergency(world)
    result = deployer.run(plan)
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert [one.version for one in world.ports().bans.all()] == ["v1.1.0"]
