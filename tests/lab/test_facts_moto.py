"""DynamoDB, S3 and ECR by moto: rules that a release leans on; each docstring names AWS's page.

moto is pinned; what a newer one would forget is seen here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.api.moto_backend import reset
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud

MANIFEST = (
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","annotations":{"v":"%s"},'
    '"layers":[{"digest":"sha256:' + "0" * 64 + '","size":1}]}'
)


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    reset()
    return connect(Cloud(ManualClock()))


@pytest.fixture(scope="module")
def table(session: boto3.Session) -> Any:
    client = session.client("dynamodb")
    client.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def put(*keys: str, text: str = "x", **more: Any) -> dict[str, Any]:
    """A transaction that writes an item by each key."""
    items = [{"pk": {"S": key}, "text": {"S": text}} for key in keys]
    return {"TransactItems": [{"Put": {"TableName": "t", "Item": item, **more}} for item in items]}


def refusal(call: Callable[..., Any], **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return dict(caught.value.response)


@pytest.mark.parametrize(
    ("transaction", "words"),
    [
        (put("big", text="x" * 410 * 1024), "Item size has exceeded"),
        (put(*map(str, range(101))), "less than or equal to 100"),
        (put("same", "same"), "multiple operations on one item"),
        (put(""), "empty string"),
    ],
)
def test_bounds_of_a_transaction(table: Any, transaction: dict[str, Any], words: str) -> None:
    """Items of 400 KB, 100 actions, none twice on one item, no empty keys.

    Developer guide of DynamoDB, "Quotas"; API reference, TransactWriteItems.
    """
    error = refusal(table.transact_write_items, **transaction)["Error"]
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]


def test_a_transaction_is_whole_or_nothing_and_names_the_one_that_failed(table: Any) -> None:
    """API reference, TransactWriteItems: CancellationReasons in the order of the actions."""
    table.transact_write_items(**put("standing"))
    new, clash = put("new"), put("standing", ConditionExpression="attribute_not_exists(pk)")
    both = {"TransactItems": new["TransactItems"] + clash["TransactItems"]}
    told = refusal(table.transact_write_items, **both)
    assert told["Error"]["Code"] == "TransactionCanceledException"
    assert [one["Code"] for one in told["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in table.get_item(TableName="t", Key={"pk": {"S": "new"}}, ConsistentRead=True)


def test_an_object_that_is_missing_has_one_code_to_get_and_another_to_head(session: boto3.Session) -> None:
    """API reference of S3: GetObject tells NoSuchKey; HeadObject has no body, so its code is the status."""
    s3 = session.client("s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    asked = {"Bucket": "models", "Key": "none"}
    assert refusal(s3.get_object, **asked)["Error"]["Code"] == "NoSuchKey"
    assert refusal(s3.head_object, **asked)["Error"]["Code"] == "404"


def test_a_tag_that_is_immutable_names_one_image_for_ever(session: boto3.Session) -> None:
    """User guide of ECR, "Preventing image tags from being overwritten"; an unknown tag is ImageNotFound.

    AWS has one code for another image (ImageTagAlreadyExists) and one for the same; moto has one for both.
    """
    ecr = session.client("ecr")
    ecr.create_repository(repositoryName="app", imageTagMutability="IMMUTABLE")
    push = {"repositoryName": "app", "imageTag": "v1"}
    ecr.put_image(**push, imageManifest=MANIFEST % 1)
    other = refusal(ecr.put_image, **push, imageManifest=MANIFEST % 2)
    assert other["Error"]["Code"].endswith("AlreadyExistsException")
    unknown = {"repositoryName": "app", "imageIds": [{"imageTag": "v2"}]}
    assert refusal(ecr.describe_images, **unknown)["Error"]["Code"] == "ImageNotFoundException"
