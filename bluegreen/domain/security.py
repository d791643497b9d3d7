"""Vulnerabilities: what a scan of an image found, and the versions that are not released again (R5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bluegreen.domain.release import Image


class ScanStatus(StrEnum):
    """How far the registry has looked into an image."""

    COMPLETE = "complete"
    PENDING = "pending"
    NONE = "none"
    """Nobody has scanned it, or the scan is too old to be kept."""
    FAILED = "failed"
    """The scanner cannot read it, or gave up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One critical finding."""

    id: str
    """E.g. `CVE-2026-1234`."""
    package: str = ""
    fixed_in: str = ""
    """Versions of the package without it, where they are known."""

    @property
    def words(self) -> str:
        """E.g. `CVE-2026-1234 in openssl 3.0.1 (fixed in 3.0.9)`."""
        where = f" in {self.package}" if self.package else ""
        return f"{self.id}{where}" + (f" (fixed in {self.fixed_in})" if self.fixed_in else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is known about one image."""

    status: ScanStatus
    critical: tuple[Vulnerability, ...] = ()
    detail: str = ""
    """The registry's own words where it has not scanned the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """A version that is not released again, and why."""

    version: str
    digests: tuple[str, ...]
    """Images that only this version runs: the same image under another tag is banned too."""
    finding: str
    reason: str = ""
    by: str = ""
    at: float = 0.0
    """Epoch seconds; while it is only planned, nobody has banned it yet."""

    def covers(self, version: str, images: Iterable[Image]) -> bool:
        """Whether a release of `version` with these images is this one."""
        return version == self.version or any(image.digest in self.digests for image in images)

    @property
    def words(self) -> str:
        """E.g. `v1.1.0 is banned because of CVE-2026-1234 (by alice: it leaks sessions)`."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.version} is banned because of {self.finding} (by {self.by}{why})"
