"""The app tier asks the AI tier by the rules of the front door: its questions follow the weights of users."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import httpx
from conftest import Plane
from fake_control import forward, group, rule

from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.neighbour import Neighbour
from bluegreen.lab.app.server import serving

VERSIONS = ("v1.0.0", "v1.1.0")
APP, AI = ({version: f"arn:{tier}-{version}" for version in VERSIONS} for tier in ("app", "ai"))


def weigh(plane: Plane, ports: dict[str, int], app: int, ai: int) -> None:
    """The releases' weights: green's shares in percent, both rules in one snapshot."""
    groups = {arn: group([(arn, 80, port)]) for arn, port in ports.items()}
    plane.put(
        [
            rule(
                forward(dict(zip(arns.values(), (100 - share, share), strict=True))),
                path=path,
                arn=path,
                priority=n,
            )
            for n, (arns, share, path) in enumerate(((APP, app, "/api/*"), (AI, ai, "/ai/*")), start=1)
        ],
        groups,
    )
    plane.until(lambda: plane.states() == dict.fromkeys(groups, "healthy"))


def answers(plane: Plane, times: int) -> Counter[tuple[str, str]]:
    """The releases of app and AI tier that answered users."""
    found: Counter[tuple[str, str]] = Counter()
    with httpx.Client(timeout=60) as client:
        for _ in range(times):
            answer = client.get(f"http://127.0.0.1:{plane.envoy.port}/api/advice?input=run")
            assert answer.status_code == 200, answer.text
            found[answer.headers["x-sc-version"], answer.json()["ai"]] += 1
    return found


def test_questions_from_app_to_ai_follow_the_weights_of_users(plane: Plane) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            ports = {}
            url = f"http://127.0.0.1:{plane.envoy.port}"
            for version in VERSIONS:
                for tier, arn, advisor in (("app", APP[version], Neighbour(url)), ("ai", AI[version], None)):
                    release = Release(tier=tier, version=version, instance=arn, health_path="/healthz")
                    _, ports[arn] = await stack.enter_async_context(serving(release, advisor=advisor))
            off = asyncio.to_thread
            await off(weigh, plane, ports, 0, 0)
            assert await off(answers, plane, 10) == {("v1.0.0", "v1.0.0"): 10}
            await off(weigh, plane, ports, 50, 50)
            assert set(await off(answers, plane, 100)) == {(a, b) for a in VERSIONS for b in VERSIONS}
            await off(weigh, plane, ports, 0, 100)
            assert await off(answers, plane, 10) == {("v1.0.0", "v1.1.0"): 10}

    asyncio.run(run())
