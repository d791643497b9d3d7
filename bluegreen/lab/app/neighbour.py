"""How an instance asks another tier: at INTERNAL_URL, by the path that users take."""

from __future__ import annotations

import httpx

from bluegreen.lab.app.routes import Answer

_SECONDS = 10.0


class Neighbour:
    """The AI tier, asked by the app tier over connections that are kept."""

    def __init__(self, internal_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=internal_url, timeout=_SECONDS, trust_env=False)

    async def advice(self, question: str) -> Answer:
        """What the AI tier says of `question`, and which release of it; 502 where it does not."""
        try:
            answer = await self._client.get("/ai/classify", params={"input": question})
        except httpx.HTTPError as error:
            return 502, {"error": f"the ai tier: {type(error).__name__}"}
        if answer.status_code != httpx.codes.OK:
            return 502, {"error": f"the ai tier: HTTP {answer.status_code}"}
        return 200, {"advice": answer.json()["label"], "ai": answer.headers.get("x-sc-version", "")}
