"""What containers read when they start: parameters in SSM, secrets in Secrets Manager (P7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.environment import Environment
from infra.settings import ApplicationSettings

ACCEPTED: Findings = {
    (
        "CKV2_AWS_34",
        "configuration-*",
    ): "Addresses and switches, shown in the release report; secrets are in Secrets Manager",
    (
        "CKV2_AWS_57",
        "configuration-*",
    ): "Third parties and operators issue these values; the runbook rotates them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationArgs:
    """`addresses` are parameters that name other resources, in addition to the stack's own."""

    settings: ApplicationSettings
    addresses: Mapping[str, pulumi.Input[str]]
    keys: Encryption


class Configuration(Component):
    """Parameters with their values, and empty secrets: an operator sets their values."""

    def __init__(self, name: str, environment: Environment, args: ConfigurationArgs) -> None:
        super().__init__(name, environment)
        parameters = {**args.settings.parameters, **args.addresses}
        self.parameter_names = tuple(f"{environment.path}/config/{key}" for key in sorted(parameters))
        for key, value in sorted(parameters.items()):
            aws.ssm.Parameter(
                f"{name}-{key.lower().replace('_', '-')}",
                name=f"{environment.path}/config/{key}",
                type="String",
                insecure_value=value,
                opts=self.options(),
            )
        self.secret_names = tuple(environment.secret_name(secret) for secret in args.settings.secrets)
        for secret, full in zip(args.settings.secrets, self.secret_names, strict=True):
            aws.secretsmanager.Secret(
                f"{name}-{secret}",
                name=full,
                kms_key_id=args.keys.data.arn,
                description="Set by an operator: aws secretsmanager put-secret-value",
                opts=self.options(),
            )
        self.register_outputs({})
