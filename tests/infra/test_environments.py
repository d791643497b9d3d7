"""E1 to E13: the environments have the sizes of the strategy, exactly. Each test is named by its id."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from bluegreen.contract import Contract, Tier
from tools.recording import STACKS, Recorded, Recording, evaluate, recorded, settings_of


def contract_of(recording: Recording) -> Contract:
    return Contract.model_validate(recording.outputs["contract"])


def template(recording: Recording, tier: str) -> dict[str, Any]:
    return dict(recording.one("aws:ec2/launchTemplate:LaunchTemplate", f"compute-{tier}").inputs)


def database(recording: Recording) -> Recorded:
    return recording.one("aws:rds/instance:Instance", "database")


def subnet_ids(recording: Recording, kind: str) -> set[str]:
    subnets = recording.of("aws:ec2/subnet:Subnet")
    return {subnet.id for subnet in subnets if subnet.name.startswith(f"network-{kind}-")}


def test_e1_prod_is_in_tokyo_with_backups_in_singapore(prod: Recording) -> None:
    regions = {p.name: p.inputs["region"] for p in prod.of("pulumi:providers:aws")}
    assert regions == {"main": "ap-northeast-1", "backup-region": "ap-southeast-1", "us-east-1": "us-east-1"}
    assert contract_of(prod).region == "ap-northeast-1"
    copies = prod.one("aws:backup/vault:Vault", "backup-copies")
    assert copies.provider == "backup-region"
    (automatic,) = prod.of("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication")
    assert automatic.provider == "backup-region"


@pytest.mark.parametrize(
    ("name", "tier", "kind", "desired", "standby", "subnets"),
    [
        ("prod", "web", "t3.large", 2, 0, "public"),  # E2
        ("prod", "app", "t3.xlarge", 2, 0, "private"),  # E3
        ("prod", "ai", "c5.2xlarge", 2, 1, "private"),  # E4
        ("test", "app", "t3.medium", 1, 0, "private"),  # E12
        ("test", "ai", "t3.large", 1, 0, "private"),  # E12
        ("dev", "app", "t3.medium", 1, 0, "private"),  # E13
    ],
)
def test_e2_e3_e4_e12_e13_servers(
    *, name: str, tier: str, kind: str, desired: int, standby: int, subnets: str
) -> None:
    recording = recorded(name)
    assert template(recording, tier)["instanceType"] == kind
    wanted = contract_of(recording).tier(Tier(tier))
    assert (wanted.fleet.desired, wanted.fleet.standby) == (desired, standby)
    assert set(wanted.subnet_ids) == subnet_ids(recording, subnets)
    (interface,) = template(recording, tier)["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == ("true" if subnets == "public" else "false")


@pytest.mark.parametrize(
    ("name", "tiers"), [("prod", {"web", "app", "ai"}), ("test", {"app", "ai"}), ("dev", {"app"})]
)
def test_e12_e13_there_are_no_other_servers(name: str, tiers: set[str]) -> None:
    recording = recorded(name)
    assert {tier.name for tier in contract_of(recording).tiers} == tiers
    assert len(recording.of("aws:ec2/launchTemplate:LaunchTemplate")) == len(tiers)
    assert recording.of("aws:ec2/instance:Instance") == []


def test_e2_e3_e4_ubuntu_22_04_without_gpu(stack: Recording) -> None:
    assert ("aws:ssm/getParameter:getParameter", "main") in stack.invokes
    for resource in stack.of("aws:ec2/launchTemplate:LaunchTemplate"):
        assert resource.inputs["imageId"] == "ami-0123456789abcdef0"  # what the parameter said
        assert resource.inputs["instanceType"].split(".")[0] in {"t3", "c5"}


def test_e2_e12_e13_one_fleet_serves_web_and_app_where_there_is_no_web_tier() -> None:
    for name in ("dev", "test"):
        (app,) = (tier for tier in contract_of(recorded(name)).tiers if tier.name is Tier.APP)
        assert app.path_patterns == ("/*",)


@pytest.mark.parametrize(
    ("name", "instance_class", "storage", "multi_az", "replicas"),
    [
        ("prod", "db.m5.large", 100, True, 1),  # E5
        ("test", "db.t3.medium", 50, False, 0),  # E12
        ("dev", "db.t3.small", 20, False, 0),  # E13
    ],
)
def test_e5_e12_e13_database(
    name: str, instance_class: str, storage: int, *, multi_az: bool, replicas: int
) -> None:
    recording = recorded(name)
    primary = database(recording).inputs
    assert primary["engine"] == "postgres"
    assert primary["engineVersion"].startswith("14.")
    assert primary["instanceClass"] == instance_class
    assert primary["allocatedStorage"] == storage
    assert primary["storageType"] == "gp3"
    assert primary["multiAz"] is multi_az
    others = [r for r in recording.of("aws:rds/instance:Instance") if r.name != "database"]
    assert len(others) == replicas
    for replica in others:
        assert replica.inputs["replicateSourceDb"] == primary["identifier"]
        assert replica.inputs["instanceClass"] == instance_class
        assert replica.provider == "main"  # the same region
        assert "kmsKeyId" not in replica.inputs  # RDS takes the primary's


@pytest.mark.parametrize("name", STACKS)
def test_e5_the_end_of_postgresql_14_is_a_choice(name: str) -> None:
    """Enrolment in paid Extended Support is automatic where nobody says no."""
    wanted = {True: "open-source-rds-extended-support", False: "open-source-rds-extended-support-disabled"}
    primary = database(recorded(name)).inputs
    assert primary["engineLifecycleSupport"] == wanted[settings_of(name)["database"]["extended_support"]]
    assert primary["allowMajorVersionUpgrade"] is False


def test_e5_the_way_to_postgresql_16() -> None:
    settings = settings_of("dev")
    settings["database"] |= {"engine_version": "16.10", "major_upgrade": True}
    upgraded = evaluate("dev", settings)
    primary = database(upgraded).inputs
    assert (primary["engineVersion"], primary["allowMajorVersionUpgrade"]) == ("16.10", True)
    (group,) = upgraded.of("aws:rds/parameterGroup:ParameterGroup")
    assert group.inputs["family"] == "postgres16"


@pytest.mark.parametrize(
    ("name", "node_type"), [("prod", "cache.m5.large"), ("test", "cache.t3.medium"), ("dev", None)]
)
def test_e6_e12_cache_is_redis_in_cluster_mode(name: str, node_type: str | None) -> None:
    recording = recorded(name)
    groups = recording.of("aws:elasticache/replicationGroup:ReplicationGroup")
    assert [group.inputs["nodeType"] for group in groups] == ([node_type] if node_type else [])
    for group in groups:
        assert group.inputs["engine"] == "redis"
        assert group.inputs["automaticFailoverEnabled"] is True
        parameters = recording.one("aws:elasticache/parameterGroup:ParameterGroup", "cache").inputs[
            "parameters"
        ]
        assert {"name": "cluster-enabled", "value": "yes"} in parameters


def test_e7_assets_bucket(prod: Recording) -> None:
    bucket = prod.one("aws:s3/bucket:Bucket", "storage-assets")
    assert bucket.inputs["bucket"] == "sportcoach-platform-assets"
    assert bucket.provider == "main"  # the region of the servers


def test_e8_balancer_terminates_tls_and_fleets_have_health_checks(stack: Recording) -> None:
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["loadBalancerType"] == "application"
    https = stack.one("aws:lb/listener:Listener", "load-balancer-https").inputs
    assert (https["port"], https["protocol"]) == (443, "HTTPS")
    assert https["certificateArn"]
    http = stack.one("aws:lb/listener:Listener", "load-balancer-http").inputs
    assert http["defaultActions"][0]["redirect"]["protocol"] == "HTTPS"
    for tier in contract_of(stack).tiers:
        assert tier.health_check.path == "/healthz"
        assert tier.health_check.interval_seconds == 10


def test_e9_cdn_serves_bucket_and_balancer(prod: Recording) -> None:
    (cdn,) = prod.of("aws:cloudfront/distribution:Distribution")
    origins = {origin["originId"]: origin for origin in cdn.inputs["origins"]}
    assert set(origins) == {"balancer", "assets"}
    assert origins["assets"]["originAccessControlId"]
    behaviour = cdn.inputs["defaultCacheBehavior"]
    assert behaviour["targetOriginId"] == "balancer"
    # Managed policies CachingDisabled and AllViewer: the preview header must reach the balancer.
    assert behaviour["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behaviour["originRequestPolicyId"] == "216adef6-5c7f-47e4-b989-5492eafa07d3"


def test_e10_domain(prod: Recording) -> None:
    (zone,) = prod.of("aws:route53/zone:Zone")
    assert zone.inputs["name"] == "sportcoach-platform.com"
    (cdn,) = prod.of("aws:cloudfront/distribution:Distribution")
    (balancer,) = prod.of("aws:lb/loadBalancer:LoadBalancer")
    aliases = {
        (r.inputs["name"], r.inputs["type"]): r.inputs["aliases"][0]["name"]
        for r in prod.of("aws:route53/record:Record")
        if "aliases" in r.inputs
    }
    assert aliases["sportcoach-platform.com", "A"] == cdn.outputs["domainName"]
    assert aliases["www.sportcoach-platform.com", "AAAA"] == cdn.outputs["domainName"]
    assert aliases["internal.sportcoach-platform.com", "A"] == balancer.outputs["dnsName"]
    assert ("internal.sportcoach-platform.com", "AAAA") not in aliases


def test_e11_subnets(stack: Recording) -> None:
    (vpc,) = stack.of("aws:ec2/vpc:Vpc")
    mine = ipaddress.ip_network(vpc.inputs["cidrBlock"])
    ranges = [ipaddress.ip_network(s.inputs["cidrBlock"]) for s in stack.of("aws:ec2/subnet:Subnet")]
    assert all(one.subnet_of(mine) for one in ranges)
    assert not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])
    data = subnet_ids(stack, "data")
    stores = [
        *stack.of("aws:rds/subnetGroup:SubnetGroup"),
        *stack.of("aws:elasticache/subnetGroup:SubnetGroup"),
    ]
    assert all(set(group.inputs["subnetIds"]) == data for group in stores)
    assert len(data) == 2


def test_e11_only_public_subnets_lead_to_the_internet(stack: Recording) -> None:
    tables = {r.id: r.name for r in stack.of("aws:ec2/routeTable:RouteTable")}
    ways = {tables[r.inputs["routeTableId"]]: r.inputs for r in stack.of("aws:ec2/route:Route")}
    assert "gatewayId" in ways["network-public"]
    assert all("natGatewayId" in way for name, way in ways.items() if "private" in name)
    assert not any("data" in name for name in ways)
    for link in stack.of("aws:ec2/routeTableAssociation:RouteTableAssociation"):
        kind = tables[link.inputs["routeTableId"]].split("-")[1]
        assert link.inputs["subnetId"] in subnet_ids(stack, kind)


@pytest.mark.parametrize(("name", "gateways"), [("prod", 2), ("test", 1), ("dev", 1)])
def test_e11_ways_out(name: str, gateways: int) -> None:
    recording = recorded(name)
    assert len(recording.of("aws:ec2/natGateway:NatGateway")) == gateways
    services = {
        r.inputs["serviceName"].rpartition(".")[2] for r in recording.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    assert {"s3", "dynamodb"} <= services
    if name == "prod":
        names = {r.inputs["serviceName"] for r in recording.of("aws:ec2/vpcEndpoint:VpcEndpoint")}
        wanted = ("ecr.api", "ecr.dkr", "ssm", "ssmmessages", "secretsmanager", "logs")
        assert {f"com.amazonaws.ap-northeast-1.{service}" for service in wanted} <= names


def test_stacks_can_be_peered() -> None:
    """No two stacks share an address."""
    ranges = [
        ipaddress.ip_network(recorded(name).of("aws:ec2/vpc:Vpc")[0].inputs["cidrBlock"])
        for name in ("dev", "test", "prod")
    ]
    assert not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])


def test_maintenance_page_is_the_default(stack: Recording) -> None:
    (action,) = stack.one("aws:lb/listener:Listener", "load-balancer-https").inputs["defaultActions"]
    assert action["type"] == "fixed-response"
    assert action["fixedResponse"]["statusCode"] == "503"
    assert len(action["fixedResponse"]["messageBody"]) <= 1024
