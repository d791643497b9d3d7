"""An instance may do what its boot script does, with the names that its user data gives it."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections.abc import Iterator, Mapping

from tests.infra.iam import Request, allowed, statements_of
from tools.recording import Recording, settings_of

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def variables(stack: Recording, tier: str) -> dict[str, str]:
    """The variables that the program puts in front of the script."""
    data = stack.one(TEMPLATE, f"compute-{tier}").inputs["userData"]
    lines = gzip.decompress(base64.b64decode(data)).decode().splitlines()[1:]
    head = lines[: next(index for index, line in enumerate(lines) if line.startswith("#"))]
    return {line.partition("=")[0]: shlex.split(line.partition("=")[2])[0] for line in head}


def tiers(stack: Recording) -> list[str]:
    return list(settings_of(stack.stack)["tiers"])


def arns(stack: Recording, token: str, key: str = "name") -> dict[str, str]:
    return {one.inputs[key]: one.outputs["arn"] for one in stack.of(token)}


def requests(stack: Recording, tier: str) -> Iterator[Request]:
    """What `aws`, docker and the agents ask of AWS while an instance boots and serves."""
    given = variables(stack, tier)
    settings = settings_of(stack.stack)
    region, account = settings["region"], settings["account_id"]
    keys = {key.name: key.outputs["arn"] for key in stack.of("aws:kms/key:Key")}

    def ask(action: str, resource: str, context: Mapping[str, str] | None = None) -> Request:
        return Request(action=action, resource=resource, context=context or {})

    def decrypt(service: str) -> Request:
        via = {"kms:ViaService": f"{service}.{region}.amazonaws.com"}
        return ask("kms:Decrypt", keys["encryption-data"], via)

    image = f"arn:aws:ecr:{region}:{account}:repository/{settings['tiers'][tier]['image_repository']}"
    yield ask("ecr:GetAuthorizationToken", "*")
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield ask(f"ecr:{action}", image)
    yield ask("ssm:GetParametersByPath", f"arn:aws:ssm:{region}:{account}:parameter{given['CONFIG_PATH']}")
    for name in given["SECRET_NAMES"].split():
        yield ask("secretsmanager:GetSecretValue", arns(stack, "aws:secretsmanager/secret:Secret")[name])
        yield decrypt("secretsmanager")
    if given["MODEL_BUCKET"]:
        prefix = f"arn:aws:s3:::{given['MODEL_BUCKET']}/{given['MODEL_PREFIX']}"
        yield ask("s3:GetObject", f"{prefix}v1/{given['MODEL_FILE']}")
        yield decrypt("s3")
    for variable in ("LOG_GROUP", "SECURITY_LOG_GROUP"):
        group = arns(stack, "aws:cloudwatch/logGroup:LogGroup")[given[variable]]
        for action in ("CreateLogStream", "DescribeLogStreams", "PutLogEvents"):
            yield ask(f"logs:{action}", f"{group}:log-stream:i-1/boot")
    for namespace in (given["NAMESPACE"], "SportCoach/AI"):
        yield ask("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": namespace})
    fleet = f"autoScalingGroup:1-2:autoScalingGroupName/sc-{stack.stack}-{tier}-42"
    made = {"autoscaling:ResourceTag/managed-by": "sc-deploy"}
    yield ask("autoscaling:CompleteLifecycleAction", f"arn:aws:autoscaling:{region}:{account}:{fleet}", made)
    yield ask("autoscaling:DescribeAutoScalingInstances", "*")
    (workspace,) = stack.of("aws:amp/workspace:Workspace")
    yield ask("aps:RemoteWrite", workspace.outputs["arn"])


def test_an_instance_may_do_what_its_boot_script_does(stack: Recording) -> None:
    refused = [
        (tier, request.action, request.resource)
        for tier in tiers(stack)
        for request in requests(stack, tier)
        if not allowed(statements_of(stack, f"compute-{tier}-instance"), request)
    ]
    assert refused == []


def test_the_check_of_requests_bites(prod: Recording) -> None:
    statements = statements_of(prod, "compute-web-instance")
    (model,) = (one for one in requests(prod, "ai") if one.action == "s3:GetObject")
    assert not allowed(statements, model)


def test_user_data_names_what_the_stack_has(stack: Recording) -> None:
    contract = {tier["name"]: tier for tier in stack.outputs["contract"]["tiers"]}
    read = [name for tier in contract.values() for name in tier["required_parameters"]]
    for tier in tiers(stack):
        given = variables(stack, tier)
        assert (given["STACK"], given["TIER"]) == (stack.stack, tier)
        assert given["AWS_REGION"] == settings_of(stack.stack)["region"]
        assert int(given["PORT"]) == contract[tier]["port"]
        assert given["HEALTH_PATH"] == contract[tier]["health_check"]["path"]
        assert {name.rpartition("/")[0] for name in read} == {given["CONFIG_PATH"]}
        if "app" in given["ROLES"] or "ai" in given["ROLES"]:
            required = {name for one in contract.values() for name in one["required_secrets"]}
            assert set(given["SECRET_NAMES"].split()) == required


def test_each_tier_logs_into_its_own_groups(stack: Recording) -> None:
    for tier in tiers(stack):
        given = variables(stack, tier)
        group = stack.one("aws:cloudwatch/logGroup:LogGroup", f"compute-{tier}-logs").inputs["name"]
        security = stack.one("aws:cloudwatch/logGroup:LogGroup", f"compute-{tier}-security").inputs["name"]
        assert (given["LOG_GROUP"], given["SECURITY_LOG_GROUP"]) == (group, security)


def test_disks_are_encrypted_with_the_key_of_the_data(stack: Recording) -> None:
    key = stack.one("aws:kms/key:Key", "encryption-data").outputs["arn"]
    for template in stack.of(TEMPLATE):
        for device in template.inputs["blockDeviceMappings"]:
            assert (device["ebs"]["encrypted"], device["ebs"]["kmsKeyId"]) == ("true", key)
