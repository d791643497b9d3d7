"""Values that the SDK takes as any text and AWS as one of a few: compared with botocore's own lists."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest

from tools.recording import STACKS, recorded

# Type of resource, path to the value (`*` stands for every item), botocore's service and shape.
VALUES = [
    ("aws:accessanalyzer/analyzer:Analyzer", "type", "accessanalyzer", "Type"),
    ("aws:backup/restoreTestingPlan:RestoreTestingPlan", "recoveryPointSelection.algorithm", "backup",
     "RestoreTestingRecoveryPointSelectionAlgorithm"),
    ("aws:cloudfront/distribution:Distribution", "httpVersion", "cloudfront", "HttpVersion"),
    ("aws:cloudfront/distribution:Distribution", "priceClass", "cloudfront", "PriceClass"),
    ("aws:cloudfront/distribution:Distribution", "viewerCertificate.minimumProtocolVersion", "cloudfront",
     "MinimumProtocolVersion"),
    ("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination", "outputFormat", "logs", "OutputFormat"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "comparisonOperator", "cloudwatch", "ComparisonOperator"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "statistic", "cloudwatch", "Statistic"),
    ("aws:cloudwatch/metricStream:MetricStream", "outputFormat", "cloudwatch", "MetricStreamOutputFormat"),
    ("aws:dynamodb/table:Table", "billingMode", "dynamodb", "BillingMode"),
    ("aws:ecr/repository:Repository", "imageTagMutability", "ecr", "ImageTagMutability"),
    ("aws:guardduty/detectorFeature:DetectorFeature", "additionalConfigurations.*.name", "guardduty",
     "FeatureAdditionalConfiguration"),
    ("aws:guardduty/detectorFeature:DetectorFeature", "name", "guardduty", "DetectorFeature"),
    ("aws:inspector2/enabler:Enabler", "resourceTypes.*", "inspector2", "ResourceScanType"),
    ("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter", "distribution", "logs", "Distribution"),
    ("aws:kinesis/stream:Stream", "encryptionType", "kinesis", "EncryptionType"),
    ("aws:kinesis/stream:Stream", "streamModeDetails.streamMode", "kinesis", "StreamMode"),
    ("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
     "loggingFilter.filters.*.conditions.*.actionCondition.action", "wafv2", "ActionValue"),
    ("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "serverSideEncryption.keyType", "firehose",
     "KeyType"),
    ("aws:macie2/classificationJob:ClassificationJob", "jobType", "macie2", "JobType"),
    ("aws:opensearch/domain:Domain", "domainEndpointOptions.tlsSecurityPolicy", "opensearch",
     "TLSSecurityPolicy"),
    ("aws:opensearch/domain:Domain", "logPublishingOptions.*.logType", "opensearch", "LogType"),
    ("aws:route53/healthCheck:HealthCheck", "type", "route53", "HealthCheckType"),
    ("aws:rum/appMonitor:AppMonitor", "appMonitorConfiguration.telemetries.*", "rum", "Telemetry"),
    ("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "rule.objectOwnership", "s3",
     "ObjectOwnership"),
    ("aws:ssm/parameter:Parameter", "tier", "ssm", "ParameterTier"),
    ("aws:ssm/patchBaseline:PatchBaseline", "operatingSystem", "ssm", "OperatingSystem"),
    ("aws:wafv2/webAcl:WebAcl", "rules.*.statement.rateBasedStatement.aggregateKeyType", "wafv2",
     "RateBasedStatementAggregateKeyType"),
    ("aws:wafv2/webAcl:WebAcl", "scope", "wafv2", "Scope"),
]  # fmt: skip


@cache
def known(service: str, shape: str) -> frozenset[str]:
    model = botocore.session.get_session().get_service_model(service)
    return frozenset(model.shape_for(shape).enum)


def at(value: Any, path: str) -> Iterator[Any]:
    """Every value at the path; a part that is absent has none."""
    head, _, rest = path.partition(".")
    if head == "*":
        inner = value
    else:
        inner = [value[head]] if isinstance(value, dict) and value.get(head) is not None else []
    for one in inner:
        yield from at(one, rest) if rest else [one]


@pytest.mark.parametrize(("token", "path", "service", "shape"), VALUES)
def test_values_are_among_those_that_aws_knows(token: str, path: str, service: str, shape: str) -> None:
    found = {
        value
        for name in STACKS
        for resource in recorded(name).of(token)
        for value in at(dict(resource.inputs), path)
    }
    assert found, "nothing was compared"
    assert found <= known(service, shape)
