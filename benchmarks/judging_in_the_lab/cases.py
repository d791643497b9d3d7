"""What goes wrong in the lab, or only seems to, and how a release must end then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from bluegreen.errors import ExitCode
from bluegreen.lab.faults import breakage
from bluegreen.lab.faults.breakage import Breakage
from bluegreen.lab.faults.kinds import Break
from bluegreen.lab.lifecycle import LabInfo

ALARM = "bench-checkout-latency"
_FEEDBACK = ("SportCoach/AI", "MatchingSatisfaction")
_CHECK = f"""
[[check]]
name = "matching satisfaction"
cloudwatch = {{ namespace = "{_FEEDBACK[0]}", name = "{_FEEDBACK[1]}", period = "5s", datapoints = 1 }}
below = 0.7
on_breach = "rollback"
no_data = "ignore"
"""
_FLOOR = '\n[stacks.lab.judge]\nlatency_floor = "50ms"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What goes wrong, and how the run must end."""

    name: str
    version: str = "v1.1.0"
    ends: ExitCode = ExitCode.RELEASED
    says: str = ""
    """What the reason of the decision must contain."""
    fault: Breakage | None = None
    """Comes with the first verdict of the first ramp step; without one the release is bad from the start."""
    each_step: Breakage | None = None
    """Comes with the first verdict of every step."""
    act: Callable[[LabInfo], None] | None = None
    """Done with the first verdict of the first ramp step."""
    prepare: Callable[[LabInfo], None] = lambda _lab: None
    """Done before the promotion."""
    policy: str = ""
    """Added to the lab's own."""
    passes_over: bool = False
    """The fault ends some seconds after the release was put on hold for it."""
    load: bool = True
    rate: float = 0.0
    """Requests per second over the three tiers; 0: the usual ones."""
    patience: str = "90s"
    """How long an undecided step is watched on."""
    fresh: bool = False
    """In a lab of its own, at once after its first release: nothing is warm."""
    scraped: bool = False
    """Judged by Prometheus, with histograms that have the bounds of the client libraries' defaults."""


def client(lab: LabInfo, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=lab.endpoint_url,
        region_name=lab.env["AWS_REGION"],
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
    )


def _make_alarm(lab: LabInfo) -> None:
    client(lab, "cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )


def _fire(lab: LabInfo) -> None:
    client(lab, "cloudwatch").set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="benchmark")


def _dissatisfied(lab: LabInfo) -> None:
    """Users rate the matches worse from now on, for half a minute."""
    cloudwatch = client(lab, "cloudwatch")

    def put() -> None:
        for _ in range(15):
            data = [{"MetricName": _FEEDBACK[1], "Value": 0.4}]
            cloudwatch.put_metric_data(Namespace=_FEEDBACK[0], MetricData=data)
            time.sleep(2)

    threading.Thread(target=put, daemon=True).start()


def _warm_up(lab: LabInfo) -> None:
    """Green's caches are cold: twice as slow, and less so every second."""

    def cool_down() -> None:
        for factor in (2.0, 1.5, 1.2):
            breakage.break_(lab, Breakage(kind=Break.LATENCY, factor=factor))
            time.sleep(1)
        breakage.heal(lab, Break.LATENCY)

    threading.Thread(target=cool_down, daemon=True).start()


CASES = (
    Case(
        name="errors 2 %", ends=ExitCode.ROLLED_BACK, says="errors:",
        fault=Breakage(kind=Break.ERRORS, share=0.02),
    ),
    Case(
        name="latency +60 %", ends=ExitCode.ROLLED_BACK, says="slower than",
        fault=Breakage(kind=Break.LATENCY, factor=1.6),
    ),
    Case(
        name="key function down", ends=ExitCode.ROLLED_BACK, says="probes failed on green",
        fault=Breakage(kind=Break.FUNCTION, path="/api/login"),
    ),
    Case(name="AI accuracy -25 %", version="v1.5.0", ends=ExitCode.ROLLED_BACK, says="AI validation failed"),
    Case(
        name="metrics source down", ends=ExitCode.HALTED, says="paused at 25 %", patience="15s",
        fault=Breakage(kind=Break.METRICS_DOWN),
    ),
    Case(name="no traffic", ends=ExitCode.HALTED, says="too little traffic", load=False, patience="15s"),
    Case(
        name="shared incident", says="blue itself is unhealthy",
        fault=Breakage(kind=Break.ERRORS, share=0.1, version="all"), passes_over=True,
    ),
    Case(
        name="an alarm fires at 25 %", ends=ExitCode.ROLLED_BACK, says=f"alarm {ALARM} is firing",
        prepare=_make_alarm, act=_fire, policy=f'\n[alarms]\nrollback = ["{ALARM}"]\n',
    ),
    Case(
        name="feedback check breaches", ends=ExitCode.ROLLED_BACK, says="check matching satisfaction: 0.4",
        act=_dissatisfied, policy=_CHECK,
    ),
    Case(name="good, cold lab", fresh=True),
    Case(name="good, cold caches", act=_warm_up),
    Case(name="good, green scales out at every step", each_step=Breakage(kind=Break.SCALE_OUT)),
    # With the shipped floor: the lab's answers take 10 ms, and few requests show no 20 % of that.
    Case(name="good, 5 requests/s a tier", rate=15.0, patience="600s", policy=_FLOOR),
    Case(name="good, client-default histogram", scraped=True),
    Case(
        name="latency x12, client-default histogram", ends=ExitCode.ROLLED_BACK, says="slower than",
        fault=Breakage(kind=Break.LATENCY, factor=12.0), scraped=True,
    ),
)  # fmt: skip
