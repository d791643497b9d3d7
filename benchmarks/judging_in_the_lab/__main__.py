"""The judge end to end: releases that go bad under load in the lab, and what the command line does of it.

Starts a lab of its own with a load through the front door, promotes a release per case, breaks it (or only
disturbs it) in the middle of its ramp, and prints how the run ended, how long that took and how many requests
the release answered and failed meanwhile. Ends with 1 where a case did not end as it must.

    python -m benchmarks.judging_in_the_lab [--rate 600] [--only errors]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.judging_in_the_lab.cases import CASES, Case
from benchmarks.judging_in_the_lab.scraping import prometheus
from benchmarks.own_lab import own_lab
from bluegreen.errors import ExitCode
from bluegreen.lab.faults import breakage
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.load.child import LoadProcess
from tools.commands import Done, sc_deploy

CASE_SECONDS = 900.0
"""A case's load ends by itself after so long."""
INCIDENT_SECONDS = 5.0
"""How long a shared incident lasts once the release is on hold for it."""


def _at(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()


@dataclass(slots=True)
class Witness:
    """Hears a promotion's events, breaks the lab in time, and notes what followed."""

    lab: LabInfo
    case: Case
    began: float = 0.0
    """When the fault came; 0 before."""
    decided: float = 0.0
    held: float = 0.0
    reasons: list[str] = field(default_factory=list)
    steps: set[int] = field(default_factory=set)
    """Shares at which a verdict was given."""

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "verdict":
            self._verdict(event)
        elif kind in {"decided", "halted", "step-failed"} and not self.decided:
            self.decided = _at(event)
            self.reasons.append(str(event.get("reason") or event.get("words")))

    def _verdict(self, event: Mapping[str, Any]) -> None:
        if self.case.each_step and event["percent"] not in self.steps:
            breakage.break_(self.lab, self.case.each_step)
        self.steps.add(event["percent"])
        if not self.began:
            self.began = time.time()
            if self.case.fault:
                breakage.break_(self.lab, self.case.fault)
            if self.case.act:
                self.case.act(self.lab)
        elif event["hold"] and not self.held:
            self.held = _at(event)
            self.reasons.append(str(event["reason"]))
        if self.held and self.case.passes_over and time.time() > self.held + INCIDENT_SECONDS:
            breakage.heal(self.lab)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a case went."""

    case: Case
    done: Done
    witness: Witness
    answered: int
    """Requests that the release answered while it was broken."""
    failed: int
    """Of these, the failed ones; of a shared incident, those of both releases."""

    @property
    def holds(self) -> bool:
        """The run ended as it must, for the reason that it must."""
        said = not self.case.says or any(self.case.says in one for one in self.witness.reasons)
        held = bool(self.witness.held) or not self.case.passes_over
        return self.done.code == self.case.ends and said and held

    @property
    def row(self) -> str:
        """A line of the table."""
        began = self.witness.began or self.done.began
        decided = self.witness.held if self.case.passes_over else self.witness.decided
        seconds = f"{decided - began:.1f}" if decided and self.witness.began else "before traffic"
        released = "held, then released" if self.case.passes_over else "released"
        outcome = {0: released, 5: "rolled back", 6: "held, then asked"}
        words = outcome.get(self.done.code, f"exit {self.done.code}")
        shown = f"| {self.case.name} | {words} | {seconds} | {self.answered:,} | {self.failed:,} |"
        return f"{shown} {'yes' if self.holds else 'NO'} |"


def counted(figures: list[dict[str, Any]], witness: Witness) -> tuple[int, int]:
    """(answered, failed) by the case's release from the fault on, second by second."""
    version, since = witness.case.version, int(witness.began or 0)
    mine = [second for second in figures if since and second["at"] >= since]
    answered = sum(second["versions"].get(version, 0) for second in mine)
    if witness.case.passes_over:
        return answered, sum(second["failed"] for second in mine)
    return answered, sum(second["failed_by_version"].get(version, 0) for second in mine)


def policy_of(lab: LabInfo, case: Case, prometheus: str) -> Path:
    """The lab's policy with the case's patience, and what else the case adds."""
    text = lab.policy.read_text(encoding="utf-8")
    text = re.sub(r'^extension = ".*"$', f'extension = "{case.patience}"', text, flags=re.MULTILINE)
    if prometheus:
        text += '\n[metrics]\nerrors = ["cloudwatch", "prometheus"]\nlatency = ["prometheus"]\n'
        text += f'[metrics.prometheus]\nurl = "{prometheus}"\nperiod = "2s"\nsettle = "2s"\n'
    policy = lab.policy.with_name(f"{re.sub(r'[^a-z0-9]+', '-', case.name)}.toml")
    policy.write_text(text + case.policy, encoding="utf-8")
    return policy


def run_case(lab: LabInfo, case: Case, rate: float) -> Result:
    """One promotion, and the way back to v1.0.0 where it halted or was released."""
    witness = Witness(lab, case)
    case.prepare(lab)
    rate = case.rate or rate
    load = LoadProcess(lab.front_url, lab.state_dir, rate=rate, connections=100, seconds=CASE_SECONDS)
    if not case.load:
        load.end()
    with load if case.load else nullcontext(), prometheus(lab) if case.scraped else nullcontext("") as url:
        time.sleep(0 if case.fresh or not case.load else 3)
        policy = ("--policy", str(policy_of(lab, case, url)))
        done = sc_deploy(lab, "promote", case.version, "--yes", *policy, on_event=witness)
        breakage.heal(lab)
        if done.code == ExitCode.HALTED:
            ended(sc_deploy(lab, "abort", "--yes"))
        if done.code == ExitCode.RELEASED and not case.fresh:
            # Under load: a release that is built again is measured, and without users it would ask.
            ended(sc_deploy(lab, "rollback", "--yes", *policy))
        figures = load.figures()[0] if case.load else []
    answered, failed = counted(figures, witness)
    return Result(case=case, done=done, witness=witness, answered=answered, failed=failed)


def ended(back: Done) -> None:
    """A way back that did not work would spoil the next case."""
    if back.code not in {ExitCode.RELEASED, ExitCode.ROLLED_BACK}:
        last = back.events[-1] if back.events else {}
        why = last.get("words", back.stderr)
        raise SystemExit(f"`sc-deploy {back.words[0]}` ended with {back.code}: {why}")


@contextmanager
def lab() -> Iterator[LabInfo]:
    """A lab that serves v1.0.0."""
    with own_lab("judging") as info:
        first = sc_deploy(info, "promote", "v1.0.0", "--yes")
        if first.code:
            raise SystemExit(f"the first release ended with {first.code}: {first.stderr}")
        yield info


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=600.0, help="requests per second over the three tiers")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    given = parser.parse_args()
    print("| case | outcome | seconds to decide | answered by it | failed | as it must |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    chosen = [case for case in CASES if given.only in case.name]
    holds = True
    for fresh in (case for case in chosen if case.fresh):
        with lab() as info:
            holds &= told(run_case(info, fresh, given.rate))
    warm = [case for case in chosen if not case.fresh]
    with lab() if warm else nullcontext() as info:
        for case in warm:
            assert info is not None
            holds &= told(run_case(info, case, given.rate))
    sys.exit(int(ExitCode.RELEASED if holds else ExitCode.BUG))


def told(result: Result) -> bool:
    """Print the case's row; whether it holds."""
    print(result.row, flush=True)
    if not result.holds:
        print(*result.witness.reasons, result.done.stderr, sep="\n")
    return result.holds


if __name__ == "__main__":
    main()
