"""Writes docs/screens/*.svg: the live view of real runs of this program on the simulated cloud.

`python -m tools.screens` releases, holds and rolls back with the product's own engine, judge and adapters on
a manual clock, and draws the screen from the journal at five moments. The same run gives the same pictures,
so a test holds them against the program.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console

from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import Ending, Entry, Header, Held, StageStarted, VerdictGiven
from bluegreen.domain.verdict import Outcome
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.ui.keys import Keys
from bluegreen.ui.screen import screen
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import tell
from tools.world import World, lognormal

TARGET = Path(__file__).resolve().parents[1] / "docs" / "screens"
WIDTH, HEIGHT = 100, 30
_POLICY = """
[rollout]
ramp = ["5%", "25%", "50%", "95%"]
bake = "60s"
min_bake = "30s"
extension = "300s"
final_bake = "30s"
dwell = "5s"
tick = "5s"
[judge]
period = "5s"
settle = "5s"
burst = "5s"
cold_start = "5s"
[health]
deadline = "180s"
poll = "5s"
[probes]
interval = "5s"
[retire]
quiet = "5s"
[lease]
ttl = "60s"
[backup]
snapshot = false
"""

Moment = Callable[[Entry, Timeline], bool]


class _Camera:
    """Takes a picture the first time that a moment is there."""

    def __init__(self, moments: Mapping[str, Moment]) -> None:
        self._moments = dict(moments)
        self._timeline: Timeline | None = None
        self.taken: dict[str, str] = {}

    def __call__(self, header: Header, entry: Entry) -> None:
        self._timeline = timeline = tell(self._timeline, header, entry)
        for name, moment in list(self._moments.items()):
            if moment(entry, timeline):
                del self._moments[name]
                self.taken[name] = _picture(timeline, entry.at, name)


def _picture(timeline: Timeline, now: float, name: str) -> str:
    console = Console(
        width=WIDTH,
        height=HEIGHT,
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    lines = screen(timeline, now=now, width=WIDTH, height=HEIGHT, keys=Keys(acts=True).words)
    for line in lines:
        console.print(line)
    # Fonts of a distant server are no part of a picture: whoever reads the page has a fixed one.
    first, *faces = CONSOLE_SVG_FORMAT.split("@font-face {{")
    form = first + "".join(part.partition("}}\n")[2] for part in faces)
    return console.export_svg(title=f"sc-deploy: {name}", code_format=form, unique_id=name)


def _judging(percent: int, *, over: bool = False) -> Moment:
    """A verdict at `percent`: one that is not decided yet, or (`over`) one with a figure beyond its limit."""

    def moment(entry: Entry, timeline: Timeline) -> bool:
        event = entry.event
        if not isinstance(event, VerdictGiven) or event.percent != percent:
            return False
        rows = [one.row for one in event.verdict.findings if one.row is not None]
        broken = any(row.over for row in rows)
        measured = len(rows) >= 4 and len(timeline.periods) > 0
        stage = timeline.current
        seconds = stage.elapsed(entry.at) if stage else 0.0
        if over:
            return broken and event.verdict.outcome is Outcome.INCONCLUSIVE and seconds >= 30
        return measured and not broken and seconds >= 40

    return moment


def _building(entry: Entry, _timeline: Timeline) -> bool:
    return isinstance(entry.event, StageStarted) and entry.event.stage == "prove"


def _held(entry: Entry, timeline: Timeline) -> bool:
    return (
        timeline.hold is not None
        and isinstance(entry.event, VerdictGiven)
        and entry.at > timeline.hold.since + 60
    )


def _returning(entry: Entry, timeline: Timeline) -> bool:
    back = [stage for stage in timeline.stages if stage.back]
    return bool(back) and isinstance(entry.event, StageStarted) and entry.event.stage == "remove"


def _release(world: World, version: str, camera: _Camera | None = None) -> Ending:
    deployer = world.deployer("anna@desk:41", [camera] if camera else [])
    return deployer.run(deployer.plan_promotion(version)).ending


def _hold_once(world: World) -> None:
    """Ben holds it at 50 %, and Anna lets it continue two minutes later."""
    lease = world.ports().lease
    hold = Hold(
        deployment=2, by="ben@phone:7", why="support sees complaints", at=world.clock.now(), seconds=1800
    )

    def listen(entry: Entry) -> None:
        if isinstance(entry.event, StageStarted) and entry.event.stage == "judge-50":
            lease.ask_hold(hold)
        if isinstance(entry.event, Held):
            until.append(entry.at + 120)
        if until and entry.at > until[0]:
            lease.lift_hold(hold, by="anna@desk:41", why="was something else")
            until[:] = [float("inf")]

    until: list[float] = []
    world.listeners.append(listen)


def pictures() -> dict[str, str]:
    """Each picture by its name; their times of day are UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        return _pictures()
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def _pictures() -> dict[str, str]:
    world = World(tiers=("web", "app", "ai"), policy=_POLICY, latency=lognormal())
    if _release(world, "v1.0.0") is not Ending.RELEASED:
        raise SystemExit(f"v1.0.0 was not released:\n{world.story()}")
    world.load(600)
    world.clock.sleep(120)
    good = _Camera({"proving": _building, "judging": _judging(25), "on-hold": _held})
    _hold_once(world)
    if _release(world, "v1.1.0", good) is not Ending.RELEASED:
        raise SystemExit(f"v1.1.0 was not released:\n{world.story()}")
    world.listeners.clear()
    world.behaviours["v1.2.0"] = Behaviour(latency=lognormal(), error_rate=0.025)
    bad = _Camera({"regression": _judging(5, over=True), "rolling-back": _returning})
    if _release(world, "v1.2.0", bad) is not Ending.ROLLED_BACK:
        raise SystemExit(f"v1.2.0 was not rolled back:\n{world.story()}")
    return good.taken | bad.taken


def main() -> None:
    """Write them all."""
    TARGET.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        (TARGET / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
