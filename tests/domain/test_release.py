"""What is released: a version per tier."""

from __future__ import annotations

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.release import Color, Release, TierRelease
from tests.domain.stacks import image


def test_a_release_knows_what_each_of_its_tiers_runs() -> None:
    part = TierRelease(tier=Tier.AI, version="v2", image=image("v2"))
    release = Release(version="v2", tiers=(part,))
    assert release.of(Tier.AI) == part
    with pytest.raises(KeyError):
        release.of(Tier.APP)


def test_the_colors_are_what_tags_and_journals_say() -> None:
    assert [str(color) for color in Color] == ["blue", "green"]
