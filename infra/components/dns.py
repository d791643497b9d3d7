"""The hosted zone and the certificates of a stack's domain (E10, S2)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.environment import PROJECT, Environment
from infra.settings import ROOT, Settings

ACCEPTED: Findings = {
    (
        "CKV2_AWS_38",
        "dns",
    ): "Signing needs a DS record at the registrar and a rehearsed key roll-over: a lost key means an outage",
    ("CKV2_AWS_71", "dns-*"): "The stack owns the whole zone, and ACM never hands the private key out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsArgs:
    """`logs_key` must be a key of us-east-1, where Route 53 writes its query log."""

    logs_key: pulumi.Input[str]
    log_days: int
    for_cdn: bool


class Dns(Component):
    """Zone, query log, and one validated certificate per region that terminates TLS."""

    def __init__(self, name: str, environment: Environment, args: DnsArgs) -> None:
        super().__init__(name, environment)
        self.zone = aws.route53.Zone(name, name=environment.domain, opts=self.options())
        providers = environment.providers
        balancer = self._certificate("balancer", providers.main)
        # ACM asks for the same record in every region, and for the same one for `*.` and the name itself.
        option = balancer.domain_validation_options[0]
        self._record = aws.route53.Record(
            f"{name}-validation",
            zone_id=self.zone.id,
            name=option.resource_record_name,
            type=option.resource_record_type,
            records=[option.resource_record_value],
            ttl=300,
            allow_overwrite=True,
            opts=self.options(),
        )
        self.certificate_arn = self._validated("balancer", balancer, providers.main)
        self.cdn_certificate_arn: pulumi.Output[str] | None = None
        if args.for_cdn:
            cdn = self._certificate("cdn", providers.us_east_1)
            self.cdn_certificate_arn = self._validated("cdn", cdn, providers.us_east_1)
        self._query_log(args)
        self.register_outputs({"zone": self.zone.id, "name_servers": self.zone.name_servers})

    def _certificate(self, name: str, provider: aws.Provider) -> aws.acm.Certificate:
        domain = self.environment.domain
        return aws.acm.Certificate(
            f"{self.name}-{name}",
            domain_name=domain,
            subject_alternative_names=[f"*.{domain}"],
            validation_method="DNS",
            opts=self.options(provider=provider),
        )

    def _validated(
        self, name: str, certificate: aws.acm.Certificate, provider: aws.Provider
    ) -> pulumi.Output[str]:
        arn: pulumi.Output[str] = aws.acm.CertificateValidation(
            f"{self.name}-{name}",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[self._record.fqdn],
            # ACM needs minutes where the zone is delegated; where it is not, 75 would be waited for.
            opts=self.options(provider=provider, custom_timeouts=pulumi.CustomTimeouts(create="30m")),
        ).certificate_arn
        return arn

    def _query_log(self, args: DnsArgs) -> None:
        us_east_1 = self.environment.providers.us_east_1
        group = self.log_group(
            "queries",
            f"/aws/route53/{self.environment.domain}",
            days=args.log_days,
            key=args.logs_key,
            provider=us_east_1,
        )
        allowed = aws.cloudwatch.LogResourcePolicy(
            f"{self.name}-queries",
            policy_name=f"{self.environment.name}-route53",
            policy_document=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "route53.amazonaws.com"},
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": pulumi.Output.concat(group.arn, ":*"),
                            "Condition": {"StringEquals": {"aws:SourceAccount": self.environment.account_id}},
                        }
                    ],
                }
            ),
            opts=self.options(provider=us_east_1),
        )
        aws.route53.QueryLog(
            self.name,
            zone_id=self.zone.id,
            cloudwatch_log_group_arn=group.arn,
            opts=self.options(depends_on=[allowed]),
        )


def unvalidated_certificates(settings: Settings, environment: Environment) -> list[str]:
    """Certificates that an earlier `pulumi up` has asked for in vain.

    Their record stands in the zone, so what is missing is the delegation, and all behind the listener would
    wait for it. Where the record is missing too, this `pulumi up` makes it.
    """
    providers = {settings.region: environment.providers.main}
    if settings.edge:
        providers["us-east-1"] = environment.providers.us_east_1
    pending = {region: arn for region, one in providers.items() if (arn := _pending(settings, one))}
    zone = _zone(settings, environment.providers.main) if pending else None
    if zone is None:
        return []
    servers = ", ".join(zone.name_servers)
    return [
        f"{ROOT}: domain: {settings.domain}: certificate {arn} in {region} is PENDING_VALIDATION"
        f" (allowed: ISSUED: enter the zone's name servers {servers} where the domain is registered, then"
        f" `aws acm wait certificate-validated --region {region} --certificate-arn {arn}`)"
        for region, arn in pending.items()
    ]


def _pending(settings: Settings, provider: aws.Provider) -> str:
    """The stack's own certificate that waits for validation; the provider raises where there is none."""
    try:
        found = aws.acm.get_certificate(
            domain=settings.domain,
            statuses=["PENDING_VALIDATION"],
            types=["AMAZON_ISSUED"],
            most_recent=True,
            tags={"project": PROJECT, "stack": settings.stack},
            opts=pulumi.InvokeOptions(provider=provider),
        )
    except Exception as error:  # noqa: BLE001  (the SDK raises Exception itself)
        pulumi.log.debug(f"no certificate waits for validation: {error}")
        return ""
    return str(found.arn)


def _zone(settings: Settings, provider: aws.Provider) -> aws.route53.GetZoneResult | None:
    """The domain's public zone where it holds the record that ACM asks for."""
    options = pulumi.InvokeOptions(provider=provider)
    try:
        zone = aws.route53.get_zone(name=settings.domain, private_zone=False, opts=options)
        records = aws.route53.get_records(zone_id=zone.zone_id, name_regex=r"^_[0-9a-f]{32}\.", opts=options)
    except Exception as error:  # noqa: BLE001  (as above)
        pulumi.log.debug(f"the zone of {settings.domain} cannot be read: {error}")
        return None
    return zone if records.resource_record_sets else None
