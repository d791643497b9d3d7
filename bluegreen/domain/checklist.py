"""What is known of the checklists' items (C1 to C3): by what, by whom and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from bluegreen.contract import Tier
from bluegreen.domain.journal import (
    Attested,
    Entry,
    Header,
    MigrationRehearsed,
    StepDone,
    StepFailed,
    TargetsSeen,
)
from bluegreen.domain.plan import Intent, Plan, Step, StepKind
from bluegreen.domain.release import FULL
from bluegreen.policy import Item, Phase, Policy, item_of, items_of


class ItemOutcome(StrEnum):
    """What is known of an item."""

    HOLDS = "holds"
    FAILED = "failed"
    OPEN = "open"
    """Nobody has established it."""
    NOT_APPLICABLE = "not-applicable"
    """The release or the stack has no such part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Established:
    """What is known of an item, by what, by whom and since when."""

    item: Item
    outcome: ItemOutcome
    evidence: str = ""
    by: str = ""
    """Who answers for it; empty where sc-deploy has measured it."""
    at: float | None = None
    """Epoch seconds."""


def asked_for(policy: Policy, plan: Plan) -> tuple[Item, ...]:
    """What a person answers for before `plan` may begin.

    A way out of trouble (`despite`) and what is no promotion ask nobody, and no AI is no model.
    """
    if plan.intent is not Intent.PROMOTION or plan.despite:
        return ()
    return items_for(policy, [one.tier for one in plan.tiers])


def items_for(policy: Policy, tiers: Iterable[Tier]) -> tuple[Item, ...]:
    """What the policy asks people for where `tiers` are released."""
    items = [item_of(point) for point in policy.checklist]
    return tuple(one for one in items if one.id != "model" or Tier.AI in tiers)


def established(header: Header, entries: Iterable[Entry]) -> tuple[Established, ...]:
    """Every item of the strategy, and the policy's own, by what the journal of a deployment shows."""
    return tuple(_Told(header, entries).all())


class _Told:
    """What a journal says, looked up by item."""

    def __init__(self, header: Header, entries: Iterable[Entry]) -> None:
        documents = header.began_with
        self._plan, self._policy, self._contract = documents.plan, documents.policy, documents.contract
        self._attested: dict[str, tuple[Attested, float]] = {}
        self._last: dict[Step, tuple[StepDone | StepFailed, float]] = {}
        for entry in entries:
            if isinstance(entry.event, Attested):
                self._attested[entry.event.item] = (entry.event, entry.at)
            elif isinstance(entry.event, StepDone | StepFailed):
                self._last[entry.event.step] = (entry.event, entry.at)
        self._how: Mapping[str, Callable[[Item], Established]] = {
            **dict.fromkeys(("tests", "review", "performance", "team"), self._person),
            **dict.fromkeys(("monitoring", "alerting"), self._not_here),
            "model": self._model,
            "configuration": partial(self._preflight, "listener, parameters and secrets are there"),
            "security": partial(self._preflight, "no critical finding that nobody answers for"),
            "migration-ready": self._migration_ready,
            "rollback": self._rollback,
            "app-deployed": partial(self._deployed, (Tier.WEB, Tier.APP)),
            "ai-deployed": partial(self._deployed, (Tier.AI,)),
            "load-balancer": self._weights,
            "cdn": self._cdn,
            "dns": self._dns,
            "ai-functions": self._ai,
            "figures": self._figures,
        }

    def all(self) -> Iterator[Established]:
        """In the strategy's order, own items after those of their phase."""
        own = [item_of(point) for point in self._policy.checklist]
        own = [one for one in own if not one.strategy]
        for phase in Phase:
            yield from (self._answer(item) for item in items_of(phase))
            yield from (self._person(item) for item in own if item.phase is phase)

    def _answer(self, item: Item) -> Established:
        how = self._how.get(item.id)
        if how is not None:
            return how(item)
        kind, front, missing = _STEPS[item.id]
        return self._of(item, self._front(kind) if front else self._kind(kind), missing=missing)

    def _not_here(self, item: Item) -> Established:
        # Monitoring and alerting are no part of a release.
        return Established(item=item, outcome=ItemOutcome.OPEN, evidence="`sc-deploy verify` asks")

    def _person(self, item: Item) -> Established:
        if (said := self._attested.get(item.id)) is not None:
            event, at = said
            told = "" if event.by == event.operator else f"told by {event.operator}"
            return Established(item=item, outcome=ItemOutcome.HOLDS, evidence=told, by=event.by, at=at)
        if self._plan.despite:
            why = f"nobody was asked: {self._plan.despite}"
        elif item in asked_for(self._policy, self._plan):
            why = "nobody answers for it"
        else:
            why = "`checklist` in deploy.toml does not ask for it"
        return Established(item=item, outcome=ItemOutcome.OPEN, evidence=why)

    def _model(self, item: Item) -> Established:
        if not any(one.tier is Tier.AI for one in self._plan.tiers):
            return Established(
                item=item, outcome=ItemOutcome.NOT_APPLICABLE, evidence="the ai tier is not released"
            )
        golden = self._kind(StepKind.GOLDEN)
        return self._person(item) if item.id in self._attested or not golden else self._of(item, golden)

    def _ai(self, item: Item) -> Established:
        if not any(one.tier is Tier.AI for one in self._plan.tiers):
            return Established(
                item=item, outcome=ItemOutcome.NOT_APPLICABLE, evidence="the ai tier is not released"
            )
        smoke = [step for step in self._front(StepKind.SMOKE) if step.tier is Tier.AI]
        steps = [*self._kind(StepKind.GOLDEN), *smoke]
        return self._of(
            item, steps, missing="neither a golden set nor a smoke test of the ai tier is declared"
        )

    def _preflight(self, words: str, item: Item) -> Established:
        found = self._of(item, self._kind(StepKind.CHECK))
        return replace(found, evidence=words) if found.outcome is ItemOutcome.HOLDS else found

    def _migration_ready(self, item: Item) -> Established:
        migration = self._policy.migration
        if migration is None or not self._plan.has(StepKind.MIGRATE):
            return _none(item, "nothing is migrated")
        down = "with a way down" if migration.down else "without a way down"
        told = "; ".join(filter(None, (migration.command, down, self._rehearsal())))
        return Established(item=item, outcome=ItemOutcome.HOLDS, evidence=told)

    def _rehearsal(self) -> str:
        """What its rehearsal showed, as the preflight checks found it."""
        seen = (self._done(step) for step in self._kind(StepKind.CHECK))
        results = [done.result for done in seen if done]
        return next((one.words for one in results if isinstance(one, MigrationRehearsed)), "")

    def _rollback(self, item: Item) -> Established:
        blues = {one.tier: one.blue.version for one in self._plan.tiers if one.blue}
        if not blues:
            return Established(
                item=item, outcome=ItemOutcome.NOT_APPLICABLE, evidence="nothing was live before"
            )
        told = ", ".join(f"{tier} to {version}" for tier, version in blues.items())
        return Established(item=item, outcome=ItemOutcome.HOLDS, evidence=told)

    def _deployed(self, tiers: Sequence[Tier], item: Item) -> Established:
        steps = [step for step in self._kind(StepKind.VERSION) if step.tier in tiers]
        return self._of(item, steps, missing="it is not released")

    def _figures(self, item: Item) -> Established:
        full = [step for step in self._kind(StepKind.JUDGE) if step.percent == FULL]
        return self._of(item, full, missing="nothing is judged at 100 %")

    def _weights(self, item: Item) -> Established:
        steps = self._kind(StepKind.WEIGHTS)
        last = {step.tier: step for step in steps if step in self._last}
        return self._of(item, list(last.values()) or steps, missing="no weight is changed")

    def _cdn(self, item: Item) -> Established:
        found = self._of(item, self._front(StepKind.VERSION), missing="nothing was asked for")
        if found.outcome is not ItemOutcome.HOLDS:
            return found
        results = [said.result for step in self._front(StepKind.VERSION) if (said := self._done(step))]
        if all(isinstance(one, TargetsSeen) and one.cdn for one in results):
            return replace(found, evidence="the release's answers came through CloudFront")
        words = "the release's answers came from the balancer itself"
        return replace(found, outcome=ItemOutcome.NOT_APPLICABLE, evidence=words)

    def _dns(self, item: Item) -> Established:
        found = self._of(item, self._front(StepKind.VERSION), missing="nothing was asked for")
        if found.outcome is not ItemOutcome.HOLDS:
            return found
        host = urlsplit(self._contract.base_url).hostname or ""
        if not named(host):
            words = f"users reach it at {host}, which is no name of its own"
            return replace(found, outcome=ItemOutcome.NOT_APPLICABLE, evidence=words)
        return replace(found, evidence=f"{host} leads to the release")

    def _kind(self, kind: StepKind) -> list[Step]:
        return [step for step in self._plan.steps if step.kind is kind]

    def _front(self, kind: StepKind) -> list[Step]:
        return [step for step in self._kind(kind) if not step.preview]

    def _done(self, step: Step) -> StepDone | None:
        event, _ = self._last.get(step, (None, 0.0))
        return event if isinstance(event, StepDone) else None

    def _of(self, item: Item, steps: Sequence[Step], *, missing: str = "") -> Established:
        """What the steps together show: one that failed decides, then one that has not been carried out."""
        if not steps:
            return _none(item, missing)
        said = [self._last.get(step) for step in steps]
        failed = [one for one in said if one is not None and isinstance(one[0], StepFailed)]
        if failed:
            event, at = failed[-1]
            return Established(item=item, outcome=ItemOutcome.FAILED, evidence=event.words, at=at)
        done = [one for one in said if one is not None]
        if len(done) < len(steps):
            return Established(
                item=item, outcome=ItemOutcome.OPEN, evidence="the deployment has not come so far"
            )
        told = "; ".join(dict.fromkeys(_words(event) for event, _ in done))
        latest = max(at for _, at in done)
        return Established(item=item, outcome=ItemOutcome.HOLDS, evidence=told, at=latest)


_STEPS = {
    "backup": (StepKind.SNAPSHOT, False, "nothing is migrated, so no snapshot is taken"),
    "migrated": (StepKind.MIGRATE, False, "nothing is migrated"),
    "healthy": (StepKind.HEALTHY, False, "no fleet is built"),
    "services": (StepKind.HEALTHY, False, "no fleet is built"),
    "functions": (StepKind.SMOKE, False, "no smoke test is declared"),
    "access": (StepKind.VERSION, True, "nothing was asked for"),
}
"""The steps that establish an item, whether through the front door alone, and what it means to have none."""


def _none(item: Item, why: str) -> Established:
    return Established(item=item, outcome=ItemOutcome.NOT_APPLICABLE, evidence=why)


def named(host: str) -> bool:
    """Whether users have a name for the stack: no address, and no name that AWS made."""
    try:
        ip_address(host)
    except ValueError:
        return host != "localhost" and not host.endswith((".amazonaws.com", ".cloudfront.net"))
    return False


def _words(event: StepDone | StepFailed) -> str:
    return f"{event.step.tier}: {event.words}" if event.step.tier else event.words
