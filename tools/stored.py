"""What stands in a simulated account before anything is released, put straight into moto.

Fourteen calls of boto3 through moto's HTTP were a tenth of what many a test of one release cost.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend

from bluegreen.contract import STATE_TABLE_HASH_KEY, STATE_TABLE_RANGE_KEY
from bluegreen.lab.api import moto_backend

REPOSITORIES = ("sportcoach-platform", "sportcoach-ai")
VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0")
MODELS = ("m1", "m2")
_SCANNED = datetime(2026, 1, 1, tzinfo=UTC)


def stand(account: str, region: str) -> str:
    """Forget what moto held; make the state table, images, models, the model's pointer and a topic.

    Returns the topic's ARN.
    """
    moto_backend.reset()
    with moto_backend.LOCK:
        _table(_backend("dynamodb", account, region))
        _images(_backend("ecr", account, region))
        _models(_backend("s3", account, "aws"), region)
        _backend("ssm", account, region).put_parameter(
            name="/sportcoach/sim/model",
            value="m1",
            parameter_type="String",
            description=None,
            allowed_pattern=None,
            keyid=None,
            overwrite=False,
            tags=None,
            data_type="text",
            tier=None,
            policies=None,
        )
        return str(_backend("sns", account, region).create_topic("sim").arn)


def _backend(service: str, account: str, region: str) -> Any:
    return get_backend(service)[account][region]  # type: ignore[call-overload]  # a name of a service


def _table(dynamodb: Any) -> None:
    keys = {STATE_TABLE_HASH_KEY: "HASH", STATE_TABLE_RANGE_KEY: "RANGE"}
    dynamodb.create_table(
        "sim-state",
        schema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        attr=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        billing_mode="PAY_PER_REQUEST",
        throughput=None,
        global_indexes=[],
        indexes=[],
        streams=None,
        sse_specification=None,
        tags=[],
        deletion_protection_enabled=False,
        warm_throughput=None,
    )


def _images(ecr: Any) -> None:
    for repository in REPOSITORIES:
        ecr.create_repository(
            repository_name=repository,
            registry_id=None,
            encryption_config=None,
            image_scan_config=None,
            image_tag_mutability=None,
            tags=[],
        )
        for version in VERSIONS:
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "annotations": {"version": version},
            }
            ecr.put_image(repository, json.dumps(manifest), version).last_scan = _SCANNED


def _models(s3: Any, region: str) -> None:
    s3.create_bucket("sim-models", region)
    for number, model in enumerate(MODELS, start=1):
        kept = s3.put_object("sim-models", f"models/{model}/model.bin", model.encode())
        kept.set_metadata({"x-amz-meta-sha256": f"{number:02x}" * 32})
