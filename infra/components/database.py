"""The database: RDS PostgreSQL 14, its replica and its copies (E5, M2, S4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.placement import Placement
from infra.documents.server_parameters import server_parameters
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import DatabaseSettings

NAME, PORT = "sportcoach", 5432
OWNER, USER = "sportcoach_owner", "sportcoach_app"
"""The master user, which no host can read the password of, and the application's own (S5)."""
LIFECYCLE = {True: "open-source-rds-extended-support", False: "open-source-rds-extended-support-disabled"}

ACCEPTED: Findings = {
    (
        "CKV2_AWS_57",
        "database",
    ): "The password is the stack's secret databaseAppPassword; the runbook rotates it",
    (
        "CKV_AWS_157",
        "database-replica",
    ): "The replica is not the standby: the primary has one in another zone",
    ("CKV_AWS_226", "database*"): "A minor version is a change like any other: it passes dev and test first",
}


UNPROTECTED: Findings = {
    ("CKV_AWS_293", "database"): "A stack without protection must be easy to delete",
    ("CKV_AWS_157", "database"): "The strategy gives dev and test a single zone (E12, E13)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseArgs:
    """The stack's secrets `databasePassword`, of the master user, and `databaseAppPassword`."""

    settings: DatabaseSettings
    password: pulumi.Output[str]
    app_password: pulumi.Output[str]
    placement: Placement


class Database(Component):
    """Primary, optional replica, and the secret that applications read."""

    def __init__(self, name: str, environment: Environment, args: DatabaseArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.identifier = environment.name
        self.log_groups = [
            # RDS would create them unencrypted and keep them for ever.
            self.log_group(
                f"log{instance.removeprefix(self.identifier)}-{kind}",
                f"/aws/rds/instance/{instance}/{kind}",
                days=args.placement.log_days,
                key=args.placement.keys.logs.arn,
            )
            for instance in self._instances()
            for kind in ("postgresql", "upgrade")
        ]
        self._monitoring = self.role(
            "monitoring",
            trust=service_trust("monitoring.rds.amazonaws.com", account_id=environment.account_id),
            managed=["service-role/AmazonRDSEnhancedMonitoringRole"],
        )
        self.subnet_group = self._subnet_group()
        self.primary = self._primary()
        self.replica = self._replica()
        self._secret()
        if args.settings.copy_backups:
            aws.rds.InstanceAutomatedBackupsReplication(
                name,
                source_db_instance_arn=self.primary.arn,
                kms_key_id=args.placement.keys.backup.arn,
                retention_period=args.settings.backup_days,
                opts=self.options(provider=environment.providers.backup),
            )
        self.register_outputs({"identifier": self.primary.identifier, "endpoint": self.primary.endpoint})

    def _instances(self) -> list[str]:
        replica = [f"{self.identifier}-replica"] if self._args.settings.replica_class else []
        return [self.identifier, *replica]

    def _shared(self) -> dict[str, Any]:
        """What primary and replica have in common."""
        key = self._args.placement.keys.data.arn
        return {
            "auto_minor_version_upgrade": False,
            "copy_tags_to_snapshot": True,
            "deletion_protection": self.environment.protect,
            "enabled_cloudwatch_logs_exports": ["postgresql", "upgrade"],
            "iam_database_authentication_enabled": True,
            "max_allocated_storage": self._args.settings.max_storage_gb,
            "monitoring_interval": 60,
            "monitoring_role_arn": self._monitoring.arn,
            "performance_insights_enabled": True,
            "performance_insights_kms_key_id": key,
            "performance_insights_retention_period": 7,
            "publicly_accessible": False,
            "storage_encrypted": True,
            "vpc_security_group_ids": [self._args.placement.security_group_id],
            "ca_cert_identifier": "rds-ca-rsa2048-g1",
        }

    def _primary(self) -> aws.rds.Instance:
        settings = self._args.settings
        return aws.rds.Instance(
            self.name,
            identifier=self.identifier,
            engine="postgres",
            engine_version=settings.engine_version,
            allow_major_version_upgrade=settings.major_upgrade,
            engine_lifecycle_support=LIFECYCLE[settings.extended_support],
            instance_class=settings.instance_class,
            allocated_storage=settings.storage_gb,
            storage_type="gp3",
            kms_key_id=self._args.placement.keys.data.arn,
            multi_az=settings.multi_az,
            db_name=NAME,
            username=OWNER,
            password=self._args.password,
            port=PORT,
            db_subnet_group_name=self.subnet_group.name,
            parameter_group_name=self._parameter_group().name,
            backup_retention_period=settings.backup_days,
            # 02:30 to 03:00 in Tokyo; AWS Backup must not start in it or in the hour before.
            backup_window="17:30-18:00",
            maintenance_window="sun:18:30-sun:19:30",
            delete_automated_backups=not self.environment.protect,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"{self.identifier}-final",
            opts=self.options(depends_on=self.log_groups),
            **self._shared(),
        )

    def _replica(self) -> aws.rds.Instance | None:
        instance_class = self._args.settings.replica_class
        if instance_class is None:
            return None
        return aws.rds.Instance(
            f"{self.name}-replica",
            identifier=f"{self.identifier}-replica",
            # Key and storage type are the primary's: RDS rejects them for a replica in the same region.
            replicate_source_db=self.primary.identifier,
            instance_class=instance_class,
            parameter_group_name=self.primary.parameter_group_name,
            # A replica is rebuilt from its primary: it needs no backups and no final snapshot.
            skip_final_snapshot=True,
            opts=self.options(depends_on=self.log_groups),
            **self._shared(),
        )

    def _subnet_group(self) -> aws.rds.SubnetGroup:
        return aws.rds.SubnetGroup(
            self.name, subnet_ids=list(self._args.placement.subnet_ids), opts=self.options()
        )

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        return aws.rds.ParameterGroup(
            self.name,
            family=f"postgres{self._args.settings.engine_version.partition('.')[0]}",
            parameters=server_parameters(),
            opts=self.options(),
        )

    def _secret(self) -> None:
        content = pulumi.Output.json_dumps(
            {
                "engine": "postgres",
                "host": self.primary.address,
                "port": PORT,
                "dbname": NAME,
                "username": USER,
                "password": self._args.app_password,
                "sslmode": "verify-full",
            }
        )
        self.secret(
            "database",
            "Host of the database, name and password of the application's user",
            key=self._args.placement.keys.data.arn,
            content=content,
        )
