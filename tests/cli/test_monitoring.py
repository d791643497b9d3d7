"""Whether monitoring and alerts work, as commands (C3)."""

from __future__ import annotations

import json

from bluegreen.contract import Alerts, BacklogScaling, Published
from bluegreen.engine.checks.liveness import monitoring
from tests.world import World

from .conftest import SIM, Line

HOSTS = Published(namespace="SportCoach/sim", dimensions={"Tier": "app"}, names=("cpu_usage_active", "mem"))


def put(world: World, name: str) -> None:
    data = [{"MetricName": name, "Dimensions": [{"Name": "Tier", "Value": "app"}], "Value": 1.0}]
    world.raw("cloudwatch").put_metric_data(Namespace="SportCoach/sim", MetricData=data)
    world.clock.sleep(60)


def test_doctor_names_each_metric_without_data(line: Line, world: World) -> None:
    world.contract = world.contract.model_copy(update={"published": (HOSTS,)})
    ok, words, _ = monitoring(world.contract, world.ports())
    assert (ok, words) == (None, "nothing is live yet that could publish")
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    put(world, "cpu_usage_active")
    result, (document,) = line.json("doctor", *SIM)
    assert result.exit_code == 3
    (found,) = (check for check in document["checks"] if check["check"] == "monitoring")
    assert found["words"] == "1 of 2 have no datapoint lately: SportCoach/sim mem (Tier app)"
    put(world, "mem")
    ok, words, _ = monitoring(world.contract, world.ports())
    assert (ok, words) == (True, "2 metrics that alarms, charts and scaling read have data")


def test_doctor_asks_for_the_queue_of_the_live_fleet(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    (tier,) = world.contract.tiers
    scaled = tier.model_copy(update={"scaling": (BacklogScaling(target_per_instance=5),)})
    contract = world.contract.model_copy(update={"tiers": (scaled,)})
    _, words, _ = monitoring(contract, world.ports())
    assert "SportCoach/sim ai_queue_length (AutoScalingGroupName sc-sim-app-1)" in words


def test_a_contract_without_metrics_says_so(line: Line, world: World) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    assert monitoring(world.contract, world.ports())[:2] == (None, "the contract names no metric")


def received(world: World, name: str) -> tuple[str, str]:
    """A topic, and the queue that receives what it sends."""
    sns, sqs = world.raw("sns"), world.raw("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])
    return topic, queue


def test_a_test_page_goes_through_every_channel_and_says_that_it_is_one(line: Line, world: World) -> None:
    channels = {name: received(world, name) for name in ("critical", "warning")}
    alerts = Alerts(critical_topic_arn=channels["critical"][0], warning_topic_arn=channels["warning"][0])
    world.contract = world.contract.model_copy(update={"alerts": alerts})
    result, (document,) = line.json("notify", "test", *SIM)
    assert (result.exit_code, document["ok"]) == (0, True)
    for name, (topic, queue) in channels.items():
        (message,) = world.raw("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        body = json.loads(message["Body"])
        assert body["Subject"] == f"TEST: {name} page"
        assert "Nothing is wrong and nobody needs to act." in body["Message"]
        assert {"check": name, "ok": True}.items() <= next(
            check for check in document["checks"] if topic in check["words"]
        ).items()


def test_a_channel_that_takes_no_page_is_named_and_the_others_get_theirs(line: Line, world: World) -> None:
    alerts = Alerts(critical_topic_arn=f"{world.topic}-gone", warning_topic_arn=world.topic)
    world.contract = world.contract.model_copy(update={"alerts": alerts})
    result, (document,) = line.json("notify", "test", *SIM)
    assert result.exit_code == 3
    assert {one["check"]: one["ok"] for one in document["checks"]} == {"critical": False, "warning": True}


def test_doctor_has_a_row_for_each_channel(line: Line, world: World) -> None:
    alerts = Alerts(
        critical_topic_arn=world.topic,
        warning_topic_arn=world.topic,
        pagerduty_secret="sportcoach/sim/pagerduty",
        slack_secret="sportcoach/sim/slack",
    )
    world.contract = world.contract.model_copy(update={"alerts": alerts})
    world.raw("secretsmanager").create_secret(
        Name="sportcoach/sim/slack", SecretString="https://hooks.example/s"
    )
    result, (document,) = line.json("doctor", *SIM)
    rows = {one["check"]: one for one in document["checks"] if one["check"].startswith("pages by ")}
    assert {name.removeprefix("pages by "): one["ok"] for name, one in rows.items()} == {
        "critical": True,
        "warning": True,
        "pagerduty": False,
        "slack": True,
    }
    assert rows["pages by pagerduty"]["words"].startswith("its secret cannot be read")
    assert "--secret-id sportcoach/sim/pagerduty" in rows["pages by pagerduty"]["next_step"]
    assert "hooks.example" not in result.output


def test_a_run_says_once_which_channel_was_not_told(line: Line, world: World) -> None:
    """It started and it ended: two pages that the topic does not take, and a release all the same."""
    alerts = Alerts(critical_topic_arn=world.topic, warning_topic_arn=f"{world.topic}-gone")
    world.contract = world.contract.model_copy(update={"alerts": alerts})
    result = line("promote", "v1.0.0", *SIM, "--yes")
    assert result.exit_code == 0
    assert result.output.count("not everybody was told: warning: ") == 1
