"""M5: every kind of log arrives in the search as documents; what does not arrive is heard."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.documents.search_pipelines import BALANCER_LINE
from tests.infra.documents import documents
from tools.recording import Recording

FILTER = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"


def pipeline(stack: Recording, kind: str) -> dict[str, Any]:
    made = stack.one("aws:opensearchingest/pipeline:Pipeline", f"log-feed-{kind}")
    return dict(json.loads(made.inputs["pipelineConfigurationBody"])[kind])


def test_no_stream_delivers_log_groups_to_opensearch_itself(stack: Recording) -> None:
    """Firehose refuses it: one record of CloudWatch Logs holds many events."""
    for hose in stack.of("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"):
        assert hose.inputs["destination"] != "opensearch"


def test_log_groups_reach_the_search_event_by_event(prod: Recording) -> None:
    searched = {one.inputs["logGroup"] for one in prod.of(FILTER)}
    for path in ("web", "app", "ai", "web/security", "app/security", "ai/security", "audit"):
        assert f"/sportcoach/prod/{path}" in searched
    assert "/aws/rds/instance/sportcoach-prod/postgresql" in searched
    (stream,) = prod.of("aws:kinesis/stream:Stream")
    assert {one.inputs["destinationArn"] for one in prod.of(FILTER)} == {stream.outputs["arn"]}
    source = pipeline(prod, "streamed")["source"]["kinesis_data_streams"]
    (read,) = source["streams"]
    assert (read["stream_name"], read["compression"]) == (stream.inputs["name"], "gzip")
    # As CloudWatch Logs writes a batch: the events, and beside them where they come from.
    batch = {
        "owner": "1",
        "logGroup": "g",
        "logStream": "i-1/boot",
        "logEvents": [{"id": "7", "message": "m"}],
    }
    codec = source["codec"]["json"]
    assert codec["key_name"] in batch
    assert set(codec["include_keys"]) <= set(batch)
    assert {"logGroup", "logStream"} <= set(codec["include_keys"])


def test_balancer_cdn_and_firewall_logs_reach_the_search(prod: Recording) -> None:
    (queue,) = [q for q in prod.of("aws:sqs/queue:Queue") if q.name == "stored-logs"]
    told = {
        (one.inputs["bucket"], rule["filterPrefix"])
        for one in prod.of("aws:s3/bucketNotification:BucketNotification")
        for rule in one.inputs["queues"]
        if rule["queueArn"] == queue.outputs["arn"]
    }
    (balancer,) = prod.of("aws:lb/loadBalancer:LoadBalancer")
    logs = balancer.inputs["accessLogs"]
    wanted = {(logs["bucket"], f"{logs['prefix']}/")}
    (cdn,) = prod.of("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination")
    place = cdn.inputs["deliveryDestinationConfiguration"]["destinationResourceArn"]
    wanted.add((logs["bucket"], f"{place.partition('/')[2]}/"))
    ids = {b.outputs["arn"]: b.id for b in prod.of("aws:s3/bucket:Bucket")}
    firewalls = prod.of("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    wanted |= {(ids[one.inputs["logDestinationConfigs"][0]], "AWSLogs/") for one in firewalls}
    assert len(firewalls) == 2
    assert told == wanted
    source = pipeline(prod, "stored")["source"]["s3"]
    assert source["sqs"]["queue_url"] == queue.outputs["url"]
    # Each object that S3 tells of may be read by the pipelines.
    (role,) = [
        d for d in documents(prod, "aws:iam/rolePolicy:RolePolicy") if d.resource.name == "log-feed-pipelines"
    ]
    (read,) = [s["Resource"] for s in role.statements if s["Action"] == ["s3:GetObject"]]
    names = {b.id: b.inputs["bucket"] for b in prod.of("aws:s3/bucket:Bucket")}
    for bucket, prefix in told:
        key = f"arn:aws:s3:::{names[bucket]}/{prefix}x"
        assert any(re.fullmatch(pattern.replace("*", ".*"), key) for pattern in read), key


# From "Access logs for your Application Load Balancer", fields in AWS's order, values made up.
ENTRY = (
    "https 2026-11-26T01:02:03.456789Z app/front/0123456789abcdef 203.0.113.7:49152 10.10.1.2:3000"
    " 0.001 0.020 0.000 200 200 310 1532"
    ' "GET https://example.com:443/api/plans HTTP/2.0" "curl/8.5.0" TLS_AES_128_GCM_SHA256 TLSv1.3 arn:x'
    ' "Root=1-2-3" "example.com" "arn:y" 0 2026-11-26T01:02:03.430000Z "forward" "-"'
)
GROK = {
    "NOTSPACE": r"\S+",
    "TIMESTAMP_ISO8601": r"[\dT:.Z-]+",
    "NUMBER": r"[\d.-]+",
    "DATA": ".*?",
    "GREEDYDATA": ".*",
}


def test_a_line_of_the_balancer_is_taken_apart() -> None:
    pattern = re.sub(r"%\{(\w+):(\w+)\}", lambda m: f"(?P<{m[2]}>{GROK[m[1]]})", BALANCER_LINE)
    found = re.fullmatch(pattern, ENTRY)
    assert found
    assert found["status"] == found["target_status"] == "200"
    assert found["request"] == "GET https://example.com:443/api/plans HTTP/2.0"
    assert found["client"] == "203.0.113.7:49152"


def test_both_pipelines_write_to_the_domain_and_keep_what_it_rejects(prod: Recording) -> None:
    (domain,) = prod.of("aws:opensearch/domain:Domain")
    role = prod.one("aws:iam/role:Role", "log-feed-pipelines").outputs["arn"]
    logs = prod.one("aws:s3/bucket:Bucket", "storage-logs").inputs["bucket"]
    for kind in ("streamed", "stored"):
        (sink,) = pipeline(prod, kind)["sink"]
        assert sink["opensearch"]["hosts"] == [f"https://{domain.outputs['endpoint']}"]
        assert sink["opensearch"]["aws"]["sts_role_arn"] == role
        assert sink["opensearch"]["dlq"]["s3"]["bucket"] == logs
        made = prod.one("aws:opensearchingest/pipeline:Pipeline", f"log-feed-{kind}").inputs
        assert re.fullmatch(r"[a-z][a-z0-9-]{2,27}", made["pipelineName"])
        assert made["vpcOptions"]["securityGroupIds"] == domain.inputs["vpcOptions"]["securityGroupIds"]
        assert made["logPublishingOptions"]["cloudwatchLogDestination"]["logGroup"].startswith(
            "/aws/vendedlogs/"
        )
    access = json.loads(domain.inputs["accessPolicies"])["Statement"]
    assert role in access[0]["Principal"]["AWS"]
    # A pipeline's own log is not searched: it would feed itself.
    assert not any("vendedlogs" in one.inputs["logGroup"] for one in prod.of(FILTER))


@pytest.mark.parametrize(
    ("alarm", "names"),
    [
        ("search-rejected-streamed", "PipelineName"), ("search-rejected-stored", "PipelineName"),
        ("search-streamed-late", "StreamName"), ("search-stored-late", "QueueName"),
        ("search-stored-unreadable", "QueueName"), ("search-full", "DomainName"),
    ],
)  # fmt: skip
def test_what_does_not_arrive_is_heard(prod: Recording, alarm: str, names: str) -> None:
    known = {
        "PipelineName": {p.inputs["pipelineName"] for p in prod.of("aws:opensearchingest/pipeline:Pipeline")},
        "StreamName": {s.inputs["name"] for s in prod.of("aws:kinesis/stream:Stream")},
        "QueueName": {q.inputs["name"] for q in prod.of("aws:sqs/queue:Queue")},
        "DomainName": {d.inputs["domainName"] for d in prod.of("aws:opensearch/domain:Domain")},
    }
    made = prod.one("aws:cloudwatch/metricAlarm:MetricAlarm", f"alarms-{alarm}").inputs
    assert made["dimensions"][names] in known[names]
    assert made["alarmActions"] == [prod.one("aws:sns/topic:Topic", "alerts-warning").outputs["arn"]]
