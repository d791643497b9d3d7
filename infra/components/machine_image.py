"""The image that hosts are launched from: baked every month, or Ubuntu's own (E2 to E4, S5).

A baked image has packages and agents on it: a boot configures, pulls and starts, and needs no archive.
A new one reaches hosts only when its id is entered in the stack's settings, and by a release.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.components.encryption import Encryption
from infra.documents.trust import service_trust
from infra.documents.user_data import script
from infra.environment import Environment
from infra.settings import ROOT, MachineImageSettings, Settings

UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
"""Canonical's own parameter for Ubuntu 22.04 LTS."""
PARENT = "image/ubuntu-server-22-lts-x86/x.x.x"
"""Image Builder's managed image of it: the newest at each build."""
DISK_GB = 16
"""Less than the smallest disk of a tier: EC2 launches no instance on a smaller disk than its image's."""
LOOK = """set -e
systemctl is-active docker
test -e /var/lib/sportcoach/installed
command -v aws prometheus prometheus-node-exporter amazon-cloudwatch-agent-ctl
apt-mark showhold | grep -x docker.io"""
"""What a finished image must show; the build fails where a line does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineImageArgs:
    """Where an image is built: a private subnet with a way out, and the group of a tier."""

    settings: MachineImageSettings
    keys: Encryption
    subnet_id: pulumi.Input[str]
    security_group_id: pulumi.Input[str]


class MachineImage(Component):
    """`id` is the image of the launch templates, resolved at `pulumi up`: tomorrow's host is today's."""

    def __init__(self, name: str, environment: Environment, args: MachineImageArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.id: pulumi.Input[str] = args.settings.ami or self._ubuntu()
        if args.settings.bake:
            self._pipeline(self._recipe(), self._place(), self._distribution())
        self.register_outputs({"id": self.id})

    def _ubuntu(self) -> pulumi.Output[str]:
        found = aws.ssm.get_parameter_output(
            name=UBUNTU,
            opts=pulumi.InvokeOutputOptions(parent=self, provider=self.environment.providers.main),
        )
        image: pulumi.Output[str] = found.insecure_value
        return image

    def _recipe(self) -> aws.imagebuilder.ImageRecipe:
        data, key = component_document(self.environment.region), self._args.keys.data.arn
        version = version_of(data)
        component = aws.imagebuilder.Component(
            self.name,
            name=f"{self.environment.name}-host",
            platform="Linux",
            version=version,
            data=data,
            kms_key_id=key,
            opts=self.options(),
        )
        aws_owned = f"arn:aws:imagebuilder:{self.environment.region}:aws"
        return aws.imagebuilder.ImageRecipe(
            self.name,
            name=f"{self.environment.name}-host",
            version=version,
            parent_image=f"{aws_owned}:{PARENT}",
            components=[
                {"component_arn": f"{aws_owned}:component/update-linux/x.x.x"},
                {"component_arn": component.arn},
            ],
            block_device_mappings=[
                {
                    "device_name": "/dev/sda1",
                    "ebs": {
                        "volume_size": DISK_GB,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "kms_key_id": key,
                        "delete_on_termination": "true",
                    },
                }
            ],
            opts=self.options(),
        )

    def _place(self) -> aws.imagebuilder.InfrastructureConfiguration:
        role = self.role(
            "builder",
            trust=service_trust("ec2.amazonaws.com", account_id=self.environment.account_id),
            managed=["EC2InstanceProfileForImageBuilder", "AmazonSSMManagedInstanceCore"],
        )
        profile = aws.iam.InstanceProfile(self.name, role=role.name, opts=self.options())
        return aws.imagebuilder.InfrastructureConfiguration(
            self.name,
            name=f"{self.environment.name}-host",
            instance_profile_name=profile.name,
            instance_types=["t3.medium"],
            subnet_id=self._args.subnet_id,
            security_group_ids=[self._args.security_group_id],
            instance_metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
            terminate_instance_on_failure=True,
            opts=self.options(),
        )

    def _distribution(self) -> aws.imagebuilder.DistributionConfiguration:
        image = {
            "name": f"{self.environment.name}-host-{{{{ imagebuilder:buildDate }}}}",
            "kms_key_id": self._args.keys.data.arn,
        }
        return aws.imagebuilder.DistributionConfiguration(
            self.name,
            name=f"{self.environment.name}-host",
            distributions=[
                {"region": self.environment.region, "ami_distribution_configuration": image},
            ],
            opts=self.options(),
        )

    def _pipeline(
        self,
        recipe: aws.imagebuilder.ImageRecipe,
        place: aws.imagebuilder.InfrastructureConfiguration,
        distribution: aws.imagebuilder.DistributionConfiguration,
    ) -> None:
        aws.imagebuilder.ImagePipeline(
            self.name,
            name=f"{self.environment.name}-host",
            image_recipe_arn=recipe.arn,
            infrastructure_configuration_arn=place.arn,
            distribution_configuration_arn=distribution.arn,
            schedule={"schedule_expression": "cron(0 3 1 * ? *)", "timezone": "Asia/Tokyo"},
            # Inspector's findings of an image reach whoever gets those of hosts (M8).
            image_scanning_configuration={"image_scanning_enabled": self._args.settings.scan},
            image_tests_configuration={"image_tests_enabled": True, "timeout_minutes": 60},
            enhanced_image_metadata_enabled=True,
            opts=self.options(),
        )


def missing_image(settings: Settings, environment: Environment) -> list[str]:
    """What is wrong with a baked image that is gone: launches would fail, fleet by fleet, later."""
    ami = settings.machine_image.ami
    if not ami:
        return []
    found = aws.ec2.get_ami_ids(
        owners=["self"],
        filters=[{"name": "image-id", "values": [ami]}],
        opts=pulumi.InvokeOptions(provider=environment.providers.main),
    )
    if ami in found.ids:
        return []
    pipeline = f"aws imagebuilder list-images --filters name=name,values={environment.name}-host"
    problem = f"{ami} is not an image of this account in {settings.region}"
    allowed = f"one that `{pipeline}` leads to, or no `ami`"
    return [f"{ROOT}: machine_image.ami: {problem} (allowed: {allowed})"]


def component_document(region: str) -> str:
    """What Image Builder runs: the script that boot.sh runs where there is no image; then a look at it.

    JSON is YAML. Unlike a boot, a build accepts neither another version nor the lack of an agent.
    """
    build = "\n".join(
        [
            "#!/bin/bash",
            f"AWS_REGION={region}",
            "BOOT_BUDGET_SECONDS=1800",
            script("install.sh"),
            "install_host",
            "pins_hold",
            "install_cloudwatch_agent",
        ]
    )
    return json.dumps(
        {
            "name": "sportcoach-host",
            "schemaVersion": 1.0,
            "phases": [{"name": "build", "steps": [_step("Install", build)]},
                       {"name": "validate", "steps": [_step("Look", LOOK)]}],
        }
    )  # fmt: skip


def version_of(data: str) -> str:
    """Components and recipes never change, so other content is another version (each part below 2^30)."""
    return f"1.0.{int(hashlib.sha256(data.encode()).hexdigest()[:7], 16)}"


def _step(name: str, commands: str) -> dict[str, object]:
    return {"name": name, "action": "ExecuteBash", "inputs": {"commands": [commands]}}
