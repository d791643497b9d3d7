"""What is released: a version per tier, as an image digest and, for AI, a model digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bluegreen.contract import Tier

FULL = 100
"""All traffic, in percent; ALB weights run 0-999 and only their ratio counts."""


_NUMBER = r"(?:0|[1-9][0-9]*)"
_PART = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PART}(?:\.{_PART})*)?")


def is_release_version(text: str) -> bool:
    """Whether `text` is vX.Y.Z or a pre-release of it (Semantic Versioning 2.0.0, items 2 and 9).

    Build metadata (item 10) begins with a "+", which no image tag may hold.
    """
    return _VERSION.fullmatch(text) is not None


class Color(StrEnum):
    """The role of a fleet: blue serves when the deployment begins, green is the candidate."""

    BLUE = "blue"
    GREEN = "green"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container image pinned by digest; `uri` is what an instance pulls."""

    repository: str
    tag: str
    digest: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An AI model version and the SHA-256 (hex) its file must have."""

    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRelease:
    """What one tier runs."""

    tier: Tier
    version: str
    image: Image
    model: Model | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release: its name and what each released tier runs, in tier order."""

    version: str
    tiers: tuple[TierRelease, ...]

    def of(self, tier: Tier) -> TierRelease:
        """What `tier` runs; raises KeyError for a tier that is not part of the release."""
        return {item.tier: item for item in self.tiers}[tier]
