"""What OpenSearch Ingestion does with logs on their way to the search, and what its role may do (M5).

Firehose cannot deliver CloudWatch Logs to OpenSearch: one record holds many events ("Writing to Amazon Data
Firehose using CloudWatch Logs"). A pipeline takes the batches apart and keeps the log group and the stream,
which is the host.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.documents.policies import Statement, allow
from infra.environment import Environment

STREAMED, STORED = "streamed", "stored"
"""The pipelines: log groups through a stream, and what AWS stores in S3 (balancer, CDN and firewall logs)."""

PIPELINES = (STREAMED, STORED)

# Fields of an Application Load Balancer's access log ("Access logs for your Application Load Balancer").
BALANCER_LINE = (
    "%{NOTSPACE:type} %{TIMESTAMP_ISO8601:time} %{NOTSPACE:balancer} %{NOTSPACE:client} %{NOTSPACE:target}"
    " %{NUMBER:request_seconds} %{NUMBER:target_seconds} %{NUMBER:response_seconds}"
    " %{NOTSPACE:status} %{NOTSPACE:target_status} %{NUMBER:received_bytes} %{NUMBER:sent_bytes}"
    ' "%{DATA:request}" "%{DATA:user_agent}" %{GREEDYDATA:rest}'
)
_JSON_LINE = '/message =~ "^\\{.*"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Where events end: the domain, and the bucket for those that it rejects."""

    endpoint: str
    region: str
    role_arn: str
    failed_bucket: str


def pipeline_name(stack: str, kind: str) -> str:
    """At most 28 characters (OSIS API reference, CreatePipeline)."""
    return f"sc-{stack}-{kind}"


def streamed(sink: Sink, stream: str) -> str:
    """Batches of CloudWatch Logs: one document for each event. JSON is YAML."""
    source = {
        "kinesis_data_streams": {
            "acknowledgments": True,
            "codec": {"json": {"key_name": "logEvents", "include_keys": ["owner", "logGroup", "logStream"]}},
            "streams": [{"stream_name": stream, "compression": "gzip", "initial_position": "EARLIEST"}],
            "consumer_strategy": "polling",
            "polling": {"idle_time_between_reads": "1s"},
            "aws": _as(sink),
        }
    }
    # The id of a log event: a batch that is read twice makes no second document.
    return _pipeline(STREAMED, source, [], sink, document_id="${/id}")


def stored(sink: Sink, queue_url: str) -> str:
    """Access logs in S3, named by the queue: lines of JSON (CDN, firewall) or of the balancer's format."""
    source = {
        "s3": {
            "acknowledgments": True,
            "notification_type": "sqs",
            "compression": "automatic",
            "codec": {"newline": {}},
            "sqs": {
                "queue_url": queue_url,
                "visibility_timeout": "300s",
                "visibility_duplication_protection": True,
            },
            "aws": _as(sink),
        }
    }
    processors: list[dict[str, Any]] = [
        {"parse_json": {"destination": "/fields", "parse_when": _JSON_LINE}},
        {"grok": {"match": {"message": [BALANCER_LINE]}, "grok_when": f"not ({_JSON_LINE})"}},
    ]
    return _pipeline(STORED, source, processors, sink)


def _as(sink: Sink) -> dict[str, str]:
    return {"region": sink.region, "sts_role_arn": sink.role_arn}


def _pipeline(
    name: str, source: dict[str, Any], processors: list[dict[str, Any]], sink: Sink, **more: str
) -> str:
    received = {"date": {"from_time_received": True, "destination": "@timestamp"}}
    failed = {"s3": {"bucket": sink.failed_bucket, "key_path_prefix": f"search-failed/{name}/", **_as(sink)}}
    opensearch = {
        "hosts": [f"https://{sink.endpoint}"],
        "index": f"{name}-%{{yyyy.MM.dd}}",
        "aws": _as(sink),
        "dlq": failed,
        **more,
    }
    document = {
        "version": "2",
        name: {
            "source": source,
            "processor": [*processors, received],
            "sink": [{"opensearch": opensearch}],
        },
    }
    return json.dumps(document, indent=1)


def pipeline_statements(
    environment: Environment,
    *,
    stream: pulumi.Input[str],
    stream_key: pulumi.Input[str],
    queue: pulumi.Input[str],
    read_buckets: list[str],
    failed_bucket: str,
) -> list[Statement]:
    """Read stream, queue and objects; write documents, and what was rejected; all are ARNs.

    "Using an OpenSearch Ingestion pipeline with Amazon S3" and "... with Amazon Kinesis Data Streams".
    """
    domain = environment.arn("es", f"domain/{environment.name}-logs")
    return [
        allow(["es:DescribeDomain"], [domain], sid="FindDomain"),
        allow(
            ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"],
            [f"{domain}/*"],
            sid="WriteDocuments",
        ),
        allow(
            [
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            [stream],
            sid="ReadStream",
        ),
        allow(["kms:Decrypt"], [stream_key], sid="ReadStreamKey"),
        allow(
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"],
            [queue],
            sid="ReadQueue",
        ),
        allow(["s3:GetObject"], read_buckets, sid="ReadLogs"),
        allow(["s3:PutObject"], [f"{failed_bucket}/search-failed/*"], sid="KeepRejected"),
    ]
