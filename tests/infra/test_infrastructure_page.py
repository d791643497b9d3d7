"""docs/infrastructure.md: what a person types there fits the program."""

from __future__ import annotations

import re

import pytest

from infra.components.load_balancer import IDLE_SECONDS
from infra.settings import RESERVED_PARAMETERS
from tools.recording import REPOSITORY, STACKS, recorded, settings_of

PAGE = (REPOSITORY / "docs" / "infrastructure.md").read_text(encoding="utf-8")


def engines(urn: str) -> str:
    """The engine leaves the root stack out of the types in a URN; the SDK's mocks do not."""
    return urn.replace("pulumi:pulumi:Stack$", "")


def test_every_target_of_an_update_exists_and_so_do_the_components_above_it() -> None:
    """The engine refuses a target whose parent or provider is not a target as well."""
    targets = set(re.findall(r"--target '(urn:[^']+)'", PAGE))
    stack = recorded("prod")
    known = {engines(one.urn): one for one in stack.resources}
    assert targets
    assert targets <= set(known)
    for urn in targets:
        parent = engines(known[urn].parent)
        assert parent in targets or parent.endswith("::pulumi:pulumi:Stack::sportcoach-prod")
        provider = known[urn].provider
        assert not provider or f"urn:pulumi:prod::sportcoach::pulumi:providers:aws::{provider}" in targets


def test_the_steps_are_numbered_in_order_and_each_shows_an_output() -> None:
    begin, end = PAGE.index("## Create one in an empty account"), PAGE.index("## Change one")
    steps = re.split(r"^(\d+)\. ", PAGE[begin:end], flags=re.MULTILINE)[1:]
    assert [int(number) for number in steps[::2]] == list(range(1, len(steps) // 2 + 1))
    # What a person types is followed by what they should see, or by a comment that says it.
    without = []
    for number, text in zip(steps[::2], steps[1::2], strict=True):
        typed = "".join(re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)).replace("\\\n", "")
        lines = [line.strip() for line in typed.splitlines() if line.strip()]
        if not any("  # " in line or not re.match(r"\$ |\w+=> ", line) for line in lines):
            without.append(number)
    assert without == []


@pytest.mark.parametrize("name", ["test", "prod"])
def test_the_application_is_asked_to_keep_connections_longest(name: str) -> None:
    """CloudFront < balancer < application: whoever sends requests closes first."""
    (asked,) = re.findall(r"stay open for \*\*more than (\d+) s\*\*", PAGE)
    (milliseconds,) = re.findall(r"keepAliveTimeout = ([\d_]+)`", PAGE)
    assert int(asked) == IDLE_SECONDS
    assert int(milliseconds.replace("_", "")) / 1000 > IDLE_SECONDS
    (balancer,) = recorded(name).of("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["idleTimeout"] == IDLE_SECONDS
    assert settings_of(name)["edge"]


@pytest.mark.parametrize("name", STACKS)
def test_the_application_is_told_of_every_address_it_gets(name: str) -> None:
    own = settings_of(name)["application"]["parameters"]
    given = {
        one.inputs["name"].rpartition("/")[2]
        for one in recorded(name).of("aws:ssm/parameter:Parameter")
        if "/config/" in one.inputs["name"]
    }
    rows = "".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `"))
    assert given - set(own) >= {"INTERNAL_URL", "SITE_URL"}
    assert given - set(own) <= RESERVED_PARAMETERS, "a parameter of the settings could replace it"
    assert [key for key in sorted(given - set(own)) if f"`{key}`" not in rows] == []
