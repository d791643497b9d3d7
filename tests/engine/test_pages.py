"""Who is told of an ending: a halt pages a human, everything else is a notice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from bluegreen.contract import Alerts
from bluegreen.domain import journal
from bluegreen.domain.journal import Ending, Entry, Header, VerdictGiven
from bluegreen.domain.page import Delivery, Page
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.reports import Result
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.engine.notices import Notices
from bluegreen.engine.run import Done, Run
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.errors import CloudUnavailable, DeployError, ExitCode, Halted, StepFailed
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Effect, Fault
from bluegreen.ports import Ports
from tests.world import World
from tests.world.releasing import QUICK, loaded, serving


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


@dataclass
class Noted:
    """`ports.Pager` that keeps what it is handed."""

    pages: list[Page] = field(default_factory=list)

    def send(self, page: Page) -> None:
        self.pages.append(page)

    def flush(self, _seconds: float) -> tuple[Delivery, ...]:
        return ()

    deliver = channels = lambda *_: ()  # asked by commands alone

    def ends(self) -> list[tuple[int, bool, tuple[int, ...]]]:
        """Deployment, whether it is critical, and what it resolves, of each page but those that only tell."""
        told = [one for one in self.pages if one.critical or one.resolves]
        self.pages.clear()
        return [(one.deployment, one.critical, one.resolves) for one in told]


class Paged(World):
    """Its pages are noted."""

    noted: Noted

    def ports(self) -> Ports:
        return replace(super().ports(), pager=self.noted)


def noting() -> tuple[Paged, Noted]:
    noted = Noted()
    world = Paged(policy=QUICK)
    world.noted = noted
    loaded(world, "v1.0.0")
    noted.pages.clear()
    return world, noted


def subjects(pager: Pager) -> list[str]:
    return [one["Subject"].removeprefix("[sim #2] ") for one in pager.messages()]


def test_a_halt_pages_a_human_and_says_where_the_traffic_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, warning = paged()
    result = ended(monkeypatch, world, Halted("nobody can say"))
    assert result.ending is Ending.HALTED
    (page,) = critical.messages()
    assert page["Subject"] == "[sim #2] v1.1.0: halted, a human is needed"
    assert "nobody can say" in page["Message"]
    assert result.traffic[0] in page["Message"]
    assert "Next: " in page["Message"]
    assert subjects(warning) == ["v1.1.0: started"]


def test_a_release_that_goes_live_is_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, warning = paged()
    result = ended(monkeypatch, world, None)
    assert result.ending is Ending.RELEASED, world.story()
    started, released = warning.messages()
    assert "promotion by test@host:1" in started["Message"]
    assert released["Subject"] == "[sim #2] v1.1.0: released"
    assert result.traffic[0] in released["Message"]
    assert critical.messages() == []


def test_a_rollback_that_nobody_asked_for_is_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, warning = paged()
    result = ended(monkeypatch, world, StepFailed("it is bad"))
    assert result.ending is Ending.ROLLED_BACK, world.story()
    (page,) = critical.messages()
    assert page["Subject"] == "[sim #2] v1.1.0: rolled-back"
    assert "it is bad" in page["Message"]
    assert subjects(warning) == ["v1.1.0: started"]


def test_one_that_was_asked_for_is_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, warning = paged()
    assert ended(monkeypatch, world, None).ending is Ending.RELEASED
    warning.messages()
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback(reason="logins")).exit_code is ExitCode.RELEASED
    started, done = warning.messages()
    assert started["Subject"] == "[sim #3] v1.0.0: started"
    assert "logins" in started["Message"]
    assert done["Subject"] == "[sim #3] v1.0.0: released"
    assert critical.messages() == []


def test_the_automatic_fallback_is_critical_once_it_is_found() -> None:
    world, critical, warning = paged()
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.INTERRUPTED
    world.clock.sleep(600)
    assert critical.messages() == []
    assert world.deployer("next@host:2").abort().exit_code is ExitCode.RELEASED
    assert subjects(critical) == ["v1.1.0: fell back to the previous release"]
    told = ["started", "interrupted", "resumed", "rolled-back"]
    assert subjects(warning) == [f"v1.1.0: {words}" for words in told]


def test_a_good_end_resolves_what_was_critical_since_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world, noted = noting()
    assert ended(monkeypatch, world, StepFailed("it is bad")).ending is Ending.ROLLED_BACK
    assert ended(monkeypatch, world, StepFailed("still bad")).ending is Ending.ROLLED_BACK
    assert noted.ends() == [(2, True, ()), (3, True, ())]
    assert ended(monkeypatch, world, None).ending is Ending.RELEASED, world.story()
    assert noted.ends() == [(4, False, (2, 3, 4))]
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback(reason="logins")).ending is Ending.RELEASED
    assert noted.ends() == [(5, False, (5,))]


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_a_halt_is_resolved_by_its_own_good_end(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    world, noted = noting()
    assert ended(monkeypatch, world, Halted("nobody can say")).ending is Ending.HALTED
    assert noted.ends() == [(2, True, ())]
    assert getattr(world.deployer(), verb)().exit_code is ExitCode.RELEASED, world.story()
    assert noted.ends() == [(2, False, (2,))]


def test_a_history_that_cannot_be_read_keeps_nothing_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    world, noted = noting()
    asked: list[str] = []

    def fails(*_: object) -> tuple[int, ...]:
        asked.append("history")
        raise CloudUnavailable("the journal does not answer")

    monkeypatch.setattr("bluegreen.engine.deployer.unresolved", fails)
    assert ended(monkeypatch, world, None).ending is Ending.RELEASED, world.story()
    assert asked
    assert noted.ends() == [(2, False, (2,))]


def test_a_hold_that_comes_and_goes_is_told_once_at_each_share() -> None:
    noted = Noted()
    notices = Notices(noted)
    header = Header(
        number=2, stack="sim", intent="promotion", version="v1.1.0", operator="me", started_at=0.0
    )
    step = Step(kind=StepKind.JUDGE, percent=50)
    for seq, (percent, hold) in enumerate([(25, True), (25, False), (25, True), (50, False), (50, True)]):
        verdict = Verdict(outcome=Outcome.INCONCLUSIVE, reason="blue is sick", hold=hold)
        event = VerdictGiven(
            stage="judge", step=step, percent=percent, verdict=verdict, next="", next_at=None
        )
        notices(header, Entry(seq=seq, at=0.0, event=event))
    assert [one.subject for one in noted.pages] == [f"[sim #2] v1.1.0: held at {n} %" for n in (25, 50)]


def test_an_ending_names_the_faults_that_led_to_it() -> None:
    noted = Noted()
    notices = Notices(noted)
    header = Header(
        number=2, stack="sim", intent="promotion", version="v1.1.0", operator="me", started_at=0.0
    )
    faults = ("images: no v1.1.0", "alarms: cpu is firing")
    refused = "this release may not start"
    check = Step(kind=StepKind.CHECK)
    events = (
        journal.StepFailed(stage="preflight", step=check, words=refused, next="", faults=faults),
        journal.RunEnded(ending=Ending.ABORTED, words=refused, traffic=("app: 100 % v1.0.0",), exit_code=3),
    )
    for seq, event in enumerate(events):
        notices(header, Entry(seq=seq, at=0.0, event=event))
    (page,) = noted.pages
    assert page.text.splitlines() == [
        refused,
        "- images: no v1.1.0",
        "- alarms: cpu is firing",
        "Traffic now:",
        "app: 100 % v1.0.0",
    ]


def test_a_hold_is_told_when_it_begins() -> None:
    """Blue turns sick during the ramp: the release is held, and that is one message however long it lasts."""
    world, critical, warning = paged()
    world.load()
    world.behaviours["v1.0.0"] = Behaviour(error_rate=0.2)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    held = [one for one in subjects(warning) if "held at" in one]
    assert held == [f"v1.1.0: held at {world.policy.rollout.ramp[0]} %"], world.story()
    assert result.ending is Ending.HALTED
    assert subjects(critical) == ["v1.1.0: halted, a human is needed"]


def test_a_halt_without_a_journal_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, _warning = paged()
    gone = Fault(effect=Effect.ERROR, service="dynamodb", action="TransactWriteItems", times=0)
    world.after_first(StepKind.FLEET, lambda: world.faults.add(gone))
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.HALTED
    assert subjects(critical) == ["v1.1.0: halted, a human is needed"]


def test_a_page_that_cannot_be_sent_does_not_hide_the_halt(monkeypatch: pytest.MonkeyPatch) -> None:
    world, critical, _warning = paged()
    world.faults.add(Fault(effect=Effect.ERROR, service="sns", action="Publish", times=0))
    result = ended(monkeypatch, world, Halted("nobody can say"))
    assert (result.ending, result.exit_code) == (Ending.HALTED, ExitCode.HALTED)
    assert critical.messages() == []


def test_a_persons_hold_is_told_and_one_that_is_overdue_pages() -> None:
    noted = Noted()
    notices = Notices(noted)
    header = Header(
        number=2, stack="sim", intent="promotion", version="v1.1.0", operator="me", started_at=0.0
    )
    events = (
        journal.Held(by="ben", why="complaints", asked_at=1.0, until=9.0, rolls_back=False),
        journal.HoldOverdue(words="on hold by ben: complaints; nobody let it continue"),
        journal.Continued(by="anna", why="was nothing"),
    )
    for seq, event in enumerate(events):
        notices(header, Entry(seq=seq, at=0.0, event=event))
    assert [(one.subject.removeprefix("[sim #2] v1.1.0: "), one.critical) for one in noted.pages] == [
        ("put on hold", False),
        ("still on hold", True),
        ("continued", False),
    ]
    assert noted.pages[0].text == "on hold by ben: complaints"
    assert all("continue" in one.next_step and "abort" in one.next_step for one in noted.pages[:2])
