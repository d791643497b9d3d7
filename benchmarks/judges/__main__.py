"""Compare judges on the same simulated deployments: tables, bars and a plot.

python -m benchmarks.judges --runs 200 --seed 1 --plot judges.png
python -m benchmarks.judges --runs 40 --only "req/s"
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.judges.cases import CASES, CONDITIONS, Case
from benchmarks.judges.feeds import feed_named
from benchmarks.judges.ours import ASKED, FAILED, PASSED, Result, run
from benchmarks.judges.peers import PEERS, run_peers
from benchmarks.judges.plot import draw
from benchmarks.judges.probing import seconds_to_find
from benchmarks.judges.speed import measure
from benchmarks.judges.world import World

FEEDS = ("CW", "15 s")
OURS = "sc-deploy"
RAMP = (5, 25, 50, 95)
Cells = dict[tuple[str, str, str], Result]


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise, the worst figure that was measured, and whether it holds."""

    words: str
    figure: float
    holds: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One case on one feed."""

    case: Case
    feed: str
    runs: int
    seed: int
    peers: bool
    ramp: tuple[int, ...] = RAMP


def done(job: Job) -> Cells:
    """Every judge over the same world: (feed, case, judge) -> how the runs ended."""
    case, feed, runs, seed = job.case, job.feed, job.runs, job.seed
    # A case keeps its world whatever other cases there are.
    seeds = (seed, sum(map(ord, case.name)))

    def world() -> World:
        # No peer reads the counts over a bound, and drawing them takes long.
        return World(case, runs, seeds, counted=False)

    results = {OURS: run(World(case, runs, seeds), feed_named(feed, runs, seed), ramp=job.ramp)}
    if job.peers:
        others = [name for name in PEERS if name != "Flagger"]
        results |= run_peers(world(), runs, feed_named(feed, runs, seed), ["Flagger"], halting=True)
        results |= run_peers(world(), runs, feed_named(feed, runs, seed), others, halting=False)
    # Looking for cycles among many small values that live long takes a sixth of the time; see `processes`.
    gc.collect()
    return {(feed, case.name, name): result for name, result in results.items()}


def processes() -> ProcessPoolExecutor:
    """As many as there are processors; they collect cycles between two jobs."""
    return ProcessPoolExecutor(os.cpu_count(), initializer=gc.disable)


def simulate(jobs: Iterable[Job], pool: Executor) -> Cells:
    """All jobs."""
    cells: Cells = {}
    for some in pool.map(done, jobs):
        cells |= some
    return cells


def jobs_for(cases: Sequence[Case], runs: int, seed: int) -> list[Job]:
    """A job for each feed of each case; the peers know minutes, so not those of a laboratory's seconds."""
    return [Job(case, feed, runs, seed, peers=feed != "1 s") for case in cases for feed in case.feeds]


def percent(result: Result, outcome: int) -> float:
    """How many of a hundred runs ended so."""
    return float((result.outcome == outcome).mean() * 100)


def detection(result: Result, case: Case) -> str:
    """Median and 95th percentile of the seconds to a rollback, users harmed, and what was missed."""
    # A rollback before the onset is a false one and detects nothing.
    found = (result.outcome == FAILED) & (result.seconds > case.begins)
    if not found.any():
        return "never"
    seconds = result.seconds[found] - case.begins
    text = f"{np.median(seconds):.0f}/{np.quantile(seconds, 0.95):.0f}; {np.median(result.harmed[found]):.0f}"
    missed = percent(result, PASSED)
    return text + (f"; miss {missed:.1f} %" if missed else "")


def print_table(title: str, names: list[str], rows: Mapping[str, Callable[[str], str]]) -> None:
    """A Markdown table."""
    print(f"\n**{title}**\n")
    print("| case | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    for case, cell in rows.items():
        print(f"| {case} | " + " | ".join(cell(name) for name in names) + " |")


def print_tables(cells: Cells) -> None:
    """False rollbacks over both feeds, then detection on each."""
    names = [*PEERS, OURS]

    def false(case: Case) -> Callable[[str], str]:
        def cell(name: str) -> str:
            shown = [f"{percent(cells[feed, case.name, name], FAILED):.3g}" for feed in FEEDS]
            asked = [percent(cells[feed, case.name, name], ASKED) for feed in FEEDS]
            text = "/".join(shown)
            return text + (f" (asks {asked[0]:.3g}/{asked[1]:.3g})" if max(asked) else "")

        return cell

    def found(case: Case, feed: str) -> Callable[[str], str]:
        return lambda name: detection(cells[feed, case.name, name], case)

    print_table(
        "Rollbacks of releases that must not be rolled back, % (CW / 15 s)",
        names,
        {case.name: false(case) for case in CASES if not case.bad},
    )
    for feed in FEEDS:
        print_table(
            f"Bad releases, {feed} feed: median/p95 seconds to rollback; users harmed (median)",
            names,
            {case.name: found(case, feed) for case in CASES if case.bad},
        )


def print_conditions(cells: Cells, cases: Sequence[Case]) -> list[str]:
    """What became of every condition, beside the peers; what is not as it must be."""
    names = [name for name in PEERS if any(name == judge for _, _, judge in cells)]
    print("\n**Conditions: rolled back / promoted / asked, %; the peers: rolled back, %**\n")
    print(
        "| condition | " + " | ".join(names) + " | sc-deploy | s to roll back | s to promote | as it must |"
    )
    print("| --- |" + " --- |" * (len(names) + 4))
    wrong = []
    for case in cases:
        feed = case.feeds[0]
        ours = cells[feed, case.name, OURS]
        ended = [percent(ours, outcome) for outcome in (FAILED, PASSED, ASKED)]
        shown = [
            f"{percent(cells[feed, case.name, name], FAILED):.3g}"
            if (feed, case.name, name) in cells
            else "-"
            for name in names
        ]
        seconds = _median(ours, FAILED, case), _median(ours, PASSED, case)
        must, held = case.must, "NO"
        if (
            must.promoted_at_least <= ended[1] <= must.promoted_at_most
            and must.rolled_back_at_least <= ended[0] <= must.rolled_back_at_most
        ):
            held = "yes"
        else:
            wrong.append(f"{case.name}: {ended}")
        figures = "/".join(f"{one:.3g}" for one in ended)
        times = " | ".join("-" if np.isnan(one) else f"{one:.0f}" for one in seconds)
        print(f"| {case.name} | " + " | ".join(shown) + f" | {figures} | {times} | {held} |")
    return wrong


def _median(result: Result, outcome: int, case: Case) -> float:
    begins = case.begins if outcome == FAILED else 0.0
    found = result.seconds[(result.outcome == outcome) & (result.seconds > begins)] - begins
    return float(np.median(found)) if len(found) else float("nan")


def bars(cells: Cells, probing: float, speed: tuple[int, float, float]) -> list[Bar]:
    """The promises of the judge over these cells; `probing` in seconds, `speed` from `speed.measure`."""

    def most(outcome: int, wanted: Callable[[Case], bool]) -> float:
        return max(
            percent(cells[feed, case.name, OURS], outcome) for feed in FEEDS for case in CASES if wanted(case)
        )

    def quiet(case: Case) -> bool:
        return not case.bad and case.shared == (None, 1.0, 1.0)

    alone = most(FAILED, quiet)
    shared = most(FAILED, lambda case: not case.bad and not quiet(case))
    missed = most(PASSED, lambda case: case.bad)
    fast = cells["15 s", "errors 5 %", OURS]
    ours_harmed = float(np.median(fast.harmed))
    calm = [case for case in CASES if quiet(case) and case.rate >= 500 and case.latency == case.accuracy == 1]
    rivals = [
        float(np.median(cells["15 s", "errors 5 %", name].harmed))
        for name in PEERS
        if all(percent(cells["15 s", case.name, name], FAILED) <= 1 for case in calm)
    ]
    share = ours_harmed / min(rivals) if rivals else 0.0
    seconds = float(np.median(fast.seconds))
    slower = float(np.median(cells["15 s", "latency +60 %", OURS].seconds))
    _, milliseconds, megabytes = speed
    unlike = sum(not result.replayed for (_, _, judge), result in cells.items() if judge == OURS)
    return [
        Bar("false rollbacks of good or acceptable releases, <= 0.5 %", alone, alone <= 0.5),
        Bar("rollbacks in a shared incident, <= 1 %", shared, shared <= 1),
        Bar("bad releases promoted, 0 %", missed, missed == 0),
        Bar("errors 5 %, 15 s feed: median seconds to detect, <= 45", seconds, seconds <= 45),
        Bar("latency +60 %, 15 s feed: median seconds to detect, <= 195", slower, slower <= 195),
        Bar("users harmed there, as a share of the best calm peer's, <= 0.5", share, share <= 0.5),
        Bar("cases whose journal, read anew, gives other verdicts, 0", unlike, unlike == 0),
        Bar("key function down: slowest rollback by probes in s, <= 20", probing, probing <= 20),
        Bar("one look after 8 hours at 15 s, 3 tiers x 4 metrics: ms, < 10", milliseconds, milliseconds < 10),
        Bar("memory of the judge then: MB, < 20", megabytes, megabytes < 20),
    ]


def limit_trials() -> list[tuple[str, Case, tuple[int, ...]]]:
    """Where the judge is weak: stress, late defects and the two-step plan, with the ramp of each."""
    by_name = {case.name: case for case in CASES}
    three, five_percent = by_name["shared errors 3 %"], by_name["errors 5 %"]
    slower = by_name["latency +35 %"]
    uneven = by_name["shared, uneven (2 / 2.6 %, +60 / +72 %)"]
    late = [
        replace(by_name[f"accuracy -{drop} %"], name=f"accuracy -{drop} % from minute 16", begins=960.0)
        for drop in (12, 25)
    ]
    two = (10, 95)
    return [
        ("fleets differ by 5 % in latency", replace(by_name["latency +15 %"], fleet_noise=0.05), RAMP),
        ("incident varies by 25 % per fleet and minute", replace(three, unsteady=0.25), RAMP),
        ("incident varies by 25 % per fleet and minute", replace(uneven, unsteady=0.25), RAMP),
        ("incident varies by 50 % per fleet and minute", replace(three, unsteady=0.5), RAMP),
        *[("begins late", case, RAMP) for case in late],
        ("begins late", replace(five_percent, name="errors 5 % from minute 19", begins=1_140.0), RAMP),
        ("between acceptable and limit", replace(five_percent, name="errors 0.7 %", errors=0.007), RAMP),
        ("between acceptable and limit", replace(slower, name="latency +25 %", latency=1.25), RAMP),
        *[
            ("plan 10/95", by_name[name], two)
            for name in (
                "good",
                "accuracy -5 %",
                "latency +35 %",
                "accuracy -12 %",
                "errors 5 % from minute 8",
            )
        ],
    ]


def limit_jobs(runs: int, seed: int) -> list[Job]:
    """Each trial on both feeds."""
    return [
        Job(case, feed, runs, seed, peers=False, ramp=ramp)
        for _, case, ramp in limit_trials()
        for feed in FEEDS
    ]


def print_limits(found: Sequence[Result]) -> None:
    """What became of the trials, in the order of `limit_jobs`."""
    print("\n**Stress and weak places (CW / 15 s, %)**\n")
    print("| condition | case | rolled back | promoted | asked |\n| --- | --- | --- | --- | --- |")
    for index, (words, case, _) in enumerate(limit_trials()):
        results = found[2 * index : 2 * index + 2]
        cells = [
            "/".join(f"{percent(result, outcome):.3g}" for result in results)
            for outcome in (FAILED, PASSED, ASKED)
        ]
        print(f"| {words} | {case.name} | " + " | ".join(cells) + " |")


def main() -> int:
    """Simulate, print, plot; 1 if a bar does not hold."""
    parser = argparse.ArgumentParser(description="Compare judges on the same simulated deployments.")
    parser.add_argument("--runs", type=int, default=200, help="deployments per case and feed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="write the figure to this PNG file")
    parser.add_argument("--only", default="", help="only the conditions whose name contains this")
    options = parser.parse_args()
    print(f"{options.runs} runs a cell, seed {options.seed}")
    conditions = [case for case in CONDITIONS if options.only in case.name]
    runs, seed = options.runs, options.seed
    jobs = jobs_for(conditions, runs, seed)
    with processes() as pool:
        if options.only:
            return 1 if print_conditions(simulate(jobs, pool), conditions) else 0
        speed = pool.submit(measure, 15.0)
        limits = pool.map(done, limit_jobs(runs, seed))
        cells = simulate([*jobs, *jobs_for(CASES, runs, seed)], pool)
        wrong = print_conditions(cells, conditions)
        print_tables(cells)
        print_limits([next(iter(some.values())) for some in limits])
        probing = max(seconds_to_find(seed + count) for count in range(50))
        results = bars(cells, probing, speed.result())
    print("\n**Bars**\n\n| bar | worst figure | holds |\n| --- | --- | --- |")
    for bar in results:
        print(f"| {bar.words} | {bar.figure:.2f} | {'yes' if bar.holds else 'NO'} |")
    if options.plot:
        draw(cells, [*PEERS, OURS], options.plot)
        print(f"\nfigure: {options.plot}")
    return 0 if all(bar.holds for bar in results) and not wrong else 1


if __name__ == "__main__":
    raise SystemExit(main())
