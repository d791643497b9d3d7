"""The app tier asks the AI tier 50 times a second while both are released: every question is answered.

Starts a lab of its own and releases v1.0.0. Users ask the app tier for advice; for each of them it asks the
AI tier at INTERNAL_URL, which is the same load balancer with the same weights (docs/decisions/0011). Then
v1.1.0 is promoted to all tiers, rolled back, and promoted again. Prints what was asked and answered, by the
releases of both tiers; ends with 1 where a question failed or a release of the AI tier was never asked.

    python -m benchmarks.tier_to_tier [--rate 50]
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import Counter
from typing import Self

import httpx

from benchmarks.own_lab import own_lab
from bluegreen.errors import ExitCode
from bluegreen.lab.load.child import LoadProcess
from tools.commands import Done, sc_deploy

PATH = "/api/advice?input=run"
MOST_SECONDS = 900.0
_PAUSE = 0.05


class Witness:
    """A user who asks now and then, and notes which releases have answered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.pairs: Counter[tuple[str, str]] = Counter()
        """Answers by the releases of app and AI tier."""
        self.failed: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30.0, trust_env=False) as client:
            while not self._over.wait(_PAUSE):
                try:
                    answer = client.get(PATH)
                except httpx.HTTPError as error:
                    self.failed[type(error).__name__] += 1
                    continue
                if answer.status_code == httpx.codes.OK:
                    self.pairs[answer.headers["x-sc-version"], answer.json()["ai"]] += 1
                else:
                    self.failed[f"HTTP {answer.status_code}"] += 1


def ended(done: Done) -> None:
    print(f"  {' '.join(done.words[:2]):20} exit {done.code}  {done.ended - done.began:6.1f} s", flush=True)
    if done.code:
        raise SystemExit(f"`sc-deploy {' '.join(done.words)}` ended with {done.code}:\n{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=50.0, help="questions per second from app to AI")
    given = parser.parse_args()
    with own_lab("tier-to-tier") as info:
        ended(sc_deploy(info, "promote", "v1.0.0", "--yes"))
        load = LoadProcess(
            info.front_url,
            info.state_dir,
            rate=2 * given.rate,
            connections=50,
            seconds=MOST_SECONDS,
            traffic=(f"{PATH}=1", "/=1"),
        )
        with load, Witness(info.front_url) as seen:
            for words in (("promote", "v1.1.0"), ("rollback",), ("promote", "v1.1.0")):
                ended(sc_deploy(info, *words, "--yes"))
            _, report = load.figures()
    asked = report["paths"].get(PATH, 0)
    print(f"{report['failed']} of {report['requests']:,} requests failed {report['failed_by_cause'] or ''}")
    print(f"{asked:,} asked the AI tier, {asked / report['seconds']:.1f} a second")
    for (app, ai), count in sorted(seen.pairs.items()):
        print(f"  app {app} asked ai {ai}: {count:,} of a witness's questions")
    good = (
        not report["failed"]
        and not seen.failed
        and asked >= 0.95 * given.rate * report["seconds"]
        and {ai for _, ai in seen.pairs} == {"v1.0.0", "v1.1.0"}
    )
    print("ok" if good else f"NO {dict(seen.failed) or ''}")
    sys.exit(int(ExitCode.RELEASED if good else ExitCode.BUG))


if __name__ == "__main__":
    main()
