"""`rollback --security` and `bans` at the command line (R5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import SIM, Line, behind
from tests.world import World
from tests.world.releasing import serving

CVE = "CVE-2026-1234"


@pytest.fixture
def banned(line: Line) -> Iterator[World]:
    """v1.0.0 serves again after v1.1.0 was left because of a finding."""
    world = serving("v1.0.0", "v1.1.0")
    with behind(world):
        done, documents = line.json("rollback", *SIM, "--yes", "--security", CVE, "--reason", "it leaks")
        assert done.exit_code == 0, done.output
        assert documents[0]["plan"]["bans"][0]["version"] == "v1.1.0"
        assert f"security finding {CVE}; it leaks" in done.stdout
        yield world


def test_a_banned_version_is_refused_shown_and_allowed_again(line: Line, banned: World) -> None:
    for verb in ("plan", "promote"):
        refused = line(verb, "v1.1.0", *SIM, *(["--yes"] if verb == "promote" else []))
        assert refused.exit_code == 3
        assert f"v1.1.0 is banned because of {CVE} (by anna@desk:1: it leaks)" in refused.stderr
    shown, (document,) = line.json("bans", *SIM)
    assert shown.exit_code == 0
    assert [(one["version"], one["finding"], one["by"]) for one in document["bans"]] == [
        ("v1.1.0", CVE, "anna@desk:1")
    ]
    assert "v1.1.0" in line("bans", *SIM).stdout
    unasked = line("bans", *SIM, "--lift", "v1.1.0")
    assert (unasked.exit_code, "nothing was changed" in unasked.stderr) == (3, True)
    other = line("bans", *SIM, "--lift", "v9", "--yes")
    assert other.exit_code == 3
    assert "v9 is not banned on sim" in other.stderr
    assert "banned versions: v1.1.0" in other.stderr
    assert line("bans", *SIM, "--lift", "v1.1.0", "--yes").exit_code == 0
    assert "no version is banned" in line("bans", *SIM).stdout
    assert line("plan", "v1.1.0", *SIM).exit_code == 0
    assert banned.weights() == {"app": {"v1.0.0": 100}}


@pytest.mark.parametrize("name", ["CVE 1", "; reboot", "x" * 80, "[bold]"])
def test_a_name_that_no_finding_has(line: Line, name: str) -> None:
    refused = line("rollback", *SIM, "--security", name)
    assert refused.exit_code == 2
    assert "is no name of a finding" in refused.stderr
