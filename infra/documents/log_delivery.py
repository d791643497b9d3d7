"""From CloudWatch Logs through Firehose to the log search: permissions, and how records are unpacked."""

from __future__ import annotations

from infra.documents.policies import Statement, allow
from infra.environment import Environment

# CloudWatch Logs sends gzipped batches; OpenSearch needs one document per event.
UNPACK = [
    {
        "type": "Decompression",
        "parameters": [{"parameter_name": "CompressionFormat", "parameter_value": "GZIP"}],
    },
    {
        "type": "CloudWatchLogProcessing",
        "parameters": [{"parameter_name": "DataMessageExtraction", "parameter_value": "true"}],
    },
]


def delivery_statements(environment: Environment, log_bucket_arn: str) -> list[Statement]:
    """What Firehose needs for a domain in a VPC, and for the bucket with rejected records."""
    domain = environment.arn("es", f"domain/{environment.name}-logs")
    return [
        allow(
            ["es:DescribeDomain", "es:DescribeDomainConfig", "es:DescribeDomains"],
            [domain, f"{domain}/*"],
        ),
        allow(["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"], [f"{domain}/*"]),
        allow(
            ["s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject"],
            [log_bucket_arn, f"{log_bucket_arn}/search-failed/*"],
        ),
        allow(
            [
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
            sid="DescribeTakesNoResource",
        ),
        allow(["ec2:DescribeVpcAttribute"], [environment.arn("ec2", "vpc/*")]),
        # As the Firehose developer guide lists them for a destination in a VPC.
        allow(
            [
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
            ],
            [
                environment.arn("ec2", "network-interface/*"),
                environment.arn("ec2", "security-group/*"),
                environment.arn("ec2", "subnet/*"),
            ],
        ),
    ]
