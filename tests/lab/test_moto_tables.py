"""DynamoDB answers the same with and without moto's HTTP."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bluegreen.lab.api import moto_backend, moto_tables
from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud

KEY = {"pk": {"S": "p"}, "sk": {"S": "a"}}
FULL = {
    **KEY,
    "text": {"S": "täxt"},
    "number": {"N": "7"},
    "binary": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "deep": {"M": {"list": {"L": [{"N": "1"}, {"B": b"x"}]}, "set": {"SS": ["a", "b"]}}},
}
NAMES = {"#pk": "pk"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {"Key": KEY}),
    ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": FULL}}]}),
    (
        "transact_write_items",
        {"TransactItems": [{"Put": {"TableName": "t", "Item": FULL | {"sk": {"S": "b"}}}}]},
    ),
    (
        "transact_write_items",  # the condition of the second fails: nothing is written
        {
            "TransactItems": [
                {"Put": {"TableName": "t", "Item": FULL | {"sk": {"S": "c"}}}},
                {
                    "Put": {
                        "TableName": "t",
                        "Item": FULL,
                        "ConditionExpression": "attribute_not_exists(#pk)",
                        "ExpressionAttributeNames": NAMES,
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                },
            ]
        },
    ),
    ("get_item", {"Key": KEY, "ConsistentRead": True}),
    (
        "update_item",
        {
            "Key": KEY,
            "UpdateExpression": "SET #n = #n + :one, text = :text",
            "ConditionExpression": "#n = :seven",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":seven": {"N": "7"}, ":text": {"S": "new"}},
            "ReturnValues": "ALL_NEW",
        },
    ),
    (
        "update_item",  # refused, with the item that stands there
        {
            "Key": KEY,
            "UpdateExpression": "REMOVE #n",
            "ConditionExpression": "#n = :seven",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": {":seven": {"N": "7"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    *[
        (
            "query",
            {
                "KeyConditionExpression": "#pk = :pk",
                "ExpressionAttributeNames": NAMES,
                "ExpressionAttributeValues": {":pk": {"S": "p"}},
                **more,
            },
        )
        for more in ({}, {"Limit": 1}, {"ScanIndexForward": False}, {"ExclusiveStartKey": KEY})
    ],
    ("delete_item", {"Key": KEY, "ReturnValues": "ALL_OLD"}),
    ("delete_item", {"Key": KEY}),
    ("get_item", {"Key": {"pk": {"S": "p"}}}),  # not a key of the table
]


def told(*, short: bool) -> list[Any]:
    """What all the calls answer, one after the other, on a new table."""
    moto_backend.reset()
    asked: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        taken = moto_tables.answer if short else lambda *_: None

        def answer(operation: str, params: dict[str, Any], region: str) -> dict[str, Any] | None:
            found = taken(operation, params, region)
            asked.append(found)
            return found

        patch.setattr(moto_tables, "answer", answer)
        client = connect(Cloud(ManualClock())).client("dynamodb")
    client.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    answers: list[Any] = []
    for operation, parameters in CALLS:
        table = {} if operation.startswith("transact") else {"TableName": "t"}
        try:
            answer = getattr(client, operation)(**table, **parameters)
        except ClientError as error:
            answer = {**error.response, "raised": type(error).__name__}
        del answer["ResponseMetadata"]
        answers.append(answer)
    assert any(found is not None for found in asked) is short
    return answers


def test_answers_and_refusals_are_those_of_motos_http() -> None:
    short, long = told(short=True), told(short=False)
    for (operation, _), one, other in zip(CALLS, short, long, strict=True):
        assert one == other, operation


def test_neither_what_was_sent_nor_what_is_answered_is_part_of_the_table() -> None:
    told(short=True)
    client = connect(Cloud(ManualClock())).client("dynamodb")
    sent = copy.deepcopy(FULL)
    client.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": sent}}])
    sent["deep"]["M"]["list"]["L"].clear()
    for _ in range(2):
        found = client.get_item(TableName="t", Key=KEY)["Item"]
        assert found == FULL
        found["deep"]["M"]["list"]["L"].clear()


def test_an_expression_is_parsed_once_but_has_the_names_and_values_of_its_call() -> None:
    told(short=True)
    client = connect(Cloud(ManualClock())).client("dynamodb")

    def holds(name: str, value: str) -> bool:
        with contextlib.suppress(client.exceptions.ConditionalCheckFailedException):
            client.update_item(
                TableName="t",
                Key=KEY | {"sk": {"S": "b"}},
                UpdateExpression="SET note = :value",
                ConditionExpression="#n = :value",
                ExpressionAttributeNames={"#n": name},
                ExpressionAttributeValues={":value": {"S": value}},
            )
            return True
        return False

    assert [holds("text", "täxt"), holds("text", "no"), holds("sk", "täxt"), holds("sk", "b")] == [
        True, False, False, True,
    ]  # fmt: skip
