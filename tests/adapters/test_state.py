"""Lease and journal on DynamoDB: one winner, fenced writes, repeated writes recognised."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bluegreen.adapters.aws.state.bans import DynamoBans
from bluegreen.adapters.aws.state.items import (
    PK,
    SK,
    Item,
    deployment_key,
    entry_key,
    pack,
    run_partition,
    unpack,
)
from bluegreen.adapters.aws.state.journal import DynamoJournal
from bluegreen.adapters.aws.state.lease import DynamoLease
from bluegreen.adapters.aws.state.table import Table
from bluegreen.contract import Tier
from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import SCHEMA, Ending, Entry, Header, StepProgress
from bluegreen.domain.lease import Holder
from bluegreen.domain.plan import StepKind
from bluegreen.domain.security import Ban
from bluegreen.errors import CloudUnavailable, LeaseLost, Locked, Refused
from tests.ui import samples
from tests.ui.samples import proving

from .conftest import Stack, lost

NOW = 1_700_000_000.0
STEP = proving(StepKind.FLEET, Tier.APP)
DOCUMENTS = samples.header().began_with
OTHER = rf"deployment #42 was written by another version .*\(journal schema 7, this one reads {SCHEMA}\)"


@pytest.fixture
def table(stack: Stack) -> Table:
    stack.raw("dynamodb").create_table(
        TableName=stack.contract.state_table,
        KeySchema=[{"AttributeName": PK, "KeyType": "HASH"}, {"AttributeName": SK, "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in (PK, SK)],
        BillingMode="PAY_PER_REQUEST",
    )
    stack.region.calls.clear()
    return Table(stack.session, stack.contract.state_table, stack.clock)


@pytest.fixture
def lease(table: Table) -> DynamoLease:
    return DynamoLease(table, "test")


@pytest.fixture
def journal(table: Table) -> DynamoJournal:
    return DynamoJournal(table, "test")


@pytest.fixture
def holder(lease: DynamoLease) -> Holder:
    return take(lease)


def take(
    lease: DynamoLease,
    owner: str = "me",
    *,
    now: float = NOW,
    dead: Holder | None = None,
    deployment: int = 42,
) -> Holder:
    return lease.acquire(owner=owner, why="promote v1", deployment=deployment, ttl=90, now=now, dead=dead)


def header(number: int = 42, **more: Any) -> Header:
    values: dict[str, Any] = {
        "number": number,
        "stack": "test",
        "intent": "promotion",
        "version": "v1.0.0",
        "operator": "me",
        "started_at": NOW + 0.125,
        "fingerprint": "abc",
        "documents": DOCUMENTS,
    }
    return Header(**(values | more))


def entry(seq: int, words: str = "") -> Entry:
    return Entry(seq=seq, at=NOW + seq / 3, event=StepProgress(stage="s", step=STEP, words=words))


def overwrite(stack: Stack, table: Table, key: Item, change: Item) -> None:
    """What another version, or somebody, left in the table."""
    client = stack.raw("dynamodb")
    item = client.get_item(TableName=table.name, Key=key)["Item"]
    client.put_item(TableName=table.name, Item=item | change)


def test_every_look_is_a_consistent_one(
    stack: Stack, lease: DynamoLease, journal: DynamoJournal, holder: Holder
) -> None:
    """What another process wrote a moment ago decides whether a release may start."""
    journal.create(header(), token=holder.token)
    asked: dict[str, set[bool]] = {}

    def hears(params: dict[str, Any], model: Any, **_: Any) -> None:
        asked.setdefault(model.name, set()).add(params.get("ConsistentRead", False))

    events = stack.raw("dynamodb").meta.events
    events.register("before-parameter-build.dynamodb", hears, unique_id="hears")
    try:
        journal.history()
        journal.header(42)
        journal.entries(42)
        lease.holder()
    finally:
        events.unregister("before-parameter-build.dynamodb", unique_id="hears")
    assert asked == {"Query": {True}, "GetItem": {True}}


class TestLease:
    def test_an_old_holding_of_the_same_owner_is_lost(self, lease: DynamoLease, holder: Holder) -> None:
        again = take(lease)
        with pytest.raises(LeaseLost):
            lease.renew(holder, ttl=90, now=NOW + 1)
        lease.release(holder)
        assert lease.holder() == again

    def test_token_rises_with_every_acquisition(self, lease: DynamoLease) -> None:
        first = take(lease)
        assert (first.token, first.since, first.expires) == (1, NOW, NOW + 90)
        lease.release(first)
        assert lease.holder() is None
        assert take(lease, "other").token == 2
        assert take(lease, "other").token == 3

    def test_held_names_the_holder(self, lease: DynamoLease, holder: Holder) -> None:
        with pytest.raises(Locked) as caught:
            take(lease, "other", now=NOW + 30)
        text = str(caught.value)
        assert "held by me for 30 s (deployment 42: promote v1)" in text
        assert "ends in 60 s" in text
        assert lease.holder() == holder

    def test_no_clock_takes_a_lease(self, lease: DynamoLease, holder: Holder) -> None:
        with pytest.raises(Locked, match="ran out 910 s ago"):
            take(lease, "other", now=NOW + 1000)
        assert lease.holder() == holder

    def test_a_lease_that_was_renewed_since_it_was_seen_is_not_taken(
        self, lease: DynamoLease, holder: Holder
    ) -> None:
        lease.renew(holder, ttl=90, now=NOW + 1)
        with pytest.raises(Locked):
            take(lease, "other", now=NOW + 90, dead=holder)

    def test_a_dead_holder_s_lease_is_taken_and_the_old_holder_learns_it(
        self, lease: DynamoLease, holder: Holder
    ) -> None:
        new = take(lease, "other", now=NOW + 90, dead=holder)
        assert new.token == holder.token + 1
        with pytest.raises(LeaseLost, match="other has it for promote v1"):
            lease.renew(holder, ttl=90, now=NOW + 91)
        lease.release(holder)
        assert lease.holder() == new

    def test_renew_after_expiry_while_nobody_took_it(self, lease: DynamoLease, holder: Holder) -> None:
        assert lease.renew(holder, ttl=90, now=NOW + 500).expires == NOW + 590

    def test_renew_after_release(self, lease: DynamoLease, holder: Holder) -> None:
        lease.release(holder)
        lease.release(holder)
        with pytest.raises(LeaseLost, match="given back"):
            lease.renew(holder, ttl=90, now=NOW)

    def test_stop_request_reaches_the_holder(self, lease: DynamoLease, holder: Holder) -> None:
        assert lease.request_stop("abort by ops") == replace(holder, stop="abort by ops")
        assert lease.renew(holder, ttl=90, now=NOW + 1).stop == "abort by ops"
        lease.release(holder)
        assert lease.request_stop("again") is None
        assert take(lease).stop == ""

    def test_stop_request_outlives_a_takeover_and_not_its_deployment(
        self, lease: DynamoLease, holder: Holder
    ) -> None:
        lease.request_stop("abort by ops", down=True)
        taken = take(lease, "other", dead=lease.holder())
        assert (taken.stop, taken.stop_down) == ("abort by ops", True)
        assert lease.renew(taken, ttl=90, now=NOW + 1).stop == "abort by ops"
        following = take(lease, "third", dead=lease.holder(), deployment=43)
        assert (following.stop, following.stop_down) == ("", False)

    def test_a_hold_outlives_takeover_and_release_and_not_its_deployment(
        self, lease: DynamoLease, holder: Holder
    ) -> None:
        asked = Hold(deployment=holder.deployment, by="ben", why="look", at=NOW + 0.5, seconds=90.0)
        assert lease.ask_hold(asked) == asked
        assert lease.renew(holder, ttl=90, now=NOW + 1).hold == asked
        taken = take(lease, "other", dead=lease.holder())
        assert taken.hold == asked
        lease.release(taken)
        assert lease.hold(holder.deployment) == asked
        assert take(lease).hold == asked
        assert lease.hold(holder.deployment + 1) is None
        assert take(lease, "third", dead=lease.holder(), deployment=holder.deployment + 1).hold is None

    def test_one_hold_at_a_time_and_exactly_that_one_is_lifted(
        self, lease: DynamoLease, holder: Holder
    ) -> None:
        first = Hold(deployment=holder.deployment, by="ben", why="look", at=NOW, seconds=90.0)
        second = Hold(deployment=holder.deployment, by="carl", why="me too", at=NOW + 1)
        assert lease.ask_hold(first) == first
        assert lease.ask_hold(second) == first
        assert not lease.lift_hold(second, by="anna", why="")
        assert lease.lift_hold(first, by="anna", why="good")
        lifted = lease.hold(holder.deployment)
        assert lifted == replace(first, lifted_by="anna", lifted_why="good")
        assert not lease.lift_hold(first, by="dora", why="again")
        assert lease.ask_hold(second) == second, "what is lifted bars no new one"
        assert lease.hold(holder.deployment) == second, "and leaves nothing in it"

    def test_lost_answer_of_acquire(self, stack: Stack, lease: DynamoLease) -> None:
        """The lease is ours though nobody told us: the same owner just takes it again."""
        taken = take(lease)
        assert take(lease, now=NOW + 1).token == taken.token + 1

    def test_thirty_two_deployers_one_winner(self, lease: DynamoLease) -> None:
        barrier = threading.Barrier(32)

        def race(number: int) -> Holder | None:
            barrier.wait()
            try:
                return take(lease, f"deployer-{number}")
            except Locked:
                return None

        with ThreadPoolExecutor(32) as pool:
            winners = [one for one in pool.map(race, range(32)) if one]
        assert len(winners) == 1
        assert lease.holder() == winners[0]

    def test_missing_table(self, stack: Stack) -> None:
        with pytest.raises(Refused, match="state table nowhere does not exist") as caught:
            DynamoLease(Table(stack.session, "nowhere", stack.clock), "test").holder()
        assert "pulumi up" in caught.value.next_step


class TestJournal:
    def test_header_comes_back_whole(self, journal: DynamoJournal, holder: Holder) -> None:
        made = header()
        journal.create(made, token=holder.token)
        assert journal.header(42) == made
        assert journal.header(43) is None

    def test_large_documents_are_cut_and_joined(self, journal: DynamoJournal, holder: Holder) -> None:
        # Hex of a linear congruential sequence hardly compresses, so this needs several parts.
        values, state = [], 1
        for _ in range(120_000):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            values.append(f"{state:016x}")
        made = header(documents=replace(DOCUMENTS, plan=replace(DOCUMENTS.plan, notes=tuple(values))))
        journal.create(made, token=holder.token)
        assert journal.header(42) == made

    def test_number_that_is_taken(self, journal: DynamoJournal, holder: Holder) -> None:
        journal.create(header(), token=holder.token)
        journal.create(header(), token=holder.token)  # the same again: an answer was lost
        with pytest.raises(Refused, match="deployment 42 of stack test already has other content"):
            journal.create(header(operator="other"), token=holder.token)

    def test_entries_come_back_in_order(self, journal: DynamoJournal, holder: Holder) -> None:
        entries = [entry(seq, f"{seq} ü") for seq in (1, 2, 3, 10, 11, 100)]
        journal.append(42, entries[:3], token=holder.token)
        journal.append(42, entries[3:], token=holder.token)
        assert journal.entries(42) == tuple(entries)
        assert journal.entries(42, after=3) == tuple(entries[3:])
        assert journal.entries(41) == ()

    def test_more_entries_than_a_transaction_takes(
        self, stack: Stack, journal: DynamoJournal, holder: Holder
    ) -> None:
        entries = [entry(seq) for seq in range(1, 251)]
        stack.region.calls.clear()
        journal.append(42, entries, token=holder.token)
        assert stack.region.count() == {"TransactWriteItems": 3}
        assert journal.entries(42) == tuple(entries)

    def test_nothing_to_append(self, stack: Stack, journal: DynamoJournal, holder: Holder) -> None:
        stack.region.calls.clear()
        journal.append(42, [], token=holder.token)
        assert stack.region.calls == []

    def test_repeated_append_is_recognised_other_content_is_not(
        self, journal: DynamoJournal, holder: Holder
    ) -> None:
        journal.append(42, [entry(1, "1"), entry(2)], token=holder.token)
        journal.append(42, [entry(1, "1"), entry(2)], token=holder.token)
        with pytest.raises(Refused, match="already has other content"):
            journal.append(42, [entry(1, "2"), entry(2)], token=holder.token)
        assert len(journal.entries(42)) == 2

    def test_stale_token_writes_nothing(
        self, journal: DynamoJournal, lease: DynamoLease, holder: Holder
    ) -> None:
        journal.create(header(), token=holder.token)
        take(lease, "other", now=NOW + 90, dead=holder)
        for write in (
            lambda: journal.append(42, [entry(1)], token=holder.token),
            lambda: journal.create(header(43), token=holder.token),
            lambda: journal.close(header(ending=Ending.RELEASED), token=holder.token),
        ):
            with pytest.raises(LeaseLost, match="other has it"):
                write()
        assert journal.entries(42) == ()
        assert [one.ending for one in journal.history()] == [Ending.RUNNING]

    def test_released_lease_writes_nothing(
        self, journal: DynamoJournal, lease: DynamoLease, holder: Holder
    ) -> None:
        lease.release(holder)
        with pytest.raises(LeaseLost, match="given back"):
            journal.append(42, [entry(1)], token=holder.token)

    def test_close(self, journal: DynamoJournal, holder: Holder) -> None:
        journal.create(header(), token=holder.token)
        ended = header(ending=Ending.RELEASED, ended_at=NOW + 9.5, proven=True, reason="well")
        journal.close(ended, token=holder.token)
        assert journal.header(42) == ended
        journal.close(header(ending=Ending.RUNNING), token=holder.token)
        assert journal.header(42) == header()
        with pytest.raises(Refused, match="deployment 7 of stack test was never opened"):
            journal.close(header(7), token=holder.token)

    def test_history_is_newest_first_without_documents(self, journal: DynamoJournal, holder: Holder) -> None:
        for number in (9, 10, 11):
            journal.create(header(number), token=holder.token)
        found = journal.history(limit=2)
        assert [one.number for one in found] == [11, 10]
        assert all(not one.documents for one in found)

    @pytest.mark.parametrize("more", [{}, {"ending": {"S": "of tomorrow"}}])
    def test_another_versions_header_is_listed_and_not_continued(
        self, table: Table, stack: Stack, journal: DynamoJournal, holder: Holder, more: Item
    ) -> None:
        journal.create(header(), token=holder.token)
        overwrite(stack, table, deployment_key("test", 42), {"schema": {"N": "7"}, **more})
        listed, found = journal.history()[0], journal.header(42)
        assert found == listed
        assert (found.number, found.version, found.schema, found.documents) == (42, "v1.0.0", 7, None)
        assert found.ending.open
        with pytest.raises(Refused, match=OTHER):
            _ = found.began_with

    @pytest.mark.parametrize(
        "policy", [b'{"rollout": 7}', b'{"lease": {"ttl": 0.0}}', b'{"rollout": {"ramp": []}}', b"{}x"]
    )
    def test_documents_that_cannot_be_read_do_not_hide_the_header(
        self, table: Table, stack: Stack, journal: DynamoJournal, holder: Holder, policy: bytes
    ) -> None:
        """Also those that were within the bounds of the version that wrote them."""
        journal.create(header(), token=holder.token)
        key = pack({PK: run_partition("test", 42), SK: "document#policy#000"})
        overwrite(stack, table, key, {"data": {"B": gzip.compress(policy)}})
        found = journal.header(42)
        assert found
        assert found.documents is None
        with pytest.raises(
            Refused, match=r"deployment #42 was written by another version .*its plan, policy or"
        ):
            _ = found.began_with

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"schema": {"N": "7"}}, OTHER),
            (
                {"kind": {"S": "of-tomorrow"}},
                rf"\(journal schema {SCHEMA}, .* its entry 1, of-tomorrow, cannot",
            ),
            ({"data": {"S": "{}"}}, "its entry 1, step-progress, cannot be read"),
        ],
    )
    def test_another_versions_entries_are_refused_in_words(  # noqa: PLR0917  (fixtures)
        self, table: Table, stack: Stack, journal: DynamoJournal, holder: Holder, change: Item, words: str
    ) -> None:
        journal.append(42, [entry(1)], token=holder.token)
        overwrite(stack, table, pack({PK: run_partition("test", 42), SK: entry_key(1)}), change)
        with pytest.raises(Refused, match=words) as caught:
            journal.entries(42)
        assert caught.value.next_step == "use the version of sc-deploy that wrote it"

    def test_lost_answer(self, stack: Stack, journal: DynamoJournal, holder: Holder) -> None:
        client = stack.raw("dynamodb")
        writes = []

        def lose(**_: object) -> None:
            writes.append(1)
            if len(writes) == 1:
                raise lost()

        client.meta.events.register("after-call.dynamodb.TransactWriteItems", lose)
        try:
            with pytest.raises(CloudUnavailable, match="may or may not"):
                journal.append(42, [entry(1)], token=holder.token)
            journal.append(42, [entry(1)], token=holder.token)
        finally:
            client.meta.events.unregister("after-call.dynamodb.TransactWriteItems", lose)
        assert journal.entries(42) == (entry(1),)

    def test_collisions_are_retried(self, stack: Stack, journal: DynamoJournal, holder: Holder) -> None:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
        answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        conflict = ClientError(answer, "TransactWriteItems")
        stack.fault("TransactWriteItems", conflict, times=3)
        begun = stack.clock.now()
        journal.append(42, [entry(1)], token=holder.token)
        assert journal.entries(42) == (entry(1),)
        assert 0 < stack.clock.now() - begun < 1

    def test_endless_collisions_end(self, stack: Stack, journal: DynamoJournal, holder: Holder) -> None:
        conflict = ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")
        stack.fault("TransactWriteItems", conflict, times=100)
        with pytest.raises(CloudUnavailable, match="TransactionConflict"):
            journal.append(42, [entry(1)], token=holder.token)


@pytest.mark.parametrize("value", [0, -7, 12, 0.5, 1e-9, 1_700_000_000.25, True, False, "", "ü", b"\x00\xff"])
def test_values_survive_the_item(value: Any) -> None:
    assert unpack(pack({"a": value, "b": None})) == {"a": value}


class TestBans:
    def test_a_ban_is_found_said_anew_and_lifted(self, table: Table, journal: DynamoJournal) -> None:
        bans = DynamoBans(table, "test")
        assert bans.all() == ()
        ban = Ban(version="v1.1.0", digests=("sha256:1",), finding="CVE-1", by="alice", at=NOW)
        bans.add(ban)
        bans.add(replace(ban, version="v1.0.9", digests=()))
        bans.add(replace(ban, finding="CVE-2"))
        assert [(one.version, one.finding) for one in bans.all()] == [
            ("v1.0.9", "CVE-1"),
            ("v1.1.0", "CVE-2"),
        ]
        assert DynamoBans(table, "other").all() == ()
        assert journal.history() == ()
        for _ in range(2):
            bans.lift("v1.1.0")
        assert [one.version for one in bans.all()] == ["v1.0.9"]
