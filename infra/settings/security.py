"""Settings of the protection that costs by the hour or the host (S5)."""

from __future__ import annotations

from infra.settings.fields import Section


class SecuritySettings(Section):
    """Beside what every stack has: trail, threat detection, encryption, unattended upgrades."""

    patching: bool
    """Whether Patch Manager checks the hosts every week."""
    inspector: bool
    """Whether Inspector scans hosts and images for vulnerabilities, and critical ones page."""
    runtime_monitoring: bool
    """Whether GuardDuty watches the processes of the hosts."""
