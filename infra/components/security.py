"""Once per account: trail, threat detection, scanning; and for each stack: patching (S4, S5, M8)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.alerts import Alerts
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.documents.event_patterns import GUARDDUTY, INSPECTOR
from infra.documents.policies import allow, service_trust
from infra.environment import Environment

DETECTOR_FEATURES = ("EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "S3_DATA_EVENTS")


ACCEPTED: Findings = {
    (
        "CKV2_AWS_3",
        "security",
    ): "The account has its own detector; organisation-wide ones are the management account's",
    (
        "CKV_AWS_252",
        "security",
    ): "Nobody reads one mail per log file: GuardDuty watches the trail and its findings are sent on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityBaselineArgs:
    """Where findings go and logs are kept."""

    keys: Encryption
    storage: Storage
    alerts: Alerts
    log_days: int


class SecurityBaseline(Component):
    """Account-wide services if the stack owns the account; patching in every stack."""

    def __init__(self, name: str, environment: Environment, args: SecurityBaselineArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.audit_log: aws.cloudwatch.LogGroup | None = None
        if environment.account_wide:
            self.audit_log = self._trail()
            self._detector()
            self._account_defaults()
        self._findings()
        self._patching()
        self.register_outputs({})

    def _trail(self) -> aws.cloudwatch.LogGroup:
        environment, args = self.environment, self._args
        group = self.log_group(
            "audit", f"{environment.path}/audit", days=args.log_days, key=args.keys.logs.arn
        )
        role = self.role(
            "trail",
            trust=service_trust("cloudtrail.amazonaws.com", account_id=environment.account_id),
            statements=[
                allow(["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(group.arn, ":*")])
            ],
        )
        aws.cloudtrail.Trail(
            self.name,
            name=environment.name,
            s3_bucket_name=args.storage.logs.id,
            s3_key_prefix="trail",
            kms_key_id=args.keys.logs.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            cloud_watch_logs_group_arn=pulumi.Output.concat(group.arn, ":*"),
            cloud_watch_logs_role_arn=role.arn,
            # Who read or wrote training data and models, object by object (S6, S7).
            advanced_event_selectors=[
                {
                    "name": "management",
                    "field_selectors": [{"field": "eventCategory", "equals": ["Management"]}],
                },
                {
                    "name": "training-data-and-models",
                    "field_selectors": [
                        {"field": "eventCategory", "equals": ["Data"]},
                        {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                        {
                            "field": "resources.ARN",
                            "starts_withs": [f"{arn}/" for arn in args.storage.audited],
                        },
                    ],
                },
            ],
            opts=self.options(protect=True, depends_on=[args.storage.logs.policy]),
        )
        return group

    def _detector(self) -> None:
        detector = aws.guardduty.Detector(
            self.name, enable=True, finding_publishing_frequency="FIFTEEN_MINUTES", opts=self.options()
        )
        for feature in DETECTOR_FEATURES:
            aws.guardduty.DetectorFeature(
                f"{self.name}-{feature.lower().replace('_', '-')}",
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
                opts=self.options(),
            )
        # Intrusion detection on the hosts; the agent is installed through SSM.
        aws.guardduty.DetectorFeature(
            f"{self.name}-runtime",
            detector_id=detector.id,
            name="RUNTIME_MONITORING",
            status="ENABLED",
            additional_configurations=[
                {"name": "EC2_AGENT_MANAGEMENT", "status": "ENABLED"},
                {"name": "ECS_FARGATE_AGENT_MANAGEMENT", "status": "DISABLED"},
                {"name": "EKS_ADDON_MANAGEMENT", "status": "DISABLED"},
            ],
            opts=self.options(),
        )

    def _account_defaults(self) -> None:
        aws.inspector2.Enabler(
            self.name,
            account_ids=[self.environment.account_id],
            resource_types=["EC2", "ECR"],
            opts=self.options(),
        )
        aws.accessanalyzer.Analyzer(
            self.name, analyzer_name=self.environment.name, type="ACCOUNT", opts=self.options()
        )
        aws.ebs.EncryptionByDefault(self.name, enabled=True, opts=self.options())
        aws.ebs.DefaultKmsKey(self.name, key_arn=self._args.keys.data.arn, opts=self.options())
        aws.s3.AccountPublicAccessBlock(
            self.name,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.options(),
        )
        aws.iam.AccountPasswordPolicy(
            self.name,
            minimum_password_length=16,
            require_lowercase_characters=True,
            require_uppercase_characters=True,
            require_numbers=True,
            require_symbols=True,
            max_password_age=90,
            password_reuse_prevention=24,
            allow_users_to_change_password=True,
            opts=self.options(),
        )

    def _findings(self) -> None:
        """Findings of GuardDuty and Inspector page whoever is on call (M8)."""
        for source, pattern in (("guardduty", GUARDDUTY), ("inspector", INSPECTOR)):
            self.notify(
                f"{self.name}-{source}",
                f"Security findings of {source}",
                pattern=pattern,
                topic_arn=self._args.alerts.critical.arn,
            )

    def _patching(self) -> None:
        """A report on Sunday nights in Tokyo of what a host lacks; a release brings it, with a new image."""
        self._baseline()
        self._patch_fleets(self._window())

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
