"""The models bucket as an archive: a version is put there once, whole, and never changed (A1, A2).

`<prefix><version>/manifest.json` is written first, on the condition that there is none: it claims the version
for one content. So whatever unfinished upload lies there is of that content, and any push of it continues.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bluegreen.adapters.aws.failures import AwsRefusal, AwsUnavailable, Tolerated
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.model_file import ModelFile
from bluegreen.contract import ModelStore
from bluegreen.domain.model_manifest import ModelManifest, parse_manifest
from bluegreen.errors import Refused

MANIFEST = "manifest.json"
_ABSENT = ("404", "NoSuchKey", "NotFound")
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"})
"""S3, "How to prevent object overwrites with conditional writes"; NoSuchUpload: another push completed it."""
_AT_ONCE = 4
"""Parts in memory; with 8 MiB each."""
_CHUNK = 1 << 20
_LIMIT = 1_000_000
"""Bytes of a manifest that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """What lies in the bucket for one version."""

    version: str
    manifest: ModelManifest | None
    """None: the file was brought there by other means."""
    size: int | None
    """Bytes of the file; None: there is none (yet)."""

    @property
    def state(self) -> str:
        """In one word or two."""
        if self.size is None:
            return "push unfinished"
        if self.manifest is None:
            return "no manifest"
        return "stored" if self.size == self.manifest.size else "wrong size"


class ModelArchive:
    """Raises Refused where a version is missing, or taken by another content."""

    def __init__(self, session: Session, store: ModelStore) -> None:
        self._s3 = session.service("s3")
        self._store = store

    def push(self, file: ModelFile, manifest: ModelManifest, progress: Callable[[int], None]) -> bool:
        """Store it; False where it was there already. `progress` is told the bytes that have arrived.

        Whatever stops it, the same push again continues where it stood.
        """
        try:
            self._claim(manifest)
            if self._size(manifest.version) is not None:
                self._insist(manifest)
                return False
            self._upload(file, manifest, progress)
            self._insist(manifest)
        except AwsUnavailable as error:
            raise AwsUnavailable(
                error.what, code=error.code, next_step="run the same push again: it continues where it stood"
            ) from error
        return True

    def all(self) -> tuple[StoredModel, ...]:
        """Every version, by name."""
        store = self._store
        found = self._s3.pages(
            "list_objects_v2", "CommonPrefixes", Bucket=store.bucket, Prefix=store.prefix, Delimiter="/"
        )
        names = sorted(one["Prefix"][len(store.prefix) :].rstrip("/") for one in found)
        return tuple(self._stored(name) for name in names)

    def one(self, version: str) -> StoredModel:
        """That version."""
        found = self._stored(version)
        if found.manifest is None and found.size is None:
            raise Refused(
                f"there is no model {version} in s3://{self._store.bucket}/{self._store.prefix}",
                next_step="`sc-deploy models list` shows those that exist",
            )
        return found

    def verify(self, version: str) -> ModelManifest:
        """Read the whole file and compare it with its manifest; Refused where they differ."""
        found = self.one(version)
        place = self._place(version)
        if found.manifest is None:
            raise Refused(
                f"{place} has no {MANIFEST}: nobody can say what it should be",
                next_step="push the model under a new version with `sc-deploy models push`",
            )
        if found.size is None:
            raise Refused(
                f"{place} is missing: its push was not finished", next_step="run the same push again"
            )
        sha256, size = self._read(version)
        wanted = found.manifest
        if (sha256, size) != (wanted.sha256, wanted.size):
            raise Refused(
                f"{place} has SHA-256 {sha256} and {size:,} bytes;"
                f" its manifest says {wanted.sha256} and {wanted.size:,} bytes",
                next_step="do not release it; push the model under a new version",
            )
        return wanted

    def _read(self, version: str) -> tuple[str, int]:
        answer = self._s3.call(
            "get_object", about=self._place(version), Bucket=self._store.bucket, Key=self._key(version)
        )
        whole, size = hashlib.sha256(), 0
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            whole.update(chunk)
            size += len(chunk)
        return whole.hexdigest(), size

    def _claim(self, manifest: ModelManifest) -> None:
        name = self._key(manifest.version, MANIFEST)
        try:
            self._s3.call(
                "put_object",
                Bucket=self._store.bucket,
                Key=name,
                Body=manifest.text().encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except AwsRefusal as error:
            if error.code not in _TAKEN:
                raise
        there = self._manifest(manifest.version)
        other = manifest.differences(there) if there else ("manifest",)
        if other:
            raise Refused(
                f"model {manifest.version} exists with other content: {', '.join(other)} differ"
                f" ({self._place(manifest.version)})",
                next_step="a version is never changed: push under a new one",
            )

    def _insist(self, manifest: ModelManifest) -> None:
        """What lies there now is the pushed file, by its recorded digest and its size."""
        head = self._s3.call("head_object", Bucket=self._store.bucket, Key=self._key(manifest.version))
        noted = head.get("Metadata", {}).get("sha256", "")
        if (noted, head["ContentLength"]) != (manifest.sha256, manifest.size):
            raise Refused(
                f"{self._place(manifest.version)} is not the file of its manifest: it has SHA-256"
                f" {noted or '(none recorded)'} and {head['ContentLength']:,} bytes",
                next_step="somebody brought it there by other means: push under a new version",
            )

    def _upload(self, file: ModelFile, manifest: ModelManifest, progress: Callable[[int], None]) -> None:
        at = {"Bucket": self._store.bucket, "Key": self._key(manifest.version)}
        upload = self._unfinished(at["Key"]) or self._begin(manifest)
        there = self._arrived(upload, file, at["Key"])
        done, counting = sum(file.length(number) for number in there), threading.Lock()
        progress(done)

        def send(number: int) -> tuple[int, str]:
            nonlocal done
            answer = self._s3.call(
                "upload_part",
                **at,
                UploadId=upload,
                PartNumber=number,
                Body=file.part(number),
                ChecksumSHA256=base64.b64encode(file.digest(number)).decode(),
            )
            with counting:
                done += file.length(number)
                progress(done)
            return number, answer["ETag"]

        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            there |= dict(pool.map(send, [number for number in file.parts if number not in there]))
        finally:
            pool.shutdown(cancel_futures=True)
        parts = [
            {
                "PartNumber": number,
                "ETag": there[number],
                "ChecksumSHA256": base64.b64encode(file.digest(number)).decode(),
            }
            for number in file.parts
        ]
        try:
            self._s3.call(
                "complete_multipart_upload",
                **at,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
        except AwsRefusal as error:
            if error.code not in _TAKEN:
                raise

    def _begin(self, manifest: ModelManifest) -> str:
        answer = self._s3.call(
            "create_multipart_upload",
            Bucket=self._store.bucket,
            Key=self._key(manifest.version),
            ChecksumAlgorithm="SHA256",
            Metadata={"sha256": manifest.sha256},
        )
        return str(answer["UploadId"])

    def _unfinished(self, key: str) -> str:
        """The upload that an earlier push of this version began; empty: none."""
        found = self._s3.pages("list_multipart_uploads", "Uploads", Bucket=self._store.bucket, Prefix=key)
        return next((str(one["UploadId"]) for one in found if one["Key"] == key), "")

    def _arrived(self, upload: str, file: ModelFile, key: str) -> dict[int, str]:
        """The ETags of the parts that need not be sent again: S3 says that their bytes are ours."""
        found = self._s3.pages("list_parts", "Parts", Bucket=self._store.bucket, Key=key, UploadId=upload)
        arrived: dict[int, str] = {}
        for one in found:
            number = int(one["PartNumber"])
            if number in file.parts and _same(one, file, number):
                arrived[number] = str(one["ETag"])
        return arrived

    def _stored(self, version: str) -> StoredModel:
        return StoredModel(version=version, manifest=self._manifest(version), size=self._size(version))

    def _size(self, version: str) -> int | None:
        with Tolerated(*_ABSENT):
            head = self._s3.call("head_object", Bucket=self._store.bucket, Key=self._key(version))
            return int(head["ContentLength"])
        return None

    def _manifest(self, version: str) -> ModelManifest | None:
        key = self._key(version, MANIFEST)
        with Tolerated(*_ABSENT):
            answer = self._s3.call("get_object", Bucket=self._store.bucket, Key=key)
            try:
                return parse_manifest(answer["Body"].read(_LIMIT).decode())
            except ValueError as error:
                raise Refused(
                    f"s3://{self._store.bucket}/{key} is no manifest: {error}",
                    next_step="somebody wrote it by other means: use another version",
                ) from error
        return None

    def _key(self, version: str, file: str = "") -> str:
        return f"{self._store.prefix}{version}/{file or self._store.file}"

    def _place(self, version: str) -> str:
        return f"s3://{self._store.bucket}/{self._key(version)}"


def _same(listed: dict[str, object], file: ModelFile, number: int) -> bool:
    """By S3's SHA-256 of the part; without one by its ETag, which is the MD5 unless KMS encrypts it."""
    if noted := listed.get("ChecksumSHA256"):
        return noted == base64.b64encode(file.digest(number)).decode()
    etag = str(listed["ETag"]).strip('"')
    return etag == hashlib.md5(file.part(number), usedforsecurity=False).hexdigest()
