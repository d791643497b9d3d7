"""What stands behind the emulated DB instances: nothing in tests, real servers in the lab."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The master user of a new instance, and the database that is made with it."""

    user: str
    password: str
    database: str
    """Empty: no database but `postgres`."""


class Servers(Protocol):
    """Carries out what RDS was asked for.

    Every method returns at once; its future ends when the work is done, with an exception whose words
    say why it failed. What is asked for later is done later.
    """

    def create(self, name: str, login: Login) -> Future[None]:
        """Start an empty server for the instance `name`."""

    def restore(self, name: str, snapshot: str) -> Future[None]:
        """Start a server for the instance `name` from a copy of `snapshot`."""

    def replicate(self, name: str, source: str) -> Future[None]:
        """Start a server for the instance `name` that follows the one of `source`, read-only."""

    def promote(self, name: str) -> Future[None]:
        """Let a replica follow nobody any more, and take writes."""

    def rename(self, name: str, to: str) -> Future[None]:
        """Let the server of `name` answer at the endpoint of `to`."""

    def remove(self, name: str) -> Future[None]:
        """Stop the server of `name` and delete its data."""

    def copy(self, snapshot: str, source: str) -> Future[None]:
        """Copy the data of the instance `source` as they are at one moment, while it serves."""

    def discard(self, snapshot: str) -> Future[None]:
        """Delete a copy."""

    def endpoint(self, name: str) -> tuple[str, int] | None:
        """Where the instance `name` listens; None: nowhere, nothing real stands behind it."""

    def process(self, name: str) -> tuple[int | None, str]:
        """The id of the server's process (None: it does not run), and why it could not be restarted."""

    def stop(self, name: str) -> Future[None]:
        """Let the server of `name` be down until `start`."""

    def start(self, name: str) -> Future[None]:
        """Let the server of `name` serve again."""

    def tick(self) -> None:
        """Restart what died, as RDS does."""

    def close(self) -> None:
        """Stop every server and remove all data."""


class NoServers:
    """Every request is carried out at once, and there is nothing."""

    def create(self, name: str, login: Login) -> Future[None]:  # noqa: ARG002  # as all below: nothing to do
        return _done()

    def restore(self, name: str, snapshot: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def replicate(self, name: str, source: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def promote(self, name: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def rename(self, name: str, to: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def remove(self, name: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def copy(self, snapshot: str, source: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def discard(self, snapshot: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def endpoint(self, name: str) -> tuple[str, int] | None:  # noqa: ARG002
        return None

    def process(self, name: str) -> tuple[int | None, str]:  # noqa: ARG002
        return None, ""

    def stop(self, name: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def start(self, name: str) -> Future[None]:  # noqa: ARG002
        return _done()

    def tick(self) -> None:
        """Nothing dies."""

    def close(self) -> None:
        """Nothing stays."""


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
