"""What is answered in process is accepted and refused as botocore does it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator

from bluegreen.lab.api.acceptance import accepts
from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud

VALID: dict[tuple[str, str], dict[str, Any]] = {
    ("elbv2", "ModifyRule"): {
        "RuleArn": "arn",
        "Actions": [
            {
                "Type": "forward",
                "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "arn", "Weight": 7}]},
            }
        ],
    },
    ("autoscaling", "CreateAutoScalingGroup"): {
        "AutoScalingGroupName": "g",
        "MinSize": 1,
        "MaxSize": 2,
        "TargetGroupARNs": ["arn"],
        "NewInstancesProtectedFromScaleIn": False,
        "Tags": [{"Key": "k", "Value": "v", "PropagateAtLaunch": True}],
    },
    ("cloudwatch", "GetMetricData"): {
        "MetricDataQueries": [
            {"Id": "a", "MetricStat": {"Metric": {"MetricName": "m"}, "Period": 60, "Stat": "Sum"}}
        ],
        "StartTime": datetime(2027, 1, 1, tzinfo=UTC),
        "EndTime": datetime(2027, 1, 2, tzinfo=UTC),
    },
    ("cloudwatch", "PutMetricData"): {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.5}]},
    ("scheduler", "CreateSchedule"): {
        "Name": "s",
        "ScheduleExpression": "at(2027-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn", "RoleArn": "arn", "Input": "{}"},
    },
    ("dynamodb", "TransactWriteItems"): {
        "TransactItems": [
            {
                "Put": {
                    "TableName": "t",
                    "Item": {"pk": {"S": "p"}, "deep": {"M": {"list": {"L": [{"N": "1"}, {"B": b"x"}]}}}},
                }
            }
        ],
        "ClientRequestToken": "token",
    },
}
STRANGE = ("", "text", -1, 0, 10**6, 1.5, True, None, b"", [], {}, ["text"], {"Surprise": 1}, object())


@pytest.fixture(scope="module")
def session() -> Any:
    return connect(Cloud(ManualClock()), moto=False)


def broken(document: Any) -> Iterator[Any]:
    """`document` with each of its parts left out, replaced or added to, one at a time."""
    places = list(document) if isinstance(document, dict) else range(len(document))
    for place in places:
        without = copy.copy(document)
        del without[place]
        yield without
        inner = broken(document[place]) if isinstance(document[place], dict | list) else ()
        for strange in (*STRANGE, *inner):
            changed = copy.copy(document)
            changed[place] = strange
            yield changed
    if isinstance(document, dict):
        yield {**document, "Surprise": 1}


@pytest.mark.parametrize(("service", "operation"), VALID, ids=lambda one: one)
def test_what_is_accepted_botocore_accepts_and_nearly_all_else_it_refuses(
    session: Any, service: str, operation: str
) -> None:
    model = session.client(service, region_name="eu-west-1").meta.service_model.operation_model(operation)
    assert accepts(model, VALID[service, operation])
    doubted = 0
    for parameters in broken(VALID[service, operation]):
        by_botocore = not ParamValidator().validate(parameters, model.input_shape).has_errors()
        by_us = accepts(model, parameters)
        assert by_botocore or not by_us, parameters
        doubted += by_botocore and not by_us
    assert doubted <= 10, "botocore is asked about a few more: a time as a number"


def test_a_call_with_a_misspelt_parameter_is_refused(session: Any) -> None:
    with pytest.raises(ParamValidationError, match="Weigth"):
        session.client("elbv2").modify_rule(
            RuleArn="arn",
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"Weigth": 1}]}}],
        )
