"""SSM parameters: contracts and pointers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bluegreen.adapters.aws.failures import Tolerated
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.threads import parallel

_NAMES_PER_CALL = 10
"""GetParameters takes at most 10 names."""


class Parameters:
    """Values by name. Contracts and pointers are not secret; SecureStrings are not decrypted."""

    def __init__(self, session: Session) -> None:
        self._service = partial(session.service, "ssm")

    def get(self, name: str) -> str | None:
        """The value, or None where there is no such parameter."""
        with Tolerated("ParameterNotFound"):
            answer = self._service().call("get_parameter", about=name, Name=name)
            value: str = answer["Parameter"]["Value"]
            return value
        return None

    def put(self, name: str, value: str) -> None:
        """Set the value, creating the parameter where it is missing."""
        self._service().call(
            "put_parameter", about=name, Name=name, Value=value, Type="String", Overwrite=True
        )

    def names_below(self, path: str) -> tuple[str, ...]:
        """Names of all parameters below `path`."""
        pages = self._service().pages
        found = pages("get_parameters_by_path", "Parameters", about=path, Path=path, Recursive=True)
        return tuple(sorted(one["Name"] for one in found))

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` that do not exist; values are neither decrypted nor kept."""
        batches = [names[start : start + _NAMES_PER_CALL] for start in range(0, len(names), _NAMES_PER_CALL)]

        def absent(batch: Sequence[str]) -> list[str]:
            answer = self._service().call("get_parameters", Names=list(batch))
            there = {one["Name"] for one in answer["Parameters"]}
            return [name for name in batch if name not in there]

        answers = parallel([partial(absent, batch) for batch in batches])
        return tuple(name for answer in answers for name in answer)
