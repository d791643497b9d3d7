"""Models are stored once, whole; a push that was stopped continues (A1, A2)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bluegreen.adapters.aws.failures import AwsUnavailable
from bluegreen.adapters.aws.model_store import ModelArchive
from bluegreen.adapters.aws.s3 import S3Models
from bluegreen.adapters.model_file import ModelFile
from bluegreen.contract import ModelStore, Tier
from bluegreen.domain.model_manifest import ModelManifest, parse_manifest
from bluegreen.errors import ConfigError, Refused

from .conftest import Stack

STORE = ModelStore(bucket="models", pointer_parameter="/sportcoach/test/model")
KEY = "models/v8/model.bin"
PART = 8 << 20


@pytest.fixture
def archive(stack: Stack) -> ModelArchive:
    stack.raw("s3").create_bucket(
        Bucket="models", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    return ModelArchive(stack.session, STORE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three parts, the last one short."""
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(2 * PART + 12_345))
    return path


def facts(file: ModelFile, **other: Any) -> ModelManifest:
    made = ModelManifest(
        version="v8",
        sha256=file.sha256,
        size=file.size,
        trained_at="2026-11-20",
        trained_from="s3://data/2026-11",
        metrics={"accuracy": 0.93},
        configuration={"epochs": "20"},
    )
    return replace(made, **other)


def push(archive: ModelArchive, path: Path, told: list[int] | None = None, **other: Any) -> bool:
    with ModelFile(path) as file:
        return archive.push(file, facts(file, **other), ([] if told is None else told).append)


class Sent:
    """Counts the parts that are sent; the one numbered `lost` is answered by nobody."""

    def __init__(self, archive: ModelArchive, monkeypatch: pytest.MonkeyPatch, lost: int = 0) -> None:
        self.parts: list[int] = []
        call = archive._s3.call

        def counting(operation: str, **given: Any) -> Any:
            if operation == "upload_part":
                if given["PartNumber"] == lost:
                    raise AwsUnavailable("no answer", code="Timeout", next_step="", sent=True)
                self.parts.append(given["PartNumber"])
            return call(operation, **given)

        monkeypatch.setattr(archive._s3, "call", counting)


def test_a_model_is_stored_whole_with_its_facts(stack: Stack, archive: ModelArchive, path: Path) -> None:
    told: list[int] = []
    assert push(archive, path, told) is True
    body = stack.raw("s3").get_object(Bucket="models", Key=KEY)["Body"].read()
    assert body == path.read_bytes()
    (found,) = archive.all()
    assert (found.version, found.state) == ("v8", "stored")
    assert found == archive.one("v8")
    assert found.manifest is not None
    assert found.manifest.sha256 == hashlib.sha256(body).hexdigest()
    assert archive.verify("v8") == found.manifest
    assert (told[0], told[-1]) == (0, len(body))
    tier = stack.with_tier(model=STORE.model_dump()).tier(Tier.APP)
    assert S3Models(stack.session).find(tier, "v8").sha256 == found.manifest.sha256


def test_the_same_push_again_changes_nothing(
    archive: ModelArchive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(archive, path)
    sent = Sent(archive, monkeypatch)
    assert push(archive, path) is False
    assert sent.parts == []


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_push_that_was_stopped_goes_on(stack: Stack, archive: ModelArchive, path: Path, lost: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        first = Sent(archive, patch, lost)
        with pytest.raises(AwsUnavailable, match="run the same push again: it continues"):
            push(archive, path)
    assert archive.one("v8").state == "push unfinished"
    with pytest.raises(Refused, match="its push was not finished"):
        archive.verify("v8")
    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        second = Sent(archive, patch)
        assert push(archive, path, told) is True
    assert sorted(first.parts + second.parts) == [1, 2, 3]
    assert told[0] == sum((PART, PART, 12_345)[one - 1] for one in first.parts)
    assert archive.verify("v8").size == path.stat().st_size
    assert "Uploads" not in stack.raw("s3").list_multipart_uploads(Bucket="models")


def test_a_part_that_arrived_wrong_is_sent_again(
    stack: Stack, archive: ModelArchive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = stack.raw("s3").create_multipart_upload(
        Bucket="models", Key=KEY, Metadata={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    )
    at = {"Bucket": "models", "Key": KEY, "UploadId": upload["UploadId"]}
    stack.raw("s3").upload_part(**at, PartNumber=1, Body=b"x" * PART)
    sent = Sent(archive, monkeypatch)
    push(archive, path)
    assert sorted(sent.parts) == [1, 2, 3]
    assert archive.verify("v8")


def test_a_version_is_never_used_for_other_content(archive: ModelArchive, path: Path) -> None:
    push(archive, path)
    before = archive.one("v8")
    with pytest.raises(Refused, match=r"v8 exists with other content: metrics differ"):
        push(archive, path, metrics={"accuracy": 0.5})
    path.write_bytes(b"other weights")
    with pytest.raises(Refused, match="exists with other content: sha256, size differ"):
        push(archive, path)
    assert archive.one("v8") == before


def test_an_unfinished_push_keeps_its_version(archive: ModelArchive, path: Path) -> None:
    """Else the parts of two files would become one."""
    with pytest.MonkeyPatch.context() as patch:
        Sent(archive, patch, 2)
        with pytest.raises(AwsUnavailable):
            push(archive, path)
    path.write_bytes(os.urandom(2 * PART))
    with pytest.raises(Refused, match="exists with other content"):
        push(archive, path)


def test_a_file_that_was_replaced_by_hand_is_refused(stack: Stack, archive: ModelArchive, path: Path) -> None:
    push(archive, path)
    stack.raw("s3").put_object(Bucket="models", Key=KEY, Body=b"by hand")
    assert archive.one("v8").state == "wrong size"
    with pytest.raises(Refused, match=r"its manifest says [0-9a-f]{64} and 16,789,561 bytes"):
        archive.verify("v8")
    with pytest.raises(Refused, match=r"is not the file of its manifest: .* \(none recorded\) and 7 bytes"):
        push(archive, path)


def test_one_byte_that_rotted_is_seen(stack: Stack, archive: ModelArchive, path: Path) -> None:
    push(archive, path)
    content = bytearray(path.read_bytes())
    content[PART] ^= 1
    stack.raw("s3").put_object(Bucket="models", Key=KEY, Body=bytes(content))
    with pytest.raises(Refused, match="do not release it"):
        archive.verify("v8")


def test_a_model_without_manifest_is_refused(stack: Stack, archive: ModelArchive) -> None:
    stack.raw("s3").put_object(Bucket="models", Key="models/v7/model.bin", Body=b"by hand")
    assert archive.one("v7").state == "no manifest"
    with pytest.raises(Refused, match=r"has no manifest.json: nobody can say what it should be"):
        archive.verify("v7")
    with pytest.raises(Refused, match="there is no model v9"):
        archive.verify("v9")


@pytest.mark.parametrize("text", ["[]", "{", '{"version": "v8"}', '{"size": true}'])
def test_a_broken_manifest_is_told(stack: Stack, archive: ModelArchive, path: Path, text: str) -> None:
    stack.raw("s3").put_object(Bucket="models", Key="models/v8/manifest.json", Body=text.encode())
    with pytest.raises(Refused, match=r"s3://models/models/v8/manifest.json is no manifest"):
        push(archive, path)


def test_a_file_that_changes_under_the_push_is_not_stored(archive: ModelArchive, path: Path) -> None:
    with ModelFile(path) as file:
        manifest = facts(file)
        with path.open("r+b") as other:
            other.seek(PART + 5)
            other.write(b"retrained")
        with pytest.raises(ConfigError, match="has changed while it was read"):
            archive.push(file, manifest, [].append)
    assert archive.one("v8").state == "push unfinished"


def test_what_is_no_model_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name in ("empty", "pipe", ".", "missing"):
        with pytest.raises(ConfigError, match="cannot read the model"):
            ModelFile(tmp_path / name)


def test_ten_thousand_parts_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 takes no more: 100 GB need larger parts."""
    monkeypatch.setattr(ModelFile, "_digest", lambda _self: "")
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(100_000_000_000)
    with ModelFile(path) as read:
        assert len(read.parts) <= 10_000
        assert sum(read.length(number) for number in read.parts) == read.size


def test_a_manifest_is_stored_and_read_alike() -> None:
    manifest = ModelManifest(
        version="v8",
        sha256="ab" * 32,
        size=3,
        trained_at="2026-11-20",
        trained_from="训练数据",
        metrics={"f1": 0.5},
        configuration={"seed": "7"},
    )
    assert parse_manifest(manifest.text()) == manifest
    assert manifest.differences(manifest) == ()
