"""What a fleet is built from: launch template, instance role and logs of one tier (E2, E3, E4, A1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bluegreen.contract import MODEL_FILE, MODEL_PREFIX, Tier, host_namespace
from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.documents.instance_policy import InstanceRights, instance_statements
from infra.documents.trust import service_trust
from infra.documents.user_data import BootVariables, encode, render
from infra.environment import Environment
from infra.settings import Role, TierSettings

ACCEPTED: Findings = {
    (
        "CKV_AWS_88",
        "compute-web",
    ): "The strategy puts web servers into public subnets (E2); only the balancer reaches their port",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeArgs:
    """`secret_names` are Secrets Manager names that the tier's containers may read."""

    tier: Tier
    settings: TierSettings
    security_group_id: pulumi.Input[str]
    image_id: pulumi.Input[str]
    keys: Encryption
    storage: Storage
    secret_names: Sequence[str]
    metrics_url: pulumi.Output[str]
    metrics_arn: pulumi.Output[str]
    log_days: int


class Compute(Component):
    """One tier. sc-deploy owns the fleets: it launches them from a pinned version of `template`."""

    def __init__(self, name: str, environment: Environment, args: ComputeArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        path = f"{environment.path}/{args.tier}"
        self.logs = self.log_group("logs", path, days=args.log_days, key=args.keys.logs.arn)
        self.security_log_group = self.log_group(
            "security", f"{path}/security", days=args.log_days, key=args.keys.logs.arn
        )
        self.instance_role = self._role()
        self.template = self._template()
        self.register_outputs({"template": self.template.id, "role": self.instance_role.arn})

    @property
    def has_model(self) -> bool:
        return Role.AI in self._args.settings.roles

    def _template(self) -> aws.ec2.LaunchTemplate:
        args, settings = self._args, self._args.settings
        profile = aws.iam.InstanceProfile(self.name, role=self.instance_role.name, opts=self.options())
        return aws.ec2.LaunchTemplate(
            self.name,
            description=f"SportCoach {self.environment.stack} {args.tier}",
            image_id=args.image_id,
            instance_type=settings.instance_type,
            update_default_version=True,
            ebs_optimized="true",
            iam_instance_profile={"arn": profile.arn},
            monitoring={"enabled": True},
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "enabled",
            },
            block_device_mappings=[
                {
                    "device_name": "/dev/sda1",
                    "ebs": {
                        "volume_size": settings.disk_gb,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "kms_key_id": args.keys.data.arn,
                        "delete_on_termination": "true",
                    },
                }
            ],
            network_interfaces=[
                {
                    "device_index": 0,
                    "associate_public_ip_address": "true" if settings.public else "false",
                    "delete_on_termination": "true",
                    "security_groups": [args.security_group_id],
                }
            ],
            user_data=self._user_data(),
            opts=self.options(),
        )

    def _user_data(self) -> pulumi.Output[str]:
        args, environment = self._args, self.environment
        model = (args.storage.models.bucket, MODEL_PREFIX, MODEL_FILE) if self.has_model else ("", "", "")
        return args.metrics_url.apply(
            lambda metrics_url: encode(
                render(
                    BootVariables(
                        stack=environment.stack,
                        tier=args.tier,
                        roles=",".join(args.settings.roles),
                        aws_region=environment.region,
                        port=args.settings.port,
                        health_path=args.settings.health_check.path,
                        boot_budget_seconds=args.settings.boot_budget_seconds,
                        namespace=host_namespace(environment.stack),
                        log_group=f"{environment.path}/{args.tier}",
                        security_log_group=f"{environment.path}/{args.tier}/security",
                        config_path=f"{environment.path}/config",
                        secret_names=" ".join(args.secret_names),
                        metrics_url=metrics_url,
                        model_bucket=model[0],
                        model_prefix=model[1],
                        model_file=model[2],
                    )
                )
            )
        )

    def _role(self) -> aws.iam.Role:
        return self.role(
            "instance",
            trust=service_trust("ec2.amazonaws.com", account_id=self.environment.account_id),
            statements=instance_statements(self.environment, self._rights()),
            managed=["AmazonSSMManagedInstanceCore"],
        )

    def _rights(self) -> InstanceRights:
        args = self._args
        return InstanceRights(
            tier=args.tier,
            settings=args.settings,
            secret_names=args.secret_names,
            metrics_arn=args.metrics_arn,
            data_key=args.keys.data.arn,
            assets=args.storage.assets.arn,
            models=args.storage.models.arn,
            training_data=args.storage.training_data.arn,
        )
