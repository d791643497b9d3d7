"""Who is told of an ending: a halt pages a human, everything else is a notice."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from bluegreen.contract import Alerts
from bluegreen.domain.journal import Ending
from bluegreen.domain.plan import StepKind
from bluegreen.domain.reports import Result
from bluegreen.engine.run import Done, Run
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.errors import DeployError, ExitCode, Halted, StepFailed
from bluegreen.lab.faults import Effect, Fault
from tests.world import World
from tests.world.releasing import serving


@dataclass
class Pager:
    """What was published to one topic, as its subscribers receive it."""

    world: World
    name: str

    def __post_init__(self) -> None:
        sns, sqs = self.world.raw("sns"), self.world.raw("sqs")
        self.topic = sns.create_topic(Name=self.name)["TopicArn"]
        self.queue = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])

    def messages(self) -> list[dict[str, str]]:
        answer = self.world.raw("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(one["Body"]) for one in answer.get("Messages", ())]


def ended(monkeypatch: pytest.MonkeyPatch, world: World, error: DeployError | None) -> Result:
    """The promotion of v1.1.0, with `error` raised by the first judge step."""

    def ends(_run: Run, _step: object) -> Done:
        assert error is not None
        raise error

    with monkeypatch.context() as patch:
        if error is not None:
            patch.setitem(HANDLERS, StepKind.JUDGE, ends)  # type: ignore[arg-type]  # a dict behind Mapping
        deployer = world.deployer()
        return deployer.run(deployer.plan_promotion("v1.1.0"))


def paged() -> tuple[World, Pager, Pager]:
    """v1.0.0 serves; then a topic each for pages and for notices."""
    world = serving("v1.0.0")
    critical, warning = Pager(world, "critical"), Pager(world, "warning")
    alerts = Alerts(critical_topic_arn=critical.topic, warning_topic_arn=warning.topic)
    world.contract = world.contract.model_copy(update={"alerts": alerts})
    return world, critical, warning


def test_a_halt_pages_a_human_and_says_where_the_traffic_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, warning = paged()
    result = ended(monkeypatch, world, Halted("nobody can say"))
    assert result.ending is Ending.HALTED
    (page,) = critical.messages()
    assert page["Subject"].startswith("[sim #2]")
    assert "nobody can say" in page["Message"]
    assert result.traffic[0] in page["Message"]
    assert warning.messages() == []


@pytest.mark.parametrize(
    ("error", "ending"), [(None, Ending.RELEASED), (StepFailed("it is bad"), Ending.ROLLED_BACK)]
)
def test_an_ending_that_needs_nobody_is_a_notice(
    monkeypatch: pytest.MonkeyPatch, error: DeployError | None, ending: Ending
) -> None:
    world, critical, warning = paged()
    result = ended(monkeypatch, world, error)
    assert result.ending is ending, world.story()
    (notice,) = warning.messages()
    assert notice["Subject"].startswith("[sim #2] v1.1.0")
    assert result.traffic[0] in notice["Message"]
    assert critical.messages() == []


def test_a_page_that_cannot_be_sent_does_not_hide_the_halt(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, _warning = paged()
    world.faults.add(Fault(effect=Effect.ERROR, service="sns", action="Publish", times=0))
    result = ended(monkeypatch, world, Halted("nobody can say"))
    assert (result.ending, result.exit_code) == (Ending.HALTED, ExitCode.HALTED)
    assert critical.messages() == []
