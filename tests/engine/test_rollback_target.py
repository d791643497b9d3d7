"""Only a release that was once verified good is a target of a rollback, with the host that it had then."""

from __future__ import annotations

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending
from bluegreen.domain.reports import Check
from bluegreen.engine.checks.doctor import examine
from bluegreen.engine.watch.forecast import release_forecast
from bluegreen.errors import ExitCode, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.policy import parse_policy
from tests.world import World
from tests.world.releasing import QUICK, release, serving


@pytest.fixture
def world() -> World:
    """v1.0.0, then v1.1.0 which never became healthy, then v1.2.0."""
    made = serving("v1.0.0")
    made.behaviours["v1.1.0"] = Behaviour(healthy=False)
    deployer = made.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.ROLLED_BACK, made.story()
    release(made, "v1.2.0")
    return made


def test_the_newest_release_that_failed_is_passed_over(world: World) -> None:
    plan = world.deployer().plan_rollback()
    assert plan.release is not None
    assert plan.release.version == "v1.0.0"


def test_a_release_that_failed_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.deployer().plan_rollback(to="v1.1.0")
    assert "v1.0.0" in caught.value.next_step
    assert "v1.1.0" not in caught.value.next_step


def rolled_back(world: World, **how: bool) -> None:
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback(**how))
    assert result.exit_code is ExitCode.RELEASED, world.story()


def test_what_a_rollback_has_left_is_withdrawn() -> None:
    world = serving("v1.0.0", "v1.1.0")
    rolled_back(world)
    assert world.weights() == {"app": {"v1.0.0": 100}}
    for to in (None, "v1.1.0"):
        with pytest.raises(Refused) as caught:
            world.deployer().plan_rollback(to=to)
        assert "v1.1.0" not in caught.value.next_step
    assert "a rollback has left it" in caught.value.what
    release(world, "v1.1.0")
    release(world, "v1.2.0")
    rolled_back(world)
    assert world.weights() == {"app": {"v1.1.0": 100}}, "promoted again, it counts again"


def test_two_rollbacks_go_two_releases_back() -> None:
    world = serving("v1.0.0", "v1.1.0", "v1.2.0")
    rolled_back(world)
    rolled_back(world)
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_what_a_rollback_to_a_kept_blue_has_left_is_withdrawn() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=QUICK + '\n[stacks.sim.retire]\nkeep_blue = "until-next"\n')
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED
    with pytest.raises(Refused, match="a rollback has left it"):
        world.deployer().plan_rollback(to="v1.1.0")


def new_host(world: World) -> None:
    """`pulumi up` made a new version of the launch template the default."""
    ec2, template = world.raw("ec2"), world.contract.tier(Tier.APP).launch_template_id
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"ImageId": "ami-2"})
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")


def host(world: World) -> int | None:
    live = world.deployer().observe().of(Tier.APP).live
    assert live is not None
    assert live.group is not None
    return live.group.launch_template_version


@pytest.mark.parametrize(("asked", "number"), [(False, 1), (True, 2)])
def test_the_host_that_was_verified_returns_too(*, asked: bool, number: int) -> None:
    world = serving("v1.0.0")
    new_host(world)
    release(world, "v1.1.0")
    assert host(world) == 2
    rolled_back(world, new_host=asked)
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert host(world) == number


def test_a_new_host_alone_is_a_release_that_can_be_rolled_back() -> None:
    world = serving("v1.0.0")
    new_host(world)
    release(world, "v1.0.0")
    rolled_back(world)
    assert host(world) == 1


def test_a_host_that_is_gone_is_named() -> None:
    world = serving("v1.0.0")
    new_host(world)
    release(world, "v1.1.0")
    world.cloud.templates.find(world.contract.tier(Tier.APP).launch_template_id).versions.pop(1)
    with pytest.raises(Refused, match=r"the host that v1\.0\.0 was verified on is gone") as caught:
        world.deployer().plan_rollback()
    assert "version 1 of lt-" in str(caught.value)
    assert "--new-host" in caught.value.next_step
    rolled_back(world, new_host=True)


def test_a_host_whose_image_is_gone_is_named_before_anything_changes() -> None:
    """By doctor, at preflight of a release, and of the rollback that would launch it."""
    world = serving("v1.0.0")
    new_host(world)
    release(world, "v1.1.0")
    world.raw("ec2").deregister_image(ImageId="ami-1")
    assert examined(world).ok
    deployer = world.deployer()
    with pytest.raises(Refused) as caught:
        deployer.run(deployer.plan_rollback())
    (fault,) = caught.value.faults
    assert fault.where.startswith("app: launch template lt-")
    assert fault.where.endswith(" version 1")
    assert fault.problem == "its machine image ami-1 does not exist any more"
    assert "--new-host" in fault.allowed
    assert world.weights() == {"app": {"v1.1.0": 100}}
    rolled_back(world, new_host=True)
    world.raw("ec2").deregister_image(ImageId="ami-2")
    plan = world.deployer().plan_promotion("v1.2.0")
    said = release_forecast(plan, world.contract, world.policy, world.ports()).foreseen
    assert [words.partition(" as it runs: ")[::2] for words in said[1:]] == [
        (
            "app: v1.0.0 cannot be built again once its fleet is deleted",
            "machine image ami-2 is gone (rollback --new-host)",
        )
    ]
    assert said[0].endswith("its machine image ami-2 does not exist any more: `promote` refuses it")
    assert "ami-2 does not exist any more" in examined(world).words
    deployer = world.deployer()
    with pytest.raises(Refused, match="may not start"):
        deployer.run(deployer.plan_promotion("v1.2.0"))
    assert world.weights() == {"app": {"v1.0.0": 100}}


def examined(world: World) -> Check:
    checks = examine(world.contract, world.policy, world.ports())
    return next(one for one in checks if one.name == "launch template app")


def test_plan_says_what_a_rollback_would_lack_once_blue_is_deleted() -> None:
    world = serving("v1.0.0")
    new_host(world)
    repository = "sportcoach-platform"
    world.raw("ecr").batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "v1.0.0"}])
    world.cloud.templates.find(world.contract.tier(Tier.APP).launch_template_id).versions.pop(1)
    plan = world.deployer().plan_promotion("v1.1.0")
    image, host = release_forecast(plan, world.contract, world.policy, world.ports()).foreseen
    assert f"repository {repository} holds no image tagged v1.0.0" in image
    assert "version 1 of lt-" in host
    kept = parse_policy(QUICK + '\n[stacks.x.retire]\nkeep_blue = "until-next"\n', stack="x", source="x")
    assert release_forecast(plan, world.contract, kept, world.ports()).foreseen == ()
