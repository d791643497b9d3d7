"""What is released: a version per tier."""

from __future__ import annotations

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.release import Color, Release, TierRelease, is_release_version
from tests.domain.stacks import image


def test_a_release_knows_what_each_of_its_tiers_runs() -> None:
    part = TierRelease(tier=Tier.AI, version="v2", image=image("v2"))
    release = Release(version="v2", tiers=(part,))
    assert release.of(Tier.AI) == part
    with pytest.raises(KeyError):
        release.of(Tier.APP)


def test_the_colors_are_what_tags_and_journals_say() -> None:
    assert [str(color) for color in Color] == ["blue", "green"]


@pytest.mark.parametrize(
    "version", ["v1.4.0", "v0.0.0", "v10.20.30", "v1.4.0-rc.1", "v1.4.0-test.17", "v1.4.0-0a", "v1.4.0--"]
)
def test_p6_release_versions(version: str) -> None:
    assert is_release_version(version)


@pytest.mark.parametrize(
    "version",
    ["v1", "v1.4", "1.4.0", "V1.4.0", "v01.4.0", "v1.4.0.1", "v1.4.0-", "v1.4.0-01", "v1.4.0-rc..1", "latest",
     "v1.4.0+build", "v1.4.0\n", " v1.4.0", "v1.4.0_1", "build-4f2a", "v१.4.0", ""],
)  # fmt: skip
def test_p6_names_that_are_no_release_version(version: str) -> None:
    assert not is_release_version(version)
