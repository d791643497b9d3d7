"""Images, models, parameters, contract, snapshots, surroundings."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from bluegreen.adapters.aws.ecr import EcrImages
from bluegreen.adapters.aws.environment import AwsEnvironment
from bluegreen.adapters.aws.rds import RdsSnapshots
from bluegreen.adapters.aws.s3 import S3Models
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.connect import connect, load_contract, read_contract_file
from bluegreen.contract import NO_MODEL, Published, Tag, Tier, TierContract
from bluegreen.errors import CloudUnavailable, ConfigError, Refused
from bluegreen.policy import Policy

from .conftest import Stack, lost, refused, tags

OTHER = base64.b64encode(bytes(32)).decode()
"""A SHA-256 of something else."""
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 1,
        "digest": "sha256:1",
    },
    "layers": [],
}


def push(stack: Stack, tag: str) -> str:
    manifest = json.dumps(MANIFEST | {"annotations": {"tag": tag}})
    answer = stack.raw("ecr").put_image(
        repositoryName="sportcoach-platform", imageManifest=manifest, imageTag=tag
    )
    return str(answer["image"]["imageId"]["imageDigest"])


class TestImages:
    @pytest.fixture
    def images(self, stack: Stack) -> EcrImages:
        stack.raw("ecr").create_repository(repositoryName="sportcoach-platform")
        return EcrImages(stack.session)

    def test_digest_behind_the_tag(self, stack: Stack, images: EcrImages) -> None:
        digest = push(stack, "v1.0.0")
        push(stack, "v1.1.0")
        image = images.resolve("sportcoach-platform", "v1.0.0")
        assert (image.tag, image.digest) == ("v1.0.0", digest)
        assert image.uri.endswith(f"/sportcoach-platform@{digest}")

    def test_unknown_tag_lists_the_newest(self, stack: Stack, images: EcrImages) -> None:
        push(stack, "v1.0.0")
        with pytest.raises(Refused, match=r"no image tagged v9.9.9; newest tags: v1.0.0"):
            images.resolve("sportcoach-platform", "v9.9.9")

    def test_nothing_pushed_yet(self, images: EcrImages) -> None:
        with pytest.raises(Refused, match="nothing was pushed yet"):
            images.resolve("sportcoach-platform", "v1.0.0")

    def test_unknown_repository_lists_those_that_exist(self, images: EcrImages) -> None:
        with pytest.raises(Refused, match=r"no repository other in .*; it has: sportcoach-platform"):
            images.resolve("other", "v1.0.0")


class TestModels:
    @pytest.fixture
    def tier(self, stack: Stack) -> TierContract:
        stack.raw("s3").create_bucket(
            Bucket="models", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
        )
        store = {"bucket": "models", "pointer_parameter": "/sportcoach/test/model"}
        return stack.with_tier(model=store).tier(Tier.APP)

    @pytest.fixture
    def models(self, stack: Stack) -> S3Models:
        return S3Models(stack.session)

    def put(self, stack: Stack, version: str, **more: Any) -> str:
        body = f"weights of {version}".encode()
        stack.raw("s3").put_object(Bucket="models", Key=f"models/{version}/model.bin", Body=body, **more)
        return hashlib.sha256(body).hexdigest()

    def test_checksum_of_s3(self, stack: Stack, models: S3Models, tier: TierContract) -> None:
        wanted = self.put(stack, "v7", ChecksumAlgorithm="SHA256")
        assert models.find(tier, "v7").sha256 == wanted

    def test_metadata(self, stack: Stack, models: S3Models, tier: TierContract) -> None:
        self.put(stack, "v7", Metadata={"sha256": "AB" * 32}, ChecksumAlgorithm="CRC32")
        assert models.find(tier, "v7").sha256 == "ab" * 32

    def test_file_beside(self, stack: Stack, models: S3Models, tier: TierContract) -> None:
        wanted = self.put(stack, "v7", ChecksumAlgorithm="CRC32")
        text = f"{wanted}  model.bin\n".encode()
        stack.raw("s3").put_object(Bucket="models", Key="models/v7/model.bin.sha256", Body=text)
        assert models.find(tier, "v7").sha256 == wanted

    def test_contradiction_is_refused(self, stack: Stack, models: S3Models, tier: TierContract) -> None:
        self.put(stack, "v7", ChecksumAlgorithm="SHA256", Metadata={"sha256": "ab" * 32})
        with pytest.raises(Refused, match="is not the recorded abab"):
            models.find(tier, "v7")

    @pytest.mark.parametrize(
        "answer",
        [
            {"ChecksumSHA256": f"{OTHER}-3"},
            {"ChecksumSHA256": OTHER, "ChecksumType": "COMPOSITE"},
            {"ChecksumSHA256": OTHER, "ETag": '"0123-3"'},
        ],
    )
    def test_a_checksum_of_checksums_is_not_the_model_s(
        self, stack: Stack, models: S3Models, tier: TierContract, answer: dict[str, str]
    ) -> None:
        """What S3 says of a multipart upload: the recorded hash of the whole file counts."""
        document = {**answer, "Metadata": {"sha256": "ab" * 32}}
        with Stubber(stack.raw("s3")) as s3:
            s3.add_response("head_object", document)
            assert models.find(tier, "v1").sha256 == "ab" * 32

    def test_no_checksum(self, stack: Stack, models: S3Models, tier: TierContract) -> None:
        self.put(stack, "v7", ChecksumAlgorithm="CRC32")
        with pytest.raises(Refused, match="has no SHA-256"):
            models.find(tier, "v7")

    def test_unknown_version_lists_those_that_exist(
        self, stack: Stack, models: S3Models, tier: TierContract
    ) -> None:
        self.put(stack, "v7")
        self.put(stack, "v8")
        with pytest.raises(Refused, match=r"no model v9 \(s3://models/models/v9/model.bin\).*exist: v8, v7"):
            models.find(tier, "v9")

    def test_pointer(self, models: S3Models, tier: TierContract) -> None:
        assert models.pointer(tier) is None
        models.set_pointer(tier, NO_MODEL)  # as `pulumi up` leaves it
        assert models.pointer(tier) is None
        models.set_pointer(tier, "v7")
        models.set_pointer(tier, "v8")
        assert models.pointer(tier) == "v8"

    def test_tier_without_models(self, stack: Stack, models: S3Models) -> None:
        with pytest.raises(Refused, match="no model store"):
            models.find(stack.contract.tier(Tier.APP), "v7")


class TestContract:
    def put(self, stack: Stack, name: str, text: str) -> None:
        stack.raw("ssm").put_parameter(Name=f"/sportcoach/{name}/contract", Value=text, Type="String")

    def test_comes_back(self, stack: Stack) -> None:
        self.put(stack, "test", stack.contract.to_json())
        assert load_contract("test", stack.session) == stack.contract

    def test_unknown_stack_lists_those_that_exist(self, stack: Stack) -> None:
        self.put(stack, "dev", "{}")
        self.put(stack, "test", "{}")
        stack.raw("ssm").put_parameter(Name="/sportcoach/prod/model", Value="v1", Type="String")
        with pytest.raises(ConfigError, match=r"no stack prod in ap-northeast-1; .* exist: dev, test"):
            load_contract("prod", stack.session)

    @pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 2}', '{"schema_version": 1}'])
    def test_broken(self, stack: Stack, text: str) -> None:
        self.put(stack, "test", text)
        with pytest.raises(ConfigError, match="/sportcoach/test/contract"):
            load_contract("test", stack.session)

    def test_of_another_stack_or_region(self, stack: Stack) -> None:
        self.put(stack, "dev", stack.contract.to_json())
        with pytest.raises(ConfigError, match="is that of stack test"):
            load_contract("dev", stack.session)
        moved = stack.contract.model_copy(update={"region": "eu-west-1"})
        self.put(stack, "test", moved.to_json())
        with pytest.raises(ConfigError, match="for region eu-west-1, but it was read in ap-northeast-1"):
            load_contract("test", stack.session)
        with pytest.raises(ConfigError, match="AWS calls would go to ap-northeast-1"):
            connect(moved, Policy(), session=stack.session, clock=stack.clock, owner="me")

    def test_from_a_file(self, stack: Stack, tmp_path: Path) -> None:
        path = tmp_path / "contract.json"
        path.write_text(stack.contract.to_json(), encoding="utf-8")
        assert read_contract_file(path) == stack.contract
        with pytest.raises(ConfigError, match="No such file"):
            read_contract_file(tmp_path / "nothing.json")
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigError, match="not UTF-8"):
            read_contract_file(path)

    def test_credentials_and_network_are_matters_of_the_environment(self, stack: Stack) -> None:
        expired = ClientError({"Error": {"Code": "ExpiredTokenException"}}, "GetParameter")
        unreachable = EndpointConnectionError(endpoint_url="https://ssm.xx-north-1.amazonaws.com")
        for error in (expired, unreachable):
            stack.fault("GetParameter", error)
            with pytest.raises(ConfigError):
                load_contract("test", stack.session)
        stack.fault("GetParameter", lost())
        with pytest.raises(CloudUnavailable):
            load_contract("test", stack.session)

    def test_connect_makes_no_call(self, stack: Stack, session: Session) -> None:
        stack.region.calls.clear()
        ports = connect(stack.contract, Policy(), session=session, clock=stack.clock, owner="me")
        assert stack.region.calls == []
        assert ports.environment.listener_exists()


class TestSnapshots:
    @pytest.fixture
    def snapshots(self, stack: Stack) -> RdsSnapshots:
        stack.raw("rds").create_db_instance(
            DBInstanceIdentifier="test", DBInstanceClass="db.t3.small", Engine="postgres", AllocatedStorage=20
        )
        stack.clock.sleep(600)
        return RdsSnapshots(stack.session, "test")

    def test_is_made_once_and_becomes_available(self, stack: Stack, snapshots: RdsSnapshots) -> None:
        assert snapshots.ensure_snapshot("test", "sc-test-before-1", tags()) == "creating"
        stack.clock.sleep(600)
        assert snapshots.ensure_snapshot("test", "sc-test-before-1", tags()) == "available"
        assert stack.region.count()["CreateDBSnapshot"] == 1

    def test_lost_answer(self, stack: Stack, snapshots: RdsSnapshots) -> None:
        stack.fault("CreateDBSnapshot", lost(), after=True)
        with pytest.raises(CloudUnavailable):
            snapshots.ensure_snapshot("test", "sc-test-before-1", tags())
        assert snapshots.ensure_snapshot("test", "sc-test-before-1", tags()) == "creating"

    def test_busy_database_is_waited_for(self, stack: Stack, snapshots: RdsSnapshots) -> None:
        stack.fault("CreateDBSnapshot", refused("InvalidDBInstanceState", "backing-up"))
        assert snapshots.ensure_snapshot("test", "sc-test-before-1", tags()) == "pending"
        assert snapshots.ensure_snapshot("test", "sc-test-before-1", tags()) == "creating"

    def test_foreign_snapshot(self, stack: Stack, snapshots: RdsSnapshots) -> None:
        stack.raw("rds").create_db_snapshot(DBInstanceIdentifier="test", DBSnapshotIdentifier="mine")
        with pytest.raises(Refused, match="DB snapshot mine was not made by sc-deploy"):
            snapshots.ensure_snapshot("test", "mine", tags())

    @pytest.mark.parametrize(
        "changes",
        [
            {str(Tag.DEPLOYMENT): "2"},
            {str(Tag.BEGAN): "2025-01-01T00:00:00.000+00:00"},
            {str(Tag.BEGAN): ""},
        ],
    )
    def test_of_an_earlier_life_of_the_stack_is_no_backup(
        self, stack: Stack, snapshots: RdsSnapshots, changes: dict[str, str]
    ) -> None:
        """The stack was created anew, and its deployments are numbered from 1 again."""
        mine = tags() | {str(Tag.DEPLOYMENT): "1", str(Tag.BEGAN): "2026-11-27T10:00:00.000+00:00"}
        theirs = {key: value for key, value in (mine | changes).items() if value}
        assert snapshots.standing("sc-test-before-1") == ""
        snapshots.ensure_snapshot("test", "sc-test-before-1", theirs)
        stack.clock.sleep(600)
        with pytest.raises(Refused) as caught:
            snapshots.ensure_snapshot("test", "sc-test-before-1", mine)
        assert next(iter(changes)) in caught.value.what
        assert "delete sc-test-before-1" in caught.value.next_step
        assert snapshots.standing("sc-test-before-1").startswith("at 20")

    def test_missing_database_and_quota(self, stack: Stack, snapshots: RdsSnapshots) -> None:
        with pytest.raises(Refused, match="of nowhere"):
            snapshots.ensure_snapshot("nowhere", "sc-test-before-1", tags())
        stack.fault("CreateDBSnapshot", refused("SnapshotQuotaExceeded", "100 snapshots"))
        with pytest.raises(Refused) as caught:
            snapshots.ensure_snapshot("test", "sc-test-before-1", tags())
        assert "delete old snapshots" in caught.value.next_step

    @pytest.mark.parametrize("name", ["", "1a", "a--b", "a-", "a" * 256, "a_b"])
    def test_bad_name(self, stack: Stack, name: str) -> None:
        with pytest.raises(Refused, match="cannot name a DB snapshot"):
            RdsSnapshots(stack.session, "test").ensure_snapshot("test", name, tags())


class TestEnvironment:
    @pytest.fixture
    def environment(self, stack: Stack) -> AwsEnvironment:
        calls = stack.elb()
        return AwsEnvironment(
            stack.session,
            stack.contract,
            calls,
            clock=stack.clock,
            silent_series=lambda series: tuple(one for one in series if "quiet" in one),
        )

    def test_missing(self, stack: Stack, environment: AwsEnvironment) -> None:
        names = [f"/p/{number}" for number in range(12)]
        for name in names[1:]:
            stack.raw("ssm").put_parameter(Name=name, Value="x", Type="SecureString")
        for name in ("there", "going"):
            stack.raw("secretsmanager").create_secret(Name=name, SecretString="x")
        stack.raw("secretsmanager").delete_secret(SecretId="going")
        stack.raw("secretsmanager").create_secret(Name="empty")  # as `pulumi up` leaves it
        found = environment.missing(parameters=names, secrets=["there", "going", "empty", "never"])
        assert found == ("/p/0", "going", "empty", "never")
        assert environment.missing(parameters=[], secrets=[]) == ()

    def test_silent_metrics_are_named(self, stack: Stack, environment: AwsEnvironment) -> None:
        """A datapoint of long ago, or under other dimensions, is none."""
        tier = [{"Name": "Tier", "Value": "app"}]
        put = partial(stack.raw("cloudwatch").put_metric_data, Namespace="SportCoach/test")
        put(MetricData=[{"MetricName": "old", "Dimensions": tier, "Value": 1.0}])
        stack.clock.sleep(1200)
        put(MetricData=[{"MetricName": name, "Dimensions": tier, "Value": 0.0} for name in ("cpu", "zero")])
        put(MetricData=[{"MetricName": "elsewhere", "Value": 1.0}])
        stack.clock.sleep(60)
        wanted = Published(
            namespace="SportCoach/test", dimensions={"Tier": "app"}, names=("cpu", "zero", "old", "elsewhere")
        )
        assert environment.silent([wanted], ["up", "quiet"]) == (
            "SportCoach/test old (Tier app)",
            "SportCoach/test elsewhere (Tier app)",
            "quiet",
        )
        assert environment.silent([], []) == ()

    def test_alarms_of_this_stack(self, stack: Stack, environment: AwsEnvironment) -> None:
        cloudwatch = stack.raw("cloudwatch")
        named: dict[str, list[dict[str, str]]] = {
            "sportcoach/test/app-5xx": [],
            "sportcoach/prod/app-5xx": [],
            "sportcoach/test-eu/app-5xx": [],
            "sportcoach-notice/test/maintenance-page": [],
            "database": [{"Key": "sportcoach:stack", "Value": "test"}],
            "other": [{"Key": "sportcoach:stack", "Value": "prod"}],
            "TargetTracking-sc-test-app-1-AlarmLow": [{"Key": "sportcoach:stack", "Value": "test"}],
            "sportcoach/test/calm": [],
        }
        for name, given in named.items():
            cloudwatch.put_metric_alarm(
                AlarmName=name,
                Namespace="N",
                MetricName="M",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanThreshold",
                Statistic="Sum",
                Tags=given,
            )
            if name != "sportcoach/test/calm":
                cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="too many")
        found = environment.alarms_firing()
        assert sorted(found) == ["database: too many", "sportcoach/test/app-5xx: too many"]

    def test_listener(self, stack: Stack, environment: AwsEnvironment) -> None:
        assert environment.listener_exists() is True
        stack.raw("elbv2").delete_listener(ListenerArn=stack.contract.listener_arn)
        assert environment.listener_exists() is False
