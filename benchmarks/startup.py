"""How long `sc-deploy --version` and `--help` take, against `python -c pass`.

    .venv/bin/python benchmarks/startup.py [--runs N]

Prints the median of N runs each and the ratio to a bare interpreter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

CASES = {
    "python -c pass": ("-c", "pass"),
    "sc-deploy --version": (
        "-c",
        "import sys; sys.argv = ['sc-deploy', '--version']; import cli; cli.main()",
    ),
    "sc-deploy --help": ("-c", "import sys; sys.argv = ['sc-deploy', '--help']; import cli; cli.main()"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    # In turns, so that a neighbour's load hits all of them alike; the first round warms the caches.
    rounds = [{name: seconds(case) for name, case in CASES.items()} for _ in range(runs + 1)][1:]
    medians = {name: statistics.median(one[name] for one in rounds) for name in CASES}
    bare = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:<20} {1000 * median:7.1f} ms   {median / bare:5.2f} x")


if __name__ == "__main__":
    main()
