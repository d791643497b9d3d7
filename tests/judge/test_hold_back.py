"""The last soak before 100 % keeps blue as the control, and no step is cut short unless that is asked for."""

from __future__ import annotations

import pytest

from bluegreen.domain.verdict import Verdict
from bluegreen.errors import ConfigError, ExitCode
from bluegreen.judge.judge import Judge
from bluegreen.judge.settings import Look
from bluegreen.policy import Rollout, parse_policy
from tests.world import World
from tests.world.releasing import QUICK


def test_the_default_ramp_ends_with_five_percent_on_blue() -> None:
    assert Rollout().ramp == (5, 25, 50, 95)
    assert not Rollout().shorten


def test_the_soak_before_full_weight_is_judged_against_the_control_for_its_whole_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every verdict of a real run: what it was told of the step, and what the live rule then said."""
    looks: list[tuple[Look, dict[str, int]]] = []
    world = World(policy=QUICK.replace('ramp = ["50%"]', 'ramp = ["50%", "95%"]'))
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.0.0"))
    world.load(600)
    world.clock.sleep(3)

    given = Judge.look

    def spy(judge: Judge, look: Look) -> Verdict:
        if look.now == world.clock.now():  # and not the replay at the end of the run
            looks.append((look, world.weights()["app"]))
        return given(judge, look)

    monkeypatch.setattr(Judge, "look", spy)
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    soak = [(look, weights) for look, weights in looks if look.last_before_full]
    assert soak
    assert all(weights == {"v1.0.0": 5, "v1.1.0": 95} for _, weights in soak)
    assert soak[-1][0].now - soak[0][0].now >= 6.0
    assert not any(look.shorten for look, _ in looks)
    full = [weights for look, weights in looks if look.full]
    assert full
    assert all(weights == {"v1.1.0": 100} for weights in full)


@pytest.mark.parametrize(
    ("judging", "words"),
    [
        ('latency_limit = "20%"', "latency_acceptable 20.000% is not below latency_limit 20.000%"),
        ('accuracy_drop_limit = "4%"', "accuracy_drop_acceptable 5.000% is not below accuracy_drop_limit"),
        ('burst = "5m"', "judge.burst 300s is not below rollout.bake 300s"),
        ('cold_start = "6m"', "judge.cold_start 360s is not below rollout.bake 300s"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(judging: str, words: str) -> None:
    with pytest.raises(ConfigError) as found:
        parse_policy(f"[judge]\n{judging}\n", stack="prod", source="deploy.toml")
    assert words in str(found.value)
    assert "deploy.toml" in str(found.value)


def test_a_short_step_shortens_the_defaults_with_it() -> None:
    assert parse_policy('[rollout]\nbake = "10s"\nmin_bake = "5s"\n', stack="dev", source="deploy.toml")
