"""S2 over the whole graph: TLS in transit, keys of the stack at rest."""

from __future__ import annotations

import json
from typing import Any

from tests.infra.documents import documents
from tools.recording import Recording


def test_s2_tls_at_the_front_doors(stack: Recording) -> None:
    https = stack.one("aws:lb/listener:Listener", "load-balancer-https").inputs
    assert https["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-Res")
    assert "max-age=31536000" in https["routingHttpResponseStrictTransportSecurityHeaderValue"]
    for cdn in stack.of("aws:cloudfront/distribution:Distribution"):
        assert cdn.inputs["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.3_2025"
        behaviours = [cdn.inputs["defaultCacheBehavior"], *cdn.inputs["orderedCacheBehaviors"]]
        assert {b["viewerProtocolPolicy"] for b in behaviours} == {"redirect-to-https"}


def test_s2_stores_refuse_plain_connections(stack: Recording) -> None:
    (group_,) = stack.of("aws:rds/parameterGroup:ParameterGroup")
    parameters = {p["name"]: p["value"] for p in group_.inputs["parameters"]}
    assert parameters["rds.force_ssl"] == "1"
    assert parameters["ssl_min_protocol_version"] == "TLSv1.2"
    for cache in stack.of("aws:elasticache/replicationGroup:ReplicationGroup"):
        assert cache.inputs["transitEncryptionEnabled"] is True
        assert "authToken" in cache.secrets
    for search in stack.of("aws:opensearch/domain:Domain"):
        assert search.inputs["domainEndpointOptions"]["enforceHttps"] is True
        assert search.inputs["nodeToNodeEncryption"]["enabled"] is True


def test_s2_every_bucket_refuses_plain_http_and_old_tls(stack: Recording) -> None:
    policies = {
        d.resource.inputs["bucket"]: d.statements
        for d in documents(stack, "aws:s3/bucketPolicy:BucketPolicy")
    }
    buckets = stack.of("aws:s3/bucket:Bucket")
    assert set(policies) == {bucket.id for bucket in buckets}
    for statements in policies.values():
        denied = {json.dumps(s["Condition"]) for s in statements if s["Effect"] == "Deny"}
        assert denied == {
            '{"Bool": {"aws:SecureTransport": "false"}}',
            '{"NumericLessThan": {"s3:TlsVersion": "1.2"}}',
        }
        assert all(s["Principal"] == "*" for s in statements if s["Effect"] == "Deny")


# Where a type keeps its key, as a path of arguments.
KEYS = {
    "aws:amp/workspace:Workspace": "kmsKeyArn",
    "aws:backup/vault:Vault": "kmsKeyArn",
    "aws:cloudtrail/trail:Trail": "kmsKeyId",
    "aws:cloudwatch/logGroup:LogGroup": "kmsKeyId",
    "aws:dynamodb/table:Table": "serverSideEncryption.kmsKeyArn",
    "aws:ebs/defaultKmsKey:DefaultKmsKey": "keyArn",
    "aws:ec2/launchTemplate:LaunchTemplate": "blockDeviceMappings.0.ebs.kmsKeyId",
    "aws:ecr/repository:Repository": "encryptionConfigurations.0.kmsKey",
    "aws:elasticache/replicationGroup:ReplicationGroup": "kmsKeyId",
    "aws:kinesis/stream:Stream": "kmsKeyId",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "serverSideEncryption.keyArn",
    "aws:opensearch/domain:Domain": "encryptAtRest.kmsKeyId",
    "aws:rds/instance:Instance": "kmsKeyId",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": "kmsKeyId",
    "aws:secretsmanager/secret:Secret": "kmsKeyId",
    "aws:sns/topic:Topic": "kmsMasterKeyId",
}


def at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def test_s2_every_store_is_encrypted_with_a_key_of_the_stack_in_its_region(stack: Recording) -> None:
    keys = {r.outputs["arn"]: r for r in stack.of("aws:kms/key:Key")}
    assert all(key.inputs["enableKeyRotation"] is True for key in keys.values())
    stores = [r for r in stack.aws if r.type in KEYS and not r.inputs.get("replicateSourceDb")]
    for store in stores:
        key = keys[at(store.inputs, KEYS[store.type])]
        assert key.provider == store.provider, store.name
    for instance in stack.of("aws:rds/instance:Instance"):  # a replica has its primary's key
        assert instance.inputs["storageEncrypted"] is True


def test_s2_every_bucket_is_encrypted_and_all_but_the_logs_with_a_key_of_the_stack(stack: Recording) -> None:
    keys = {r.outputs["arn"]: r for r in stack.of("aws:kms/key:Key")}
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    default = {r.name: r.inputs["rules"][0]["applyServerSideEncryptionByDefault"] for r in stack.of(kind)}
    assert set(default) == {bucket.name for bucket in stack.of("aws:s3/bucket:Bucket")}
    for logs in ("storage-logs", "storage-firewall-logs"):
        assert default.pop(logs) == {"sseAlgorithm": "AES256"}  # the balancer can write nothing else
    for name, rule in default.items():
        assert rule["sseAlgorithm"] == "aws:kms"
        assert keys[rule["kmsMasterKeyId"]].provider == stack.one("aws:s3/bucket:Bucket", name).provider
