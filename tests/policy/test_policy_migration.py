"""A migration on a host is a task in the release's own image."""

from __future__ import annotations

import pytest

from bluegreen.errors import ConfigError
from bluegreen.policy import Migration, parse_policy
from tools.recording import REPOSITORY

GOOD = "sportcoach-run {image} -- npm run migrate:prod --to={version}"


def migration(**keys: str) -> Migration | None:
    text = "[migration]\n" + "\n".join(f'{key} = "{value}"' for key, value in keys.items())
    return parse_policy(text, stack="prod", source="deploy.toml").migration


def test_a_task_of_the_new_image_is_accepted() -> None:
    found = migration(command=GOOD, check=GOOD, down=GOOD)
    assert found
    assert (found.command, found.check, found.down) == (GOOD, GOOD, GOOD)


@pytest.mark.parametrize("key", ["command", "check", "down"])
def test_without_the_image_it_would_run_old_code(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        migration(**{"command": GOOD, key: "docker exec sportcoach npm run migrate"})
    (fault,) = caught.value.faults
    assert f"{key} does not name {{image}}, so it would run the previous release's code" in str(fault)
    assert '"sportcoach-run {image} -- npm run migrate"' in str(fault)


@pytest.mark.parametrize(
    "command",
    ["docker run {image} true", "sportcoach-run {image} true", f"{GOOD}; id", f"{GOOD} $(id)", f"{GOOD} | sh",
     "sportcoach-run {image} --", "sportcoach-run {image} -- `id`", "sportcoach-run {image} -- {image}"],
)  # fmt: skip
def test_no_shell_reads_a_task(command: str) -> None:
    with pytest.raises(ConfigError, match="no shell reads it"):
        migration(command=command)


def test_a_local_command_is_any_shell_command() -> None:
    found = migration(run="local", command="make migrate && echo done")
    assert found
    assert found.command == "make migrate && echo done"


@pytest.mark.parametrize("stack", ["test", "prod"])
def test_the_shipped_migrations_run_the_new_image(stack: str) -> None:
    text = (REPOSITORY / "deploy.toml").read_text(encoding="utf-8")
    found = parse_policy(text, stack=stack, source="deploy.toml").migration
    assert found
    assert found.command.startswith("sportcoach-run {image} -- npm run migrate:")
    assert found.down.startswith("sportcoach-run {image} -- ")
