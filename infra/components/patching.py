"""The patch baseline and the weekly window in which hosts are held against it (S5)."""

from __future__ import annotations

import pulumi_aws as aws

from infra.component import Component
from infra.environment import Environment


class Patching(Component):
    """A report on Sunday nights in Tokyo of what a host lacks; a release brings it, with a new image."""

    def __init__(self, name: str, environment: Environment) -> None:
        super().__init__(name, environment)
        self._baseline()
        self._patch_fleets(self._window())
        self.register_outputs({})

    def _baseline(self) -> None:
        baseline = aws.ssm.PatchBaseline(
            self.name,
            name=self.environment.name,
            operating_system="UBUNTU",
            approval_rules=[
                {
                    "enable_non_security": False,
                    "compliance_level": "HIGH",
                    "patch_filters": [
                        {"key": "PRODUCT", "values": ["Ubuntu22.04"]},
                        {"key": "PRIORITY", "values": ["Required", "Important", "Standard"]},
                    ],
                }
            ],
            opts=self.options(),
        )
        if self.environment.account_wide:
            # sc-deploy creates the fleets, so they use the account's default baseline.
            aws.ssm.DefaultPatchBaseline(
                self.name, baseline_id=baseline.id, operating_system="UBUNTU", opts=self.options()
            )

    def _window(self) -> aws.ssm.MaintenanceWindow:
        return aws.ssm.MaintenanceWindow(
            self.name,
            name=f"{self.environment.name}-patching",
            schedule="cron(0 4 ? * SUN *)",
            schedule_timezone="Asia/Tokyo",
            duration=3,
            cutoff=1,
            opts=self.options(),
        )

    def _patch_fleets(self, window: aws.ssm.MaintenanceWindow) -> None:
        fleet = aws.ssm.MaintenanceWindowTarget(
            self.name,
            window_id=window.id,
            name="fleets",
            resource_type="INSTANCE",
            targets=[{"key": "tag:sportcoach:stack", "values": [self.environment.stack]}],
            opts=self.options(),
        )
        aws.ssm.MaintenanceWindowTask(
            self.name,
            window_id=window.id,
            name="patch",
            task_type="RUN_COMMAND",
            task_arn="AWS-RunPatchBaseline",
            priority=1,
            max_concurrency="1",
            max_errors="1",
            targets=[{"key": "WindowTargetIds", "values": [fleet.id]}],
            task_invocation_parameters={
                "run_command_parameters": {
                    "parameters": [
                        # Not `Install`: upgrades under live traffic stop what serves.
                        {"name": "Operation", "values": ["Scan"]},
                    ],
                    "timeout_seconds": 3600,
                }
            },
            opts=self.options(),
        )
