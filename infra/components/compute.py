"""What a fleet is built from: launch template, instance role and logs of one tier (E2, E3, E4, A1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bluegreen.contract import MANAGED_BY, MODEL_FILE, MODEL_PREFIX, Tag, Tier, host_namespace
from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.documents.policies import Statement, allow
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
            statements=self._statements(),
            managed=["AmazonSSMManagedInstanceCore"],
        )

    def _statements(self) -> list[Statement]:
        args = self._args
        statements = [*self._boot_statements(), *self._metric_statements()]
        if args.secret_names:
            statements += self._secret_statements()
        storage = storage_statements(args.settings.roles, args.storage)
        if storage:
            key = allow(
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [args.keys.data.arn],
                sid="ObjectsKey",
                condition=self._via("s3"),
            )
            statements += [*storage, key]
        return statements

    def _via(self, service: str) -> dict[str, dict[str, str]]:
        """The key may be used through one service only."""
        return {"StringEquals": {"kms:ViaService": f"{service}.{self.environment.region}.amazonaws.com"}}

    def _boot_statements(self) -> list[Statement]:
        """Entry into service, image, configuration and logs."""
        args, environment = self._args, self.environment
        group = f"autoScalingGroup:*:autoScalingGroupName/sc-{environment.stack}-{args.tier}-*"
        fleets = environment.arn("autoscaling", group)
        return [
            # It lets itself in once it serves.
            allow(
                ["autoscaling:CompleteLifecycleAction"],
                [fleets],
                sid="EnterService",
                condition={"StringEquals": {f"autoscaling:ResourceTag/{Tag.MANAGED_BY}": MANAGED_BY}},
            ),
            allow(["autoscaling:DescribeAutoScalingInstances"], ["*"], sid="ServiceState"),
            # The token itself grants nothing; the action takes no resource.
            allow(["ecr:GetAuthorizationToken"], ["*"], sid="RegistryLogin"),
            allow(
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [environment.arn("ecr", f"repository/{args.settings.image_repository}")],
                sid="Pull",
            ),
            allow(
                ["ssm:GetParametersByPath"],
                [environment.arn("ssm", f"parameter{environment.path}/config")],
                sid="Configuration",
            ),
            allow(
                ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                [environment.arn("logs", f"log-group:{environment.path}/{args.tier}*:*")],
                sid="Logs",
            ),
        ]

    def _metric_statements(self) -> list[Statement]:
        namespaces = [host_namespace(self.environment.stack), "SportCoach/AI"]
        return [
            allow(
                ["cloudwatch:PutMetricData"],
                ["*"],
                sid="Metrics",
                condition={"StringEquals": {"cloudwatch:namespace": namespaces}},
            ),
            allow(["aps:RemoteWrite"], [self._args.metrics_arn], sid="Prometheus"),
        ]

    def _secret_statements(self) -> list[Statement]:
        args, environment = self._args, self.environment
        secrets = [environment.arn("secretsmanager", f"secret:{name}-??????") for name in args.secret_names]
        return [
            allow(["secretsmanager:GetSecretValue"], secrets, sid="Secrets"),
            allow(
                ["kms:Decrypt"],
                [args.keys.data.arn],
                sid="SecretsKey",
                condition=self._via("secretsmanager"),
            ),
        ]


def storage_statements(roles: Sequence[Role], storage: Storage) -> list[Statement]:
    """The application stores uploads; AI reads models and adds feedback to the training data (S6, S7)."""
    statements: list[Statement] = []
    if Role.APP in roles:
        statements.append(
            allow(
                ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [f"{storage.assets.arn}/*"], sid="Assets"
            )
        )
    if Role.AI in roles:
        statements += [
            allow(["s3:GetObject"], [f"{storage.models.arn}/{MODEL_PREFIX}*"], sid="Models"),
            allow(["s3:PutObject"], [f"{storage.training_data.arn}/feedback/*"], sid="Feedback"),
        ]
    return statements
