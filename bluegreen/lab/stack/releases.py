"""The releases that a lab has in its registry: good ones, and one for each way to be bad.

An image carries its behaviour as annotations; `bluegreen.lab.instances.userdata` reads them when an
instance boots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LabRelease:
    """A version, how it behaves, and a description."""

    version: str
    words: str
    platform: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the image that the web and app tiers run."""
    ai: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the image that the AI tier runs."""

    def manifest(self, repository: str, behaviour: Mapping[str, str]) -> str:
        """The image manifest (OCI 1.1) that is pushed to `repository`."""
        document = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "annotations": {
                "org.opencontainers.image.title": repository,
                "lab.version": self.version,
                **behaviour,
            },
        }
        return json.dumps(document, sort_keys=True)


_TWO_PERCENT = {"lab.errors": "0.02"}
_SLOW = {"lab.latency": "1.6"}

RELEASES = (
    LabRelease(version="v1.0.0", words="good"),
    LabRelease(version="v1.1.0", words="good"),
    LabRelease(
        version="v1.2.0", words="2 % of its responses are errors", platform=_TWO_PERCENT, ai=_TWO_PERCENT
    ),
    LabRelease(version="v1.3.0", words="60 % slower", platform=_SLOW, ai=_SLOW),
    LabRelease(
        version="v1.4.0", words="a key function fails: /api/login", platform={"lab.broken": "/api/login"}
    ),
    LabRelease(version="v1.5.0", words="the AI tier is right 25 % less often", ai={"lab.accuracy": "0.675"}),
    LabRelease(version="v1.6.0", words="never becomes healthy", platform={"lab.healthy": "false"}),
    LabRelease(version="v2.0.0", words="good"),
)

MODELS: Mapping[str, bytes] = {
    "m1": b"SportCoach lab model m1\n" * 64,
    "m2": b"SportCoach lab model m2\n" * 64,
}
"""Model versions and their files."""
