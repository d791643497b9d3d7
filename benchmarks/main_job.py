"""The main job under live traffic: promotion, manual rollback, retirement, and a deployer killed five times.

Starts a lab of its own, sends it a load through the front door all the while, and drives the real command
line in processes of its own. Prints every bar with its figure; ends with 1 where one does not hold.

    python -m benchmarks.main_job [--rate 2100] [--connections 1000]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3

from benchmarks.own_lab import own_lab
from bluegreen.errors import ExitCode
from bluegreen.lab.demo.facts import Act, Seen, weights_seen
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.load.child import WRITES, LoadProcess
from bluegreen.lab.load.writes import seen_in
from tools.commands import Done, sc_deploy

KILLS = ("build", "prove", "shift-25", "judge-50", "retire")
"""The stages in which the deployer is killed."""
MOST_SECONDS = 1500.0
"""The load ends by itself after so long."""


def policies(info: LabInfo, rate: float) -> Mapping[str, str]:
    """Policy files: `long` watches each step for 10,000 requests and keeps blue, `quick` dies and resumes."""
    text = info.policy.read_text(encoding="utf-8")
    # One second at each end of a step is not counted: answers of the old weights still arrive.
    bake = f'bake = "{11_000 / rate + 3 * info.stretch:.0f}s"'
    long = re.sub(r'^bake = ".*"$', bake, text, flags=re.MULTILINE)
    long = long.replace("[retire]", '[retire]\nkeep_blue = "until-next"')
    quick = re.sub(r'^ttl = ".*"$', f'ttl = "{6 * info.stretch}s"', text, flags=re.MULTILINE)
    written = {}
    for name, policy in {"long": long, "quick": quick}.items():
        path = info.policy.with_name(f"{name}.toml")
        path.write_text(policy, encoding="utf-8")
        written[name] = str(path)
    return written


def stands(info: LabInfo) -> dict[str, int]:
    """What sc-deploy has made in the lab, counted by the AWS API itself."""

    def client(name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=info.endpoint_url,
            region_name=info.env["AWS_REGION"],
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )

    elb = client("elbv2")
    listener = elb.describe_listeners(
        LoadBalancerArn=elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    )["Listeners"][0]["ListenerArn"]
    return {
        "target groups": len(elb.describe_target_groups()["TargetGroups"]),
        "Auto Scaling Groups": len(client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]),
        "rules": len(elb.describe_rules(ListenerArn=listener)["Rules"]),
        "schedules": len(client("scheduler").list_schedules()["Schedules"]),
    }


SERVING = {"target groups": 3, "Auto Scaling Groups": 3, "rules": 4, "schedules": 0}
"""Three tiers with one fleet each: their live rules and the default one, nothing else."""


def told(done: Done, wanted: int = 0) -> Done:
    print(f"  {' '.join(done.words[:2]):20} exit {done.code:4}  {done.ended - done.began:6.1f} s", flush=True)
    if done.code != wanted:
        raise unexpected(done, f"{wanted}")
    return done


def unexpected(done: Done, wanted: str) -> SystemExit:
    verdicts = [event for event in done.events if event["event"] in ("verdict", "halted")]
    print(done.stderr, *verdicts[-1:], *done.events[-1:], sep="\n")
    return SystemExit(f"`sc-deploy {' '.join(done.words)}` ended with {done.code}, not {wanted}")


def killed_in(stage: str) -> Callable[[Mapping[str, Any]], bool]:
    """True at the second sign of life of `stage`: in the middle of its work."""
    seen = 0

    def kill(event: Mapping[str, Any]) -> bool:
        nonlocal seen
        seen += event.get("stage") == stage
        return seen >= 2

    return kill


def survive(info: LabInfo, policy: str, version: str, stage: str) -> None:
    """Promote, die in `stage`, resume in a new process; raises SystemExit where anything is left over."""
    words = ("promote", version, "--yes", "--policy", policy)
    dead = sc_deploy(info, *words, kill_when=killed_in(stage))
    if dead.code != -9:
        raise unexpected(dead, f"by being killed in {stage}")
    print(f"  {'killed in ' + stage:20}", flush=True)
    told(sc_deploy(info, "resume", "--policy", policy))
    if (found := stands(info)) != SERVING:
        raise SystemExit(f"left over after a death in {stage}: {found}")


def run(rate: float, connections: int) -> tuple[Seen, Act, list[str]]:
    with own_lab("main-job") as info:
        policy = policies(info, rate)
        told(sc_deploy(info, "promote", "v1.0.0", "--yes"))
        with LoadProcess(
            info.front_url,
            info.state_dir,
            rate=rate,
            connections=connections,
            seconds=MOST_SECONDS,
            writes=WRITES,
        ) as load:
            time.sleep(3)
            long = told(sc_deploy(info, "promote", "v1.1.0", "--yes", "--policy", policy["long"]))
            told(sc_deploy(info, "rollback", "--yes", "--reason", "benchmark"))
            told(sc_deploy(info, "promote", "v2.0.0", "--yes"))
            for number, stage in enumerate(KILLS):
                survive(info, policy["quick"], ("v1.1.0", "v2.0.0")[number % 2], stage)
            seconds, report = load.figures()
        seen = Seen(seconds=seconds, report=report, writes=seen_in(info.database_url, report))
    act = Act(version="v1.1.0", began=long.began, ended=long.ended, entries=long.entries)
    return seen, act, list(KILLS)


def bars(seen: Seen, act: Act, kills: list[str], asked: float) -> list[tuple[str, str, bool]]:
    """(bar, figure, whether it holds)."""
    report, weights = seen.report, weights_seen(act, seen)
    steps = [weight for weight in weights if weight.asked < 100]
    rate = report["requests"] / report["seconds"]
    most = max((abs(weight.observed - weight.asked) for weight in steps), default=100.0)
    least = min((weight.requests for weight in steps), default=0)
    shown = ", ".join(f"{one.observed:.2f} % of {one.requests:,} for {one.asked} %" for one in steps)
    return [
        (
            "0 failed of >= 250,000 requests",
            f"{report['failed']} of {report['requests']:,} {report['failed_by_cause'] or ''}",
            report["requests"] >= 250_000 and not report["failed"],
        ),
        (
            "0 lost or doubled writes",
            seen.writes.words if seen.writes else "the lab has no database",
            seen.writes is not None and seen.writes.ok,
        ),
        (
            ">= 2,000 requests/s",
            f"{rate:,.0f}" + ("" if rate >= 0.97 * asked else f": the load did not reach its {asked:,.0f}"),
            rate >= 2000,
        ),
        ("p95 below 200 ms", f"{report['p95_ms']:.1f} ms", report["p95_ms"] < 200),
        ("weights within 1.5 points", f"{most:.2f} points: {shown}", most <= 1.5),
        (">= 10,000 requests a ramp step", f"{least:,}", least >= 10_000),
        ("killed and resumed, no orphan", ", ".join(kills), len(kills) == len(KILLS)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=2100.0, help="requests per second")
    parser.add_argument("--connections", type=int, default=1000)
    given = parser.parse_args()
    print(f"{given.rate:g} requests/s on {given.connections} connections", flush=True)
    found = bars(*run(given.rate, given.connections), given.rate)
    for bar, figure, holds in found:
        print(f"{'ok' if holds else 'NO':3} {bar:32} {figure}")
    sys.exit(int(ExitCode.RELEASED if all(holds for *_, holds in found) else ExitCode.BUG))


if __name__ == "__main__":
    main()
