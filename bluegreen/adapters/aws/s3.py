"""`ports.Models` over S3 and the pointer parameter in SSM."""

from __future__ import annotations

import base64
import re
from functools import partial

from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.aws.ssm import Parameters
from bluegreen.contract import NO_MODEL, ModelStore, TierContract
from bluegreen.domain.release import Model
from bluegreen.errors import Refused

_MISSING = frozenset({"404", "NoSuchKey", "NotFound", "InvalidRange"})
"""InvalidRange: the object is empty."""
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_SHOWN = 8


class S3Models:
    """AI models at s3://<bucket>/<prefix><version>/<file>.

    Their SHA-256 is taken from S3's own checksum of the whole object, else from the object's metadata
    `sha256`, else from the object `<file>.sha256` beside it (as sha256sum writes it).
    """

    def __init__(self, session: Session) -> None:
        self._service = partial(session.service, "s3")
        self._parameters = Parameters(session)

    def find(self, tier: TierContract, version: str) -> Model:
        store = _store(tier)
        key = f"{store.prefix}{version}/{store.file}"
        place = f"s3://{store.bucket}/{key}"
        try:
            head = self._service().call(
                "head_object", about=place, Bucket=store.bucket, Key=key, ChecksumMode="ENABLED"
            )
        except AwsRefusal as error:
            if error.code in _MISSING:
                raise self._unknown(store, version, place) from error
            raise
        own = _own_checksum(head)
        noted = str(head.get("Metadata", {}).get("sha256", "")).lower()
        if own and _HEX.fullmatch(noted) and own != noted:
            raise Refused(
                f"{place}: S3's checksum {own} is not the recorded {noted}",
                next_step="upload the model again; this file is not the one that was trained",
            )
        sha256 = own or (noted if _HEX.fullmatch(noted) else "") or self._beside(store.bucket, key)
        if not sha256:
            raise Refused(
                f"{place} has no SHA-256: no checksum of S3, no metadata sha256, no {store.file}.sha256",
                next_step=f"upload it with --checksum-algorithm SHA256, or add {key}.sha256",
            )
        return Model(version=version, sha256=sha256)

    def _beside(self, bucket: str, key: str) -> str:
        with Tolerated(*_MISSING):
            read = self._service().call
            answer = read("get_object", Bucket=bucket, Key=f"{key}.sha256", Range="bytes=0-255")
            words = answer["Body"].read().decode("ascii", errors="replace").split()
            return words[0].lower() if words and _HEX.fullmatch(words[0]) else ""
        return ""

    def _unknown(self, store: ModelStore, version: str, place: str) -> Refused:
        found = self._service().pages(
            "list_objects_v2", "CommonPrefixes", Bucket=store.bucket, Prefix=store.prefix, Delimiter="/"
        )
        names = sorted((one["Prefix"][len(store.prefix) :].rstrip("/") for one in found), reverse=True)
        return Refused(
            f"there is no model {version} ({place}); "
            f"models that exist: {', '.join(names[:_SHOWN]) or 'none'}",
            next_step="upload the model, or name one of these",
        )

    def pointer(self, tier: TierContract) -> str | None:
        named = self._parameters.get(_store(tier).pointer_parameter)
        return None if named == NO_MODEL else named

    def set_pointer(self, tier: TierContract, version: str) -> None:
        self._parameters.put(_store(tier).pointer_parameter, version)


def _store(tier: TierContract) -> ModelStore:
    if tier.model is None:
        raise Refused(f"tier {tier.name} has no model store in the contract", next_step="run `pulumi up`")
    return tier.model


def _own_checksum(head: Json) -> str:
    """S3's SHA-256 of the whole object in hex; a multipart upload's composite checksum is not that."""
    value = head.get("ChecksumSHA256", "")
    # Of a multipart upload (its ETag ends in -<parts>) S3 knows no SHA-256 but a composite one.
    composite = "-" in value or head.get("ChecksumType") == "COMPOSITE" or "-" in head.get("ETag", "")
    if not value or composite:
        return ""
    digest = base64.b64decode(value)
    return digest.hex() if len(digest) == 32 else ""
