"""Deployers killed at random under load: failed requests, orphans and wrong endings must all be 0.

Starts a lab of its own with a load through the front door. Each cycle is a promotion, or a rollback to
another release; its process is killed (SIGKILL) at a random event of its journal, and another one resumes. In
the end one deployer is stopped (SIGSTOP) in the middle of its ramp for longer than its lease lasts; another
one resumes and releases, and the first one is woken (SIGCONT): it must end with 4, and everything in the
lab's AWS and its journals must stand as before.

Five cycles on a busy laptop (`--minutes 7 --rate 350`): 5 of 5 killed and resumed, 0 of 191,187 requests
failed at 350 a second, 0 orphans, 0 wrong endings; the one that slept wrote nothing and ended with 4.

    python -m benchmarks.kills [--cycles 30] [--minutes 50] [--rate 400] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from benchmarks.main_job import SERVING, stands
from benchmarks.own_lab import own_lab
from bluegreen.errors import ExitCode
from bluegreen.lab.lifecycle import UNSET, LabInfo
from bluegreen.lab.load.child import LoadProcess
from tools.commands import Done, sc_deploy

MOST_SECONDS = 3600.0
"""The load ends by itself after so long."""
MINUTES = 50.0
"""No cycle begins after so many."""
LEAST_RATE = 300.0
LATEST_EVENT = {"promote": 150, "rollback": 90}
"""A run that ends before its event comes was not killed, and is counted as such."""


@dataclass(slots=True)
class Tally:
    """What was done, and what went wrong, in words."""

    killed: int = 0
    unharmed: int = 0
    """Runs that had ended before their event came."""
    orphans: list[str] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)


def policy_of(info: LabInfo) -> str:
    """The lab's policy with a lease of a few seconds, so that nobody waits long for a dead deployer.

    Latency is judged from half a second on: what this machine does besides is not what is asked here.
    """
    text = info.policy.read_text(encoding="utf-8")
    text = re.sub(r'^ttl = ".*"$', f'ttl = "{6 * info.stretch}s"', text, flags=re.MULTILINE)
    text = re.sub(r'^latency_floor = "[^"]*"', 'latency_floor = "500ms"', text, flags=re.MULTILINE)
    path = info.policy.with_name("kills.toml")
    path.write_text(text, encoding="utf-8")
    return str(path)


def turn(number: int) -> str:
    """What serves after the cycle of that number."""
    return ("v2.0.0", "v1.1.0")[number % 2]


def at_event(number: int) -> Callable[[Mapping[str, Any]], bool]:
    """True at the event of that number."""
    seen = 0

    def kill(_event: Mapping[str, Any]) -> bool:
        nonlocal seen
        seen += 1
        return seen == number

    return kill


def live(info: LabInfo) -> set[str]:
    """What serves the tiers, as `status` says: one line where all have the same."""
    tiers = sc_deploy(info, "status").events[-1]["tiers"]
    return {
        ", ".join(f"{one['percent']} % {one['version']}" for one in tier["fleets"] if one["weight"])
        for tier in tiers
    }


def finished(info: LabInfo, policy: str, words: tuple[str, ...], to: str) -> Done:
    """Another machine resumes; where the dead one had not even begun, it begins anew."""
    again = sc_deploy(info, "resume", "--policy", policy)
    nothing = (
        again.code == ExitCode.REFUSED and "no deployment is unfinished" in f"{again.stderr}{again.events}"
    )
    if nothing and live(info) == {f"100 % {to}"}:
        again.code = int(ExitCode.RELEASED)  # it died after its last entry
    elif nothing:
        again = sc_deploy(info, *words, "--policy", policy)
    return again


def cycle(info: LabInfo, policy: str, number: int, *, chance: random.Random, tally: Tally) -> None:
    """One promotion or rollback, killed and resumed."""
    verb, to = "rollback" if number % 3 == 2 else "promote", turn(number)
    words = (verb, *((to,) if verb == "promote" else ("--to", to, "--reason", "kills")), "--yes")
    event = chance.randint(1, LATEST_EVENT[verb])
    last = dead = sc_deploy(info, *words, "--policy", policy, kill_when=at_event(event))
    killed = dead.code == -signal.SIGKILL
    if killed:
        tally.killed += 1
        last = finished(info, policy, words, to)
    else:
        tally.unharmed += 1
    serving = live(info)
    left = {what: count for what, count in stands(info).items() if count != SERVING[what]}
    where = f"killed at event {event}" if killed else f"ended before event {event}"
    what = f"{number:3} {verb:8} {to} {where} ({dead.events[-1]['event'] if dead.events else 'none'})"
    if last.code or serving != {f"100 % {to}"}:
        tally.endings.append(f"{what}: exit {last.code}, {serving}: {last.stderr} {last.events[-1:]}")
    if left:
        tally.orphans.append(f"{what}: {left}")
    print(f"{what:75} exit {last.code} {last.ended - dead.began:6.1f} s", flush=True)


def everything(info: LabInfo) -> str:
    """Rules, fleets and schedules of the lab's AWS and the entries of its journals, as one text."""

    def client(name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=info.endpoint_url,
            region_name=info.env["AWS_REGION"],
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )

    elb, table = client("elbv2"), client("dynamodb")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    (name,) = (one for one in table.list_tables()["TableNames"] if "state" in one)
    seen = [
        elb.describe_rules(ListenerArn=listener)["Rules"],
        elb.describe_target_groups()["TargetGroups"],
        client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"],
        client("scheduler").list_schedules()["Schedules"],
        sorted(json.dumps(one, default=str) for one in table.scan(TableName=name)["Items"]),
    ]
    return json.dumps(seen, default=str, sort_keys=True)


def overtaken(info: LabInfo, policy: str, to: str) -> list[str]:
    """A deployer sleeps past its lease and wakes; what is wrong, in words."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET} | info.env
    words = ("promote", to, "--yes", "--policy", policy, "--output", "json")
    with subprocess.Popen(
        (sys.executable, "-c", "import cli; cli.main()", *words),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as loser:
        assert loser.stdout is not None
        for line in loser.stdout:
            if json.loads(line)["event"] == "verdict":
                loser.send_signal(signal.SIGSTOP)
                break
        winner = sc_deploy(info, "resume", "--policy", policy)
        before = everything(info)
        loser.send_signal(signal.SIGCONT)
        _, said = loser.communicate(timeout=300)
    wrong = []
    if winner.code or live(info) != {f"100 % {to}"}:
        wrong.append(f"the winner ended with {winner.code}: {live(info)} {winner.stderr}")
    if loser.returncode != ExitCode.LOCKED:
        wrong.append(f"the loser ended with {loser.returncode}: {said}")
    if everything(info) != before:
        wrong.append("the loser changed something")
    return wrong


def run(cycles: int, rate: float, seed: int, minutes: float) -> tuple[Tally, list[str], Mapping[str, Any]]:
    """The tally of the cycles, what was wrong with the one that slept, and the load's report."""
    chance, tally = random.Random(seed), Tally()
    with own_lab("kills") as info:
        policy = policy_of(info)
        if code := sc_deploy(info, "promote", "v1.0.0", "--yes").code:
            raise SystemExit(f"the first release ended with {code}")
        load = LoadProcess(info.front_url, info.state_dir, rate=rate, connections=100, seconds=MOST_SECONDS)
        with load:
            began = time.monotonic()
            time.sleep(3)
            # Both have been released once, so that a rollback may go to either.
            for version in ("v1.1.0", "v2.0.0"):
                one = sc_deploy(info, "promote", version, "--yes", "--policy", policy)
                if one.code:
                    raise SystemExit(f"{version} ended with {one.code}: {one.stderr} {one.events[-1:]}")
            done = 0
            while done < cycles and time.monotonic() < began + 60 * minutes:
                done += 1
                cycle(info, policy, done, chance=chance, tally=tally)
            slept = overtaken(info, policy, turn(done + 1))
            _, report = load.figures()
    return tally, slept, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--rate", type=float, default=400.0, help="requests per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    given = parser.parse_args()
    tally, slept, report = run(given.cycles, given.rate, given.seed, given.minutes)
    rate = report["requests"] / report["seconds"]
    bars = [
        (
            "killed and resumed",
            f"{tally.killed} of {tally.killed + tally.unharmed}",
            tally.killed > 0,
        ),
        (
            "0 failed requests",
            f"{report['failed']} of {report['requests']:,} {report['failed_by_cause'] or ''}",
            not report["failed"],
        ),
        (f">= {LEAST_RATE:.0f} requests/s", f"{rate:,.0f}", rate >= LEAST_RATE),
        ("0 orphans", f"{len(tally.orphans)}", not tally.orphans),
        ("0 wrong endings", f"{len(tally.endings)}", not tally.endings),
        ("stopped past its lease: 0 writes", "; ".join(slept) or "0, exit 4", not slept),
    ]
    print(*tally.endings, *tally.orphans, sep="\n")
    for bar, figure, holds in bars:
        print(f"{'ok' if holds else 'NO':3} {bar:34} {figure}")
    sys.exit(int(ExitCode.RELEASED if all(holds for *_, holds in bars) else ExitCode.BUG))


if __name__ == "__main__":
    main()
